"""`funcgrad.nn.stax`: parameters, values, dropout and gradients are those of JAX's stax for the same keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import random
from funcgrad.nn import stax

s = stax


def networks() -> Iterator[tuple[str, Any, tuple[int, ...], tuple[int, ...]]]:
    """Name, layer, shape of the inputs, shape given to init."""
    yield "mlp", s.serial(s.Dense(5), s.Relu, s.Dense(3), s.LogSoftmax), (4, 6), (-1, 6)
    yield (
        "conv",
        s.serial(
            s.Conv(4, (3, 3), padding="SAME"),
            s.BatchNorm(),
            s.Elu,
            s.MaxPool((2, 2), strides=(2, 2)),
            s.Conv(5, (2, 3), strides=(2, 1)),
            s.Softplus,
            s.AvgPool((2, 2), padding="SAME"),
            s.Flatten,
            s.Dense(3),
            s.Softmax,
        ),
        (2, 9, 8, 3),
        (-1, 9, 8, 3),
    )
    branches = s.parallel(s.Dense(4), s.serial(s.Dense(4), s.Gelu), s.serial(s.Dense(4), s.Selu))
    yield (
        "fan",
        s.serial(
            s.FanOut(3),
            branches,
            s.FanInSum,
            s.FanOut(2),
            s.parallel(s.Identity, s.Dense(2)),
            s.FanInConcat(-1),
            s.Tanh,
        ),
        (3, 5),
        (-1, 5),
    )
    yield (
        "transpose",
        s.serial(
            s.ConvTranspose(3, (3, 3), strides=(2, 2), padding="SAME"),
            s.LeakyRelu,
            s.ConvTranspose(2, (4, 3), (2, 3)),
            s.Sigmoid,
            s.SumPool((2, 2), (1, 1), "VALID"),
        ),
        (2, 4, 3, 2),
        (-1, 4, 3, 2),
    )
    yield (
        "1d",
        s.serial(s.Conv1DTranspose(3, (4,), (3,)), s.Exp, s.Conv1DTranspose(2, (2,), (3,), "SAME")),
        (2, 5, 2),
        (-1, 5, 2),
    )
    pads = [(1, 0), (0, 2)]
    general = s.serial(s.GeneralConv(("HWCN", "OIHW", "NHWC"), 3, (2, 2), (1, 2), pads))
    yield "general", general, (6, 5, 2, 3), (6, 5, 2, -1)
    both = s.serial(s.BatchNorm(axis=0, center=False), s.BatchNorm(axis=(0,), scale=False, epsilon=1e-3))
    yield "batchnorm", both, (5, 3), (-1, 3)
    yield "dropout", s.serial(s.Dropout(0.7), s.Dense(3), s.Dropout(0.5)), (5, 3), (-1, 3)
    yield "shape", s.shape_dependent(lambda shape: s.Dense(shape[-1])), (5, 3), (-1, 3)
    yield "nchw pool", s.MaxPool((2, 3), (1, 2), "SAME", spec="NCHW"), (2, 3, 5, 6), (-1, 3, 5, 6)
    yield "nchw avg", s.AvgPool((2, 3), (1, 2), "SAME", spec="NCHW"), (2, 3, 5, 6), (-1, 3, 5, 6)
    yield "init", s.Dense(3, s.glorot(), s.randn(0.3)), (2, 2), (2, 2)


# Sums of the outputs, and of the gradients of their squares, times cos(0), cos(1), ...: jax 0.10.2 with
# jax_enable_x64, init with PRNGKey(7), apply with rng=PRNGKey(3).
EXPECTED = {
    "mlp": (-0.46184491458685184, 5.5905800762971785),
    "conv": (-0.0614725292796994, 0.3707351244427754),
    "fan": (0.5486680340878235, -3.5971305391183845),
    "transpose": (-0.2288433793418815, -3636.54632713097),
    "1d": (-0.9905478789372468, 74.97480890081462),
    "general": (8.959027390140614, 124.64341626465978),
    "batchnorm": (2.7855821883175027, 0.011219253869002995),
    "dropout": (-1.5018149980284867, -3.301390377369381),
    "shape": (2.0471906129058888, -4.381770161749634),
    "nchw pool": (2.0735301356343974, 0.0),
    "nchw avg": (-0.27442056575654195, 0.0),
    "init": (0.023735546638551118, -2.156943598828787),
}


def checksum(values: list[Any]) -> float:
    flat = np.concatenate([np.ravel(v) for v in values]) if values else np.zeros(0)
    return float(flat @ np.cos(np.arange(flat.size)))


@pytest.mark.parametrize(("name", "layer", "shape", "init_shape"), list(networks()), ids=[n[0] for n in networks()])
def test_equal_to_jax(name: str, layer: Any, shape: tuple[int, ...], init_shape: tuple[int, ...]) -> None:
    init, apply = layer
    out_shape, params = init(random.key(7), init_shape)
    x = np.random.default_rng(0).normal(size=shape)
    y = apply(params, x, rng=random.key(3))
    assert len(out_shape) == y.ndim and all(m in (-1, n) for m, n in zip(out_shape, y.shape))
    gradient = fg.grad(lambda p: (apply(p, x, rng=random.key(3)) ** 2).sum())(params)
    np.testing.assert_allclose(checksum([y]), EXPECTED[name][0], rtol=1e-12)
    np.testing.assert_allclose(checksum(fg.tree.leaves(gradient)), EXPECTED[name][1], rtol=1e-10, atol=1e-12)


def test_compiled_equals_eager() -> None:
    _, (init, apply), shape, _ = next(n for n in networks() if n[0] == "conv")
    x = np.random.default_rng(0).normal(size=shape)
    params = init(random.key(7), shape)[1]
    np.testing.assert_allclose(fg.jit(apply)(params, x), apply(params, x), rtol=1e-13)


def test_all_names_of_jax_are_there() -> None:
    text = (
        "Dense GeneralConv Conv GeneralConvTranspose Conv1DTranspose ConvTranspose BatchNorm elementwise Tanh "
        "Relu Exp LogSoftmax Softmax Softplus Sigmoid Elu LeakyRelu Selu Gelu MaxPool SumPool AvgPool Flatten "
        "Identity FanOut FanInSum FanInConcat Dropout serial parallel shape_dependent glorot randn normal "
        "ones zeros relu log_softmax logsoftmax softmax softplus sigmoid elu leaky_relu selu gelu standardize "
        "glorot_normal"
    )
    assert [n for n in text.split() if not hasattr(stax, n)] == []
    assert all(getattr(fg.stax, n) is getattr(stax, n) for n in stax.__all__)


def test_errors() -> None:
    apply = stax.Dropout(0.5)[1]
    with pytest.raises(ValueError, match="Dropout: apply needs a key"):
        apply((), np.ones(3))
    init, apply = stax.Dense(3)
    params = init(random.key(0), (-1, 4))[1]
    with pytest.raises(ValueError, match=r"Dense: inputs have shape \(2, 5\) and the weights \(4, 3\)"):
        apply(params, np.ones((2, 5)))
    init, apply = stax.Conv(3, (2, 2))
    params = init(random.key(0), (-1, 4, 4, 1))[1]
    with pytest.raises(ValueError, match=r"GeneralConv: inputs have shape \(1, 4, 4, 2\) and .* \(2, 2, 1, 3\)"):
        apply(params, np.ones((1, 4, 4, 2)))
    with pytest.raises(ValueError, match=r"input_shape \(-1, 4\) does not have the axes 'NHWC'"):
        init(random.key(0), (-1, 4))
