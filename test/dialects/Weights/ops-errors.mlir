// RUN: attnc-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{lies at a position of its file, from 0 on}}
weights.data @q "w.bin" at -4 : tensor<4xf32>

// -----

// expected-error @below {{elements of 'i1' are not whole bytes of a known number}}
weights.data @q "w.bin" at 0 : tensor<4xi1>

// -----

// expected-error @below {{a tensor of this size does not fit into memory}}
weights.data @q "w.bin" at 0 : tensor<4294967296x4294967296xf32>

// -----

// expected-error @below {{there is no weight @w}}
weights.view @v of @w at 0 strides [1] : tensor<4xf32>

// -----

// expected-error @below {{is made of @w, which stands behind it}}
weights.view @v of @w at 0 strides [1] : tensor<4xf32>
weights.data @w "w.bin" at 0 : tensor<4xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
// expected-error @below {{reads beyond the 4 elements of @w}}
weights.view @v of @w at 1 strides [1] : tensor<4xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
// expected-error @below {{reads beyond the 4 elements of @w}}
weights.view @v of @w at 0 strides [-1] : tensor<2xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
// expected-error @below {{reads beyond the 4 elements of @w}}
weights.view @v of @w at 0 strides [4611686018427387904, 1] : tensor<4x1xf32>

// -----

// A limit bounds what is read only where it counts as the source does.
weights.data @w "w.bin" at 0 : tensor<4x3xf32>
// expected-error @below {{strides of the dimensions that count for the limit must be one multiple of what they count for}}
weights.view @v of @w at 0 strides [2, 3, 1] inside [1, 0, 1] below 3 : tensor<2x4x2xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4x3xf32>
// expected-error @below {{reads beyond the 12 elements of @w}}
weights.view @v of @w at 0 strides [2, 3, 1] inside [2, 0, 1] below 4 : tensor<2x4x2xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
// expected-error @below {{needs one stride for each of its 2 dimensions}}
weights.view @v of @w at 0 strides [1] : tensor<2x2xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
// expected-error @below {{is of f16, bf16, f32 and f64, and of whole bytes of integers, not from 'f32' to 'i32'}}
weights.cast @v of @w : tensor<4xi32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
// expected-error @below {{says that 'f32' is unsigned}}
weights.cast @v of unsigned @w : tensor<4xf16>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
// expected-error @below {{has the type of its source, integers, not 'tensor<4xf32>' and 'tensor<4xf32>'}}
weights.offset @v of @w by 1 : tensor<4xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xi8>
// expected-error @below {{has the type of its source, integers, not 'tensor<4xi8>' and 'tensor<4xi16>'}}
weights.offset @v of @w by 1 : tensor<4xi16>

// -----

weights.data @w "w.bin" at 0 : tensor<4x3xi8>
// expected-error @below {{is of integers that are as wide or wider, not from 'i8' to 'f32'}}
weights.sum @v of @w dim 0 : tensor<3xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4x3xi8>
// expected-error @below {{is along dimension 2 of 'tensor<4x3xi8>'}}
weights.sum @v of @w dim 2 : tensor<4x3xi32>

// -----

weights.data @w "w.bin" at 0 : tensor<4x3xi8>
// expected-error @below {{has the shape of 'tensor<4x3xi8>' without dimension 1}}
weights.sum @v of @w dim 1 : tensor<3xi32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
// expected-error @below {{has 9 along dimension 0, its sources together 8}}
weights.concat @v of [@w, @w] dim 0 : tensor<9xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
func.func @f() -> tensor<5xf32> {
  // expected-error @below {{has another type than @w, a 'tensor<4xf32>'}}
  %0 = attn.weight @w : tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

func.func @f() -> memref<5xf32> {
  // expected-error @below {{there is no weight @w}}
  %0 = tile.weight @w : memref<5xf32>
  return %0 : memref<5xf32>
}

// -----

// expected-error @below {{holds one tensor or more}}
weights.stack @s of [] : tensor<4xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
weights.data @v "w.bin" at 0 : tensor<5xf32>
// expected-error @below {{holds tensors of type 'tensor<4xf32>', @v is a 'tensor<5xf32>'}}
weights.stack @s of [@w, @v] : tensor<4xf32>

// -----

// A stack is no tensor: only with the number of a layer.
weights.data @w "w.bin" at 0 : tensor<4xf32>
weights.stack @s of [@w] : tensor<4xf32>
func.func @f() -> tensor<4xf32> {
  // expected-error @below {{there is no weight @s}}
  %0 = attn.weight @s : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
func.func @f(%layer: index) -> tensor<4xf32> {
  // expected-error @below {{there is no stack of weights @w}}
  %0 = attn.layer_weight @w[%layer] : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
weights.stack @s of [@w] : tensor<4xf32>
func.func @f() -> tensor<4xf32> {
  %c1 = arith.constant 1 : index
  // expected-error @below {{there are 1 tensors in @s}}
  %0 = attn.layer_weight @s[%c1] : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
weights.stack @s of [@w] : tensor<4xf32>
func.func @f(%layer: index) -> tensor<5xf32> {
  // expected-error @below {{has another type than those of @s, 'tensor<4xf32>'}}
  %0 = attn.layer_weight @s[%layer] : tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

weights.data @b "w.bin" at 0 : tensor<4xi8>
// expected-error @below {{takes the bits from 6 on, 4, of 'i8'}}
weights.bits @q of @b from 6 width 4 : tensor<4xi8>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
// expected-error @below {{has the type of its source, integers, not 'tensor<4xf32>' and 'tensor<4xf32>'}}
weights.bits @q of @w from 0 width 4 : tensor<4xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
weights.data @v "w.bin" at 0 : tensor<1xf32>
// expected-error @below {{has the type of both sources, f32 or integers, not 'tensor<4xf32>', 'tensor<1xf32>' and 'tensor<4xf32>'}}
weights.combine @s of @w, @v by "mul" : tensor<4xf32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
// expected-error @below {{is by "add", "sub" or "mul"}}
weights.combine @s of @w, @w by "div" : tensor<4xf32>

// -----

weights.data @b "w.bin" at 0 : tensor<4x12xi8>
// expected-error @below {{makes a word of i32 of eight i8 along the last dimension, not 'tensor<4x1xi32>' of 'tensor<4x12xi8>'}}
weights.pack @w of @b : tensor<4x1xi32>

// -----

weights.data @w "w.bin" at 0 : tensor<4xf32>
// expected-error @below {{has the shape of its source and elements as wide, not 'tensor<4xf32>' and 'tensor<4xi16>'}}
weights.bitcast @b of @w : tensor<4xi16>
