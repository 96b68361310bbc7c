//===- WeightsSection.h - Room for weights in an ELF file -------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hundreds of megabytes of weights need not go through the code generator and the linker. These see a section of their
// size without contents (.bss is one), which the linker gives a segment of its own, the last one:
//
//   LOAD  offset 0x1000  vaddr 0x5000  filesz 0         memsz 0x1a000000  R
//   [11] .attnc_weights  NOBITS        offset 0x1000    size 0x1a000000
//
// Afterwards both are told that the contents follow behind everything else in the file:
//
//   LOAD  offset 0x9000  vaddr 0x5000  filesz 0x1a000000 memsz 0x1a000000  R
//   [11] .attnc_weights  PROGBITS      offset 0x9000     size 0x1a000000
//
// The result is an ordinary program, library or object: the loader maps the weights, all processes share the pages.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/emit/Link.h"

namespace attnc::emit {

/// Gives the weights section of `elf`, a program, library or object, contents from the end of `elf` on, which is filled
/// up with zeros to a whole page. Nothing happens if there is no such section.
llvm::Error openWeightsSection(Bytes &elf);

/// The same for an archive of one object.
llvm::Error openWeightsSectionOfArchive(Bytes &archive);

} // namespace attnc::emit
