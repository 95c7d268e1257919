"""Differences on uneven grids, interpolation with a period, and reductions by logaddexp."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.test_util import check_grads

A = np.random.default_rng(0).normal(size=(5, 6))
ROWS, COLUMNS = np.array([0.1, 0.3, 1.0, 1.31, 2.0]), np.array([0.0, 0.3, 1.0, 1.2, 2.0, 2.7])
CALLS: dict[str, Callable] = {
    "gradient": lambda m, a, r, c: m.gradient(a),
    "coordinates of one axis": lambda m, a, r, c: m.gradient(a, r, axis=0),
    "coordinates": lambda m, a, r, c: m.gradient(a, r, c),
    "coordinates, second order": lambda m, a, r, c: m.gradient(a, r, c, edge_order=2),
    "second order": lambda m, a, r, c: m.gradient(a, 0.5, edge_order=2),
    "a number and coordinates": lambda m, a, r, c: m.gradient(a, 0.5, c),
    "one axis": lambda m, a, r, c: m.gradient(a, 2, axis=(1,)),
    "interp": lambda m, a, r, c: m.interp(a * 3, r, a[:, 0], period=2.5),
    "logaddexp.reduce": lambda m, a, r, c: np.logaddexp.reduce(a),
    "logaddexp.reduce of rows": lambda m, a, r, c: np.logaddexp.reduce(a, axis=-1),
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_values_and_derivatives(name: str) -> None:
    f = CALLS[name]
    ours = lambda a, r, c: f(fnp, a, r, c)  # noqa: E731
    expected = f(np, A, ROWS, COLUMNS)
    for actual in (fg.vjp(ours, A, ROWS, COLUMNS)[0], fg.jit(ours)(A, ROWS, COLUMNS)):
        for x, y in zip(*(v if isinstance(v, tuple) else (v,) for v in (actual, expected))):
            assert x.shape == y.shape
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)
    check_grads(ours, (A, ROWS, COLUMNS), order=1)


def test_errors() -> None:
    with pytest.raises(TypeError, match="invalid number of arguments"):
        fg.jit(lambda a: fnp.gradient(a, 1.0, 2.0, 3.0))(A)
    with pytest.raises(ValueError, match="coordinates as many as there are along the axis"):
        fg.jit(lambda a: fnp.gradient(a, ROWS[:3], axis=0))(A)
    with pytest.raises(ValueError, match="too small"):
        fg.jit(lambda a: fnp.gradient(a[:2], axis=0, edge_order=2))(A)
    with pytest.raises(ValueError, match="'edge_order' greater than 2"):
        fg.jit(lambda a: fnp.gradient(a, edge_order=3))(A)
    with pytest.raises(ValueError, match="without identity"):
        fg.jit(lambda a: np.logaddexp.reduce(a))(A[:0])
