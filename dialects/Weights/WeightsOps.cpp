//===- WeightsOps.cpp - The weights of a model ----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Weights/WeightsOps.h"
#include "dialects/Common/Alignment.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attnc::weights;

#include "dialects/Weights/WeightsDialect.cpp.inc"

#pragma clang diagnostic push // what tablegen writes
#pragma clang diagnostic ignored "-Wshadow"
#define GET_OP_CLASSES
#include "dialects/Weights/WeightsOps.cpp.inc"
#pragma clang diagnostic pop

void WeightsDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Weights/WeightsOps.cpp.inc"
      >();
  mapped = std::make_shared<Files>();
}

Files &WeightsDialect::files() { return *mapped; }

//===----------------------------------------------------------------------===//
// Looking at ops
//===----------------------------------------------------------------------===//

RankedTensorType attnc::weights::typeOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, RankedTensorType>(op)
      .Case<DataOp, ViewOp, CastOp, OffsetOp, SumOp, ConstantOp, BitsOp, PackOp, BitcastOp, CombineOp, ConcatOp>(
          [](auto weight) { return weight.getTensorType(); })
      .Default(RankedTensorType());
}

Operation *attnc::weights::lookup(Operation *user, FlatSymbolRefAttr name) {
  Operation *found = user->getParentOfType<ModuleOp>().lookupSymbol(name.getAttr());
  if (found && typeOf(found))
    return found;
  user->emitOpError() << "there is no weight " << name;
  return nullptr;
}

StackOp attnc::weights::lookupStack(Operation *user, FlatSymbolRefAttr name) {
  auto found = user->getParentOfType<ModuleOp>().lookupSymbol<StackOp>(name.getAttr());
  if (!found)
    user->emitOpError() << "there is no stack of weights " << name;
  return found;
}

SmallVector<FlatSymbolRefAttr> attnc::weights::sourcesOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, SmallVector<FlatSymbolRefAttr>>(op)
      .Case([](CombineOp made) { return SmallVector<FlatSymbolRefAttr>{made.getFirstAttr(), made.getSecondAttr()}; })
      .Case<ViewOp, CastOp, OffsetOp, SumOp, BitsOp, PackOp, BitcastOp>(
          [](auto made) { return SmallVector<FlatSymbolRefAttr>{made.getSourceAttr()}; })
      .Case<ConcatOp, StackOp>([](auto made) {
        return SmallVector<FlatSymbolRefAttr>(made.getSources().template getAsRange<FlatSymbolRefAttr>());
      })
      .Default(SmallVector<FlatSymbolRefAttr>());
}

void attnc::weights::eraseUnused(ModuleOp module) {
  llvm::StringMap<Operation *> weights;
  auto isWeight = [](Operation *op) { return isa_and_present<WeightsDialect>(op->getDialect()); };
  for (Operation &op : *module.getBody())
    if (isWeight(&op))
      weights[SymbolTable::getSymbolName(&op).getValue()] = &op;
  llvm::SmallPtrSet<Operation *, 16> used;
  SmallVector<Operation *> next;
  auto use = [&](StringRef name) {
    if (Operation *op = weights.lookup(name); op && used.insert(op).second)
      next.push_back(op);
  };
  module.walk([&](Operation *op) {
    if (!isWeight(op))
      for (NamedAttribute attribute : op->getAttrs())
        if (auto name = dyn_cast<FlatSymbolRefAttr>(attribute.getValue()))
          use(name.getValue());
  });
  while (!next.empty())
    for (FlatSymbolRefAttr source : sourcesOf(next.pop_back_val()))
      use(source.getValue());
  for (auto &entry : weights)
    if (!used.contains(entry.second))
      entry.second->erase();
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

/// Bytes of one element in memory; 0 for types that weights do not have.
static unsigned elementBytes(Type type) {
  if (!type.isIntOrFloat())
    return 0;
  unsigned bits = type.getIntOrFloatBitWidth();
  return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? bits / 8 : 0;
}

static LogicalResult verifyType(Operation *op) {
  RankedTensorType type = typeOf(op);
  if (!elementBytes(type.getElementType()))
    return op->emitOpError() << "elements of " << type.getElementType() << " are not whole bytes of a known number";
  uint64_t bytes = 8;
  for (int64_t extent : type.getShape())
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(std::max<int64_t>(1, extent)), &bytes) || bytes >> 62)
      return op->emitOpError() << "a tensor of this size does not fit into memory";
  return success();
}

LogicalResult DataOp::verify() {
  if (getFile().has_value() != getAt().has_value() || static_cast<int64_t>(getAt().value_or(0)) < 0)
    return emitOpError("lies at a position of its file, from 0 on");
  return verifyType(*this);
}

/// The type of a source; null, after an error, if it is no weight of the module or stands behind its user.
static RankedTensorType sourceType(Operation *op, FlatSymbolRefAttr name) {
  Operation *source = lookup(op, name);
  if (!source)
    return nullptr;
  if (source->isBeforeInBlock(op))
    return typeOf(source);
  op->emitOpError() << "is made of " << name << ", which stands behind it";
  return nullptr;
}

namespace {
/// The first and the last element that a view reads, kept below 2^62.
struct Reach {
  int64_t first, last;
  bool fits = true;

  /// Adds `factor` times an index from 0 to `last`.
  void add(int64_t factor, int64_t lastIndex) {
    int64_t end;
    fits &= !llvm::MulOverflow(factor, lastIndex, end);
    fits = fits && !llvm::AddOverflow(end < 0 ? first : last, end, end < 0 ? first : last);
  }
};
} // namespace

/// What is read of the source. Dimensions that count for the limit walk over the source in one direction: their strides
/// are one multiple of what they count for, so that the sum below the limit says where the last one lies.
static FailureOr<Reach> reachOf(ViewOp op) {
  ArrayRef<int64_t> shape = op.getTensorType().getShape(), strides = op.getStrides();
  ArrayRef<int64_t> inside = op.getInside().value_or(ArrayRef<int64_t>());
  Reach reach{static_cast<int64_t>(op.getAt()), static_cast<int64_t>(op.getAt())};
  Reach sum{0, 0};
  std::optional<int64_t> pitch; // elements of the source for each unit of the sum
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    if (inside.empty() || inside[dim] == 0) {
      reach.add(strides[dim], shape[dim] - 1);
      continue;
    }
    if (strides[dim] % inside[dim] != 0 || pitch.value_or(strides[dim] / inside[dim]) != strides[dim] / inside[dim])
      return op.emitOpError(
          "strides of the dimensions that count for the limit must be one multiple of what they count "
          "for");
    pitch = strides[dim] / inside[dim];
    sum.add(inside[dim], shape[dim] - 1);
  }
  if (pitch)
    reach.add(*pitch, std::min(sum.last, static_cast<int64_t>(*op.getLimit()) - 1));
  reach.fits &= sum.fits;
  return reach;
}

LogicalResult ViewOp::verify() {
  RankedTensorType source = sourceType(*this, getSourceAttr()), type = getTensorType();
  if (!source || failed(verifyType(*this)))
    return failure();
  if (source.getElementType() != type.getElementType())
    return emitOpError() << "has elements of " << type.getElementType() << ", " << getSourceAttr() << " has "
                         << source.getElementType();
  size_t rank = static_cast<size_t>(type.getRank());
  if (getStrides().size() != rank || (getInside() && getInside()->size() != rank))
    return emitOpError() << "needs one stride for each of its " << rank << " dimensions";
  if (getInside().has_value() != getLimit().has_value() ||
      (getInside() && (static_cast<int64_t>(*getLimit()) <= 0 ||
                       llvm::any_of(*getInside(), [](int64_t factor) { return factor < 0; }))))
    return emitOpError("has a positive limit for a sum of positions, none of them counted backwards");
  if (type.getNumElements() == 0)
    return success();
  FailureOr<Reach> reach = reachOf(*this);
  if (failed(reach))
    return failure();
  if (!reach->fits || reach->first < 0 || reach->last >= source.getNumElements())
    return emitOpError() << "reads beyond the " << source.getNumElements() << " elements of " << getSourceAttr();
  return success();
}

/// The format of a type that casts know.
static std::optional<Format> formatOf(Type type, bool isUnsigned = false) {
  if (type.isInteger(8))
    return isUnsigned ? Format::u8 : Format::i8;
  if (type.isInteger(16))
    return isUnsigned ? Format::u16 : Format::i16;
  if (type.isInteger(32))
    return isUnsigned ? Format::u32 : Format::i32;
  if (type.isInteger(64))
    return isUnsigned ? Format::u64 : Format::i64;
  if (type.isF16())
    return Format::f16;
  if (type.isBF16())
    return Format::bf16;
  if (type.isF32())
    return Format::f32;
  if (type.isF64())
    return Format::f64;
  return std::nullopt;
}

LogicalResult CastOp::verify() {
  RankedTensorType source = sourceType(*this, getSourceAttr()), type = getTensorType();
  if (!source)
    return failure();
  if (source.getShape() != type.getShape())
    return emitOpError() << "has the shape of its source, " << source;
  Type from = source.getElementType(), to = type.getElementType();
  bool makesInteger = isa<FloatType>(from) && isa<IntegerType>(to);
  if (!formatOf(from) || !formatOf(to) || makesInteger)
    return emitOpError() << "is of f16, bf16, f32 and f64, and of whole bytes of integers, not from " << from << " to "
                         << to;
  if (getIsUnsigned() && isa<FloatType>(from))
    return emitOpError() << "says that " << from << " is unsigned";
  return verifyType(*this);
}

LogicalResult OffsetOp::verify() {
  RankedTensorType source = sourceType(*this, getSourceAttr()), type = getTensorType();
  if (!source)
    return failure();
  if (source != type || !isa<IntegerType>(type.getElementType()))
    return emitOpError() << "has the type of its source, integers, not " << source << " and " << type;
  return verifyType(*this);
}

LogicalResult SumOp::verify() {
  RankedTensorType source = sourceType(*this, getSourceAttr()), type = getTensorType();
  if (!source)
    return failure();
  auto from = dyn_cast<IntegerType>(source.getElementType()), to = dyn_cast<IntegerType>(type.getElementType());
  if (!from || !to || to.getWidth() < from.getWidth())
    return emitOpError() << "is of integers that are as wide or wider, not from " << source.getElementType() << " to "
                         << type.getElementType();
  if (getDim() >= static_cast<uint64_t>(source.getRank()))
    return emitOpError() << "is along dimension " << getDim() << " of " << source;
  SmallVector<int64_t> shape(source.getShape());
  shape.erase(shape.begin() + getDim());
  if (type.getShape() != ArrayRef(shape))
    return emitOpError() << "has the shape of " << source << " without dimension " << getDim();
  return verifyType(*this);
}

LogicalResult ConstantOp::verify() {
  if (!isa<DenseElementsAttr>(getValue()) || !isa<RankedTensorType>(getValue().getShapedType()))
    return emitOpError("holds the elements of a ranked tensor");
  return verifyType(*this);
}

LogicalResult BitsOp::verify() {
  RankedTensorType source = sourceType(*this, getSourceAttr()), type = getTensorType();
  if (!source)
    return failure();
  auto integer = dyn_cast<IntegerType>(type.getElementType());
  if (source != type || !integer)
    return emitOpError() << "has the type of its source, integers, not " << source << " and " << type;
  if (getWidth() < 1 || getFrom() > integer.getWidth() || getWidth() > integer.getWidth() - getFrom())
    return emitOpError() << "takes the bits from " << getFrom() << " on, " << getWidth() << ", of " << integer;
  return verifyType(*this);
}

LogicalResult PackOp::verify() {
  RankedTensorType source = sourceType(*this, getSourceAttr()), type = getTensorType();
  if (!source)
    return failure();
  SmallVector<int64_t> shape(type.getShape());
  if (!shape.empty())
    shape.back() *= 8;
  if (shape.empty() || !source.getElementType().isInteger(8) || !type.getElementType().isInteger(32) ||
      source.getShape() != ArrayRef(shape))
    return emitOpError() << "makes a word of i32 of eight i8 along the last dimension, not " << type << " of "
                         << source;
  return verifyType(*this);
}

LogicalResult BitcastOp::verify() {
  RankedTensorType source = sourceType(*this, getSourceAttr()), type = getTensorType();
  if (!source)
    return failure();
  if (source.getShape() != type.getShape() ||
      elementBytes(source.getElementType()) != elementBytes(type.getElementType()))
    return emitOpError() << "has the shape of its source and elements as wide, not " << source << " and " << type;
  return verifyType(*this);
}

LogicalResult CombineOp::verify() {
  RankedTensorType lhs = sourceType(*this, getFirstAttr()), rhs = sourceType(*this, getSecondAttr()),
                   type = getTensorType();
  if (!lhs || !rhs)
    return failure();
  if (lhs != type || rhs != type || (!isa<IntegerType>(type.getElementType()) && !type.getElementType().isF32()))
    return emitOpError() << "has the type of both sources, f32 or integers, not " << lhs << ", " << rhs << " and "
                         << type;
  if (getBy() != "add" && getBy() != "sub" && getBy() != "mul")
    return emitOpError("is by \"add\", \"sub\" or \"mul\"");
  return verifyType(*this);
}

LogicalResult ConcatOp::verify() {
  RankedTensorType type = getTensorType();
  if (getSources().empty() || getDim() >= static_cast<uint64_t>(type.getRank()))
    return emitOpError("joins one tensor or more along one of its dimensions");
  int64_t sum = 0;
  for (FlatSymbolRefAttr name : getSources().getAsRange<FlatSymbolRefAttr>()) {
    RankedTensorType source = sourceType(*this, name);
    if (!source)
      return failure();
    SmallVector<int64_t> shape(source.getShape());
    if (source.getRank() != type.getRank() || source.getElementType() != type.getElementType())
      return emitOpError() << "does not fit its source " << name << " of type " << source;
    sum += shape[getDim()];
    shape[getDim()] = type.getDimSize(getDim());
    if (ArrayRef(shape) != type.getShape())
      return emitOpError() << "does not fit its source " << name << " of type " << source;
  }
  if (sum != type.getDimSize(getDim()))
    return emitOpError() << "has " << type.getDimSize(getDim()) << " along dimension " << getDim()
                         << ", its sources together " << sum;
  return verifyType(*this);
}

uint64_t StackOp::getPitch() {
  RankedTensorType type = getTensorType();
  return llvm::alignTo(static_cast<uint64_t>(type.getNumElements()) * elementBytes(type.getElementType()), kAlignment);
}

LogicalResult StackOp::verify() {
  if (getSources().empty())
    return emitOpError("holds one tensor or more");
  for (FlatSymbolRefAttr name : getSources().getAsRange<FlatSymbolRefAttr>()) {
    RankedTensorType source = sourceType(*this, name);
    if (!source)
      return failure();
    if (source != getTensorType())
      return emitOpError() << "holds tensors of type " << getTensorType() << ", " << name << " is a " << source;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Recipes
//===----------------------------------------------------------------------===//

static FailureOr<Recipe::Data> dataOf(DataOp op, uint64_t bytes) {
  if (!op.getFile())
    return Recipe::Data{nullptr, "", 0};
  auto *dialect = cast<WeightsDialect>(op->getDialect());
  auto file = dialect->files().open(*op.getFile());
  if (!file)
    return op.emitError() << "weight @" << op.getSymName() << ": cannot read '" << *op.getFile()
                          << "': " << llvm::toString(file.takeError());
  uint64_t at = static_cast<uint64_t>(*op.getAt()), size = (*file)->getBufferSize();
  if (at > size || bytes > size - at)
    return op.emitError() << "weight @" << op.getSymName() << " is " << bytes << " bytes from " << at << " on of '"
                          << *op.getFile() << "', which has " << size << "; is it another file, or truncated?";
  return Recipe::Data{*file, op.getFile()->str(), at};
}

static FailureOr<RecipePtr> recipeOf(Operation *user, FlatSymbolRefAttr name) {
  Operation *source = lookup(user, name);
  if (!source)
    return failure();
  return attnc::weights::recipeOf(source);
}

/// The tensors that `op` is made of.
static FailureOr<std::vector<RecipePtr>> recipesOfSources(Operation *op) {
  std::vector<RecipePtr> sources;
  for (FlatSymbolRefAttr name : sourcesOf(op)) {
    FailureOr<RecipePtr> source = ::recipeOf(op, name);
    if (failed(source))
      return failure();
    sources.push_back(*source);
  }
  return sources;
}

/// The elements in memory, a splat written out.
static Recipe::Constant constantOf(ConstantOp op, uint64_t size) {
  ArrayRef<char> raw = cast<DenseElementsAttr>(op.getValue()).getRawData();
  Recipe::Constant constant;
  while (constant.bytes.size() < size)
    constant.bytes.append(raw.begin(), raw.end());
  return constant;
}

static Recipe::Combine combineOf(CombineOp op, std::vector<RecipePtr> sources) {
  using By = Recipe::Combine::By;
  By by = op.getBy() == "add" ? By::add : op.getBy() == "sub" ? By::sub : By::mul;
  return {std::move(sources), by, isa<FloatType>(op.getTensorType().getElementType())};
}

/// All of a stack as bytes.
static FailureOr<RecipePtr> recipeOf(StackOp stack) {
  FailureOr<std::vector<RecipePtr>> sources = recipesOfSources(stack);
  if (failed(sources))
    return failure();
  uint64_t pitch = stack.getPitch();
  Recipe recipe{stack.getSymName().str(), {static_cast<int64_t>(sources->size() * pitch)}, 1, {}};
  recipe.step = Recipe::Stack{std::move(*sources), pitch};
  return std::make_shared<const Recipe>(std::move(recipe));
}

FailureOr<RecipePtr> attnc::weights::recipeOf(Operation *op) {
  if (auto stack = dyn_cast<StackOp>(op))
    return ::recipeOf(stack);
  RankedTensorType type = typeOf(op);
  Recipe recipe;
  recipe.name = SymbolTable::getSymbolName(op).str();
  recipe.shape = SmallVector<int64_t>(type.getShape());
  recipe.elementBytes = elementBytes(type.getElementType());
  if (auto data = dyn_cast<DataOp>(op)) {
    FailureOr<Recipe::Data> step = dataOf(data, recipe.bytes());
    if (failed(step))
      return failure();
    recipe.step = *step;
    return std::make_shared<const Recipe>(std::move(recipe));
  }
  FailureOr<std::vector<RecipePtr>> sources = recipesOfSources(op);
  if (failed(sources))
    return failure();
  if (auto view = dyn_cast<ViewOp>(op))
    recipe.step =
        Recipe::View{sources->front(), static_cast<int64_t>(view.getAt()), SmallVector<int64_t>(view.getStrides()),
                     SmallVector<int64_t>(view.getInside().value_or(ArrayRef<int64_t>())),
                     static_cast<int64_t>(view.getLimit().value_or(0))};
  else if (auto made = dyn_cast<CastOp>(op)) {
    Type from = typeOf(lookup(op, made.getSourceAttr())).getElementType();
    recipe.step =
        Recipe::Cast{sources->front(), *formatOf(from, made.getIsUnsigned()), *formatOf(type.getElementType())};
  } else if (auto offset = dyn_cast<OffsetOp>(op)) {
    recipe.step = Recipe::Offset{sources->front(), static_cast<int64_t>(offset.getBy())};
  } else if (auto constant = dyn_cast<ConstantOp>(op)) {
    recipe.step = constantOf(constant, recipe.bytes());
  } else if (auto bits = dyn_cast<BitsOp>(op)) {
    recipe.step =
        Recipe::Bits{sources->front(), static_cast<unsigned>(bits.getFrom()), static_cast<unsigned>(bits.getWidth())};
  } else if (isa<PackOp>(op)) {
    recipe.step = Recipe::Pack{sources->front()};
  } else if (isa<BitcastOp>(op)) {
    recipe.step = Recipe::Bitcast{sources->front()};
  } else if (auto combine = dyn_cast<CombineOp>(op)) {
    recipe.step = combineOf(combine, std::move(*sources));
  } else if (auto sum = dyn_cast<SumOp>(op)) {
    recipe.step = Recipe::Sum{sources->front(), static_cast<int64_t>(sum.getDim())};
  } else
    recipe.step = Recipe::Concat{std::move(*sources), static_cast<int64_t>(cast<ConcatOp>(op).getDim())};
  return std::make_shared<const Recipe>(std::move(recipe));
}
