//===- WeightsOps.td - The weights of a model, and what is made of them ---===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTNC_DIALECTS_WEIGHTS_WEIGHTSOPS_TD
#define ATTNC_DIALECTS_WEIGHTS_WEIGHTSOPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"

def Weights_Dialect : Dialect {
  let name = "weights";
  let cppNamespace = "::attnc::weights";
  let summary = "Where the numbers of a model lie, and what is made of them";
  let description = [{
    Ops of a module that name constant tensors, without holding them:

    ```mlir
    weights.data @q "bert.onnx" at 4096 : tensor<768x768xf32>
    weights.view @q.panels of @q at 0 strides [64, 768, 1] inside [64, 0, 1] below 768 : tensor<12x768x64xf32>
    ```

    The bytes stay in their file, which is mapped. The others are recipes: tensors that are made of earlier ones while
    the artefact is written, one at a time (`Recipe.h`). `attn.weight` and `tile.weight` use such a tensor by its name.
    So the IR of a model is its structure: it prints in a page.

    Only ops that something uses, or that such ops are made of, end in the artefact.
  }];
  let extraClassDeclaration = [{
    /// The files that modules of this context read.
    ::attnc::weights::Files &files();
  private:
    ::std::shared_ptr<::attnc::weights::Files> mapped;
  public:
  }];
}

class Weights_Op<string mnemonic, list<Trait> traits = []>
    : Op<Weights_Dialect, mnemonic, !listconcat(traits, [Symbol, HasParent<"::mlir::ModuleOp">])> {
  code shared = [{
    /// What it names: a tensor of fixed shape.
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
  }];
  let extraClassDeclaration = shared;
  let hasVerifier = 1;
}

def Weights_DataOp : Weights_Op<"data"> {
  let summary = "a tensor that lies in a file";
  let description = [{
    Row-major little-endian elements from byte `at` of `file` on. The path is as it was given to the compiler, or beside
    that file. Without a file its elements are not known: what is computed with them can be compiled, not run.

    ```mlir
    weights.data @q "bert.onnx" at 4096 : tensor<768x768xf32>
    weights.data @unknown : tensor<768x768xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<StrAttr>:$file, OptionalAttr<I64Attr>:$at, TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = "$sym_name ($file^ `at` $at)? attr-dict `:` $type";
}

def Weights_ViewOp : Weights_Op<"view"> {
  let summary = "elements of one tensor in another order: slices, transposes, panels";
  let description = [{
    result[i0, i1, ...] = source[at + i0 * strides[0] + i1 * strides[1] + ...], positions counted in elements of the
    row-major source. With `inside [c0, c1, ...] below n`, the elements with c0 * i0 + c1 * i1 + ... >= n are zero: the
    columns that fill up a panel.

    ```mlir
    weights.view @transposed of @w at 0 strides [1, 768] : tensor<3072x768xf32>
    weights.view @panels of @w at 0 strides [64, 768, 1] inside [64, 0, 1] below 768 : tensor<12x768x64xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$source, I64Attr:$at, DenseI64ArrayAttr:$strides,
                       OptionalAttr<DenseI64ArrayAttr>:$inside, OptionalAttr<I64Attr>:$limit,
                       TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = [{
    $sym_name `of` $source `at` $at `strides` $strides (`inside` $inside^ `below` $limit)? attr-dict `:` $type
  }];
}

def Weights_CastOp : Weights_Op<"cast"> {
  let summary = "every element in another type";
  let description = [{
    Floats, and integers that become floats, are rounded to nearest even; integers become wider with their sign, or
    without one where they are `unsigned`, or keep their low bits. Row-major order as it was.

    ```mlir
    weights.cast @half of @w : tensor<768x768xbf16>
    weights.cast @wide of unsigned @bytes : tensor<768x768xi32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$source, UnitAttr:$is_unsigned,
                       TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = "$sym_name `of` (`unsigned` $is_unsigned^)? $source attr-dict `:` $type";
}

def Weights_OffsetOp : Weights_Op<"offset"> {
  let summary = "a number added to every integer";
  let description = [{
    Sums wrap around. So bytes without a sign become bytes with one, for instructions that want them:

    ```mlir
    weights.offset @signed of @bytes by -128 : tensor<768x768xi8>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$source, I64Attr:$by,
                       TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = "$sym_name `of` $source `by` $by attr-dict `:` $type";
}

def Weights_SumOp : Weights_Op<"sum"> {
  let summary = "the sums of integers along a dimension, which goes";
  let description = [{
    Each integer becomes one of the result's type, with its sign; sums wrap around. What a zero point of the other operand
    is multiplied by:

    ```mlir
    weights.sum @sums of @bytes dim 0 : tensor<768xi32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$source, I64Attr:$dim,
                       TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = "$sym_name `of` $source `dim` $dim attr-dict `:` $type";
}

def Weights_ConstantOp : Weights_Op<"constant"> {
  let summary = "a small tensor whose elements stand here";
  let description = [{
    What large ones meet in a recipe:

    ```mlir
    weights.constant @eight dense<8.0> : tensor<1xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ElementsAttr:$value);
  let assemblyFormat = "$sym_name $value attr-dict";
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getValue().getShapedType()); }
  }];
}

def Weights_BitsOp : Weights_Op<"bits"> {
  let summary = "some bits of every integer";
  let description = [{
    Those from `from` on, `width` of them, as an integer from 0. So bytes become the integers of four bits that they hold:

    ```mlir
    weights.bits @low of @bytes from 0 width 4 : tensor<768x384xi8>
    weights.bits @high of @bytes from 4 width 4 : tensor<768x384xi8>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$source, I64Attr:$from, I64Attr:$width,
                       TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = "$sym_name `of` $source `from` $from `width` $width attr-dict `:` $type";
}

def Weights_PackOp : Weights_Op<"pack"> {
  let summary = "eight integers of four bits in a word";
  let description = [{
    Every eight bytes along the last dimension become a word of their low four bits, the first in the lowest:

    ```mlir
    weights.pack @words of @integers : tensor<768x96xi32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$source, TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = "$sym_name `of` $source attr-dict `:` $type";
}

def Weights_BitcastOp : Weights_Op<"bitcast"> {
  let summary = "the same bits as elements of another type";
  let description = [{
    ```mlir
    weights.bitcast @bits of @scales : tensor<768x24xi32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$source, TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = "$sym_name `of` $source attr-dict `:` $type";
}

def Weights_CombineOp : Weights_Op<"combine"> {
  let summary = "two tensors of one type, element by element";
  let description = [{
    Their sum (`add`), difference (`sub`) or product (`mul`): of f32, rounded, or of integers, which wrap around.

    ```mlir
    weights.combine @w of @integers, @scales by "mul" : tensor<768x768xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$first, FlatSymbolRefAttr:$second, StrAttr:$by,
                       TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = "$sym_name `of` $first `,` $second `by` $by attr-dict `:` $type";
}

def Weights_ConcatOp : Weights_Op<"concat"> {
  let summary = "tensors one behind the other along a dimension";
  let description = [{
    ```mlir
    weights.concat @qkv of [@q, @k, @v] dim 1 : tensor<768x2304xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefArrayAttr:$sources, I64Attr:$dim,
                       TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = "$sym_name `of` $sources `dim` $dim attr-dict `:` $type";
}

def Weights_StackOp : Weights_Op<"stack"> {
  let summary = "tensors of one type, of which an index chooses one when the code runs";
  let description = [{
    What layers that are one function read: layer 0 reads the first source, and so on. In the artefact each of them
    begins at a multiple of 64 bytes, all at the same distance.

    ```mlir
    weights.stack @layers.query of [@layer.0.query, @layer.1.query] : tensor<768x768xf32>
    %w = attn.layer_weight @layers.query[%layer] : tensor<768x768xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefArrayAttr:$sources, TypeAttrOf<AnyStaticShapeTensor>:$type);
  let assemblyFormat = "$sym_name `of` $sources attr-dict `:` $type";
  let extraClassDeclaration = shared # [{
    /// From one source to the next, in bytes.
    uint64_t getPitch();
  }];
}

#endif
