//===- attnc.h - Calling what attnc has compiled ----------------*- C -* --===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The whole C interface of the runtime, plain C11 and C++. In short:
//
//   const attnc_entry *entry =
//       attnc_find_entry(attnc_module_v1(), "causal", NULL);
//   attnc_context *threads;
//   attnc_context_create(0, &threads);
//   char why[512];
//   attnc_options options = attnc_options_init();
//   options.context = threads;
//   options.message = why;
//   options.message_capacity = sizeof why;
//   const DLTensor *inputs[] = {&q, &k, &v};
//   DLTensor *outputs[] = {&out};
//   if (attnc_call(entry, inputs, outputs, &options) != ATTNC_OK)
//     fprintf(stderr, "%s\n", why);
//   attnc_context_destroy(threads);
//
// Rules that hold for every function here:
// - Nothing is kept between calls but what an attnc_context holds. errno is not
//   part of the interface.
// - Every function may be called from several threads at once, on the same
//   module and the same context.
// - A function that fails has written nothing to the outputs, and one line of
//   text to the message buffer if there is one.
// - Extents and strides count elements, as in DLPack. Sizes named *_bytes or
//   *_size count bytes.
// - Memory given to a function stays the caller's and is not used after the
//   function returns.
//
//===----------------------------------------------------------------------===//
#ifndef ATTNC_ATTNC_H
#define ATTNC_ATTNC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// DLPack's tensor: the real header where there is one, so that including it
// later does no harm; else the few types that are used here, which are the same
// in every DLPack version.
#if !defined(DLPACK_DLPACK_H_) && defined(__has_include)
#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
#endif
#endif
#ifndef DLPACK_DLPACK_H_
typedef enum { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3 } DLDeviceType;
typedef struct {
  DLDeviceType device_type;
  int32_t device_id;
} DLDevice;
typedef enum { kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLBfloat = 4 } DLDataTypeCode;
typedef struct {
  uint8_t code; // DLDataTypeCode
  uint8_t bits;
  uint16_t lanes; // 1
} DLDataType;
typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;       // [ndim]
  int64_t *strides;     // [ndim]; NULL: row-major without gaps
  uint64_t byte_offset; // from data to the first element
} DLTensor;
#endif

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ATTNC_API __attribute__((visibility("default")))
#else
#define ATTNC_API
#endif

//===-- Status ------------------------------------------------------------===//

// Numbers never change their meaning; new ones may be added.
typedef enum {
  ATTNC_OK = 0,
  // A tensor or an option does not fit; the message says which, what and why.
  ATTNC_INVALID_ARGUMENT = 1,
  // No variant of the entry can run on this CPU, or on its GPU.
  ATTNC_UNSUPPORTED_CPU = 2,
  // The allocator returned NULL, or the workspace given is too small.
  ATTNC_OUT_OF_MEMORY = 3,
  // The GPU or its driver failed; outputs in host memory are as they were.
  ATTNC_DEVICE_FAILED = 4
} attnc_status;

// "out of memory" for ATTNC_OUT_OF_MEMORY and so on; never NULL.
ATTNC_API const char *attnc_status_text(attnc_status status);

//===-- What a compiled module says about itself --------------------------===//

#define ATTNC_ABI_VERSION 5u

// Instruction sets a variant needs. V2, V3 and V4 are the levels of the x86-64
// psABI together with the registers the operating system must save:
//   V2  SSE4.2, POPCNT, CMPXCHG16B, LAHF
//   V3  V2 and AVX2, FMA, F16C, BMI1, BMI2, LZCNT, MOVBE
//   V4  V3 and AVX-512 F, BW, CD, DQ, VL
// A variant that needs V3 sets V2 as well. Baseline x86-64 needs no bit.
#define ATTNC_CPU_X86_64_V2 (UINT64_C(1) << 0)
#define ATTNC_CPU_X86_64_V3 (UINT64_C(1) << 1)
#define ATTNC_CPU_X86_64_V4 (UINT64_C(1) << 2)
#define ATTNC_CPU_AVX512_BF16 (UINT64_C(1) << 8)
#define ATTNC_CPU_AVX512_FP16 (UINT64_C(1) << 9)
#define ATTNC_CPU_AVX512_VNNI (UINT64_C(1) << 10)
#define ATTNC_CPU_AVX_VNNI (UINT64_C(1) << 11)
// The AMX bits say that CPU and kernel offer it. Linux also wants
// arch_prctl(ARCH_REQ_XCOMP_PERM) in the process before the first use.
#define ATTNC_CPU_AMX_TILE (UINT64_C(1) << 12)
#define ATTNC_CPU_AMX_BF16 (UINT64_C(1) << 13)
#define ATTNC_CPU_AMX_INT8 (UINT64_C(1) << 14)
#define ATTNC_CPU_AMX_FP16 (UINT64_C(1) << 15)
// An NVIDIA GPU of at least this compute capability, with its driver. A variant
// that needs SM_80 sets SM_75 as well.
#define ATTNC_CUDA_SM_75 (UINT64_C(1) << 32)
#define ATTNC_CUDA_SM_80 (UINT64_C(1) << 33)
#define ATTNC_CUDA_SM_90 (UINT64_C(1) << 34)
#define ATTNC_CUDA_ANY (ATTNC_CUDA_SM_75 | ATTNC_CUDA_SM_80 | ATTNC_CUDA_SM_90)

// Element types are DLPack's code and bits: f32 is {kDLFloat, 32}, bf16 is
// {kDLBfloat, 16}, i64 is {kDLInt, 64}. A boolean is {ATTNC_DL_BOOL, 8}: one
// byte that is 0 or 1; inputs may also say {kDLUInt, 8} for it.
#define ATTNC_DL_BOOL 6

#define ATTNC_MAX_RANK 16

// A call with a larger extent is refused: kernels compute with sums of a few positions in 32 bits.
#define ATTNC_MAX_EXTENT (1 << 29)

typedef struct {
  int64_t size;   // fixed extent; -1: any; -1 - N: the extent of a symbol that is at most N
  int32_t symbol; // index into symbols, or -1: fixed or computed by plan
} attnc_dim;

// The caller's promise that no element is less than the one before it along the
// last dimension. If it is broken, outputs are any numbers, and nothing else
// happens; where calls check it, they fail instead.
#define ATTNC_TENSOR_SORTED 1u
#define ATTNC_TENSOR_CHECKED 2u // each call checks the promises (attnc compile --checks)
// The promise that every element indexes a dimension, of an extent E that stands
// behind dims: -E <= element < E, negative ones counting from the end. If it is
// broken, the nearest position is read; where calls check it, they fail instead.
#define ATTNC_TENSOR_INDEX 4u
// An input whose memory is updated in place, and the output of the same name that
// is its new value: one tensor, given twice. Not read where it lies: refused.
#define ATTNC_TENSOR_INOUT 8u
// An output that may begin with an input in place, a cache that gets rows: the number of the input stands behind dims, as
// a size. They may be the same memory, with the same first element and strides; then what is there already is not copied.
#define ATTNC_TENSOR_EXTENDS 16u

typedef struct {
  const char *name;
  uint8_t type_code, type_bits; // DLPack codes
  uint16_t flags;               // ATTNC_TENSOR_*
  int32_t rank;                 // 0 .. ATTNC_MAX_RANK
  const attnc_dim *dims;        // [rank], one more with ATTNC_TENSOR_INDEX or ATTNC_TENSOR_EXTENDS
} attnc_tensor_info;

// The kernel of one entry for one target; both functions take packed arguments.
// With n inputs and m outputs:
//
//   run:  args[i]        i < n: points to the memref descriptor of input i,
//                          {void *allocated, *aligned; int64_t offset;
//                           int64_t sizes[rank]; int64_t strides[rank]}.
//                        The innermost stride is 1, data is aligned to its
//                        element, outer strides are not negative.
//         args[n + o]    o < m: the same of output o. The kernel writes what
//                        has ATTNC_TENSOR_INOUT to its input, not here.
//         args[n + m]    points to the memref<?xi8> descriptor of the
//                        workspace, 64-byte aligned.
//         args[n + m+1]  points to a `void *` that holds the context for
//                        attnc_rt_parallel_for and attnc_rt_bad_index, or
//                        attnc_rt_launch.
//         For a GPU, data and workspace are its memory, tensors row-major.
//   plan: args[i]        i < n: as above; data pointers may be null.
//         args[n]        is an `int64_t *`: the kernel writes all extents of
//                        all outputs there, one after the other, and after
//                        them the size of the workspace in bytes.
typedef struct {
  const char *target;    // "x86-64-v4"
  uint64_t cpu_features; // ATTNC_CPU_* bits
  void (*plan)(void **args);
  void (*run)(void **args);
} attnc_variant;

// The file of weights beside a program or library that does not hold them (attnc compile --weights=separate): a head,
// and from ATTNC_WEIGHTS_START on the weights.
#define ATTNC_WEIGHTS_MAGIC "attnc weights 1\n"
#define ATTNC_WEIGHTS_START 4096
typedef struct {
  char magic[16];
  uint64_t size, hash[2]; // bytes of the weights, and what tells them from others
} attnc_weights_head;

typedef struct {
  const char *file;       // its name, without a folder
  uint64_t size, hash[2]; // those of its head
  const void **address;   // where kernels look for the weights: NULL until they are loaded. A NULL here: no file
} attnc_weights;

// The sum of some run-time extents is at most `most`; a call with more is refused.
typedef struct {
  int64_t most;
  int32_t num_symbols;
  const int32_t *symbols; // indices into the entry's
} attnc_limit;

typedef struct {
  const char *name;
  const char *doc; // some lines of text, or NULL
  int32_t num_inputs, num_outputs, num_symbols, num_variants;
  const attnc_tensor_info *inputs, *outputs;
  const char *const *symbols;    // names of run-time extents: "B", "M", "N"
  const attnc_variant *variants; // best first
  const attnc_weights *weights;  // shared by the entries of a module
  int32_t num_limits;
  const attnc_limit *limits;
} attnc_entry;

typedef struct {
  uint32_t struct_size, abi_version;
  const char *producer; // "attnc 0.1.0"
  int32_t num_entries;
  const attnc_entry *entries;
} attnc_module;

// Emitted by the compiler: the module in this library or program.
ATTNC_API const attnc_module *attnc_module_v1(void);

//===-- Threads -----------------------------------------------------------===//

// Part [begin, end) of a parallel loop.
typedef void (*attnc_body)(void *data, int64_t begin, int64_t end);

// A host's parallel loop: calls body(data, begin, end) on disjoint ranges that
// cover [0, count), on any threads, and returns when all have returned. A body
// needs up to 1 MB of stack.
typedef void (*attnc_parallel_for)(void *user, int64_t count, attnc_body body, void *data);

// A pool of threads, which sleep while there is nothing to do. Concurrent calls
// may share one: the first has the threads, the others run on their own calling
// thread meanwhile. In a forked child the threads are missing and calls run on
// the calling thread.
typedef struct attnc_context attnc_context;

// Starts num_threads - 1 threads; the caller of attnc_call is the last one.
// 0 means attnc_default_threads(). The limit is 1024. Where the system refuses
// threads, the pool is as large as it allows.
// Errors: ATTNC_INVALID_ARGUMENT (negative, or over the limit),
// ATTNC_OUT_OF_MEMORY; *context is then NULL.
ATTNC_API attnc_status attnc_context_create(int32_t num_threads, attnc_context **context);

// Waits for the pool's threads to end. No call may be using the context.
// NULL is allowed.
ATTNC_API void attnc_context_destroy(attnc_context *context);

// Threads that take part in a parallel loop, the caller included. NULL: 1.
ATTNC_API int32_t attnc_context_threads(const attnc_context *context);

// How many threads suit this process: ATTNC_NUM_THREADS, else OMP_NUM_THREADS
// (its first number), else the CPUs of the affinity mask, but no more than the
// cgroup's CPU quota (v1 or v2), rounded up. Values of the variables that are
// no positive number are passed over. From 1 to 1024.
ATTNC_API int32_t attnc_default_threads(void);

// For kernels: runs body over [0, count) as the call's options say; ranges are
// handed out in increasing order. A NULL context and nested calls mean the
// calling thread.
ATTNC_API void attnc_rt_parallel_for(void *context, int64_t count, attnc_body body, void *data);

// For kernels: row-major element `element` of input `input` is `value`, which is
// outside of the `extent` positions that it indexes. The kernel then writes
// nothing, and attnc_call fails, with that in its message. A NULL context hears
// nothing.
ATTNC_API void attnc_rt_bad_index(void *context, int64_t input, int64_t element, int64_t value, int64_t extent);

// For host code of GPU variants: starts count threads of kernel `name` in the
// text `ptx`. parameters[i] points to parameter i. Failures end the call.
ATTNC_API void attnc_rt_launch(void *context, const char *ptx, const char *name, int64_t count, void **parameters);

//===-- Calling -----------------------------------------------------------===//

// How to call. Start from attnc_options_init(); every other field may stay 0.
// Functions that take options accept NULL for them.
typedef struct {
  uint32_t struct_size; // sizeof(attnc_options) in the caller's header

  // Use at most so many threads of the context; 0: all.
  int32_t num_threads;
  // NULL: the calling thread alone, unless parallel_for is set.
  attnc_context *context;

  // Replaces the context's threads; num_threads is then the host's business.
  attnc_parallel_for parallel_for;
  void *parallel_for_user; // its first argument

  // Scratch memory of any alignment, at least as large as attnc_plan says. Not
  // shared by concurrent calls. NULL: allocated for the call.
  void *workspace;
  int64_t workspace_size; // bytes

  // NULL: malloc and free. Set both or none. Called once per call, and not at
  // all if workspace is set or none is needed.
  void *(*allocate)(void *user, size_t size);
  void (*release)(void *user, void *memory);
  void *allocator_user;

  // Receives a text that ends in 0; "" on success. May be NULL.
  char *message;
  size_t message_capacity; // bytes
} attnc_options;

// Options with only struct_size set.
static inline attnc_options attnc_options_init(void) {
  attnc_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = (uint32_t)sizeof options;
  return options;
}

// ATTNC_ABI_VERSION of the header that this runtime was built with.
ATTNC_API uint32_t attnc_abi_version(void);

// The entry of that name; NULL asks for the only entry of a module. Returns
// NULL if there is none, or if the module has another ABI version; the message
// then says what there is.
ATTNC_API const attnc_entry *attnc_find_entry(const attnc_module *module, const char *name,
                                              const attnc_options *options);

// Writes the module's descriptor as a JSON object, at most capacity bytes with
// the 0 at the end. Returns the length of the whole text without the 0, as
// snprintf does; text may be NULL when capacity is 0.
ATTNC_API size_t attnc_describe(const attnc_module *module, char *text, size_t capacity);

// The ATTNC_CPU_* bits of this machine, less those that the environment
// variable ATTNC_CPU (v1, v2, v3 or v4; read once) takes away.
ATTNC_API uint64_t attnc_cpu_features(void);

// Maps the entry's file of weights, for the rest of the process. attnc_call does so at its first call; this says earlier
// what is wrong, or where the file lies. Does nothing where there is no such file or it is mapped.
//   path  NULL: beside the program or library that holds the entry
// Errors: ATTNC_INVALID_ARGUMENT: no such file, one of other weights, or a truncated one.
ATTNC_API attnc_status attnc_load_weights(const attnc_entry *entry, const char *path, const attnc_options *options);

// The variant that attnc_call runs here; NULL if none can (see the message).
ATTNC_API const attnc_variant *attnc_select_variant(const attnc_entry *entry, const attnc_options *options);

// The output shapes and the workspace of a call.
//   inputs           [num_inputs], in the descriptor's order; data may be NULL
//   output_extents   receives the extents of all outputs, one after the other
//                    (as many as the sum of their ranks), or is NULL
//   workspace_bytes  receives what options->workspace needs, or is NULL. This
//                    includes copies of the inputs that cannot be read in place
//                    (innermost stride other than 1, a negative stride, or data
//                    not aligned to its element): give attnc_call the same
//                    strides and alignment.
// Errors: ATTNC_INVALID_ARGUMENT: type, rank, extent, stride or device of an
// input, two extents for one symbol, or more than 2^63 bytes from the first to
// the last element of a tensor, or in the workspace; ATTNC_UNSUPPORTED_CPU.
ATTNC_API attnc_status attnc_plan(const attnc_entry *entry, const DLTensor *const *inputs, int64_t *output_extents,
                                  int64_t *workspace_bytes, const attnc_options *options);

// Runs the entry. A variant for a GPU copies inputs there and outputs back; the
// context, if there is one, keeps the GPU's code for the next call.
//   inputs   [num_inputs]: any strides; CPU, pinned or managed memory
//   outputs  [num_outputs]: the caller's memory with the shapes attnc_plan
//            says, aligned to its element; a slice of a larger tensor is
//            written in place: strides are positive, the innermost is 1, and
//            no element lies on another. One with ATTNC_TENSOR_INOUT is its
//            input, or NULL; one with ATTNC_TENSOR_EXTENDS may begin with its
//            input; others must not overlap with an input or one another, nor
//            a state with other inputs
// No heap memory is used when the options bring a workspace, but for outputs
// with gaps of a call on a GPU, which come from there without.
// Errors: those of attnc_plan; an output of another shape or type, or that is
// seen to overlap; a state that cannot be updated where it lies; data is NULL
// though there are elements; a checked promise that is broken; a table that
// names pages which are not there;
// ATTNC_OUT_OF_MEMORY.
ATTNC_API attnc_status attnc_call(const attnc_entry *entry, const DLTensor *const *inputs, DLTensor *const *outputs,
                                  const attnc_options *options);

// The same for plain pointers: every tensor is row-major without gaps and
// aligned to its element.
//   symbols  [num_symbols]: the extent of each symbol, at least 0
ATTNC_API attnc_status attnc_plan_raw(const attnc_entry *entry, const int64_t *symbols, int64_t *output_extents,
                                      int64_t *workspace_bytes, const attnc_options *options);
ATTNC_API attnc_status attnc_call_raw(const attnc_entry *entry, const int64_t *symbols, const void *const *inputs,
                                      void *const *outputs, const attnc_options *options);

//===-- Merging -----------------------------------------------------------===//

// The keys of an attention may be split between several calls: a prefix that sequences share and what follows it, pages
// here and there, halves of a long cache. What each call makes of its keys is a part, and parts are merged exactly:
//
//   lse = log(sum of exp(lse_p))    o = sum of exp(lse_p - lse) * o_p
//
// o and lse are what kernels give: lse is a natural logarithm. A sink belongs into one part only.
#define ATTNC_MAX_PARTS 1024

typedef struct {
  const DLTensor *o;   // [..., features]
  const DLTensor *lse; // [...]: the dimensions of o but the last, in their order
} attnc_part;

// Merges parts into o and, unless it is NULL, lse, rows shared out among the threads of the options.
//   parts      [num_parts], which may be 0. All o are of the type of the result, or all are f32; each lse is f32 or f64
//   o          f32, f64, f16 or bf16. Sums are f32, those of an f64 are f64
//   lse        f32 or f64
// Shapes are equal; layouts need not be: each tensor has its strides. Where an lse lies in another order of dimensions
// than its o, its shape and strides are given in the order of o. The features of an o lie next to each other (stride 1).
// o may be the o of a part, and lse an lse, with the same type and strides: the result then replaces it. Nothing else
// that is written may overlap with what is read.
//
// A part whose lse is -inf has no keys in that row, and its o is not read there. A row that no part has keys of is 0 and
// its lse -inf. A part whose lse is NaN or +inf makes that row and its lse NaN, and no other. A row that only one part
// has keys of is that part's, bit by bit.
//
// Errors: ATTNC_INVALID_ARGUMENT: a tensor that is missing, of another shape or type, not aligned to its element, that
// reaches outside of the address space or is seen to overlap; the message names it ("parts[1].lse").
ATTNC_API attnc_status attnc_merge(const attnc_part *parts, int32_t num_parts, DLTensor *o, DLTensor *lse,
                                   const attnc_options *options);

//===-- Pages -------------------------------------------------------------===//

// The books of a cache in pages, for whoever owns its memory: which pages are free, which sequence has which, how many
// share one. Key j of sequence b is row j % page_rows of page table[b * table_width + j / page_rows]. The numbers are those
// of every cache that is laid out so: K and V of all layers.
//
// All memory is the caller's, who sets the fields above the line and then calls attnc_pages_init; others are read only.
// Calls on one attnc_pages must not run at once. One that fails has changed nothing; its message names the sequence.
typedef struct {
  int32_t num_pages, page_rows, num_sequences, table_width; // all at least 1
  int32_t *table;                                           // [num_sequences][table_width], for kernels; -1: no page
  int32_t *lengths;                                         // [num_sequences] rows in use, for kernels
  int32_t *references;                                      // [num_pages] sequences that have it
  int32_t *free_pages;                                      // [num_pages], of which the first num_free are free
  // ---
  int32_t num_free;
} attnc_pages;

// Rows [0, rows) of page `from` to be copied to page `to` in every cache, before anything is written or read.
typedef struct {
  int32_t from, to, rows; // rows is 0: nothing to copy
} attnc_page_copy;

// All pages are free, all sequences empty.
ATTNC_API attnc_status attnc_pages_init(attnc_pages *pages, const attnc_options *options);

// Makes room for `rows` more of a sequence, whose length becomes so much larger. Where its last page is not full and others
// have it too, the sequence gets one of its own, and `copy` says what to copy there.
// Errors: ATTNC_INVALID_ARGUMENT: no such sequence, or longer than its row of the table allows; ATTNC_OUT_OF_MEMORY: fewer
// pages are free than needed.
ATTNC_API attnc_status attnc_pages_append(attnc_pages *pages, int32_t sequence, int32_t rows, attnc_page_copy *copy,
                                          const attnc_options *options);

// Makes sequence `to`, which must be empty, the same as `from`: it shares all pages until one of the two appends.
ATTNC_API attnc_status attnc_pages_fork(attnc_pages *pages, int32_t from, int32_t to, const attnc_options *options);

// Shortens a sequence to `length` rows; pages that nobody has any more are free. 0 empties it.
ATTNC_API attnc_status attnc_pages_truncate(attnc_pages *pages, int32_t sequence, int32_t length,
                                            const attnc_options *options);

// Carries out a copy in one cache [num_pages, heads, page_rows, features] of any strides but that of features, which is 1.
ATTNC_API attnc_status attnc_pages_copy(const attnc_pages *pages, const attnc_page_copy *copy, DLTensor *cache,
                                        const attnc_options *options);

#ifdef __cplusplus
}
#endif
#endif // ATTNC_ATTNC_H
