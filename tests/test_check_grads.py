"""The gradient checker accepts right derivatives and rejects wrong ones, in every mode, order and tree."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.test_util import check_grads, check_jvp, check_vjp

X = np.array([0.3, -1.2, 2.0])


def tree_function(params: dict, x: Any, step: int) -> dict:
    """A pytree in, a pytree out, an integer among the arguments."""
    hidden = fnp.tanh(params["w"] @ x + params["b"])
    return {"hidden": hidden, "loss": fnp.sum(hidden**2) / step, "step": step + 1}


def test_accepts_right_derivatives_to_order_three() -> None:
    check_grads(lambda x, y: fnp.sin(x) * fnp.exp(y), (X, 0.5), order=3)


def test_accepts_pytrees_and_integers() -> None:
    params = {"w": np.linspace(-1, 1, 6).reshape(2, 3), "b": np.array([0.1, -0.2])}
    check_grads(tree_function, (params, X, 3), order=2)


@pytest.mark.parametrize("modes", [("fwd",), ("rev",), ("fwd", "rev")])
def test_accepts_single_precision(modes: tuple[str, ...]) -> None:
    check_grads(lambda x: fnp.sum(fnp.tanh(x) * x), (X.astype(np.float32),), order=2, modes=modes)


def test_accepts_compiled_functions() -> None:
    check_grads(fg.jit(lambda x: fnp.sum(x * fnp.cos(x))), (X,), order=2)


def wrong_jvp(factor: float) -> Any:
    """x**3 with a forward rule that is right for factor 3 only."""
    cube = fg.custom_jvp(lambda x: x * x * x)
    cube.defjvp(lambda primals, tangents: (primals[0] ** 3, factor * primals[0] ** 2 * tangents[0]))
    return cube


def wrong_vjp(factor: float) -> Any:
    """x**3 with a reverse rule that is right for factor 3 only."""
    cube = fg.custom_vjp(lambda x: x * x * x)
    cube.defvjp(lambda x: (x * x * x, x), lambda x, ct: (factor * x**2 * ct,))
    return cube


@pytest.mark.parametrize("make", [wrong_jvp, wrong_vjp])
@pytest.mark.parametrize("modes", [("fwd",), ("rev",)])
def test_rejects_a_wrong_custom_rule(make: Any, modes: tuple[str, ...]) -> None:
    check_grads(make(3.0), (X,), order=2, modes=modes)
    with pytest.raises(AssertionError, match="differs from the difference quotient"):
        check_grads(make(3.01), (X,), order=1, modes=modes)


def second_order_only(factor: float) -> Any:
    """A rule right to first order; its own derivative is wrong unless factor is 1: part of x is hidden."""
    square = fg.custom_jvp(lambda x: x * x)

    def rule(primals: Any, tangents: Any) -> Any:
        (x,), (t,) = primals, tangents
        slope = 2.0 * (factor * x + (1.0 - factor) * fg.stop_gradient(x))
        return x * x, slope * t

    square.defjvp(rule)
    return square


@pytest.mark.parametrize("modes", [("fwd",), ("rev",), ("fwd", "rev")])
def test_rejects_a_rule_wrong_at_second_order(modes: tuple[str, ...]) -> None:
    check_grads(second_order_only(1.0), (X,), order=2, modes=modes)
    check_grads(second_order_only(0.5), (X,), order=1, modes=modes)
    with pytest.raises(AssertionError, match=r"of (fwd|rev) of"):
        check_grads(second_order_only(0.5), (X,), order=2, modes=modes)


def test_check_jvp_and_check_vjp_reject_wrong_functions() -> None:
    right_jvp, right_vjp = functools.partial(fg.jvp, fnp.sin), functools.partial(fg.vjp, fnp.sin)
    check_jvp(fnp.sin, right_jvp, (X,))
    check_vjp(fnp.sin, right_vjp, (X,))
    with pytest.raises(AssertionError, match="outputs are not those"):
        check_jvp(fnp.cos, right_jvp, (X,))
    with pytest.raises(AssertionError, match="outputs are not those"):
        check_vjp(fnp.cos, right_vjp, (X,))
    with pytest.raises(AssertionError, match="difference quotient"):
        check_jvp(fnp.sin, lambda p, t: (np.sin(p[0]), np.sin(p[0]) * t[0]), (X,))
    with pytest.raises(AssertionError, match="has shape"):
        check_vjp(fnp.sin, lambda x: (np.sin(x), lambda ct: (np.sum(ct),)), (X,))


def test_tolerances_and_step_are_respected() -> None:
    check_grads(wrong_jvp(3.01), (X,), order=1, modes=("fwd",), rtol=1e-2)
    with pytest.raises(AssertionError):
        check_grads(lambda x: fnp.sin(40 * x), (X,), order=1, eps=0.1)


def test_unknown_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="'fwd' and 'rev'"):
        check_grads(fnp.sin, (X,), order=1, modes=("forward",))
