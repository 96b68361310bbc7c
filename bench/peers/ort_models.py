"""Attention as ONNX Runtime can be given it: models in the text that make-onnx reads."""

HEADS_INSIDE_ROWS, HEADS_OUTSIDE = "BMHD", "BHMD"


def tensors(direction, shapes):
    return "".join(f"{direction} {name} float32[{','.join(map(str, shape))}]\n" for name, shape in shapes.items())


def rows(p):
    """q, k, v and o with heads inside rows, as the operators of com.microsoft want them."""
    B, H, G, M, N, D = p.extents()
    return tensors("input", {"q": (B, M, H * D), "k": (B, N, G * D), "v": (B, N, G * D)})


def multi_head_attention(p):
    """No groups, no window."""
    if p.G != p.H or p.window:
        return None
    return (f"opset 17\nopset 1 com.microsoft\n{rows(p)}{tensors('output', {'o': (p.B, p.M, p.H * p.D)})}"
            f"node com.microsoft.MultiHeadAttention q,k,v -> o num_heads={p.H} unidirectional={int(p.causal)}\n")


def group_query_attention(p):
    """Causal always; writes the cache that it is made for."""
    if not p.causal:
        return None
    B, H, G, M, N, D = p.extents()
    outputs = tensors("output", {"o": (B, M, H * D), "present_k": (B, G, N, D), "present_v": (B, G, N, D)})
    window = f" local_window_size={p.window}" if p.window else ""
    return (f"opset 17\nopset 1 com.microsoft\n{rows(p)}input seqlens_k int32[{B}]\ninput total int32[1]\n{outputs}"
            f"node com.microsoft.GroupQueryAttention q,k,v,_,_,seqlens_k,total -> o,present_k,present_v"
            f" num_heads={H} kv_num_heads={G}{window}\n")


def has_huge_scores(p):
    """Of which several tensors would be in memory at once."""
    return p.B * p.H * p.M * p.N * 4 > 1e9


def attention_23(p):
    """The standard's operator; it computes all scores, and has no window."""
    if p.window or has_huge_scores(p):
        return None
    B, H, G, M, N, D = p.extents()
    inputs = tensors("input", {"q": (B, H, M, D), "k": (B, G, N, D), "v": (B, G, N, D)})
    return (f"ir 10\nopset 23\n{inputs}{tensors('output', {'o': (B, H, M, D)})}"
            f"node Attention q,k,v -> o is_causal={int(p.causal)}\n")


def unfused(p):
    """Matmul, scale, mask, softmax, matmul; the heads of a group meet their k and v by broadcasting."""
    if has_huge_scores(p):
        return None
    B, H, G, M, N, D = p.extents()
    query, key = ((B, H, M, D), (B, H, N, D)) if G == H else ((B, G, H // G, M, D), (B, G, 1, N, D))
    swapped = "[0,1,3,2]" if G == H else "[0,1,2,4,3]"
    mask = f"input mask float32[{M},{N}]\n" if p.causal else ""
    masked = "node Add s1,mask -> s2\nnode Softmax s2 -> p axis=-1\n" if p.causal else "node Softmax s1 -> p axis=-1\n"
    return (f"opset 17\n{tensors('input', {'q': query, 'k': key, 'v': key})}{mask}{tensors('output', {'o': query})}"
            f"init scale float32[1] {D ** -0.5!r}\n"
            f"node Transpose k -> kt perm={swapped}\nnode MatMul q,kt -> s0\nnode Mul s0,scale -> s1\n{masked}"
            f"node MatMul p,v -> o\n")


# The way's name, the layout it reads, and its model; a model is None where the way cannot do the problem.
WAYS = [("MultiHeadAttention", HEADS_INSIDE_ROWS, multi_head_attention),
        ("GroupQueryAttention", HEADS_INSIDE_ROWS, group_query_attention),
        ("Attention-23", HEADS_OUTSIDE, attention_23),
        ("unfused graph", HEADS_OUTSIDE, unfused)]
