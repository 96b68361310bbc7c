//===- CheckKeys.h - No key that changes attention is ignored ---*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/huggingface/Architecture.h"
#include "compiler/frontend/huggingface/Config.h"

namespace attnc::hf {

/// Every key of `config` is one that the architecture reads, one that is known not to change what attention computes
/// from q, k and v, or one that does not speak of attention. Errors at all others.
mlir::LogicalResult checkKeys(const Architecture &architecture, const Config &config);

/// A JSON value, without the quotes if it is a string.
std::string plain(simdjson::dom::element value);

} // namespace attnc::hf
