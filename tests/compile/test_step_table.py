"""Long runs of steps become records; they must compute what the same steps as code do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import lax
from funcgrad import numpy as fnp


def layers(depth: int, width: int = 16, dtype: Any = np.float64) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    shapes = [(rng.standard_normal((width, width)) / 4, rng.standard_normal(width)) for _ in range(depth)]
    return [(w.astype(dtype), b.astype(dtype)) for w, b in shapes]


def network(params: Any, x: Any) -> Any:
    for w, b in params:
        x = fnp.tanh(fnp.dot(x, w) + b)
    return fnp.mean(x * x)


def module(f: Any, *args: Any) -> str:
    return fg.jit(f).lower(*args)._lowered().llvm


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [1, 5, 32])
def test_deep_network(dtype: Any, batch: int) -> None:
    """Matrix and vector products, kernels, inputs, outputs and temporaries as operands of records."""
    params, x = layers(20, 48, dtype), np.random.default_rng(1).standard_normal((batch, 48)).astype(dtype)
    value, gradient = fg.jit(fg.value_and_grad(network))(params, x)
    expected, eager = fg.value_and_grad(network)(params, x)
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(value, expected, rtol=tolerance)
    for ours, theirs in zip(fg.tree.leaves(gradient), fg.tree.leaves(eager)):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max())


def test_code_of_a_deep_network_does_not_grow_with_its_depth() -> None:
    x = np.ones((32, 64))
    short, long = (module(fg.value_and_grad(network), layers(depth, 64), x) for depth in (20, 40))
    assert "@records_0" in long
    assert short.count("define") == long.count("define")


def test_short_programs_are_code() -> None:
    assert "@records_" not in module(network, layers(2, 64), np.ones((32, 64)))


def test_loops_between_tables() -> None:
    """A table, a native loop whose carry buffers trade places, and another table in one program."""
    params, x = layers(20, 48), np.random.default_rng(1).standard_normal((32, 48))

    def f(params: Any, x: Any) -> Any:
        for w, b in params:
            x = fnp.tanh(fnp.dot(x, w) + b)
        x, _ = lax.scan(lambda c, _: (fnp.tanh(fnp.dot(c, params[0][0])), None), x, None, length=3)
        return network(params, x)

    text = module(f, params, x)
    assert "@records_0" in text and text.count("constant [") >= 2
    np.testing.assert_allclose(fg.jit(f)(params, x), f(params, x), rtol=1e-11)
    np.testing.assert_allclose(fg.jit(fg.grad(f, 1))(params, x), fg.grad(f, 1)(params, x), rtol=1e-9, atol=1e-15)


def test_captured_arrays_and_large_products() -> None:
    """Constants of the executable are operands too, and products large enough for all BLAS threads are unguarded."""
    w = np.random.default_rng(2).standard_normal((521, 521)) / 20

    def f(x: Any) -> Any:
        for _ in range(18):
            x = fnp.tanh(fnp.dot(x, w))
        return x

    x = np.random.default_rng(3).standard_normal((130, 521))
    assert "step_gemm_f64_xyout(" in module(f, x)
    np.testing.assert_allclose(fg.jit(f)(x), f(x), rtol=1e-9, atol=1e-12)
