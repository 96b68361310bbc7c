// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=dots --attention-to-tile --canonicalize --cse --split-input-file | FileCheck %s
// Positions are i32 where all that is computed with them fits: extents are at most 2^29.

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// The distance of ALiBi: sums and differences of three positions.
// CHECK-LABEL: func @distance
func.func @distance(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  // CHECK: tile.contract
  // CHECK: %[[I:.*]] = arith.index_cast %{{.*}} {tile.exact} : index to i32
  // CHECK: %[[AT:.*]] = arith.addi %[[I]], %{{.*}} overflow<nsw> : i32
  // CHECK: %[[POS:.*]] = arith.subi %[[AT]], %{{.*}} overflow<nsw> : i32
  // CHECK: %[[X:.*]] = arith.subi %{{.*}}, %[[POS]] overflow<nsw> : i32
  // CHECK: arith.sitofp %[[X]] : i32 to f32
  // CHECK: tile.yield
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
    %0 = arith.addi %i, %N : index
    %pos = arith.subi %0, %M : index
    %x = arith.subi %j, %pos : index
    %y = arith.index_cast %x : index to i64
    %z = arith.sitofp %y : i64 to f32
    %t = arith.addf %s, %z : f32
    attn.yield %t : f32
  }
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// i * N does not fit. The pixel's row does, and so does the element of a table as it is loaded.
// CHECK-LABEL: func @product
func.func @product(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>, %ids: memref<?xi32>) {
  // CHECK: tile.contract
  // CHECK: %[[PRODUCT:.*]] = arith.muli %{{.*}}, %{{.*}} : index
  // CHECK: %[[NUMBER:.*]] = arith.addi %[[PRODUCT]], %{{.*}} : index
  // CHECK: arith.cmpi slt, %[[NUMBER]], %{{.*}} : index
  // CHECK: arith.floordivsi %{{.*}}, %c64{{.*}} : i32
  // CHECK: %[[ID:.*]] = memref.load
  // CHECK: arith.cmpi eq, %[[ID]], %{{.*}} : i32
  // CHECK: tile.yield
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    captures(%ids : memref<?xi32>) outs("ME", %o : memref<?x64xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: memref<?xi32>):
    %c64 = arith.constant 64 : index
    %c1000 = arith.constant 1000 : index
    %p = arith.muli %i, %N : index
    %number = arith.addi %p, %j : index
    %small = arith.cmpi slt, %number, %c1000 : index
    %row = arith.floordivsi %i, %c64 : index
    %id = memref.load %t[%j] : memref<?xi32>
    %wide = arith.index_cast %id : i32 to index
    %same = arith.cmpi eq, %wide, %row : index
    %c = arith.andi %small, %same : i1
    attn.yield %c : i1
  }
  return
}
}

// -----

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// A table of i8 is widened to i32. N is computed, so it may be larger than a tensor of the caller's: no sum with it fits.
// CHECK-LABEL: func @bytes
func.func @bytes(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>, %flags: memref<?xi8>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %k, %c0 : memref<?x64xf32>
  %twice = arith.addi %n, %n : index
  %kk = memref.alloc(%twice) : memref<?x64xf32>
  // CHECK: tile.contract
  // CHECK: %[[FLAG:.*]] = memref.load %arg4
  // CHECK: %[[WIDE:.*]] = arith.extsi %[[FLAG]] : i8 to i32
  // CHECK: arith.cmpi ne, %[[WIDE]], %c0_i32 : i32
  // CHECK: arith.addi %{{.*}}, %{{.*}} : index
  // CHECK: tile.yield
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%kk "ND" : memref<?x64xf32>) v(%kk "NE" : memref<?x64xf32>)
    captures(%flags : memref<?xi8>) outs("ME", %o : memref<?x64xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: memref<?xi8>):
    %zero = arith.constant 0 : index
    %flag = memref.load %t[%i] : memref<?xi8>
    %wide = arith.index_cast %flag : i8 to index
    %set = arith.cmpi ne, %wide, %zero : index
    %sum = arith.addi %j, %N : index
    %less = arith.cmpi slt, %sum, %i : index
    %c = arith.andi %set, %less : i1
    attn.yield %c : i1
  }
  return
}
}
