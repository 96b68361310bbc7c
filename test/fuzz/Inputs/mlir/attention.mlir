func.func @f(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %ids: tensor<?xi32>, %o: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = attn.attention q(%q "MD" : tensor<?x4xf32>) k(%k "ND" : tensor<?x4xf32>) v(%k "NE" : tensor<?x4xf32>)
    captures(%ids : tensor<?xi32>) outs("ME", %o : tensor<?x4xf32>) mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %M: index, %N: index, %t: tensor<?xi32>):
    %c = arith.cmpi sle, %j, %i : index
    attn.yield %c : i1
  } -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
