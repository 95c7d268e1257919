"""The edge policy: what derivatives are at kinks and singular points, eager and compiled; and what an untaken
branch contributes.

One test for each row of the table in docs; each runs by grad and by jvp, plain and under jit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special as special

import funcgrad as fg
import funcgrad.numpy as fnp


def relu(x: Any) -> Any:
    return fnp.maximum(x, 0.0)


def xlogx(x: Any) -> Any:
    return fnp.sum(special.xlogy(x, x))


W = np.array([1.0, 2.0, 4.0])
ROWS: list[tuple[str, Callable, Any, Any]] = [
    ("abs at 0", fnp.abs, 0.0, 0.0),
    ("relu at 0, a tie", relu, 0.0, 0.5),
    ("maximum at a tie", lambda x: fnp.maximum(x, 2.0), 2.0, 0.5),
    ("maximum at a tie, other side", lambda x: fnp.maximum(2.0, x), 2.0, 0.5),
    ("minimum at a tie", lambda x: fnp.minimum(x, -1.0), -1.0, 0.5),
    ("maximum of x and x", lambda x: fnp.maximum(x, x), 1.3, 1.0),
    ("max of equal elements", lambda x: fnp.max(x), np.array([2.0, 1.0, 2.0]), np.array([0.5, 0.0, 0.5])),
    ("min of equal elements", lambda x: fnp.min(x), np.array([1.0, 1.0, 1.0, 2.0]), np.array([1, 1, 1, 0]) / 3),
    ("sqrt at 0", fnp.sqrt, 0.0, np.inf),
    ("cbrt at 0", fnp.cbrt, 0.0, np.inf),
    ("log at 0", fnp.log, 0.0, np.inf),
    ("hypot at the origin", lambda x: fnp.hypot(x[0], x[1]), np.zeros(2), np.zeros(2)),
    ("std of equal values", lambda x: fnp.std(x), np.full(4, 2.5), np.zeros(4)),
    ("arctan2 at the origin", lambda x: fnp.arctan2(x[0], x[1]), np.zeros(2), np.zeros(2)),
    ("sign at 0", fnp.sign, 0.0, 0.0),
    ("floor at an integer", fnp.floor, 2.0, 0.0),
    ("where with sqrt at 0", lambda x: fnp.where(x > 0, fnp.sqrt(x), 0.0), 0.0, 0.0),
    ("xlogy(x, 2) at 0", lambda x: special.xlogy(x, 2.0), 0.0, np.log(2.0)),
    ("xlog1py(x, 2) at 0", lambda x: special.xlog1py(x, 2.0), 0.0, np.log(3.0)),
    ("xlogy(0, y) in y", lambda y: special.xlogy(0.0, y), 0.0, 0.0),
    ("xlogy(x, x) at 0", xlogx, np.array([0.0]), np.array([-np.inf])),
    ("power(0, y) in y", lambda y: fnp.power(0.0, y), 2.0, 0.0),
    ("power(0, y) in y at 0", lambda y: fnp.power(0.0, y), 0.0, 0.0),
    ("power(x, 0) in x at 0", lambda x: fnp.power(x, 0.0), 0.0, 0.0),
    ("x ** 0 at 0", lambda x: x**0, 0.0, 0.0),
    ("x ** 1 at 0", lambda x: x**1, 0.0, 1.0),
    ("x ** 2 at 0", lambda x: x**2, 0.0, 0.0),
    ("power(x, 2.0) at 0", lambda x: fnp.power(x, 2.0), 0.0, 0.0),
    ("prod with one zero", lambda x: fnp.prod(x), np.array([2.0, 0.0, 3.0]), np.array([0.0, 6.0, 0.0])),
    ("prod with two zeros", lambda x: fnp.prod(x), np.array([0.0, 0.0, 3.0]), np.zeros(3)),
    ("sigmoid at 40", special.expit, 40.0, 4.248354255291589e-18),
    ("expm1 at -40", fnp.expm1, -40.0, 4.248354255291589e-18),
    ("tanh at 20", fnp.tanh, 20.0, 1.699341702116635e-17),
    ("logaddexp at a tie", lambda x: fnp.logaddexp(x, 1.0), 1.0, 0.5),
    ("logaddexp of -inf and -inf", lambda x: fnp.logaddexp(x, -np.inf), -np.inf, 0.5),
    ("clip at a bound", lambda x: fnp.clip(x, -1.0, 1.0), 1.0, 0.5),
    ("sort of equal elements", lambda x: fnp.sort(x) @ W, np.array([3.0, 1.0, 3.0]), np.array([2.0, 1.0, 4.0])),
]  # fmt: skip


def gradients(f: Callable, x: Any) -> dict[str, Any]:
    """The gradient by reverse mode, eager, compiled, vectorized; and by forward mode."""
    x = np.asarray(x)[()]
    basis = np.eye(np.size(x)).reshape(np.size(x), *np.shape(x))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        compiled = fg.jit(lambda x, t: fg.jvp(f, (x,), (t,))[1])
        forward = [fg.jvp(f, (x,), (t[()],))[1] for t in basis]
        return {
            "grad": fg.grad(f)(x), "jit grad": fg.jit(fg.grad(f))(x), "grad jit": fg.grad(fg.jit(f))(x),
            "jvp": np.reshape(forward, np.shape(x)), "vmap grad": fg.vmap(fg.grad(f))(np.stack([x, x]))[1],
            "jit jvp": np.reshape([compiled(x, t[()]) for t in basis], np.shape(x)),
        }  # fmt: skip


@pytest.mark.parametrize(("f", "x", "expected"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_row_of_the_edge_table(f: Callable, x: Any, expected: Any) -> None:
    for mode, got in gradients(f, x).items():
        np.testing.assert_allclose(got, expected, rtol=1e-15, atol=0, err_msg=mode)


# --- second derivatives at ties: a stabilized form must not hide a constant -----------------------------------------

SECOND: list[tuple[str, Callable, float, float]] = [
    ("logaddexp at a tie", lambda x: fnp.logaddexp(x, 1.0), 1.0, 0.25),
    ("hypot at |x| == |y|", lambda x: fnp.hypot(x, 2.0), 2.0, 4 / 8**1.5),
    ("hypot at |x| == |y|, small", lambda x: fnp.hypot(x, 1e-3), 1e-3, 1e-6 / (2e-6) ** 1.5),
    ("sigmoid at 0", special.expit, 0.0, 0.0),
    ("tanh at 0", fnp.tanh, 0.0, 0.0),
    ("sinc at 0", fnp.sinc, 0.0, -np.pi**2 / 3),
    ("softplus at 0", lambda x: fnp.logaddexp(x, 0.0), 0.0, 0.25),
    ("prod with one zero", lambda x: fnp.prod(x * np.array([1.0, 0.0, 2.0]) + np.array([0.0, 1.0, 1.0])), 0.5, 4.0),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x", "expected"), [pytest.param(*row[1:], id=row[0]) for row in SECOND])
def test_second_derivatives_at_ties(f: Callable, x: float, expected: float) -> None:
    for mode, second in {
        "eager": fg.grad(fg.grad(f)),
        "jit": fg.jit(fg.grad(fg.grad(f))),
        "mixed": fg.grad(lambda y: fg.jvp(f, (y,), (1.0,))[1]),
    }.items():
        np.testing.assert_allclose(second(x), expected, rtol=1e-12, atol=1e-15, err_msg=mode)


# --- an untaken branch contributes exactly nothing ------------------------------------------------------------------

UNTAKEN: list[tuple[str, Callable, float]] = [
    ("sqrt of 0", lambda x: fnp.where(x > 0, fnp.sqrt(x), 0.0), 0.0),
    ("sqrt of a negative number", lambda x: fnp.where(x > 0, fnp.sqrt(x), 0.0), -1.0),
    ("log of 0", lambda x: fnp.where(x > 0, fnp.log(x), 0.0), 0.0),
    ("log of a negative number", lambda x: fnp.where(x > 0, fnp.log(x), 0.0), -2.0),
    ("log2", lambda x: fnp.where(x > 0, fnp.log2(x), 0.0), 0.0),
    ("log10", lambda x: fnp.where(x > 0, fnp.log10(x), 0.0), 0.0),
    ("log1p at -1", lambda x: fnp.where(x > -1, fnp.log1p(x), 0.0), -1.0),
    ("1 / x at 0", lambda x: fnp.where(x != 0, 1.0 / x, 0.0), 0.0),
    ("reciprocal at 0", lambda x: fnp.where(x != 0, fnp.reciprocal(x), 0.0), 0.0),
    ("x / x at 0", lambda x: fnp.where(x != 0, x / x, 0.0), 0.0),
    ("sin(x) / x at 0", lambda x: fnp.where(x != 0, fnp.sin(x) / x, 1.0), 0.0),
    ("negative power at 0", lambda x: fnp.where(x != 0, x**-2, 0.0), 0.0),
    ("fractional power at 0", lambda x: fnp.where(x > 0, x**0.5, 0.0), 0.0),
    ("fractional power of a negative number", lambda x: fnp.where(x > 0, fnp.power(x, 1.5), 0.0), -1.0),
    ("x to the x at 0", lambda x: fnp.where(x > 0, fnp.power(x, x), 0.0), 0.0),
    ("cbrt at 0", lambda x: fnp.where(x > 0, fnp.cbrt(x), 0.0), 0.0),
    ("arcsin at 1", lambda x: fnp.where(x < 1, fnp.arcsin(x), 0.0), 1.0),
    ("arccos outside", lambda x: fnp.where(fnp.abs(x) < 1, fnp.arccos(x), 0.0), 1.5),
    ("arccosh at 1", lambda x: fnp.where(x > 1, fnp.arccosh(x), 0.0), 1.0),
    ("arctanh at 1", lambda x: fnp.where(fnp.abs(x) < 1, fnp.arctanh(x), 0.0), 1.0),
    ("norm at 0", lambda x: fnp.where(x > 0, fnp.sqrt(x * x), 0.0), 0.0),
    ("log of a norm", lambda x: fnp.where(x > 0, fnp.log(fnp.sqrt(x * x + x)), 0.0), 0.0),
    ("exp that overflows", lambda x: fnp.where(x < 100, fnp.exp(x), 0.0), 1000.0),
    ("exp of exp", lambda x: fnp.where(x < 5, fnp.exp(fnp.exp(x)), 0.0), 50.0),
    ("square that overflows", lambda x: fnp.where(x < 1e100, x * x, 0.0), 1e200),
    ("cosh that overflows", lambda x: fnp.where(x < 100, fnp.cosh(x), 0.0), 1000.0),
    ("erfinv at 1", lambda x: fnp.where(x < 1, special.erfinv(x), 0.0), 1.0),
    ("a chain through log and division", lambda x: fnp.where(x > 0, 1.0 / fnp.log(fnp.sqrt(x)), 0.0), 0.0),
    ("select", lambda x: fnp.select([x > 1, x > 0], [fnp.log(x), fnp.sqrt(x)], 0.0), 0.0),
    ("division by a difference", lambda x: fnp.where(x != 1, (x**3 - 1) / (x - 1), 3.0), 1.0),
    ("x log x by xlogy", lambda x: fnp.where(x > 0, special.xlogy(x, x), 0.0), 0.0),
    ("softplus, the naive form", lambda x: fnp.where(x > 30, 0.0, fnp.log1p(fnp.exp(x))), 1000.0),
    ("reduced", lambda x: fnp.sum(fnp.where(x > 0, fnp.sqrt(x * np.ones(3)), 0.0)), 0.0),
    ("integer power of an overflow", lambda x: fnp.where(x < 10, x**7, 0.0), 1e150),
    ("hypot", lambda x: fnp.where(x > 0, fnp.hypot(x, x), 0.0), 0.0),
    ("arctan2", lambda x: fnp.where(x > 0, fnp.arctan2(x, x), 0.0), 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x"), [pytest.param(*row[1:], id=row[0]) for row in UNTAKEN])
def test_an_untaken_branch_contributes_exactly_zero(f: Callable, x: float) -> None:
    for mode, got in gradients(f, x).items():
        assert got == 0.0, f"{mode}: {got}"


def test_there_are_at_least_twenty_recipes() -> None:
    assert len(UNTAKEN) >= 20 and len({name for name, _, _ in UNTAKEN}) == len(UNTAKEN)


def test_a_taken_branch_keeps_its_infinite_derivative() -> None:
    for mode, got in gradients(lambda x: fnp.where(x >= 0, fnp.sqrt(x), 0.0), 0.0).items():
        assert got == np.inf, mode


def test_second_derivative_through_an_untaken_branch() -> None:
    f = lambda x: fnp.where(x > 0, 1 / fnp.log(fnp.sqrt(x)), x**2)  # noqa: E731
    with np.errstate(all="ignore"):
        for wrap in (lambda g: g, fg.jit):
            assert wrap(fg.grad(fg.grad(f)))(0.0) == 2.0
