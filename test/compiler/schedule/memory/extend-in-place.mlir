// RUN: attnc-opt --bufferize --extend-in-place --split-input-file %s | FileCheck %s

// A copy of an input to the start of an output is skipped where both are one memory; entries say so.
// CHECK: module attributes {attnc.entries = [{name = "grow", outputs = [{extends = 1 : i64, name = "present"}]}]}
module attributes {attnc.entries = [{name = "grow", outputs = [{name = "present"}]}]} {
// CHECK-LABEL: func.func @grow
// CHECK-SAME:  %[[NEW:[a-z0-9]+]]: memref<1x4xf32, {{[^%]*}} %[[PAST:[a-z0-9]+]]: memref<?x4xf32, {{[^%]*}} %[[OUT:[a-z0-9]+]]: memref<?x4xf32
// CHECK-DAG:   %[[FROM:.*]] = memref.extract_aligned_pointer_as_index %[[PAST]]
// CHECK-DAG:   %[[TO:.*]] = memref.extract_aligned_pointer_as_index %[[OUT]]
// CHECK:       %[[DIFFER:.*]] = arith.cmpi ne, %[[FROM]], %[[TO]]
// CHECK:       scf.if %[[DIFFER]] {
// CHECK-NEXT:    linalg.copy ins(%[[PAST]]
// CHECK-NEXT:  }
// CHECK:       linalg.copy ins(%[[NEW]]
func.func @grow(%new: tensor<1x4xf32>, %past: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %past, %c0 : tensor<?x4xf32>
  %m = arith.addi %n, %c1 : index
  %e = tensor.empty(%m) : tensor<?x4xf32>
  %a = tensor.insert_slice %past into %e[0, 0] [%n, 4] [1, 1] : tensor<?x4xf32> into tensor<?x4xf32>
  %b = tensor.insert_slice %new into %a[%n, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}
}

// -----

// Past that comes last is no start; what comes first is.
// CHECK-LABEL: func.func @last
// CHECK-SAME:  %[[NEW:[a-z0-9]+]]: memref<1x4xf32, {{[^%]*}} %[[PAST:[a-z0-9]+]]: memref<?x4xf32
// CHECK:       scf.if
// CHECK-NEXT:    linalg.copy ins(%[[NEW]]
// CHECK-NOT:   scf.if
// CHECK:       linalg.copy ins(%[[PAST]]
// CHECK:       return
func.func @last(%new: tensor<1x4xf32>, %past: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %past, %c0 : tensor<?x4xf32>
  %m = arith.addi %n, %c1 : index
  %e = tensor.empty(%m) : tensor<?x4xf32>
  %a = tensor.insert_slice %new into %e[0, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<?x4xf32>
  %b = tensor.insert_slice %past into %a[1, 0] [%n, 4] [1, 1] : tensor<?x4xf32> into tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}

// Not where past is read by something else: that may happen behind what is written.
// CHECK-LABEL: func.func @read_again
// CHECK-NOT:   scf.if
func.func @read_again(%new: tensor<1x4xf32>, %past: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %past, %c0 : tensor<?x4xf32>
  %m = arith.addi %n, %c1 : index
  %e = tensor.empty(%m) : tensor<?x4xf32>
  %a = tensor.insert_slice %past into %e[0, 0] [%n, 4] [1, 1] : tensor<?x4xf32> into tensor<?x4xf32>
  %b = tensor.insert_slice %new into %a[0, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<?x4xf32>
  %f = tensor.empty(%n) : tensor<?x4xf32>
  %s = linalg.exp ins(%past : tensor<?x4xf32>) outs(%f : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %b, %s : tensor<?x4xf32>, tensor<?x4xf32>
}

// Not where the output has been written before.
// CHECK-LABEL: func.func @twice
// CHECK-NOT:   scf.if
func.func @twice(%new: tensor<?x4xf32>, %past: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %past, %c0 : tensor<?x4xf32>
  %m = tensor.dim %new, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%m) : tensor<?x4xf32>
  %a = linalg.exp ins(%new : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = tensor.insert_slice %past into %a[0, 0] [%n, 4] [1, 1] : tensor<?x4xf32> into tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}
