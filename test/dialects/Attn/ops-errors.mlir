// RUN: attnc-opt %s -split-input-file -verify-diagnostics
// One case per check of the verifiers, named after the rule that it breaks.

func.func @attention_a1_scale(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{scale must be finite (A1)}}
  %r = attn.attention {scale = 0x7FF0000000000000 : f64} q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a1_default(%q: tensor<2x3x4x0xf32>, %k: tensor<2x5x2x0xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{needs a scale: D = 0 has no default (A1)}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x0xf32>) k(%k "BNGD" : tensor<2x5x2x0xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a2_arguments(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>, %c0: tensor<4xf32>) {
  // expected-error @+1 {{arguments of the score region must be ('f32', 'index', 'index', 'index', 'index', 'index', 'index', 'tensor<4xf32>')}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>)
    captures(%c0 : tensor<4xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      attn.yield %s : f32
    } -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a2_yield(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{the score region must yield 'f32'}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      attn.yield %j : index
    } -> tensor<2x3x4x6xf32>
  return
}

// -----

// Accumulation is f64 for f64 (A8), so the score is given f64.
func.func @attention_a2_f64(%q: tensor<2x3x4x8xf64>, %k: tensor<2x5x2x8xf64>, %v: tensor<2x5x2x6xf64>, %o0: tensor<2x3x4x6xf64>) {
  // expected-error @+1 {{arguments of the score region must be ('f64', }}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf64>) k(%k "BNGD" : tensor<2x5x2x8xf64>)
    v(%v "BNGE" : tensor<2x5x2x6xf64>) outs("BMHE", %o0 : tensor<2x3x4x6xf64>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      attn.yield %s : f32
    } -> tensor<2x3x4x6xf64>
  return
}

// -----

func.func @attention_a3_arguments(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{arguments of the mask region must be ('index', 'index', 'index', 'index', 'index', 'index')}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>)
    mask {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %0 = arith.constant true
      attn.yield %0 : i1
    } -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a3_yield(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{the mask region must yield 'i1'}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>)
    mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      attn.yield %j : index
    } -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a7_heads(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x3x8xf32>, %v: tensor<2x5x3x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{H = 4 is not a multiple of G = 3 (A7)}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x3x8xf32>)
    v(%v "BNGE" : tensor<2x5x3x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a7_groups_without_heads(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x0x8xf32>, %v: tensor<2x5x0x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{H = 4 is not a multiple of G = 0 (A7)}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x0x8xf32>)
    v(%v "BNGE" : tensor<2x5x0x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a7_static(%q: tensor<2x3x4x?xf32>, %k: tensor<2x5x2x?xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{dimension D must be static (A7)}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x?xf32>) k(%k "BNGD" : tensor<2x5x2x?xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a7_extent(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x7xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{dimension D is 8 in q and 7 in k}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x7xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a7_lengths(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x6x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{dimension N is 5 in k and 6 in v}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x6x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a7_output(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x8xf32>) {
  // expected-error @+1 {{dimension E is 6 in v and 8 in the output}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return
}

// -----

func.func @attention_a7_missing(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{dimension N of k is missing in v, layout "BGE"}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BGE" : tensor<2x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a7_missing_batch(%q: tensor<3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{dimension B of the output is missing in q, layout "MHD"}}
  %r = attn.attention q(%q "MHD" : tensor<3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @attention_a8_lse(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>, %o1: tensor<2x4x4xf32>) {
  // expected-error @+1 {{dimension M is 3 in q and 4 in lse}}
  %r:2 = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0, %o1 : tensor<2x3x4x6xf32>, tensor<2x4x4xf32>) -> tensor<2x3x4x6xf32>, tensor<2x4x4xf32>
  return
}

// -----

func.func @attention_a8_lse_rank(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>, %o1: tensor<2x3xf32>) {
  // expected-error @+1 {{layout "BMH" of lse names 3 dimensions, its type 'tensor<2x3xf32>' has 2}}
  %r:2 = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0, %o1 : tensor<2x3x4x6xf32>, tensor<2x3xf32>) -> tensor<2x3x4x6xf32>, tensor<2x3xf32>
  return
}

// -----

func.func @attention_a8_outputs(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>, %o1: tensor<2x3x4xf32>, %o2: tensor<2x3x4xf32>) {
  // expected-error @+1 {{expects one or two destinations: the output and optionally lse}}
  %r:3 = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0, %o1, %o2 : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4x6xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>
  return
}

// -----

func.func @layout_rank(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{layout "BMD" of q names 3 dimensions, its type 'tensor<2x3x4x8xf32>' has 4}}
  %r = attn.attention q(%q "BMD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @layout_letter(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{layout "BMGD" of q has letter 'G', expected letters of "BMHD"}}
  %r = attn.attention q(%q "BMGD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @layout_repeated(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x2xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{layout "BNGG" of k repeats letter 'G'}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGG" : tensor<2x5x2x2xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @element_type(%q: tensor<2x3x4x8xi32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{q must have a floating-point element type, found 'i32'}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xi32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

// DestinationStyleOpInterface ties results to destinations.
func.func @result_type(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>) {
  // expected-error @+1 {{'attn.attention' op}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x7xf32>
  return
}

// -----

func.func @capture_type(%q: tensor<2x3x4x8xf32>, %k: tensor<2x5x2x8xf32>, %v: tensor<2x5x2x6xf32>, %o0: tensor<2x3x4x6xf32>, %c0: vector<4xf32>) {
  // expected-error @+1 {{operand #3 must be variadic of ranked tensor, strided memref, float, signless integer or index, but got 'vector<4xf32>'}}
  %r = attn.attention q(%q "BMHD" : tensor<2x3x4x8xf32>) k(%k "BNGD" : tensor<2x5x2x8xf32>)
    v(%v "BNGE" : tensor<2x5x2x6xf32>)
    captures(%c0 : vector<4xf32>) outs("BMHE", %o0 : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return
}

// -----

func.func @contract_extent(%a: tensor<2x3xf32>, %b: tensor<5x4xf32>, %o: tensor<2x4xf32>) {
  // expected-error @+1 {{dimension k is 3 in lhs and 5 in rhs}}
  %r = attn.contract lhs(%a "mk" : tensor<2x3xf32>) rhs(%b "kn" : tensor<5x4xf32>) outs("mn", %o : tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @contract_rank(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %o: tensor<2x4xf32>) {
  // expected-error @+1 {{layout "mkb" of lhs names 3 dimensions, its type 'tensor<2x3xf32>' has 2}}
  %r = attn.contract lhs(%a "mkb" : tensor<2x3xf32>) rhs(%b "kn" : tensor<3x4xf32>) outs("mn", %o : tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @contract_letter(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %o: tensor<2x4xf32>) {
  // expected-error @+1 {{layout "mK" of lhs has letter 'K', expected letters of}}
  %r = attn.contract lhs(%a "mK" : tensor<2x3xf32>) rhs(%b "kn" : tensor<3x4xf32>) outs("mn", %o : tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @contract_unbound(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %o: tensor<2x4xf32>) {
  // expected-error @+1 {{letter 'x' of the output occurs in neither operand}}
  %r = attn.contract lhs(%a "mk" : tensor<2x3xf32>) rhs(%b "kn" : tensor<3x4xf32>) outs("mx", %o : tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @contract_alone(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %o: tensor<2xf32>) {
  // expected-error @+1 {{letter 'n' occurs in rhs alone}}
  %r = attn.contract lhs(%a "mk" : tensor<2x3xf32>) rhs(%b "kn" : tensor<3x4xf32>) outs("m", %o : tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @contract_epilogue(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %o: tensor<2x4xf32>) {
  // expected-error @+1 {{arguments of the epilogue region must be ('f32', 'index', 'index')}}
  %r = attn.contract lhs(%a "mk" : tensor<2x3xf32>) rhs(%b "kn" : tensor<3x4xf32>) outs("mn", %o : tensor<2x4xf32>) epilogue {
    ^bb0(%acc: f32, %m: index):
      attn.yield %acc : f32
    } -> tensor<2x4xf32>
  return
}

// -----

func.func @contract_yield(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %o: tensor<2x4xf32>) {
  // expected-error @+1 {{the epilogue region must yield 'f32'}}
  %r = attn.contract lhs(%a "mk" : tensor<2x3xf32>) rhs(%b "kn" : tensor<3x4xf32>) outs("mn", %o : tensor<2x4xf32>) epilogue {
    ^bb0(%acc: f32, %m: index, %n: index):
      attn.yield %m : index
    } -> tensor<2x4xf32>
  return
}

// -----

func.func @yield_outside(%x: f32) {
  attn.yield %x : f32 // expected-error {{expects parent op to be one of 'attn.attention, attn.contract, attn.sum'}}
}

// -----

func.func @attention_a10_arguments(%q: tensor<2x3xf32>, %o: tensor<2x3xf32>) {
  // expected-error @+1 {{arguments of the sink region must be ('index', 'index', 'index', 'index', 'index')}}
  %r = attn.attention q(%q "MD" : tensor<2x3xf32>) k(%q "ND" : tensor<2x3xf32>) v(%q "NE" : tensor<2x3xf32>) outs("ME", %o : tensor<2x3xf32>) sink {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      %0 = arith.constant 0.0 : f32
      attn.yield %0 : f32
    } -> tensor<2x3xf32>
  return
}

// -----

func.func @attention_a11_yield(%q: tensor<2x3xbf16>, %o: tensor<2x3xbf16>) {
  // expected-error @+1 {{the query region must yield 'f32'}}
  %r = attn.attention q(%q "MD" : tensor<2x3xbf16>) k(%q "ND" : tensor<2x3xbf16>) v(%q "NE" : tensor<2x3xbf16>) outs("ME", %o : tensor<2x3xbf16>) query {
    ^bb0(%b: index, %h: index, %i: index, %d: index, %M: index, %N: index):
      %0 = arith.constant 0.0 : bf16
      attn.yield %0 : bf16
    } -> tensor<2x3xbf16>
  return
}

// -----

func.func @attention_a11_feature(%q: tensor<2x3xf32>, %o: tensor<2x3xf32>) {
  %r = attn.attention q(%q "MD" : tensor<2x3xf32>) k(%q "ND" : tensor<2x3xf32>) v(%q "NE" : tensor<2x3xf32>) outs("ME", %o : tensor<2x3xf32>) score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
      // expected-error @+1 {{must stand in the query or key region of an attention (A11)}}
      %0 = attn.feature %j : f32
      attn.yield %0 : f32
    } -> tensor<2x3xf32>
  return
}

// -----

func.func @attention_a11_type(%q: tensor<2x3xf64>, %o: tensor<2x3xf64>) {
  %r = attn.attention q(%q "MD" : tensor<2x3xf64>) k(%q "ND" : tensor<2x3xf64>) v(%q "NE" : tensor<2x3xf64>) outs("ME", %o : tensor<2x3xf64>) key {
    ^bb0(%b: index, %g: index, %j: index, %d: index, %M: index, %N: index):
      // expected-error @+1 {{must have the accumulation type 'f64'}}
      %0 = attn.feature %d : f32
      %1 = arith.extf %0 : f32 to f64
      attn.yield %1 : f64
    } -> tensor<2x3xf64>
  return
}

// -----

func.func @attention_a11_sum(%q: tensor<2x3xf32>, %o: tensor<2x3xf32>) {
  %r = attn.attention q(%q "MD" : tensor<2x3xf32>) k(%q "ND" : tensor<2x3xf32>) v(%q "NE" : tensor<2x3xf32>) outs("ME", %o : tensor<2x3xf32>) key {
    ^bb0(%b: index, %g: index, %j: index, %d: index, %M: index, %N: index):
      %x = attn.feature %d : f32
      // expected-error @+1 {{must not depend on the feature around it}}
      %0 = attn.sum {
      ^bb1(%e: index):
        attn.yield %x : f32
      } : f32
      attn.yield %0 : f32
    } -> tensor<2x3xf32>
  return
}

// -----

func.func @empty_mask(%q: tensor<?x4xf32>, %o: tensor<?x4xf32>) {
  // expected-error @+1 {{the mask region must yield 'i1'}}
  %r = attn.attention q(%q "MD" : tensor<?x4xf32>) k(%q "ND" : tensor<?x4xf32>) v(%q "NE" : tensor<?x4xf32>)
    outs("ME", %o : tensor<?x4xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index):
  } -> tensor<?x4xf32>
  return
}

// -----

func.func @empty_sum(%q: tensor<?x4xf32>, %o: tensor<?x4xf32>) {
  %r = attn.attention q(%q "MD" : tensor<?x4xf32>) k(%q "ND" : tensor<?x4xf32>) v(%q "NE" : tensor<?x4xf32>)
    outs("ME", %o : tensor<?x4xf32>) query {
  ^bb0(%b: index, %h: index, %i: index, %d: index, %M: index, %N: index):
    // expected-error @+1 {{must yield 'f32'}}
    %s = attn.sum {
    ^bb0(%e: index):
    } : f32
    attn.yield %s : f32
  } -> tensor<?x4xf32>
  return
}

// -----

func.func @attention_a12_both(%q: tensor<?x?x4x64xf32>, %k: tensor<?x2x16x64xf32>, %v: tensor<?x2x16x64xf32>, %t: tensor<?x?xi32>, %o: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{k and v both lie in pages or neither does, but v has no table}}
  %r = attn.attention q(%q "BMHD" : tensor<?x?x4x64xf32>) k(%k "XGPD" : tensor<?x2x16x64xf32> by %t "BT" : tensor<?x?xi32>)
    v(%v "XGPE" : tensor<?x2x16x64xf32>) outs("BMHE", %o : tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @attention_a12_letters(%q: tensor<?x?x4x64xf32>, %k: tensor<?x2x16x64xf32>, %v: tensor<?x2x16x64xf32>, %t: tensor<?x?xi32>, %o: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{layout "XBPD" of k has letter 'B', expected letters of "XPGD"}}
  %r = attn.attention q(%q "BMHD" : tensor<?x?x4x64xf32>) k(%k "XBPD" : tensor<?x2x16x64xf32> by %t "BT" : tensor<?x?xi32>)
    v(%v "XGPE" : tensor<?x2x16x64xf32> by %t "BT" : tensor<?x?xi32>) outs("BMHE", %o : tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @attention_a12_page(%q: tensor<?x?x4x64xf32>, %k: tensor<2x16x64xf32>, %v: tensor<?x2x16x64xf32>, %t: tensor<?x?xi32>, %o: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{layout "GPD" of k lacks letter 'X', the page}}
  %r = attn.attention q(%q "BMHD" : tensor<?x?x4x64xf32>) k(%k "GPD" : tensor<2x16x64xf32> by %t "BT" : tensor<?x?xi32>)
    v(%v "XGPE" : tensor<?x2x16x64xf32> by %t "BT" : tensor<?x?xi32>) outs("BMHE", %o : tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @attention_a12_keys(%q: tensor<?x?x4x64xf32>, %k: tensor<?x2x24x64xf32>, %v: tensor<?x2x24x64xf32>, %t: tensor<?x?xi32>, %o: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{a page must have a static multiple of 16 keys (P)}}
  %r = attn.attention q(%q "BMHD" : tensor<?x?x4x64xf32>) k(%k "XGPD" : tensor<?x2x24x64xf32> by %t "BT" : tensor<?x?xi32>)
    v(%v "XGPE" : tensor<?x2x24x64xf32> by %t "BT" : tensor<?x?xi32>) outs("BMHE", %o : tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @attention_a12_sizes(%q: tensor<?x?x4x64xf32>, %k: tensor<?x2x16x64xf32>, %v: tensor<?x2x32x64xf32>, %t: tensor<?x?xi32>, %o: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{dimension P is 16 in k and 32 in v}}
  %r = attn.attention q(%q "BMHD" : tensor<?x?x4x64xf32>) k(%k "XGPD" : tensor<?x2x16x64xf32> by %t "BT" : tensor<?x?xi32>)
    v(%v "XGPE" : tensor<?x2x32x64xf32> by %t "BT" : tensor<?x?xi32>) outs("BMHE", %o : tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @attention_a12_table(%q: tensor<?x?x4x64xf32>, %k: tensor<?x2x16x64xf32>, %v: tensor<?x2x16x64xf32>, %t: tensor<?x?xi32>, %o: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{layout "BN" of the table of k has letter 'N', expected letters of "BT"}}
  %r = attn.attention q(%q "BMHD" : tensor<?x?x4x64xf32>) k(%k "XGPD" : tensor<?x2x16x64xf32> by %t "BN" : tensor<?x?xi32>)
    v(%v "XGPE" : tensor<?x2x16x64xf32> by %t "BT" : tensor<?x?xi32>) outs("BMHE", %o : tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  return
}

// -----

func.func @attention_a12_numbers(%q: tensor<?x?x4x64xf32>, %k: tensor<?x2x16x64xf32>, %v: tensor<?x2x16x64xf32>, %t: tensor<?x?xf32>, %o: tensor<?x?x4x64xf32>) {
  // expected-error @+1 {{the table of k must hold page numbers, i32 or i64, found 'f32'}}
  %r = attn.attention q(%q "BMHD" : tensor<?x?x4x64xf32>) k(%k "XGPD" : tensor<?x2x16x64xf32> by %t "BT" : tensor<?x?xf32>)
    v(%v "XGPE" : tensor<?x2x16x64xf32> by %t "BT" : tensor<?x?xf32>) outs("BMHE", %o : tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  return
}
