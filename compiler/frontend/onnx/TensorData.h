//===- TensorData.h - The numbers of a TensorProto --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <vector>

namespace attnc::onnx {

/// A TensorProto as it stands in the file. One of `raw` and the typed lists holds the numbers; which, depends on
/// dataType.
struct TensorSource {
  std::vector<int64_t> dims;
  int32_t dataType = 0;
  std::optional<llvm::ArrayRef<char>> raw; ///< little-endian, no padding; bool is one byte
  llvm::ArrayRef<float> floats;
  llvm::ArrayRef<int32_t> int32s; ///< also (u)int8, (u)int16, bool, and the bits of float16 and bfloat16
  llvm::ArrayRef<int64_t> int64s;
  llvm::ArrayRef<uint64_t> uint64s; ///< also uint32
  llvm::ArrayRef<double> doubles;
};

/// Bytes of the tensor in raw form, or an error when the dims are negative, too many, or their product overflows.
llvm::Expected<uint64_t> byteSize(const TensorSource &source, mlir::MLIRContext *context);

/// The tensor as an attribute of its stored type. Memory is allocated only after the bytes that are there were found to be enough.
llvm::Expected<mlir::DenseElementsAttr> readTensorData(const TensorSource &source, mlir::MLIRContext *context);

} // namespace attnc::onnx
