// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=rows --attention-to-tile -split-input-file | FileCheck %s
// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=rows --attention-to-tile=remarks -split-input-file 2>&1 | FileCheck %s --check-prefix=REMARK
// A score with a finite fill is walked within the bounds of its condition, and once more with all keys where the fill
// counts. The walk stands there once.

// CHECK-LABEL: func @causal(
// CHECK: scf.while (%[[FIRST:.*]] = %true{{.*}})
// CHECK: %[[END:.*]] = arith.select %[[FIRST]], {{.*}}, {{.*}} : index
// CHECK: scf.for %{{.*}} = {{.*}} to {{.*}} step %c64
// Full blocks have no select.
// CHECK: tile.contract
// CHECK-NOT: arith.select
// CHECK: memref.store
// CHECK: tile.contract
// CHECK: %[[ALLOWED:.*]] = arith.cmpi sle
// CHECK: %[[ROW:.*]] = memref.load
// CHECK: %[[FILL:.*]] = arith.addf %{{.*}}, %[[ROW]]
// CHECK: arith.select %[[ALLOWED]], %{{.*}}, %[[FILL]] : f32
// O += P V; no third product of scores.
// CHECK: tile.contract
// CHECK-NOT: tile.contract
// CHECK: %[[ABOVE:.*]] = arith.subf
// CHECK: arith.cmpf oge, %[[ABOVE]]
// CHECK: %[[ANY:.*]] = arith.cmpf oeq
// CHECK: %[[AGAIN:.*]] = arith.andi %[[ANY]], %[[FIRST]]
// CHECK: scf.condition(%[[AGAIN]])
// CHECK: scf.yield %false
// REMARK: remark: score filled with -1.0E+4 (rows that are not far above it meet all keys): key blocks follow in closed form from 1 interval; empty blocks are not visited
module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @causal(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %fill = arith.constant -1.0e4 : f32
    %c = arith.cmpi sle, %j, %i : index
    %r = arith.select %c, %s, %fill : f32
    attn.yield %r : f32
  }
  return
}
}

// -----

// Two fills, of which one chooses among constants, and a mask: their conditions hold together.
// CHECK-LABEL: func @chain(
// CHECK: scf.while
// REMARK: remark: score filled with -1.0E+9 (rows that are not far above it meet all keys): key blocks follow in closed form from 1 interval
module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @chain(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %fill = arith.constant -1.0e9 : f32
    %least = arith.constant -3.4e38 : f32
    %w = arith.constant 100 : index
    %d = arith.subi %i, %j : index
    %far = arith.cmpi sge, %d, %w : index
    %c = arith.cmpi sle, %j, %i : index
    %x = arith.select %far, %fill, %s : f32
    %f = arith.select %far, %least, %fill : f32
    %r = arith.select %c, %x, %f : f32
    attn.yield %r : f32
  } mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %w = arith.constant 7 : index
    %c = arith.cmpi sge, %j, %w : index
    attn.yield %c : i1
  }
  return
}
}

// -----

// A score that may well be met, and a condition on scores: no fills.
// CHECK-LABEL: func @near(
// CHECK-NOT: scf.while
// CHECK-LABEL: func @on_scores(
// CHECK-NOT: scf.while
// REMARK-NOT: remark: score
module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
func.func @near(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %fill = arith.constant -100.0 : f32
    %c = arith.cmpi sle, %j, %i : index
    %r = arith.select %c, %s, %fill : f32
    attn.yield %r : f32
  }
  return
}
func.func @on_scores(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %fill = arith.constant -1.0e4 : f32
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf oge, %s, %zero : f32
    %r = arith.select %c, %s, %fill : f32
    attn.yield %r : f32
  }
  return
}
}
