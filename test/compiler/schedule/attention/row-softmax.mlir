// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=rows --attention-to-tile --canonicalize --cse -split-input-file | FileCheck %s --check-prefix=BLOCKS
// RUN: attnc-opt %s --choose-schedules=schedule=attention.form=unfused --attention-to-tile --canonicalize --cse -split-input-file | FileCheck %s --check-prefix=ALL
// The softmax of a row of scores, block by block or over all keys at once: maximum, rescaling, weights and their sum.

module attributes {tile.target = #tile.target<lanes = 16, registers = 32, l1 = 32768, l2 = 1048576>} {
// BLOCKS-LABEL: func @few_keys
// BLOCKS-DAG: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
// BLOCKS-DAG: %[[UNIT:.*]] = arith.constant 1.4426
// BLOCKS-DAG: %[[THRESHOLD:.*]] = arith.constant 3.000000e+01
// BLOCKS: %[[LARGEST:.*]] = tile.reduce max %c0 to %{{.*}} init(%[[NONE]])
// BLOCKS: %[[OLD:.*]] = memref.load %[[M:.*]][%[[ROW:[a-z0-9]+]]]
// BLOCKS: %[[BY:.*]] = arith.subf %[[LARGEST]], %[[OLD]]
// BLOCKS: %[[T:.*]] = arith.mulf %[[BY]], %[[UNIT]]
// BLOCKS: arith.cmpf ogt, %[[T]], %[[THRESHOLD]]
// BLOCKS: %[[NOW:.*]] = arith.select %{{.*}}, %[[LARGEST]], %[[OLD]]
// BLOCKS: memref.store %[[NOW]], %[[M]][%[[ROW]]]
// BLOCKS: %[[BELOW:.*]] = arith.subf %[[LARGEST]], %[[NOW]]
// BLOCKS: %[[LOG:.*]] = arith.mulf %[[BELOW]], %[[UNIT]]
// BLOCKS: %[[CORRECTION:.*]] = arith.subf %[[LOG]], %[[T]]
// BLOCKS: scf.if
// BLOCKS: %[[FACTOR:.*]] = math.exp2 %[[CORRECTION]]
// BLOCKS: tile.map
// BLOCKS: arith.mulf %{{.*}}, %[[FACTOR]]
// BLOCKS: %[[BASE:.*]] = arith.select %{{.*}}, %[[NOW]], %{{.*}}
// BLOCKS: %[[SUM:.*]] = memref.load %[[L:.*]][%[[ROW]]]
// BLOCKS: %[[MORE:.*]] = tile.reduce add %c0 to %{{.*}} init(%[[SUM]])
// BLOCKS: arith.subf %{{.*}}, %[[BASE]]
// BLOCKS: memref.store %[[MORE]], %[[L]][%[[ROW]]]

// Nothing was added up under another maximum, and one sum holds as many keys as an epoch.
// ALL-LABEL: func @few_keys
// ALL: tile.reduce max %c0 to %c130
// ALL-NOT: scf.if
// ALL-NOT: scf.for
// ALL: memref.store %{{.*}}, %{{.*}}[%[[ROW:[a-z0-9]+]]]
// ALL-NOT: scf.if
// ALL-NOT: scf.for
// ALL: %[[SUM:.*]] = memref.load %[[L:.*]][%[[ROW]]]
// ALL: %[[ALL:.*]] = tile.reduce add %c0 to %c130 init(%[[SUM]])
// ALL: memref.store %[[ALL]], %[[L]][%[[ROW]]]
func.func @few_keys(%q: memref<?x64xf32>, %k: memref<130x64xf32>, %v: memref<130x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<130x64xf32>) v(%v "NE" : memref<130x64xf32>)
    outs("ME", %o : memref<?x64xf32>)
  return
}

// The sum is carried to its total before each 1024 keys of a row.
// ALL-LABEL: func @many_keys
// ALL: tile.reduce max
// ALL: scf.for %[[FIRST:.*]] = %c0 to %[[N:.*]] step %c1024
// ALL: arith.cmpf ord
// ALL: %[[REST:.*]] = arith.addi %[[FIRST]], %c1024
// ALL: %[[END:.*]] = arith.minsi %[[N]], %[[REST]]
// ALL: tile.reduce add %[[FIRST]] to %[[END]]
func.func @many_keys(%q: memref<?x64xf32>, %k: memref<?x64xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  attn.attention q(%q "MD" : memref<?x64xf32>) k(%k "ND" : memref<?x64xf32>) v(%v "NE" : memref<?x64xf32>)
    outs("ME", %o : memref<?x64xf32>)
  return
}
}
