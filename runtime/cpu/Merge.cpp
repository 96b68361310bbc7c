//===- Merge.cpp - attnc_merge --------------------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Checks.h"
#include "runtime/cpu/Context.h"
#include "runtime/cpu/MergeRows.h"
#include "runtime/cpu/Options.h"
#include "runtime/cpu/Strided.h"

#include <stdio.h>

using namespace attnc::rt;

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

namespace {
/// A tensor of the call and what it is called in messages: "o", "parts[3].lse".
struct Argument {
  const DLTensor *tensor;
  bool isLse;
  int part; // -1: a result

  Argument(const DLTensor *tensor, bool isLse, int part = -1) : tensor(tensor), isLse(isLse), part(part) {
    const char *field = isLse ? "lse" : "o";
    if (part < 0)
      snprintf(name, sizeof name, "%s", field);
    else
      snprintf(name, sizeof name, "parts[%d].%s", part, field);
  }
  char name[32];
};
} // namespace

static bool isFloat(DLDataType type, bool isLse) {
  bool isWide = type.code == kDLFloat && (type.bits == 32 || type.bits == 64);
  bool isNarrow = (type.code == kDLFloat || type.code == kDLBfloat) && type.bits == 16;
  return type.lanes == 1 && (isWide || (isNarrow && !isLse));
}

static bool sameTypes(DLDataType a, DLDataType b) { return a.code == b.code && a.bits == b.bits; }

/// "parts[1].o: expected f32[2, 3, 64], got bf16[2, 3, 64]".
static attnc_status mismatch(const Argument &argument, DLDataType type, const DLTensor &o, Text &why) {
  why.add("%s: expected ", argument.name);
  addShape(why, type.code, type.bits, o.ndim - argument.isLse, o.shape);
  if (argument.isLse)
    why.add(" or f64");
  else if (argument.part == 0 && !sameTypes(type, {kDLFloat, 32, 1}))
    why.add(" or f32");
  addActual(why, *argument.tensor);
  return ATTNC_INVALID_ARGUMENT;
}

/// Whether the argument fits to `o`, whose shape it has, and is of type `type`.
static attnc_status checkFits(const Argument &argument, DLDataType type, const DLTensor &o, Text &why) {
  const DLTensor &tensor = *argument.tensor;
  bool fits = tensor.ndim == o.ndim - argument.isLse &&
              (argument.isLse ? isFloat(tensor.dtype, true) : sameTypes(tensor.dtype, type) && tensor.dtype.lanes == 1);
  for (int d = 0; fits && d < tensor.ndim; ++d)
    fits = tensor.shape[d] == o.shape[d];
  return fits ? ATTNC_OK : mismatch(argument, type, o, why);
}

/// Whether the features of an o lie next to each other.
static bool hasRows(const DLTensor &o) { return !o.strides || o.shape[o.ndim - 1] <= 1 || o.strides[o.ndim - 1] == 1; }

static attnc_status checkPlace(const Argument &argument, Text &why) {
  const DLTensor &tensor = *argument.tensor;
  attnc_tensor_info info = {argument.name, tensor.dtype.code, tensor.dtype.bits, 0, tensor.ndim, nullptr};
  if (attnc_status status = checkMemory(info, tensor, /*needData=*/true, why); status != ATTNC_OK)
    return status;
  const char *wanted = nullptr;
  if (!isAligned(firstElement(tensor), info))
    wanted = "must be aligned to its element";
  else if (!argument.isLse && !hasRows(tensor))
    wanted = "must have its features next to each other (the last stride 1)";
  else if (argument.part < 0 && !isWritable(tensor, /*inRows=*/false))
    wanted = "is written, and needs positive strides that put no element on another";
  if (!wanted)
    return ATTNC_OK;
  why.add("%s: %s; got ", argument.name, wanted);
  addPlace(why, tensor);
  return ATTNC_INVALID_ARGUMENT;
}

static attnc_status checkArgument(const Argument &argument, DLDataType type, const DLTensor &o, Text &why) {
  if (!argument.tensor) {
    why.add("%s: the tensor is NULL", argument.name);
    return ATTNC_INVALID_ARGUMENT;
  }
  attnc_tensor_info info = {argument.name, 0, 0, 0, 0, nullptr};
  attnc_status status = checkType(info, *argument.tensor, why);
  if (status == ATTNC_OK)
    status = checkFits(argument, type, o, why);
  return status == ATTNC_OK ? checkPlace(argument, why) : status;
}

/// o tells the others their shape.
static attnc_status checkO(const DLTensor *o, Text &why) {
  if (!o) {
    why.add("o: the tensor is NULL");
    return ATTNC_INVALID_ARGUMENT;
  }
  attnc_tensor_info info = {"o", 0, 0, 0, 0, nullptr};
  if (attnc_status status = checkType(info, *o, why); status != ATTNC_OK)
    return status;
  if (o->ndim > 0 && isFloat(o->dtype, /*isLse=*/false))
    return ATTNC_OK;
  why.add("o: expected f32, f64, f16 or bf16 with a dimension of features");
  addActual(why, *o);
  return ATTNC_INVALID_ARGUMENT;
}

//===----------------------------------------------------------------------===//
// Overlap
//===----------------------------------------------------------------------===//

/// Whether both are the same elements in the same order.
static bool isSameTensor(const DLTensor &a, const DLTensor &b, const int64_t *compact) {
  bool isSame = firstElement(a) == firstElement(b) && sameTypes(a.dtype, b.dtype);
  for (int d = 0; d < a.ndim; ++d)
    isSame &= a.shape[d] <= 1 || (a.strides ? a.strides : compact)[d] == (b.strides ? b.strides : compact)[d];
  return isSame;
}

/// A result may be the same tensor of a part, and must overlap with nothing else.
static attnc_status checkOverlap(const Merge &merge, const Argument &result, const Argument &other, Text &why) {
  auto compactOf = [&](const Argument &of) { return of.isLse ? merge.compactLse : merge.compactO; };
  auto bytesOf = [&](const Argument &of) {
    const DLTensor &tensor = *of.tensor;
    return StridedBytes{reinterpret_cast<uintptr_t>(firstElement(tensor)), tensor.ndim, tensor.shape,
                        tensor.strides ? tensor.strides : compactOf(of), tensor.dtype.bits / 8};
  };
  if (result.isLse == other.isLse && isSameTensor(*result.tensor, *other.tensor, compactOf(result)))
    return ATTNC_OK;
  if (!surelyOverlap(bytesOf(result), bytesOf(other)))
    return ATTNC_OK;
  why.add("%s: overlaps with %s", result.name, other.name);
  if (result.isLse == other.isLse)
    why.add(", but is not the same tensor (type, first element and strides)");
  return ATTNC_INVALID_ARGUMENT;
}

static attnc_status checkOverlaps(const Merge &merge, Text &why) {
  Argument o(merge.o, /*isLse=*/false), lse(merge.lse, /*isLse=*/true);
  attnc_status status = merge.lse ? checkOverlap(merge, o, lse, why) : ATTNC_OK;
  for (int p = 0; p < merge.numParts && status == ATTNC_OK; ++p) {
    Argument partO(merge.parts[p].o, /*isLse=*/false, p), partLse(merge.parts[p].lse, /*isLse=*/true, p);
    for (const Argument *part : {&partO, &partLse}) {
      if (status == ATTNC_OK)
        status = checkOverlap(merge, o, *part, why);
      if (status == ATTNC_OK && merge.lse)
        status = checkOverlap(merge, lse, *part, why);
    }
  }
  return status;
}

//===----------------------------------------------------------------------===//
// The call
//===----------------------------------------------------------------------===//

static attnc_status check(const Merge &merge, Text &why) {
  if (merge.numParts < 0 || merge.numParts > ATTNC_MAX_PARTS || (merge.numParts > 0 && !merge.parts)) {
    why.add("parts: expected 0 to %d, got %d%s", ATTNC_MAX_PARTS, merge.numParts, merge.parts ? "" : " at NULL");
    return ATTNC_INVALID_ARGUMENT;
  }
  attnc_status status = checkO(merge.o, why);
  if (status != ATTNC_OK)
    return status;
  const DLTensor &o = *merge.o;
  const DLDataType f32 = {kDLFloat, 32, 1};
  bool isWide = merge.numParts > 0 && merge.parts[0].o && sameTypes(merge.parts[0].o->dtype, f32);
  DLDataType type = isWide ? f32 : o.dtype; // of the parts
  status = checkArgument(Argument(&o, /*isLse=*/false), o.dtype, o, why);
  if (status == ATTNC_OK && merge.lse)
    status = checkArgument(Argument(merge.lse, /*isLse=*/true), f32, o, why);
  for (int p = 0; p < merge.numParts && status == ATTNC_OK; ++p) {
    status = checkArgument(Argument(merge.parts[p].o, /*isLse=*/false, p), type, o, why);
    if (status == ATTNC_OK)
      status = checkArgument(Argument(merge.parts[p].lse, /*isLse=*/true, p), f32, o, why);
  }
  return status;
}

/// Whether rows along dimensions c and d, c outside, are as far from each other as if they were one dimension.
static bool isOneStep(const DLTensor &tensor, const int64_t *compact, int c, int d) {
  const int64_t *strides = tensor.strides ? tensor.strides : compact;
  return strides[c] == strides[d] * tensor.shape[d];
}

static bool isOneStep(const Merge &merge, int c, int d) {
  bool is = isOneStep(*merge.o, merge.compactO, c, d) && (!merge.lse || isOneStep(*merge.lse, merge.compactLse, c, d));
  for (int p = 0; p < merge.numParts && is; ++p)
    is = isOneStep(*merge.parts[p].o, merge.compactO, c, d) && isOneStep(*merge.parts[p].lse, merge.compactLse, c, d);
  return is;
}

/// Names the dimensions of rows, the fewest that do; false if there is nothing to write.
static bool findRows(Merge &merge) {
  const DLTensor &o = *merge.o;
  merge.features = o.shape[o.ndim - 1];
  merge.rows = 1;
  merge.numDims = 0;
  for (int d = 0; d + 1 < o.ndim && (merge.features || merge.lse); ++d) {
    merge.rows *= o.shape[d]; // fits: o or lse of that many elements has been checked
    if (o.shape[d] == 1)
      continue; // its stride means nothing
    bool isNew = merge.numDims == 0 || !isOneStep(merge, merge.position[merge.numDims - 1], d);
    int at = isNew ? merge.numDims++ : merge.numDims - 1;
    merge.extents[at] = isNew ? o.shape[d] : merge.extents[at] * o.shape[d];
    merge.position[at] = d;
  }
  return merge.rows > 0 && (merge.features > 0 || merge.lse);
}

/// Rows of at least 32 KiB at a time.
static int64_t rowsOfItem(const Merge &merge) {
  int64_t bytes = merge.features * (merge.o->dtype.bits / 8) * (merge.numParts + 1) + 1, rows = (32 << 10) / bytes;
  return rows < 8 ? 8 : (rows + 7) / 8 * 8;
}

attnc_status attnc_merge(const attnc_part *parts, int32_t numParts, DLTensor *o, DLTensor *lse,
                         const attnc_options *given) {
  Options options(given);
  if (options.status != ATTNC_OK)
    return options.status;
  Merge merge = {};
  merge.parts = parts;
  merge.numParts = numParts;
  merge.o = o;
  merge.lse = lse;
  if (attnc_status status = check(merge, options.why); status != ATTNC_OK)
    return status;
  compactStrides(o->ndim, o->shape, merge.compactO);
  compactStrides(o->ndim - 1, o->shape, merge.compactLse);
  if (attnc_status status = checkOverlaps(merge, options.why); status != ATTNC_OK)
    return status;
  if (!findRows(merge))
    return ATTNC_OK;
  struct Job {
    Merge merge;
    int64_t itemRows;
  } job = {merge, rowsOfItem(merge)};
  attnc_context context = contextOfCall(options);
  auto body = [](void *data, int64_t begin, int64_t end) {
    auto &job = *static_cast<Job *>(data);
    int64_t last = end * job.itemRows;
    mergeRows(job.merge, begin * job.itemRows, last < job.merge.rows ? last : job.merge.rows);
  };
  attnc_rt_parallel_for(&context, (merge.rows + job.itemRows - 1) / job.itemRows, body, &job);
  return ATTNC_OK;
}
