// RUN: attnc-opt --split-plan --split-input-file --verify-diagnostics %s

func.func @data(%n: tensor<index>) -> tensor<?xf32> {
  // expected-error @below {{an extent of a result of 'data' depends on what 'tensor.extract' computes; extents must follow from the extents of the inputs}}
  %d = tensor.extract %n[] : tensor<index>
  %e = tensor.empty(%d) : tensor<?xf32>
  return %e : tensor<?xf32>
}

// -----

// expected-error @below {{result of type 'f32': an entry point returns ranked tensors only}}
func.func @scalar(%x: tensor<f32>) -> f32 {
  %0 = tensor.extract %x[] : tensor<f32>
  return %0 : f32
}

// -----

// expected-error @below {{the name 'f__plan' is needed for the plan of this function}}
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
// expected-note @below {{it is taken here}}
func.func private @f__plan()
