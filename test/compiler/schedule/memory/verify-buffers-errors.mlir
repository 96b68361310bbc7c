// RUN: attnc-opt --verify-buffers --split-input-file --verify-diagnostics %s

// expected-error @below {{argument of type 'tensor<4xf32>' after bufferization}}
func.func @argument(%x: tensor<4xf32>) {
  return
}

// -----

func.func @inside(%x: memref<4xf32>) {
  // expected-error @below {{'tensor.empty' still works on tensors after bufferization}}
  %0 = tensor.empty() : tensor<4xf32>
  return
}

// -----

// expected-error @below {{returns a value of type 'index'; results must be written to arguments, and only a plan returns indices}}
func.func @result() -> index {
  %c0 = arith.constant 0 : index
  return %c0 : index
}

// -----

// A plan passes.
func.func private @f__plan(%x: memref<?xf32>) -> index {
  %c0 = arith.constant 0 : index
  %d = memref.dim %x, %c0 : memref<?xf32>
  return %d : index
}
