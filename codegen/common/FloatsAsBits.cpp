//===- FloatsAsBits.cpp - f16 and bf16 in memory and registers ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// After ExpandConversions no operation computes on a type that the target lacks; values of it are only loaded, chosen,
// moved and taken apart as bits. LLVM would still hold a single one as an f32, and call a function to get back
// (__truncsfbf2, for an element that it inserts into a vector). So they become integers:
//
//   %x = llvm.intr.masked.load %p, %mask, %zero : (...) -> vector<8xbf16>
//   %y = llvm.bitcast %x : vector<8xbf16> to vector<8xi16>
// becomes
//   %y = llvm.intr.masked.load %p, %mask, %zero : (...) -> vector<8xi16>
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Passes.h"
#include "codegen/common/Target.h"
#include "dialects/Weights/WeightsOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/Builders.h"

namespace attnc::codegen {
#define GEN_PASS_DEF_FLOATSASBITS
#include "codegen/common/Passes.h.inc"
} // namespace attnc::codegen

using namespace mlir;
using namespace attnc::codegen;

namespace {
struct FloatsAsBitsPass : attnc::codegen::impl::FloatsAsBitsBase<FloatsAsBitsPass> {
  using FloatsAsBitsBase::FloatsAsBitsBase;

  void runOnOperation() override {
    FailureOr<TargetInfo> info = parseTarget(target);
    if (failed(info)) {
      getOperation()->emitError("unknown target '") << target << "'";
      return signalPassFailure();
    }
    auto bits = [&](Type type) -> Type {
      bool isLacking = (type.isF16() && !info->hasFma) || (type.isBF16() && !info->hasBf16);
      return isLacking ? IntegerType::get(&getContext(), 16) : Type();
    };
    AttrTypeReplacer replacer;
    replacer.addReplacement([&](FloatType type) -> std::optional<Type> {
      Type integer = bits(type);
      return integer ? std::optional(integer) : std::nullopt;
    });
    replacer.addReplacement([&](FloatAttr value) -> std::optional<Attribute> {
      Type integer = bits(value.getType());
      return integer ? std::optional<Attribute>(IntegerAttr::get(integer, value.getValue().bitcastToAPInt()))
                     : std::nullopt;
    });
    replacer.addReplacement([&](DenseElementsAttr values) -> std::optional<Attribute> {
      Type integer = bits(values.getElementType());
      return integer ? std::optional<Attribute>(values.bitcast(integer)) : std::nullopt;
    });
    // Inside of functions and globals: what entries take and give stays said as it was, and so does what weights are.
    for (Operation &op : *getOperation().getBody())
      if (!attnc::weights::typeOf(&op))
        replacer.recursivelyReplaceElementsIn(&op, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
    getOperation().walk([](LLVM::BitcastOp cast) {
      if (cast.getType() != cast.getArg().getType())
        return;
      cast.replaceAllUsesWith(cast.getArg());
      cast.erase();
    });
  }
};
} // namespace
