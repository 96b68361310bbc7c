//===- openblas.cpp - Attention in blocks, on OpenBLAS's sgemm ------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a careful user of a BLAS writes. For every block of queries, over blocks of the keys that some of them see:
//
//   S = Q K^T * log2(e)/sqrt(D)      sgemm
//   P = exp2(S - max), O *= factor   Softmax.h
//   O += P V                         sgemm
//
// Blocks without allowed pairs are not visited. Blocks of queries are spread over threads, the longest first; OpenBLAS
// itself runs on one. Block sizes are the fastest of a few.
//
//===----------------------------------------------------------------------===//

#include "attnc/attnc.h"
#include "bench/peers/Softmax.h"
#include <cblas.h>

using namespace peers;

namespace {
struct Blocks {
  int64_t queries, keys;
};

struct Attention {
  const Problem &problem;
  const Tensors &tensors;
  attnc_context *threads;
  float scale = static_cast<float>(M_LOG2E / std::sqrt(static_cast<double>(problem.D)));

  /// The first `heads` of all batch entries' heads.
  void run(Blocks blocks, int64_t heads) const;

private:
  void runBlock(Blocks blocks, int64_t batch, int64_t head, int64_t row) const;
};
} // namespace

/// Memory of this thread, kept from call to call.
static float *scratch(size_t count) {
  thread_local Buffer<float> memory;
  thread_local size_t size = 0;
  if (size < count)
    memory = allocate<float>(size = count);
  return memory.get();
}

void Attention::runBlock(Blocks blocks, int64_t batch, int64_t head, int64_t row) const {
  int64_t rows = std::min(blocks.queries, problem.M - row), kvHead = head / (problem.H / problem.G), D = problem.D;
  int64_t queryStride = problem.rowStride(problem.H), keyStride = problem.rowStride(problem.G);
  int64_t queries = problem.start(batch, head, problem.H, problem.M) + row * queryStride;
  int64_t keys = problem.start(batch, kvHead, problem.G, problem.N);
  const float *q = reinterpret_cast<const float *>(tensors.q.get()) + queries;
  const float *k = reinterpret_cast<const float *>(tensors.k.get()) + keys;
  const float *v = reinterpret_cast<const float *>(tensors.v.get()) + keys;
  float *o = reinterpret_cast<float *>(tensors.o.get()) + queries;
  float *scores = scratch(static_cast<size_t>(blocks.queries * blocks.keys));
  std::vector<Running> running(static_cast<size_t>(rows));

  Keys visible = problem.keysOf(row, row + rows);
  for (int64_t key = visible.begin; key < visible.end; key += blocks.keys) {
    int64_t columns = std::min(blocks.keys, visible.end - key);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, columns, D, scale, q, queryStride, k + key * keyStride,
                keyStride, 0, scores, columns);
    bool isFirst = key == visible.begin;
    for (int64_t r = 0; r < rows; ++r) {
      Keys seen = problem.keysOf(row + r);
      int64_t begin = std::clamp<int64_t>(seen.begin - key, 0, columns);
      int64_t end = std::clamp<int64_t>(seen.end - key, begin, columns);
      float factor = weigh(scores + r * columns, columns, begin, end, running[r]);
      if (!isFirst && factor != 1)
        for (int64_t d = 0; d < D; ++d)
          o[r * queryStride + d] *= factor;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, D, columns, 1, scores, columns, v + key * keyStride,
                keyStride, isFirst ? 0 : 1, o, queryStride);
  }
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t d = 0; d < D; ++d)
      o[r * queryStride + d] /= running[r].sum;
}

void Attention::run(Blocks blocks, int64_t heads) const {
  struct Work {
    const Attention *attention;
    Blocks blocks;
    int64_t heads, perHead;
  } work{this, blocks, heads, (problem.M + blocks.queries - 1) / blocks.queries};
  auto body = [](void *data, int64_t begin, int64_t end) {
    auto &work = *static_cast<Work *>(data);
    int64_t H = work.attention->problem.H;
    for (int64_t item = begin; item < end; ++item) { // the last blocks of queries see the most keys
      int64_t row = (work.perHead - 1 - item / work.heads) * work.blocks.queries, head = item % work.heads;
      work.attention->runBlock(work.blocks, head / H, head % H, row);
    }
  };
  attnc_rt_parallel_for(threads, work.heads * work.perHead, body, &work);
}

extern "C" void openblas_set_num_threads(int);
extern "C" char *openblas_get_corename();

int main(int argc, char **argv) {
  if (argc != 5)
    cannot("run without WAY SETTINGS INPUTS OUTPUT");
  Problem problem(argv[2]);
  if (problem.bf16)
    cannot("bf16: only sgemm is used");
  Tensors tensors(problem, argv[3]);
  openblas_set_num_threads(1);
  Attention attention{problem, tensors, nullptr};
  attnc_context_create(problem.threads, &attention.threads);
  std::vector<Blocks> candidates = {{64, 512}, {128, 256}, {128, 512}, {256, 512}, {256, 1024}, {128, problem.N}};
  int64_t heads = problem.B * problem.H;
  Blocks best = fastest(candidates, [&](Blocks blocks) { attention.run(blocks, std::min<int64_t>(heads, 4)); });
  std::string settled = "blocks of " + std::to_string(best.queries) + " queries and " + std::to_string(best.keys) +
                        " keys, kernels for " + openblas_get_corename();
  serve(problem, tensors, argv[4], settled, [&] { attention.run(best, heads); });
}
