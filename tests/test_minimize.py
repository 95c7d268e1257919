"""`scipy.optimize.minimize` over pytrees: SciPy's answers; derivatives of solutions against problems solved again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize as scipy_optimize

import funcgrad as fg
from funcgrad.scipy.optimize import fmin_bfgs, minimize, minimize_scalar

TIGHT = {"gtol": 1e-12}
PARAMS = {"a": np.array([1.3, 0.7]), "b": (np.array([[0.8]]), 1.9)}


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def on_tree(p: Any) -> Any:
    return rosenbrock(np.concatenate([p["a"], np.reshape(p["b"][0], (-1,)), np.reshape(p["b"][1], (1,))]))


def flat(p: Any) -> np.ndarray:
    return np.concatenate([np.ravel(x) for x in fg.tree.leaves(p)])


def quotient(f: Callable, x: float, h: float = 1e-4) -> Any:
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)


def check_derivatives(f: Callable, x: float, tolerance: float = 1e-5, second: float | None = None) -> None:
    """Forward, reverse and compiled derivatives of a vector-valued function, against difference quotients."""
    expected = quotient(f, x)
    for derivative in (fg.jacfwd(f), fg.jacrev(f), fg.jit(fg.jacrev(f))):
        np.testing.assert_allclose(derivative(x), expected, rtol=tolerance, atol=tolerance)
    if second is not None:
        expected = quotient(fg.jacrev(f), x)
        for derivative in (fg.jacfwd(fg.jacrev(f)), fg.jacrev(fg.jacfwd(f))):
            np.testing.assert_allclose(derivative(x), expected, rtol=second, atol=second)


# --- values -----------------------------------------------------------------------------------------------------------

METHODS = [None, "Nelder-Mead", "Powell", "CG", "BFGS", "Newton-CG", "L-BFGS-B", "TNC", "COBYLA", "SLSQP",
           "trust-constr", "dogleg", "trust-ncg", "trust-exact", "trust-krylov"]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_what_scipy_finds(method: str | None) -> None:
    x0, options = np.array([1.3, 0.7, 0.8, 1.9]), {"maxfun" if method == "TNC" else "maxiter": 2000}
    if method == "COBYLA":
        options["maxiter"] = 200
    derivatives: dict[str, Any] = {"jac": scipy_optimize.rosen_der, "hess": scipy_optimize.rosen_hess}
    if method in ("Nelder-Mead", "Powell", "COBYLA"):
        derivatives = {}
    elif method in (None, "CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP"):
        del derivatives["hess"]
    expected = scipy_optimize.minimize(scipy_optimize.rosen, x0, method=method, options=options, **derivatives)
    result = minimize(on_tree, PARAMS, method=method, options=options)
    assert result.success == expected.success
    np.testing.assert_allclose(flat(result.x), expected.x, rtol=1e-4, atol=1e-4)
    assert fg.tree.structure(result.x) == fg.tree.structure(PARAMS)
    assert abs(result.nfev - expected.nfev) <= 0.1 * expected.nfev + 3
    slope = result.get("grad") if method == "trust-constr" else result.get("jac")
    if slope is not None:
        assert fg.tree.structure(slope) == fg.tree.structure(PARAMS)


def test_dtypes_stay_and_numbers_in_a_list_are_a_vector() -> None:
    seen = []

    def loss(p: Any) -> Any:
        seen.append((p["w"].dtype, p["c"].dtype))
        return np.sum((p["w"] - 2.0) ** 2) + p["c"] ** 2

    result = minimize(loss, {"w": np.ones((2, 1), np.float32), "c": 3})
    assert seen == [(np.float32, np.float64)]
    assert result.x["w"].dtype == np.float32 and result.x["w"].shape == (2, 1)
    assert result.x["c"].dtype == np.float64 and result.jac["w"].dtype == np.float32
    np.testing.assert_allclose(result.x["w"], 2.0, rtol=1e-5)
    result = minimize(lambda x: rosenbrock(x), [1.3, 0.7])
    assert isinstance(result.x, np.ndarray) and result.x.shape == (2,)


def test_a_function_is_traced_once_and_large_problems_use_products() -> None:
    calls, n = [], 60

    def loss(x: Any) -> Any:
        calls.append(1)
        return np.sum((x - np.arange(n)) ** 2 * np.arange(1.0, n + 1)) + np.sum(x) ** 2

    result = minimize(loss, np.zeros(n), method="trust-ncg")
    assert result.success and len(calls) == 1
    np.testing.assert_allclose(fg.grad(loss)(result.x), np.zeros(n), atol=1e-4)


def test_derivatives_of_the_users_own() -> None:
    x0 = np.array([1.3, 0.7, 0.8])
    gradient, matrix = fg.grad(rosenbrock), fg.hessian(rosenbrock)
    product = lambda x, p: matrix(x) @ p  # noqa: E731
    for given in (
        {"jac": gradient}, {"jac": gradient, "hess": matrix, "method": "trust-exact"},
        {"hessp": product, "method": "Newton-CG"}, {"jac": "2-point"}, {"jac": "3-point", "method": "L-BFGS-B"},
        {"method": "trust-constr", "hess": scipy_optimize.BFGS(), "options": {"maxiter": 500}},
    ):  # fmt: skip
        np.testing.assert_allclose(minimize(rosenbrock, x0, **given).x, np.ones(3), rtol=1e-3)
    both = minimize(lambda x: (rosenbrock(x), gradient(x)), x0, jac=True)
    np.testing.assert_allclose(both.x, np.ones(3), rtol=1e-4)


def test_callbacks_see_pytrees() -> None:
    points: list[Any] = []
    minimize(on_tree, PARAMS, method="BFGS", callback=points.append)
    assert len(points) > 2 and fg.tree.structure(points[0]) == fg.tree.structure(PARAMS)

    def stop(intermediate_result: Any) -> None:
        points.append(intermediate_result.x)
        raise StopIteration

    del points[:]
    minimize(on_tree, PARAMS, method="L-BFGS-B", callback=stop)
    assert len(points) == 1 and fg.tree.structure(points[0]) == fg.tree.structure(PARAMS)


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_bounds_in_every_form() -> None:
    f = lambda p: np.sum((p["w"] + 1.0) ** 2) + (p["c"] - 5.0) ** 2  # noqa: E731
    x0 = {"w": np.ones(2), "c": 0.0}
    for bounds in (
        (0.0, 3.0), ({"w": 0.0, "c": None}, {"w": None, "c": 3.0}), ({"w": np.zeros(2), "c": -9.0}, 3.0),
        scipy_optimize.Bounds(0.0, 3.0), scipy_optimize.Bounds([-9.0, 0.0, 0.0], [3.0, 9.0, 9.0]),
    ):  # fmt: skip
        result = minimize(f, x0, bounds=bounds)
        np.testing.assert_allclose(flat(result.x), [3.0, 0.0, 0.0], atol=1e-9)
    result = minimize(lambda x: np.sum((x - 5.0) ** 2), np.zeros(2), bounds=[(None, 3.0), (0.0, None)])
    np.testing.assert_allclose(result.x, [3.0, 5.0], rtol=1e-6)


def test_bounds_that_do_not_fit() -> None:
    f = lambda p: np.sum(p["w"] ** 2)  # noqa: E731
    x0 = {"w": np.ones(2)}
    with pytest.raises(
        ValueError, match=r"minimize of <lambda>: the lower bounds have the structure .*'v'.* but x0 has"
    ):
        minimize(f, x0, bounds=({"v": 0.0}, None))
    with pytest.raises(ValueError, match=r"the upper bound \['w'\] has shape \(3,\), .* to that of x0\['w'\], \(2,\)"):
        minimize(f, x0, bounds=(None, {"w": np.ones(3)}))
    with pytest.raises(ValueError, match=r"bounds must be a pair \(lower, upper\)"):
        minimize(f, x0, bounds=[(0, 1), (0, 1), (0, 1)])
    with pytest.raises(ValueError, match=r"bounds must be 2 pairs \(min, max\), one for each number in x0"):
        minimize(rosenbrock, np.ones(2), bounds=[(0, 1)])
    with pytest.raises(
        ValueError, match=r"the bounds of number 1 of x0 leave nothing between them: lower 2.0, upper 1.0"
    ):
        minimize(rosenbrock, np.ones(2), bounds=[(0, 1), (2, 1)])


# --- derivatives of solutions -----------------------------------------------------------------------------------------


def banana(x: Any, t: Any) -> Any:
    return 3.0 * (x[1] - x[0] ** 2) ** 2 + (t - x[0]) ** 2 + 0.1 * t * np.cos(x[1])


def test_the_solution_moves_with_a_parameter() -> None:
    check_derivatives(lambda t: minimize(banana, np.zeros(2), args=(t,), options=TIGHT).x, 0.8, second=1e-4)


def test_pytrees_and_what_is_closed_over() -> None:
    def solution(theta: Any) -> Any:
        loss = lambda p: banana(np.stack([p["x"], p["y"]]), theta["t"]) + theta["s"] * p["x"] ** 4  # noqa: E731
        return minimize(loss, {"x": 0.0, "y": 0.0}, options=TIGHT).x

    theta = {"t": 0.8, "s": 0.3}
    jacobian = fg.jacrev(solution)(theta)
    for name in theta:
        expected = quotient(lambda v, name=name: flat(solution({**theta, name: v})), theta[name])
        np.testing.assert_allclose([jacobian[k][name] for k in "xy"], expected, rtol=1e-6)


def test_the_minimum_and_its_gradient_have_derivatives_too() -> None:
    at = lambda t: minimize(banana, np.zeros(2), args=(t,), options=TIGHT)  # noqa: E731
    check_derivatives(lambda t: at(t).fun, 0.8)
    np.testing.assert_allclose(fg.jacfwd(lambda t: at(t).jac)(0.8), np.zeros(2), atol=1e-10)
    found = fg.jit(lambda t: dict(at(t)))
    assert fg.grad(lambda t: at(t).x[0] * 1.0 * at(t).success)(0.8) == fg.grad(lambda t: at(t).x[0])(0.8)
    assert sorted(found(0.8)) == ["fun", "jac", "nfev", "nit", "status", "success", "x"]


def test_solutions_in_batches_and_in_loops() -> None:
    solution = lambda t: minimize(banana, np.zeros(2), args=(t,), options=TIGHT).x  # noqa: E731
    ts = np.array([0.5, 0.8])
    for f in (solution, fg.jacrev(solution)):
        np.testing.assert_allclose(fg.vmap(f)(ts), [f(t) for t in ts], rtol=1e-9)
    total = lambda ts: fg.lax.scan(lambda c, t: (c + np.sum(solution(t)), None), 0.0, ts)[0]  # noqa: E731
    expected = [np.sum(fg.jacrev(solution)(t)) for t in ts]
    np.testing.assert_allclose(fg.jit(fg.grad(total))(ts), expected, rtol=1e-9)


def test_float32_solutions_have_float32_derivatives() -> None:
    f = lambda t: minimize(lambda x: np.sum((x - t) ** 2), np.zeros(2, np.float32)).x  # noqa: E731
    derivative = fg.jacrev(f)(np.float32(2.0))
    assert derivative.dtype == np.float32
    np.testing.assert_allclose(derivative, np.ones(2), rtol=1e-5)


def test_integers_of_an_outer_transformation_are_not_differentiated() -> None:
    f = fg.jit(lambda t, k: minimize(lambda x: (x - t) ** 2 * np.float64(1.0) + 0.0 * k, 0.0).x)
    np.testing.assert_allclose(f(2.0, 3), 2.0, rtol=1e-6)
    np.testing.assert_allclose(fg.jit(fg.grad(lambda t, k: f(t, k)))(2.0, np.int64(3)), 1.0, rtol=1e-6)


@pytest.mark.parametrize("method", ["L-BFGS-B", "trust-constr", "TNC"])
def test_what_is_at_a_bound_stays_there(method: str) -> None:
    options = {"gtol": 1e-11} | ({"xtol": 1e-13, "barrier_tol": 1e-11} if method == "trust-constr" else {"ftol": 1e-15})

    def solution(t: Any) -> Any:
        f = lambda x: banana(x, t) + (x[2] + 1.0) ** 2 + x[2] * x[0] ** 2  # noqa: E731
        bounds = (None, None), (None, None), (0.0, 2.0)
        return minimize(f, np.array([0.1, 0.1, 0.5]), method=method, bounds=bounds, options=options).x

    derivative = fg.jacrev(solution)(0.8)
    assert abs(derivative[2]) < 1e-12
    np.testing.assert_allclose(derivative, quotient(solution, 0.8, 1e-3), rtol=1e-4, atol=1e-5)


def test_what_is_at_a_bound_moves_with_the_bound() -> None:
    def solution(t: Any) -> Any:
        f = lambda p: np.sum((p["x"] - 2.0) ** 2) + p["x"][0] * p["y"] + p["y"] ** 2  # noqa: E731
        bounds = (None, {"x": np.stack([t * t, 9.0 + t]), "y": None})
        x = minimize(f, {"x": np.zeros(2), "y": 0.0}, bounds=bounds, options={"gtol": 1e-12, "ftol": 1e-16}).x
        return np.concatenate([x["x"], np.reshape(x["y"], (1,))])

    np.testing.assert_allclose(fg.jacfwd(solution)(1.1), [2.2, 0.0, -1.1], atol=1e-8)
    check_derivatives(solution, 1.1, second=1e-6)


CIRCLE = {"type": "ineq", "fun": lambda p: 2.0 - np.sum(p**2)}


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_constraints_as_in_scipy(method: str) -> None:
    f = lambda p: np.sum((p - np.array([3.0, 1.0])) ** 2)  # noqa: E731
    line = {"type": "eq", "fun": lambda p, c: p[0] - c * p[1], "args": (2.0,)}
    expected = scipy_optimize.minimize(f, np.ones(2), method="SLSQP", constraints=[CIRCLE, line])
    ring = scipy_optimize.NonlinearConstraint(
        lambda p: np.stack([np.sum(p**2), p[0] * p[1]]), [-np.inf, -9.0], [2.0, 9.0]
    )
    row = scipy_optimize.LinearConstraint([[1.0, -2.0]], 0.0, 0.0)
    for constraints in ([CIRCLE, line], [ring, line], (ring, row)):
        result = minimize(f, np.ones(2), method=method, constraints=constraints)
        np.testing.assert_allclose(result.x, expected.x, rtol=1e-5 if method == "SLSQP" else 1e-3)


def test_what_is_active_is_seen_also_near_the_boundary() -> None:
    """An interior point method ends a little before the boundary."""
    f = lambda p, t: np.sum((p - np.stack([3.0 * t, 1.0])) ** 2)  # noqa: E731
    solution = lambda t: minimize(f, np.ones(2), (t,), method="trust-constr", constraints=CIRCLE).x  # noqa: E731
    exact = lambda t: np.sqrt(2.0) * np.stack([3.0 * t, 1.0]) / np.sqrt(9.0 * t * t + 1.0)  # noqa: E731
    np.testing.assert_allclose(fg.jacfwd(solution)(1.0), fg.jacfwd(exact)(1.0), rtol=1e-2)


@pytest.mark.parametrize("form", ["dictionary", "nonlinear"])
def test_solutions_under_constraints_move(form: str) -> None:
    """Three constraints: one equality, one active, one not; and an active bound."""

    def solution(t: Any) -> Any:
        f = lambda p: np.sum((p["x"] - t) ** 2 * np.arange(1.0, 4.0)) + p["y"]  # noqa: E731
        ball = lambda p: 1.0 + t * t - np.sum(p["x"] ** 2)  # noqa: E731
        plane = lambda p: p["x"][0] - p["x"][1] * t - 0.1  # noqa: E731
        far = lambda p: 50.0 - p["x"][2] - p["y"]  # noqa: E731
        if form == "dictionary":
            limits: Any = [{"type": k, "fun": g} for k, g in (("ineq", ball), ("eq", plane), ("ineq", far))]
        else:
            both = lambda p: np.stack([-ball(p), far(p)])  # noqa: E731
            limits = [
                scipy_optimize.NonlinearConstraint(both, [-np.inf, 0.0], [0.0, np.inf]),
                scipy_optimize.NonlinearConstraint(plane, 0.0, 0.0),
            ]
        x0 = {"x": np.array([0.3, 0.2, 0.1]), "y": 1.0}
        options = {"ftol": 1e-15, "maxiter": 300}
        bounds = ({"x": None, "y": 0.25}, None)
        x = minimize(f, x0, method="SLSQP", bounds=bounds, constraints=limits, options=options).x
        return np.concatenate([x["x"], np.reshape(x["y"], (1,))])

    expected = quotient(solution, 1.2, 1e-3)
    for derivative in (fg.jacfwd(solution), fg.jacrev(solution)):
        np.testing.assert_allclose(derivative(1.2), expected, rtol=1e-6, atol=1e-6)
    if form == "dictionary":
        second = quotient(fg.jacrev(solution), 1.2, 1e-3)
        np.testing.assert_allclose(fg.jit(fg.jacfwd(fg.jacrev(solution)))(1.2), second, rtol=1e-5, atol=1e-5)


def test_minimize_scalar() -> None:
    f = lambda x, a: x**4 - 2.0 * a * x**2 + 0.3 * x  # noqa: E731
    for given in ({"bracket": (0.5, 3.0)}, {"bounds": (0.0, 5.0)}, {"method": "golden", "bracket": (0.5, 1.0, 3.0)}):
        expected = scipy_optimize.minimize_scalar(f, args=(2.0,), **given)
        result = minimize_scalar(f, args=(2.0,), **given)
        np.testing.assert_allclose(result.x, expected.x, rtol=1e-7)
        assert result.success and result.nfev == expected.nfev
    exact = lambda a: minimize_scalar(f, args=(a,), bracket=(0.5, 3.0), tol=1e-12).x  # noqa: E731
    x = exact(2.0)
    for derivative in (fg.grad(exact), fg.jit(fg.jacfwd(exact))):
        np.testing.assert_allclose(derivative(2.0), 4.0 * x / (12.0 * x**2 - 8.0), rtol=1e-6)
    at_end = lambda b: minimize_scalar(lambda x: (x - 9.0) ** 2, bounds=(0.0, b), options={"xatol": 1e-10}).x  # noqa: E731
    np.testing.assert_allclose(fg.grad(at_end)(2.0), 1.0, rtol=1e-12)


# --- fmin_bfgs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_fmin_bfgs_finds_minima(compiled: bool) -> None:
    wrap = fg.jit if compiled else (lambda f: f)
    for n in (1, 2, 5):
        x0 = np.linspace(-1.2, 1.4, n)
        f = rosenbrock if n > 1 else lambda x: np.sum(np.cosh(x - 3.0))
        x, value, slope, inverse, calls, _, flag = wrap(lambda x, f=f: fmin_bfgs(f, x, gtol=1e-7, full_output=True))(x0)
        np.testing.assert_allclose(x, np.ones(n) if n > 1 else [3.0], rtol=1e-6)
        assert flag == 0 and np.max(np.abs(slope)) <= 1e-7 and value == f(x) and calls < 120
        assert np.all(np.linalg.eigvalsh(inverse) > 0)
    result = wrap(lambda p: fmin_bfgs(on_tree, p))(PARAMS)
    np.testing.assert_allclose(flat(result), np.ones(4), rtol=1e-4)


def test_fmin_bfgs_in_batches_and_its_derivatives() -> None:
    solution = lambda t: fmin_bfgs(banana, np.zeros(2), (t,), gtol=1e-10)  # noqa: E731
    check_derivatives(solution, 0.8, second=1e-4)
    ts = np.linspace(0.3, 2.0, 4)
    expected = [minimize(banana, np.zeros(2), (t,), options=TIGHT).x for t in ts]
    np.testing.assert_allclose(fg.jit(fg.vmap(solution))(ts), expected, rtol=1e-6)
    slopes = [fg.jacrev(solution)(t) for t in ts]
    np.testing.assert_allclose(fg.jit(fg.vmap(fg.jacrev(solution)))(ts), slopes, rtol=1e-7)


def test_fmin_bfgs_says_how_it_ended() -> None:
    flags = [
        fmin_bfgs(f, x0, maxiter=k, full_output=True)[-1]
        for f, x0, k in (
            (rosenbrock, np.array([-1.2, 1.0]), 3),
            (lambda x: np.sum(x), np.ones(1), None),
            (lambda x: np.sum(x) * np.nan, np.ones(1), None),
            (lambda x: np.sum(x**2), np.zeros(1), None),
        )
    ]
    assert flags == [1, 2, 3, 0]
    with pytest.raises(TypeError, match=r"fmin_bfgs of <lambda>: the function must return one real number"):
        fmin_bfgs(lambda x: x, np.ones(2))


# --- errors -----------------------------------------------------------------------------------------------------------


def test_functions_that_return_no_number() -> None:
    with pytest.raises(
        TypeError, match=r"minimize of <lambda>: the function must return one real number.*float64\[2\]"
    ):
        minimize(lambda x: x**2, np.ones(2))
    with pytest.raises(TypeError, match=r"must return one real number, but it returned a pytree"):
        minimize(lambda x: (x[0], x[1]), np.ones(2))
    with pytest.raises(TypeError, match=r"minimize_scalar of <lambda>: the function must return one real number"):
        minimize_scalar(lambda x: np.stack([x, x]))


def test_nan_at_the_start() -> None:
    def loss(p: Any) -> Any:
        return np.log(p["a"]) + p["b"] ** 2

    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=r"minimize of loss: the function is nan at x0"):
        minimize(loss, {"a": -1.0, "b": 0.0})
    root = lambda p: np.sum(np.sqrt(p["a"] * 0.0) * p["a"] / p["a"]) * 0.0 + np.sum(p["b"] ** 2)  # noqa: E731
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="is nan at x0"):
        minimize(root, {"a": np.zeros(1), "b": np.ones(1)})


def test_a_gradient_that_is_nan_is_named() -> None:
    @fg.custom_jvp
    def broken(x: Any) -> Any:
        return x * x

    broken.defjvp(lambda primals, tangents: (broken(*primals), tangents[0] * np.nan))
    with pytest.raises(ValueError, match=r"the gradient of the function is nan at x0, with respect to x0\['a'\]\.$"):
        minimize(lambda p: broken(p["a"]) + p["b"] ** 2, {"a": 1.0, "b": 1.0})


def test_unknowns_that_are_none() -> None:
    with pytest.raises(TypeError, match=r"x0\['z'\] has dtype complex128; the unknowns must be real numbers"):
        minimize(lambda p: abs(p["z"]), {"z": 1j})
    with pytest.raises(TypeError, match=r"minimize of <lambda>: x0\['z'\]"):
        minimize(lambda p: 1.0, {"z": "text"})
    with pytest.raises(ValueError, match=r"x0 holds no numbers"):
        minimize(lambda p: 1.0, {})


def test_options_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match=r"jac must be None, True, a function, '2-point' or '3-point', got 'cs'"):
        minimize(rosenbrock, np.ones(2), jac="cs")
    with pytest.raises(ValueError, match=r"hess must return an array of shape \(2, 2\)"):
        minimize(rosenbrock, np.ones(2), hess=lambda x: x, method="trust-exact")
    with pytest.raises(ValueError, match=r"the result of jac has the structure"):
        minimize(lambda p: np.sum(p["a"]), {"a": np.ones(2)}, jac=lambda p: [p["a"]])
    with pytest.raises(ValueError, match=r"constraint 1 needs 'type', which is 'eq' or 'ineq'"):
        minimize(rosenbrock, np.ones(2), constraints=[CIRCLE, {"type": "le", "fun": np.sum}])
    with pytest.raises(TypeError, match=r"constraint 0 must be a dictionary"):
        minimize(rosenbrock, np.ones(2), constraints=[np.sum])
    with pytest.raises(ValueError, match=r"constraint 0: lb and ub have shapes \(3,\) and \(\), the function has 1"):
        ring = scipy_optimize.NonlinearConstraint(lambda x: x[0], np.zeros(3), 1.0)
        minimize(rosenbrock, np.ones(2), constraints=ring)
