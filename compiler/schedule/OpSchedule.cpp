//===- ScheduleTarget.cpp - Schedules meet the module's target ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/ScheduleTarget.h"
#include "dialects/Tile/TileOps.h"

using namespace mlir;
using namespace attnc;

FailureOr<schedule::Machine> schedule::machineFor(ModuleOp module, const Schedule &forced) {
  auto target = module->getAttrOfType<tile::TargetAttr>("tile.target");
  if (!target)
    return emitError(module.getLoc()) << "the module has no tile.target";
  Machine machine{target.getLanes(), target.getRegisters(), target.getL1(), target.getL2()};
  if (llvm::Error problem = checkSchedule(forced, machine))
    return emitError(module.getLoc()) << llvm::toString(std::move(problem));
  return machine;
}
