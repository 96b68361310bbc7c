//===- attnc-opt.cpp - Every pass by name, for tests and for the curious --===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/pipeline/Dialects.h"
#include "compiler/support/Tool.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  attnc::setUpTool("attnc-opt");
  mlir::DialectRegistry registry;
  attnc::registerDialects(registry);
  attnc::registerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "runs passes of the compiler, by name\n", registry));
}
