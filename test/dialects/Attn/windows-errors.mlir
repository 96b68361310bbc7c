// RUN: attnc-opt %s -split-input-file -verify-diagnostics

func.func @counts(%x: tensor<5x5xf32>) {
  // expected-error @+1 {{'attn.windows' op needs as many sizes as strides and dilations, one for each dimension that windows move along}}
  %w = attn.windows %x sizes [2, 2] strides [1] dilations [1, 1] : tensor<5x5xf32> -> tensor<4x4x2x2xf32>
  return
}

// -----

func.func @rank(%x: tensor<5xf32>) {
  // expected-error @+1 {{'attn.windows' op has windows of 2 dimensions, but its source 'tensor<5xf32>' has fewer}}
  %w = attn.windows %x sizes [2, 2] strides [1, 1] dilations [1, 1] : tensor<5xf32> -> tensor<4x2x2xf32>
  return
}

// -----

func.func @zero(%x: tensor<5xf32>) {
  // expected-error @+1 {{'attn.windows' op sizes, strides and dilations are from 1 to 2^29, not 0}}
  %w = attn.windows %x sizes [2] strides [0] dilations [1] : tensor<5xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @shape(%x: tensor<5xf32>) {
  // expected-error @+1 {{'attn.windows' op gives 'tensor<4x2xf32>', not 'tensor<5x2xf32>'}}
  %w = attn.windows %x sizes [2] strides [1] dilations [1] : tensor<5xf32> -> tensor<5x2xf32>
  return
}
