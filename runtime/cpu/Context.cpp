//===- Context.cpp - Where a kernel's parallel loops run ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Context.h"

#include <stdlib.h>

using namespace attnc::rt;

static void runOnPool(attnc_context *self, int64_t count, attnc_body body, void *data) {
  self->pool->parallelFor(count, self->limit, body, data);
}

static void runOnHost(attnc_context *self, int64_t count, attnc_body body, void *data) {
  self->hostParallelFor(self->hostUser, count, body, data);
}

static void runAlone(attnc_context *, int64_t count, attnc_body body, void *data) { body(data, 0, count); }

static void refuse(attnc_context *self, int64_t input, int64_t element, int64_t value, int64_t extent) {
  if (self->bad.input < 0)
    self->bad = {input, element, value, extent};
}

attnc_context attnc::rt::contextOfCall(const attnc_options &options) {
  if (options.parallel_for)
    return {runOnHost, refuse, nullptr, 0, options.parallel_for, options.parallel_for_user, nullptr, {}};
  if (options.context)
    return {runOnPool, refuse, options.context->pool, options.num_threads, nullptr, nullptr, nullptr, {}};
  return {runAlone, refuse, nullptr, 0, nullptr, nullptr, nullptr, {}};
}

cuda::Device *attnc::rt::deviceOf(attnc_context &context, Text &why) {
  cuda::Device *device = __atomic_load_n(&context.device, __ATOMIC_ACQUIRE);
  if (device || !(device = cuda::Device::create(why)))
    return device;
  cuda::Device *other = nullptr;
  if (__atomic_compare_exchange_n(&context.device, &other, device, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    return device;
  device->destroy(); // another thread was first
  return other;
}

void attnc_rt_parallel_for(void *context, int64_t count, attnc_body body, void *data) {
  if (count <= 0)
    return;
  if (!context)
    return body(data, 0, count);
  auto *self = static_cast<attnc_context *>(context);
  self->parallelFor(self, count, body, data);
}

void attnc_rt_bad_index(void *context, int64_t input, int64_t element, int64_t value, int64_t extent) {
  if (auto *self = static_cast<attnc_context *>(context))
    self->refuse(self, input, element, value, extent);
}

attnc_status attnc_context_create(int32_t numThreads, attnc_context **context) {
  *context = nullptr;
  if (numThreads < 0 || numThreads > maxThreads)
    return ATTNC_INVALID_ARGUMENT;
  auto *made = static_cast<attnc_context *>(malloc(sizeof(attnc_context)));
  if (!made)
    return ATTNC_OUT_OF_MEMORY;
  int threads = numThreads ? numThreads : attnc_default_threads();
  *made = {runOnPool, refuse, ThreadPool::create(threads), 0, nullptr, nullptr, nullptr, {}};
  if (!made->pool) {
    free(made);
    return ATTNC_OUT_OF_MEMORY;
  }
  *context = made;
  return ATTNC_OK;
}

void attnc_context_destroy(attnc_context *context) {
  if (!context)
    return;
  context->pool->destroy();
  if (context->device)
    context->device->destroy();
  free(context);
}

int32_t attnc_context_threads(const attnc_context *context) { return context ? context->pool->size() : 1; }
