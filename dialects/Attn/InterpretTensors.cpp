//===- InterpretTensors.cpp - tensor ops ----------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything that moves elements is one walk over extents with a cursor on each
// side; the ops differ in the strides.
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/AttnOps.h"
#include "dialects/Attn/InterpreterImpl.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attnc::attn;
using namespace attnc::attn::interpreter;

static Type elementOf(Value value) { return getElementTypeOrSelf(value.getType()); }

static SmallVector<int64_t> values(ArrayRef<Size> sizes, Frame &frame) {
  return llvm::map_to_vector(sizes, [&](const Size &size) { return size.get(frame); });
}

/// target[places of `to`] = source[places of `from`] for every point of
/// `extents`.
static void copy(ArrayRef<int64_t> extents, const RefTensor &source, Cursor from, RefTensor &target, Cursor to) {
  Cursor cursors[] = {std::move(from), std::move(to)};
  walk(extents, cursors, [&](ArrayRef<int64_t>) {
    store(target, cursors[1].offset, load(source, cursors[0].offset));
    return true;
  });
}

/// Marks what nothing has written: a read of it shows in every result.
static void poison(RefTensor &tensor) {
  std::fill(tensor.floats.begin(), tensor.floats.end(), std::numeric_limits<double>::quiet_NaN());
  std::fill(tensor.ints.begin(), tensor.ints.end(),
            tensor.isFloat() ? 0 : canonical(0x5ADBADBADBADBADB, widthOf(tensor.elementType)));
}

//===----------------------------------------------------------------------===//
// Single elements and extents
//===----------------------------------------------------------------------===//

/// The place of `indices` in `tensor`, or -1 after a diagnostic.
static int64_t placeOf(Operation *op, const RefTensor &tensor, ArrayRef<Slot> indices, Frame &frame) {
  int64_t place = 0;
  for (auto [d, slot] : llvm::enumerate(indices)) {
    int64_t index = frame.integer(slot), extent = tensor.shape[d];
    if (index < 0 || index >= extent) {
      op->emitError() << "index " << index << " of dimension " << d << " is outside " << tensor.type();
      return -1;
    }
    place = place * extent + index;
  }
  return place;
}

static void compileExtract(Compiler &compiler, tensor::ExtractOp op) {
  Slot source = compiler.slot(op.getTensor()), out = compiler.slot(op.getResult());
  SmallVector<Slot> indices = compiler.slots(op.getIndices());
  Operation *reported = op;
  compiler.push([=](Frame &frame) {
    const RefTensor &tensor = frame.tensor(source);
    int64_t place = placeOf(reported, tensor, indices, frame);
    if (place < 0)
      return false;
    return frame.scalars[out] = load(tensor, place), true;
  });
}

static void compileInsert(Compiler &compiler, tensor::InsertOp op) {
  Slot scalar = compiler.slot(op.getScalar()), dest = compiler.slot(op.getDest());
  Slot out = compiler.slot(op.getResult());
  SmallVector<Slot> indices = compiler.slots(op.getIndices());
  Value result = op.getResult();
  compiler.push([=](Frame &frame) {
    RefTensor tensor = frame.tensor(dest);
    int64_t place = placeOf(result.getDefiningOp(), tensor, indices, frame);
    if (place < 0)
      return false;
    store(tensor, place, frame.scalars[scalar]);
    return define(frame, result, out, std::move(tensor));
  });
}

static void compileDim(Compiler &compiler, tensor::DimOp op) {
  Slot source = compiler.slot(op.getSource()), index = compiler.slot(op.getIndex()),
       out = compiler.slot(op.getResult());
  Operation *reported = op;
  compiler.push([=](Frame &frame) {
    const RefTensor &tensor = frame.tensor(source);
    int64_t d = frame.integer(index);
    if (d < 0 || d >= tensor.rank()) {
      reported->emitError() << tensor.type() << " has no dimension " << d;
      return false;
    }
    return frame.integer(out) = tensor.shape[d], true;
  });
}

static void compileRank(Compiler &compiler, tensor::RankOp op) {
  compiler.initial.integer(compiler.slot(op.getResult())) = cast<RankedTensorType>(op.getTensor().getType()).getRank();
}

//===----------------------------------------------------------------------===//
// New tensors
//===----------------------------------------------------------------------===//

static void compileEmpty(Compiler &compiler, tensor::EmptyOp op) {
  SmallVector<Size> extents = compiler.sizes(op.getMixedSizes());
  Value result = op.getResult();
  Slot out = compiler.slot(result);
  compiler.push([=](Frame &frame) {
    auto tensor = allocate(result.getDefiningOp(), elementOf(result), values(extents, frame));
    if (!tensor)
      return false;
    poison(*tensor);
    return define(frame, result, out, std::move(*tensor));
  });
}

/// The extents of a result whose dynamic ones are operands.
static SmallVector<Size> resultExtents(Compiler &compiler, RankedTensorType type, ValueRange dynamic) {
  Builder builder(type.getContext());
  return compiler.sizes(getMixedValues(type.getShape(), dynamic, builder));
}

static void compileFromElements(Compiler &compiler, tensor::FromElementsOp op) {
  SmallVector<Slot> elements = compiler.slots(op.getElements());
  Value result = op.getResult();
  Slot out = compiler.slot(result);
  auto type = cast<RankedTensorType>(result.getType());
  compiler.push([=](Frame &frame) {
    RefTensor tensor(type.getElementType(), type.getShape());
    for (auto [n, slot] : llvm::enumerate(elements))
      store(tensor, n, frame.scalars[slot]);
    return define(frame, result, out, std::move(tensor));
  });
}

static void compileSplat(Compiler &compiler, tensor::SplatOp op) {
  Slot input = compiler.slot(op.getInput()), out = compiler.slot(op.getResult());
  SmallVector<Size> extents = resultExtents(compiler, op.getType(), op.getDynamicSizes());
  Value result = op.getResult();
  compiler.push([=](Frame &frame) {
    auto tensor = allocate(result.getDefiningOp(), elementOf(result), values(extents, frame));
    if (!tensor)
      return false;
    for (int64_t n = 0; n < tensor->size(); ++n)
      store(*tensor, n, frame.scalars[input]);
    return define(frame, result, out, std::move(*tensor));
  });
}

/// Runs `body`, whose arguments are the indices, once for every element of
/// `tensor`.
static bool generate(const Program &body, ArrayRef<Slot> arguments, RefTensor &tensor, Frame &frame) {
  Cursor place{tensor.strides()};
  return walk(tensor.shape, place, [&](ArrayRef<int64_t> indices) {
    for (auto [slot, index] : llvm::zip(arguments, indices))
      frame.integer(slot) = index;
    if (!body.run(frame))
      return false;
    store(tensor, place.offset, frame.scalars[body.results[0]]);
    return true;
  });
}

static void compileGenerate(Compiler &compiler, tensor::GenerateOp op) {
  SmallVector<Size> extents = resultExtents(compiler, op.getType(), op.getDynamicExtents());
  SmallVector<Slot> arguments = compiler.slots(op.getBody().getArguments());
  Program body = compiler.compile(op.getBody().front());
  Value result = op.getResult();
  Slot out = compiler.slot(result);
  compiler.push([=](Frame &frame) {
    auto tensor = allocate(result.getDefiningOp(), elementOf(result), values(extents, frame));
    return tensor && generate(body, arguments, *tensor, frame) && define(frame, result, out, std::move(*tensor));
  });
}

//===----------------------------------------------------------------------===//
// Same elements, another shape
//===----------------------------------------------------------------------===//

static bool reshape(Frame &frame, Value result, Slot out, const RefTensor &source, ArrayRef<int64_t> shape) {
  std::optional<int64_t> size = sizeOf(shape);
  if (!size || *size != source.size()) {
    auto diagnostic = mlir::emitError(result.getLoc()) << "cannot view " << source.type() << " as extents [";
    llvm::interleaveComma(shape, diagnostic);
    diagnostic << "]";
    return false;
  }
  RefTensor tensor = source;
  tensor.shape.assign(shape.begin(), shape.end());
  return define(frame, result, out, std::move(tensor));
}

static void compileCast(Compiler &compiler, tensor::CastOp op) {
  Slot source = compiler.slot(op.getSource()), out = compiler.slot(op.getDest());
  Value result = op.getDest();
  compiler.push([=](Frame &frame) { return define(frame, result, out, frame.tensor(source)); });
}

static void compileExpandShape(Compiler &compiler, tensor::ExpandShapeOp op) {
  Slot source = compiler.slot(op.getSrc()), out = compiler.slot(op.getResult());
  SmallVector<Size> extents = compiler.sizes(op.getMixedOutputShape());
  SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
  Value result = op.getResult();
  compiler.push([=](Frame &frame) {
    const RefTensor &tensor = frame.tensor(source);
    SmallVector<int64_t> shape = values(extents, frame);
    for (auto [d, group] : llvm::enumerate(groups)) {
      std::optional<int64_t> product = sizeOf(llvm::map_to_vector(group, [&](int64_t each) { return shape[each]; }));
      if (product != tensor.shape[d]) {
        auto diagnostic = mlir::emitError(result.getLoc())
                          << "dimension " << d << " of " << tensor.type() << " does not expand to extents [";
        llvm::interleaveComma(shape, diagnostic);
        diagnostic << "]";
        return false;
      }
    }
    return reshape(frame, result, out, tensor, shape);
  });
}

static void compileCollapseShape(Compiler &compiler, tensor::CollapseShapeOp op) {
  Slot source = compiler.slot(op.getSrc()), out = compiler.slot(op.getResult());
  SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
  Value result = op.getResult();
  compiler.push([=](Frame &frame) {
    const RefTensor &tensor = frame.tensor(source);
    SmallVector<int64_t> shape;
    for (const ReassociationIndices &group : groups) {
      shape.push_back(1);
      for (int64_t each : group)
        shape.back() *= tensor.shape[each];
    }
    return reshape(frame, result, out, tensor, shape);
  });
}

static void compileReshape(Compiler &compiler, tensor::ReshapeOp op) {
  Slot source = compiler.slot(op.getSource()), shape = compiler.slot(op.getShape()),
       out = compiler.slot(op.getResult());
  Value result = op.getResult();
  compiler.push(
      [=](Frame &frame) { return reshape(frame, result, out, frame.tensor(source), frame.tensor(shape).ints); });
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

namespace {
/// offsets, sizes and strides of a slice, and which dimensions the smaller side
/// drops.
struct Slice {
  SmallVector<Size> offsets, sizes, strides;
  llvm::SmallBitVector dropped;

  template <typename Op>
  Slice(Compiler &compiler, Op op)
      : offsets(compiler.sizes(op.getMixedOffsets())), sizes(compiler.sizes(op.getMixedSizes())),
        strides(compiler.sizes(op.getMixedStrides())), dropped(op.getDroppedDims()) {}

  /// The extents of the smaller side.
  SmallVector<int64_t> smallShape(Frame &frame) const {
    SmallVector<int64_t> shape;
    for (auto [d, size] : llvm::enumerate(sizes))
      if (!dropped[d])
        shape.push_back(size.get(frame));
    return shape;
  }

  /// The slice inside `tensor`, one stride per kept dimension; nothing, after a
  /// diagnostic, when it reaches outside.
  std::optional<Cursor> inside(Operation *op, const RefTensor &tensor, Frame &frame) const;
};
} // namespace

std::optional<Cursor> Slice::inside(Operation *op, const RefTensor &tensor, Frame &frame) const {
  Cursor cursor;
  for (auto [d, stride] : llvm::enumerate(tensor.strides())) {
    int64_t offset = offsets[d].get(frame), size = sizes[d].get(frame), step = strides[d].get(frame);
    int64_t extent = tensor.shape[d];
    bool fits =
        offset >= 0 && offset <= extent && size >= 0 && (step > 0 || size <= 1) &&
        (size == 0 || (size - 1 <= extent && (size == 1 || step <= extent) && offset + (size - 1) * step < extent));
    if (!fits) {
      op->emitError() << "slice [offset " << offset << ", size " << size << ", stride " << step << "] of dimension "
                      << d << " reaches outside " << tensor.type();
      return std::nullopt;
    }
    cursor.offset += offset * stride;
    if (!dropped[d])
      cursor.strides.push_back(step * stride);
  }
  return cursor;
}

static void compileExtractSlice(Compiler &compiler, tensor::ExtractSliceOp op) {
  Slot source = compiler.slot(op.getSource()), out = compiler.slot(op.getResult());
  Slice slice(compiler, op);
  Value result = op.getResult();
  compiler.push([=](Frame &frame) {
    const RefTensor &from = frame.tensor(source);
    std::optional<Cursor> cursor = slice.inside(result.getDefiningOp(), from, frame);
    if (!cursor)
      return false;
    RefTensor tensor(from.elementType, slice.smallShape(frame));
    copy(tensor.shape, from, *cursor, tensor, {tensor.strides()});
    return define(frame, result, out, std::move(tensor));
  });
}

static void compileInsertSlice(Compiler &compiler, tensor::InsertSliceOp op) {
  Slot source = compiler.slot(op.getSource()), dest = compiler.slot(op.getDest()), out = compiler.slot(op.getResult());
  Slice slice(compiler, op);
  Value result = op.getResult();
  compiler.push([=](Frame &frame) {
    const RefTensor &from = frame.tensor(source);
    RefTensor tensor = frame.tensor(dest);
    std::optional<Cursor> cursor = slice.inside(result.getDefiningOp(), tensor, frame);
    if (!cursor)
      return false;
    if (SmallVector<int64_t> expected = slice.smallShape(frame); from.shape != expected) {
      mlir::emitError(result.getLoc()) << "cannot insert " << from.type() << " into a slice of "
                                       << RankedTensorType::get(expected, from.elementType);
      return false;
    }
    copy(from.shape, from, {from.strides()}, tensor, *cursor);
    return define(frame, result, out, std::move(tensor));
  });
}

/// Windows step by stride * step of the source from position to position, and by dilation * step within.
static void compileWindows(Compiler &compiler, WindowsOp op) {
  Slot source = compiler.slot(op.getSource()), out = compiler.slot(op.getResult());
  Value result = op.getResult();
  compiler.push([=](Frame &frame) {
    auto windows = result.getDefiningOp<WindowsOp>();
    const RefTensor &from = frame.tensor(source);
    RefTensor tensor(from.elementType, windows.resultShape(from.shape));
    Cursor cursor{from.strides()};
    for (auto [i, dilation] : llvm::enumerate(windows.getDilations())) {
      size_t d = static_cast<size_t>(windows.getFirstDim()) + i;
      cursor.strides.push_back(cursor.strides[d] * dilation);
      cursor.strides[d] *= windows.getStrides()[i];
    }
    copy(tensor.shape, from, cursor, tensor, {tensor.strides()});
    return define(frame, result, out, std::move(tensor));
  });
}

/// Whether `part` has the extents of `first` in every dimension but `dim`.
static bool agreesBeside(int64_t dim, const RefTensor &first, const RefTensor &part) {
  for (int64_t d = 0; d < first.rank(); ++d)
    if (d != dim && part.shape[d] != first.shape[d])
      return false;
  return true;
}

static void compileConcat(Compiler &compiler, tensor::ConcatOp op) {
  SmallVector<Slot> inputs = compiler.slots(op.getInputs());
  int64_t dim = op.getDim();
  Value result = op.getResult();
  Slot out = compiler.slot(result);
  compiler.push([=](Frame &frame) {
    const RefTensor &first = frame.tensor(inputs[0]);
    SmallVector<int64_t> shape = first.shape;
    for (Slot input : llvm::drop_begin(inputs)) {
      const RefTensor &part = frame.tensor(input);
      if (!agreesBeside(dim, first, part)) {
        mlir::emitError(result.getLoc()) << "cannot concatenate " << first.type() << " and " << part.type()
                                         << " along dimension " << dim;
        return false;
      }
      shape[dim] += part.shape[dim];
    }
    RefTensor tensor(first.elementType, shape);
    Cursor to{tensor.strides()};
    for (Slot input : inputs) {
      const RefTensor &part = frame.tensor(input);
      copy(part.shape, part, {part.strides()}, tensor, to);
      to.offset += part.shape[dim] * to.strides[dim];
    }
    return define(frame, result, out, std::move(tensor));
  });
}

/// Every element is first what the region says, then the source is copied over
/// the middle.
static void compilePad(Compiler &compiler, tensor::PadOp op) {
  Slot source = compiler.slot(op.getSource()), out = compiler.slot(op.getResult());
  SmallVector<Size> low = compiler.sizes(op.getMixedLowPad()), high = compiler.sizes(op.getMixedHighPad());
  SmallVector<Slot> arguments = compiler.slots(op.getRegion().getArguments());
  Program body = compiler.compile(op.getRegion().front());
  Value result = op.getResult();
  compiler.push([=](Frame &frame) {
    const RefTensor &from = frame.tensor(source);
    SmallVector<int64_t> shape, before = values(low, frame), after = values(high, frame);
    for (auto [extent, l, h] : llvm::zip(from.shape, before, after))
      shape.push_back(l < 0 || h < 0 ? -1 : extent + l + h); // negative padding is an error of `allocate`
    auto tensor = allocate(result.getDefiningOp(), from.elementType, shape);
    if (!tensor || !generate(body, arguments, *tensor, frame))
      return false;
    Cursor to{tensor->strides()};
    for (auto [stride, l] : llvm::zip(to.strides, before))
      to.offset += stride * l;
    copy(from.shape, from, {from.strides()}, *tensor, to);
    return define(frame, result, out, std::move(*tensor));
  });
}

bool interpreter::compileTensors(Compiler &compiler, Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case([&](tensor::ExtractOp op) { return compileExtract(compiler, op), true; })
      .Case([&](tensor::InsertOp op) { return compileInsert(compiler, op), true; })
      .Case([&](tensor::DimOp op) { return compileDim(compiler, op), true; })
      .Case([&](tensor::RankOp op) { return compileRank(compiler, op), true; })
      .Case([&](tensor::EmptyOp op) { return compileEmpty(compiler, op), true; })
      .Case([&](tensor::FromElementsOp op) { return compileFromElements(compiler, op), true; })
      .Case([&](tensor::SplatOp op) { return compileSplat(compiler, op), true; })
      .Case([&](tensor::GenerateOp op) { return compileGenerate(compiler, op), true; })
      .Case([&](tensor::CastOp op) { return compileCast(compiler, op), true; })
      .Case([&](tensor::ExpandShapeOp op) { return compileExpandShape(compiler, op), true; })
      .Case([&](tensor::CollapseShapeOp op) { return compileCollapseShape(compiler, op), true; })
      .Case([&](tensor::ReshapeOp op) { return compileReshape(compiler, op), true; })
      .Case([&](tensor::ExtractSliceOp op) { return compileExtractSlice(compiler, op), true; })
      .Case([&](WindowsOp op) { return compileWindows(compiler, op), true; })
      .Case([&](tensor::InsertSliceOp op) { return compileInsertSlice(compiler, op), true; })
      .Case([&](tensor::ConcatOp op) { return compileConcat(compiler, op), true; })
      .Case([&](tensor::PadOp op) { return compilePad(compiler, op), true; })
      .Default([](Operation *) { return false; });
}
