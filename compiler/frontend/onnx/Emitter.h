//===- Emitter.h - Tensors with symbolic shapes and their IR ----*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A Tensor is what one ONNX name stands for. It is known (a constant, or integers that are expressions over the input
// extents), or a value of the function, or both. The Emitter's operations take Tensors and give Tensors: on known ones
// they compute, on others they emit linalg and tensor ops. A known tensor becomes IR only where an op needs it, so
// shape arithmetic leaves nothing behind.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "compiler/frontend/onnx/Symbolic.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringSet.h"
#include <deque>

namespace attnc::onnx {

struct Tensor;

/// What a DequantizeLinear made a tensor of: (values - zero) * scale. Scale (a float32) and zero point (of the type of
/// the values, or null) are one number, or one for each index of `axis`.
struct Quantized {
  Tensor *values, *scale, *zero;
  int64_t axis;
};

struct Tensor {
  mlir::Type elementType; ///< ui8 and the like where ONNX has no sign; `constant` and `value` are of its stored type
  SymList shape;
  mlir::DenseElementsAttr constant; ///< or null
  std::optional<SymList> elements;  ///< row-major, for small integer and bool tensors
  mlir::Value value;                ///< null until emitted
  std::optional<Quantized> origin = {};

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  bool isFloat() const { return llvm::isa<mlir::FloatType>(elementType); }
  bool isBool() const { return elementType.isInteger(1); }
  bool isUnsigned() const { return elementType.isUnsignedInteger(); }
  bool isKnown() const { return constant || elements; }
};

class Emitter {
public:
  /// The payload of an elementwise op: one scalar per operand.
  using Body = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;
  using SymbolValue = std::function<mlir::Value(llvm::StringRef)>;

  Emitter(mlir::OpBuilder &builder, Extents &symbols) : builder(builder), symbols(symbols) {}

  mlir::OpBuilder &builder;
  Extents &symbols;
  mlir::Location loc = mlir::UnknownLoc::get(builder.getContext());
  SymbolValue symbolValue; ///< the run-time extent of a symbol, as index

  //===- Making tensors ---------------------------------------------------===//
  /// Of `elementType`, null: as `value` says. So in the two below.
  Tensor *constant(mlir::DenseElementsAttr value, mlir::Type elementType = {});
  /// What the file calls `name`; null if it has a type that is not handled.
  Tensor *constant(const Constant &constant, llvm::StringRef name);
  Tensor *symbolic(mlir::Type elementType, SymList shape, SymList elements);
  Tensor *computed(mlir::Value value, SymList shape, mlir::Type elementType = {});
  /// All elements equal to `scalar`; needs no memory at compile time.
  Tensor *splat(mlir::TypedAttr scalar, SymList shape, mlir::Type elementType = {});

  //===- Looking into tensors ---------------------------------------------===//
  mlir::Value value(Tensor *tensor);
  /// Integer elements as expressions, when they are known and few.
  std::optional<SymList> elements(const Tensor *tensor) const;
  /// Float elements, when they are constant and few.
  std::optional<std::vector<double>> floats(const Tensor *tensor) const;
  std::optional<double> floatScalar(const Tensor *tensor) const;
  /// The number of elements when it is fixed and at most `limit`.
  std::optional<int64_t> fixedCount(llvm::ArrayRef<Sym> shape, int64_t limit) const;
  mlir::RankedTensorType typeOf(mlir::Type elementType, llvm::ArrayRef<Sym> shape) const;
  mlir::Value index(const Sym &sym) { return symbols.emit(sym, builder, loc, symbolValue); }
  mlir::OpFoldResult size(const Sym &sym);
  llvm::SmallVector<mlir::OpFoldResult> sizes(llvm::ArrayRef<Sym> shape);
  mlir::Value empty(mlir::Type elementType, llvm::ArrayRef<Sym> shape);
  mlir::Value filled(mlir::TypedAttr scalar, llvm::ArrayRef<Sym> shape);
  mlir::TypedAttr zero(mlir::Type type) { return builder.getZeroAttr(storedType(type)); }
  /// `number` as an attribute of `type`, rounded.
  mlir::TypedAttr scalar(mlir::Type type, double number);

  //===- Computing --------------------------------------------------------===//
  /// result[i...] = body(operands[i... aligned at the right, extent 1 repeated]). Splat constants become scalars.
  Tensor *elementwise(llvm::ArrayRef<Tensor *> operands, mlir::Type resultType, const SymList &shape, Body body);
  /// A generic over `loops` dims. `maps` are those of the operands; the result is indexed by `resultMap`.
  Tensor *generic(llvm::ArrayRef<Tensor *> operands, llvm::ArrayRef<mlir::AffineMap> maps, mlir::AffineMap resultMap,
                  mlir::Type resultType, const SymList &shape, Body body);
  /// Folds `tensor` over `dims` (sorted), which disappear: acc = combine(acc, element), starting from `init`, whose
  /// type is the accumulator's.
  Tensor *reduce(Tensor *tensor, llvm::ArrayRef<int64_t> dims, mlir::TypedAttr init, Body combine);
  /// result = sum over the dims that only the operands have, of lhs * rhs. f16 and bf16 accumulate in f32, integers
  /// in `sums` (null: their own type).
  Tensor *contract(Tensor *lhs, Tensor *rhs, mlir::AffineMap lhsMap, mlir::AffineMap rhsMap, mlir::AffineMap resultMap,
                   const SymList &shape, mlir::Type sums = {});
  Tensor *cast(Tensor *tensor, mlir::Type type);

  //===- Moving -----------------------------------------------------------===//
  /// Null when the two shapes cannot be shown to hold equally many elements.
  Tensor *reshape(Tensor *tensor, const SymList &shape);
  Tensor *transpose(Tensor *tensor, llvm::ArrayRef<int64_t> permutation);
  /// Repeats extent-1 and missing dims. The caller has checked that `shape` fits.
  Tensor *broadcast(Tensor *tensor, const SymList &shape);
  /// offsets and sizes per dim; strides are constants, and negative where a dim is read backwards.
  Tensor *slice(Tensor *tensor, const SymList &offsets, const SymList &sizes, llvm::ArrayRef<int64_t> strides);
  Tensor *concat(llvm::ArrayRef<Tensor *> parts, int64_t axis, const SymList &shape);
  /// `whole`, of `shape`, but for `tensor` from `offsets` on, in `steps`.
  Tensor *embed(Tensor *tensor, mlir::Value whole, const SymList &shape, const SymList &offsets,
                llvm::ArrayRef<int64_t> steps);

private:
  Tensor *sliceBackwards(Tensor *tensor, const SymList &offsets, const SymList &sizes, llvm::ArrayRef<int64_t> strides);
  using IndexMap = llvm::function_ref<int64_t(llvm::ArrayRef<int64_t>)>;
  /// If `tensor` is known: the tensor of fixed `shape` whose element at `index` is the one at linear position
  /// `source(index)`. Null otherwise.
  Tensor *rearrange(Tensor *tensor, const SymList &shape, IndexMap source);
  Tensor *add(Tensor tensor) { return &tensors.emplace_back(std::move(tensor)); }

  Tensor *weight(const WeightPlace &place, mlir::Type elementType, llvm::StringRef name);

  std::deque<Tensor> tensors;
  llvm::StringSet<> weightNames;
  /// How many elements of constants may still be moved at import: a small file can ask for any number of copies.
  int64_t toRearrange = int64_t(1) << 28;
};

} // namespace attnc::onnx
