"""Linear algebra and convolutions at the edges: infinite numbers, truth values, nothing, and dtypes of indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy
import scipy.signal

import funcgrad as fg
from funcgrad.scipy import linalg, signal

X = np.array([[1.0, 4.0, 2.0], [3.0, -1.0, 0.5], [9.0, 2.0, 1.0]])


def test_least_squares_with_an_infinite_number_is_nan() -> None:
    """NumPy raises, which a compiled program cannot do for what it finds on its way; it was 0."""
    a = np.array([[1.0, 2.0], [3.0, np.inf], [5.0, 6.0]])
    solution, _, _, singular = fg.jit(np.linalg.lstsq)(a, np.ones(3))
    assert np.isnan(solution).all() and np.isnan(singular).all()
    assert np.isnan(fg.jit(np.linalg.pinv)(a)).all()
    rank_one = np.outer([1.0, 2.0, 3.0], [1.0, -1.0])
    np.testing.assert_allclose(fg.jit(np.linalg.pinv)(rank_one), np.linalg.pinv(rank_one), atol=1e-15)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 6])
def test_powers_of_matrices_of_truth_values_are_of_truth_values(n: int) -> None:
    path = np.array([[False, True, False], [False, False, True], [True, False, False]])
    for m in (path, path | np.eye(3, dtype=bool), np.stack([path, ~path])):
        expected = np.linalg.matrix_power(m, n)
        np.testing.assert_array_equal(fg.jit(lambda m: np.linalg.matrix_power(m, n))(m), expected, strict=True)
    np.testing.assert_allclose(fg.jit(lambda m: np.linalg.matrix_power(m, -2))(path), np.linalg.matrix_power(path, -2))


def test_dtypes_of_rows_and_pivots() -> None:
    for x in (X, X.astype(np.float32), np.stack([X, X.T])):
        expected = scipy.linalg.lu(x, p_indices=True)[0]
        for run in (linalg.lu, fg.jit(linalg.lu, static_argnames="p_indices")):
            np.testing.assert_array_equal(run(x, p_indices=True)[0], expected, strict=True)
    np.testing.assert_array_equal(fg.jit(linalg.lu_factor)(X)[1], scipy.linalg.lu_factor(X)[1], strict=True)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("a", "b"), [((0,), (2,)), ((3,), (0,)), ((0,), (0,)), ((0, 3), (2, 2)), ((2, 3), (2, 0))])
def test_transforms_of_nothing(a: Any, b: Any, mode: str) -> None:
    x, y = np.ones(a), np.ones(b)
    expected = scipy.signal.fftconvolve(x, y, mode)
    np.testing.assert_array_equal(fg.jit(lambda x, y: signal.fftconvolve(x, y, mode))(x, y), expected, strict=True)
    gradient = fg.grad(lambda x: signal.fftconvolve(x, y, mode).sum(), allow_unused=True)(x)
    np.testing.assert_array_equal(gradient, np.zeros(a), strict=True)
