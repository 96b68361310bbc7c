// RUN: attnc-opt %S/raise-attention-lookalikes.mlir --mlir-print-op-on-diagnostic=false --simplify-graph --cse --raise-attention=remarks=true -o /dev/null 2>&1 | FileCheck %s
// What is said of every softmax that is not raised, and why; the graphs are in raise-attention-lookalikes.mlir.

// heads_mixed
// CHECK: warning: softmax runs over the head axis (dimension 3), so this layer mixes heads inside one position instead of attending over positions; if that is not intended, transpose q, k, v to (B, H, S, D)
// CHECK: remark: not fused into attn.attention: its keys are the heads of one position
// channels
// CHECK: remark: not fused into attn.attention: its keys are channels and the product before it sums over positions
// sequence_projected: attention over the projected rows
// CHECK: remark: fused into attn.attention: scale 1, read in place as q BMHD k BNGD v BNGE, written as BMHE
// tokens_of_a_vector: positions
// CHECK: remark: fused into attn.attention: scale 1, read in place as q BMD k BND v BNE, written as BME
// softmax_over_queries
// CHECK: remark: not fused into attn.attention: it does not sum over exactly the axis of the softmax
// CHECK: note: here
// talking_heads
// CHECK: remark: not fused into attn.attention: it does not run over exactly the axis that one operand of the product alone has
// weights_changed
// CHECK: remark: not fused into attn.attention: what stands between the softmax and the product with V changes the weights
// CHECK: note: here
// weights_returned
// CHECK: remark: not fused into attn.attention: its weights are a result of the function
// pointer
// CHECK: remark: not fused into attn.attention: it does not run over exactly the axis that one operand of the product alone has
// kernel_softmax
// CHECK: remark: not fused into attn.attention: no product of Q and K leads to its scores elementwise
// not_zero
// CHECK: remark: fused into attn.attention: scale 1, a score reading 1 value
// CHECK-NOT: remark
