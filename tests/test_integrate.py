"""scipy.integrate: SciPy's values; derivatives of integrals and of solutions of differential equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate as scipy_integrate

import funcgrad as fg
from funcgrad.scipy.integrate import cumulative_trapezoid, fixed_quad, odeint, quad, simpson, solve_ivp, trapezoid
from funcgrad.test_util import check_grads

RANDOM = np.random.default_rng(0)
X = np.cumsum(RANDOM.uniform(0.2, 1.0, 7))
Y = RANDOM.normal(size=(2, 7, 3))

# --- samples ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("rule", [trapezoid, simpson, cumulative_trapezoid])
def test_rules_are_scipys(rule: Callable, n: int) -> None:
    expected = getattr(scipy_integrate, rule.__name__)
    y, x = Y[:, :n], X[:n]
    whole = np.broadcast_to(x[:, None], y.shape) + RANDOM.normal(size=y.shape) * 0.01
    for kwargs in ({"axis": 1}, {"dx": 0.5, "axis": -2}, {"x": x, "axis": 1}, {"x": whole, "axis": 1}):
        np.testing.assert_allclose(rule(y, **kwargs), expected(y, **kwargs), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(fg.jit(lambda y, x: rule(y, x, axis=1))(y, x), expected(y, x, axis=1), rtol=1e-13)
    if n > 1:
        check_grads(lambda y, x: rule(y, x=x, axis=1), (y, x), order=2)


def test_rules_keep_dtypes_and_take_lists() -> None:
    y = np.arange(5, dtype=np.float32)
    for rule in (trapezoid, simpson, cumulative_trapezoid):
        assert rule(y, dx=np.float32(0.5)).dtype == np.float32
    assert simpson([0, 1, 4, 9]) == 9.0 and trapezoid([1, 2, 3]) == 4.0
    expected = scipy_integrate.cumulative_trapezoid(y, initial=0)
    np.testing.assert_array_equal(cumulative_trapezoid(y, initial=0), expected)
    for x in ([0.0, 1.0, 1.0, 3.0], [0.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 2.0]):  # samples that coincide
        np.testing.assert_allclose(simpson(np.ones(4), np.array(x)), scipy_integrate.simpson(np.ones(4), x=x))


def test_rules_errors() -> None:
    with pytest.raises(ValueError, match=r"simpson: x has shape \(3,\); it must be \(7,\) or that of y, \(7,\)"):
        simpson(np.ones(7), np.ones(3))
    with pytest.raises(ValueError, match=r"cumulative_trapezoid: initial must be None or 0, got 2.0"):
        cumulative_trapezoid(np.ones(3), initial=2.0)
    for rule in (simpson, cumulative_trapezoid):
        with pytest.raises(ValueError, match="at least one sample"):
            rule(np.ones((2, 0)))


# --- functions --------------------------------------------------------------------------------------------------------


def bell(s: Any, a: Any, b: Any) -> Any:
    return quad(lambda x: x * np.exp(-s * x * x), a, b)[0]


def exact_bell(s: Any, a: Any, b: Any) -> Any:
    return (np.exp(-s * a * a) - np.exp(-s * b * b)) / (2.0 * s)


def test_quad_is_scipys() -> None:
    f = lambda x, c: np.cos(c * x) * np.exp(-x)  # noqa: E731
    for limits in ((0.0, 2.0), (2.0, -1.0), (0.0, np.inf)):
        expected = scipy_integrate.quad(f, *limits, args=(3.0,))
        np.testing.assert_allclose(quad(f, *limits, args=(3.0,)), expected, rtol=1e-6)
        np.testing.assert_allclose(quad(f, *limits, args=(3.0,))[0], expected[0], rtol=1e-12)
    step = lambda x: np.where(x < 0.3, 1.0, 5.0)  # noqa: E731
    value, _, info = quad(step, 0.0, 1.0, points=[0.3], full_output=True)
    assert value == pytest.approx(3.8) and info["neval"] > 0
    assert quad(lambda x: 1, 0, 2)[0] == 2.0


def test_quad_has_derivatives_in_limits_and_parameters() -> None:
    args = (1.3, -0.4, 1.7)
    np.testing.assert_allclose(bell(*args), exact_bell(*args), rtol=1e-12)
    numbers = (0, 1, 2)
    for transform in (fg.grad, fg.jacfwd, fg.hessian, lambda f, n: fg.grad(lambda *a: fg.grad(f, n)(*a)[0], n)):
        expected = transform(exact_bell, numbers)(*args)
        for found in (transform(bell, numbers)(*args), fg.jit(transform(bell, numbers))(*args)):
            np.testing.assert_allclose(fg.tree.leaves(found), fg.tree.leaves(expected), rtol=1e-10)


def test_quad_with_arrays_infinite_limits_and_batches() -> None:
    f = lambda w, n: quad(lambda x: np.sum(w * np.exp(-w * x)) * n, 0.0, np.inf)[0]  # noqa: E731
    g = lambda w, p: quad(lambda x: np.sum(w * np.exp(-w * x) * p), 0.1, np.inf)[0]  # noqa: E731
    w, p = np.array([1.0, 2.0, 0.5]), np.array([1.0, 3.0, 2.0])
    np.testing.assert_allclose(f(w, 2), 6.0)
    np.testing.assert_allclose(fg.grad(g, (0, 1))(w, p), (-0.1 * np.exp(-0.1 * w) * p, np.exp(-0.1 * w)), rtol=1e-9)
    assert fg.jit(fg.grad(f))(w, np.int64(2)) == pytest.approx(np.zeros(3), abs=1e-8)
    end = np.array([0.5, 2.0])
    for h in (bell, fg.grad(bell, 2)):
        np.testing.assert_allclose(fg.vmap(h, (None, None, 0))(1.0, 0.0, end), [h(1.0, 0.0, e) for e in end])


def test_quad_inside_quad() -> None:
    area = lambda s: quad(lambda y: quad(lambda x: np.exp(-s * x * y), 0.0, y)[0], 0.0, 1.0)[0]  # noqa: E731
    expected = scipy_integrate.dblquad(lambda x, y: np.exp(-1.3 * x * y), 0, 1, 0, lambda y: y)[0]
    assert area(1.3) == pytest.approx(expected)
    assert fg.grad(area)(1.3) == pytest.approx((area(1.3001) - area(1.2999)) / 2e-4, rel=1e-6)


def test_quad_errors() -> None:
    with pytest.raises(TypeError, match=r"quad of <lambda>: the function must return one real number.*float64\[1\]"):
        quad(lambda x: np.stack([x]), 0.0, 1.0)
    with pytest.raises(ValueError, match=r"full_output is for calls outside transformations"):
        fg.grad(lambda s: quad(lambda x: s * x, 0.0, 1.0, full_output=True)[0])(1.0)


def test_fixed_quad() -> None:
    f = lambda x, c: np.stack([x**5 * c, np.exp(x)])  # noqa: E731
    expected = scipy_integrate.fixed_quad(f, -1.0, 2.0, (3.0,), n=4)
    np.testing.assert_allclose(fixed_quad(f, -1.0, 2.0, (3.0,), n=4)[0], expected[0], rtol=1e-14)
    assert fixed_quad(f, -1.0, 2.0, (3.0,))[1] is None
    check_grads(lambda a, b, c: fixed_quad(f, a, b, (c,))[0], (-1.0, 2.0, 3.0), order=2)
    with pytest.raises(ValueError, match=r"fixed_quad of exp: the limits must be finite, got 0.0 and inf"):
        fixed_quad(np.exp, 0.0, np.inf)
    with pytest.raises(ValueError, match=r"n must be positive, got 0"):
        fixed_quad(np.exp, 0.0, 1.0, n=0)


# --- differential equations -------------------------------------------------------------------------------------------

TIMES = np.array([0.0, 0.7, 1.5, 1.5, 4.0])
START = {"prey": 1.2, "hunter": np.array([0.7])}
RATES = {"growth": 1.1, "death": np.array([0.4])}


def lotka_volterra(y: Any, t: Any, rates: Any) -> Any:
    meet = rates["death"] * y["prey"] * y["hunter"]
    return {"prey": rates["growth"] * y["prey"] - meet[0] + 0.1 * np.sin(t), "hunter": meet - y["hunter"]}


def reference(times: np.ndarray) -> np.ndarray:
    def f(t: float, z: np.ndarray) -> Any:
        slope = lotka_volterra({"prey": z[1], "hunter": z[:1]}, t, RATES)
        return [slope["hunter"][0], slope["prey"]]

    return scipy_integrate.solve_ivp(
        f, (times[0], times[-1]), [0.7, 1.2], t_eval=times, method="DOP853", rtol=1e-12, atol=1e-12
    ).y.T


def columns(ys: Any) -> np.ndarray:
    return np.stack([ys["hunter"][:, 0], ys["prey"]], axis=1)


def test_odeint_solves_pytrees_forwards_and_backwards() -> None:
    ys = odeint(lotka_volterra, START, TIMES, RATES)
    assert ys["prey"].shape == (5,) and ys["hunter"].shape == (5, 1)
    exact = reference(TIMES[[0, 1, 2, 4]])[[0, 1, 2, 2, 3]]
    np.testing.assert_allclose(columns(ys), exact, atol=2e-7)
    np.testing.assert_array_equal(columns(ys)[2], columns(ys)[3])
    back = odeint(lotka_volterra, fg.tree.map(lambda x: x[-1], ys), TIMES[::-1], RATES)
    np.testing.assert_allclose(columns(back)[::-1], exact, atol=1e-6)


def test_odeint_follows_its_tolerances() -> None:
    f = lambda y, t: np.stack([y[1], -y[0]])  # noqa: E731
    t = np.linspace(0.0, 10.0, 7)
    errors = []
    for tolerance in (1e-4, 1e-7, 1e-10):
        ys = odeint(f, [1.0, 0.0], t, rtol=tolerance, atol=tolerance)
        errors.append(np.max(np.abs(ys[:, 0] - np.cos(t))))
        assert errors[-1] < 50 * tolerance
    assert errors[0] > errors[1] > errors[2]


def loss(y0: Any, t: Any, rates: Any) -> Any:
    ys = odeint(lotka_volterra, y0, t, rates, rtol=1e-10, atol=1e-10)
    return np.sum(ys["prey"] ** 2) + np.sum(np.cos(ys["hunter"]) * np.arange(5.0)[:, None])


def by_fixed_steps(y0: Any, t: Any, rates: Any, steps: int = 100) -> Any:
    """The same by Runge's and Kutta's classical formula, differentiated step by step."""
    add = lambda y, k, h: fg.tree.map(lambda a, b: a + h * b, y, k)  # noqa: E731

    def between(y: Any, ends: Any) -> Any:
        h = (ends[1] - ends[0]) / steps

        def step(i: Any, y: Any) -> Any:
            s = ends[0] + i * h
            k1 = lotka_volterra(y, s, rates)
            k2 = lotka_volterra(add(y, k1, h / 2), s + h / 2, rates)
            k3 = lotka_volterra(add(y, k2, h / 2), s + h / 2, rates)
            k4 = lotka_volterra(add(y, k3, h), s + h, rates)
            return fg.tree.map(lambda y, a, b, c, d: y + h / 6 * (a + 2 * b + 2 * c + d), y, k1, k2, k3, k4)

        y = fg.lax.fori_loop(0, steps, step, y)
        return y, y

    ys = fg.lax.scan(between, y0, np.stack([t[:-1], t[1:]], axis=1))[1]
    ys = fg.tree.map(lambda first, rest: np.concatenate([np.reshape(first, (1, *np.shape(first))), rest]), y0, ys)
    return np.sum(ys["prey"] ** 2) + np.sum(np.cos(ys["hunter"]) * np.arange(5.0)[:, None])


def test_odeint_gradient_is_that_of_a_fixed_step_solver() -> None:
    expected = fg.jit(fg.grad(by_fixed_steps, (0, 1, 2)))(START, TIMES, RATES)
    for found in (fg.grad(loss, (0, 1, 2)), fg.jit(fg.grad(loss, (0, 1, 2)))):
        for a, e in zip(fg.tree.leaves(found(START, TIMES, RATES)), fg.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-6, atol=1e-6)


def test_odeint_forward_mode_and_differences() -> None:
    direction = fg.tree.map(lambda x: np.cos(np.asarray(x) * 7.0)[()], (START, TIMES, RATES))
    along = lambda s: loss(*fg.tree.map(lambda a, d: a + s * d, (START, TIMES, RATES), direction))  # noqa: E731
    expected = (8 * (along(1e-3) - along(-1e-3)) - (along(2e-3) - along(-2e-3))) / 12e-3
    forward = fg.jvp(along, (0.0,), (1.0,))[1]
    np.testing.assert_allclose([forward, fg.jit(fg.grad(along))(0.0)], expected, rtol=1e-6)


def test_odeint_gradient_by_forward_sensitivities() -> None:
    def value(y0: Any, t: Any, rates: Any) -> Any:
        ys = odeint(lotka_volterra, y0, t, rates, rtol=1e-10, atol=1e-10, sensitivity="forward")
        return np.sum(ys["prey"] ** 2) + np.sum(np.cos(ys["hunter"]) * np.arange(5.0)[:, None])

    expected = fg.grad(loss, (0, 1, 2))(START, TIMES, RATES)
    for wrap in (fg.jit, lambda f: f):
        found = wrap(fg.grad(value, (0, 1, 2)))(START, TIMES, RATES)
        for a, e in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("k", [2.0, 5.0, 20.0, 40.0, 100.0, 1000.0])
def test_odeint_gradient_of_damped_systems_is_right_or_nan(k: float) -> None:
    """Backwards, the states of a strongly damped system run away; that must be seen where it matters."""
    t = np.array([0.0, 1.0, 3.0])

    def last(y: Any, k: Any, sensitivity: str) -> Any:
        damped = lambda y, t: -k * (y - np.cos(t)) - y**3  # noqa: E731
        return odeint(damped, y, t, rtol=1e-9, atol=1e-9, sensitivity=sensitivity)[1:]

    h = 1e-4 * k
    expected = (last(0.3, k + h, "forward") - last(0.3, k - h, "forward")) / (2 * h)
    forward = fg.jit(fg.jacrev(lambda k: last(0.3, k, "forward")))(k)
    np.testing.assert_allclose(forward, expected, rtol=1e-3, atol=1e-7)
    adjoint = fg.jit(fg.jacrev(lambda k: last(0.3, k, "adjoint")))(k)
    if k < 50:
        np.testing.assert_allclose(adjoint, forward, rtol=1e-3, atol=1e-7)
    else:
        assert np.all(np.isnan(adjoint) | (abs(adjoint - forward) < 1e-3 * abs(forward)))


def test_odeint_second_derivatives() -> None:
    t, f = np.array([0.0, 0.5, 2.0]), lambda y, t, a: -a * y**2 + t
    value = lambda x, a: np.sum(odeint(f, x, t, a, rtol=1e-10, atol=1e-10)[1:] ** 2)  # noqa: E731
    gradient = fg.grad(value, (0, 1))
    above, below = gradient(1.3001, 0.8), gradient(1.2999, 0.8)
    expected = [(p - m) / 2e-4 for p, m in zip(above, below)]
    for found in (fg.jacfwd(gradient), fg.jacrev(gradient), fg.jit(fg.jacrev(fg.jacfwd(value, (0, 1))))):
        np.testing.assert_allclose(
            [row if np.ndim(row) == 0 else row[0] for row in found(1.3, 0.8)], expected, rtol=1e-6
        )


def test_odeint_closures_batches_and_integers() -> None:
    t = np.array([0.0, 1.0])

    def last(k: Any, n: Any) -> Any:
        return odeint(lambda y, t: -k * y * n, np.array([1.0, 2.0]), t)[-1]

    ks = np.array([0.5, 1.0, 20.0])
    exact = lambda k: np.array([1.0, 2.0]) * np.exp(-2.0 * k)  # noqa: E731
    np.testing.assert_allclose(fg.jit(fg.vmap(last, (0, None)))(ks, np.int64(2)), [exact(k) for k in ks], atol=1e-6)
    slopes = fg.vmap(fg.jacrev(last), (0, None))(ks[:2], np.int64(2))
    np.testing.assert_allclose(slopes, [-2.0 * exact(k) for k in ks[:2]], atol=1e-6)


def test_odeint_float32_and_single_times() -> None:
    ys = odeint(lambda y, t: -y, np.ones(2, np.float32), np.array([0.0, 1.0]), rtol=1e-5, atol=1e-5)
    assert ys.dtype == np.float32 and ys.shape == (2, 2)
    np.testing.assert_allclose(ys[1], np.exp(-1.0), rtol=1e-4)
    slope = fg.jacrev(lambda y: odeint(lambda y, t: -y, y, np.array([0.0, 1.0]), rtol=1e-5, atol=1e-5)[1])
    assert slope(np.float32(1.0)).dtype == np.float32
    np.testing.assert_array_equal(odeint(lambda y, t: -y, 3.0, np.array([2.0])), [3.0])


def test_odeint_says_where_it_gave_up() -> None:
    explode = lambda y, t: y * y  # noqa: E731
    ys = odeint(explode, 1.0, np.array([0.0, 0.5, 2.0]))
    assert ys[1] == pytest.approx(2.0) and np.isnan(ys[2])
    assert np.isnan(odeint(lambda y, t: -50.0 * y, 1.0, np.array([0.0, 5.0]), mxstep=3)[1])
    few = odeint(lambda y, t: 0.0 * y + 1.0, 0.0, np.array([0.0, 5.0]), hmax=1.0, mxstep=4)
    assert np.isnan(few[1])
    with np.errstate(invalid="ignore"):
        assert np.isnan(odeint(lambda y, t: np.log(y - t), 0.5, np.array([0.0, 3.0]))[1])


def test_odeint_errors() -> None:
    f = lambda y, t: y  # noqa: E731
    with pytest.raises(
        ValueError, match=r"odeint of <lambda>: t must be increasing or decreasing, but t\[1\] = 2.0, t\[2\] = 1.0"
    ):
        odeint(f, 1.0, np.array([0.0, 2.0, 1.0, 3.0]))
    with pytest.raises(ValueError, match=r"t must be a vector of times"):
        odeint(f, 1.0, 2.0)
    with pytest.raises(ValueError, match=r"the result of the function has the structure .*, but y0 has"):
        odeint(lambda y, t: [y["a"]], {"a": 1.0}, np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match=r"the result of the function\['a'\] has shape \(2,\), y0 has \(\)"):
        odeint(lambda y, t: {"a": np.ones(2)}, {"a": 1.0}, np.array([0.0, 1.0]))
    with pytest.raises(TypeError, match=r"y0 has dtype complex128"):
        odeint(f, 1j, np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match=r"sensitivity must be 'adjoint' or 'forward', got 'tape'"):
        odeint(f, 1.0, np.array([0.0, 1.0]), sensitivity="tape")


# --- SciPy's solvers --------------------------------------------------------------------------------------------------


def swapped(t: Any, y: Any, rates: Any) -> Any:
    return lotka_volterra(y, t, rates)


@pytest.mark.parametrize("method", ["RK45", "DOP853", "Radau", "BDF", "LSODA"])
def test_solve_ivp_is_scipys(method: str) -> None:
    def flat(t: float, z: np.ndarray) -> Any:
        slope = lotka_volterra({"prey": z[1], "hunter": z[:1]}, t, RATES)
        return np.stack([slope["hunter"][0], slope["prey"]])

    options = {"rtol": 1e-6, "atol": 1e-8}
    expected = scipy_integrate.solve_ivp(flat, (0.0, 4.0), [0.7, 1.2], method, dense_output=True, **options)
    result = solve_ivp(swapped, (0.0, 4.0), START, method, args=(RATES,), dense_output=True, **options)
    assert result.success and result.y["hunter"].shape == (1, len(result.t))
    np.testing.assert_allclose(result.t[-1], 4.0)
    assert abs(len(result.t) - len(expected.t)) <= 3
    np.testing.assert_allclose(result.y["prey"][-1], expected.y[1, -1], rtol=1e-4)
    np.testing.assert_allclose(result.sol(1.3)["prey"], expected.sol(1.3)[1], rtol=1e-4)
    assert result.sol(np.array([1.3, 2.0]))["hunter"].shape == (1, 2)


def test_solve_ivp_events() -> None:
    def hits_ground(t: Any, y: Any, g: Any) -> Any:
        return y["height"]

    hits_ground.terminal, hits_ground.direction = True, -1  # type: ignore[attr-defined]
    fall = lambda t, y, g: {"height": y["speed"], "speed": -g}  # noqa: E731
    result = solve_ivp(fall, (0.0, 9.0), {"height": 0.0, "speed": 10.0}, args=(10.0,), events=hits_ground)
    assert result.status == 1 and result.t_events[0] == pytest.approx([2.0])
    np.testing.assert_allclose(result.y_events[0]["speed"], [-10.0])


@pytest.mark.parametrize(("method", "sensitivity"), [("DOP853", "adjoint"), ("Radau", "forward")])
def test_solve_ivp_has_derivatives(method: str, sensitivity: str) -> None:
    def value(y0: Any, t: Any, rates: Any) -> Any:
        how = dict(args=(rates,), sensitivity=sensitivity, rtol=1e-8, atol=1e-9)
        result = solve_ivp(swapped, (t[0], t[-1]), y0, method, t_eval=t, **how)
        return np.sum(result.y["prey"] ** 2) + np.sum(np.cos(result.y["hunter"]) * np.arange(5.0))

    times = np.array([0.0, 0.7, 1.5, 1.6, 4.0])
    expected = fg.jit(fg.grad(by_fixed_steps, (0, 1, 2)))(START, times, RATES)
    for found in (fg.grad(value, (0, 1, 2)), fg.jit(fg.grad(value, (0, 1, 2)))):
        for a, e in zip(fg.tree.leaves(found(START, times, RATES)), fg.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-4)
    push = {"growth": 1.0, "death": np.ones(1)}
    forward = fg.jvp(lambda r: value(START, times, r), (RATES,), (push,))[1]
    np.testing.assert_allclose(forward, expected[2]["growth"] + np.sum(expected[2]["death"]), rtol=1e-4)


def test_solve_ivp_stiff_second_derivative_and_batches() -> None:
    """y' = -k (y - cos t), far stiffer than the times asked for."""

    def last(k: Any) -> Any:
        f = lambda t, y: -k * (y - np.cos(t))  # noqa: E731
        return solve_ivp(f, (0.0, 1.0), [0.0], "BDF", t_eval=[1.0], rtol=1e-8, atol=1e-11).y[0, 0]

    exact = lambda k: (k * k * np.cos(1.0) + k * np.sin(1.0)) / (1 + k * k)  # noqa: E731  where exp(-k) is nothing
    k = 1000.0
    np.testing.assert_allclose([last(k), fg.grad(last)(k)], [exact(k), fg.grad(exact)(k)], rtol=1e-4)
    np.testing.assert_allclose(fg.jacfwd(fg.grad(last))(20.0), fg.grad(fg.grad(exact))(20.0), rtol=1e-3)
    np.testing.assert_allclose(fg.vmap(last)(np.array([100.0, k])), [exact(100.0), exact(k)], rtol=1e-6)


def test_solve_ivp_backwards_failures_and_errors() -> None:
    back = fg.jit(lambda y: solve_ivp(lambda t, y: -y, (1.0, 0.0), y, t_eval=[1.0, 0.5, 0.5, 0.0], rtol=1e-8).y)(2.0)
    np.testing.assert_allclose(back, 2.0 * np.exp([0.0, 0.5, 0.5, 1.0]), rtol=1e-6)
    blow = fg.jit(lambda y: dict(solve_ivp(lambda t, y: y * y, (0.0, 2.0), y, t_eval=[0.5, 2.0])))(1.0)
    assert not blow["success"] and np.isfinite(blow["y"][0]) and np.isnan(blow["y"][1])
    with pytest.raises(
        ValueError, match=r"solve_ivp of <lambda>: under a transformation the number of steps.*\nFix: pass t_eval="
    ):
        fg.grad(lambda k: solve_ivp(lambda t, y: -k * y, (0.0, 1.0), [1.0]).y[0, -1])(1.0)
    with pytest.raises(ValueError, match=r"the result of the function has shape \(2,\), y0 has \(1,\)"):
        solve_ivp(lambda t, y: np.ones(2), (0.0, 1.0), [1.0])
    with pytest.raises(TypeError, match=r"the event <lambda>: the function must return one real number"):
        solve_ivp(lambda t, y: -y, (0.0, 1.0), [1.0], events=lambda t, y: y)
