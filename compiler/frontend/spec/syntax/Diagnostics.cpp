//===- Diagnostics.cpp - Errors with carets in the user's file ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/spec/syntax/Diagnostics.h"

using namespace mlir;
using namespace attnc::spec;

InFlightDiagnostic Diagnostics::error(llvm::SMLoc loc) {
  ++errors;
  if (errors == kMaxErrors + 1)
    return mlir::emitError(translate(loc)) << "more than " << kMaxErrors << " errors: the rest is not shown";
  if (errors > kMaxErrors)
    return InFlightDiagnostic(); // swallows what is written into it
  return mlir::emitError(translate(loc));
}

Location Diagnostics::translate(llvm::SMLoc loc) const {
  unsigned id = loc.isValid() ? sources.FindBufferContainingLoc(loc) : 0;
  if (!id)
    return UnknownLoc::get(context);
  auto [line, column] = sources.getLineAndColumn(loc, id);
  return FileLineColLoc::get(context, sources.getMemoryBuffer(id)->getBufferIdentifier(), line, column);
}
