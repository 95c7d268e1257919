"""Layers of `funcgrad.nn` without time: values against NumPy, gradients, state, keys, and error texts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import nn, random
from funcgrad.test_util import check_grads

RNG = np.random.default_rng(0)


def shapes(params: Any) -> Any:
    return fg.tree.map(lambda x: x.shape, params)


def test_every_name_is_in_the_docs() -> None:
    text = (Path(__file__).parents[1] / "docs" / "neural_networks.md").read_text()
    words = set(re.findall(r"\w+", text))
    assert [name for name in nn.__all__ if name not in words] == []


# --- dense, embedding, residual ---------------------------------------------------------------------------------------


def test_dense() -> None:
    params = nn.init_dense(random.key(0), 4, 3, bias_init=nn.initializers.normal(1.0))
    x = RNG.normal(size=(2, 5, 4))
    np.testing.assert_allclose(nn.dense(params, x), x @ params["weights"] + params["bias"], rtol=1e-14)
    assert nn.dense(params, x[0, 0]).shape == (3,)
    assert "bias" not in nn.init_dense(random.key(0), 4, 3, bias=False)
    single = nn.init_dense(random.key(0), 4, 3, dtype=np.float32)
    assert nn.dense(single, x.astype(np.float32)).dtype == np.float32
    check_grads(nn.dense, (params, x), order=2)
    with pytest.raises(ValueError, match=r"dense: x has shape \(2, 5\) and the weights \(4, 3\).\nFix: .* 4 inputs"):
        nn.dense(params, np.ones((2, 5)))


def test_mlp_is_dense_layers_with_activations_between() -> None:
    params = nn.init_mlp(random.key(0), [4, 8, 2])
    x = RNG.normal(size=(3, 4))
    by_hand = np.maximum(x @ params[0]["weights"], 0) @ params[1]["weights"]
    np.testing.assert_allclose(nn.mlp(params, x), by_hand, rtol=1e-13)
    np.testing.assert_allclose(fg.jit(nn.mlp)(params, x), by_hand, rtol=1e-13)
    variance = nn.init_mlp(random.key(0), [400, 300])[0]["weights"].var()
    np.testing.assert_allclose(variance, 2 / 400, rtol=0.02)


def test_embedding_takes_rows_and_adds_their_gradients() -> None:
    params = nn.init_embedding(random.key(0), 5, 3)
    ids = np.array([[1, 4], [1, 0]])
    np.testing.assert_array_equal(nn.embedding(params, ids), params["table"][ids])
    gradient = fg.grad(lambda p: nn.embedding(p, ids).sum())(params)["table"]
    np.testing.assert_array_equal(gradient[:, 0], [1, 2, 0, 0, 1])
    with pytest.raises(TypeError, match="embedding: ids have dtype float64"):
        nn.embedding(params, np.ones(2))
    with pytest.raises(IndexError):
        nn.embedding(params, np.array([5]))


def test_residual() -> None:
    params, x = nn.init_dense(random.key(0), 3, 3), RNG.normal(size=(2, 3))
    np.testing.assert_allclose(nn.residual(nn.dense)(params, x), x + nn.dense(params, x))
    with pytest.raises(ValueError, match=r"residual: dense turns shape \(2, 3\) into \(2, 4\)"):
        nn.residual(nn.dense)(nn.init_dense(random.key(0), 3, 4), x)


# --- convolution and pooling ------------------------------------------------------------------------------------------


def convolved(x: np.ndarray, w: np.ndarray, strides: tuple[int, ...], dilation: int) -> np.ndarray:
    """One image, no padding, one group: every window times the weights, as loops."""
    space = w.ndim - 2
    extents = [(n - (k - 1) * dilation - 1) // s + 1 for n, k, s in zip(x.shape, w.shape, strides)]
    out = np.zeros((*extents, w.shape[-1]))
    for at in np.ndindex(*extents):
        for k in np.ndindex(*w.shape[:space]):
            out[at] += x[tuple(a * s + j * dilation for a, s, j in zip(at, strides, k))] @ w[k]
    return out


@pytest.mark.parametrize(("space", "strides", "dilation"), [(1, (2,), 1), (2, (1, 2), 2), (3, (1, 1, 2), 1)])
def test_conv_of_one_two_and_three_axes(space: int, strides: tuple[int, ...], dilation: int) -> None:
    window, size = (2, 3, 2)[:space], (7, 6, 5)[:space]
    params = nn.init_conv(random.key(0), window, 2, 3, bias_init=nn.initializers.normal(1.0))
    x = RNG.normal(size=(2, *size, 2))
    y = nn.conv(params, x, strides, "VALID", dilation=dilation)
    expected = [convolved(image, params["weights"], strides, dilation) + params["bias"] for image in x]
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(nn.conv(params, x[0], strides, "VALID", dilation=dilation), y[0])
    assert nn.conv(params, x[None]).shape == (1, 2, *size, 3)
    np.testing.assert_array_equal(nn.conv(params, x, padding=1), nn.conv(params, x, padding=[(1, 1)] * space))
    check_grads(lambda p, x: nn.conv(p, x, strides, "VALID", dilation=dilation), (params, x[:1]), order=1)


def test_depthwise_conv() -> None:
    params = nn.init_conv(random.key(0), (3,), 4, 4, groups=4)
    assert params["weights"].shape == (3, 1, 4)
    x = RNG.normal(size=(2, 6, 4))
    y = nn.conv(params, x, padding="VALID", groups=4)
    for c in range(4):
        np.testing.assert_allclose(y[0, :, c], np.correlate(x[0, :, c], params["weights"][:, 0, c], "valid"))


def test_conv_transpose_is_the_transpose_of_conv_with_turned_weights() -> None:
    params = nn.init_conv(random.key(0), (3, 2), 2, 3, bias=False)
    x = RNG.normal(size=(1, 4, 3, 2))
    y = nn.conv_transpose(params, x, 2)
    assert y.shape == (1, 8, 6, 3)
    turned = {"weights": params["weights"][::-1, ::-1].swapaxes(2, 3)}
    back = fg.vjp(lambda z: nn.conv(turned, z, 2), np.zeros(y.shape))[1](x)[0]
    np.testing.assert_allclose(y, back, rtol=1e-12, atol=1e-13)


def test_conv_errors_name_both_shapes() -> None:
    params = nn.init_conv(random.key(0), (3, 3), 2, 4)
    with pytest.raises(ValueError, match=r"conv: x has shape \(1, 8, 8, 3\) and the weights \(3, 3, 2, 4\)"):
        nn.conv(params, np.ones((1, 8, 8, 3)))
    with pytest.raises(ValueError, match=r"conv_transpose: x has shape \(8, 2\) .*\nFix: x has 2 axes of space"):
        nn.conv_transpose(params, np.ones((8, 2)))
    with pytest.raises(ValueError, match="3 groups do not divide 4 inputs"):
        nn.init_conv(random.key(0), (3,), 4, 6, groups=3)


def test_pooling_over_all_of_space_and_adaptive() -> None:
    x = RNG.normal(size=(2, 7, 5, 3))
    np.testing.assert_allclose(nn.global_avg_pool(x), x.mean((1, 2)), rtol=1e-14)
    np.testing.assert_array_equal(nn.global_max_pool(x), x.max((1, 2)))
    np.testing.assert_allclose(nn.sum_pool(x, (2, 2)), 4 * nn.avg_pool(x, (2, 2)), rtol=1e-13)
    for pool, reduce in ((nn.adaptive_avg_pool, np.mean), (nn.adaptive_max_pool, np.max)):
        out = pool(x, (3, 2))
        for i, j in np.ndindex(3, 2):
            window = x[:, i * 7 // 3 : -(-(i + 1) * 7 // 3), j * 5 // 2 : -(-(j + 1) * 5 // 2)]
            np.testing.assert_allclose(out[:, i, j], reduce(window, axis=(1, 2)), rtol=1e-13)
        check_grads(lambda x, pool=pool: pool(x, (3, 2)), (x[:1],), order=1)
    with pytest.raises(ValueError, match=r"adaptive_avg_pool: .*\(2, 7, 5, 3\), and output_shape is \(3,\)"):
        nn.adaptive_avg_pool(x, (3,))
    with pytest.raises(ValueError, match=r"global_max_pool: .* no axis of space"):
        nn.global_max_pool(x[0, 0])


# --- normalization ----------------------------------------------------------------------------------------------------


def test_batch_norm_trains_with_the_batch_and_then_uses_running_statistics() -> None:
    params, state = nn.init_batch_norm(3)
    params = {"scale": np.array([1.0, 2.0, 0.5]), "bias": np.array([0.0, 1.0, -1.0])}
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(4):
        x = RNG.normal(2.0, 3.0, size=(5, 4, 3))
        y, state = nn.batch_norm(params, state, x, train=True)
        normal = (x - x.mean((0, 1))) / np.sqrt(x.var((0, 1)) + 1e-5)
        np.testing.assert_allclose(y, normal * params["scale"] + params["bias"], rtol=1e-12, atol=1e-13)
        mean, variance = 0.9 * mean + 0.1 * x.mean((0, 1)), 0.9 * variance + 0.1 * x.var((0, 1))
    np.testing.assert_allclose(state["mean"], mean, rtol=1e-13)
    np.testing.assert_allclose(state["variance"], variance, rtol=1e-13)
    y, same = nn.batch_norm(params, state, x[0, 0], train=False)
    normal = (x[0, 0] - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(y, normal * params["scale"] + params["bias"], rtol=1e-12)
    assert same is state


def test_batch_norm_has_the_derivative_of_the_whole_batch_and_none_through_its_state() -> None:
    params, state = nn.init_batch_norm(2)
    x = RNG.normal(size=(4, 2))
    check_grads(lambda p, x: nn.batch_norm(p, state, x, train=True)[0], (params, x), order=2)
    gradient = fg.grad(lambda x: nn.batch_norm(params, state, x, train=True)[1]["variance"].sum())(x)
    np.testing.assert_array_equal(gradient, np.zeros((4, 2)))
    train = fg.jit(lambda p, s, x: nn.batch_norm(p, s, x, train=True))
    for a, b in zip(
        fg.tree.leaves(train(params, state, x)), fg.tree.leaves(nn.batch_norm(params, state, x, train=True))
    ):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_batch_norm_over_a_vmap_axis() -> None:
    params, state = nn.init_batch_norm(2)
    x = RNG.normal(size=(3, 4, 2))
    parts = fg.vmap(lambda x: nn.batch_norm(params, state, x, train=True, axis_name="parts"), axis_name="parts")(x)
    whole = nn.batch_norm(params, state, x, train=True)
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(parts[1]["variance"][1], whole[1]["variance"], rtol=1e-13)
    one = fg.vmap(lambda x: nn.batch_norm(params, state, x, train=True, axis_name="batch")[0], axis_name="batch")(x[0])
    np.testing.assert_allclose(one, nn.batch_norm(params, state, x[0], train=True)[0], rtol=1e-12, atol=1e-14)


def test_norms_within_one_example() -> None:
    x = RNG.normal(1.0, 2.0, size=(2, 3, 4, 6))
    params = {"scale": RNG.normal(size=6), "bias": RNG.normal(size=6)}

    def by_hand(x: np.ndarray, axes: Any) -> np.ndarray:
        return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)

    def affine(y: np.ndarray) -> np.ndarray:
        return y * params["scale"] + params["bias"]

    close = dict(rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(nn.layer_norm(params, x), affine(by_hand(x, -1)), **close)
    np.testing.assert_allclose(nn.instance_norm(params, x), affine(by_hand(x, (1, 2))), **close)
    grouped = by_hand(x.reshape(2, 3, 4, 2, 3), (1, 2, 4)).reshape(x.shape)
    np.testing.assert_allclose(nn.group_norm(params, x, 2), affine(grouped), **close)
    np.testing.assert_allclose(nn.group_norm(params, x, 6), nn.instance_norm(params, x), **close)
    rms = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(
        nn.rms_norm({**nn.init_rms_norm(6), "scale": params["scale"]}, x), rms * params["scale"], **close
    )
    for norm in (nn.layer_norm, nn.rms_norm, lambda p, x: nn.group_norm(p, x, 3)):
        check_grads(norm, (params, x[:1, :1, :2]), order=2)


def test_norm_errors_name_the_layer_and_both_shapes() -> None:
    params = nn.init_layer_norm(3)
    with pytest.raises(ValueError, match=r"layer_norm: x has shape \(2, 4\) and the scale \(3,\)"):
        nn.layer_norm(params, np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"batch_norm: x has shape \(2, 1\) and the scale \(3,\)"):
        nn.batch_norm(params, {"mean": np.zeros(1), "variance": np.ones(1)}, np.ones((2, 1)), train=True)
    with pytest.raises(ValueError, match=r"group_norm: x has shape \(2, 3\), whose channels do not make 2 groups"):
        nn.group_norm(params, np.ones((2, 3)), 2)
    with pytest.raises(ValueError, match=r"instance_norm: x has shape \(2, 3\)"):
        nn.instance_norm(params, np.ones((2, 3)))


def test_weight_norm() -> None:
    weights = RNG.normal(size=(3, 2, 4))
    params = nn.init_weight_norm(weights)
    np.testing.assert_allclose(nn.weight_norm(params), weights, rtol=1e-14)
    longer = nn.weight_norm({**params, "length": 2 * params["length"]})
    np.testing.assert_allclose(longer, 2 * weights, rtol=1e-14)
    np.testing.assert_allclose(nn.weight_norm({**params, "direction": 5 * weights}), weights, rtol=1e-14)
    check_grads(nn.weight_norm, (params,), order=1)


def test_spectral_norm_converges_to_the_largest_singular_value() -> None:
    weights = RNG.normal(size=(5, 3))
    state = nn.init_spectral_norm(random.key(0), weights)
    for _ in range(60):
        normalized, state = nn.spectral_norm(state, weights, train=True)
    np.testing.assert_allclose(np.linalg.svd(normalized)[1][0], 1, rtol=1e-10)
    again, same = nn.spectral_norm(state, weights, train=False)
    np.testing.assert_allclose(again, normalized, rtol=1e-10)
    np.testing.assert_array_equal(same["vector"], state["vector"])
    check_grads(lambda w: nn.spectral_norm(state, w, train=False)[0] ** 2, (weights,), order=1, rtol=1e-5)
    with pytest.raises(ValueError, match=r"spectral_norm: the weights have shape \(5, 3\) and the vector \(2,\)"):
        nn.spectral_norm({"vector": np.ones(2)}, weights, train=False)


def test_state_keeps_its_dtype() -> None:
    """So that a loop can carry it, and nothing compiles twice."""
    params, state = nn.init_batch_norm(3, dtype=np.float32)
    y, state = nn.batch_norm(params, state, RNG.normal(size=(4, 3)), train=True)
    assert (y.dtype, state["mean"].dtype, state["variance"].dtype) == (np.float64, np.float32, np.float32)
    state = nn.init_spectral_norm(random.key(0), np.ones((2, 3), np.float32))
    _, state = nn.spectral_norm(state, RNG.normal(size=(2, 3)), train=True)
    assert state["vector"].dtype == np.float32


# --- dropout ----------------------------------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_follows_its_key() -> None:
    x = np.ones((100, 100))
    y = nn.dropout(random.key(0), x, 0.3)
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7])
    assert abs((y == 0).mean() - 0.3) < 0.02
    np.testing.assert_array_equal(fg.jit(lambda k: nn.dropout(k, x, 0.3))(random.key(0)), y)
    assert (nn.dropout(random.key(1), x, 0.3) != y).any()
    np.testing.assert_array_equal(fg.grad(lambda x: nn.dropout(random.key(0), x, 0.3).sum())(x), y)
    assert nn.dropout(random.key(0), x.astype(np.float32), 0.3).dtype == np.float32


def test_dropout_edges() -> None:
    x = RNG.normal(size=(4, 5, 3))
    assert nn.dropout(None, x, 0.3, deterministic=True) is x and nn.dropout(None, x, 0) is x
    np.testing.assert_array_equal(nn.dropout(random.key(0), x, 1), np.zeros(x.shape))
    whole = nn.dropout(random.key(0), np.ones((4, 5, 30)), 0.5, broadcast_axes=(1,))
    assert (whole == whole[:, :1]).all() and 0 < (whole == 0).mean() < 1
    with pytest.raises(ValueError, match="dropout: needs a key"):
        nn.dropout(None, x, 0.3)
    with pytest.raises(ValueError, match=r"dropout: rate=1.5"):
        nn.dropout(random.key(0), x, 1.5)


@pytest.mark.parametrize("pool", [nn.max_pool, nn.min_pool, nn.avg_pool, nn.sum_pool])
def test_one_number_is_no_window(pool: Any) -> None:
    with pytest.raises(TypeError, match="window_shape must be a tuple with one size for each axis of space, got 2"):
        pool(np.ones((1, 4, 4, 1)), 2, 2)
