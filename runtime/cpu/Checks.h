//===- Checks.h - What a tensor of a call is --------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "attnc/attnc.h"

namespace attnc::rt {
class Text;

/// Whether elements of `type` are those that the entry takes; bytes may stand for booleans of an input.
bool sameType(const attnc_tensor_info &info, DLDataType type, bool isInput);

/// The data may be null, so this is arithmetic on numbers.
void *firstElement(const DLTensor &tensor);

/// To its element.
bool isAligned(const void *data, const attnc_tensor_info &info);

/// Memory that the CPU reads: its own, pinned (CUDA 3, ROCm 11), managed (13).
bool isHostMemory(int device);

/// Whether the strides are those of row-major order, where they matter.
bool isCompact(const DLTensor &tensor);

/// Whether kernels can write to the tensor where it lies: forwards, no element on another and, if `inRows`, those of the
/// last dimension without gaps. After checkMemory.
bool isWritable(const DLTensor &tensor, bool inRows = true);

/// Whether the tensor is in memory of the CPU and has a rank and a shape; `info` has its name.
attnc_status checkType(const attnc_tensor_info &info, const DLTensor &tensor, Text &why);

/// Extents that are none, and elements outside of the address space. With `needData`, a tensor that has elements must have
/// data. After checkType.
attnc_status checkMemory(const attnc_tensor_info &info, const DLTensor &tensor, bool needData, Text &why);

/// The input that output `output` is the new value of; -1 for an ordinary output.
int stateOf(const attnc_entry &entry, int output);

/// The input that output `output` may begin with in place; -1 for others.
int extendedBy(const attnc_entry &entry, int output);

inline bool isGpu(const attnc_variant &variant) { return (variant.cpu_features & ATTNC_CUDA_ANY) != 0; }

/// ", got f32[2, 3, 4]"
void addActual(Text &why, const DLTensor &tensor);
/// "f32[2, 3, 4] with strides [12, 4, 1]"
void addPlace(Text &why, const DLTensor &tensor);

} // namespace attnc::rt
