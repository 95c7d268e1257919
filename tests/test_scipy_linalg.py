"""scipy.linalg's triangular systems and Cholesky factors against SciPy, differentiated, batched and compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import linalg as real

import funcgrad as fg
from funcgrad.scipy import linalg
from funcgrad.test_util import check_grads

RNG = np.random.default_rng(0)
A = RNG.standard_normal((4, 4)) + 4 * np.eye(4)
B = RNG.standard_normal((4, 2))
POSITIVE = A @ A.T


@pytest.mark.parametrize("unit_diagonal", [False, True])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("trans", [0, 1, "N", "T"])
@pytest.mark.parametrize("b", [B, B[:, 0]], ids=["matrix", "vector"])
def test_triangular_systems(b: Any, trans: Any, lower: bool, unit_diagonal: bool) -> None:
    options = dict(trans=trans, lower=lower, unit_diagonal=unit_diagonal)
    f = lambda a, b: linalg.solve_triangular(a, b, **options)  # noqa: E731
    expected = real.solve_triangular(A, b, **options)
    np.testing.assert_allclose(f(A, b), expected, rtol=1e-12)
    np.testing.assert_allclose(fg.jit(f)(A, b), expected, rtol=1e-12)
    check_grads(f, (A, b), order=2)


def test_stacks_and_batches() -> None:
    stack = np.stack([A, 2 * A.T])
    f = lambda a, b: linalg.solve_triangular(a, b, lower=True)  # noqa: E731
    expected = np.stack([real.solve_triangular(a, B, lower=True) for a in stack])
    np.testing.assert_allclose(f(stack, B), expected, rtol=1e-12)
    np.testing.assert_allclose(fg.vmap(f, (0, None))(stack, B), expected, rtol=1e-12)
    np.testing.assert_allclose(fg.jit(fg.vmap(f, (0, None)))(stack, B), expected, rtol=1e-12)


@pytest.mark.parametrize("lower", [False, True])
def test_positive_definite_systems(lower: bool) -> None:
    def f(a: Any, b: Any) -> Any:
        return linalg.cho_solve(linalg.cho_factor(a, lower=lower), b)

    np.testing.assert_allclose(linalg.cholesky(POSITIVE, lower=lower), real.cholesky(POSITIVE, lower=lower), atol=1e-12)
    for solve in (f, fg.jit(f)):
        np.testing.assert_allclose(solve(POSITIVE, B), np.linalg.solve(POSITIVE, B), rtol=1e-10, atol=1e-12)
    gradient = fg.jit(fg.grad(lambda a: np.sum(np.sin(f(a, B)))))(POSITIVE)
    other = fg.grad(lambda a: np.sum(np.sin(np.linalg.solve((a + a.T) / 2, B))))(POSITIVE)
    np.testing.assert_allclose((gradient + gradient.T) / 2, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "options", "text"),
    [
        (A, B[:3], {}, r"solve_triangular: matrices \(4, 4\) and right-hand sides \(3, 2\) do not fit"),
        (A[:3], B, {}, r"solve_triangular: matrices \(3, 4\)"),
        (A, B, {"trans": 2}, "trans must be 0, 1, 'N' or 'T', got 2"),
    ],
)
def test_errors(a: Any, b: Any, options: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        linalg.solve_triangular(a, b, **options)
