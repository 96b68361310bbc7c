// RUN: attnc-interpret %s -split-input-file -verify-diagnostics
// What the reference refuses, at the op that cannot be run.

func.func @unknown_ops() -> tensor<2xf32> {
  %0 = arith.constant dense<1.0> : vector<2xf32> // expected-error {{the interpreter does not know type 'vector<2xf32>'}}
  // expected-error @+1 {{the interpreter does not know op 'bufferization.alloc_tensor'}}
  %1 = bufferization.alloc_tensor() : tensor<2xf32>
  return %1 : tensor<2xf32>
}

// -----

func.func private @body(tensor<2xf32>) -> tensor<2xf32> // expected-error {{functions of one block; 'body' has 0}}
func.func @external() -> tensor<2xf32> {
  %0 = arith.constant dense<1.0> : tensor<2xf32>
  %1 = call @body(%0) : (tensor<2xf32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// -----

func.func private @endless(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = call @endless(%x) : (tensor<2xf32>) -> tensor<2xf32> // expected-error {{more than 200 nested calls}}
  return %0 : tensor<2xf32>
}
func.func @recursion() -> tensor<2xf32> {
  %0 = arith.constant dense<1.0> : tensor<2xf32>
  %1 = call @endless(%0) : (tensor<2xf32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// -----

func.func @cast() -> tensor<3xf32> {
  %0 = arith.constant dense<1.0> : tensor<2xf32>
  %1 = tensor.cast %0 : tensor<2xf32> to tensor<?xf32>
  // expected-error @+1 {{computed 'tensor<2xf32>', but the declared type is 'tensor<3xf32>'}}
  %2 = tensor.cast %1 : tensor<?xf32> to tensor<3xf32>
  return %2 : tensor<3xf32>
}

// -----

func.func @elementwise() -> tensor<?xf32> {
  %0 = arith.constant dense<1.0> : tensor<2xf32>
  %1 = tensor.cast %0 : tensor<2xf32> to tensor<?xf32>
  %2 = arith.constant dense<1.0> : tensor<3xf32>
  %3 = tensor.cast %2 : tensor<3xf32> to tensor<?xf32>
  // expected-error @+1 {{operands have different shapes: 'tensor<2xf32>' and 'tensor<3xf32>'}}
  %4 = arith.addf %1, %3 : tensor<?xf32>
  return %4 : tensor<?xf32>
}

// -----

func.func @loops() -> tensor<?xf32> {
  %0 = arith.constant dense<1.0> : tensor<2xf32>
  %1 = tensor.cast %0 : tensor<2xf32> to tensor<?xf32>
  %2 = arith.constant dense<1.0> : tensor<3xf32>
  %3 = tensor.cast %2 : tensor<3xf32> to tensor<?xf32>
  // expected-error @+1 {{operands disagree on the extent of loop 0: 'tensor<2xf32>' and 'tensor<3xf32>'}}
  %4 = linalg.add ins(%1, %3 : tensor<?xf32>, tensor<?xf32>) outs(%1 : tensor<?xf32>) -> tensor<?xf32>
  return %4 : tensor<?xf32>
}

// -----

func.func @window_outside() -> tensor<?xf32> {
  %0 = arith.constant dense<1.0> : tensor<4xf32>
  %1 = arith.constant dense<1.0> : tensor<2xf32>
  %2 = arith.constant dense<1.0> : tensor<4xf32>
  %3 = tensor.cast %0 : tensor<4xf32> to tensor<?xf32>
  %4 = tensor.cast %2 : tensor<4xf32> to tensor<?xf32>
  // expected-error @+1 {{reaches outside dimension 0 of 'tensor<4xf32>'}}
  %5 = linalg.conv_1d ins(%3, %1 : tensor<?xf32>, tensor<2xf32>) outs(%4 : tensor<?xf32>) -> tensor<?xf32>
  return %5 : tensor<?xf32>
}

// -----

func.func @extract() -> f32 {
  %0 = arith.constant dense<1.0> : tensor<2x3xf32>
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %1 = tensor.extract %0[%c1, %c3] : tensor<2x3xf32> // expected-error {{index 3 of dimension 1 is outside 'tensor<2x3xf32>'}}
  return %1 : f32
}

// -----

func.func @slice() -> tensor<?xf32> {
  %0 = arith.constant dense<1.0> : tensor<5xf32>
  %c3 = arith.constant 3 : index
  // expected-error @+1 {{slice [offset 1, size 3, stride 2] of dimension 0 reaches outside 'tensor<5xf32>'}}
  %1 = tensor.extract_slice %0[1] [%c3] [2] : tensor<5xf32> to tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

func.func @reshape() -> tensor<?x2xf32> {
  %0 = arith.constant dense<1.0> : tensor<6xf32>
  %1 = tensor.cast %0 : tensor<6xf32> to tensor<?xf32>
  %c4 = arith.constant 4 : index
  // expected-error @+1 {{dimension 0 of 'tensor<6xf32>' does not expand to extents [4, 2]}}
  %2 = tensor.expand_shape %1 [[0, 1]] output_shape [%c4, 2] : tensor<?xf32> into tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// -----

func.func @concat() -> tensor<?x?xf32> {
  %0 = arith.constant dense<1.0> : tensor<2x3xf32>
  %1 = arith.constant dense<1.0> : tensor<2x4xf32>
  %2 = tensor.cast %0 : tensor<2x3xf32> to tensor<?x?xf32>
  %3 = tensor.cast %1 : tensor<2x4xf32> to tensor<?x?xf32>
  // expected-error @+1 {{cannot concatenate 'tensor<2x3xf32>' and 'tensor<2x4xf32>' along dimension 0}}
  %4 = tensor.concat dim(0) %2, %3 : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %4 : tensor<?x?xf32>
}

// -----

func.func @negative_extent() -> tensor<?xf32> {
  %0 = arith.constant -2 : index
  %1 = tensor.empty(%0) : tensor<?xf32> // expected-error {{cannot make a tensor of extents [-2]}}
  return %1 : tensor<?xf32>
}

// -----

func.func @huge() -> tensor<?x?xf32> {
  %0 = arith.constant 4611686018427387904 : index
  %1 = tensor.empty(%0, %0) : tensor<?x?xf32> // expected-error {{cannot make a tensor of extents [4611686018427387904, 4611686018427387904]}}
  return %1 : tensor<?x?xf32>
}

// -----

func.func @divide(%z: i32) -> i32 {
  return %z : i32
}
func.func @zero_division() -> i32 {
  %c0 = arith.constant 0 : i32
  %0 = call @divide(%c0) : (i32) -> i32
  %1 = arith.divsi %0, %0 : i32 // expected-error {{integer division by zero}}
  return %1 : i32
}

// -----

func.func @no_step() -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = arith.constant 1.0 : f32
  %0 = scf.for %i = %c0 to %c1 step %c0 iter_args(%a = %x) -> f32 { // expected-error {{loop step is 0, must be positive}}
    scf.yield %a : f32
  }
  return %0 : f32
}

// -----

func.func @assertion() -> f32 {
  %false = arith.constant false
  cf.assert %false, "the sequence is longer than the table" // expected-error {{assertion failed: the sequence is longer than the table}}
  %x = arith.constant 1.0 : f32
  return %x : f32
}

// -----

// Extents that only meet at run time (A7).
func.func @attention_a7() -> tensor<1x1xf32> {
  %q = arith.constant dense<1.0> : tensor<1x1xf32>
  %k = arith.constant dense<1.0> : tensor<2x1xf32>
  %v = arith.constant dense<1.0> : tensor<3x1xf32>
  %dynamic = tensor.cast %v : tensor<3x1xf32> to tensor<?x1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  // expected-error @+1 {{dimension N is 2 in 'tensor<2x1xf32>' and 3 in 'tensor<3x1xf32>'}}
  %o = attn.attention q(%q "MD" : tensor<1x1xf32>) k(%k "ND" : tensor<2x1xf32>) v(%dynamic "NE" : tensor<?x1xf32>)
    outs("ME", %init : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %o : tensor<1x1xf32>
}

// -----

func.func @contract() -> tensor<1x1xf32> {
  %a = arith.constant dense<1.0> : tensor<1x2xf32>
  %b = arith.constant dense<1.0> : tensor<3x1xf32>
  %dynamic = tensor.cast %b : tensor<3x1xf32> to tensor<?x1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  // expected-error @+1 {{dimension k is 2 in 'tensor<1x2xf32>' and 3 in 'tensor<3x1xf32>'}}
  %r = attn.contract lhs(%a "mk" : tensor<1x2xf32>) rhs(%dynamic "kn" : tensor<?x1xf32>)
    outs("mn", %init : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %r : tensor<1x1xf32>
}
