//===- InterpreterImpl.h - How the interpreter runs ops ---------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function is compiled once into programs: flat lists of steps (closures)
// over a frame of numbered slots. A region that runs for every element (the
// body of a `linalg.generic`, a score) is a program of its own over the same
// frame, so it sees the values around it and running it allocates nothing:
//
//   %0 = arith.mulf %a, %b      ->   [](Frame &f) { f.real(2) = f.real(0) * f.real(1); return true; }
//
// Each Interpret*.cpp knows one family of ops and offers one `compileX`.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Attn/Decisions.h"
#include "dialects/Attn/RefTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>
#include <functional>
#include <map>
#include <memory>

namespace attnc::attn::interpreter {

/// A float, or an integer in canonical form: sign-extended from its width, i1
/// as 0 or 1.
union Scalar {
  int64_t integer = 0;
  double real;
};

inline Scalar load(const RefTensor &tensor, int64_t place) {
  Scalar scalar;
  std::memcpy(&scalar, static_cast<const char *>(tensor.data()) + place * sizeof(Scalar), sizeof(Scalar));
  return scalar;
}
inline void store(RefTensor &tensor, int64_t place, Scalar scalar) {
  std::memcpy(static_cast<char *>(tensor.data()) + place * sizeof(Scalar), &scalar, sizeof(Scalar));
}

/// Tensors are shared and never change once they are in a frame.
using TensorPtr = std::shared_ptr<const RefTensor>;

/// Names a place in one of the two vectors of a frame; the type of the value
/// says which.
using Slot = unsigned;

/// Bounds of the results of the attention ops met so far.
struct BoundsOfValues {
  bool bf16Dots = false;
  llvm::DenseMap<mlir::Value, RefTensor> known, estimated;
  int64_t pairs = 0, allowedPairs = 0; // of masks
};

struct Frame {
  std::vector<Scalar> scalars;
  std::vector<TensorPtr> tensors;
  BoundsOfValues *bounds = nullptr; ///< null: not wanted
  /// Sees every tensor; null: nobody does.
  const std::function<void(mlir::Value, RefTensor &)> *visit = nullptr;
  uint64_t disturbed = 0;     ///< results of arithmetic that were changed so far
  bool roundsTensors = false; ///< every tensor's elements are rounded to its type

  double &real(Slot slot) { return scalars[slot].real; }
  int64_t &integer(Slot slot) { return scalars[slot].integer; }
  const RefTensor &tensor(Slot slot) const { return *tensors[slot]; }
};

/// Does one op's work; false when it failed, after emitting a diagnostic.
using Step = std::function<bool(Frame &)>;

/// `value` off by `relative`, to one side or the other, as if by chance.
inline double disturb(Frame &frame, double value, double relative) {
  uint64_t z = (++frame.disturbed) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return value * (z >> 63 ? 1 + relative : 1 - relative);
}

struct Program {
  std::vector<Step> steps;
  /// What the block's terminator yields.
  llvm::SmallVector<Slot> results;

  bool run(Frame &frame) const {
    for (const Step &step : steps)
      if (!step(frame))
        return false;
    return true;
  }
};

inline bool isTensor(mlir::Type type) { return llvm::isa<mlir::ShapedType>(type); }
inline bool isReal(mlir::Type type) { return llvm::isa<mlir::FloatType>(type); }

/// Bits of an integer; index counts as 64.
inline unsigned widthOf(mlir::Type type) {
  return llvm::isa<mlir::IndexType>(type) ? 64 : type.getIntOrFloatBitWidth();
}
/// The canonical form of the low `width` bits.
inline int64_t canonical(uint64_t bits, unsigned width) {
  return width == 1 ? static_cast<int64_t>(bits & 1) : llvm::SignExtend64(bits, width);
}

/// An attribute or a value that says an extent, an offset or a stride.
struct Size {
  bool isConstant;
  int64_t constant;
  Slot slot;
  int64_t get(Frame &frame) const { return isConstant ? constant : frame.integer(slot); }
};

/// A copy between two slots. Several together are one parallel assignment.
struct Move {
  Slot from, to;
  bool isTensor;
};
void apply(llvm::ArrayRef<Move> moves, Frame &frame);

class Session;

/// Turns the ops of one function into programs over one frame.
class Compiler {
public:
  Compiler(Session &session, mlir::func::FuncOp function) : deciding(findDecidingFloats(function)), session(session) {}

  /// The slot of `value`, made at first sight.
  Slot slot(mlir::Value value);
  llvm::SmallVector<Slot> slots(mlir::ValueRange values);
  /// A slot that is no value's.
  Slot scratch(bool tensor = false);
  /// `value` is another name of what `slot` holds.
  void alias(mlir::Value value, Slot slot) { known[value] = slot; }
  Size size(mlir::OpFoldResult size);
  llvm::SmallVector<Size> sizes(llvm::ArrayRef<mlir::OpFoldResult> sizes);
  llvm::SmallVector<Move> moves(mlir::ValueRange from, mlir::ValueRange to);
  llvm::SmallVector<Move> moves(llvm::ArrayRef<Slot> from, mlir::ValueRange to);

  /// Appends a step to the program under construction.
  void push(Step step) { steps.push_back(std::move(step)); }
  /// The program of `block`. Its arguments are slots that the caller fills
  /// before each run.
  Program compile(mlir::Block &block);
  /// Reports `op` and lets compilation continue, so that all unknown ops are
  /// reported at once.
  void fail(mlir::Operation *op, const llvm::Twine &message);
  bool hasFailed() const { return failed; }

  /// The indices of the loop nest under construction, for `linalg.index`.
  llvm::SmallVector<Slot> loopIndices;
  /// The row that `attn.feature` reads: a tensor of rank 1, set while a query or key region is compiled.
  Slot row = 0;
  /// The floats that are rounded to their type where they are made.
  const llvm::DenseSet<mlir::Value> deciding;
  /// The frame to start from: constants are in it already.
  Frame initial;
  Session &session;

private:
  void compileOp(mlir::Operation *op);

  llvm::DenseMap<mlir::Value, Slot> known;
  std::vector<Step> steps;
  bool failed = false;
};

// Each returns whether the op belongs to its family; problems are reported
// through `Compiler::fail`.
bool compileScalars(Compiler &compiler,
                    mlir::Operation *op); // arith, math, affine.apply
bool compileControl(Compiler &compiler,
                    mlir::Operation *op);                       // scf, func.call, cf.assert
bool compileTensors(Compiler &compiler, mlir::Operation *op);   // tensor
bool compileLinalg(Compiler &compiler, mlir::Operation *op);    // linalg
bool compileAttention(Compiler &compiler, mlir::Operation *op); // attn

/// Makes `tensor` the value of `result`. Fails where its shape contradicts the
/// declared type.
bool define(Frame &frame, mlir::Value result, Slot slot, RefTensor tensor);

/// A zero tensor of these extents, or nothing, after a diagnostic, when an
/// extent is negative or far too large.
std::optional<RefTensor> allocate(mlir::Operation *op, mlir::Type elementType, llvm::ArrayRef<int64_t> shape);

/// A compiled function.
struct Function {
  Program body;
  Frame initial;
};

/// One run of `interpret`: the functions compiled so far, and how deep calls
/// are nested.
class Session {
public:
  double disturbance = 0; ///< how far off each sum, product and function is made, relatively

  /// Compiles at first call; null after a diagnostic.
  const Function *get(mlir::func::FuncOp function);
  /// Runs `function` on a fresh frame whose first slots, in the order of the
  /// arguments, `enter` fills; `leave` reads the results.
  bool call(mlir::func::FuncOp function, mlir::Operation *caller, llvm::function_ref<void(Frame &)> enter,
            llvm::function_ref<void(Frame &, llvm::ArrayRef<Slot>)> leave);

private:
  std::map<mlir::Operation *, std::unique_ptr<Function>> functions;
  int depth = 0;
};

/// A tensor walked by a loop nest: the offset moves by `strides[d]` elements
/// when loop d advances.
struct Cursor {
  llvm::SmallVector<int64_t> strides;
  int64_t offset = 0;
};

/// Calls `body(indices)` for every point of the nest in row-major order, with
/// each cursor's offset kept up to date. Stops when the body returns false, and
/// returns that.
template <typename Body>
bool walk(llvm::ArrayRef<int64_t> extents, llvm::MutableArrayRef<Cursor> cursors, Body body) {
  if (llvm::is_contained(extents, 0))
    return true;
  llvm::SmallVector<int64_t> indices(extents.size(), 0);
  while (true) {
    if (!body(llvm::ArrayRef<int64_t>(indices)))
      return false;
    int64_t d = static_cast<int64_t>(extents.size()) - 1;
    for (; d >= 0; --d) {
      bool wraps = ++indices[d] == extents[d];
      for (Cursor &cursor : cursors)
        cursor.offset += cursor.strides[d] * (wraps ? 1 - extents[d] : 1);
      if (!wraps)
        break;
      indices[d] = 0;
    }
    if (d < 0)
      return true;
  }
}

} // namespace attnc::attn::interpreter
