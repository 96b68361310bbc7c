//===- TileOps.td - The tile dialect: how to walk it ----------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTNC_DIALECTS_TILE_TILEOPS_TD
#define ATTNC_DIALECTS_TILE_TILEOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::attnc::tile";
  let summary = "How to walk it: blocks, contractions with epilogues, row programs";
  let description = [{
    Programs of this level are `scf` loops over memrefs with the ops below. Each
    op holds *scalar* code: a region says what happens to one element, and its
    index arguments say which. A target decides how many elements it does at
    once: neighbouring columns sit in the lanes of a vector. So a bias, a mask or
    a whole score function is ordinary `arith`, `math` and `memref.load` on
    (value, row, column), and the dialect needs no word for attention.

    Inside a region, values from above are uniform. A load whose last index is
    the column plus something uniform becomes a vector load, a load that does not
    depend on the column a broadcast, any other load a gather. A branch on something uniform is one branch for all.
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    /// On an arith.index_cast to i32: the value fits, in every lane.
    static ::llvm::StringRef getExactAttrName() { return "tile.exact"; }
  }];
}

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;
class Tile_Attr<string name, string attrMnemonic> : AttrDef<Tile_Dialect, name> {
  let mnemonic = attrMnemonic;
}

//===----------------------------------------------------------------------===//
// Target facts
//===----------------------------------------------------------------------===//

def Tile_EncodingAttr : Tile_Attr<"Encoding", "encoding"> {
  let summary = "what one word of an operand holds";
  let description = [{
    `<2 x bf16>`: two bf16 that follow each other along k, the first in the low bits. A group of more than one fills a
    word of 32 bits. Elements are floats, or integers with a sign (`si8`) or without one (`ui8`).

    `<8 x si4, blocks of 32>`: every 32 elements along k of a column share a scale, an f32 whose bits are in the row of
    words behind theirs: four rows of integers, one of scales. An element is its integer times the scale. The last block
    is whole, filled up with 0.
  }];
  let parameters = (ins "unsigned":$group, "::mlir::Type":$element, DefaultValuedParameter<"unsigned", "0">:$block);
  let builders = [AttrBuilder<(ins "unsigned":$group, "::mlir::Type":$element), [{
    return $_get($_ctxt, group, element, 0);
  }]>];
  let assemblyFormat = "`<` $group `x` $element (`,` `blocks` `of` $block^)? `>`";
  let extraClassDeclaration = [{
    /// What a memref of such words holds: i32, or the element itself where it stands alone.
    ::mlir::Type getWord();
    /// What a memref of single elements holds; signs are no part of a memref's type.
    ::mlir::Type getStored();
  }];
  let genVerifyDecl = 1;
}

def Tile_TargetAttr : Tile_Attr<"Target", "target"> {
  let summary = "what a schedule must know about the machine";
  let description = [{
    The module attribute `tile.target`. `lanes` counts f32 elements of a vector
    register, `registers` the vector registers, cache sizes are bytes per core.
    `dots` lists the groups whose dot products have an instruction; operands of
    other groups of more than one are better widened when they are packed.
    With `far_prefetch`, lines are better asked for early and repeatedly than once, shortly before they are read.

    ```mlir
    module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576,
                                                  dots = [#tile.encoding<2 x bf16>]>} {}
    ```
  }];
  let parameters = (ins "unsigned":$lanes, "unsigned":$registers, "unsigned":$l1, "unsigned":$l2,
                        OptionalParameter<"::mlir::ArrayAttr">:$dots,
                        OptionalParameter<"::mlir::UnitAttr">:$far_prefetch);
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = [{
    /// The group of `element` that has an instruction; null if none has.
    EncodingAttr getDots(::mlir::Type element);
  }];
}

//===----------------------------------------------------------------------===//
// Contraction
//===----------------------------------------------------------------------===//

def Tile_TailExact : I32EnumAttrCase<"Exact", 0, "exact">;
def Tile_TailPeel : I32EnumAttrCase<"Peel", 1, "peel">;
def Tile_TailClamp : I32EnumAttrCase<"Clamp", 2, "clamp">;
def Tile_Tail : I32EnumAttr<"Tail", "what happens to rows that do not fill a register tile",
                            [Tile_TailExact, Tile_TailPeel, Tile_TailClamp]> {
  let cppNamespace = "::attnc::tile";
  let genSpecializedAttr = 0;
}
def Tile_TailAttr : EnumAttr<Tile_Dialect, Tile_Tail, "tail">;

def Tile_ContractOp : Tile_Op<"contract"> {
  let summary = "acc[row, col] = init + sum_k lhs[row, k] * rhs[k, col], then an epilogue in registers";
  let description = [{
    For rows in [`row_begin`, `row_end`) and the W columns of the panel `rhs`
    (W is its static last extent), computes

        acc = init(row, col) + sum over k in [0, k_end) of lhs[row, k] * rhs[k, col - col_begin]

    in register tiles and runs `epilogue(acc, row, col, valid)` on every element
    while it is still in a register. `lhs` is read element by element (broadcast)
    in place, with any strides; `rhs` is read as contiguous vectors. Columns are
    numbered from `col_begin`. An absent `init` region means 0.

    With `dots`, both operands are read as vectors along k, which is contiguous in both, and the lanes are summed: for
    few rows cheaper than making a panel. Only columns that are real are read. Smaller tiles of `peel` are single rows.
    Floats narrower than the sums are widened. A panel may be narrower than a vector where the tail is `exact` and one
    register tile fills the lanes: 4 rows of 4 columns, say.

    A `rhs` of three dimensions has streams: with S its second extent, row k of the panel is `rhs[k div S, k mod S]`, or
    with `dots`, where S is its third, column c is `rhs[.., c div S, c mod S]`. So neighbours come from S distant places.

    What the operands hold is their encoding: `as <2 x bf16>` says that each word is a group of two bf16 along k; without
    one a memref's elements are what they are. `rhs` then has a row for each group; `lhs` holds groups of the same size,
    as words or as elements that are adjacent in memory along k, or single elements (`as <1 x ...>`, or nothing). `k_end`
    counts elements, not words: in a last group that is not whole, what is beyond `k_end` is 0 in `rhs`, finite in the
    words of `lhs`, and not read in its elements.

    The type of the sums is that of the epilogue's first argument: f64 if an operand is, otherwise f32 if one holds floats
    and i32 for integers (which wrap around). Products of types for which the target has no instruction are those of the
    operands widened to the type of the sums.

    Rows: `exact` promises that register tiles fit; `peel` emits smaller tiles for
    the rest; `clamp` computes whole tiles, in which rows at and beyond `row_end`
    repeat the last row and have `valid` = false (otherwise `valid` is true).
    Columns: with `cols(%n)`, only the first n lanes are real, loads and stores of
    the regions that depend on the column are limited to them; without it all W.

    A register tile has `tile_rows` rows. Its elements run the epilogue together, operation by
    operation; tiles run in increasing row order.

    `prefetch` is scalar code, mostly `memref.prefetch` of what is read soon. With one argument it is for a row of the
    register tile: the rows of a tile take turns while it is summed, where the memory's pipes have time for it, and code
    does not grow with them. With two, (k, column), it is for each vector of `rhs`, whose first element that is, and stands
    beside its load.

    Example, a projection with bias (bf16 would be `lhs(%x : memref<?x768xbf16> as <2 x bf16>)
    rhs(%panel : memref<384x64xi32> as <2 x bf16>)`):

    ```mlir
    tile.contract rows(%m0 to %m1) cols(%n0) k(%K)
      lhs(%x : memref<?x768xf32>) rhs(%panel : memref<768x64xf32>) tail = peel
      init {
      ^bb0(%row: index, %col: index):
        %0 = memref.load %bias[%col] : memref<3072xf32>
        tile.yield %0 : f32
      } epilogue {
      ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
        memref.store %acc, %y[%row, %col] : memref<?x3072xf32>
        tile.yield
      }
    ```
  }];
  let arguments = (ins Index:$row_begin, Index:$row_end, Index:$col_begin,
                       Optional<Index>:$col_count, Index:$k_end,
                       AnyStridedMemRef:$lhs, AnyStridedMemRef:$rhs,
                       OptionalAttr<Tile_EncodingAttr>:$lhs_encoding, OptionalAttr<Tile_EncodingAttr>:$rhs_encoding,
                       DefaultValuedAttr<Tile_TailAttr, "::attnc::tile::Tail::Peel">:$tail,
                       DefaultValuedAttr<I64Attr, "4">:$tile_rows, UnitAttr:$dots);
  let regions = (region MaxSizedRegion<1>:$init, SizedRegion<1>:$epilogue, MaxSizedRegion<1>:$prefetch);
  let assemblyFormat = [{
    `rows` `(` $row_begin `to` $row_end `)` `cols` `(` $col_begin (`count` $col_count^)? `)` `k` `(` $k_end `)`
    `lhs` `(` $lhs `:` type($lhs) (`as` $lhs_encoding^)? `)`
    `rhs` `(` $rhs `:` type($rhs) (`as` $rhs_encoding^)? `)` `tail` `=` $tail
    (`init` $init^)? `epilogue` $epilogue (`prefetch` $prefetch^)? attr-dict
  }];
  let extraClassDeclaration = [{
    /// W: the static number of columns.
    int64_t getWidth();
    /// S: what the streams of rhs are counted by; 1 where it has two dimensions.
    int64_t getStreams();
    /// What a word of the operand holds: its encoding, or one element of its memref.
    EncodingAttr getLhsWord();
    EncodingAttr getRhsWord();
    /// lhs is read as words of the memref; otherwise a group is gathered from elements side by side.
    bool isLhsOfWords();
    /// `prefetch` is for each vector of rhs.
    bool prefetchesVectors() { return !getPrefetch().empty() && getPrefetch().getNumArguments() == 2; }
    ::mlir::Type getAccumulatorType();
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$row_begin, "::mlir::Value":$row_end, "::mlir::Value":$col_begin,
                                 "::mlir::Value":$col_count, "::mlir::Value":$k_end, "::mlir::Value":$lhs,
                                 "::mlir::Value":$rhs, "Tail":$tail, "int64_t":$tile_rows,
                                 CArg<"bool", "false">:$dots), [{
    build($_builder, $_state, row_begin, row_end, col_begin, col_count, k_end, lhs, rhs, EncodingAttr(), EncodingAttr(),
          tail, tile_rows, dots);
  }]>];
  let hasVerifier = 1;
}

def Tile_SoftmaxStepOp : Tile_Op<"softmax_step", [AllTypesMatch<["max", "shift", "limit", "sum"]>]> {
  let summary = "p = 2^(unit * score - shift), sum += p, with the running maximum raised when it must be";
  let description = [{
    The streaming softmax, inside the epilogue of a `tile.contract`. `score` is what is exponentiated, `unit` (positive)
    turns it into log2 units. Per column, memrefs of W elements hold the running state: `max`, `sum`, and for the step
    itself `shift` = unit * max and `limit`, the score up to which a weight of at most 2^threshold can stand.

        where score > limit:  max = score or more, and sum, the columns of `scaled` and the first `row - base` rows of `weights`
            are multiplied by 2^(unit * (old max - max))
        p = 2^(unit * score - shift);  sum += p;  weights[row - base, col - col_begin] = p

    A row of state begins as max = -inf, shift = 0, limit = -inf, sum = 0: no score met. `max` is the first finite score,
    and then changes to finite numbers only. So -inf gives exactly p = 0, and NaN and +inf reach p and sum of their own
    column only. Equal scores have equal p, whatever their size: where unit * max is too large to keep fractions, `limit`
    is -inf, and max is subtracted from the score before it is multiplied. What a column gets does not depend on the size
    of the register tile, nor on columns that meet no score or NaN; on others of its vector only where both rise by more
    than the threshold, and then in rounding only.

    Weights become the rhs of a contraction, and have its encodings: `as <2 x bf16>` stores rows 2r and 2r + 1 as one row
    of words, cut off to bf16, and `sum` adds what was stored. The register tile's rows are whole groups. Without an
    encoding `weights` holds the type of the score.

    ```mlir
    tile.softmax_step %s max(%m) shift(%c) limit(%e) sum(%l) weights(%p from %nb) scaled(%ot) {unit = 1.4426950408889634}
      : f32, memref<64xf32>, memref<64x64xf32>, memref<64x64xf32>
    tile.softmax_step %s max(%m) shift(%c) limit(%e) sum(%l) weights(%p as <2 x bf16> from %nb) scaled(%ot) {unit = 1.4}
      : f32, memref<64xf32>, memref<32x64xi32>, memref<64x64xf32>
    ```
  }];
  let arguments = (ins AnyFloat:$score, AnyStridedMemRef:$max, AnyStridedMemRef:$shift, AnyStridedMemRef:$limit,
                       AnyStridedMemRef:$sum, AnyStridedMemRef:$weights, Index:$base,
                       Variadic<AnyStridedMemRef>:$scaled, OptionalAttr<Tile_EncodingAttr>:$weights_encoding,
                       F64Attr:$unit,
                       DefaultValuedAttr<F64Attr, "30.0">:$threshold);
  let assemblyFormat = [{
    $score `max` `(` $max `)` `shift` `(` $shift `)` `limit` `(` $limit `)` `sum` `(` $sum `)`
    `weights` `(` $weights (`as` $weights_encoding^)? `from` $base `)` `scaled` `(` $scaled `)` attr-dict
    `:` type($score) `,` type($max) `,` type($weights) `,` type($scaled)
  }];
  let extraClassDeclaration = [{
    /// What a word of the weights holds: its encoding, or one element of their memref.
    EncodingAttr getWeightsWord();
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Row programs and copies
//===----------------------------------------------------------------------===//

def Tile_MapOp : Tile_Op<"map"> {
  let summary = "runs scalar code for every column in [begin, end)";
  let description = [{
    The region stores what it computes. Iterations are independent: no iteration
    reads what another writes.

    ```mlir
    tile.map %c0 to %n {
    ^bb0(%j: index):
      %0 = memref.load %x[%i, %j] : memref<?x?xf32>
      %1 = arith.mulf %0, %r : f32
      memref.store %1, %y[%i, %j] : memref<?x?xf32>
      tile.yield
    }
    ```
  }];
  let arguments = (ins Index:$begin, Index:$end);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$begin `to` $end $body attr-dict";
  let hasVerifier = 1;
}

def Tile_ReductionKind : I32EnumAttr<"ReductionKind", "how tile.reduce combines", [
    I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Mul", 1, "mul">,
    I32EnumAttrCase<"Max", 2, "max">, I32EnumAttrCase<"Min", 3, "min">,
    I32EnumAttrCase<"And", 4, "and">, I32EnumAttrCase<"Or", 5, "or">]> {
  let cppNamespace = "::attnc::tile";
  let genSpecializedAttr = 0;
}
def Tile_ReductionKindAttr : EnumAttr<Tile_Dialect, Tile_ReductionKind, "kind">;

def Tile_ReduceOp : Tile_Op<"reduce", [AllTypesMatch<["init", "result"]>]> {
  let summary = "combines a scalar expression over every column in [begin, end)";
  let description = [{
    Order of combination is free (floating-point sums may be reassociated). Max
    and min propagate NaN. The region may store by column, like that of `tile.map`.

    ```mlir
    %s = tile.reduce add %c0 to %n init(%zero) {
    ^bb0(%j: index):
      %0 = memref.load %x[%i, %j] : memref<?x?xf32>
      tile.yield %0 : f32
    } : f32
    ```
  }];
  let arguments = (ins Tile_ReductionKindAttr:$kind, Index:$begin, Index:$end, AnyType:$init);
  let results = (outs AnyType:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$kind $begin `to` $end `init` `(` $init `)` $body attr-dict `:` type($init)";
  let hasVerifier = 1;
}

def Tile_TransposeOp : Tile_Op<"transpose"> {
  let summary = "dst[j, i] = f(src[i, j], i, j)";
  let description = [{
    Copies with exchanged dimensions, through a scalar function. Rows i of `src`
    in [0, `rows`), columns j in [0, `cols`). With `pad`, columns of `dst` that
    fill up the last vector repeat the last row of `src`; those of further vectors,
    up to a static extent, are zero. The region sees the value
    and both indices of `src`, which is not `dst`; columns of `src` are the lanes.
    It may run more than once for an element.

    With an encoding, an element is a group of those of `src` that are adjacent in memory, as a word: `%k as <2 x bf16> to
    %kt` makes the pairs that a contraction takes. `cols` counts groups.

    ```mlir
    tile.transpose %q to %qt rows(%n) cols(%D) pad {
    ^bb0(%x: f32, %i: index, %j: index):
      %0 = arith.mulf %x, %scale : f32
      tile.yield %0 : f32
    } : memref<?x64xf32> to memref<64x64xf32>
    ```
  }];
  let arguments = (ins AnyStridedMemRef:$src, AnyStridedMemRef:$dst, Index:$rows, Index:$cols, UnitAttr:$pad,
                       OptionalAttr<Tile_EncodingAttr>:$encoding);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $src (`as` $encoding^)? `to` $dst `rows` `(` $rows `)` `cols` `(` $cols `)` (`pad` $pad^)? $body attr-dict
    `:` type($src) `to` type($dst)
  }];
  let hasVerifier = 1;
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["ContractOp", "MapOp", "ReduceOp", "TransposeOp"]>]> {
  let summary = "ends a region of a tile op, with its value where there is one";
  let arguments = (ins Optional<AnyType>:$value);
  let assemblyFormat = "attr-dict ($value^ `:` type($value))?";
}

//===----------------------------------------------------------------------===//
// Profiles
//===----------------------------------------------------------------------===//

def Tile_MarkOp : Tile_Op<"mark"> {
  let summary = "what follows is an operation of that number";
  let description = [{
    `tile.mark 7` stands in functions, outside of parallel loops, of programs that are profiled: there the time is taken.
    Other programs have none. The attribute `tile.joined` of a module lists the operations that one number stands for.
  }];
  let extraClassDeclaration = [{
    static ::llvm::StringRef getJoinedAttrName() { return "tile.joined"; }
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntNonNegative]>:$number);
  let assemblyFormat = "$number attr-dict";
}

//===----------------------------------------------------------------------===//
// Calls that fail
//===----------------------------------------------------------------------===//

def Tile_BadIndexOp : Tile_Op<"bad_index"> {
  let summary = "the call fails: an element of an input indexes nothing";
  let description = [{
    `tile.bad_index 3[%element] = %value of %extent` stands in functions, outside of parallel loops: row-major element
    %element of input 3 of the entry is %value, which is outside of [0, %extent). The function goes on, and must write
    nothing to its outputs: the caller is told so.
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntNonNegative]>:$input, Index:$element, Index:$value, Index:$extent);
  let assemblyFormat = "$input `[` $element `]` `=` $value `of` $extent attr-dict";
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Tile_WeightOp : Tile_Op<"weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "where a weight of the artefact lies";
  let description = [{
    `%w = tile.weight @q.panels : memref<12x768x64xf32>` is the memory of the tensor that an op of the weights dialect
    names: read-only, row-major, at a multiple of 64 bytes. An innermost dimension of 32 bits may be one word of i32.
    `tile.weight @layers.q[%layer]` is tensor number %layer of a stack.
  }];
  let arguments = (ins FlatSymbolRefAttr:$name, Optional<Index>:$layer);
  let results = (outs Res<AnyStaticShapeMemRef, "">:$result);
  let assemblyFormat = "$name (`[` $layer^ `]`)? attr-dict `:` type($result)";
}

#endif
