//===- Tensors.h - DLPack tensors for tests ---------------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "attnc/attnc.h"

#include <functional>
#include <numeric>
#include <vector>

namespace attnc::test {

/// A tensor that owns its elements, shape and strides.
template <typename T>
struct Tensor {
  std::vector<int64_t> shape, strides;
  std::vector<T> values;
  DLTensor view{};

  Tensor(DLDataType type, std::vector<int64_t> extents) : shape(extents) {
    int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
    values.resize(count > 0 ? static_cast<size_t>(count) : 0);
    view = {values.data(), {kDLCPU, 0}, static_cast<int>(shape.size()), type, shape.data(), nullptr, 0};
  }
  Tensor(const Tensor &) = delete;

  void setStrides(std::vector<int64_t> wanted) {
    strides = std::move(wanted);
    view.strides = strides.data();
  }
  operator DLTensor *() { return &view; }
};

inline constexpr DLDataType f32 = {kDLFloat, 32, 1}, f16 = {kDLFloat, 16, 1}, bf16 = {kDLBfloat, 16, 1},
                            i64 = {kDLInt, 64, 1}, boolean = {ATTNC_DL_BOOL, 8, 1};

} // namespace attnc::test
