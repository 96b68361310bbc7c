//===- MergeRows.cpp - The arithmetic of attnc_merge ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Eight rows at a time: first the weights of all parts, which are few numbers,
// in f64; then the features, 32 at a time, whose sums stay in registers:
//
//   m = max lse_p    w_p = exp(lse_p - m) / sum    lse = m + log(sum)
//   o = w_0 o_0 + w_1 o_1 + ..
//
// All parts of some features are read before these features are written, so o
// may be one of them. Everything is inlined into two functions: one for any
// CPU, one for those that have FMA and convert f16.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/MergeRows.h"
#include "runtime/cpu/Exponential.h"
#include "runtime/cpu/Strided.h"

#include <math.h>
#include <type_traits>

using namespace attnc::rt;

#define ATTNC_INLINED __attribute__((always_inline))
#define ATTNC_INLINE ATTNC_INLINED inline

static constexpr int blockRows = 8, chunkFeatures = 32;
static constexpr double notRead = -1; // the weight of a part without keys

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

namespace {
enum class Level { Baseline, V3 };

struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};
} // namespace

template <Level level>
ATTNC_INLINE static float widen(Half half) {
#ifdef __x86_64__
  if constexpr (level == Level::V3)
    return __builtin_bit_cast(_Float16, half.bits);
#endif
  // Exponent bias 15 -> 127 by a product, which is exact for subnormals too; infinity and NaN have exponent 31.
  uint32_t magnitude = (half.bits & 0x7fffu) << 13, sign = (half.bits & 0x8000u) << 16;
  float value = __builtin_bit_cast(float, magnitude) * 0x1p112f;
  uint32_t bits = __builtin_bit_cast(uint32_t, value);
  bits = magnitude >= 0x0f800000 ? magnitude | 0x7f800000 : bits;
  return __builtin_bit_cast(float, bits | sign);
}
template <Level>
ATTNC_INLINE static float widen(Brain brain) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(brain.bits) << 16);
}
template <Level>
ATTNC_INLINE static float widen(float value) {
  return value;
}
template <Level>
ATTNC_INLINE static double widen(double value) {
  return value;
}

template <Level level, typename Sum>
ATTNC_INLINE static void narrow(Sum sum, Half &half) {
#ifdef __x86_64__
  if constexpr (level == Level::V3) {
    half.bits = __builtin_bit_cast(uint16_t, static_cast<_Float16>(static_cast<float>(sum)));
    return;
  }
#endif
  uint32_t bits = __builtin_bit_cast(uint32_t, static_cast<float>(sum)), sign = bits >> 16 & 0x8000;
  bits &= 0x7fffffff;
  // Below 2^-14, adding 0.5 leaves units of 2^-24 in the lowest bits; above, the bias is 15, and 13 bits are rounded away.
  uint32_t small = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, bits) + 0.5f) - 0x3f000000;
  uint32_t large = (bits + 0xfff + (bits >> 13 & 1) - 0x38000000) >> 13;
  uint32_t finite = bits < 0x38800000 ? small : large;
  uint32_t magnitude = bits > 0x7f800000 ? 0x7e00 : bits >= 0x477ff000 ? 0x7c00 : finite;
  half.bits = static_cast<uint16_t>(sign | magnitude);
}
template <Level, typename Sum>
ATTNC_INLINE static void narrow(Sum sum, Brain &brain) {
  uint32_t bits = __builtin_bit_cast(uint32_t, static_cast<float>(sum));
  uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  brain.bits = static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : rounded);
}
template <Level, typename Sum>
ATTNC_INLINE static void narrow(Sum sum, float &value) {
  value = static_cast<float>(sum);
}
template <Level, typename Sum>
ATTNC_INLINE static void narrow(Sum sum, double &value) {
  value = sum;
}

/// visit(element of the parts, element of the result): both are of one type, or the parts are f32.
template <typename Visit>
ATTNC_INLINE static void forTypes(DLDataType in, DLDataType out, Visit visit) {
  auto withResult = [&](auto element) ATTNC_INLINED {
    bool isWide = in.bits == 32 && in.code == kDLFloat;
    isWide ? visit(float(), element) : visit(element, element);
  };
  if (out.code == kDLBfloat)
    withResult(Brain());
  else if (out.bits == 16)
    withResult(Half());
  else if (out.bits == 64)
    withResult(double());
  else
    visit(float(), float());
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

namespace {
/// Some rows of a call: where they lie in the parts, and the parts' weights, first their lse.
struct Block {
  const Merge &merge;
  int rows = 0;
  int64_t index[blockRows][ATTNC_MAX_RANK];
  bool hasKeys[blockRows];
  double weights[ATTNC_MAX_PARTS][blockRows];
  const char *sources[ATTNC_MAX_PARTS][blockRows];

  explicit Block(const Merge &merge) : merge(merge) {}
};
} // namespace

/// Rows from `first` on.
static void place(Block &block, int64_t first, int rows) {
  const Merge &merge = block.merge;
  block.rows = rows;
  for (int d = merge.numDims; d-- > 0; first /= merge.extents[d])
    block.index[0][d] = d == 0 ? first : first % merge.extents[d];
  for (int r = 1; r < rows; ++r) {
    copyExtents(block.index[r], block.index[r - 1], merge.numDims);
    for (int d = merge.numDims; d-- > 0;) {
      if (++block.index[r][d] < merge.extents[d])
        break;
      block.index[r][d] = 0;
    }
  }
}

/// addresses[r] = that of the block's row r of a tensor.
ATTNC_INLINE static void addressRows(const Block &block, const DLTensor &tensor, const int64_t *compact,
                                     const char **addresses) {
  const Merge &merge = block.merge;
  const int64_t *strides = tensor.strides ? tensor.strides : compact;
  const char *base = static_cast<const char *>(tensor.data) + tensor.byte_offset;
  int64_t elementBytes = tensor.dtype.bits / 8;
  for (int r = 0; r < block.rows; ++r) {
    int64_t offset = 0;
    for (int d = 0; d < merge.numDims; ++d)
      offset += block.index[r][d] * strides[merge.position[d]];
    addresses[r] = base + offset * elementBytes;
  }
}

ATTNC_INLINE static void readLse(const Block &block, const DLTensor &lse, double *values) {
  const char *addresses[blockRows];
  addressRows(block, lse, block.merge.compactLse, addresses);
  for (int r = 0; r < blockRows; ++r)
    values[r] = -INFINITY;
  for (int r = 0; r < block.rows; ++r)
    values[r] = lse.dtype.bits == 64 ? *reinterpret_cast<const double *>(addresses[r])
                                     : *reinterpret_cast<const float *>(addresses[r]);
}

ATTNC_INLINE static void writeLse(const Block &block, const DLTensor &lse, const double *values) {
  const char *addresses[blockRows];
  addressRows(block, lse, block.merge.compactLse, addresses);
  for (int r = 0; r < block.rows; ++r)
    if (lse.dtype.bits == 64)
      *reinterpret_cast<double *>(const_cast<char *>(addresses[r])) = values[r];
    else
      *reinterpret_cast<float *>(const_cast<char *>(addresses[r])) = static_cast<float>(values[r]);
}

/// The weights of a block, and its lse.
ATTNC_INLINE static void weigh(Block &block) {
  const Merge &merge = block.merge;
  double max[blockRows], sum[blockRows] = {}, poison[blockRows] = {}; // poison: 0 or NaN
  for (double &m : max)
    m = -INFINITY;
  for (int p = 0; p < merge.numParts; ++p) {
    double *lse = block.weights[p];
    readLse(block, *merge.parts[p].lse, lse);
    for (int r = 0; r < blockRows; ++r) {
      max[r] = lse[r] > max[r] ? lse[r] : max[r];
      poison[r] = lse[r] < INFINITY ? poison[r] : NAN;
    }
  }
  for (double &m : max)
    m = m == -INFINITY ? 0 : m; // no part has keys: all weights are 0, and the log of their sum is -inf
  for (int p = 0; p < merge.numParts; ++p)
    for (int r = 0; r < blockRows; ++r) {
      double lse = block.weights[p][r], weight = expOfNegative(lse - max[r]) + poison[r];
      sum[r] += weight;
      block.weights[p][r] = lse == -INFINITY ? notRead : weight;
    }
  for (int r = 0; r < blockRows; ++r) {
    double log = max[r] + logOfLarge(sum[r]);
    block.hasKeys[r] = sum[r] != 0;
    max[r] = (sum[r] == 0 ? -INFINITY : log) + poison[r];
  }
  for (int p = 0; p < merge.numParts; ++p)
    for (int r = 0; r < blockRows; ++r)
      block.weights[p][r] = block.weights[p][r] == notRead ? notRead : block.weights[p][r] / sum[r];
  if (merge.lse)
    writeLse(block, *merge.lse, max);
}

/// Features [first, first + count) of row r at `target`.
template <Level level, typename In, typename Out>
ATTNC_INLINE static void sumFeatures(const Block &block, int r, int64_t first, int64_t count, Out *target) {
  using Sum = std::conditional_t<sizeof(In) == 8 || sizeof(Out) == 8, double, float>;
  Sum sums[chunkFeatures];
  for (Sum &sum : sums)
    sum = block.hasKeys[r] ? Sum(-0.0) : Sum(0); // -0 + x is x
  for (int p = 0; p < block.merge.numParts; ++p) {
    if (block.weights[p][r] == notRead)
      continue;
    auto *values = reinterpret_cast<const In *>(block.sources[p][r]) + first;
    auto weight = static_cast<Sum>(block.weights[p][r]);
    for (int64_t e = 0; e < count; ++e)
      sums[e] = weight * static_cast<Sum>(widen<level>(values[e])) + sums[e];
  }
  for (int64_t e = 0; e < count; ++e)
    narrow<level>(sums[e], target[first + e]);
}

template <Level level, typename In, typename Out>
ATTNC_INLINE static void sumRow(const Block &block, int r, char *at) {
  auto *target = reinterpret_cast<Out *>(at);
  int64_t first = 0;
  for (; first + chunkFeatures <= block.merge.features; first += chunkFeatures) // a known number: sums are registers
    sumFeatures<level, In>(block, r, first, chunkFeatures, target);
  for (; first < block.merge.features; ++first)
    sumFeatures<level, In>(block, r, first, 1, target);
}

template <Level level>
ATTNC_INLINE static void mergeRowsAt(const Merge &merge, int64_t begin, int64_t end) {
  DLDataType outType = merge.o->dtype, inType = merge.numParts ? merge.parts[0].o->dtype : outType;
  Block block(merge);
  const char *targets[blockRows];
  for (int64_t first = begin; first < end; first += blockRows) {
    place(block, first, end - first < blockRows ? static_cast<int>(end - first) : blockRows);
    weigh(block);
    for (int p = 0; p < merge.numParts; ++p)
      addressRows(block, *merge.parts[p].o, merge.compactO, block.sources[p]);
    addressRows(block, *merge.o, merge.compactO, targets);
    forTypes(inType, outType, [&]<typename In, typename Out>(In, Out) ATTNC_INLINED {
      for (int r = 0; r < block.rows; ++r)
        sumRow<level, In, Out>(block, r, const_cast<char *>(targets[r]));
    });
  }
}

#ifdef __x86_64__
__attribute__((target("avx2,fma,f16c"))) static void mergeRowsV3(const Merge &merge, int64_t begin, int64_t end) {
  mergeRowsAt<Level::V3>(merge, begin, end);
}
#endif

void attnc::rt::mergeRows(const Merge &merge, int64_t begin, int64_t end) {
#ifdef __x86_64__
  if (attnc_cpu_features() & ATTNC_CPU_X86_64_V3)
    return mergeRowsV3(merge, begin, end);
#endif
  mergeRowsAt<Level::Baseline>(merge, begin, end);
}
