//===- Skeleton.h - An ONNX file without its large tensors ------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Protobuf copies what it parses; of most models that is hundreds of megabytes of weights, which lie in a mapped file
// already. So they are taken out of the message first, and it says where they lie instead:
//
//   initializer { dims: 768 dims: 768 data_type: 1 raw_data: "..." }
//   initializer { dims: 768 dims: 768 data_type: 1 external_data { key: "<own>" value: "4096 2359296" } }
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace attnc::onnx {

/// Raw data from this size on may become a weight (dialects/Weights); below it is a constant.
inline constexpr uint64_t kMinWeightBytes = 1 << 10;

/// The key of external data that lies in the model file itself.
inline constexpr llvm::StringLiteral kOwnData = "<own>";

/// A ModelProto with the raw data of its large tensors replaced by where they lie in `file`: those of initializers and
/// of constants in nodes. Nothing if `file` is no sequence of protobuf fields.
std::optional<std::string> skeletonOf(llvm::StringRef file);

} // namespace attnc::onnx
