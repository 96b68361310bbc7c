//===- attnc-translate.cpp - Each front end alone, for tests --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Translate.h"
#include "compiler/frontend/spec/Translate.h"
#include "compiler/support/Tool.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"

int main(int argc, char **argv) {
  attnc::setUpTool("attnc-translate");
  attnc::onnx::registerOnnxTranslation();
  attnc::spec::registerSpecTranslation();
  return mlir::failed(mlir::mlirTranslateMain(argc, argv, "runs one front end alone, or prints IR as a .attn file"));
}
