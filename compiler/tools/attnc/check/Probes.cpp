//===- Probes.cpp - Values inside a program as outputs --------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/check/Probes.h"
#include "codegen/emit/Entry.h"
#include "compiler/tools/attnc/measure/OpWork.h"
#include "dialects/Common/DimNames.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace attnc::tool {

/// Slices are put into one tensor one after the other: the last has them all, and what nothing wrote yet is no value.
static bool isUnfinished(OpResult value) {
  return llvm::any_of(value.getUses(), [](OpOperand &use) {
    auto insert = dyn_cast<tensor::InsertSliceOp>(use.getOwner());
    return insert && use.get() == insert.getDest();
  });
}

static bool isProbed(OpResult value) {
  Operation *op = value.getOwner();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && emit::isTensorType(type.getElementType()) && !op->hasTrait<OpTrait::ConstantLike>() && !isView(op) &&
         !isa<linalg::FillOp>(op) && !isUnfinished(value);
}

/// What every result of an entry has.
static DictionaryAttr describe(RankedTensorType type, size_t number) {
  Builder builder(type.getContext());
  auto dims = llvm::map_to_vector(type.getShape(), [](int64_t extent) {
    return ShapedType::isDynamic(extent) ? std::string("?") : std::to_string(extent);
  });
  SmallVector<StringRef> texts(dims.begin(), dims.end());
  return builder.getDictionaryAttr({builder.getNamedAttr("attnc.name", builder.getStringAttr("op." + Twine(number))),
                                    builder.getNamedAttr(DimNames::kAttribute, builder.getStrArrayAttr(texts))});
}

std::vector<Probe> addProbes(func::FuncOp function) {
  std::vector<Probe> probes;
  Operation *end = function.getBody().front().getTerminator();
  SmallVector<Value> results(end->getOperands());
  for (Operation &op : function.getBody().front().without_terminator())
    for (OpResult value : op.getResults()) {
      if (!isProbed(value))
        continue;
      auto *place = llvm::find(results, value);
      auto number = static_cast<unsigned>(place - results.begin());
      if (place == results.end()) {
        auto type = cast<RankedTensorType>(value.getType());
        (void)function.insertResult(number, type, describe(type, probes.size()));
        results.push_back(value);
      }
      probes.push_back({value, number});
    }
  end->setOperands(results);
  return probes;
}

} // namespace attnc::tool
