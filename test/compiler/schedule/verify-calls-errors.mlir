// RUN: attnc-opt --verify-calls --split-input-file --verify-diagnostics %s

func.func @model(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{@g calls itself, directly or through others}}
  %0 = call @g(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func private @g(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{@h calls itself, directly or through others}}
  %0 = call @h(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func private @h(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{@g calls itself, directly or through others}}
  %0 = call @g(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @model(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{@elsewhere cannot be called: only private functions of one block, with a body, can}}
  %0 = call @elsewhere(%x) : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{@entry cannot be called: only private functions of one block, with a body, can}}
  %1 = call @entry(%0) : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{result 0 of @scalar is no ranked tensor: functions that others call return only those}}
  %2 = call @scalar(%1) : (tensor<4xf32>) -> index
  return %1 : tensor<4xf32>
}
func.func private @elsewhere(%x: tensor<4xf32>) -> tensor<4xf32>
func.func @entry(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
func.func private @scalar(%x: tensor<4xf32>) -> index {
  %c0 = arith.constant 0 : index
  return %c0 : index
}

// -----

func.func @model(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @below {{dimension 0 of result 0 of @layer has no extent of an argument: give both the same name in attnc.dims}}
  %0 = call @layer(%x) : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func private @layer(%x: tensor<?xf32> {attnc.dims = ["N"]}) -> (tensor<?xf32> {attnc.dims = ["M"]}) {
  return %x : tensor<?xf32>
}

// -----

func.func @model(%x: tensor<4xf32>, %often: index) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = scf.for %i = %c0 to %often step %c1 iter_args(%y = %x) -> tensor<4xf32> {
    // expected-error @below {{a call inside of a loop or branch is not compiled yet}}
    %1 = func.call @layer(%y) : (tensor<4xf32>) -> tensor<4xf32>
    scf.yield %1 : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}
func.func private @layer(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
