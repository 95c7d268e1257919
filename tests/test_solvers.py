"""least_squares, curve_fit, root, root_scalar and brentq over pytrees: SciPy's answers, and derivatives of solutions
against problems solved again.
"""

from __future__ import annotations

import gc
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize as scipy_optimize

import funcgrad as fg
from funcgrad.scipy import optimize
from funcgrad.scipy.optimize import brentq, curve_fit, least_squares, root, root_scalar
from funcgrad.test_util import check_grads

T = np.linspace(0.0, 3.0, 12)
NOISE = np.random.default_rng(0).normal(size=12) * 0.05
Y = 2.0 * np.exp(-0.7 * T) + 0.3 + NOISE
TIGHT = dict(ftol=1e-15, xtol=1e-15, gtol=1e-15)
START = {"scale": 1.0, "rate": 1.0, "offset": np.zeros(1)}


def model(t: Any, a: Any, b: Any, c: Any) -> Any:
    return a * np.exp(-b * t) + c


def on_tree(t: Any, p: Any) -> Any:
    return model(t, p["scale"], p["rate"], p["offset"][0])


def flat(p: Any) -> Any:
    return np.stack([p["scale"], p["rate"], p["offset"][0]])


def quotient(f: Callable, x: Any, direction: Any, h: float) -> Any:
    at = lambda s: f(x + s * h * direction)  # noqa: E731
    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)


def check_derivatives(f: Callable, x: Any, tolerance: float = 1e-6, h: float = 1e-3) -> None:
    """Both modes, compiled and not, along a random direction."""
    direction = np.random.default_rng(1).normal(size=np.shape(x))
    expected = quotient(f, x, direction, h)
    for wrap in (lambda g: g, fg.jit):
        np.testing.assert_allclose(wrap(lambda x: fg.jvp(f, (x,), (direction,))[1])(x), expected, tolerance, tolerance)
        rows = wrap(fg.jacrev(f))(x)
        moved = np.tensordot(rows, direction, np.ndim(x)) if np.ndim(x) else rows * direction
        np.testing.assert_allclose(moved, expected, tolerance, tolerance)


# --- least_squares ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["linear", "soft_l1", "huber", "cauchy", "arctan"])
def test_least_squares_is_scipys(loss: str) -> None:
    f_scale = 0.05
    expected = scipy_optimize.least_squares(
        lambda x: model(T, *x) - Y, np.array([0.0, 1.0, 1.0]), loss=loss, f_scale=f_scale, **TIGHT
    )
    result = least_squares(lambda p: on_tree(T, p) - Y, START, loss=loss, f_scale=f_scale, **TIGHT)
    assert fg.tree.structure(result.x) == fg.tree.structure(result.grad) == fg.tree.structure(START)
    np.testing.assert_allclose(flat(result.x), expected.x, rtol=1e-7)
    np.testing.assert_allclose(result.cost, expected.cost, rtol=1e-12)

    def refitted(y: Any) -> Any:
        return flat(least_squares(lambda p: on_tree(T, p) - y, START, loss=loss, f_scale=f_scale, **TIGHT).x)

    check_derivatives(refitted, Y, 5e-5, 3e-4)


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares_methods(method: str) -> None:
    residuals = lambda x, t, y=Y: model(t, *x) - y  # noqa: E731
    expected = scipy_optimize.least_squares(residuals, [1.0, 1.0, 0.0], method=method, args=(T,))
    for given in ({}, {"jac": "2-point"}, {"jac": lambda x, t, y=Y: fg.jacfwd(residuals)(x, t, y)}):
        result = least_squares(residuals, [1.0, 1.0, 0.0], method=method, args=(T,), kwargs={"y": Y}, **given)
        np.testing.assert_allclose(result.x, expected.x, rtol=1e-6)
        assert result.jac.shape == (12, 3) and result.success


def test_least_squares_with_bounds_that_move() -> None:
    def fitted(top: Any) -> Any:
        bounds = ({"scale": None, "rate": 0.0, "offset": None}, {"scale": None, "rate": top, "offset": None})
        return flat(least_squares(lambda p: on_tree(T, p) - Y, {**START, "rate": 0.2}, bounds=bounds, **TIGHT).x)

    assert fitted(0.5)[1] == pytest.approx(0.5, rel=1e-6)
    check_derivatives(fitted, 0.5, 1e-4)


def test_least_squares_cost_and_residuals_have_derivatives() -> None:
    def cost(y: Any) -> Any:
        fit = least_squares(lambda p: on_tree(T, p) - y, START, **TIGHT)
        return fit.cost + np.sum(fit.fun) * 0.5

    check_derivatives(cost, Y)
    hessian_direction = np.cos(T)
    slope = lambda y: fg.grad(cost)(y) @ hessian_direction  # noqa: E731
    check_derivatives(slope, Y, 1e-5)


def test_least_squares_errors() -> None:
    with (
        pytest.raises(ValueError, match=r"least_squares of <lambda>: residual 1 is inf at x0"),
        np.errstate(all="ignore"),
    ):
        least_squares(lambda x: 1.0 / x, np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match=r"loss must be one of 'linear', .*, got 'square'"):
        least_squares(lambda x: x, np.ones(1), loss="square")
    with pytest.raises(ValueError, match=r"the lower bounds have the structure"):
        least_squares(lambda p: p["a"], {"a": np.ones(2)}, bounds=({"b": 1.0}, None))
    with pytest.raises(ValueError, match=r"jac must be None, a function"):
        least_squares(lambda x: x, np.ones(1), jac="cs")


# --- curve_fit --------------------------------------------------------------------------------------------------------

SPREAD = 0.04 + 0.02 * np.cos(T)
SIGMAS = [None, 0.05, SPREAD, np.diag(SPREAD**2) + 0.0004]


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("case", range(len(SIGMAS)))
def test_curve_fit_is_scipys(case: int, absolute: bool) -> None:
    sigma = SIGMAS[case]
    expected = scipy_optimize.curve_fit(model, T, Y, [1.0, 1.0, 0.0], sigma, absolute)
    popt, pcov = curve_fit(model, T, Y, [1.0, 1.0, 0.0], sigma, absolute)
    np.testing.assert_allclose(popt, expected[0], rtol=1e-6)
    np.testing.assert_allclose(pcov, expected[1], rtol=1e-5)
    tree_opt, tree_cov = curve_fit(on_tree, T, Y, START, sigma, absolute)
    np.testing.assert_allclose(flat(tree_opt), popt, rtol=1e-6)
    order = [2, 1, 0]  # the leaves of a dictionary are in the order of its keys
    np.testing.assert_allclose(tree_cov[np.ix_(order, order)], pcov, rtol=1e-5)

    def both(y: Any) -> Any:
        popt, pcov = curve_fit(model, T, y, [1.0, 1.0, 0.0], sigma, absolute, **TIGHT)
        return np.concatenate([popt, np.ravel(pcov) * 10.0])

    np.testing.assert_allclose(fg.jit(both)(Y), both(Y), rtol=1e-8)
    check_derivatives(both, Y, 1e-5)


def test_curve_fit_as_scipy_calls_it() -> None:
    popt, _ = curve_fit(model, T, Y)
    np.testing.assert_allclose(popt, scipy_optimize.curve_fit(model, T, Y)[0], rtol=1e-6)
    popt, _, info, message, flag = curve_fit(model, T, Y, full_output=True)
    assert info["fvec"].shape == (12,) and isinstance(message, str) and flag in (1, 2, 3, 4)
    bounds = ([0.0, 0.0, 0.0], [1.5, 2.0, np.inf])
    popt, _ = curve_fit(model, T, Y, bounds=bounds, jac=lambda t, *p: fg.jacfwd(lambda q: model(t, *q))(np.stack(p)))
    np.testing.assert_allclose(popt, scipy_optimize.curve_fit(model, T, Y, bounds=bounds)[0], rtol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", scipy_optimize.OptimizeWarning)
        assert np.all(np.isinf(curve_fit(lambda t, a, b: a * t + b, T[:2], Y[:2])[1]))


def test_curve_fit_moves_with_sigma_abscissae_and_bounds() -> None:
    check_derivatives(lambda s: curve_fit(model, T, Y, [1.0, 1.0, 0.0], s, **TIGHT)[0], SPREAD, 1e-4, 3e-4)
    check_derivatives(lambda t: curve_fit(model, t, Y, [1.0, 1.0, 0.0], **TIGHT)[0], T, 1e-5)
    top = lambda b: curve_fit(model, T, Y, [1.0, 0.3, 0.0], bounds=(None, np.stack([9.0, b, 9.0])), **TIGHT)[0]  # noqa: E731
    check_derivatives(top, 0.5, 1e-4)


def test_curve_fit_errors() -> None:
    with pytest.raises(ValueError, match=r"curve_fit of model: ydata holds nan or infinity"):
        curve_fit(model, T, Y * np.nan)
    with pytest.raises(ValueError, match=r"the model returns 12 numbers, ydata has 11"):
        curve_fit(model, T, Y[1:])
    with pytest.raises(ValueError, match=r"the number of parameters is unknown.\nFix: pass p0"):
        curve_fit(lambda t, *p: t * p[0], T, Y)
    with pytest.raises(ValueError, match=r"sigma has shape \(3,\), but ydata has 12 numbers"):
        curve_fit(model, T, Y, sigma=np.ones(3))


# --- roots ------------------------------------------------------------------------------------------------------------


def equations(p: Any, c: Any) -> Any:
    return {"first": p["u"] ** 2 + np.sum(p["v"]) - c, "second": p["v"] * np.exp(p["u"]) - np.array([1.0, 2.0])}


@pytest.mark.parametrize("method", ["hybr", "lm", "broyden1", "krylov", "df-sane"])
def test_root_is_scipys(method: str) -> None:
    x0 = {"u": 0.9, "v": np.array([0.4, 0.8])}
    result = root(
        equations, x0, args=(2.0,), method=method, options=None if method in ("hybr", "lm") else {"fatol": 1e-8}
    )
    assert result.success
    values = equations(result.x, 2.0)
    np.testing.assert_allclose(values["first"], 0.0, atol=1e-5)
    np.testing.assert_allclose(values["second"], 0.0, atol=1e-5)


def test_roots_move() -> None:
    def solved(c: Any) -> Any:
        x = root(equations, {"u": 0.9, "v": np.array([0.4, 0.8])}, args=(c,), tol=1e-14).x
        return np.concatenate([np.reshape(x["u"], (1,)), x["v"]])

    check_derivatives(solved, 2.0)
    check_derivatives(fg.jacfwd(solved), 2.0, 1e-5, 3e-4)
    np.testing.assert_allclose(fg.vmap(solved)(np.array([2.0, 2.5])), [solved(2.0), solved(2.5)], rtol=1e-12)
    assert fg.jit(lambda c: root(equations, {"u": 0.9, "v": np.array([0.4, 0.8])}, args=(c,)).success)(2.0)


def test_a_list_of_equations_and_a_jacobian() -> None:
    f = lambda x: [x[0] * np.cos(x[1]) - 4.0, x[0] * x[1] - x[1] - 5.0]  # noqa: E731
    expected = scipy_optimize.root(f, [1.0, 1.0]).x
    given = lambda x: np.stack(fg.jacfwd(f)(x))  # noqa: E731
    seen: list[Any] = []
    for options in (
        {},
        {"jac": given},
        {"jac": False},
        {"method": "broyden1", "callback": lambda x, _: seen.append(x)},
    ):
        np.testing.assert_allclose(
            root(f, [5.0, 1.0] if options.get("method") else [1.0, 1.0], **options).x, expected, 1e-5
        )
    assert len(seen) > 1 and seen[0].shape == (2,)


def test_root_errors() -> None:
    with pytest.raises(ValueError, match=r"root of <lambda>: the function returns 3 numbers for 2 unknowns"):
        root(lambda x: np.ones(3) * x[0], np.ones(2))
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"value 1 of the function is nan at x0"):
        root(lambda x: np.log(x), np.array([1.0, -1.0]))
    with pytest.raises(ValueError, match=r"jac must be None, False or a function, got 'cs'"):
        root(lambda x: x, np.ones(1), jac="cs")


# --- roots of one number ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["brentq", "brenth", "bisect", "ridder", "toms748", "newton", "halley", "secant", None]
)
def test_root_scalar_is_scipys(method: str | None) -> None:
    f = lambda x, a: x**3 - a  # noqa: E731
    by_point = method in ("newton", "halley", "secant")
    given = dict(x0=1.5, x1=3.0 if method == "secant" else None) if by_point else dict(bracket=(0.0, 3.0))
    slopes = dict(fprime=lambda x, a: 3 * x**2, fprime2=lambda x, a: 6 * x) if by_point else {}
    expected = scipy_optimize.root_scalar(f, (8.0,), method, **given, **(slopes if method != "secant" else {}))
    result = root_scalar(f, (8.0,), method, **given)
    assert result.converged and result.iterations == expected.iterations
    np.testing.assert_allclose(result.root, expected.root, rtol=1e-12)
    solved = lambda a: root_scalar(f, (a,), method, **given).root  # noqa: E731
    for derivative in (fg.grad(solved), fg.jit(fg.jacfwd(solved))):
        np.testing.assert_allclose(derivative(8.0), 1.0 / 12.0, rtol=1e-6)


def test_derivatives_of_the_users_own() -> None:
    f = lambda x: np.cos(x) - x  # noqa: E731
    result = root_scalar(f, x0=0.5, method="halley", fprime=lambda x: -np.sin(x) - 1.0, fprime2=lambda x: -np.cos(x))
    np.testing.assert_allclose(result.root, 0.7390851332151607, rtol=1e-12)


def test_brentq() -> None:
    f = lambda x, e, m: x - e * np.sin(x) - m  # noqa: E731
    expected = scipy_optimize.brentq(f, 0.0, 4.0, args=(0.4, 1.2))
    assert brentq(f, 0.0, 4.0, args=(0.4, 1.2)) == pytest.approx(expected, rel=1e-14)
    x, info = brentq(f, 0.0, 4.0, args=(0.4, 1.2), full_output=True)
    assert info.converged and info.root == x
    solved = lambda e, m: brentq(f, 0.0, 4.0, args=(e, m), xtol=1e-14)  # noqa: E731
    check_grads(solved, (0.4, 1.2), order=2)
    es = np.array([0.1, 0.4])
    for g in (solved, fg.grad(solved)):
        np.testing.assert_allclose(fg.jit(fg.vmap(g, (0, None)))(es, 1.2), [g(e, 1.2) for e in es], rtol=1e-10)


def test_the_bracket_may_be_traced() -> None:
    """As a user's program may compute it; the root does not depend on it."""
    solved = lambda a: brentq(lambda x: x * x - a, 0.0, a + 1.0)  # noqa: E731
    np.testing.assert_allclose(fg.jit(fg.grad(solved))(4.0), 0.25, rtol=1e-9)


def test_brentq_errors() -> None:
    with pytest.raises(ValueError, match=r"must have different signs"):
        brentq(lambda x: x * x + 1.0, 0.0, 1.0)
    with pytest.raises(RuntimeError, match=r"brentq of <lambda>: no convergence after 2 iterations"):
        brentq(lambda x: x**3 - 0.1, -9.0, 5.0, maxiter=2)
    with pytest.raises(TypeError, match=r"brentq of <lambda>: the function must return one real number"):
        brentq(lambda x: np.stack([x]), 0.0, 1.0)


@pytest.mark.parametrize(
    "solve",
    [
        lambda k, data: optimize.minimize(lambda z: np.mean((z - data) ** 2) + k * z**2, 0.0).x,
        lambda k, data: optimize.least_squares(lambda z: np.append(z - data, k * z), 0.0).x,
        lambda k, data: optimize.root(lambda z: np.mean(z - data) + k * z**3, 0.1).x,
    ],
)
def test_remembered_derivatives_do_not_keep_the_data(solve: Any) -> None:
    def gradients(count: int) -> int:
        """Bytes in use after so many gradients, each with data of its own."""
        for i in range(count):
            data = np.linspace(0.0, 1.0 + i, 100_000)
            assert np.isfinite(fg.grad(lambda k, data=data: solve(k, data))(0.3))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = gradients(2)
        assert gradients(5) - before < 5 * 8 * 100_000  # not one array for each call
    finally:
        tracemalloc.stop()
