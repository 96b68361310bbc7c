//===- FoldWeights.cpp - What is made of weights alone --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Before:
//
//   weights.data @w "bert.onnx" at 4096 : tensor<768x3072xf32>
//   %w = attn.weight @w : tensor<768x3072xf32>
//   %t = linalg.transpose ins(%w) outs(%e : tensor<3072x768xf32>) permutation = [1, 0]
//
// After: the artefact holds the transposed weight.
//
//   weights.data @w "bert.onnx" at 4096 : tensor<768x3072xf32>
//   weights.view @w.transposed of @w at 0 strides [1, 3072] : tensor<3072x768xf32>
//   %t = attn.weight @w.transposed : tensor<3072x768xf32>
//
// The same for slices, reshapes, arithmetic on elements (what a dequantised weight is made of), sums of integers, and tensors
// joined along a dimension. A chain of them folds link by link.
//
//===----------------------------------------------------------------------===//

#include "compiler/fusion/Passes.h"
#include "dialects/Attn/AttnOps.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace attnc::fusion {
#define GEN_PASS_DEF_FOLDWEIGHTS
#include "compiler/fusion/Passes.h.inc"

static attn::WeightOp weightOf(Value value) { return value.getDefiningOp<attn::WeightOp>(); }

static SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t dim = shape.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * shape[dim];
  return strides;
}

namespace {
class WeightFolder {
public:
  explicit WeightFolder(ModuleOp module) : symbols(module) {}

  /// The op that says how the result of `op` is made, or null if it is not made of weights alone.
  Operation *fold(Operation *op) {
    return llvm::TypeSwitch<Operation *, Operation *>(op)
        .Case([&](linalg::TransposeOp transpose) { return foldTranspose(transpose); })
        .Case([&](tensor::ExtractSliceOp slice) { return foldSlice(slice); })
        .Case<tensor::CollapseShapeOp, tensor::ExpandShapeOp>([&](auto reshape) { return foldReshape(reshape); })
        .Case([&](linalg::GenericOp generic) {
          return generic.getNumReductionLoops() ? foldSum(generic) : foldElementwise(generic);
        })
        .Case([&](tensor::InsertSliceOp insert) { return foldConcat(insert); })
        .Default([](Operation *) -> Operation * { return nullptr; });
  }

private:
  /// A builder behind the op that declares `source`, or the last of several.
  OpBuilder behind(ArrayRef<attn::WeightOp> sources) {
    Operation *last = nullptr;
    for (attn::WeightOp source : sources)
      if (Operation *op = symbols.lookup(source.getName()); !last || last->isBeforeInBlock(op))
        last = op;
    OpBuilder builder(last->getContext());
    builder.setInsertionPointAfter(last);
    return builder;
  }

  std::string unique(StringRef source, StringRef what) {
    std::string name = (source + "." + what).str();
    for (int i = 2; symbols.lookup(name); ++i)
      name = (source + "." + what + "_" + Twine(i)).str();
    return name;
  }

  template <typename OpTy, typename... Args>
  Operation *declare(Operation *made, ArrayRef<attn::WeightOp> sources, StringRef what, Args... args) {
    OpBuilder builder = behind(sources);
    Type type = made->getResult(0).getType();
    attn::WeightOp first = sources.front();
    auto op = OpTy::create(builder, made->getLoc(), builder.getStringAttr(unique(first.getName(), what)), args...,
                           TypeAttr::get(type));
    symbols.insert(op);
    return op;
  }

  Operation *declareView(Operation *made, attn::WeightOp source, StringRef what, int64_t at,
                         ArrayRef<int64_t> strides) {
    Builder builder(made->getContext());
    return declare<weights::ViewOp>(made, source, what, source.getNameAttr(), builder.getI64IntegerAttr(at),
                                    builder.getDenseI64ArrayAttr(strides), DenseI64ArrayAttr(), IntegerAttr());
  }

  Operation *foldTranspose(linalg::TransposeOp op) {
    attn::WeightOp source = weightOf(op.getInput());
    if (!source || op->getNumResults() != 1)
      return nullptr;
    SmallVector<int64_t> from = stridesOf(source.getType().getShape());
    auto strides = llvm::map_to_vector(op.getPermutation(), [&](int64_t dim) { return from[dim]; });
    return declareView(op, source, "transposed", 0, strides);
  }

  Operation *foldSlice(tensor::ExtractSliceOp op) {
    attn::WeightOp source = weightOf(op.getSource());
    if (!source || ShapedType::isDynamicShape(op.getStaticOffsets()) ||
        ShapedType::isDynamicShape(op.getStaticSizes()) || ShapedType::isDynamicShape(op.getStaticStrides()))
      return nullptr;
    int64_t at = 0;
    SmallVector<int64_t> strides, from = stridesOf(source.getType().getShape());
    llvm::SmallBitVector dropped = op.getDroppedDims();
    for (size_t dim = 0; dim < from.size(); ++dim) {
      at += op.getStaticOffset(dim) * from[dim];
      if (!dropped[dim])
        strides.push_back(op.getStaticStride(dim) * from[dim]);
    }
    return declareView(op, source, "slice", at, strides);
  }

  template <typename OpTy>
  Operation *foldReshape(OpTy op) {
    attn::WeightOp source = weightOf(op.getSrc());
    auto type = cast<RankedTensorType>(op.getResult().getType());
    return source && type.hasStaticShape() ? declareView(op, source, "reshaped", 0, stridesOf(type.getShape()))
                                           : nullptr;
  }

  /// generic ins(weights and constants) outs(...) { arithmetic on their elements }: op by op, where nothing becomes larger.
  Operation *foldElementwise(linalg::GenericOp op) {
    SmallVector<attn::WeightOp> sources;
    int64_t largest = 0;
    for (Value input : op.getDpsInputs())
      if (attn::WeightOp source = weightOf(input)) {
        sources.push_back(source);
        largest = std::max(largest, source.getType().getNumElements());
      }
    auto type = op->getNumResults() == 1 ? dyn_cast<RankedTensorType>(op->getResult(0).getType()) : RankedTensorType();
    if (sources.empty() || !type || !type.hasStaticShape() || type.getNumElements() > largest)
      return nullptr;
    return ElementFolder(*this, op, sources, type.getShape()).fold();
  }

  /// generic ins(weight) outs(0) { yield the sum so far, plus the element with its sign }, along one dimension.
  Operation *foldSum(linalg::GenericOp op) {
    if (op.getNumDpsInputs() != 1 || op->getNumResults() != 1 || op.getNumReductionLoops() != 1)
      return nullptr;
    attn::WeightOp source = weightOf(op.getDpsInputs()[0]);
    auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
    if (!source || !fill || !matchPattern(fill.getInputs()[0], m_Zero()) ||
        !op.getIndexingMapsArray()[0].isIdentity() || !isa<IntegerType>(source.getType().getElementType()))
      return nullptr;
    SmallVector<unsigned> loops;
    op.getReductionDims(loops);
    SmallVector<AffineExpr> kept;
    for (unsigned dim = 0; dim < op.getNumLoops(); ++dim)
      if (dim != loops[0])
        kept.push_back(getAffineDimExpr(dim, op.getContext()));
    if (op.getIndexingMapsArray()[1] != AffineMap::get(op.getNumLoops(), 0, kept, op.getContext()))
      return nullptr;
    auto add = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::AddIOp>();
    if (!add || add.getLhs() != op.getBody()->getArgument(1))
      return nullptr;
    Value element = add.getRhs();
    if (auto wide = element.getDefiningOp<arith::ExtSIOp>())
      element = wide.getIn();
    if (element != op.getBody()->getArgument(0))
      return nullptr;
    return declare<weights::SumOp>(op, source, "sums", source.getNameAttr(),
                                   Builder(op.getContext()).getI64IntegerAttr(loops[0]));
  }

  /// A chain of insert_slice that fills an empty tensor with whole weights along one dimension.
  Operation *foldConcat(tensor::InsertSliceOp last) {
    RankedTensorType type = last.getResultType();
    if (!type.hasStaticShape())
      return nullptr;
    SmallVector<tensor::InsertSliceOp> inserts; // from the last to the first
    Value below = last.getResult();
    while (auto insert = below.getDefiningOp<tensor::InsertSliceOp>()) {
      inserts.push_back(insert);
      below = insert.getDest();
    }
    if (!below.getDefiningOp<tensor::EmptyOp>())
      return nullptr;
    std::optional<int64_t> dim;
    int64_t next = 0;
    SmallVector<attn::WeightOp> sources;
    SmallVector<Attribute> names;
    for (tensor::InsertSliceOp insert : llvm::reverse(inserts)) {
      attn::WeightOp source = weightOf(insert.getSource());
      if (!source || !continues(insert, type, dim, next))
        return nullptr;
      sources.push_back(source);
      names.push_back(source.getNameAttr());
    }
    if (!dim || next != type.getDimSize(*dim))
      return nullptr;
    Builder builder(last.getContext());
    return declare<weights::ConcatOp>(last, sources, "joined", builder.getArrayAttr(names),
                                      builder.getI64IntegerAttr(*dim));
  }

  /// Whether `insert` fills the next part along `dim`, which the first narrower part chooses.
  static bool continues(tensor::InsertSliceOp insert, RankedTensorType whole, std::optional<int64_t> &dim,
                        int64_t &next) {
    if (insert.getSourceType().getShape() != insert.getStaticSizes() ||
        llvm::any_of(insert.getStaticStrides(), [](int64_t stride) { return stride != 1; }))
      return false;
    for (int64_t d = 0; d < whole.getRank() && !dim; ++d)
      if (insert.getStaticSize(d) != whole.getDimSize(d))
        dim = d;
    for (int64_t d = 0; d < whole.getRank(); ++d) {
      bool isJoined = dim == d;
      if (insert.getStaticOffset(d) != (isJoined ? next : 0) ||
          (!isJoined && insert.getStaticSize(d) != whole.getDimSize(d)))
        return false;
    }
    if (dim)
      next += insert.getStaticSize(*dim);
    return dim.has_value();
  }

  /// Makes weights of what the body of an elementwise generic computes. Every value in it is an op that declares a tensor of
  /// the result's shape.
  class ElementFolder {
  public:
    ElementFolder(WeightFolder &folder, linalg::GenericOp generic, ArrayRef<attn::WeightOp> sources,
                  ArrayRef<int64_t> shape)
        : folder(folder), generic(generic), sources(sources), shape(shape) {}

    Operation *fold() {
      Value yielded = generic.getBody()->getTerminator()->getOperand(0);
      auto isKnown = [&](Operation &inner) { return isFoldable(&inner); };
      if (!yielded.getDefiningOp() || yielded.getParentBlock() != generic.getBody() ||
          !llvm::all_of(generic.getIndexingMapsArray(),
                        [](AffineMap map) { return map.isProjectedPermutation(/*allowZeroInResults=*/true); }) ||
          !generic.getIndexingMapsArray().back().isIdentity() ||
          !llvm::all_of(generic.getBody()->without_terminator(), isKnown) ||
          !llvm::all_of(generic.getDpsInputs(), [](Value input) { return weightOf(input) || constantOf(input); }))
        return nullptr;
      return made(yielded);
    }

  private:
    static bool isCast(Operation *op) {
      return isa<arith::TruncFOp, arith::ExtFOp, arith::TruncIOp, arith::ExtSIOp, arith::ExtUIOp, arith::SIToFPOp,
                 arith::UIToFPOp>(op);
    }

    static DenseElementsAttr constantOf(Value value) {
      DenseElementsAttr elements;
      return matchPattern(value, m_Constant(&elements)) && elements.getElementType().getIntOrFloatBitWidth() >= 8
                 ? elements
                 : DenseElementsAttr();
    }

    /// The kind of a weights.combine.
    static StringRef combination(Operation *op) {
      if (isa<arith::AddIOp, arith::AddFOp>(op))
        return "add";
      if (isa<arith::SubIOp, arith::SubFOp>(op))
        return "sub";
      return isa<arith::MulIOp, arith::MulFOp>(op) ? "mul" : "";
    }

    /// Whole bytes, and nothing but numbers of this body.
    bool isFoldable(Operation *op) {
      if (op->getNumResults() != 1 || !op->getResult(0).getType().isIntOrFloat() ||
          op->getResult(0).getType().getIntOrFloatBitWidth() < 8)
        return false;
      if (op->hasTrait<OpTrait::ConstantLike>() || isCast(op))
        return true;
      Type type = op->getResult(0).getType();
      APInt number;
      if (isa<arith::ShRUIOp, arith::AndIOp>(op))
        return matchPattern(op->getOperand(1), m_ConstantInt(&number)) &&
               (isa<arith::AndIOp>(op) ? number.isMask() : number.ult(number.getBitWidth()));
      return !combination(op).empty() && (isa<IntegerType>(type) || type.isF32());
    }

    /// What declares the tensor of `value`'s elements.
    Operation *made(Value value) {
      if (Operation *known = declared.lookup(value))
        return known;
      Operation *op = value.getDefiningOp();
      Operation *result = !op                                     ? ofInput(cast<BlockArgument>(value).getArgNumber())
                          : op->hasTrait<OpTrait::ConstantLike>() ? ofNumber(op)
                                                                  : ofOp(op);
      return declared[value] = result;
    }

    template <typename OpTy, typename... Args>
    Operation *declare(StringRef what, Args... args) {
      OpBuilder builder = folder.behind(sources);
      if (last)
        builder.setInsertionPointAfter(last);
      auto op =
          OpTy::create(builder, generic.getLoc(),
                       builder.getStringAttr(folder.unique(attn::WeightOp(sources.front()).getName(), what)), args...);
      folder.symbols.insert(op);
      return last = op;
    }

    TypeAttr typeOf(Type element) const { return TypeAttr::get(RankedTensorType::get(shape, element)); }
    static FlatSymbolRefAttr nameOf(Operation *op) { return FlatSymbolRefAttr::get(op); }

    /// An element read along the dimensions of `map`, the same along the others.
    Operation *ofInput(unsigned number) {
      Value input = generic.getDpsInputs()[number];
      AffineMap map = generic.getIndexingMapsArray()[number];
      auto type = cast<RankedTensorType>(input.getType());
      attn::WeightOp weight = weightOf(input);
      Operation *source = weight ? folder.symbols.lookup(weight.getName())
                                 : declare<weights::ConstantOp>("constant", ElementsAttr(constantOf(input)));
      if (map.isIdentity())
        return source;
      SmallVector<int64_t> strides(shape.size(), 0), own = stridesOf(type.getShape());
      for (auto [dim, result] : llvm::enumerate(map.getResults()))
        if (auto loop = dyn_cast<AffineDimExpr>(result)) // else the one index of an extent of 1
          strides[loop.getPosition()] = own[dim];
      return view(source, strides, type.getElementType());
    }

    Operation *view(Operation *source, ArrayRef<int64_t> strides, Type element) {
      Builder builder(source->getContext());
      return declare<weights::ViewOp>("spread", nameOf(source), builder.getI64IntegerAttr(0),
                                      builder.getDenseI64ArrayAttr(strides), DenseI64ArrayAttr(), IntegerAttr(),
                                      typeOf(element));
    }

    Operation *ofNumber(Operation *op) {
      Attribute number;
      (void)matchPattern(op, m_Constant(&number));
      Type element = op->getResult(0).getType();
      auto elements = DenseElementsAttr::get(RankedTensorType::get({1}, element), number);
      return view(declare<weights::ConstantOp>("constant", ElementsAttr(elements)),
                  SmallVector<int64_t>(shape.size(), 0), element);
    }

    Operation *ofOp(Operation *op) {
      Builder builder(op->getContext());
      TypeAttr type = typeOf(op->getResult(0).getType());
      if (isCast(op))
        return declare<weights::CastOp>("cast", nameOf(made(op->getOperand(0))),
                                        isa<arith::ExtUIOp, arith::UIToFPOp>(op) ? builder.getUnitAttr() : UnitAttr(),
                                        type);
      APInt number;
      bool isNumber = matchPattern(op->getOperand(1), m_ConstantInt(&number));
      if (isa<arith::ShRUIOp, arith::AndIOp>(op)) {
        unsigned from = isa<arith::AndIOp>(op) ? 0 : static_cast<unsigned>(number.getZExtValue());
        unsigned width = isa<arith::AndIOp>(op) ? number.countTrailingOnes() : number.getBitWidth() - from;
        return declare<weights::BitsOp>("bits", nameOf(made(op->getOperand(0))), builder.getI64IntegerAttr(from),
                                        builder.getI64IntegerAttr(width), type);
      }
      if (isa<arith::AddIOp>(op) && isNumber)
        return declare<weights::OffsetOp>("offset", nameOf(made(op->getOperand(0))),
                                          builder.getI64IntegerAttr(number.getSExtValue()), type);
      Operation *lhs = made(op->getOperand(0)), *rhs = made(op->getOperand(1));
      return declare<weights::CombineOp>("combined", nameOf(lhs), nameOf(rhs), builder.getStringAttr(combination(op)),
                                         type);
    }

    WeightFolder &folder;
    linalg::GenericOp generic;
    ArrayRef<attn::WeightOp> sources;
    ArrayRef<int64_t> shape;
    Operation *last = nullptr; ///< what was declared last; the next one stands behind it
    llvm::DenseMap<Value, Operation *> declared;
  };

  SymbolTable symbols;
};

struct FoldWeightsPass : impl::FoldWeightsBase<FoldWeightsPass> {
  void runOnOperation() override {
    WeightFolder folder(getOperation());
    SmallVector<Operation *> ops; // in order: a link of a chain before the next
    getOperation().walk([&](func::FuncOp function) {
      for (Block &block : function.getBody())
        for (Operation &op : block)
          ops.push_back(&op);
    });
    bool changed = false;
    for (Operation *op : ops) {
      Operation *made = folder.fold(op);
      if (!made)
        continue;
      OpBuilder builder(op);
      auto type = cast<RankedTensorType>(op->getResult(0).getType());
      auto weight = attn::WeightOp::create(builder, op->getLoc(), type, SymbolTable::getSymbolName(made).getValue());
      op->replaceAllUsesWith(weight->getResults());
      ++numFolded;
      changed = true;
    }
    if (!changed)
      return;
    for (Operation *op : llvm::reverse(ops))
      if (isOpTriviallyDead(op))
        op->erase();
    getOperation().walk([](attn::WeightOp weight) { // those of the first links of a chain
      if (weight.use_empty())
        weight.erase();
    });
    weights::eraseUnused(getOperation());
  }
};
} // namespace

} // namespace attnc::fusion
