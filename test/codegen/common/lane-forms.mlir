// RUN: attnc-opt %s --lower-tile=target=x86-64-v4 --canonicalize --cse | FileCheck %s
// How scalar code of a region is placed on lanes.

// A comparison of the column with a uniform value: one compare of 0..15 with a clamped scalar difference.
// CHECK-LABEL: func @affine_compare
func.func @affine_compare(%x: memref<?xf32>, %n: index, %bound: index) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  // CHECK-DAG: %[[IOTA:.*]] = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]> : vector<16xi32>
  // CHECK: scf.for %[[J:.*]] =
  // CHECK: %[[D:.*]] = arith.subi %{{.*}}, %[[J]]
  // CHECK: arith.minsi %[[D]]
  // CHECK: arith.cmpi sle, %{{.*}}, %[[IOTA]] : vector<16xi32>
  // CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<16xi1>, vector<16xf32>
  tile.map %c0 to %n {
  ^bb0(%j: index):
    %v = memref.load %x[%j] : memref<?xf32>
    %late = arith.cmpi sle, %bound, %j : index
    %r = arith.select %late, %v, %zero : f32
    memref.store %r, %x[%j] : memref<?xf32>
    tile.yield
  }
  return
}

// A load that does not depend on the column is one scalar; one with another stride is done lane by lane.
// CHECK-LABEL: func @loads
func.func @loads(%x: memref<?x?xf32>, %y: memref<?xf32>, %n: index, %i: index) {
  %c0 = arith.constant 0 : index
  // CHECK: scf.for %[[J:.*]] =
  // CHECK: %[[U:.*]] = memref.load %{{.*}}[%[[I:.*]], %[[I]]] : memref<?x?xf32>
  // CHECK-COUNT-16: memref.load %{{.*}}[%{{.*}}, %[[I]]] : memref<?x?xf32>
  // CHECK: vector.from_elements
  // CHECK: vector.broadcast %[[U]]
  // CHECK: vector.store
  tile.map %c0 to %n {
  ^bb0(%j: index):
    %u = memref.load %x[%i, %i] : memref<?x?xf32>
    %g = memref.load %x[%j, %i] : memref<?x?xf32>
    %s = arith.addf %u, %g : f32
    memref.store %s, %y[%j] : memref<?xf32>
    tile.yield
  }
  return
}

// Neighbours along another dimension than the last, as positions among windows are: a line through memory.
// CHECK-LABEL: func @line
// CHECK-SAME:    (%[[X:[a-z0-9]*]]: memref<?x8x3xf32, strided<[10, 1, 1]>>
func.func @line(%x: memref<?x8x3xf32, strided<[10, 1, 1]>>, %y: memref<?xf32>, %n: index, %i: index) {
  %c0 = arith.constant 0 : index
  // CHECK: scf.for %[[J:.*]] =
  // CHECK-DAG: %[[ROW:.*]] = arith.muli %{{.*}}, %c10
  // CHECK-DAG: %[[PLACE:.*]] = arith.addi %{{.*}}, %{{.*}}
  // CHECK: %[[LINE:.*]] = memref.reinterpret_cast %{{.*}} to offset: [%{{.*}}], sizes: [32], strides: [1]
  // CHECK: vector.load %[[LINE]][%c0] : memref<32xf32, strided<[1], offset: ?>>, vector<16xf32>
  // CHECK-NOT: memref.load
  // CHECK: vector.maskedload
  tile.map %c0 to %n {
  ^bb0(%j: index):
    %v = memref.load %x[%i, %j, %i] : memref<?x8x3xf32, strided<[10, 1, 1]>>
    memref.store %v, %y[%j] : memref<?xf32>
    tile.yield
  }
  return
}

// Every second element: two vectors of neighbours and a shuffle; the second begins with the last of the first, so that
// nothing behind the last element is read. The rest is masked likewise.
// CHECK-LABEL: func @seconds
func.func @seconds(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  // CHECK: scf.for %[[J:.*]] =
  // CHECK: %[[AT:.*]] = arith.muli %[[J]], %c2
  // CHECK: %[[LOW:.*]] = vector.load %{{.*}}[%[[AT]]] : memref<?xf32>, vector<16xf32>
  // CHECK: %[[NEXT:.*]] = arith.addi %[[AT]], %c15
  // CHECK: %[[HIGH:.*]] = vector.load %{{.*}}[%[[NEXT]]] : memref<?xf32>, vector<16xf32>
  // CHECK: vector.shuffle %[[LOW]], %[[HIGH]] [0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31]
  // CHECK: scf.if
  // CHECK: arith.muli
  // CHECK-NEXT: %[[TWICE:.*]] = arith.muli %{{.*}}, %c2
  // CHECK: %[[UP:.*]] = arith.subi %[[TWICE]], %c1
  // CHECK: %[[BEHIND:.*]] = arith.subi %[[TWICE]], %c16
  // CHECK: vector.create_mask %[[UP]]
  // CHECK: vector.maskedload
  // CHECK: vector.create_mask %[[BEHIND]]
  // CHECK: vector.maskedload
  tile.map %c0 to %n {
  ^bb0(%j: index):
    %at = arith.muli %j, %c2 : index
    %v = memref.load %x[%at] : memref<?xf32>
    memref.store %v, %y[%j] : memref<?xf32>
    tile.yield
  }
  return
}

// i32 that may wrap from lane to lane is a vector.
// CHECK-LABEL: func @wraps
func.func @wraps(%x: memref<?xf32>, %n: index, %bound: i32, %o: i32) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  // CHECK: scf.for
  // CHECK: %[[SUM:.*]] = arith.addi %{{.*}}, %{{.*}} : vector<16xi32>
  // CHECK: arith.cmpi sle, %[[SUM]], %{{.*}} : vector<16xi32>
  tile.map %c0 to %n {
  ^bb0(%j: index):
    %v = memref.load %x[%j] : memref<?xf32>
    %small = arith.index_cast %j : index to i32
    %sum = arith.addi %small, %o : i32
    %early = arith.cmpi sle, %sum, %bound : i32
    %r = arith.select %early, %v, %zero : f32
    memref.store %r, %x[%j] : memref<?xf32>
    tile.yield
  }
  return
}

// i32 that does not wrap stays affine as well: base and step. The difference of two of them may need more than 32 bits.
// CHECK-LABEL: func @narrow
func.func @narrow(%x: memref<?xf32>, %n: index, %bound: i32) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : i32
  %zero = arith.constant 0.0 : f32
  // CHECK-DAG: %[[TWICE:.*]] = arith.constant dense<[0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]> : vector<16xi32>
  // CHECK: scf.for %[[J:.*]] =
  // CHECK: %[[BASE:.*]] = arith.index_cast %[[J]] : index to i32
  // CHECK: %[[FIRST:.*]] = arith.muli %[[BASE]], %c2_i32
  // CHECK-DAG: %[[LOW:.*]] = arith.index_cast %[[FIRST]] : i32 to index
  // CHECK-DAG: %[[BOUND:.*]] = arith.index_cast %arg2 : i32 to index
  // CHECK: %[[D:.*]] = arith.subi %[[BOUND]], %[[LOW]] : index
  // CHECK: arith.minsi %[[D]]
  // CHECK: arith.cmpi sge, %{{.*}}, %[[TWICE]] : vector<16xi32>
  tile.map %c0 to %n {
  ^bb0(%j: index):
    %v = memref.load %x[%j] : memref<?xf32>
    %small = arith.index_cast %j {tile.exact} : index to i32
    %twice = arith.muli %small, %c2 overflow<nsw> : i32
    %early = arith.cmpi sle, %twice, %bound : i32
    %r = arith.select %early, %v, %zero : f32
    memref.store %r, %x[%j] : memref<?xf32>
    tile.yield
  }
  return
}

// A bound of any size is moved to where the difference does not wrap around.
// CHECK-LABEL: func @wild
func.func @wild(%x: memref<?xf32>, %n: index, %w: i64) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  // CHECK-DAG: %[[MOST:.*]] = arith.constant 2305843009213693952 : index
  // CHECK: scf.for
  // CHECK: arith.minsi %{{.*}}, %[[MOST]] : index
  // CHECK: arith.subi
  // CHECK: arith.cmpi {{.*}} : vector<16xi32>
  %bound = arith.index_cast %w : i64 to index
  tile.map %c0 to %n {
  ^bb0(%j: index):
    %v = memref.load %x[%j] : memref<?xf32>
    %early = arith.cmpi slt, %j, %bound : index
    %r = arith.select %early, %v, %zero : f32
    memref.store %r, %x[%j] : memref<?xf32>
    tile.yield
  }
  return
}

// A sum with it may wrap around from lane to lane.
// CHECK-LABEL: func @wild_sum
func.func @wild_sum(%x: memref<?xf32>, %n: index, %w: i64) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  // CHECK: scf.for
  // CHECK: arith.cmpi slt, %{{.*}}, %{{.*}} : vector<16xindex>
  %bound = arith.index_cast %w : i64 to index
  tile.map %c0 to %n {
  ^bb0(%j: index):
    %v = memref.load %x[%j] : memref<?xf32>
    %sum = arith.addi %j, %bound : index
    %early = arith.cmpi slt, %sum, %n : index
    %r = arith.select %early, %v, %zero : f32
    memref.store %r, %x[%j] : memref<?xf32>
    tile.yield
  }
  return
}

// A last column alone in its vector, narrower than it is computed: a scalar store, which LLVM would widen from a masked one.
// CHECK-LABEL: func @last_lane
func.func @last_lane(%x: memref<?x8xf32>, %w: memref<8x32xf32>, %y: memref<?x17xbf16>, %m: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c17 = arith.constant 17 : index
  // CHECK: %[[LAST:.*]] = vector.extract %{{.*}}[0] : bf16 from vector<16xbf16>
  // CHECK: memref.store %[[LAST]], %{{.*}}[%{{.*}}, %c16] : memref<?x17xbf16>
  tile.contract rows(%c0 to %m) cols(%c0 count %c17) k(%c8) lhs(%x : memref<?x8xf32>) rhs(%w : memref<8x32xf32>) tail = clamp epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    %0 = arith.truncf %acc : f32 to bf16
    memref.store %0, %y[%row, %col] : memref<?x17xbf16>
    tile.yield
  } {tile_rows = 1 : i64}
  return
}

// A branch that all elements share is one for the tile; what it yields is in vectors.
// CHECK-LABEL: func @shared_branch
func.func @shared_branch(%x: memref<?x8xf32>, %w: memref<8x32xf32>, %y: memref<?x32xf32>, %m: index, %c: i1) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  // CHECK: %[[START:.*]]:4 = scf.if %{{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>) {
  // CHECK: } else {
  // CHECK-COUNT-4: vector.load
  // CHECK: scf.for {{.*}} iter_args({{.*}} = %[[START]]#0
  tile.contract rows(%c0 to %m) cols(%c0) k(%c8) lhs(%x : memref<?x8xf32>) rhs(%w : memref<8x32xf32>) tail = exact init {
  ^bb0(%row: index, %col: index):
    %0 = scf.if %c -> (f32) {
      scf.yield %zero : f32
    } else {
      %old = memref.load %y[%row, %col] : memref<?x32xf32>
      scf.yield %old : f32
    }
    tile.yield %0 : f32
  } epilogue {
  ^bb0(%acc: f32, %row: index, %col: index, %valid: i1):
    memref.store %acc, %y[%row, %col] : memref<?x32xf32>
    tile.yield
  } {tile_rows = 2}
  return
}
