//===- Movement.cpp - Emitter operations that only move elements ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Emitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <numeric>

using namespace mlir;
using namespace attnc::onnx;

namespace {
/// Constants up to this size are rearranged at import (a transposed weight matrix, a sliced mask buffer).
constexpr int64_t kMaxRearranged = int64_t(1) << 26;
} // namespace

//===- Known tensors ------------------------------------------------------===//

/// Calls `visit` for every index of `shape`, last dim fastest.
static void forEachIndex(ArrayRef<int64_t> shape, function_ref<void(ArrayRef<int64_t>)> visit) {
  if (llvm::is_contained(shape, 0))
    return;
  SmallVector<int64_t> index(shape.size(), 0);
  while (true) {
    visit(index);
    int64_t dim = static_cast<int64_t>(shape.size()) - 1;
    while (dim >= 0 && ++index[dim] == shape[dim])
      index[dim--] = 0;
    if (dim < 0)
      return;
  }
}

/// The elements of `attr` at the positions `order`, as a constant of `type`.
static DenseElementsAttr pick(DenseElementsAttr attr, RankedTensorType type, ArrayRef<int64_t> order) {
  if (attr.isSplat())
    return attr.resizeSplat(type);
  if (type.getElementType().isInteger(1)) { // stored as bits
    auto bits = attr.getValues<bool>();
    return DenseElementsAttr::get(
        type, ArrayRef<bool>(llvm::map_to_vector(order, [&](int64_t position) -> bool { return bits[position]; })));
  }
  size_t bytes = type.getElementTypeBitWidth() / 8;
  const char *raw = attr.getRawData().data();
  std::vector<char> picked(order.size() * bytes);
  for (auto [index, position] : llvm::enumerate(order))
    std::memcpy(picked.data() + index * bytes, raw + position * bytes, bytes);
  return DenseElementsAttr::getFromRawBuffer(type, picked);
}

Tensor *Emitter::rearrange(Tensor *tensor, const SymList &shape, IndexMap source) {
  if (!tensor->isKnown())
    return nullptr;
  bool isSplat = tensor->constant && tensor->constant.isSplat(); // costs nothing
  std::optional<int64_t> count = fixedCount(shape, isSplat ? kMaxRearranged : std::min(kMaxRearranged, toRearrange));
  if (!count || (*count == 0 && tensor->isFloat()))
    return nullptr;
  if (*count == 0)
    return symbolic(tensor->elementType, shape, {});
  RankedTensorType type = typeOf(tensor->elementType, shape);
  if (isSplat)
    return constant(tensor->constant.resizeSplat(type), tensor->elementType);
  toRearrange -= *count;
  std::vector<int64_t> order;
  forEachIndex(type.getShape(), [&](ArrayRef<int64_t> index) { order.push_back(source(index)); });
  if (tensor->constant)
    return constant(pick(tensor->constant, type, order), tensor->elementType);
  SymList picked;
  for (int64_t position : order)
    picked.push_back((*tensor->elements)[position]);
  return symbolic(tensor->elementType, shape, std::move(picked));
}

/// Row-major strides of a known tensor's fixed shape.
static SmallVector<int64_t> stridesOf(const Tensor *tensor) {
  SmallVector<int64_t> strides(tensor->shape.size(), 1);
  for (size_t dim = strides.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * tensor->shape[dim].constant().value_or(1);
  return strides;
}

//===- Reshape ------------------------------------------------------------===//

namespace {
/// A run of source dims that holds the same elements as a run of result dims.
struct Group {
  ReassociationIndices from, to;
};
} // namespace

/// Cuts both shapes into the smallest runs with equal products:
///     [B, S, 32] -> [B, S, 4, 8]    gives  B|B  S|S  32|4 8
///     [S, B, 32] -> [S, B*4, 8]     gives  S|S  B 32|B*4 8
/// Nullopt when some run never matches.
static std::optional<SmallVector<Group>> matchDims(Extents &symbols, ArrayRef<Sym> from, ArrayRef<Sym> to) {
  SmallVector<Group> groups;
  size_t i = 0, j = 0;
  auto tryMatch = [&](size_t length) { // a run of `length` dims, counted over both sides
    for (size_t taken = 1; taken < length; ++taken) {
      size_t other = length - taken;
      if (i + taken > from.size() || j + other > to.size() ||
          symbols.product(from.slice(i, taken)) != symbols.product(to.slice(j, other)))
        continue;
      Group &group = groups.emplace_back();
      group.from.resize(taken), group.to.resize(other);
      std::iota(group.from.begin(), group.from.end(), i), std::iota(group.to.begin(), group.to.end(), j);
      i += taken, j += other;
      return true;
    }
    return false;
  };
  while (i < from.size() && j < to.size()) {
    size_t length = 2, longest = from.size() - i + to.size() - j;
    while (length <= longest && !tryMatch(length))
      ++length;
    if (length > longest)
      return std::nullopt;
  }
  // Only extents of 1 may be left over; they join the last run.
  for (; i < from.size(); ++i) {
    if (!from[i].isConstant(1))
      return std::nullopt;
    if (!groups.empty())
      groups.back().from.push_back(i);
  }
  for (; j < to.size(); ++j) {
    if (!to[j].isConstant(1))
      return std::nullopt;
    if (!groups.empty())
      groups.back().to.push_back(j);
  }
  return groups;
}

Tensor *Emitter::reshape(Tensor *tensor, const SymList &shape) {
  if (tensor->shape == shape)
    return tensor;
  bool isEmpty = llvm::any_of(tensor->shape, [](const Sym &extent) { return extent.isConstant(0); });
  if (isEmpty && llvm::any_of(shape, [](const Sym &extent) { return extent.isConstant(0); }))
    return computed(empty(tensor->elementType, shape), shape, tensor->elementType);
  std::optional<SmallVector<Group>> groups = matchDims(symbols, tensor->shape, shape);
  if (!groups)
    return nullptr;
  if (tensor->constant)
    return constant(tensor->constant.reshape(typeOf(tensor->elementType, shape)), tensor->elementType);
  if (tensor->elements)
    return symbolic(tensor->elementType, shape, *tensor->elements);

  // Collapse every run to one dim, then expand it; usually one of the two does nothing.
  SmallVector<ReassociationIndices> collapse, expand;
  SymList middle;
  for (const Group &group : *groups) {
    collapse.push_back(group.from), expand.push_back(group.to);
    SymList run;
    for (int64_t dim : group.to)
      run.push_back(shape[dim]);
    middle.push_back(symbols.product(run));
  }
  Value result = value(tensor);
  if (middle.size() != tensor->shape.size())
    result = tensor::CollapseShapeOp::create(builder, loc, typeOf(tensor->elementType, middle), result, collapse);
  if (middle.size() != shape.size())
    result =
        tensor::ExpandShapeOp::create(builder, loc, typeOf(tensor->elementType, shape), result, expand, sizes(shape));
  return computed(result, shape, tensor->elementType);
}

//===- Transpose, broadcast, slice, concat --------------------------------===//

Tensor *Emitter::transpose(Tensor *tensor, ArrayRef<int64_t> permutation) {
  SymList shape;
  for (int64_t dim : permutation)
    shape.push_back(tensor->shape[dim]);
  if (llvm::is_sorted(permutation))
    return tensor;
  SmallVector<int64_t> strides = stridesOf(tensor);
  if (Tensor *known = rearrange(tensor, shape, [&](ArrayRef<int64_t> index) {
        int64_t position = 0;
        for (auto [at, dim] : llvm::zip(index, permutation))
          position += at * strides[dim];
        return position;
      }))
    return known;
  auto op = linalg::TransposeOp::create(builder, loc, value(tensor), empty(tensor->elementType, shape), permutation);
  Tensor *result = computed(op->getResult(0), shape, tensor->elementType);
  if (std::optional<Quantized> origin = tensor->origin) {
    origin->values = transpose(origin->values, permutation);
    origin->axis = llvm::find(permutation, origin->axis) - permutation.begin();
    result->origin = origin;
  }
  return result;
}

Tensor *Emitter::broadcast(Tensor *tensor, const SymList &shape) {
  if (tensor->shape == shape)
    return tensor;
  constexpr int64_t kMaxGrowth = 1 << 20; // a repeated constant is stored once, unless it is small
  SmallVector<int64_t> strides = stridesOf(tensor);
  size_t missing = shape.size() - tensor->shape.size();
  auto source = [&](ArrayRef<int64_t> index) {
    int64_t position = 0;
    for (auto [dim, extent] : llvm::enumerate(tensor->shape))
      position += extent.isConstant(1) ? 0 : index[missing + dim] * strides[dim];
    return position;
  };
  bool isSplat = tensor->constant && tensor->constant.isSplat();
  if (isSplat || fixedCount(shape, kMaxGrowth))
    if (Tensor *known = rearrange(tensor, shape, source))
      return known;
  return elementwise(tensor, tensor->elementType, shape,
                     [](OpBuilder &, Location, ValueRange operands) { return operands[0]; });
}

/// result[i] = tensor[offset + i * step] along each dim: what no slice of a tensor in memory is.
Tensor *Emitter::sliceBackwards(Tensor *tensor, const SymList &offsets, const SymList &extents,
                                ArrayRef<int64_t> steps) {
  auto starts = llvm::map_to_vector(offsets, [&](const Sym &offset) { return index(offset); });
  Value source = value(tensor);
  AffineMap identity = AffineMap::getMultiDimIdentityMap(extents.size(), builder.getContext());
  return generic({}, {}, identity, tensor->elementType, extents, [&](OpBuilder &b, Location l, ValueRange) -> Value {
    SmallVector<Value> position;
    for (auto [dim, start] : llvm::enumerate(starts)) {
      Value step = arith::ConstantIndexOp::create(b, l, steps[dim]);
      Value moved = arith::MulIOp::create(b, l, linalg::IndexOp::create(b, l, dim), step);
      position.push_back(arith::AddIOp::create(b, l, start, moved));
    }
    return tensor::ExtractOp::create(b, l, source, position);
  });
}

Tensor *Emitter::slice(Tensor *tensor, const SymList &offsets, const SymList &extents, ArrayRef<int64_t> steps) {
  bool isWhole = extents == tensor->shape && llvm::all_of(steps, [](int64_t step) { return step == 1; });
  if (isWhole && llvm::all_of(offsets, [](const Sym &offset) { return offset.isConstant(0); }))
    return tensor;
  SmallVector<int64_t> strides = stridesOf(tensor);
  if (llvm::all_of(offsets, [](const Sym &offset) { return offset.constant().has_value(); }))
    if (Tensor *known = rearrange(tensor, extents, [&](ArrayRef<int64_t> index) {
          int64_t position = 0;
          for (size_t dim = 0; dim < index.size(); ++dim)
            position += (*offsets[dim].constant() + index[dim] * steps[dim]) * strides[dim];
          return position;
        }))
      return known;
  if (llvm::any_of(extents, [](const Sym &extent) { return extent.isConstant(0); }))
    return computed(empty(tensor->elementType, extents), extents, // an offset at the end would be out of bounds
                    tensor->elementType);
  if (llvm::any_of(steps, [](int64_t step) { return step < 0; }))
    return sliceBackwards(tensor, offsets, extents, steps);
  SmallVector<OpFoldResult> stepSizes =
      llvm::map_to_vector(steps, [&](int64_t step) -> OpFoldResult { return builder.getIndexAttr(step); });
  return computed(
      tensor::ExtractSliceOp::create(builder, loc, value(tensor), sizes(offsets), sizes(extents), stepSizes), extents,
      tensor->elementType);
}

/// Are there no elements, whatever the inputs are?
static bool hasNone(ArrayRef<Sym> shape) {
  return llvm::any_of(shape, [](const Sym &extent) { return extent.isConstant(0); });
}

Tensor *Emitter::concat(ArrayRef<Tensor *> parts, int64_t axis, const SymList &shape) {
  if (parts.size() == 1)
    return parts[0];
  Type type = parts[0]->elementType;
  auto known = llvm::map_to_vector(parts, [&](Tensor *part) { return elements(part); });
  if (shape.size() == 1 && llvm::all_of(known, [](auto &list) { return list.has_value(); })) {
    SymList all;
    for (std::optional<SymList> &list : known)
      all.append(list->begin(), list->end());
    return symbolic(type, shape, std::move(all));
  }
  // One-shot bufferization writes each part in place, and looks through all parts behind each of them: many parts are
  // joined in groups.
  constexpr size_t kMaxJoined = 16;
  if (parts.size() > kMaxJoined) {
    SmallVector<Tensor *> groups;
    for (size_t at = 0; at < parts.size(); at += kMaxJoined) {
      ArrayRef<Tensor *> group = parts.slice(at, std::min(kMaxJoined, parts.size() - at));
      SymList part(shape);
      part[axis] = 0;
      for (Tensor *member : group)
        part[axis] = symbols.add(part[axis], member->shape[axis]);
      groups.push_back(concat(group, axis, part));
    }
    return concat(groups, axis, shape);
  }
  Value result = empty(type, shape);
  SmallVector<OpFoldResult> steps(shape.size(), builder.getIndexAttr(1));
  SymList offsets(shape.size(), Sym(0));
  for (Tensor *part : parts) {
    if (hasNone(part->shape))
      continue; // its offset could be out of bounds
    result =
        tensor::InsertSliceOp::create(builder, loc, value(part), result, sizes(offsets), sizes(part->shape), steps);
    offsets[axis] = symbols.add(offsets[axis], part->shape[axis]);
  }
  return computed(result, shape, type);
}

Tensor *Emitter::embed(Tensor *tensor, Value whole, const SymList &shape, const SymList &offsets,
                       ArrayRef<int64_t> steps) {
  if (hasNone(tensor->shape))
    return computed(whole, shape, tensor->elementType);
  SmallVector<OpFoldResult> stepSizes =
      llvm::map_to_vector(steps, [&](int64_t step) -> OpFoldResult { return builder.getIndexAttr(step); });
  return computed(tensor::InsertSliceOp::create(builder, loc, value(tensor), whole, sizes(offsets),
                                                sizes(tensor->shape), stepSizes),
                  shape, tensor->elementType);
}
