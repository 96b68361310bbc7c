//===- ggml.cpp - llama.cpp's attention of a decode step ------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// WAY is libggml.*.so of the npm package @node-llama-cpp/linux-x64, which comes without headers: the functions that are
// called are declared here. Beside it lie libraries for several CPUs, of which ggml loads the one that suits. The
// result is f32, [B, M, H, D].
//
//===----------------------------------------------------------------------===//

#include "bench/peers/Worker.h"
#include <dlfcn.h>

using namespace peers;

//===----------------------------------------------------------------------===//
// ggml's C interface
//===----------------------------------------------------------------------===//

namespace {
struct ggml_context;
struct ggml_tensor;
struct ggml_cgraph;
struct ggml_backend;
struct ggml_init_params {
  size_t mem_size;
  void *mem_buffer;
  bool no_alloc;
};
struct ggml_threadpool_params {
  char bytes[2048]; // more than it has: it is filled and read by ggml alone
};
enum ggml_type { GGML_TYPE_F32 = 0, GGML_TYPE_F16 = 1, GGML_TYPE_BF16 = 30 };
constexpr int kDeviceCpu = 0; // GGML_BACKEND_DEVICE_TYPE_CPU

/// A function of a library that is loaded.
template <typename Function>
struct Symbol {
  Function *address;
  explicit Symbol(const char *name) : address(reinterpret_cast<Function *>(dlsym(RTLD_DEFAULT, name))) {
    if (!address)
      cannot("find " + std::string(name));
  }
  template <typename... Arguments>
  auto operator()(Arguments... arguments) const {
    return address(arguments...);
  }
};

struct Ggml {
  Symbol<void(const char *)> loadAll{"ggml_backend_load_all_from_path"};
  Symbol<ggml_backend *(int, const char *)> initBackend{"ggml_backend_init_by_type"};
  Symbol<void *(ggml_backend *)> deviceOf{"ggml_backend_get_device"};
  Symbol<void *(void *)> registryOf{"ggml_backend_dev_backend_reg"};
  Symbol<void *(void *, const char *)> procedure{"ggml_backend_reg_get_proc_address"};
  Symbol<ggml_threadpool_params(int)> poolParameters{"ggml_threadpool_params_default"};
  Symbol<ggml_context *(ggml_init_params)> init{"ggml_init"};
  Symbol<ggml_tensor *(ggml_context *, ggml_type, int64_t, int64_t, int64_t, int64_t)> newTensor{"ggml_new_tensor_4d"};
  Symbol<ggml_tensor *(ggml_context *, ggml_tensor *, int, int, int, int)> permute{"ggml_permute"};
  Symbol<ggml_tensor *(ggml_context *, ggml_tensor *, ggml_tensor *, ggml_tensor *, ggml_tensor *, float, float, float)>
      flashAttention{"ggml_flash_attn_ext"};
  Symbol<ggml_cgraph *(ggml_context *)> newGraph{"ggml_new_graph"};
  Symbol<void(ggml_cgraph *, ggml_tensor *)> expand{"ggml_build_forward_expand"};
  Symbol<void *(ggml_context *, ggml_backend *)> allocate{"ggml_backend_alloc_ctx_tensors"};
  Symbol<void(ggml_tensor *, const void *, size_t, size_t)> set{"ggml_backend_tensor_set"};
  Symbol<void(const ggml_tensor *, void *, size_t, size_t)> get{"ggml_backend_tensor_get"};
  Symbol<int(ggml_backend *, ggml_cgraph *)> compute{"ggml_backend_graph_compute"};
  Symbol<void(void (*)(int, const char *, void *), void *)> setLog{"ggml_log_set"};
};
} // namespace

/// The CPU's backend with threads that stay from call to call, as llama.cpp has them.
static ggml_backend *openBackend(const Ggml &ggml, const std::string &library, int threads) {
  ggml.setLog([](int, const char *, void *) {}, nullptr);
  ggml.loadAll(library.substr(0, library.rfind('/')).c_str());
  ggml_backend *backend = ggml.initBackend(kDeviceCpu, nullptr);
  if (!backend)
    cannot("load a library for this CPU");
  void *registry = ggml.registryOf(ggml.deviceOf(backend));
  auto of = [&](const char *name) {
    void *address = ggml.procedure(registry, name);
    return address ? address : (cannot("find " + std::string(name)), nullptr);
  };
  reinterpret_cast<void (*)(ggml_backend *, int)>(of("ggml_backend_set_n_threads"))(backend, threads);
  ggml_threadpool_params parameters = ggml.poolParameters(threads);
  void *pool = reinterpret_cast<void *(*)(ggml_threadpool_params *)>(of("ggml_threadpool_new"))(&parameters);
  reinterpret_cast<void (*)(ggml_backend *, void *)>(of("ggml_backend_cpu_set_threadpool"))(backend, pool);
  return backend;
}

/// [B, heads, rows, D], or a view of [B, rows, heads, D] as such; `stored` is what lies in memory.
static ggml_tensor *declare(const Ggml &ggml, ggml_context *context, ggml_type type, const Problem &problem,
                            int64_t heads, int64_t rows, ggml_tensor *&stored) {
  bool inside = problem.headsInsideRows;
  stored = ggml.newTensor(context, type, problem.D, inside ? heads : rows, inside ? rows : heads, problem.B);
  return inside ? ggml.permute(context, stored, 0, 2, 1, 3) : stored;
}

/// q, which ggml takes in f32 alone.
static std::vector<float> wideQueries(const Problem &problem, const Tensors &tensors) {
  std::vector<float> wide(problem.queryElements());
  for (size_t i = 0; i < wide.size(); ++i) {
    const char *from = tensors.q.get() + i * problem.elementBytes();
    uint16_t half;
    std::copy_n(from, sizeof half, reinterpret_cast<char *>(&half));
    if (problem.elementBytes() == 4)
      std::copy_n(from, 4, reinterpret_cast<char *>(&wide[i]));
    else
      wide[i] = problem.bf16 ? widen(half) : static_cast<float>(__builtin_bit_cast(_Float16, half));
  }
  return wide;
}

int main(int argc, char **argv) {
  if (argc != 5)
    cannot("run without WAY SETTINGS INPUTS OUTPUT");
  if (!dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL))
    cannot(dlerror());
  Problem problem(argv[2]);
  if (problem.M != 1 || problem.window || problem.causal)
    cannot("have anything but one query that sees all keys");
  Ggml ggml;
  ggml_backend *backend = openBackend(ggml, argv[1], problem.threads);
  ggml_type type = problem.elementBytes() == 4 ? GGML_TYPE_F32 : problem.bf16 ? GGML_TYPE_BF16 : GGML_TYPE_F16;
  ggml_context *context = ggml.init(ggml_init_params{1 << 20, nullptr, /*no_alloc=*/true});
  ggml_tensor *q, *k, *v;
  ggml_tensor *queries = declare(ggml, context, GGML_TYPE_F32, problem, problem.H, problem.M, q);
  ggml_tensor *keys = declare(ggml, context, type, problem, problem.G, problem.N, k);
  ggml_tensor *values = declare(ggml, context, type, problem, problem.G, problem.N, v);
  float scale = 1 / std::sqrt(static_cast<float>(problem.D));
  ggml_tensor *result = ggml.flashAttention(context, queries, keys, values, nullptr, scale, 0.0f, 0.0f);
  ggml_cgraph *graph = ggml.newGraph(context);
  ggml.expand(graph, result);
  if (!ggml.allocate(context, backend))
    cannot("allocate the tensors");
  {
    Tensors tensors(problem, argv[3]);
    size_t cacheBytes = problem.keyElements() * problem.elementBytes();
    ggml.set(q, wideQueries(problem, tensors).data(), 0, problem.queryElements() * sizeof(float));
    ggml.set(k, tensors.k.get(), 0, cacheBytes);
    ggml.set(v, tensors.v.get(), 0, cacheBytes);
  }
  auto compute = [&] {
    if (ggml.compute(backend, graph) != 0)
      cannot("compute the graph");
  };
  compute();
  std::vector<float> output(problem.queryElements());
  ggml.get(result, output.data(), 0, output.size() * sizeof(float));
  std::ofstream(argv[4], std::ios::binary)
      .write(reinterpret_cast<const char *>(output.data()),
             static_cast<std::streamsize>(output.size() * sizeof(float)));
  std::cout << "ready" << std::endl;
  answer(compute);
}
