//===- SetComputeType.cpp - products and attention in another float type --===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %t = linalg.transpose ins(%x)
//   %y = linalg.contract ins(%t, %w : tensor<?x768xf32>, tensor<768x3072xf32>) outs(%zero : tensor<?x3072xf32>)
// -> type=bf16
//   %n = linalg.generic { arith.truncf } ins(%x)            // before views of it: those stay views
//   %t = linalg.transpose ins(%n)
//   %v = linalg.generic { arith.truncf } ins(%w)            // of a weight: a recipe (fold-weights)
//   %y = linalg.contract ins(%t, %v : tensor<?x768xbf16>, tensor<768x3072xbf16>) outs(%zero : tensor<?x3072xf32>)
//
// The same for q, k and v of an attention. Sums stay f32, and so does everything that is neither a product nor an
// attention; what sums in f64 stays as it is. A tensor is converted once, and where its only readers are such operands, the op that makes it writes
// the narrow type: the conversion becomes a part of it in fuse-epilogue and fuse-elementwise, and the output of an
// attention changes its type here.
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Contraction.h"
#include "compiler/fusion/Passes.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace attnc::fusion {
#define GEN_PASS_DEF_SETCOMPUTETYPE
#include "compiler/fusion/Passes.h.inc"

static Type elementOf(Value tensor) { return getElementTypeOrSelf(tensor.getType()); }

static RankedTensorType withElement(Value tensor, Type element) {
  return cast<RankedTensorType>(tensor.getType()).clone(element);
}

/// `value` as a `type`; by f32 between the two types of 16 bits.
static Value convertFloat(OpBuilder &b, Location loc, Value value, FloatType type) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), to = type.getWidth();
  if (value.getType() == type)
    return value;
  if (from == to)
    return convertFloat(b, loc, convertFloat(b, loc, value, b.getF32Type()), type);
  return from < to ? arith::ExtFOp::create(b, loc, type, value).getResult()
                   : arith::TruncFOp::create(b, loc, type, value).getResult();
}

/// The tensor that has the shape of `tensor` from the start: asking it for an extent makes no reader of what is computed.
static Value shapeOf(Value tensor) {
  while (auto op = tensor.getDefiningOp<DestinationStyleOpInterface>())
    tensor = op.getTiedOpOperand(cast<OpResult>(tensor))->get();
  return tensor;
}

static Value emptyLike(OpBuilder &b, Location loc, Value tensor, Type element) {
  Value shape = shapeOf(tensor);
  auto empty = shape.getDefiningOp<tensor::EmptyOp>();
  return tensor::EmptyOp::create(b, loc, empty ? empty.getMixedSizes() : tensor::getMixedSizes(b, loc, shape), element);
}

/// `tensor`, element by element, as a `type`.
static Value convertTensor(OpBuilder &b, Location loc, Value tensor, FloatType type) {
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  auto convert = [&](OpBuilder &body, Location at, ValueRange arguments) {
    linalg::YieldOp::create(body, at, convertFloat(body, at, arguments[0], type));
  };
  Value empty = emptyLike(b, loc, tensor, type);
  return linalg::GenericOp::create(b, loc, empty.getType(), tensor, empty, maps, loops, convert)->getResult(0);
}

namespace {
/// Makes operands of one type, each once.
class Operands {
public:
  explicit Operands(FloatType type) : type(type) {}

  /// `tensor` with elements of the type.
  Value converted(Value tensor) {
    if (elementOf(tensor) == type || !isa<FloatType>(elementOf(tensor)))
      return tensor;
    Value &known = made[tensor];
    if (!known) {
      Value result = make(tensor); // may rehash
      return made[tensor] = result;
    }
    return known;
  }

private:
  Value make(Value tensor) {
    OpBuilder b(tensor.getContext());
    b.setInsertionPointAfterValue(tensor);
    Operation *op = tensor.getDefiningOp();
    if (Value view = op ? makeView(b, op) : Value())
      return view;
    return convertTensor(b, tensor.getLoc(), tensor, type);
  }

  /// The view `op` of its converted source; null if it is none.
  Value makeView(OpBuilder &b, Operation *op) {
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ExtractSliceOp, attn::WindowsOp>(
            [&](auto view) { return cloned(b, op, view->getOpOperand(0)); })
        .Case([&](linalg::LinalgOp structured) { return copied(b, structured); })
        .Default(Value());
  }

  Value cloned(OpBuilder &b, Operation *op, OpOperand &source) {
    if (!isa<RankedTensorType>(source.get().getType()))
      return {};
    IRMapping mapping;
    mapping.map(source.get(), converted(source.get()));
    Operation *view = b.clone(*op, mapping);
    view->getResult(0).setType(withElement(op->getResult(0), type));
    return view->getResult(0);
  }

  /// A transpose or broadcast; and what was widened before, without loss, from this type.
  Value copied(OpBuilder &b, linalg::LinalgOp op) {
    OpOperand *source = getConvertedOperand(op);
    if (!source || (!getCopiedOperand(op) && elementOf(source->get()) != type))
      return {};
    bool isSame = source->get().getType() == withElement(op->getResult(0), type);
    if (isSame && llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }))
      return source->get();
    Location loc = op.getLoc();
    SmallVector<AffineMap> maps{op.getMatchingIndexingMap(source), op.getMatchingIndexingMap(op.getDpsInitOperand(0))};
    Value input = converted(source->get()), empty = emptyLike(b, loc, op->getResult(0), type);
    auto copy = [](OpBuilder &body, Location at, ValueRange arguments) {
      linalg::YieldOp::create(body, at, arguments[0]);
    };
    return linalg::GenericOp::create(b, loc, empty.getType(), input, empty, maps, op.getIteratorTypesArray(), copy)
        ->getResult(0);
  }

  FloatType type;
  llvm::DenseMap<Value, Value> made;
};
} // namespace

/// `op` on converted operands.
static void convertContraction(linalg::LinalgOp op, Operands &operands) {
  OpBuilder b(op);
  Value lhs = operands.converted(op.getDpsInputOperand(0)->get());
  Value rhs = operands.converted(op.getDpsInputOperand(1)->get()), init = op.getDpsInitOperand(0)->get();
  auto product = linalg::ContractOp::create(b, op.getLoc(), TypeRange{init.getType()}, ValueRange{lhs, rhs},
                                            ValueRange{init}, b.getAffineMapArrayAttr(op.getIndexingMapsArray()));
  op->replaceAllUsesWith(product->getResults());
  op->erase();
}

/// Every reader of `tensor`, behind views too, is an operand that will have the type.
static bool isReadNarrow(Value tensor, const llvm::SmallPtrSetImpl<Operation *> &products) {
  return llvm::all_of(tensor.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isView(user, /*broadcasts=*/true))
      return isReadNarrow(user->getResult(0), products);
    unsigned operands = isa<attn::AttentionOp>(user) ? 3 : 2;
    return isa<tensor::DimOp>(user) || (products.contains(user) && use.getOperandNumber() < operands);
  });
}

/// Computes with sums of f32, and has tensors as results.
static bool isConvertible(Operation *op) {
  if (auto attention = dyn_cast<attn::AttentionOp>(op))
    return op->getNumResults() && attention.getAccumulatorType().isF32();
  return isContraction(op) && elementOf(op->getResult(0)).isF32();
}

/// q, k and v; sums, scores and the softmax are of the accumulation type of f32.
static void convertAttention(attn::AttentionOp op, Operands &operands, FloatType type, bool isNarrow) {
  for (OpOperand *operand : {&op.getQMutable(), &op.getKMutable(), &op.getVMutable()})
    operand->set(operands.converted(operand->get()));
  if (!isNarrow)
    return;
  OpBuilder b(op);
  Value init = op.getInits()[0];
  op.getInitsMutable()[0].set(emptyLike(b, op.getLoc(), init, type));
  Value result = op->getResult(0);
  Type wide = elementOf(result);
  result.setType(withElement(result, type));
  b.setInsertionPointAfter(op);
  Value back = convertTensor(b, op.getLoc(), result, cast<FloatType>(wide)); // readers take what it converts
  result.replaceAllUsesExcept(back, back.getDefiningOp());
}

namespace {
struct SetComputeTypePass : impl::SetComputeTypeBase<SetComputeTypePass> {
  using SetComputeTypeBase::SetComputeTypeBase;

  void runOnOperation() override {
    auto type = dyn_cast_or_null<FloatType>(parseType(typeName, &getContext()));
    if (!type || !(type.isF32() || type.isF16() || type.isBF16())) {
      getOperation().emitError() << "no type that products compute in: '" << typeName << "' (f32, bf16, f16)";
      return signalPassFailure();
    }
    SmallVector<Operation *> found;
    llvm::SmallPtrSet<Operation *, 16> products;
    getOperation().walk([&](Operation *op) {
      if (isConvertible(op)) {
        found.push_back(op);
        products.insert(op);
      }
    });
    getOperation().walk([](tensor::DimOp dim) { dim.getSourceMutable().set(shapeOf(dim.getSource())); });
    SmallPtrSet<Operation *, 16> narrow;
    for (Operation *op : found)
      if (isa<attn::AttentionOp>(op) && isReadNarrow(op->getResult(0), products))
        narrow.insert(op);
    Operands operands(type);
    for (Operation *op : found)
      if (auto attention = dyn_cast<attn::AttentionOp>(op))
        convertAttention(attention, operands, type, narrow.contains(op));
      else
        convertContraction(cast<linalg::LinalgOp>(op), operands);
    eraseDead();
  }

private:
  /// The views that nobody reads any more: a second reader would keep a conversion out of an epilogue.
  void eraseDead() {
    getOperation().walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
      if (isOpTriviallyDead(op))
        op->erase();
    });
  }
};
} // namespace

} // namespace attnc::fusion
