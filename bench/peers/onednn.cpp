//===- onednn.cpp - Attention on oneDNN's matmul and softmax --------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two ways, f32 and bf16, for heads outside of rows:
//
//   whole   matmul, softmax, matmul over all heads at once, with the library's threads: what it offers without its
//   graph
//           interface, which version 2 lacks. Masked scores are overwritten by -inf; as a tensor added by the
//           matmul they send it to reference code.
//   rows    blocks of queries over the keys that they see, one thread for each: two matmuls and Softmax.h
//
//===----------------------------------------------------------------------===//

#include "attnc/attnc.h"
#include "bench/peers/Softmax.h"
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

using namespace peers;
using dnnl::memory;

extern "C" void omp_set_num_threads(int); // of the library's OpenMP, GCC's; clang has no header for it

static memory::data_type typeOf(bool bf16) { return bf16 ? memory::data_type::bf16 : memory::data_type::f32; }

/// [batch, rows, columns]; `rowStride` from row to row, or from column to column of a transposed matrix.
static memory::desc matrices(memory::dim batch, memory::dim rows, memory::dim columns, memory::dim rowStride,
                             bool transposed, bool bf16, memory::dim batchStride) {
  memory::dims strides = transposed ? memory::dims{batchStride, 1, rowStride} : memory::dims{batchStride, rowStride, 1};
  return {{batch, rows, columns}, typeOf(bf16), strides};
}

//===----------------------------------------------------------------------===//
// The two interfaces of versions 2 and 3
//===----------------------------------------------------------------------===//

#if DNNL_VERSION_MAJOR >= 3
static dnnl::matmul::primitive_desc describeMatmul(const dnnl::engine &engine, const memory::desc &a,
                                                   const memory::desc &b, const memory::desc &c,
                                                   const dnnl::primitive_attr &attributes) {
  return {engine, a, b, c, attributes};
}
static dnnl::primitive makeSoftmax(const dnnl::engine &engine, const memory::desc &scores) {
  return dnnl::softmax_forward(
      {engine, dnnl::prop_kind::forward_inference, dnnl::algorithm::softmax_accurate, scores, scores, /*axis=*/2});
}
static void setScale(dnnl::primitive_attr &attributes, float scale) {
  dnnl::post_ops after;
  after.append_eltwise(dnnl::algorithm::eltwise_linear, scale, 0);
  attributes.set_post_ops(after);
}
#else
static dnnl::matmul::primitive_desc describeMatmul(const dnnl::engine &engine, const memory::desc &a,
                                                   const memory::desc &b, const memory::desc &c,
                                                   const dnnl::primitive_attr &attributes) {
  return {dnnl::matmul::desc(a, b, c), attributes, engine};
}
static dnnl::primitive makeSoftmax(const dnnl::engine &engine, const memory::desc &scores) {
  return dnnl::softmax_v2_forward(
      {{dnnl::prop_kind::forward_inference, dnnl::algorithm::softmax_accurate, scores, scores, /*axis=*/2}, engine});
}
static void setScale(dnnl::primitive_attr &attributes, float scale) { attributes.set_output_scales(0, {scale}); }
#endif

namespace {
/// c = scale * a b, made once for its shapes.
struct Matmul {
  dnnl::matmul::primitive_desc description;
  dnnl::matmul primitive;

  Matmul(const dnnl::engine &engine, const memory::desc &a, const memory::desc &b, const memory::desc &c,
         float scale = 1)
      : description(describeMatmul(engine, a, b, c, scaled(scale))), primitive(description) {}

  void run(const dnnl::engine &engine, const dnnl::stream &stream, const void *a, const void *b, void *c) const {
    auto wrap = [&](const memory::desc &shape, const void *data) {
      return memory(shape, engine, const_cast<void *>(data));
    };
    primitive.execute(stream, {{DNNL_ARG_SRC, wrap(description.src_desc(), a)},
                               {DNNL_ARG_WEIGHTS, wrap(description.weights_desc(), b)},
                               {DNNL_ARG_DST, wrap(description.dst_desc(), c)}});
  }

private:
  static dnnl::primitive_attr scaled(float scale) {
    dnnl::primitive_attr attributes;
    if (scale != 1)
      setScale(attributes, scale);
    return attributes;
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// whole
//===----------------------------------------------------------------------===//

namespace {
/// The query heads of one kv head are rows of one matrix: their queries lie one after the other.
class Whole {
public:
  Whole(const Problem &problem, const Tensors &tensors, attnc_context *threads)
      : problem(problem), tensors(tensors), threads(threads), rows(problem.H / problem.G * problem.M),
        batch(problem.B * problem.G),
        scores(matrices(batch, rows, problem.N, problem.N, false, problem.bf16, rows * problem.N)),
        queries(matrices(batch, rows, problem.D, problem.D, false, problem.bf16, rows * problem.D)),
        first(engine, queries, keys(true), scores, static_cast<float>(1 / std::sqrt(static_cast<double>(problem.D)))),
        second(engine, scores, keys(false), queries), softmax(makeSoftmax(engine, scores)),
        values(allocate<char>(scores.get_size())) {}

  void run() {
    first.run(engine, stream, tensors.q.get(), tensors.k.get(), values.get());
    if (problem.causal)
      hide();
    memory inPlace(scores, engine, values.get());
    softmax.execute(stream, {{DNNL_ARG_SRC, inPlace}, {DNNL_ARG_DST, inPlace}});
    second.run(engine, stream, values.get(), tensors.v.get(), tensors.o.get());
    stream.wait();
  }

private:
  memory::desc keys(bool transposed) const {
    memory::dim N = problem.N, D = problem.D;
    return transposed ? matrices(batch, D, N, D, true, problem.bf16, N * D)
                      : matrices(batch, N, D, D, false, problem.bf16, N * D);
  }
  template <typename Element>
  void hideRow(int64_t row, Element minusInfinity) {
    Keys seen = problem.keysOf(row % problem.M);
    Element *at = reinterpret_cast<Element *>(values.get()) + row * problem.N;
    std::fill(at, at + seen.begin, minusInfinity);
    std::fill(at + seen.end, at + problem.N, minusInfinity);
  }
  void hide() {
    auto body = [](void *data, int64_t begin, int64_t end) {
      auto &whole = *static_cast<Whole *>(data);
      for (int64_t row = begin; row < end; ++row)
        if (whole.problem.bf16)
          whole.hideRow<uint16_t>(row, narrow(-INFINITY));
        else
          whole.hideRow<float>(row, -INFINITY);
    };
    attnc_rt_parallel_for(threads, batch * rows, body, this);
  }

  const Problem &problem;
  const Tensors &tensors;
  attnc_context *threads; // for what is done between the primitives
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  memory::dim rows, batch;
  memory::desc scores, queries;
  Matmul first, second;
  dnnl::primitive softmax;
  Buffer<char> values;
};
} // namespace

//===----------------------------------------------------------------------===//
// rows
//===----------------------------------------------------------------------===//

namespace {
/// What a thread has of its own. A primitive is made once for every number of rows and keys.
struct Own {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<std::pair<int64_t, int64_t>, std::pair<Matmul, Matmul>> matmuls;
  Buffer<float> scores, sums;
  Buffer<uint16_t> weights; // the scores in bf16
  size_t scoreCount = 0, sumCount = 0;

  Own() { omp_set_num_threads(1); } // of this thread
  void reserve(size_t scoreElements, size_t sumElements) {
    if (scoreCount < scoreElements)
      scores = allocate<float>(scoreElements), weights = allocate<uint16_t>(scoreCount = scoreElements);
    if (sumCount < sumElements)
      sums = allocate<float>(sumCount = sumElements);
  }
};

struct Rows {
  const Problem &problem;
  const Tensors &tensors;
  attnc_context *threads;
  float scale = static_cast<float>(M_LOG2E / std::sqrt(static_cast<double>(problem.D)));

  /// The first `heads` of all batch entries' heads.
  void run(int64_t blockRows, int64_t heads) const;

private:
  void runBlock(int64_t blockRows, int64_t batch, int64_t head, int64_t row) const;
  const std::pair<Matmul, Matmul> &matmuls(Own &own, int64_t rows, int64_t columns) const;
};
} // namespace

const std::pair<Matmul, Matmul> &Rows::matmuls(Own &own, int64_t rows, int64_t columns) const {
  auto it = own.matmuls.find({rows, columns});
  if (it != own.matmuls.end())
    return it->second;
  int64_t D = problem.D;
  auto matrix = [](int64_t rows, int64_t columns, bool bf16, bool transposed = false) {
    return matrices(1, rows, columns, transposed ? rows : columns, transposed, bf16, rows * columns);
  };
  Matmul first(own.engine, matrix(rows, D, problem.bf16), matrix(D, columns, problem.bf16, true),
               matrix(rows, columns, false), scale);
  Matmul second(own.engine, matrix(rows, columns, problem.bf16), matrix(columns, D, problem.bf16),
                matrix(rows, D, false));
  return own.matmuls.emplace(std::pair(rows, columns), std::pair(std::move(first), std::move(second))).first->second;
}

void Rows::runBlock(int64_t blockRows, int64_t batch, int64_t head, int64_t row) const {
  thread_local Own own;
  int64_t rows = std::min(blockRows, problem.M - row), kvHead = head / (problem.H / problem.G), D = problem.D;
  Keys visible = problem.keysOf(row, row + rows);
  int64_t columns = visible.end - visible.begin;
  own.reserve(static_cast<size_t>(rows * columns), static_cast<size_t>(rows * D));
  size_t bytes = problem.elementBytes();
  int64_t queries = problem.start(batch, head, problem.H, problem.M) + row * D;
  int64_t keys = problem.start(batch, kvHead, problem.G, problem.N) + visible.begin * D;
  auto &[first, second] = matmuls(own, rows, columns);

  first.run(own.engine, own.stream, tensors.q.get() + queries * bytes, tensors.k.get() + keys * bytes,
            own.scores.get());
  std::vector<Running> running(static_cast<size_t>(rows));
  for (int64_t r = 0; r < rows; ++r) {
    Keys seen = problem.keysOf(row + r);
    float *scores = own.scores.get() + r * columns;
    weigh(scores, columns, seen.begin - visible.begin, seen.end - visible.begin, running[r]);
    if (problem.bf16)
      narrow(scores, own.weights.get() + r * columns, columns);
  }
  const void *weights = problem.bf16 ? static_cast<const void *>(own.weights.get()) : own.scores.get();
  second.run(own.engine, own.stream, weights, tensors.v.get() + keys * bytes, own.sums.get());
  own.stream.wait();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t d = 0; d < D; ++d) {
      float value = own.sums[r * D + d] / running[r].sum;
      if (problem.bf16)
        reinterpret_cast<uint16_t *>(tensors.o.get())[queries + r * D + d] = narrow(value);
      else
        reinterpret_cast<float *>(tensors.o.get())[queries + r * D + d] = value;
    }
}

void Rows::run(int64_t blockRows, int64_t heads) const {
  struct Work {
    const Rows *rows;
    int64_t blockRows, heads, perHead;
  } work{this, blockRows, heads, (problem.M + blockRows - 1) / blockRows};
  auto body = [](void *data, int64_t begin, int64_t end) {
    auto &work = *static_cast<Work *>(data);
    int64_t H = work.rows->problem.H;
    for (int64_t item = begin; item < end; ++item) { // the last blocks of queries see the most keys
      int64_t row = (work.perHead - 1 - item / work.heads) * work.blockRows, head = item % work.heads;
      work.rows->runBlock(work.blockRows, head / H, head % H, row);
    }
  };
  attnc_rt_parallel_for(threads, work.heads * work.perHead, body, &work);
}

//===----------------------------------------------------------------------===//

static void serveWhole(const Problem &problem, const Tensors &tensors, attnc_context *threads, const char *output) {
  double gigabytes = 1e-9 * static_cast<double>(problem.B * problem.H * problem.M * problem.N) *
                     static_cast<double>(problem.elementBytes());
  if (gigabytes > 1)
    cannot(std::to_string(gigabytes).substr(0, 3) + " GB of scores");
  omp_set_num_threads(problem.threads);
  Whole whole(problem, tensors, threads);
  serve(problem, tensors, output, "matmul, softmax, matmul over all heads", [&] { whole.run(); });
}

static void serveRows(const Problem &problem, const Tensors &tensors, attnc_context *threads, const char *output) {
  Rows rows{problem, tensors, threads};
  int64_t heads = problem.B * problem.H;
  int64_t best =
      fastest<int64_t>({32, 64, 128, 256}, [&](int64_t size) { rows.run(size, std::min<int64_t>(heads, 4)); });
  serve(problem, tensors, output, "blocks of " + std::to_string(best) + " queries", [&] { rows.run(best, heads); });
}

int main(int argc, char **argv) {
  if (argc != 5)
    cannot("run without WAY SETTINGS INPUTS OUTPUT");
  Problem problem(argv[2]);
  if (problem.headsInsideRows)
    cannot("heads inside rows: written for [B, H, M, D]");
  Tensors tensors(problem, argv[3]);
  attnc_context *threads = nullptr;
  attnc_context_create(problem.threads, &threads);
  try {
    (std::string(argv[1]) == "whole" ? serveWhole : serveRows)(problem, tensors, threads, argv[4]);
  } catch (const dnnl::error &error) {
    cannot(std::string("oneDNN: ") + error.what());
  }
}
