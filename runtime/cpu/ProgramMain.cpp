//===- ProgramMain.cpp - main() of compiled programs ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Program.h"

int main(int argc, char **argv) { return attnc::rt::runProgram(*attnc_module_v1(), argc, argv); }
