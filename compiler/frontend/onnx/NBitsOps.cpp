//===- NBitsOps.cpp - Weights of two, four or eight bits ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// com.microsoft's weights in blocks: row n, of K numbers, is blocks of a power of two, each with a scale and a zero point.
//
//   w[n, k] = (q[n, k] - zero[n, k / block]) * scale[n, k / block]
//
// q lies packed in bytes, the lowest bits first. Recipes unpack and scale such a weight once, when the artefact is written.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Composer.h"
#include "compiler/frontend/onnx/Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <fmt/format.h>

using namespace mlir;
using namespace attnc::onnx;

namespace {
/// What the bytes of a constant hold, `bits` each.
DenseElementsAttr unpacked(DenseElementsAttr bytes, RankedTensorType type, int64_t bits) {
  std::vector<int8_t> numbers;
  for (int8_t stored : bytes.getValues<int8_t>())
    for (int64_t shift = 0; shift < 8; shift += bits)
      numbers.push_back(static_cast<int8_t>((static_cast<uint8_t>(stored) >> shift) & ((1 << bits) - 1)));
  return DenseElementsAttr::get(type, ArrayRef(numbers));
}

/// [.., bytes] as the integers of `bits` that they hold: [.., bytes * 8 / bits], uint8.
Tensor *unpack(NodeContext &ctx, Tensor *packed, int64_t bits) {
  if (!packed || bits == 8)
    return packed;
  Composer c(ctx);
  SymList shape(packed->shape);
  shape.back() = ctx.symbols.mul(shape.back(), 8 / bits);
  Type ui8 = ctx.emit.builder.getIntegerType(8, /*isSigned=*/false);
  if (packed->constant)
    return ctx.emit.constant(unpacked(packed->constant, ctx.emit.typeOf(ui8, shape), bits), ui8);
  SmallVector<Tensor *> parts;
  SymList column(packed->shape);
  column.push_back(Sym(1));
  for (int64_t shift = 0; shift < 8; shift += bits) {
    Tensor *part = ctx.emit.elementwise(packed, ui8, packed->shape, [&](OpBuilder &b, Location l, ValueRange in) {
      Value number = in[0];
      if (shift)
        number = arith::ShRUIOp::create(b, l, number, scalar::constantLike(b, l, number, static_cast<double>(shift)));
      if (shift + bits < 8)
        number = arith::AndIOp::create(b, l, number, scalar::constantLike(b, l, number, (1 << bits) - 1));
      return number;
    });
    parts.push_back(c.reshape(part, column));
  }
  return c.reshape(c.join(parts, packed->rank()), shape);
}

/// A weight of `rows` rows of `length` numbers in blocks.
struct Blocks {
  Sym rows;
  int64_t length, block, bits;
  int64_t count() const { return llvm::divideCeil(length, block); }
};

/// One number for each block: [rows, count, 1].
Tensor *perBlock(NodeContext &ctx, Tensor *numbers, const Blocks &of, StringRef what) {
  Sym all = ctx.symbols.mul(of.rows, of.count());
  Composer c(ctx);
  if (ctx.symbols.product(numbers->shape) != all) {
    (void)ctx.fail(fmt::format("its {} {} are not one for each of {} blocks in {} rows", what.str(),
                               ctx.describe(numbers), of.count(), ctx.symbols.str(of.rows)));
    return nullptr;
  }
  return c.reshape(c.reshape(numbers, {all}), {of.rows, Sym(of.count()), Sym(1)});
}

/// Zero points, floats or packed as the weight is, each row in bytes of its own; null, without an error, if there are none.
FailureOr<Tensor *> zeroPoints(NodeContext &ctx, Tensor *zeros, const Blocks &of) {
  if (!zeros)
    return zeros;
  Composer c(ctx);
  if (!zeros->isFloat()) {
    int64_t bytes = llvm::divideCeil(of.count() * of.bits, 8);
    if (ctx.symbols.product(zeros->shape) != ctx.symbols.mul(of.rows, bytes))
      return ctx.fail(fmt::format("its zero points {} are not {} bytes for each of {} rows", ctx.describe(zeros), bytes,
                                  ctx.symbols.str(of.rows)));
    zeros = c.reshape(c.reshape(zeros, {ctx.symbols.mul(of.rows, bytes)}), {of.rows, Sym(bytes)});
    zeros = c.part(unpack(ctx, zeros, of.bits), 1, 0, Sym(of.count()));
  }
  Tensor *each = zeros ? perBlock(ctx, zeros, of, "zero points") : nullptr;
  if (!each)
    return failure();
  return each;
}

/// The float32 weight [rows, length].
Tensor *dequantised(NodeContext &ctx, Tensor *packed, Tensor *scales, Tensor *zeros, const Blocks &of) {
  Composer c(ctx);
  Sym bytes(of.block * of.bits / 8);
  SymList shape{of.rows, Sym(of.count()), bytes};
  if (ctx.symbols.product(packed->shape) != ctx.symbols.product(shape)) {
    (void)ctx.fail(fmt::format("{} is not {} blocks of {} bytes in each of {} rows", ctx.describe(packed), of.count(),
                               ctx.symbols.str(bytes), ctx.symbols.str(of.rows)));
    return nullptr;
  }
  Tensor *numbers = unpack(ctx, c.reshape(packed, shape), of.bits), *scale = perBlock(ctx, scales, of, "scales");
  FailureOr<Tensor *> zero = zeroPoints(ctx, zeros, of);
  if (!numbers || !scale || failed(zero))
    return nullptr;
  Type f32 = ctx.emit.builder.getF32Type();
  SmallVector<Tensor *> operands{numbers, scale};
  if (*zero)
    operands.push_back(*zero);
  auto wide = [&](OpBuilder &b, Location l, Value x) -> Value {
    if (isa<IntegerType>(x.getType()))
      return arith::UIToFPOp::create(b, l, f32, x);
    return x.getType() == f32 ? x : Value(arith::ExtFOp::create(b, l, f32, x));
  };
  Tensor *real =
      ctx.emit.elementwise(operands, f32, numbers->shape, [&](OpBuilder &b, Location l, ValueRange in) -> Value {
        Value number = wide(b, l, in[0]);
        Value point = in.size() > 2 ? wide(b, l, in[2])
                                    : scalar::constantLike(b, l, number, static_cast<double>(1 << (of.bits - 1)));
        return arith::MulFOp::create(b, l, arith::SubFOp::create(b, l, number, point), wide(b, l, in[1]));
      });
  real = c.reshape(real, {of.rows, Sym(of.count() * of.block)});
  return c.part(real, 1, 0, Sym(of.length));
}

/// What the attributes say of rows of `length` numbers.
FailureOr<Blocks> readBlocks(NodeContext &ctx, const Sym &rows, int64_t length, int64_t least) {
  Blocks of{rows, length, ctx.intAttr("block_size"), ctx.intAttr("bits")};
  constexpr int64_t kMost = int64_t(1) << 29;
  if (of.bits != 2 && of.bits != 4 && of.bits != 8)
    return ctx.fail(fmt::format("its bits are {}, expected 2, 4 or 8", of.bits));
  if (of.block < least || of.block > kMost || !llvm::isPowerOf2_64(static_cast<uint64_t>(of.block)))
    return ctx.fail(fmt::format("its block_size is {}, expected a power of two from {} on", of.block, least));
  if (length < 1 || length > kMost)
    return ctx.fail(fmt::format("its rows have {} numbers, expected 1 to 2^29", length));
  return of;
}

/// A W^T + bias, of W [N, K].
LogicalResult importMatMulNBits(NodeContext &ctx) {
  Tensor *a = ctx.input(0), *bias = ctx.input(5);
  int64_t rows = ctx.intAttr("N"), length = ctx.intAttr("K");
  ctx.attr("accuracy_level"); // sums are float32
  if (ctx.input(4))
    return ctx.fail("blocks in another order (g_idx) are not supported; export the model without it");
  if (rows < 1 || rows > INT32_MAX)
    return ctx.fail(fmt::format("its N is {}", rows));
  if (a->elementType.isF64())
    return ctx.fail("its A is of float64; weights in blocks are float32 at most");
  FailureOr<Blocks> of = readBlocks(ctx, Sym(rows), length, /*least=*/16);
  if (failed(of))
    return failure();
  Tensor *weight = dequantised(ctx, ctx.input(1), ctx.input(2), ctx.input(3), *of);
  if (!weight)
    return failure();
  Composer c(ctx);
  // In float32, whatever A is: so a weight of four bits can stay packed.
  Tensor *product = c.cast(c.matMul(c.cast(a, weight->elementType), c.transpose(weight, {1, 0})), a->elementType);
  return c.finish(bias ? c.add(product, bias) : product);
}

/// Rows of a table [V, W] for each of `ids`: [ids.., W]
Tensor *rowsAt(NodeContext &ctx, Tensor *table, Tensor *ids) {
  SymList shape(ids->shape);
  shape.push_back(table->shape[1]);
  AffineMap all = AffineMap::getMultiDimIdentityMap(shape.size(), ctx.emit.builder.getContext());
  Value source = ctx.emit.value(table), extent = ctx.emit.index(table->shape[0]);
  ctx.noteIndices(ids, table->shape[0]);
  return ctx.emit.generic(ids, all.getMajorSubMap(ids->rank()), all, table->elementType, shape,
                          [&](OpBuilder &b, Location l, ValueRange in) -> Value {
                            Value at = emitPosition(b, l, in[0], extent),
                                  column = linalg::IndexOp::create(b, l, ids->rank());
                            return tensor::ExtractOp::create(b, l, source, ValueRange{at, column});
                          });
}

/// Rows of a table in blocks, of which only those that are read are unpacked.
LogicalResult importGatherBlockQuantized(NodeContext &ctx) {
  Tensor *table = ctx.input(0), *ids = ctx.input(1), *scales = ctx.input(2), *zeros = ctx.input(3);
  if (ctx.intAttr("gather_axis") != 0 || table->rank() != 2 || scales->rank() != 2 ||
      (ctx.intAttr("quantize_axis") != 1 && ctx.intAttr("quantize_axis") != -1))
    return ctx.fail("only the rows of a matrix in blocks along them are supported");
  if (!table->elementType.isUnsignedInteger(8) ||
      (zeros && (zeros->rank() != 2 || zeros->elementType != table->elementType)))
    return ctx.fail(fmt::format("{} is not of packed bytes, uint8", ctx.describe(table)));
  std::optional<int64_t> bytes = table->shape[1].constant();
  int64_t bits = ctx.intAttr("bits");
  if (!bytes || (bits != 2 && bits != 4 && bits != 8))
    return ctx.fail(fmt::format("{} does not hold rows of a fixed length", ctx.describe(table)));
  Sym rows = ctx.symbols.product(ids->shape);
  FailureOr<Blocks> of = readBlocks(ctx, rows, *bytes * 8 / bits, /*least=*/16);
  if (failed(of))
    return failure();
  if (of->length % of->block != 0)
    return ctx.fail(fmt::format("rows of {} numbers are no whole blocks of {}", of->length, of->block));
  Composer c(ctx);
  auto flat = [&](Tensor *each) {
    Tensor *taken = rowsAt(ctx, each, ids);
    return c.reshape(taken, {rows, each->shape[1]});
  };
  Tensor *packed = flat(table), *factors = flat(scales), *points = zeros ? flat(zeros) : nullptr;
  if (!packed || !factors || (zeros && !points))
    return failure();
  SymList shape(ids->shape);
  shape.push_back(Sym(of->length));
  return c.finish(c.cast(c.reshape(dequantised(ctx, packed, factors, points, *of), shape), scales->elementType));
}
} // namespace

void attnc::onnx::addNBitsOps(OpTable &table) {
  table.add(1,
            "com.microsoft.MatMulNBits(A: float, B: whole, scales: float, zero_points?: any, g_idx?: int, bias?: "
            "float; K: int, N: int, accuracy_level = 0, bits = 4, block_size: int)",
            importMatMulNBits);
  table.add(
      1,
      "com.microsoft.GatherBlockQuantized(data: whole, indices: int, scales: float, zero_points?: whole; bits = 4, "
      "block_size = 128, gather_axis = 0, quantize_axis = 1)",
      importGatherBlockQuantized);
}
