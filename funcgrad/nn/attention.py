"""Attention: every query takes a mean of values, weighted by how well their keys match it.

    attention(Q, K, V) = softmax(Q K^T scale + bias) V

`dot_product_attention` has the signature of `jax.nn`; `multi_head_attention` puts projections around it, and
`decode_attention` does the same for a few new elements of a sequence at a time, with the keys and values of the earlier
ones in a cache.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import lax, random
from .. import numpy as fnp
from ..core.tracing import concrete_value
from ..numpy import promotion
from ..ops import elementwise
from . import initializers
from .functions import logsumexp, softmax
from .operands import real
from .positions import rotary

Params = dict[str, Any]


# --- without parameters -----------------------------------------------------------------------------------------------


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
    query_seq_lengths: Any = None,
    key_value_seq_lengths: Any = None,
    local_window_size: int | tuple[int, int] | None = None,
    implementation: str | None = None,
    return_residual: bool = False,
) -> Any:
    """softmax(query key^T scale + bias) value, for each head.

    B is the batch, T and S are the lengths of the two sequences, N the heads of the query, K those of key and value, H
    the size of a head. With K < N every N / K heads of the query share one of the keys. A query that may look at
    nothing gets 0.

    Args:
        query: (B, T, N, H) or (T, N, H).
        key, value: (B, S, K, H) or (S, K, H).
        bias: what to add to the scores; broadcasts to (B, N, T, S).
        mask: booleans, which keys a query may look at; broadcasts to (B, N, T, S).
        scale: factor of the scores; 1 / sqrt(H) by default.
        is_causal: whether query t may look at the keys 0 ... t only.
        query_seq_lengths, key_value_seq_lengths: integers of shape (B,), how much of each sequence counts; the result
            is 0 for queries beyond.
        local_window_size: how many keys before and after its own position a query may look at: one number or two.
        implementation: accepted for compatibility with JAX, "xla" or None; there is one implementation.
        return_residual: whether to return the logarithms of the sums in the softmax, too.

    Returns:
        An array of the shape of `query`; with `return_residual` also one of shape (B, T, N) or (T, N), which has no
        derivative.

    Raises:
        ValueError: shapes do not fit each other.
        TypeError: the mask is not of booleans.

    Example:
        >>> import numpy as np
        >>> x = np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1)
        >>> dot_product_attention(0 * x, x, x, is_causal=True)[:, 0, 0]
        array([1. , 1.5, 2. ])

    Reference: A. Vaswani et al., Attention is all you need, NIPS 2017; J. Ainslie et al., GQA, EMNLP 2023;
    https://docs.jax.dev/en/latest/_autosummary/jax.nn.dot_product_attention.html, whose interface this follows.
    """
    where = "dot_product_attention"
    if implementation not in (None, "xla"):
        raise ValueError(f"{where}: implementation={implementation!r} does not exist here.\nFix: leave it out.")
    arrays = [real(v, where) for v in (query, key, value)]
    shape = tuple(arrays[0].shape)
    q, k, v = (x[None] if x.ndim == 3 else x for x in arrays)
    _check_shapes(where, arrays, q, k, v)
    (b, t, n, h), (_, s, heads, _) = q.shape, k.shape
    groups = n // heads
    q = fnp.reshape(q, (b, t, heads, groups, h)) * (1 / math.sqrt(h) if scale is None else scale)
    scores = fnp.einsum("btkgh,bskh->bkgts", q, k)
    if bias is not None:
        scores = scores + _by_group(where, "bias", bias, (b, n, t, s), heads)
    allowed = _allowed(where, mask, is_causal, local_window_size, (b, n, t, s), heads)
    lengths = [_lengths(where, x, b, size) for x, size in ((query_seq_lengths, t), (key_value_seq_lengths, s))]
    for inside, axes in zip(lengths, ((1, 2, 4), (1, 2, 3))):
        if inside is not None:
            inside = fnp.expand_dims(inside, axes)
            allowed = inside if allowed is None else allowed & inside
    weights = softmax(scores, where=allowed)
    out = fnp.reshape(fnp.einsum("bkgts,bskh->btkgh", weights, v), shape)
    if not return_residual:
        return out
    residual = elementwise.stop(logsumexp(scores, axis=-1, where=allowed))
    return out, fnp.reshape(fnp.transpose(residual, (0, 3, 1, 2)), shape[:-1])


def _check_shapes(where: str, arrays: list[Any], q: Any, k: Any, v: Any) -> None:
    shapes = ", ".join(f"{name} {tuple(x.shape)}" for name, x in zip(("query", "key", "value"), arrays))
    if {q.ndim, k.ndim, v.ndim} != {4}:
        raise ValueError(
            f"{where}: {shapes}.\nFix: give arrays of shape (batch, length, heads, size) or without batch."
        )
    if k.shape != v.shape or q.shape[0] != k.shape[0] or q.shape[3] != k.shape[3]:
        raise ValueError(
            f"{where}: {shapes}.\nFix: key and value need one shape, and the query their batch and size of a head."
        )
    if k.shape[2] == 0 or q.shape[2] % k.shape[2]:
        raise ValueError(
            f"{where}: {shapes}; the {q.shape[2]} heads of the query cannot share {k.shape[2]} of the keys.\n"
            "Fix: the first number must be a multiple of the second."
        )


def _by_group(where: str, name: str, x: Any, whole: tuple[int, ...], heads: int) -> Any:
    """What broadcasts to [b, n, t, s], as what broadcasts to [b, heads, n / heads, t, s]."""
    x = promotion.array_operand(x, where)
    shape = (1,) * (4 - x.ndim) + tuple(x.shape)
    if len(shape) != 4 or any(m not in (1, n) for m, n in zip(shape, whole)):
        raise ValueError(
            f"{where}: the {name} has shape {tuple(x.shape)}, which does not broadcast to {whole}.\n"
            "Fix: its axes are (batch, heads of the query, queries, keys)."
        )
    b, n, t, s = shape
    return fnp.reshape(x, (b, 1, 1, t, s) if n == 1 else (b, heads, n // heads, t, s))


def _allowed(where: str, mask: Any, is_causal: bool, window: Any, whole: tuple[int, ...], heads: int) -> Any:
    """Which keys each query may look at, or None for all."""
    parts = []
    if mask is not None:
        part = _by_group(where, "mask", mask, whole, heads)
        if part.dtype != np.bool_:
            raise TypeError(f"{where}: the mask has dtype {part.dtype}.\nFix: give booleans, or add a bias to scores.")
        parts.append(part)
    after = np.arange(whole[3])[None, :] - np.arange(whole[2])[:, None]
    if is_causal:
        parts.append(after <= 0)
    if window is not None:
        left, right = (window, window) if isinstance(window, int) else window
        parts.append((after >= -left) & (after <= right))
    allowed = None
    for part in parts:
        allowed = part if allowed is None else allowed & part
    return allowed


def _lengths(where: str, lengths: Any, batch: int, size: int) -> Any:
    """[batch, size] booleans: which positions lie inside; None where no lengths are given."""
    if lengths is None:
        return None
    lengths = promotion.array_operand(lengths, where)
    if tuple(lengths.shape) != (batch,) or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"{where}: lengths of sequences have shape {tuple(lengths.shape)} and dtype {lengths.dtype}.\n"
            f"Fix: give {batch} integers, one for each example."
        )
    return np.arange(size)[None, :] < lengths[:, None]


# --- with projections -------------------------------------------------------------------------------------------------


def init_multi_head_attention(
    key: Any,
    size: int,
    heads: int,
    *,
    key_value_heads: int | None = None,
    head_size: int | None = None,
    context_size: int | None = None,
    bias: bool = True,
    weights_init: Any = None,
    dtype: Any = np.float64,
) -> Params:
    """Parameters of `multi_head_attention`.

    Args:
        key: a key.
        size: features of inputs and outputs.
        heads: of the query.
        key_value_heads: heads of keys and values, if fewer.
        head_size: features of one head; size / heads by default.
        context_size: features of what is looked at, where that is another sequence with others.
        bias: whether projections add a bias.
        weights_init: initializer of weights; `glorot_uniform` by default.

    Returns:
        `{"query", "key", "value"}`, each with weights of shape (inputs, heads, head_size) and a bias of shape (heads,
        head_size), and "output" with weights (heads, head_size, size) and a bias (size,).

    Raises:
        ValueError: the numbers do not divide each other.

    Example:
        >>> from funcgrad import random
        >>> params = init_multi_head_attention(random.key(0), 8, 2)
        >>> params["query"]["weights"].shape, params["output"]["weights"].shape
        ((8, 2, 4), (2, 4, 8))
    """
    shared = heads if key_value_heads is None else key_value_heads
    if heads % shared or (head_size is None and size % heads):
        raise ValueError(
            f"init_multi_head_attention: size={size}, heads={heads} and key_value_heads={shared} do not divide.\n"
            "Fix: size must be a multiple of heads (or give head_size), and heads one of key_value_heads."
        )
    width = size // heads if head_size is None else head_size
    inputs = size if context_size is None else context_size
    keys = random.split(key, 4)
    init = initializers.glorot_uniform() if weights_init is None else weights_init

    def projection(key: Any, before: int, after: tuple[int, ...], shape: tuple[int, ...]) -> Params:
        weights = fnp.reshape(init(key, (before, math.prod(after)), dtype), shape)
        return {"weights": weights, **({"bias": np.zeros(after, dtype)} if bias else {})}

    return {
        "query": projection(keys[0], size, (heads, width), (size, heads, width)),
        "key": projection(keys[1], inputs, (shared, width), (inputs, shared, width)),
        "value": projection(keys[2], inputs, (shared, width), (inputs, shared, width)),
        "output": projection(keys[3], heads * width, (size,), (heads, width, size)),
    }


def _project(where: str, name: str, params: Params, x: Any) -> Any:
    weights = params["weights"]
    if x.ndim != 3 or x.shape[2] != weights.shape[0]:
        raise ValueError(
            f"{where}: the input of the {name} has shape {tuple(x.shape)} and its weights {tuple(weights.shape)}.\n"
            f"Fix: inputs have shape (batch, length, {weights.shape[0]}) or (length, {weights.shape[0]})."
        )
    out = fnp.einsum("bti,inh->btnh", x, weights)
    return out + params["bias"] if "bias" in params else out


def _combine(params: Params, heads: Any) -> Any:
    out = fnp.einsum("btnh,nho->bto", heads, params["weights"])
    return out + params["bias"] if "bias" in params else out


def multi_head_attention(
    params: Params,
    x: Any,
    context: Any = None,
    *,
    bias: Any = None,
    mask: Any = None,
    is_causal: bool = False,
    lengths: Any = None,
    rotary_base: float | None = None,
) -> Any:
    """Attention of a sequence to itself, or to another one, in several heads.

    Args:
        params: as made by `init_multi_head_attention`.
        x: (batch, length, size) or (length, size).
        context: the sequence that is looked at; None for x itself.
        bias, mask, is_causal: as `dot_product_attention`.
        lengths: integers of shape (batch,): how much of each sequence of the context counts.
        rotary_base: turn queries and keys by `rotary` with this base, so that scores depend on distances.

    Returns:
        An array of the shape of x.

    Raises:
        ValueError: shapes do not fit the parameters.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> params = init_multi_head_attention(random.key(0), 8, 2)
        >>> multi_head_attention(params, np.ones((3, 5, 8)), is_causal=True).shape
        (3, 5, 8)

    Reference: A. Vaswani et al., Attention is all you need, NIPS 2017, section 3.2.
    """
    where = "multi_head_attention"
    x = real(x, where)
    single = x.ndim == 2
    inputs = x[None] if single else x
    other = inputs if context is None else real(context, where)
    other = other[None] if single and other.ndim == 2 else other
    q, k, v = (_project(where, n, params[n], y) for n, y in (("query", inputs), ("key", other), ("value", other)))
    if rotary_base is not None:
        q, k = rotary(q, base=rotary_base), rotary(k, base=rotary_base)
    out = dot_product_attention(q, k, v, bias, mask, is_causal=is_causal, key_value_seq_lengths=lengths)
    out = _combine(params["output"], out)
    return out[0] if single else out


# --- step by step -----------------------------------------------------------------------------------------------------


def init_attention_cache(params: Params, batch: int, length: int, *, dtype: Any = None) -> Params:
    """An empty cache for `decode_attention`.

    Args:
        params: of `multi_head_attention`.
        batch: number of sequences.
        length: the most elements that a sequence will have.
        dtype: in which keys and values are kept; that of the parameters by default.

    Returns:
        `{"key", "value"}` of shape (batch, length, heads, head_size), and "index", the number of elements so far.

    Example:
        >>> from funcgrad import random
        >>> init_attention_cache(init_multi_head_attention(random.key(0), 8, 2), 3, 16)["key"].shape
        (3, 16, 2, 4)
    """
    _, heads, width = params["key"]["weights"].shape
    shape = (batch, length, heads, width)
    dtype = params["key"]["weights"].dtype if dtype is None else dtype
    return {"key": fnp.zeros(shape, dtype), "value": fnp.zeros(shape, dtype), "index": np.int64(0)}


def decode_attention(params: Params, cache: Params, x: Any, *, rotary_base: float | None = None) -> tuple[Any, Params]:
    """Causal `multi_head_attention` of the next elements of sequences, whose earlier elements are in a cache.

    Element by element it gives what `multi_head_attention(..., is_causal=True)` gives for the whole sequence, and each
    step costs as much as one row of that.

    Args:
        params: as made by `init_multi_head_attention`.
        cache: as made by `init_attention_cache`, or returned by the step before.
        x: the next elements, (batch, steps, size), often with steps = 1.
        rotary_base: as `multi_head_attention`.

    Returns:
        An array of the shape of x, and the cache with the new elements in it. The result is NaN where the cache is too
        short and the length cannot be checked, under `jit`.

    Raises:
        ValueError: shapes do not fit, or the cache is full.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> params = init_multi_head_attention(random.key(0), 8, 2)
        >>> x, cache, rows = random.normal(random.key(1), (1, 3, 8)), init_attention_cache(params, 1, 3), []
        >>> for t in range(3):
        ...     row, cache = decode_attention(params, cache, x[:, t : t + 1])
        ...     rows.append(row)
        >>> bool(np.allclose(np.concatenate(rows, 1), multi_head_attention(params, x, is_causal=True)))
        True

    Reference: N. Shazeer, Fast transformer decoding: one write-head is all you need, 2019.
    """
    x, index = real(x, "decode_attention"), cache["index"]
    q, k, v = (_project("decode_attention", n, params[n], x) for n in ("query", "key", "value"))
    now = concrete_value(index)
    (batch, steps), (size, length) = x.shape[:2], cache["key"].shape[:2]
    if batch != size or (now is not None and int(now) + steps > length):
        raise ValueError(
            f"decode_attention: x has shape {tuple(x.shape)}, and the cache holds {size} sequences of at most {length} "
            f"elements, {index} of which are there.\nFix: make the cache longer, and give it the batch of x."
        )
    positions = index + np.arange(steps)
    if rotary_base is not None:
        q, k = rotary(q, positions, base=rotary_base), rotary(k, positions, base=rotary_base)
    k, v = (promotion.convert(new, cache[name].dtype) for name, new in (("key", k), ("value", v)))
    keys = lax.dynamic_update_slice(cache["key"], k, (0, index, 0, 0))
    values = lax.dynamic_update_slice(cache["value"], v, (0, index, 0, 0))
    seen = np.arange(length)[None, :] <= positions[:, None]
    out = _combine(params["output"], dot_product_attention(q, keys, values, mask=seen[None, None]))
    out = fnp.where(index + steps > length, math.nan, out)
    return out, {"key": keys, "value": values, "index": index + steps}
