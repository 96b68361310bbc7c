// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=transposed --attention-to-tile --canonicalize --cse -split-input-file | FileCheck %s
// Rows of q and k as their regions make them, where they are loaded (A11), and the sink at the end of a row (A10).

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// Rotary embedding in halves: two runs of 32 features in one loop, each without condition and with neighbours in memory.
// CHECK-LABEL: func @half
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x64xf32>, %[[K:[a-z0-9]+]]: memref<?x64xf32>, {{.*}} %[[T:[a-z0-9]+]]: memref<?x32xf32>
func.func @half(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>, %t: memref<?x32xf32>) {
  // The queries stay where they are.
  // CHECK: %[[QROWS:.*]] = memref.subview %[[Q]]
  // CHECK: tile.transpose %[[QROWS]]
  // Keys: once for each block of keys.
  // CHECK: %[[ROWS:.*]] = memref.subview %[[K]]
  // CHECK: scf.for %[[R:.*]] = %c0 to
  // CHECK-NEXT: %[[J:.*]] = arith.addi
  // CHECK-NEXT: tile.map %c0 to %c32 {
  // CHECK-NEXT: ^bb0(%[[E:.*]]: index):
  // CHECK-NOT: arith.select
  // CHECK: %[[LOW:.*]] = memref.load %[[ROWS]][%[[R]], %[[E]]]
  // CHECK: %[[C:.*]] = memref.load %[[T]][%[[J]], %[[E]]]
  // CHECK: %[[SECOND:.*]] = arith.addi %[[E]], %c32
  // CHECK: %[[HIGH:.*]] = memref.load %[[ROWS]][%[[R]], %[[SECOND]]]
  // CHECK: memref.store %{{.*}}, %[[STAGED:.*]][%[[R]], %[[E]]] : memref<64x64xf32>
  // CHECK: memref.store %{{.*}}, %[[STAGED]][%[[R]], %[[SECOND]]] : memref<64x64xf32>
  // CHECK-NEXT: tile.yield
  // CHECK: tile.contract {{.*}} lhs(%[[STAGED]] : memref<64x64xf32>)
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    captures(%t : memref<?x32xf32>) outs("ME", %o : memref<?x64xf32>) key {
  ^bb0(%b: index, %g: index, %j: index, %d: index, %m: index, %n: index, %table: memref<?x32xf32>):
    %c32 = arith.constant 32 : index
    %c63 = arith.constant 63 : index
    %c0 = arith.constant 0 : index
    %isLow = arith.cmpi slt, %d, %c32 : index
    %x = attn.feature %d : f32
    %up = arith.addi %d, %c32 : index
    %up1 = arith.minsi %up, %c63 : index
    %high = attn.feature %up1 : f32
    %negative = arith.negf %high : f32
    %down = arith.subi %d, %c32 : index
    %down1 = arith.maxsi %down, %c0 : index
    %low = attn.feature %down1 : f32
    %other = arith.select %isLow, %negative, %low : f32
    %quotient = arith.floordivsi %d, %c32 : index
    %product = arith.muli %quotient, %c32 : index
    %angle = arith.subi %d, %product : index
    %c = memref.load %table[%j, %angle] : memref<?x32xf32>
    %r = arith.mulf %x, %c : f32
    %y = arith.addf %r, %other : f32
    attn.yield %y : f32
  }
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// Neighbours exchanged in keys: even features come before odd ones, in the queries too, which no region transforms.
// CHECK-LABEL: func @pairs
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x6xbf16>, %[[K:[a-z0-9]+]]: memref<?x6xbf16>
func.func @pairs(%q: memref<?x6xbf16>, %k: memref<?x6xbf16>, %v: memref<?x8xbf16>, %o: memref<?x8xbf16>) {
  // CHECK: %[[QROWS:.*]] = memref.subview %[[Q]]
  // CHECK: scf.for %[[I:.*]] = %c0 to
  // CHECK-NEXT: tile.map %c0 to %c3 {
  // CHECK-NEXT: ^bb0(%[[E:.*]]: index):
  // CHECK: %[[EVEN:.*]] = arith.muli %[[E]], %c2
  // CHECK: memref.load %[[QROWS]][%[[I]], %[[EVEN]]]
  // CHECK: %[[ODD:.*]] = arith.addi %[[EVEN]], %c1
  // CHECK: memref.load %[[QROWS]][%[[I]], %[[ODD]]]
  // CHECK: memref.store %{{.*}}, %[[TO:.*]][%[[I]], %[[E]]]
  // CHECK: %[[LAST:.*]] = arith.addi %[[E]], %c3
  // CHECK: memref.store %{{.*}}, %[[TO]][%[[I]], %[[LAST]]]
  // CHECK: %[[KROWS:.*]] = memref.subview %[[K]]
  // CHECK: tile.map %c0 to %c3 {
  // CHECK-NOT: arith.floordivsi
  // CHECK: tile.contract
  attn.attention q(%q "MD" : memref<?x6xbf16>) k(%k "ND" : memref<?x6xbf16>) v(%v "NE" : memref<?x8xbf16>)
    outs("ME", %o : memref<?x8xbf16>) key {
  ^bb0(%b: index, %g: index, %j: index, %d: index, %m: index, %n: index):
    %c2 = arith.constant 2 : index
    %c1 = arith.constant 1 : index
    %pair = arith.floordivsi %d, %c2 : index
    %even = arith.muli %pair, %c2 : index
    %isEven = arith.cmpi eq, %d, %even : index
    %up = arith.addi %d, %c1 : index
    %down = arith.subi %d, %c1 : index
    %at = arith.select %isEven, %up, %down : index
    %x = attn.feature %at : f32
    attn.yield %x : f32
  }
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// A sum is computed once for a row; without keys no region of the queries is evaluated, the sink always is.
// CHECK-LABEL: func @norm_and_sink
func.func @norm_and_sink(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>, %s: f32) {
  // CHECK: %[[SOME:.*]] = arith.cmpi sgt, %{{.*}}, %c0
  // CHECK: scf.if %[[SOME]] {
  // CHECK: scf.for
  // CHECK: %[[SUM:.*]] = tile.reduce add %c0 to %c64 init(%cst{{.*}}) {
  // CHECK: tile.map %c0 to %c64 {
  // CHECK: arith.divf %{{.*}}, %[[SUM]]
  // CHECK-NOT: tile.reduce
  // CHECK: tile.softmax_step
  // CHECK: tile.map %c0 to %{{.*}} {
  // CHECK: %[[ABOVE:.*]] = arith.subf %{{.*}}, %{{.*}} : f32
  // CHECK: arith.mulf %[[ABOVE]]
  // CHECK: math.exp2
  // CHECK: math.exp2
  // CHECK: tile.transpose
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    captures(%s : f32) outs("ME", %o : memref<?x64xf32>) query {
  ^bb0(%b: index, %h: index, %i: index, %d: index, %m: index, %n: index, %c: f32):
    %sum = attn.sum {
    ^bb1(%e: index):
      %z = attn.feature %e : f32
      attn.yield %z : f32
    } : f32
    %x = attn.feature %d : f32
    %y = arith.divf %x, %sum : f32
    attn.yield %y : f32
  } sink {
  ^bb0(%b: index, %h: index, %i: index, %m: index, %n: index, %c: f32):
    attn.yield %c : f32
  }
  return
}
}
