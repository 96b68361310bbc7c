//===- ort-decode.cpp - ONNX Runtime's GroupQueryAttention, decoding ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// WAY is LIBRARY:MODEL, libonnxruntime.so.1 of the npm package onnxruntime-node and a model of one GroupQueryAttention
// with past. Past and present are one memory, so that no call copies the cache; through JavaScript every result is
// copied, the whole cache too. The package has no headers: the functions that are called are declared here, by their
// places in a table whose order never changes.
//
//===----------------------------------------------------------------------===//

#include "bench/peers/Worker.h"
#include <array>
#include <dlfcn.h>

using namespace peers;

namespace {
struct OrtStatus;
struct OrtEnv;
struct OrtSessionOptions;
struct OrtSession;
struct OrtMemoryInfo;
struct OrtValue;
constexpr int kApiVersion = 13, kLogErrors = 3, kOptimizeAll = 99, kArena = 1, kDefaultMemory = 0;
enum ElementType { kFloat = 1, kInt32 = 6 };

struct OrtApiBase {
  void *const *(*getApi)(uint32_t version);
  const char *(*version)();
};

/// Entry `Place` of the table.
template <int Place, typename Result, typename... Arguments>
Result call(void *const *api, Arguments... arguments) {
  return reinterpret_cast<Result (*)(Arguments...)>(api[Place])(arguments...);
}

struct Ort {
  void *const *api;

  void require(OrtStatus *status) const {
    if (status)
      cannot(call<2, const char *>(api, status)); // GetErrorMessage
  }
  OrtSession *open(const std::string &model, int threads) const {
    OrtEnv *environment;
    OrtSessionOptions *options;
    OrtSession *session;
    require(call<3, OrtStatus *>(api, kLogErrors, "", &environment)); // CreateEnv
    require(call<10, OrtStatus *>(api, &options));                    // CreateSessionOptions
    require(call<23, OrtStatus *>(api, options, kOptimizeAll));       // SetSessionGraphOptimizationLevel
    require(call<24, OrtStatus *>(api, options, threads));            // SetIntraOpNumThreads
    require(call<7, OrtStatus *>(api, environment, model.c_str(), options, &session)); // CreateSession
    return session;
  }
  /// A tensor in the caller's memory.
  OrtValue *tensor(void *data, size_t bytes, const std::vector<int64_t> &shape, ElementType type) const {
    OrtMemoryInfo *memory;
    OrtValue *value;
    require(call<69, OrtStatus *>(api, kArena, kDefaultMemory, &memory)); // CreateCpuMemoryInfo
    // CreateTensorWithDataAsOrtValue
    require(call<49, OrtStatus *>(api, memory, data, bytes, shape.data(), shape.size(), type, &value));
    return value;
  }
  void run(OrtSession *session, const char *const *inputNames, const OrtValue *const *inputs, size_t numInputs,
           const char *const *outputNames, size_t numOutputs, OrtValue **outputs) const {
    require(
        call<9, OrtStatus *>(api, session, nullptr, inputNames, inputs, numInputs, outputNames, numOutputs, outputs));
  }
};
} // namespace

/// The last of `rows` rows of each head of [B, heads, rows, D], as [B, 1, heads * D]
static std::vector<float> newest(const Problem &problem, const char *data, int64_t heads, int64_t rows) {
  std::vector<float> result;
  for (int64_t head = 0; head < problem.B * heads; ++head) {
    const float *row = reinterpret_cast<const float *>(data) + (head * rows + rows - 1) * problem.D;
    result.insert(result.end(), row, row + problem.D);
  }
  return result;
}

int main(int argc, char **argv) {
  if (argc != 5)
    cannot("run without WAY SETTINGS INPUTS OUTPUT");
  std::string way = argv[1], path = way.substr(0, way.find(':'));
  void *library = dlopen(path.c_str(), RTLD_NOW);
  if (!library)
    cannot(dlerror());
  Problem p(argv[2]);
  if (p.settings["dtype"] != "f32" || p.headsInsideRows || p.M != 1 || p.window)
    cannot("have anything but one query and a cache f32 [B, G, N, D] all of which is seen");
  auto base = reinterpret_cast<const OrtApiBase *(*)()>(dlsym(library, "OrtGetApiBase"));
  Ort ort{base ? base()->getApi(kApiVersion) : nullptr};
  if (!ort.api)
    cannot("find its C interface");
  OrtSession *session = ort.open(way.substr(path.size() + 1), p.threads);

  Tensors tensors(p, argv[3]);
  std::vector<float> k = newest(p, tensors.k.get(), p.G, p.N), v = newest(p, tensors.v.get(), p.G, p.N);
  std::vector<int32_t> lengths(p.B, static_cast<int32_t>(p.N - 1));
  auto total = static_cast<int32_t>(p.N);
  auto floats = [&](void *data, const std::vector<int64_t> &shape) {
    size_t bytes = sizeof(float);
    for (int64_t extent : shape)
      bytes *= static_cast<size_t>(extent);
    return ort.tensor(data, bytes, shape, kFloat);
  };
  OrtValue *pastK = floats(tensors.k.get(), {p.B, p.G, p.N, p.D}),
           *pastV = floats(tensors.v.get(), {p.B, p.G, p.N, p.D});
  const char *inputNames[] = {"q", "k", "v", "past_k", "past_v", "seqlens_k", "total"};
  const OrtValue *inputs[] = {floats(tensors.q.get(), {p.B, 1, p.H * p.D}),
                              floats(k.data(), {p.B, 1, p.G * p.D}),
                              floats(v.data(), {p.B, 1, p.G * p.D}),
                              pastK,
                              pastV,
                              ort.tensor(lengths.data(), lengths.size() * sizeof(int32_t), {p.B}, kInt32),
                              ort.tensor(&total, sizeof total, {1}, kInt32)};
  const char *outputNames[] = {"o", "present_k", "present_v"};
  OrtValue *outputs[] = {floats(tensors.o.get(), {p.B, 1, p.H * p.D}), pastK, pastV};
  serve(p, tensors, argv[4], "", [&] { ort.run(session, inputNames, inputs, 7, outputNames, 3, outputs); });
}
