// RUN: attnc-interpret %s | FileCheck %s
// scf.if, scf.for, func.call.

// CHECK: @loop: tensor<i64> 55, tensor<3xf32> [0, 0, 7]
func.func @loop() -> (i64, tensor<3xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c10 = arith.constant 10 : index
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  // Two values that are exchanged and added: the Fibonacci numbers, in one parallel assignment per trip.
  %fib:2 = scf.for %i = %c0 to %c10 step %c1 iter_args(%a = %zero, %b = %one) -> (i64, i64) {
    %sum = arith.addi %a, %b : i64
    scf.yield %b, %sum : i64, i64
  }
  %seven = arith.constant 7.0 : f32
  %start = arith.constant dense<0.0> : tensor<3xf32>
  %tensor = scf.for %i = %c2 to %c10 step %c10 iter_args(%t = %start) -> tensor<3xf32> {
    %next = tensor.insert %seven into %t[%i] : tensor<3xf32>
    scf.yield %next : tensor<3xf32>
  }
  return %fib#0, %tensor : i64, tensor<3xf32>
}

// No trip at all: the initial value. A condition inside a region that runs per element.
// CHECK: @branches: tensor<i64> 4, tensor<3xf32> [10, -2, 30]
func.func @branches() -> (i64, tensor<3xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %four = arith.constant 4 : i64
  %none = scf.for %i = %c1 to %c0 step %c1 iter_args(%a = %four) -> i64 {
    %sum = arith.addi %a, %a : i64
    scf.yield %sum : i64
  }
  %x = arith.constant dense<[1.0, -2.0, 3.0]> : tensor<3xf32>
  %init = tensor.empty() : tensor<3xf32>
  %zero = arith.constant 0.0 : f32
  %ten = arith.constant 10.0 : f32
  %mapped = linalg.map ins(%x : tensor<3xf32>) outs(%init : tensor<3xf32>) (%v: f32, %o: f32) {
    %positive = arith.cmpf ogt, %v, %zero : f32
    %r = scf.if %positive -> f32 {
      %0 = arith.mulf %v, %ten : f32
      scf.yield %0 : f32
    } else {
      scf.yield %v : f32
    }
    linalg.yield %r : f32
  }
  return %none, %mapped : i64, tensor<3xf32>
}

func.func private @mixed(%x: tensor<?xf32>, %n: index, %y: tensor<2xi32>) -> (index, tensor<2xi32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?xf32>
  %sum = arith.addi %d, %n : index
  return %sum, %y, %x : index, tensor<2xi32>, tensor<?xf32>
}
// CHECK: @call: tensor<index> 8, tensor<2xi32> [1, 2], tensor<1xf32> [0.5]
func.func @call() -> (index, tensor<2xi32>, tensor<?xf32>) {
  %x = arith.constant dense<0.5> : tensor<1xf32>
  %dynamic = tensor.cast %x : tensor<1xf32> to tensor<?xf32>
  %n = arith.constant 7 : index
  %y = arith.constant dense<[1, 2]> : tensor<2xi32>
  %r:3 = call @mixed(%dynamic, %n, %y) : (tensor<?xf32>, index, tensor<2xi32>) -> (index, tensor<2xi32>, tensor<?xf32>)
  return %r#0, %r#1, %r#2 : index, tensor<2xi32>, tensor<?xf32>
}
