//===- RefusedOps.cpp - Operators that are not imported, and why ----------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Ops.h"

using namespace attnc::onnx;

void attnc::onnx::refuseOps(OpTable &table) {
  table.refuse("Compress NonMaxSuppression NonZero Unique",
               "how large its result is depends on the data, and memory is planned before it runs");
  table.refuse("Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike",
               "it makes random numbers; give them to the model as an input");
  table.refuse("ConcatFromSequence SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert "
               "SequenceLength SequenceMap SplitToSequence",
               "sequences are no tensors; export the model with the tensors themselves");
  table.refuse("Optional OptionalGetElement OptionalHasElement",
               "optional values are no tensors; export the model with the value, or without it");
  table.refuse("RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer",
               "it works on strings; do this before the model runs");
  table.refuse("ai.onnx.preview.training.Adagrad ai.onnx.preview.training.Adam ai.onnx.preview.training.Gradient "
               "ai.onnx.preview.training.Momentum",
               "it trains a model; export it for inference");
  table.refuse("MaxRoiPool", "how large its regions are depends on the data; export the model with RoiAlign");
  table.refuse("ImageDecoder", "it reads files; do this before the model runs");
}
