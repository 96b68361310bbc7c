//===- AttnOps.td - The attn dialect: what attention computes -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rule ids A1-A12 are those of docs/design.md. Each is named where it is stated,
// verified (`// attention_a7`) and tested (`@attention_a7`).
//
//===----------------------------------------------------------------------===//

#ifndef ATTNC_DIALECTS_ATTN_ATTNOPS_TD
#define ATTNC_DIALECTS_ATTN_ATTNOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Attn_Dialect : Dialect {
  let name = "attn";
  let cppNamespace = "::attnc::attn";
  let summary = "What attention computes, on tensors";
  let description = [{
    Every front end produces this dialect together with upstream `linalg`,
    `tensor`, `arith` and `math` for all that is not attention. It says what is
    computed; how is one attribute of an op, `schedule`, that `compiler/schedule`
    chooses and obeys, and that no rule below reads. The meaning is executable: see
    `dialects/Attn/Interpreter.h`.
  }];
  let hasConstantMaterializer = 1; // attn.weight
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = "void registerSchedules();";
}

class Attn_Op<string mnemonic, list<Trait> traits = []>
    : Op<Attn_Dialect, mnemonic, traits>;
class Attn_Attr<string name, string attrMnemonic> : AttrDef<Attn_Dialect, name> {
  let mnemonic = attrMnemonic;
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

def Attn_AttentionScheduleAttr : Attn_Attr<"AttentionSchedule", "attention_schedule"> {
  let summary = "how one attention is computed: its form and the sizes of its blocks";
  let description = [{
    `form` is the name of a form of `compiler/schedule`, the sizes are elements: `queries` and `keys` of a block, `rows`
    of a register tile, at most `blocks` blocks of queries for each walk over the keys. Where M, the number of queries,
    is in one of the ranges `few_queries`, known when the code runs, the form `few` is taken instead. With `one_body`,
    full blocks run the code of partial ones.

    What is left out (a size of 0, no form) `choose-schedules` chooses, and keeps what is written; so a form and one
    size can be tried by hand:

    ```mlir
    attn.attention {schedule = #attn.attention_schedule<form = rows, keys = 32>} ...
    // becomes
    attn.attention {schedule = #attn.attention_schedule<form = rows, queries = 64, keys = 32, rows = 4, blocks = 4>} ...
    // and without an attribute
    #attn.attention_schedule<form = transposed, queries = 64, keys = 64, rows = 4, blocks = 4,
                             few = decode, few_queries = [1 to 14, 17 to 27]>
    ```
  }];
  let parameters = (ins StringRefParameter<"", "\"\"">:$form, "int64_t":$queries, "int64_t":$keys, "int64_t":$rows,
                        "int64_t":$blocks, StringRefParameter<"", "\"\"">:$few,
                        ArrayRefParameter<"int64_t", "first and last of each range">:$few_queries, "bool":$one_body);
}

def Attn_ContractScheduleAttr : Attn_Attr<"ContractSchedule", "contract_schedule"> {
  let summary = "how one contraction is computed: the sizes of its blocks";
  let description = [{
    `columns` of a panel and `rows` of a register tile; rows of a work item where the panels are packed at compile time
    (`row_block`) and where every item packs its own (`pack_row_block`), which are `sum_chunk` deep. What is left out
    `choose-schedules` chooses.

    ```mlir
    #attn.contract_schedule<columns = 64, rows = 6, row_block = 128, pack_row_block = 1024, sum_chunk = 256>
    ```
  }];
  let parameters = (ins "int64_t":$columns, "int64_t":$rows, "int64_t":$row_block, "int64_t":$pack_row_block,
                        "int64_t":$sum_chunk);
}

// A tensor before bufferization, a memref of the same shape after it.
def Attn_Shaped : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef], "ranked tensor or strided memref">;

// What a region may read besides its own arguments.
def Attn_Capture : AnyTypeOf<[Attn_Shaped, AnyFloat, AnySignlessIntegerOrIndex],
                             "ranked tensor, strided memref, float, signless integer or index">;

def Attn_Number : AnyTypeOf<[AnyFloat, Index], "float or index">;

def Attn_AttentionOp : Attn_Op<"attention", [
    AttrSizedOperandSegments, DestinationStyleOpInterface, IsolatedFromAbove,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "softmax(mask(score(scale * query(Q) key(K)^T))) V, with exactly stated meaning";
  let description = [{
    For batch b, query head h, query i in [0,M), key j in [0,N), kv head
    g = h / (H/G):

    - A1: s = scale * <q[b,h,i,:], k[b,g,j,:]>; `scale` defaults to 1/sqrt(D).
    - A2: s' = the `score` region applied to (s, b, h, i, j, M, N, captures...).
    - A3: allowed = the `mask` region applied to (b, h, i, j, M, N, captures...).
      The score comes first, the mask second.
    - A4: weights are the softmax of s' over the allowed keys only; a key that is
      not allowed contributes nothing, whatever its K and V hold.
    - A5: a row without allowed key gives 0 and lse = -inf.
    - A6: NaN or +inf in an allowed score gives NaN in that row and no other.
    - A7: K and V may differ in head dim; M, N and B may be dynamic; G divides H.
    - A8: the second result, if present, is lse (natural logarithm). Accumulation
      is f32 for f32 and below, f64 for f64.
    - A9: which end a causal mask aligns is written in the mask region: j <= i + N - M
      aligns the ends, j <= i the starts. That is why regions are given M and N.
    - A10: with a `sink` region every row has one key more, always allowed, of score
      sink(b, h, i, M, N, captures...) and value 0. So lse includes it, and a row without
      another allowed key gives 0 and lse = sink.
    - A11: with a `query` region, feature d of the row q[b,h,i,:] that A1 sees is what the
      region yields for (b, h, i, d, M, N, captures...); `attn.feature` reads the row as it
      is stored, `attn.sum` adds over its features. Likewise `key` for (b, g, j, d, M, N,
      captures...) and the row k[b,g,j,:]. A score applies to the product of what they yield.

    A layout is a string of dimension letters in memory order: B batch, M
    queries, N keys, H query heads, G kv heads, D features of Q and K, E features
    of V. A letter that is missing stands for extent 1 (single-head or unbatched
    tensors); K or V without B serve every batch, without G every head. H, G, D
    and E are compile-time numbers.

    A12: K and V may lie in pages, P keys each, of a pool: letters X (the page)
    and P stand in their layouts instead of B and N, and `by` names a table of page
    numbers for each, of letters B and T (the pages of a sequence). Key j of
    sequence b is row j % P of page table[b, j / P], and N = T * P. P is a
    compile-time multiple of 16. Elements of a table count for pages with a key
    that the mask allows to some query: these must be pages that there are; what
    the others say, and what pages without such a key hold, is never looked at.

    Captured scalars and tensors are operands; all regions see them as trailing
    block arguments and read tensors with `tensor.extract`. An absent score, query or
    key region is the identity, an absent mask region allows every key. Query, key,
    score and mask are evaluated only where there is a key (N > 0), a sink always.

    The op is destination style: `outs` holds the output and, optionally, lse
    (layout of lse: the output's layout without E). Their contents are not read.

    Example, causal with aligned ends (A9) and a soft cap of 50:

    ```mlir
    %o = attn.attention {scale = 0.125 : f64}
      q(%q "BMHD" : tensor<?x?x16x64xf32>)
      k(%k "BNGD" : tensor<?x?x4x64xf32>)
      v(%v "BNGE" : tensor<?x?x4x64xf32>)
      outs("BMHE", %init : tensor<?x?x16x64xf32>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
        %cap = arith.constant 5.0e+01 : f32
        %0 = arith.divf %s, %cap : f32
        %1 = math.tanh %0 : f32
        %2 = arith.mulf %1, %cap : f32
        attn.yield %2 : f32
      } mask {
      ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
        %d = arith.subi %N, %M : index
        %p = arith.addi %i, %d : index
        %c = arith.cmpi sle, %j, %p : index
        attn.yield %c : i1
      } -> tensor<?x?x16x64xf32>
    ```

    Keys of unit length (A11) and a learned sink for each head (A10):

    ```mlir
      key {
      ^bb0(%b: index, %g: index, %j: index, %d: index, %M: index, %N: index, %sinks: tensor<16xf32>):
        %squares = attn.sum {
        ^bb0(%e: index):
          %x = attn.feature %e : f32
          %xx = arith.mulf %x, %x : f32
          attn.yield %xx : f32
        } : f32
        %length = math.sqrt %squares : f32
        %y = attn.feature %d : f32
        %r = arith.divf %y, %length : f32
        attn.yield %r : f32
      } sink {
      ^bb0(%b: index, %h: index, %i: index, %M: index, %N: index, %sinks: tensor<16xf32>):
        %s = tensor.extract %sinks[%h] : tensor<16xf32>
        attn.yield %s : f32
      }
    ```

    Keys and values in pages of 16, with one table for both:

    ```mlir
      k(%k "XGPD" : tensor<?x4x16x64xf32> by %table "BT" : tensor<?x?xi32>)
      v(%v "XGPE" : tensor<?x4x16x64xf32> by %table "BT" : tensor<?x?xi32>)
    ```
  }];

  let builders = [ // of one without pages
    OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::Value":$q, "::mlir::Value":$k, "::mlir::Value":$v,
                   "::mlir::ValueRange":$captures, "::mlir::ValueRange":$inits, "::mlir::StringAttr":$q_layout,
                   "::mlir::StringAttr":$k_layout, "::mlir::StringAttr":$v_layout, "::mlir::StringAttr":$o_layout,
                   "::mlir::FloatAttr":$scale, "AttentionScheduleAttr":$schedule), [{
      build($_builder, $_state, results, q, k, v, captures, inits, /*k_table=*/{}, /*v_table=*/{}, q_layout, k_layout,
            v_layout, o_layout, scale, schedule, /*k_table_layout=*/{}, /*v_table_layout=*/{});
    }]>,
    OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::Value":$q, "::mlir::Value":$k, "::mlir::Value":$v,
                   "::mlir::ValueRange":$captures, "::mlir::ValueRange":$inits, "::llvm::StringRef":$q_layout,
                   "::llvm::StringRef":$k_layout, "::llvm::StringRef":$v_layout, "::llvm::StringRef":$o_layout,
                   "::mlir::FloatAttr":$scale, "AttentionScheduleAttr":$schedule), [{
      build($_builder, $_state, results, q, k, v, captures, inits, $_builder.getStringAttr(q_layout),
            $_builder.getStringAttr(k_layout), $_builder.getStringAttr(v_layout), $_builder.getStringAttr(o_layout),
            scale, schedule);
    }]>
  ];

  let arguments = (ins Attn_Shaped:$q, Attn_Shaped:$k, Attn_Shaped:$v,
                       Variadic<Attn_Capture>:$captures,
                       Variadic<Attn_Shaped>:$inits,
                       Optional<Attn_Shaped>:$k_table, Optional<Attn_Shaped>:$v_table,
                       StrAttr:$q_layout, StrAttr:$k_layout, StrAttr:$v_layout,
                       StrAttr:$o_layout, OptionalAttr<F64Attr>:$scale,
                       OptionalAttr<Attn_AttentionScheduleAttr>:$schedule,
                       OptionalAttr<StrAttr>:$k_table_layout, OptionalAttr<StrAttr>:$v_table_layout);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region MaxSizedRegion<1>:$score, MaxSizedRegion<1>:$mask, MaxSizedRegion<1>:$query,
                        MaxSizedRegion<1>:$key, MaxSizedRegion<1>:$sink);

  let assemblyFormat = [{
    attr-dict
    `q` `(` $q $q_layout `:` type($q) `)`
    `k` `(` $k $k_layout `:` type($k) (`by` $k_table^ $k_table_layout `:` type($k_table))? `)`
    `v` `(` $v $v_layout `:` type($v) (`by` $v_table^ $v_table_layout `:` type($v_table))? `)`
    (`captures` `(` $captures^ `:` type($captures) `)`)?
    `outs` `(` $o_layout `,` $inits `:` type($inits) `)`
    (`query` $query^)? (`key` $key^)? (`score` $score^)? (`mask` $mask^)? (`sink` $sink^)?
    (`->` type($results)^)?
  }];

  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }

    /// The accumulation type: f64 if Q is f64, else f32 (A8).
    ::mlir::FloatType getAccumulatorType();
    /// The scale of A1, the default filled in; D must be static when `scale` is absent.
    double getScaleValue();
    /// Extent of role `letter` as found in q, k, v or the output; kDynamic if dynamic, 1 if absent.
    int64_t getExtent(char letter);
    /// Position of `letter` in `layout`, or -1.
    static int64_t dimOf(::llvm::StringRef layout, char letter);
    /// What has the extent of role `letter` when the code runs.
    ExtentSource findExtent(char letter);
    /// K and V lie in pages.
    bool isPaged() { return getKTable() || getVTable(); }
    /// The output's layout without E: the layout of lse.
    std::string getLseLayout();
    bool hasLse() { return getInits().size() == 2; }

    /// The arguments of `region` before the captures, one letter each: "sbhijMN" of a score (A2), "bhijMN" of a mask
    /// (A3), "bhidMN" and "bgjdMN" of a query and a key (A11), "bhiMN" of a sink (A10).
    static ::llvm::StringRef argumentLetters(::mlir::Region &region);
    /// The argument of `region` that has this letter.
    static ::mlir::BlockArgument argumentOf(::mlir::Region &region, char letter);
    /// Indices among them; a score has s and those of a mask.
    static constexpr unsigned kMaskIndices = 6;
    /// The capture that an argument of a region stands for; null if it is none.
    ::mlir::Value captureOf(::mlir::BlockArgument argument);
    /// The argument of `region` that stands for capture `capture`.
    ::mlir::BlockArgument captureArgument(::mlir::Region &region, unsigned capture) {
      return region.getArgument(region.getNumArguments() - getCaptures().size() + capture);
    }
    /// Removes capture `capture`, which no region may read.
    void eraseCapture(unsigned capture);
    /// No region reads capture `capture`.
    bool isUnusedCapture(unsigned capture);

    /// Adds an empty block with the arguments of A2 (A3, A11, A10) to the region; returns the block.
    ::mlir::Block *addScoreBlock();
    ::mlir::Block *addMaskBlock();
    ::mlir::Block *addQueryBlock();
    ::mlir::Block *addKeyBlock();
    ::mlir::Block *addSinkBlock();
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Attn_ContractOp : Attn_Op<"contract", [
    DestinationStyleOpInterface, IsolatedFromAbove,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "an einsum of two operands with an epilogue on each result element";
  let description = [{
    out[o] = epilogue(sum over contracted letters of lhs[l] * rhs[r], o, captures...).

    Layouts are einsum strings of lower-case letters. A letter in lhs and rhs but
    not in out is summed; in all three, a batch letter; a letter of out comes from
    lhs, rhs or both. The epilogue sees the accumulated value, then one index per
    letter of out in out's order, then the captures. Without a region the value is
    stored as it is. What `outs` holds before is not read. Accumulation is f32 for f32 and below, f64 for f64, i32 for
    integers (signed, of 8 bits), whose sums wrap around; the empty sum is 0. The epilogue yields the accumulation type, or
    f32 where integers become floats in `outs`.

    Example, a projection with bias and ReLU:

    ```mlir
    %y = attn.contract
      lhs(%x "bsk" : tensor<?x?x32xf32>) rhs(%w "kn" : tensor<32x64xf32>)
      captures(%bias : tensor<64xf32>) outs("bsn", %init : tensor<?x?x64xf32>)
      epilogue {
      ^bb0(%acc: f32, %b: index, %s: index, %n: index, %c: tensor<64xf32>):
        %0 = tensor.extract %c[%n] : tensor<64xf32>
        %1 = arith.addf %acc, %0 : f32
        %zero = arith.constant 0.0 : f32
        %2 = arith.maximumf %1, %zero : f32
        attn.yield %2 : f32
      } -> tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins Attn_Shaped:$lhs, Attn_Shaped:$rhs,
                       Variadic<Attn_Capture>:$captures, Attn_Shaped:$init,
                       StrAttr:$lhs_layout, StrAttr:$rhs_layout, StrAttr:$out_layout,
                       OptionalAttr<Attn_ContractScheduleAttr>:$schedule);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region MaxSizedRegion<1>:$epilogue);
  let assemblyFormat = [{
    attr-dict
    `lhs` `(` $lhs $lhs_layout `:` type($lhs) `)`
    `rhs` `(` $rhs $rhs_layout `:` type($rhs) `)`
    (`captures` `(` $captures^ `:` type($captures) `)`)?
    `outs` `(` $out_layout `,` $init `:` type($init) `)`
    (`epilogue` $epilogue^)? (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    ::mlir::Type getAccumulatorType();
    /// What the epilogue yields.
    ::mlir::Type getYieldedType();
    /// Extent of `letter` as found in lhs, rhs or out; kDynamic if dynamic.
    int64_t getExtent(char letter);
    /// Adds an empty epilogue block with the arguments described above; returns it.
    ::mlir::Block *addEpilogueBlock();
  }];
  let hasVerifier = 1;
}

def Attn_WindowsOp : Attn_Op<"windows", [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "the overlapping windows of a tensor, a view of it";
  let description = [{
    The last n dimensions are walked in steps of `strides`; at each position lies a window of `sizes` elements, `dilations`
    apart. Positions stand where those dimensions did, the windows follow as n dimensions of their own:

        result[.., p0, .., w0, ..] = source[.., p0 * strides[0] + w0 * dilations[0], ..]

    There are (extent - ((size - 1) * dilation + 1)) / stride + 1 positions, rounded down, or none where the extent is smaller
    than a window. Nothing is copied: a convolution is an `attn.contract` of the windows of its padded input.

    ```mlir
    %w = attn.windows %x sizes [3, 3] strides [2, 2] dilations [1, 1] : tensor<1x64x58x58xf32> -> tensor<1x64x28x28x3x3xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source, DenseI64ArrayAttr:$sizes, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$dilations);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source `sizes` $sizes `strides` $strides `dilations` $dilations attr-dict `:` type($source) `->` type($result)";
  let extraClassDeclaration = [{
    /// The first dimension that windows move along; windowed dimension i is this plus i.
    int64_t getFirstDim() { return getSource().getType().getRank() - static_cast<int64_t>(getSizes().size()); }
    /// Elements from the first to the last of a window along windowed dimension i.
    int64_t getSpan(size_t i) { return (getSizes()[i] - 1) * getDilations()[i] + 1; }
    /// The shape of the result for a source of this shape; dynamic where that is.
    ::llvm::SmallVector<int64_t> resultShape(::llvm::ArrayRef<int64_t> source);
  }];
  let hasVerifier = 1;
}

def Attn_WeightOp : Attn_Op<"weight", [ConstantLike, Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a constant tensor whose bytes lie in a file";
  let description = [{
    `%w = attn.weight @q : tensor<768x768xf32>` is the tensor that an op of the weights dialect calls @q: numbers of the
    model, or what is made of them when the artefact is written. Small constants are `arith.constant`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$name);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
  let hasFolder = 1; // to its name
}

def Attn_LayerWeightOp : Attn_Op<"layer_weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the weight of one layer, where layers are one function";
  let description = [{
    `%w = attn.layer_weight @layers.q[%layer] : tensor<768x768xf32>` is the tensor number %layer, from 0 on, of those that
    `weights.stack @layers.q` holds. With a constant %layer it is an `attn.weight`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$stack, Index:$layer);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$stack `[` $layer `]` attr-dict `:` type($result)";
  let hasCanonicalizer = 1;
}

def Attn_FeatureOp : Attn_Op<"feature", [Pure]> {
  let summary = "one feature of the row that a query or key region transforms";
  let description = [{
    `%x = attn.feature %d : f32` is q[b,h,i,d] in a query region, k[b,g,j,d] in a key
    region (A11), in the accumulation type. %d must lie in [0, D).
  }];
  let arguments = (ins Index:$position);
  let results = (outs AnyFloat:$result);
  let assemblyFormat = "$position attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Attn_SumOp : Attn_Op<"sum", [RecursiveMemoryEffects]> {
  let summary = "the sum of an expression over the features of a row";
  let description = [{
    In a query or key region (A11): adds what its own region yields for d in [0, D). The
    region sees the values around it, but those that depend on the feature around it: a sum
    belongs to the row.

    ```mlir
    %0 = attn.sum {
    ^bb0(%d: index):
      %x = attn.feature %d : f32
      %y = arith.mulf %x, %x : f32
      attn.yield %y : f32
    } : f32
    ```
  }];
  let results = (outs AnyFloat:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$body attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Attn_PhaseOp : Attn_Op<"phase", [Pure]> {
  let summary = "an angle, less its whole turns";
  let description = [{
    `%x = attn.phase %p, %base, %a, %n : index, index, index, index -> f32` is
    p * base^(-a / n), brought to [-pi, pi] by a multiple of 2 pi and rounded once: an
    angle of rotary embeddings, which f32 arithmetic would have off by p * 1e-7.
    Operands may be floats too. Exact to the rounding while |p| < 2^24; schedule/ makes
    f64 arithmetic of it.
  }];
  let arguments = (ins Attn_Number:$position, Attn_Number:$base, Attn_Number:$numerator, Attn_Number:$denominator);
  let results = (outs AnyFloat:$result);
  let assemblyFormat = "operands attr-dict `:` type(operands) `->` type($result)";
}

def Attn_YieldOp : Attn_Op<"yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["AttentionOp", "ContractOp", "SumOp"]>]> {
  let summary = "ends a region of an attn op with its value";
  let arguments = (ins AnyType:$value);
  let assemblyFormat = "attr-dict $value `:` type($value)";
}

#endif
