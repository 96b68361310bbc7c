//===- Forms.cpp - The ways to compute an attention -----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/attention/Forms.h"
#include "compiler/schedule/attention/DecodeForm.h"
#include "compiler/schedule/attention/RowForm.h"
#include "compiler/schedule/attention/TransposedForm.h"
#include "compiler/schedule/attention/UnfusedForm.h"

using namespace attnc;
using namespace attnc::schedule;

llvm::ArrayRef<Form> schedule::forms() {
  static constexpr Form table[] = {
      {"transposed", Use::Any, "", nullptr, transposedCycles, emitTransposedForm},
      {"pairs", Use::Any, kPairsNeed, takesPairs, pairsCycles, emitPairsForm},
      {"decode", Use::Few, "", nullptr, decodeCycles, emitDecodeForm},
      {"dots", Use::Few, "", nullptr, dotsCycles, emitDotsForm},
      {"rows", Use::Known, "", nullptr, rowsCycles, emitRowsForm},
      {"unfused", Use::Asked, "", nullptr, unfusedCycles, emitUnfusedForm},
  };
  return table;
}

llvm::ArrayRef<llvm::StringLiteral> schedule::formNames() {
  static const llvm::SmallVector<llvm::StringLiteral> names =
      llvm::map_to_vector(forms(), [](const Form &form) { return form.name; });
  return names;
}

const Form *schedule::findForm(llvm::StringRef name) {
  const Form *found = llvm::find_if(forms(), [&](const Form &form) { return form.name == name; });
  return found == forms().end() ? nullptr : found;
}
