//===- Config.h - The config.json of a model --------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/support/Json.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "mlir/Support/LLVM.h"

namespace attnc::hf {

/// The keys of a config.json, and where they stand.
class Config {
public:
  /// Emits an error if the file cannot be read or is no JSON object.
  static mlir::FailureOr<Config> read(llvm::StringRef path, mlir::MLIRContext *context);

  /// The value of `key` at the top level; nothing if it is missing.
  std::optional<simdjson::dom::element> find(llvm::StringRef key) const;

  /// All keys at the top level and their values.
  simdjson::dom::object all() const { return keys; }

  /// Starts an error at `key`, or at the file where the key is missing.
  mlir::InFlightDiagnostic error(llvm::StringRef key) const { return mlir::emitError(locationOf(key)); }
  mlir::Location locationOf(llvm::StringRef key) const;
  mlir::Location location() const { return locationAt(0, 0); }

private:
  mlir::Location locationAt(unsigned line, unsigned column) const;

  std::string path, text;
  mlir::MLIRContext *context = nullptr;
  JsonDocument document;
  simdjson::dom::object keys;
};

/// A JSON value as a message shows it.
std::string spell(simdjson::dom::element value);

} // namespace attnc::hf
