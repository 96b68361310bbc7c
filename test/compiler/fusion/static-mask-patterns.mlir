// RUN: attnc-opt %s --simplify-graph --cse --raise-attention --canonicalize --cse | FileCheck %s
// Constants that follow a rule, whole or sliced, become that rule. Values are compared by spellings.test.

#sm_q = affine_map<(b, m, n, d) -> (b, m, d)>
#sm_k = affine_map<(b, m, n, d) -> (b, n, d)>
#sm_s = affine_map<(b, m, n, d) -> (b, m, n)>
#sm_p = affine_map<(b, m, e, n) -> (b, m, n)>
#sm_v = affine_map<(b, m, e, n) -> (b, n, e)>
#sm_o = affine_map<(b, m, e, n) -> (b, m, e)>
#sm_all = affine_map<(b, m, n) -> (b, m, n)>
#sm_table = affine_map<(b, m, n) -> (m, n)>
#sm_wide = affine_map<(b, m, n) -> (0, m, n)>

// A prefix that everyone sees, and the past.
// CHECK-LABEL: func @prefix(
// CHECK-NOT: captures
// CHECK: mask {
// CHECK: %[[PAST:.*]] = arith.cmpi sle, %{{.*}}, %{{.*}} : index
// CHECK: %[[PREFIX:.*]] = arith.cmpi sle, %{{.*}}, %c2{{.*}} : index
// CHECK: arith.ori %[[PAST]], %[[PREFIX]]
// CHECK: attn.yield
func.func @prefix(%q: tensor<2x6x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x6xf32>) -> tensor<2x6x6xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<2x6x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %s = linalg.contract indexing_maps = [#sm_q, #sm_k, #sm_s] ins(%q, %k : tensor<2x6x8xf32>, tensor<2x6x8xf32>) outs(%z : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %mask = arith.constant dense<[[true, true, true, false, false, false], [true, true, true, false, false, false], [true, true, true, false, false, false], [true, true, true, true, false, false], [true, true, true, true, true, false], [true, true, true, true, true, true]]> : tensor<6x6xi1>
  %t = linalg.generic {indexing_maps = [#sm_all, #sm_table, #sm_all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%s, %mask : tensor<2x6x6xf32>, tensor<6x6xi1>) outs(%e : tensor<2x6x6xf32>) {
  ^bb0(%x: f32, %c: i1, %out: f32):
    %r = arith.select %c, %x, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<2x6x6xf32>
  %w = linalg.softmax dimension(2) ins(%t : tensor<2x6x6xf32>) outs(%e : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %eo = tensor.empty() : tensor<2x6x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %o = linalg.contract indexing_maps = [#sm_p, #sm_v, #sm_o] ins(%w, %v : tensor<2x6x6xf32>, tensor<2x6x6xf32>) outs(%zo : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  return %o : tensor<2x6x6xf32>
}

// Keys at the end that count for nobody: 0 and -inf, expanded to a row for each query.
// CHECK-LABEL: func @padding(
// CHECK-NOT: captures
// CHECK: mask {
// CHECK: arith.cmpi sle, %{{.*}}, %c3 : index
// CHECK: attn.yield
func.func @padding(%q: tensor<2x5x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x6xf32>) -> tensor<2x5x6xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<2x5x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  %s = linalg.contract indexing_maps = [#sm_q, #sm_k, #sm_s] ins(%q, %k : tensor<2x5x8xf32>, tensor<2x6x8xf32>) outs(%z : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  %mask = arith.constant dense<[[0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000]]> : tensor<5x6xf32>
  %t = linalg.generic {indexing_maps = [#sm_all, #sm_table, #sm_all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%s, %mask : tensor<2x5x6xf32>, tensor<5x6xf32>) outs(%e : tensor<2x5x6xf32>) {
  ^bb0(%x: f32, %c: f32, %out: f32):
    %r = arith.addf %x, %c : f32
    linalg.yield %r : f32
  } -> tensor<2x5x6xf32>
  %w = linalg.softmax dimension(2) ins(%t : tensor<2x5x6xf32>) outs(%e : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  %eo = tensor.empty() : tensor<2x5x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  %o = linalg.contract indexing_maps = [#sm_p, #sm_v, #sm_o] ins(%w, %v : tensor<2x5x6xf32>, tensor<2x6x6xf32>) outs(%zo : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  return %o : tensor<2x5x6xf32>
}

// Two documents that do not see each other.
// CHECK-LABEL: func @documents(
// CHECK-NOT: captures
// CHECK: mask {
// CHECK: arith.cmpi eq, %{{.*}}, %{{.*}}
// CHECK-COUNT-2: arith.cmpi sge, %{{.*}}, %c1
// CHECK: arith.andi
// CHECK: arith.ori
// CHECK: attn.yield
func.func @documents(%q: tensor<2x5x8xf32>, %k: tensor<2x5x8xf32>, %v: tensor<2x5x6xf32>) -> tensor<2x5x6xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<2x5x5xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %s = linalg.contract indexing_maps = [#sm_q, #sm_k, #sm_s] ins(%q, %k : tensor<2x5x8xf32>, tensor<2x5x8xf32>) outs(%z : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %mask = arith.constant dense<[[true, true, false, false, false], [true, true, false, false, false], [false, false, true, true, true], [false, false, true, true, true], [false, false, true, true, true]]> : tensor<5x5xi1>
  %t = linalg.generic {indexing_maps = [#sm_all, #sm_table, #sm_all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%s, %mask : tensor<2x5x5xf32>, tensor<5x5xi1>) outs(%e : tensor<2x5x5xf32>) {
  ^bb0(%x: f32, %c: i1, %out: f32):
    %r = arith.select %c, %x, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<2x5x5xf32>
  %w = linalg.softmax dimension(2) ins(%t : tensor<2x5x5xf32>) outs(%e : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %eo = tensor.empty() : tensor<2x5x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  %o = linalg.contract indexing_maps = [#sm_p, #sm_v, #sm_o] ins(%w, %v : tensor<2x5x5xf32>, tensor<2x5x6xf32>) outs(%zo : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  return %o : tensor<2x5x6xf32>
}

// Blocks of two, the last one cut off; a batch entry more than the table has.
// CHECK-LABEL: func @block_causal(
// CHECK-NOT: captures
// CHECK: mask {
// CHECK: arith.floordivsi %{{.*}}, %c2
// CHECK: arith.floordivsi %{{.*}}, %c2
// CHECK: arith.cmpi sle
// CHECK: attn.yield
func.func @block_causal(%q: tensor<2x7x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x6xf32>) -> tensor<2x7x6xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<2x7x7xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x7x7xf32>) -> tensor<2x7x7xf32>
  %s = linalg.contract indexing_maps = [#sm_q, #sm_k, #sm_s] ins(%q, %k : tensor<2x7x8xf32>, tensor<2x7x8xf32>) outs(%z : tensor<2x7x7xf32>) -> tensor<2x7x7xf32>
  %mask = arith.constant dense<[[[true, true, false, false, false, false, false], [true, true, false, false, false, false, false], [true, true, true, true, false, false, false], [true, true, true, true, false, false, false], [true, true, true, true, true, true, false], [true, true, true, true, true, true, false], [true, true, true, true, true, true, true]]]> : tensor<1x7x7xi1>
  %t = linalg.generic {indexing_maps = [#sm_all, #sm_wide, #sm_all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%s, %mask : tensor<2x7x7xf32>, tensor<1x7x7xi1>) outs(%e : tensor<2x7x7xf32>) {
  ^bb0(%x: f32, %c: i1, %out: f32):
    %r = arith.select %c, %x, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<2x7x7xf32>
  %w = linalg.softmax dimension(2) ins(%t : tensor<2x7x7xf32>) outs(%e : tensor<2x7x7xf32>) -> tensor<2x7x7xf32>
  %eo = tensor.empty() : tensor<2x7x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x7x6xf32>) -> tensor<2x7x6xf32>
  %o = linalg.contract indexing_maps = [#sm_p, #sm_v, #sm_o] ins(%w, %v : tensor<2x7x7xf32>, tensor<2x7x6xf32>) outs(%zo : tensor<2x7x6xf32>) -> tensor<2x7x6xf32>
  return %o : tensor<2x7x6xf32>
}

// One element off: not the band that it nearly is.
// CHECK-LABEL: func @scattered(
// CHECK-NOT: captures
// CHECK: mask {
// CHECK: arith.cmpi sle, %{{.*}}, %{{.*}} : index
// CHECK: arith.cmpi eq, %{{.*}}, %c4 : index
// CHECK: arith.andi
// CHECK: arith.ori
// CHECK: attn.yield
func.func @scattered(%q: tensor<2x6x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x6xf32>) -> tensor<2x6x6xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<2x6x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %s = linalg.contract indexing_maps = [#sm_q, #sm_k, #sm_s] ins(%q, %k : tensor<2x6x8xf32>, tensor<2x6x8xf32>) outs(%z : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %mask = arith.constant dense<[[true, false, false, false, false, false], [true, true, false, false, true, false], [true, true, true, false, false, false], [true, true, true, true, false, false], [true, true, true, true, true, false], [true, true, true, true, true, true]]> : tensor<6x6xi1>
  %t = linalg.generic {indexing_maps = [#sm_all, #sm_table, #sm_all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%s, %mask : tensor<2x6x6xf32>, tensor<6x6xi1>) outs(%e : tensor<2x6x6xf32>) {
  ^bb0(%x: f32, %c: i1, %out: f32):
    %r = arith.select %c, %x, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<2x6x6xf32>
  %w = linalg.softmax dimension(2) ins(%t : tensor<2x6x6xf32>) outs(%e : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %eo = tensor.empty() : tensor<2x6x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %o = linalg.contract indexing_maps = [#sm_p, #sm_v, #sm_o] ins(%w, %v : tensor<2x6x6xf32>, tensor<2x6x6xf32>) outs(%zo : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  return %o : tensor<2x6x6xf32>
}

// No rule: read as it is.
// CHECK-LABEL: func @no_rule(
// CHECK: captures(%{{.*}} : tensor<6x6xi1>)
// CHECK: mask {
// CHECK: tensor.extract
// CHECK: attn.yield
func.func @no_rule(%q: tensor<2x6x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x6xf32>) -> tensor<2x6x6xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<2x6x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %s = linalg.contract indexing_maps = [#sm_q, #sm_k, #sm_s] ins(%q, %k : tensor<2x6x8xf32>, tensor<2x6x8xf32>) outs(%z : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %mask = arith.constant dense<[[true, false, false, false, false, false], [true, false, true, false, false, false], [false, true, false, true, false, false], [true, true, false, false, false, true], [true, true, true, false, false, false], [false, false, false, false, true, false]]> : tensor<6x6xi1>
  %t = linalg.generic {indexing_maps = [#sm_all, #sm_table, #sm_all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%s, %mask : tensor<2x6x6xf32>, tensor<6x6xi1>) outs(%e : tensor<2x6x6xf32>) {
  ^bb0(%x: f32, %c: i1, %out: f32):
    %r = arith.select %c, %x, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<2x6x6xf32>
  %w = linalg.softmax dimension(2) ins(%t : tensor<2x6x6xf32>) outs(%e : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %eo = tensor.empty() : tensor<2x6x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %o = linalg.contract indexing_maps = [#sm_p, #sm_v, #sm_o] ins(%w, %v : tensor<2x6x6xf32>, tensor<2x6x6xf32>) outs(%zo : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  return %o : tensor<2x6x6xf32>
}

// 1 - table == 0, read twice: what is computed from a mask is one.
// CHECK-LABEL: func @computed(
// CHECK-NOT: captures
// CHECK: mask {
// CHECK-NOT: cmpf
// CHECK: arith.cmpi sle
// CHECK: attn.yield
func.func @computed(%q: tensor<2x6x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x6xf32>) -> tensor<2x6x6xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<2x6x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %s = linalg.contract indexing_maps = [#sm_q, #sm_k, #sm_s] ins(%q, %k : tensor<2x6x8xf32>, tensor<2x6x8xf32>) outs(%z : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %ones = arith.constant dense<[[1.0, 0.0, 0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]> : tensor<6x6xf32>
  %one = arith.constant 1.0 : f32
  %et = tensor.empty() : tensor<6x6xi1>
  %mask = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
    ins(%ones : tensor<6x6xf32>) outs(%et : tensor<6x6xi1>) {
  ^bb0(%c: f32, %out: i1):
    %d = arith.subf %one, %c : f32
    %r = arith.cmpf oeq, %d, %zero : f32
    linalg.yield %r : i1
  } -> tensor<6x6xi1>
  %t = linalg.generic {indexing_maps = [#sm_all, #sm_table, #sm_all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%s, %mask : tensor<2x6x6xf32>, tensor<6x6xi1>) outs(%e : tensor<2x6x6xf32>) {
  ^bb0(%x: f32, %c: i1, %out: f32):
    %r = arith.select %c, %x, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<2x6x6xf32>
  %w = linalg.softmax dimension(2) ins(%t : tensor<2x6x6xf32>) outs(%e : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %eo = tensor.empty() : tensor<2x6x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  %o = linalg.contract indexing_maps = [#sm_p, #sm_v, #sm_o] ins(%w, %v : tensor<2x6x6xf32>, tensor<2x6x6xf32>) outs(%zo : tensor<2x6x6xf32>) -> tensor<2x6x6xf32>
  return %o : tensor<2x6x6xf32>
}

// The first rows and columns of the largest mask there may be: the rule of the whole.
// CHECK-LABEL: func @sliced(
// CHECK-NOT: captures
// CHECK: mask {
// CHECK: arith.cmpi sle, %[[J:.*]], %[[I:.*]] : index
// CHECK: attn.yield
func.func @sliced(%q: tensor<2x?x8xf32> {attnc.dims = ["2", "m", "8"]}, %k: tensor<2x?x8xf32> {attnc.dims = ["2", "m", "8"]}, %v: tensor<2x?x6xf32> {attnc.dims = ["2", "m", "6"]}) -> tensor<2x?x6xf32> {
  %c1 = arith.constant 1 : index
  %m = tensor.dim %q, %c1 : tensor<2x?x8xf32>
  %n = tensor.dim %k, %c1 : tensor<2x?x8xf32>
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty(%m, %n) : tensor<2x?x?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %s = linalg.contract indexing_maps = [#sm_q, #sm_k, #sm_s] ins(%q, %k : tensor<2x?x8xf32>, tensor<2x?x8xf32>) outs(%z : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %all = arith.constant dense<[[0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<16x16xf32>
  %rows = tensor.extract_slice %all[0, 0] [%m, 16] [1, 1] : tensor<16x16xf32> to tensor<?x16xf32>
  %mask = tensor.extract_slice %rows[0, 0] [%m, %n] [1, 1] : tensor<?x16xf32> to tensor<?x?xf32>
  %t = linalg.generic {indexing_maps = [#sm_all, #sm_table, #sm_all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%s, %mask : tensor<2x?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<2x?x?xf32>) {
  ^bb0(%x: f32, %c: f32, %out: f32):
    %r = arith.addf %x, %c : f32
    linalg.yield %r : f32
  } -> tensor<2x?x?xf32>
  %w = linalg.softmax dimension(2) ins(%t : tensor<2x?x?xf32>) outs(%e : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %eo = tensor.empty(%m) : tensor<2x?x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x?x6xf32>) -> tensor<2x?x6xf32>
  %o = linalg.contract indexing_maps = [#sm_p, #sm_v, #sm_o] ins(%w, %v : tensor<2x?x?xf32>, tensor<2x?x6xf32>) outs(%zo : tensor<2x?x6xf32>) -> tensor<2x?x6xf32>
  return %o : tensor<2x?x6xf32>
}

// The rows of new queries, behind those of the past.
// CHECK-LABEL: func @sliced_behind_past(
// CHECK-NOT: captures
// CHECK: mask {
// CHECK: %[[ROW:.*]] = arith.addi %{{.*}}, %c4 : index
// CHECK: arith.cmpi sle, %{{.*}}, %[[ROW]] : index
// CHECK: attn.yield
func.func @sliced_behind_past(%q: tensor<2x?x8xf32> {attnc.dims = ["2", "m", "8"]}, %k: tensor<2x?x8xf32> {attnc.dims = ["2", "m", "8"]}, %v: tensor<2x?x6xf32> {attnc.dims = ["2", "m", "6"]}) -> tensor<2x?x6xf32> {
  %c1 = arith.constant 1 : index
  %m = tensor.dim %q, %c1 : tensor<2x?x8xf32>
  %n = tensor.dim %k, %c1 : tensor<2x?x8xf32>
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty(%m, %n) : tensor<2x?x?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %s = linalg.contract indexing_maps = [#sm_q, #sm_k, #sm_s] ins(%q, %k : tensor<2x?x8xf32>, tensor<2x?x8xf32>) outs(%z : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %all = arith.constant dense<[[true, false, false, false, false, false, false, false, false, false, false, false, false, false, false, false], [true, true, false, false, false, false, false, false, false, false, false, false, false, false, false, false], [true, true, true, false, false, false, false, false, false, false, false, false, false, false, false, false], [true, true, true, true, false, false, false, false, false, false, false, false, false, false, false, false], [true, true, true, true, true, false, false, false, false, false, false, false, false, false, false, false], [true, true, true, true, true, true, false, false, false, false, false, false, false, false, false, false], [true, true, true, true, true, true, true, false, false, false, false, false, false, false, false, false], [true, true, true, true, true, true, true, true, false, false, false, false, false, false, false, false], [true, true, true, true, true, true, true, true, true, false, false, false, false, false, false, false], [true, true, true, true, true, true, true, true, true, true, false, false, false, false, false, false], [true, true, true, true, true, true, true, true, true, true, true, false, false, false, false, false], [true, true, true, true, true, true, true, true, true, true, true, true, false, false, false, false], [true, true, true, true, true, true, true, true, true, true, true, true, true, false, false, false], [true, true, true, true, true, true, true, true, true, true, true, true, true, true, false, false], [true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, false], [true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true]]> : tensor<16x16xi1>
  %mask = tensor.extract_slice %all[4, 0] [%m, %n] [1, 1] : tensor<16x16xi1> to tensor<?x?xi1>
  %t = linalg.generic {indexing_maps = [#sm_all, #sm_table, #sm_all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%s, %mask : tensor<2x?x?xf32>, tensor<?x?xi1>) outs(%e : tensor<2x?x?xf32>) {
  ^bb0(%x: f32, %c: i1, %out: f32):
    %r = arith.select %c, %x, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<2x?x?xf32>
  %w = linalg.softmax dimension(2) ins(%t : tensor<2x?x?xf32>) outs(%e : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %eo = tensor.empty(%m) : tensor<2x?x6xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x?x6xf32>) -> tensor<2x?x6xf32>
  %o = linalg.contract indexing_maps = [#sm_p, #sm_v, #sm_o] ins(%w, %v : tensor<2x?x?xf32>, tensor<2x?x6xf32>) outs(%zo : tensor<2x?x6xf32>) -> tensor<2x?x6xf32>
  return %o : tensor<2x?x6xf32>
}
