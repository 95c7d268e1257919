"""Layers of `funcgrad.nn` for sequences: attention against loops, decoding against the whole, recurrences by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import nn, random
from funcgrad.test_util import check_grads

RNG = np.random.default_rng(0)
CLOSE = dict(rtol=1e-11, atol=1e-13)


# --- attention --------------------------------------------------------------------------------------------------------


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max())
    return e / e.sum()


def attention_by_loops(q: Any, k: Any, v: Any, bias: Any, allowed: Any, scale: float) -> np.ndarray:
    """One query at a time, over the keys it may look at."""
    out = np.zeros(q.shape)
    groups = q.shape[2] // k.shape[2]
    for b, t, n in np.ndindex(q.shape[:3]):
        keys = np.flatnonzero(allowed[b, n, t])
        scores = k[b, keys, n // groups] @ q[b, t, n] * scale + bias[b, n, t, keys]
        if len(keys):
            out[b, t, n] = softmax(scores) @ v[b, keys, n // groups]
    return out


Q, K, V = (RNG.normal(size=(2, length, heads, 3)) for length, heads in ((4, 6), (5, 2), (5, 2)))
BIAS = RNG.normal(size=(2, 6, 4, 5))
MASK = RNG.random(size=(2, 6, 4, 5)) < 0.6
T, S = np.arange(4)[:, None], np.arange(5)[None, :]
WHOLE = (2, 6, 4, 5)
CASES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "plain": ({}, 0, True),
    "bias and mask": ({"bias": BIAS, "mask": MASK}, BIAS, MASK),
    "broadcast mask": ({"mask": MASK[0, 0]}, 0, MASK[0, 0]),
    "one mask for all heads": ({"mask": MASK[:, :1]}, 0, MASK[:, :1]),
    "causal": ({"is_causal": True}, 0, S <= T),
    "window": ({"local_window_size": (2, 1)}, 0, (S >= T - 2) & (S <= T + 1)),
    "one number for the window": ({"local_window_size": 1, "bias": BIAS[:1]}, BIAS[:1], abs(S - T) <= 1),
    "lengths": (
        {"query_seq_lengths": np.array([2, 4]), "key_value_seq_lengths": np.array([5, 3]), "is_causal": True},
        0,
        (S <= T) & (np.array([2, 4])[:, None, None, None] > T) & (np.array([5, 3])[:, None, None, None] > S),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_attention_against_loops(name: str) -> None:
    options, bias, allowed = CASES[name]
    bias, allowed = np.broadcast_to(bias, WHOLE), np.broadcast_to(allowed, WHOLE)
    out = nn.dot_product_attention(Q, K, V, **options)
    np.testing.assert_allclose(out, attention_by_loops(Q, K, V, bias, allowed, 3**-0.5), **CLOSE)
    without_batch = {k: v[0] for k, v in options.items() if k in ("bias", "mask") and np.ndim(v) == 4}
    if name in ("plain", "bias and mask"):
        np.testing.assert_allclose(nn.dot_product_attention(Q[0], K[0], V[0], **without_batch), out[0], **CLOSE)


def test_attention_derivatives_scale_and_residual() -> None:
    small = Q[:1, :2, :2], K[:1, :3], V[:1, :3]
    check_grads(lambda q, k, v: nn.dot_product_attention(q, k, v, is_causal=True), small, order=2)
    scaled = nn.dot_product_attention(Q, K, V, scale=0.1)
    np.testing.assert_allclose(scaled, attention_by_loops(Q, K, V, np.zeros(WHOLE), np.ones(WHOLE), 0.1), **CLOSE)
    out, residual = nn.dot_product_attention(Q, K, V, return_residual=True)
    scores = np.einsum("btnh,bsnh->btns", Q, K.repeat(3, 2)) / 3**0.5
    np.testing.assert_allclose(residual, np.log(np.exp(scores).sum(-1)), **CLOSE)
    np.testing.assert_array_equal(out, nn.dot_product_attention(Q, K, V))
    compiled = fg.jit(lambda q, k, v: nn.dot_product_attention(q, k, v, mask=MASK))(Q, K, V)
    np.testing.assert_allclose(compiled, nn.dot_product_attention(Q, K, V, mask=MASK), **CLOSE)
    assert nn.dot_product_attention(*[x.astype(np.float32) for x in (Q, K, V)]).dtype == np.float32


def test_a_query_that_may_look_at_nothing_gets_zero_and_no_nan_gradient() -> None:
    mask = np.ones((4, 5), bool)
    mask[1] = False
    out = nn.dot_product_attention(Q, K, V, mask=mask)
    assert (out[:, 1] == 0).all() and (out[:, 0] != 0).all()
    gradients = fg.grad(lambda *a: nn.dot_product_attention(*a, mask=mask).sum(), (0, 1, 2))(Q, K, V)
    assert all(np.isfinite(g).all() for g in gradients) and (gradients[0][:, 1] == 0).all()


def test_attention_errors_name_the_shapes() -> None:
    with pytest.raises(ValueError, match=r"query \(2, 4, 6, 3\), key \(2, 5, 2, 3\), value \(2, 4, 2, 3\)"):
        nn.dot_product_attention(Q, K, V[:, :4])
    with pytest.raises(ValueError, match="6 heads of the query cannot share 4 of the keys"):
        nn.dot_product_attention(Q, *[np.ones((2, 5, 4, 3))] * 2)
    with pytest.raises(ValueError, match=r"mask has shape \(3, 5\), which does not broadcast to \(2, 6, 4, 5\)"):
        nn.dot_product_attention(Q, K, V, mask=np.ones((3, 5), bool))
    with pytest.raises(TypeError, match="mask has dtype float64"):
        nn.dot_product_attention(Q, K, V, mask=np.ones((4, 5)))
    with pytest.raises(ValueError, match="Fix: give 2 integers"):
        nn.dot_product_attention(Q, K, V, key_value_seq_lengths=np.array([1]))
    with pytest.raises(ValueError, match="implementation='cudnn' does not exist"):
        nn.dot_product_attention(Q, K, V, implementation="cudnn")


PARAMS = nn.init_multi_head_attention(random.key(0), 8, 4, key_value_heads=2)
X = np.asarray(random.normal(random.key(1), (3, 6, 8)))


def test_multi_head_attention_by_hand() -> None:
    params = fg.tree.map(lambda w: w + RNG.normal(size=w.shape), PARAMS)
    q, k, v = (
        np.einsum("btd,dnh->btnh", X, params[n]["weights"]) + params[n]["bias"] for n in ("query", "key", "value")
    )
    heads = attention_by_loops(q, k, v, np.zeros((3, 4, 6, 6)), np.ones((3, 4, 6, 6)), 2**-0.5)
    expected = np.einsum("btnh,nhd->btd", heads, params["output"]["weights"]) + params["output"]["bias"]
    np.testing.assert_allclose(nn.multi_head_attention(params, X), expected, **CLOSE)
    np.testing.assert_allclose(nn.multi_head_attention(params, X[0]), expected[0], **CLOSE)
    check_grads(lambda p: nn.multi_head_attention(p, X[:1, :2]), (params,), order=1)


def test_attention_to_another_sequence_and_lengths() -> None:
    params = nn.init_multi_head_attention(random.key(2), 8, 2, context_size=5, bias=False)
    other = RNG.normal(size=(3, 4, 5))
    out = nn.multi_head_attention(params, X, other, lengths=np.array([4, 2, 3]))
    assert out.shape == X.shape
    np.testing.assert_allclose(out[1], nn.multi_head_attention(params, X[1], other[1, :2]), **CLOSE)
    with pytest.raises(ValueError, match=r"input of the key has shape \(3, 6, 8\) and its weights \(5, 2, 4\)"):
        nn.multi_head_attention(params, X)
    with pytest.raises(ValueError, match="size=8, heads=3 and key_value_heads=3 do not divide"):
        nn.init_multi_head_attention(random.key(0), 8, 3)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("rotary_base", [None, 100.0])
def test_decoding_step_by_step_equals_the_whole(compiled: bool, rotary_base: float | None) -> None:
    whole = nn.multi_head_attention(PARAMS, X, is_causal=True, rotary_base=rotary_base)

    def step(params: Any, cache: Any, x: Any) -> Any:
        return nn.decode_attention(params, cache, x, rotary_base=rotary_base)

    step = fg.jit(step) if compiled else step
    for size in (1, 2):
        cache, rows = nn.init_attention_cache(PARAMS, 3, 6), []
        for t in range(0, 6, size):
            row, cache = step(PARAMS, cache, X[:, t : t + size])
            rows.append(row)
        np.testing.assert_allclose(np.concatenate(rows, 1), whole, **CLOSE)


def test_a_cache_keeps_its_dtype_and_goes_through_scan() -> None:
    cache = nn.init_attention_cache(PARAMS, 3, 6, dtype=np.float32)
    cache, rows = fg.lax.scan(
        lambda cache, x: nn.decode_attention(PARAMS, cache, x[:, None])[::-1], cache, X.swapaxes(0, 1)
    )
    assert cache["key"].dtype == np.float32 and cache["index"] == 6 and rows.dtype == np.float64
    whole = nn.multi_head_attention(PARAMS, X, is_causal=True)
    np.testing.assert_allclose(rows[:, :, 0].swapaxes(0, 1), whole, rtol=1e-4, atol=1e-6)


def test_a_full_cache_is_never_wrong_in_silence() -> None:
    cache = {**nn.init_attention_cache(PARAMS, 3, 4), "index": np.int64(4)}
    with pytest.raises(ValueError, match=r"decode_attention: .* at most 4 elements, 4 of which are there"):
        nn.decode_attention(PARAMS, cache, X[:, :1])
    assert np.isnan(fg.jit(nn.decode_attention)(PARAMS, cache, X[:, :1])[0]).all()


# --- positions --------------------------------------------------------------------------------------------------------


def test_sinusoidal_positions() -> None:
    table = nn.sinusoidal_positions(50, 6)
    for t, i in ((0, 0), (7, 1), (49, 2)):
        np.testing.assert_allclose(table[t, 2 * i], np.sin(t / 10000 ** (2 * i / 6)), **CLOSE)
        np.testing.assert_allclose(table[t, 2 * i + 1], np.cos(t / 10000 ** (2 * i / 6)), **CLOSE)
    with pytest.raises(ValueError, match="size=5 is odd"):
        nn.sinusoidal_positions(3, 5)


def test_rotary_turns_and_scores_depend_on_distance() -> None:
    x = RNG.normal(size=(2, 9, 3, 4))
    y = nn.rotary(x)
    turned = (x[..., :2] + 1j * x[..., 2:]) * np.exp(1j * np.arange(9)[:, None, None] / 10000 ** (np.arange(2) / 2))
    np.testing.assert_allclose(y, np.concatenate([turned.real, turned.imag], -1), **CLOSE)
    q, k = (np.broadcast_to(RNG.normal(size=(1, 1, 4)), (9, 1, 4)) for _ in range(2))
    scores = nn.rotary(q)[:, 0] @ nn.rotary(k)[:, 0].T
    for distance in range(-8, 9):
        diagonal = np.diagonal(scores, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-10)
    np.testing.assert_allclose(nn.rotary(x[:, 3:5], np.array([3, 4])), y[:, 3:5], **CLOSE)
    assert nn.rotary(x.astype(np.float32)).dtype == np.float32
    check_grads(nn.rotary, (x[:1, :3, :1],), order=1)
    with pytest.raises(ValueError, match=r"rotary: x has shape \(9, 3\)"):
        nn.rotary(np.ones((9, 3)))


def test_learned_positions() -> None:
    params = nn.init_learned_positions(random.key(0), 7, 3)
    x = RNG.normal(size=(2, 5, 3))
    np.testing.assert_array_equal(nn.learned_positions(params, x), x + params["table"][:5])
    with pytest.raises(ValueError, match=r"learned_positions: x has shape \(8, 3\) and the table \(7, 3\)"):
        nn.learned_positions(params, np.ones((8, 3)))


# --- recurrent layers -------------------------------------------------------------------------------------------------


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def rnn_by_hand(p: Any, h: Any, x: Any) -> Any:
    return np.tanh(x @ p["weights"] + h @ p["state_weights"] + p["bias"])


def lstm_by_hand(p: Any, state: Any, x: Any) -> Any:
    h, c = state
    i, f, g, o = np.split(x @ p["weights"] + h @ p["state_weights"] + p["bias"], 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_by_hand(p: Any, h: Any, x: Any) -> Any:
    (xr, xz, xn), (hr, hz, hn) = np.split(x @ p["weights"] + p["bias"], 3, -1), np.split(h @ p["state_weights"], 3, -1)
    z = sigmoid(xz + hz)
    return (1 - z) * np.tanh(xn + sigmoid(xr + hr) * (hn + p["state_bias"])) + z * h


CELLS: dict[str, Any] = {
    "rnn": (nn.init_rnn, nn.rnn, rnn_by_hand, lambda z: z),
    "lstm": (nn.init_lstm, nn.lstm, lstm_by_hand, lambda z: (z, z)),
    "gru": (nn.init_gru, nn.gru, gru_by_hand, lambda z: z),
}


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_layers_by_hand(name: str) -> None:
    init, layer, by_hand, first = CELLS[name]
    params = fg.tree.map(lambda w: w + 0.1 * RNG.normal(size=w.shape), init(random.key(0), 3, 4))
    xs = RNG.normal(size=(2, 5, 3))
    outputs, last = layer(params, xs)
    backwards, _ = layer(params, xs, reverse=True)
    state, other = first(np.zeros((2, 4))), first(np.zeros((2, 4)))
    for t in range(5):
        state, other = by_hand(params, state, xs[:, t]), by_hand(params, other, xs[:, 4 - t])
        np.testing.assert_allclose(outputs[:, t], fg.tree.leaves(state)[0], **CLOSE)
        np.testing.assert_allclose(backwards[:, 4 - t], fg.tree.leaves(other)[0], **CLOSE)
    for a, b in zip(fg.tree.leaves(last), fg.tree.leaves(state)):
        np.testing.assert_allclose(a, b, **CLOSE)
    np.testing.assert_allclose(layer(params, xs[0])[0], outputs[0], **CLOSE)
    again, _ = layer(params, xs[:, 3:], layer(params, xs[:, :3])[1])
    np.testing.assert_allclose(again, outputs[:, 3:], **CLOSE)
    check_grads(lambda p, xs: layer(p, xs)[0], (params, xs[:1, :2]), order=1)
    np.testing.assert_allclose(fg.jit(layer)(params, xs)[0], outputs, **CLOSE)


@pytest.mark.parametrize("name", CELLS)
def test_sequences_of_different_lengths(name: str) -> None:
    init, layer, _, _ = CELLS[name]
    params, xs, lengths = init(random.key(0), 3, 4), RNG.normal(size=(2, 5, 3)), np.array([2, 5])
    both = (params, init(random.key(1), 3, 4))
    outputs, last = layer(params, xs, lengths=lengths)
    assert (outputs[0, 2:] == 0).all()
    out, alone = layer(params, xs[0, :2])
    np.testing.assert_allclose(outputs[0, :2], out, **CLOSE)
    for a, b in zip(fg.tree.leaves(last), fg.tree.leaves(alone)):
        np.testing.assert_allclose(a[0], b, **CLOSE)
    outputs, _ = nn.bidirectional(layer, both, xs, lengths=lengths)
    assert outputs.shape == (2, 5, 8)
    np.testing.assert_allclose(outputs[0, :2], nn.bidirectional(layer, both, xs[0, :2])[0], **CLOSE)


def test_recurrent_initial_values_and_errors() -> None:
    params = nn.init_lstm(random.key(0), 3, 4, dtype=np.float32)
    u = params["state_weights"].reshape(4, 4, 4).transpose(1, 0, 2)
    np.testing.assert_allclose(u @ u.transpose(0, 2, 1), np.broadcast_to(np.eye(4), (4, 4, 4)), atol=1e-6)
    np.testing.assert_array_equal(params["bias"].reshape(4, 4)[:, 0], [0, 1, 0, 0])
    assert nn.lstm(params, np.ones((5, 3), np.float32))[0].dtype == np.float32
    with pytest.raises(ValueError, match=r"gru_step: x has shape \(2,\), the state \(4,\) and the weights \(3, 12\)"):
        nn.gru(nn.init_gru(random.key(0), 3, 4), np.ones((5, 2)))
    with pytest.raises(ValueError, match=r"run_cell: xs has shape \(2, 5, 3\), and lengths int64 of \(3,\)"):
        nn.lstm(params, np.ones((2, 5, 3)), lengths=np.array([1, 2, 3]))
