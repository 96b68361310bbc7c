// RUN: attnc-opt %s -canonicalize -split-input-file | FileCheck %s
// Each pattern of AttnCanonicalize.cpp, and the cases it must leave alone.

// CHECK-LABEL: func @trivial_regions
// CHECK: attn.attention q(
// CHECK-NOT: score
// CHECK-NOT: mask
// CHECK: return
func.func @trivial_regions(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = attn.attention q(%q "MD" : tensor<?x8xf32>) k(%k "ND" : tensor<?x8xf32>) v(%v "NE" : tensor<?x8xf32>)
    outs("ME", %o : tensor<?x8xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      attn.yield %s : f32
    } mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %0 = arith.cmpi eq, %j, %j : index
      attn.yield %0 : i1
    } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

// A mask that is never true is not trivial: its rows are empty (A5).
// CHECK-LABEL: func @false_mask
// CHECK: mask {
// CHECK: attn.yield %false
func.func @false_mask(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = attn.attention q(%q "MD" : tensor<?x8xf32>) k(%k "ND" : tensor<?x8xf32>) v(%v "NE" : tensor<?x8xf32>)
    outs("ME", %o : tensor<?x8xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %0 = arith.constant false
      attn.yield %0 : i1
    } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

// %unused is read by no region, %used by the mask alone; the score keeps one argument for it.
// CHECK-LABEL: func @unused_capture
// CHECK-SAME: %[[USED:[a-z0-9]+]]: tensor<?xi1>, %[[OUT:[a-z0-9]+]]: tensor<?x8xf32>)
// CHECK: captures(%[[USED]] : tensor<?xi1>) outs
// CHECK: ^bb0(%{{.*}}: f32, {{(%[a-z0-9]+: index, )+}}%{{.*}}: tensor<?xi1>):
func.func @unused_capture(%q: tensor<?x8xf32>, %unused: tensor<4xf32>, %used: tensor<?xi1>, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = attn.attention q(%q "MD" : tensor<?x8xf32>) k(%q "ND" : tensor<?x8xf32>) v(%q "NE" : tensor<?x8xf32>)
    captures(%unused, %used : tensor<4xf32>, tensor<?xi1>) outs("ME", %o : tensor<?x8xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: tensor<4xf32>, %u: tensor<?xi1>):
      %0 = math.tanh %s : f32
      attn.yield %0 : f32
    } mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: tensor<4xf32>, %u: tensor<?xi1>):
      %0 = tensor.extract %u[%j] : tensor<?xi1>
      attn.yield %0 : i1
    } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

// A captured constant moves into the score, and from there into the scale: nothing is left of either. 1/sqrt(16) * 3.
// CHECK-LABEL: func @factor
// CHECK: attn.attention {scale = 7.500000e-01 : f64} q(
// CHECK-NOT: captures
// CHECK-NOT: score
// CHECK: return
func.func @factor(%q: tensor<?x16xf32>, %v: tensor<?x8xf32>, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %three = arith.constant 3.0 : f32
  %r = attn.attention q(%q "MD" : tensor<?x16xf32>) k(%q "ND" : tensor<?x16xf32>) v(%v "NE" : tensor<?x8xf32>)
    captures(%three : f32) outs("ME", %o : tensor<?x8xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %c: f32):
      %0 = arith.mulf %c, %s : f32
      attn.yield %0 : f32
    } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

// A quotient inside a larger score: 0.5 / 4 goes to the scale, the rest stays.
// CHECK-LABEL: func @quotient
// CHECK: attn.attention {scale = 1.250000e-01 : f64} q(
// CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index):
// CHECK-NEXT: %[[T:.*]] = math.tanh %[[S]] : f32
// CHECK-NEXT: attn.yield %[[T]] : f32
func.func @quotient(%q: tensor<?x16xf32>, %v: tensor<?x8xf32>, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = attn.attention {scale = 0.5 : f64} q(%q "MD" : tensor<?x16xf32>) k(%q "ND" : tensor<?x16xf32>)
    v(%v "NE" : tensor<?x8xf32>) outs("ME", %o : tensor<?x8xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %four = arith.constant 4.0 : f32
      %0 = arith.divf %s, %four : f32
      %1 = math.tanh %0 : f32
      attn.yield %1 : f32
    } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

// Not folded: factor 0 (0 * inf is NaN and must stay NaN), a score that reads s twice, c / s.
// CHECK-LABEL: func @kept_zero
// CHECK: attn.attention q(
// CHECK: arith.mulf
func.func @kept_zero(%q: tensor<?x16xf32>, %v: tensor<?x8xf32>, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = attn.attention q(%q "MD" : tensor<?x16xf32>) k(%q "ND" : tensor<?x16xf32>)
    v(%v "NE" : tensor<?x8xf32>) outs("ME", %o : tensor<?x8xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %zero = arith.constant 0.0 : f32
      %0 = arith.mulf %s, %zero : f32
      attn.yield %0 : f32
    } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}
// CHECK-LABEL: func @kept_twice
// CHECK: attn.attention q(
// CHECK: arith.mulf
func.func @kept_twice(%q: tensor<?x16xf32>, %v: tensor<?x8xf32>, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = attn.attention q(%q "MD" : tensor<?x16xf32>) k(%q "ND" : tensor<?x16xf32>)
    v(%v "NE" : tensor<?x8xf32>) outs("ME", %o : tensor<?x8xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %two = arith.constant 2.0 : f32
      %0 = arith.mulf %s, %two : f32
      %1 = arith.addf %0, %s : f32
      attn.yield %1 : f32
    } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}
// CHECK-LABEL: func @kept_divisor
// CHECK: attn.attention q(
// CHECK: arith.divf
func.func @kept_divisor(%q: tensor<?x16xf32>, %v: tensor<?x8xf32>, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = attn.attention q(%q "MD" : tensor<?x16xf32>) k(%q "ND" : tensor<?x16xf32>)
    v(%v "NE" : tensor<?x8xf32>) outs("ME", %o : tensor<?x8xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %two = arith.constant 2.0 : f32
      %0 = arith.divf %two, %s : f32
      attn.yield %0 : f32
    } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// Rows that are yielded as they are, and sinks of -inf, are as good as none.
// CHECK-LABEL: func @trivial_rows
// CHECK: attn.attention q({{.*}} outs("ME", %{{.*}} : tensor<?x8xf32>) -> tensor<?x8xf32>
func.func @trivial_rows(%q: tensor<?x16xf32>, %v: tensor<?x8xf32>, %o: tensor<?x8xf32>, %t: tensor<4xf32>) -> tensor<?x8xf32> {
  %none = arith.constant 0xFF800000 : f32
  %r = attn.attention q(%q "MD" : tensor<?x16xf32>) k(%q "ND" : tensor<?x16xf32>)
    v(%v "NE" : tensor<?x8xf32>) captures(%t, %none : tensor<4xf32>, f32) outs("ME", %o : tensor<?x8xf32>)
    query {
    ^bb0(%b: index, %h: index, %i: index, %d: index, %M: index, %N: index, %c: tensor<4xf32>, %s: f32):
      %x = attn.feature %d : f32
      attn.yield %x : f32
    } key {
    ^bb0(%b: index, %g: index, %j: index, %d: index, %M: index, %N: index, %c: tensor<4xf32>, %s: f32):
      %x = attn.feature %d : f32
      attn.yield %x : f32
    } sink {
    ^bb0(%b: index, %h: index, %i: index, %M: index, %N: index, %c: tensor<4xf32>, %s: f32):
      attn.yield %s : f32
    } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}
// A row of another feature is not the row; its capture stays, and the scale that the score folds into applies to it.
// CHECK-LABEL: func @kept_rows
// CHECK-SAME: %[[T:[a-z0-9]*]]: tensor<4xf32>
// CHECK: attn.attention {scale = 5.000000e-01 : f64} q({{.*}} captures(%[[T]] : tensor<4xf32>) {{.*}} query {
// CHECK: attn.feature %c0
func.func @kept_rows(%q: tensor<?x16xf32>, %v: tensor<?x8xf32>, %o: tensor<?x8xf32>, %t: tensor<4xf32>) -> tensor<?x8xf32> {
  %r = attn.attention q(%q "MD" : tensor<?x16xf32>) k(%q "ND" : tensor<?x16xf32>)
    v(%v "NE" : tensor<?x8xf32>) captures(%t : tensor<4xf32>) outs("ME", %o : tensor<?x8xf32>)
    query {
    ^bb0(%b: index, %h: index, %i: index, %d: index, %M: index, %N: index, %c: tensor<4xf32>):
      %c0 = arith.constant 0 : index
      %x = attn.feature %c0 : f32
      %w = tensor.extract %c[%c0] : tensor<4xf32>
      %y = arith.mulf %x, %w : f32
      attn.yield %y : f32
    } score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %c: tensor<4xf32>):
      %two = arith.constant 2.0 : f32
      %0 = arith.mulf %s, %two : f32
      attn.yield %0 : f32
    } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// What rounds the quotient could tell it from the product with a rounded reciprocal. A power of two is no exception: the
// rule asks what reads it.
// CHECK-LABEL: func @decided
// CHECK: attn.attention q(
// CHECK: arith.divf
// CHECK: math.floor
func.func @decided(%q: tensor<?x16xf32>, %v: tensor<?x8xf32>, %o: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = attn.attention q(%q "MD" : tensor<?x16xf32>) k(%q "ND" : tensor<?x16xf32>)
    v(%v "NE" : tensor<?x8xf32>) outs("ME", %o : tensor<?x8xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %c = arith.constant 41.0 : f32
      %0 = arith.divf %s, %c : f32
      %1 = math.floor %0 : f32
      attn.yield %1 : f32
    } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}
