//===- RefTensor.h - A dense tensor of the interpreter ----------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values are held wide (f64, i64) whatever the element type says; bytes of the
// element type exist only at the border: reading inputs, writing outputs.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <vector>

namespace attnc::attn {

/// A dense row-major tensor of the reference: floats as f64, integers and i1 as
/// int64. Integers are sign-extended from their width, i1 is 0 or 1. Exactly
/// one of the two vectors is used.
struct RefTensor {
  mlir::Type elementType;
  llvm::SmallVector<int64_t> shape;
  std::vector<double> floats;
  std::vector<int64_t> ints;

  RefTensor() = default;
  /// All elements are zero. Extents are not negative and their product fits in
  /// memory (see `sizeOf`).
  RefTensor(mlir::Type elementType, llvm::ArrayRef<int64_t> shape);

  bool isFloat() const { return llvm::isa<mlir::FloatType>(elementType); }
  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  /// Number of elements; 1 for rank 0.
  int64_t size() const { return isFloat() ? floats.size() : ints.size(); }
  /// Row-major strides in elements.
  llvm::SmallVector<int64_t> strides() const;
  mlir::RankedTensorType type() const { return mlir::RankedTensorType::get(shape, elementType); }

  /// The 8-byte elements, of whichever vector is in use.
  const void *data() const { return isFloat() ? static_cast<const void *>(floats.data()) : ints.data(); }
  void *data() { return isFloat() ? static_cast<void *>(floats.data()) : ints.data(); }
};

/// The number of elements of `shape`, or nothing when an extent is negative or
/// the product exceeds 2^40.
std::optional<int64_t> sizeOf(llvm::ArrayRef<int64_t> shape);

/// Bytes of one element as stored in files and buffers: i1 takes one byte,
/// index eight. Nothing for types that are not float (of whole bytes), integer
/// up to 64 bits, or index.
std::optional<int64_t> elementBytes(mlir::Type elementType);

/// Reads little-endian row-major bytes. Fails (without diagnostic) when the
/// type is unsupported or the length differs.
mlir::FailureOr<RefTensor> fromBytes(mlir::Type elementType, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<char> bytes);

/// Rounds to the element type (to nearest even; integers wrap) and returns
/// row-major bytes of a supported type.
std::vector<char> toBytes(const RefTensor &tensor);

/// The value of a constant: dense, splat or resource. Fails (without
/// diagnostic) on other attributes.
mlir::FailureOr<RefTensor> fromAttribute(mlir::ElementsAttr attribute);

/// `value` rounded to `type`, to nearest even, as f64.
double roundTo(mlir::FloatType type, double value);

/// How far `got` is from `reference`.
struct Comparison {
  bool sameShape = true;
  /// Places where one is NaN or infinite and the other is not the same; for
  /// integers, places that differ.
  int64_t mismatches = 0;
  /// Row-major index of the first mismatch, else of the largest error; -1 for
  /// empty tensors.
  int64_t worst = -1;
  /// max|got - reference|, over places where both are finite.
  double maxAbsolute = 0;
  /// maxAbsolute / max(1, max|reference|).
  double maxRelative = 0;
  /// The largest |got - reference| in units in the last place of got's element
  /// type, at the reference's value or its root mean square, whichever is larger.
  double maxUlps = 0;

  bool within(double relativeLimit) const { return sameShape && mismatches == 0 && maxRelative <= relativeLimit; }
};

/// Compares place by place. The reference is classed as infinite when it rounds
/// to infinity in got's element type.
Comparison compare(const RefTensor &got, const RefTensor &reference);

/// One line for people: "max relative error 1.2e-07 (3.1 ulps) at [0, 2]" or
/// what does not match and where.
std::string describe(const Comparison &comparison, const RefTensor &got, const RefTensor &reference);

/// Prints the type and the nested elements: `tensor<2x2xf32> [[1, 2], [3,
/// nan]]`, with six significant digits.
void print(llvm::raw_ostream &os, const RefTensor &tensor);

} // namespace attnc::attn
