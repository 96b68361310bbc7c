module attributes {attnc.entries = [{doc = "d", inputs = [{dims = ["B", "4"], name = "x", type = f32}], name = "f", outputs = [{dims = ["B", "4"], name = "y", type = f32}]}]} {
  func.func @f(%x: memref<?x4xf32>, %y: memref<?x4xf32>) {
    return
  }
}
