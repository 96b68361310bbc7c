// RUN: attnc-opt --bufferize --split-input-file %s | FileCheck %s

// Results are trailing arguments with the result's attributes, and the producer writes them in place.
// CHECK-LABEL: func.func @in_place
// CHECK-SAME:    %[[X:.*]]: memref<?x4xf32, strided<[?, 1], offset: ?>> {attnc.name = "x"}
// CHECK-SAME:    %[[OUT:.*]]: memref<?x4xf32, strided<[?, 1], offset: ?>> {attnc.name = "y", attnc.result = 0 : i64}) {
// CHECK-NOT:     alloc
// CHECK:         linalg.exp ins(%[[X]] : memref<?x4xf32, strided<[?, 1], offset: ?>>) outs(%[[OUT]] : memref<?x4xf32, strided<[?, 1], offset: ?>>)
// CHECK-NOT:     copy
func.func @in_place(%x: tensor<?x4xf32> {attnc.name = "x"}) -> (tensor<?x4xf32> {attnc.name = "y"}) {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%d) : tensor<?x4xf32>
  %y = linalg.exp ins(%x : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Inputs of attention keep their strides; captures become memrefs and reads of them loads.
// CHECK-LABEL: func.func @attention
// CHECK-SAME:    %[[Q:[a-z0-9]*]]: memref<?x64xf32, strided<[?, 1], offset: ?>>
// CHECK-SAME:    %[[BIAS:[a-z0-9]*]]: memref<?xf32, strided<[1], offset: ?>>
// CHECK-SAME:    %[[OUT:[a-z0-9]*]]: memref<?x64xf32, strided<[?, 1], offset: ?>> {attnc.result = 0 : i64}
// CHECK:         attn.attention q(%[[Q]] "MD"
// CHECK-SAME:      captures(%[[BIAS]] : memref<?xf32, strided<[1], offset: ?>>) outs("ME", %[[OUT]] : memref<?x64xf32, strided<[?, 1], offset: ?>>) score {
// CHECK:         ^bb0({{.*}}, %[[J:.*]]: index, %{{.*}}: index, %{{.*}}: index, %[[T:.*]]: memref<?xf32, strided<[1], offset: ?>>):
// CHECK:           memref.load %[[T]][%[[J]]]
// CHECK-NOT:     tensor<
func.func @attention(%q: tensor<?x64xf32>, %bias: tensor<?xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %q, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%m) : tensor<?x64xf32>
  %o = attn.attention q(%q "MD" : tensor<?x64xf32>) k(%q "ND" : tensor<?x64xf32>) v(%q "NE" : tensor<?x64xf32>)
    captures(%bias : tensor<?xf32>) outs("ME", %e : tensor<?x64xf32>) score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: tensor<?xf32>):
      %0 = tensor.extract %t[%j] : tensor<?xf32>
      %1 = arith.addf %s, %0 : f32
      attn.yield %1 : f32
    } -> tensor<?x64xf32>
  return %o : tensor<?x64xf32>
}

// -----

// Weights are globals aligned for the widest vector; the contraction's result needs no copy.
// CHECK:         memref.global "private" constant @[[W:.*]] : memref<2x2xf32> = dense<{{.*}}> {alignment = 64 : i64}
// CHECK-LABEL: func.func @contract
// CHECK:         %[[WV:.*]] = memref.get_global @[[W]]
// CHECK:         attn.contract lhs(%{{.*}} "mk" : memref<?x2xf32, strided<[?, 1], offset: ?>>) rhs(%[[WV]] "kn" : memref<2x2xf32>)
// CHECK-SAME:      outs("mn", %{{.*}} : memref<?x2xf32, strided<[?, 1], offset: ?>>)
// CHECK-NEXT:    return
func.func @contract(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x2xf32>
  %e = tensor.empty(%m) : tensor<?x2xf32>
  %o = attn.contract lhs(%x "mk" : tensor<?x2xf32>) rhs(%w "kn" : tensor<2x2xf32>) outs("mn", %e : tensor<?x2xf32>)
    -> tensor<?x2xf32>
  return %o : tensor<?x2xf32>
}

// -----

// An input that is returned is copied, never written; a fill shared by two destinations is done twice, not copied.
// CHECK-LABEL: func.func @copies
// CHECK-SAME:    %[[X:.*]]: memref<4xf32, strided<[1], offset: ?>>, %[[A:.*]]: memref<4xf32, {{.*}}> {{.*}}, %[[B:.*]]: memref<f32> {{.*}}, %[[C:.*]]: memref<f32>
// CHECK-DAG:     linalg.fill {{.*}} outs(%[[B]]
// CHECK-DAG:     linalg.fill {{.*}} outs(%[[C]]
// CHECK:         linalg.reduce { arith.addf } ins(%[[X]] {{.*}} outs(%[[B]]
// CHECK:         linalg.reduce { arith.maximumf } ins(%[[X]] {{.*}} outs(%[[C]]
// CHECK:         linalg.copy ins(%[[X]] : memref<4xf32, strided<[1], offset: ?>>) outs(%[[A]] : memref<4xf32, strided<[1], offset: ?>>)
// CHECK-NEXT:    return
func.func @copies(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<f32>, tensor<f32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %s = linalg.reduce {arith.addf} ins(%x : tensor<4xf32>) outs(%z : tensor<f32>) dimensions = [0]
  %m = linalg.reduce {arith.maximumf} ins(%x : tensor<4xf32>) outs(%z : tensor<f32>) dimensions = [0]
  return %x, %s, %m : tensor<4xf32>, tensor<f32>, tensor<f32>
}

// -----

// softmax, concat and pad are spelled with simple ops; both halves of a concat are written where they belong.
// CHECK-LABEL: func.func @compound
// CHECK-SAME:    %[[X:.*]]: memref<2x4xf32, strided<[?, 1], offset: ?>>, {{.*}}, %[[CAT:.*]]: memref<4x4xf32, {{.*}}> {{.*}}, %[[PAD:.*]]: memref<2x6xi1, {{.*}}>
// CHECK-NOT:     linalg.softmax
// CHECK:         memref.subview %[[CAT]][2, 0] [2, 4] [1, 1]
// CHECK-NOT:     tensor.
func.func @compound(%x: tensor<2x4xf32>, %p: tensor<2x4xi1>) -> (tensor<4x4xf32>, tensor<2x6xi1>) {
  %e = tensor.empty() : tensor<2x4xf32>
  %s = linalg.softmax dimension(1) ins(%x : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = tensor.concat dim(0) %x, %s : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<4x4xf32>
  %false = arith.constant false
  %q = tensor.pad %p low[0, 1] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %false : i1
  } : tensor<2x4xi1> to tensor<2x6xi1>
  return %y, %q : tensor<4x4xf32>, tensor<2x6xi1>
}

// -----

// Merging dimensions of an input, which may have gaps, copies it; splitting one does not.
// CHECK-LABEL: func.func @reshapes
// CHECK-SAME:    %[[X:.*]]: memref<3x4xf32, strided<[?, 1], offset: ?>>
// CHECK-DAG:     %[[COPY:.*]] = memref.alloc() {{.*}} : memref<3x4xf32>
// CHECK-DAG:     linalg.copy ins(%[[X]] {{.*}} outs(%[[COPY]]
// CHECK-DAG:     memref.collapse_shape %[[COPY]]
// CHECK-DAG:     memref.expand_shape %[[X]]
func.func @reshapes(%x: tensor<3x4xf32>) -> (tensor<12xf32>, tensor<3x2x2xf32>) {
  %0 = tensor.collapse_shape %x [[0, 1]] : tensor<3x4xf32> into tensor<12xf32>
  %1 = tensor.expand_shape %x [[0], [1, 2]] output_shape [3, 2, 2] : tensor<3x4xf32> into tensor<3x2x2xf32>
  return %0, %1 : tensor<12xf32>, tensor<3x2x2xf32>
}

// -----

// A layer writes to memory of its caller without gaps; what the last one writes is copied to the result, which may have them.
// So may %x of the first call, an input.
// CHECK-LABEL: func.func @model
// CHECK-SAME:    (%[[X:[a-z0-9]*]]: memref<?x4xf32, strided<[?, 1], offset: ?>>, %[[OUT:[a-z0-9]*]]: memref<?x4xf32, {{.*}}> {attnc.result
// CHECK:         %[[Y:.*]] = memref.alloc(%{{.*}}) {{.*}} : memref<?x4xf32>
// CHECK-NOT:     copy
// CHECK:         call @layer(%c0, %[[X]], %[[Y]]) : (index, memref<?x4xf32, strided<[?, 1], offset: ?>>, memref<?x4xf32>) -> ()
// CHECK-NOT:     copy
// CHECK:         %[[Z:.*]] = memref.alloc(%{{.*}}) {{.*}} : memref<?x4xf32>
// CHECK-NEXT:    %[[GAPS:.*]] = memref.cast %[[Y]] : memref<?x4xf32> to memref<?x4xf32, strided<[?, 1], offset: ?>>
// CHECK-NEXT:    call @layer(%c1, %[[GAPS]], %[[Z]])
// CHECK-NEXT:    linalg.copy ins(%[[Z]] {{.*}} outs(%[[OUT]]
// CHECK-NEXT:    return
// CHECK-LABEL: func.func private @layer
// CHECK-SAME:    %[[LX:[a-z0-9]*]]: memref<?x4xf32, strided<[?, 1], offset: ?>> {attnc.dims = ["n", "4"]}, %[[LY:[a-z0-9]*]]: memref<?x4xf32> {attnc.dims = ["n", "4"], attnc.result = 0 : i64}) {
// CHECK:         linalg.exp ins(%[[LX]] {{.*}} outs(%[[LY]]
// CHECK-NEXT:    return
func.func @model(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = call @layer(%c0, %x) : (index, tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = call @layer(%c1, %0) : (index, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}
func.func private @layer(%layer: index, %x: tensor<?x4xf32> {attnc.dims = ["n", "4"]}) -> (tensor<?x4xf32> {attnc.dims = ["n", "4"]}) {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%d) : tensor<?x4xf32>
  %y = linalg.exp ins(%x : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// What windows are of is written in place: a border is filled, and its inside copied.
// CHECK-LABEL: func.func @border
// CHECK-SAME:    %[[X:[a-z0-9]*]]: memref<4x7xf32
// CHECK:         %[[P:.*]] = memref.alloc() {{.*}} : memref<4x9xf32>
// CHECK-NEXT:    linalg.fill {{.*}} outs(%[[P]]
// CHECK-NEXT:    %[[INSIDE:.*]] = memref.subview %[[P]]
// CHECK-NEXT:    linalg.copy ins(%[[X]] {{.*}} outs(%[[INSIDE]]
// CHECK-NOT:     copy
func.func @border(%x: tensor<4x7xf32>) -> tensor<4x7xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x9xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x9xf32>) -> tensor<4x9xf32>
  %p = tensor.insert_slice %x into %f[0, 1] [4, 7] [1, 1] : tensor<4x7xf32> into tensor<4x9xf32>
  %s = attn.windows %p sizes [3] strides [1] dilations [1] : tensor<4x9xf32> -> tensor<4x7x3xf32>
  %o = tensor.empty() : tensor<4x7xf32>
  %z = linalg.fill ins(%zero : f32) outs(%o : tensor<4x7xf32>) -> tensor<4x7xf32>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<4x7x3xf32>) outs(%z : tensor<4x7xf32>) dimensions = [2]
  return %r : tensor<4x7xf32>
}

// -----

// Elements of windows lie on one another: who writes into them writes into a copy.
// CHECK-LABEL: func.func @written
// CHECK:         %[[WINDOWS:.*]] = memref.reinterpret_cast %{{.*}} to offset: {{.*}} sizes: [4, 7, 3]
// CHECK-NOT:     outs(%[[WINDOWS]]
// CHECK:         linalg.exp ins(%[[WINDOWS]]
// CHECK-NOT:     outs(%[[WINDOWS]]
// CHECK:         return
func.func @written(%x: tensor<4x9xf32>) -> tensor<4x7x3xf32> {
  %s = attn.windows %x sizes [3] strides [1] dilations [1] : tensor<4x9xf32> -> tensor<4x7x3xf32>
  %r = linalg.exp ins(%s : tensor<4x7x3xf32>) outs(%s : tensor<4x7x3xf32>) -> tensor<4x7x3xf32>
  return %r : tensor<4x7x3xf32>
}

// -----

// What is written over and read behind it is copied, into the memory of the result that is written: the other result keeps its
// own.
// CHECK-LABEL: func.func @read_later
// CHECK-SAME:    %[[X:.*]]: memref<8xf32, {{.*}}>, %[[PART:.*]]: memref<2xf32, {{.*}}>, %[[Y:.*]]: memref<8xf32, {{.*}}> {attnc.result = 0 : i64}, %[[Z:.*]]: memref<8xf32, {{.*}}> {attnc.result = 1 : i64})
// CHECK:         linalg.exp ins(%[[X]] : {{.*}}) outs(%[[Z]] :
// CHECK-NEXT:    linalg.copy ins(%[[Z]] : {{.*}}) outs(%[[Y]] :
// CHECK-NEXT:    %[[PLACE:.*]] = memref.subview %[[Y]][3] [2] [1]
// CHECK-NEXT:    linalg.copy ins(%[[PART]] : {{.*}}) outs(%[[PLACE]] :
// CHECK-NEXT:    return
func.func @read_later(%x: tensor<8xf32>, %part: tensor<2xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %z = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %y = tensor.insert_slice %part into %z[3] [2] [1] : tensor<2xf32> into tensor<8xf32>
  return %y, %z : tensor<8xf32>, tensor<8xf32>
}

// -----

// Two tensors that begin alike are put together each in its own memory.
// CHECK-LABEL: func.func @begin_alike
// CHECK-SAME:    %[[A:[a-z0-9]*]]: memref<2xf32, {{.*}}>, %[[B:[a-z0-9]*]]: memref<2xf32, {{.*}}>, %[[C:[a-z0-9]*]]: memref<2xf32, {{.*}}>, %[[Y:.*]]: memref<4xf32, {{.*}}> {attnc.result = 0 : i64}, %[[Z:.*]]: memref<4xf32, {{.*}}> {attnc.result = 1 : i64})
// CHECK-NOT:     alloc
// CHECK:         %[[Z0:.*]] = memref.subview %[[Z]][0] [2] [1]
// CHECK-NEXT:    linalg.copy ins(%[[A]] : {{.*}}) outs(%[[Z0]] :
// CHECK-NEXT:    %[[Y0:.*]] = memref.subview %[[Y]][0] [2] [1]
// CHECK-NEXT:    linalg.copy ins(%[[A]] : {{.*}}) outs(%[[Y0]] :
// CHECK-NOT:     alloc
func.func @begin_alike(%a: tensor<2xf32>, %b: tensor<2xf32>, %c: tensor<2xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %x = tensor.insert_slice %a into %e[0] [2] [1] : tensor<2xf32> into tensor<4xf32>
  %y = tensor.insert_slice %b into %x[2] [2] [1] : tensor<2xf32> into tensor<4xf32>
  %z = tensor.insert_slice %c into %x[2] [2] [1] : tensor<2xf32> into tensor<4xf32>
  return %y, %z : tensor<4xf32>, tensor<4xf32>
}
