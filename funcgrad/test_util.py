"""Gradient checks: compare derivatives with difference quotients, to any order and in every nesting of the two modes.

With this module one can test that a function, and in particular a hand-written `custom_jvp` or `custom_vjp` rule,
has the derivatives it claims: `check_grads(f, args, order=2)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import tree
from .api.differentiation import jvp, vjp
from .core.avals import aval_of, is_inexact

__all__ = ["check_grads", "check_jvp", "check_vjp"]

# Tolerance and step of the difference quotient by the coarsest float type met.
_TOLERANCE = {2: 3e-2, 4: 2e-3, 8: 1e-6}
_STEP = {2: 2e-1, 4: 2e-2, 8: 1e-3}
_SEED = 20250101


def check_grads(
    f: Callable,
    args: Sequence[Any],
    order: int,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Check the derivatives of a function against difference quotients, up to an order.

    With both modes, order k checks all 2^k nestings of forward and reverse mode: fwd of rev as well as rev of fwd.
    The quotient is (8 (f(x + h t) - f(x - h t)) - (f(x + 2 h t) - f(x - 2 h t))) / 12 h in a random direction t, which
    is complex where x is.

    Args:
        f: a function of pytrees of arrays to a pytree of arrays; leaves that are not floating-point stay fixed.
        args: the point, a tuple with one entry for each argument. Keep it away from kinks.
        order: the highest order of derivative.
        modes: "fwd", "rev" or both.
        atol, rtol: tolerances; by default 1e-6 for float64 and 2e-3 for float32.
        eps: step h of the quotient; by default 1e-3 for float64 and 2e-2 for float32.

    Raises:
        AssertionError: naming the nesting whose derivative is wrong.
        ValueError: for an unknown mode.

    Example:
        >>> import numpy as np
        >>> import funcgrad as fg
        >>> from funcgrad.test_util import check_grads
        >>> check_grads(lambda x, y: fg.numpy.sin(x) * y, (np.array([0.3, 2.0]), 1.5), order=3)
        >>> @fg.custom_jvp
        ... def cube(x):
        ...     return x * x * x
        >>> _ = cube.defjvp(lambda primals, tangents: (primals[0] ** 3, 2.0 * primals[0] ** 2 * tangents[0]))
        >>> check_grads(cube, (2.0,), order=1)
        Traceback (most recent call last):
        ...
        AssertionError: fwd of cube: the derivative differs from the difference quotient...

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, section 3.
    """
    unknown = [m for m in modes if m not in ("fwd", "rev")]
    if unknown or not modes:
        raise ValueError(f"check_grads: modes are 'fwd' and 'rev', got {list(modes)}")
    g, leaves = _on_float_leaves(f, args)
    _check_nested(g, leaves, order, tuple(modes), getattr(f, "__name__", type(f).__name__), (atol, rtol, eps))


def _check_nested(
    g: Callable, leaves: list[Any], order: int, modes: tuple[str, ...], name: str, tolerances: tuple
) -> None:
    if order < 1:
        return
    atol, rtol, eps = tolerances
    for mode in modes:
        label = f"{mode} of {name}"
        if mode == "fwd":
            check_jvp(g, lambda primals, tangents: jvp(g, primals, tangents), leaves, atol, rtol, eps, label)
            tangents = _random_like(leaves, 1)
            derived = lambda *x, t=tangents: jvp(g, x, tuple(t))[1]  # noqa: E731
        else:
            check_vjp(g, lambda *primals: vjp(g, *primals), leaves, atol, rtol, eps, label)
            cotangents = _random_like(g(*leaves), 2)
            derived = lambda *x, ct=cotangents: list(vjp(g, *x)[1](ct))  # noqa: E731
        _check_nested(derived, leaves, order - 1, modes, label, tolerances)


def check_jvp(
    f: Callable,
    f_jvp: Callable,
    args: Sequence[Any],
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
    err_msg: str = "check_jvp",
) -> None:
    """Check a forward derivative, J t = d/ds f(x + s t) at s = 0, in a random direction t.

    Args:
        f: a function of pytrees of floating-point arrays to such a pytree.
        f_jvp: `(primals, tangents) -> (outputs, output tangents)`, for example `functools.partial(funcgrad.jvp, f)`.
        args: the point, one entry for each argument.
        atol, rtol, eps: as in `check_grads`.
        err_msg: what an error calls the derivative.

    Raises:
        AssertionError: when the outputs of `f_jvp` are not those of `f`, or the tangent is wrong.

    Example:
        >>> import functools, funcgrad as fg
        >>> square = lambda x: x * x
        >>> check_jvp(square, functools.partial(fg.jvp, square), (3.0,))
    """
    args, tangents = tuple(args), tuple(_random_like(list(args), 0))
    out, t_out = f_jvp(args, tangents)
    expected = f(*args)
    atol, rtol, eps = _defaults((args, expected), atol, rtol, eps)
    _assert_close(out, expected, atol, rtol, f"{err_msg}: its outputs are not those of the function")
    _assert_close(
        t_out,
        _quotient(f, args, tangents, eps),
        atol,
        rtol,
        f"{err_msg}: the derivative differs from the difference quotient",
    )


def check_vjp(
    f: Callable,
    f_vjp: Callable,
    args: Sequence[Any],
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
    err_msg: str = "check_vjp",
) -> None:
    """Check a reverse derivative by <ct, J t> = <J^T ct, t>, with J t from difference quotients, in random directions.

    For complex numbers <ct, t> = Re(ct * t), summed over all elements.

    Args:
        f: a function of pytrees of floating-point arrays to such a pytree.
        f_vjp: `(*primals) -> (outputs, pullback)`, for example `functools.partial(funcgrad.vjp, f)`.
        args: the point, one entry for each argument.
        atol, rtol, eps: as in `check_grads`.
        err_msg: what an error calls the derivative.

    Raises:
        AssertionError: when the outputs of `f_vjp` are not those of `f`, or the cotangents are wrong.

    Example:
        >>> import functools, funcgrad as fg
        >>> square = lambda x: x * x
        >>> check_vjp(square, functools.partial(fg.vjp, square), (3.0,))
    """
    args, tangents = tuple(args), tuple(_random_like(list(args), 0))
    out, pullback = f_vjp(*args)
    expected = f(*args)
    atol, rtol, eps = _defaults((args, expected), atol, rtol, eps)
    _assert_close(out, expected, atol, rtol, f"{err_msg}: its outputs are not those of the function")
    cotangents = _random_like(expected, 3)
    gradients = pullback(cotangents)
    for g, x in zip(tree.tree_leaves(tuple(gradients)), tree.tree_leaves(args), strict=True):
        assert np.shape(g) == np.shape(x), f"{err_msg}: a cotangent has shape {np.shape(g)}, its argument {np.shape(x)}"
    left = _inner(cotangents, _quotient(f, args, tangents, eps))
    _assert_close(
        _inner(tuple(gradients), tangents),
        left,
        atol,
        rtol,
        f"{err_msg}: the derivative differs from the difference quotient",
    )


def _on_float_leaves(f: Callable, args: Sequence[Any]) -> tuple[Callable, list[Any]]:
    """The function of the floating-point leaves alone, to the list of floating-point leaves of the result."""
    leaves, treedef = tree.tree_flatten(tuple(args))
    moving = [is_inexact(aval_of(x)) for x in leaves]

    def g(*values: Any) -> list[Any]:
        given = iter(values)
        full = [next(given) if on else x for x, on in zip(leaves, moving)]
        return [o for o in tree.tree_leaves(f(*tree.tree_unflatten(treedef, full))) if is_inexact(_abstract(o))]

    return g, [np.asarray(x)[()] for x, on in zip(leaves, moving) if on]


def _abstract(value: Any) -> Any:
    return value.aval if hasattr(value, "aval") else aval_of(value)


def _random_like(values: Any, stream: int) -> Any:
    """Normal numbers shaped like the leaves, reproducible, different for each stream."""
    rng = np.random.default_rng(_SEED + stream)

    def normal(x: Any) -> Any:
        number = rng.standard_normal(np.shape(x))
        number = number + 1j * rng.standard_normal(np.shape(x)) if np.iscomplexobj(x) else number
        return np.asarray(number, np.asarray(x).dtype)[()]

    return tree.tree_map(normal, values)


def _wide(value: Any) -> Any:
    """An array in double precision."""
    value = np.asarray(value)
    return value.astype(np.result_type(value, np.float64))


def _defaults(values: Any, atol: float | None, rtol: float | None, eps: float | None) -> tuple[float, float, float]:
    dtypes = [np.asarray(x).dtype for x in tree.tree_leaves(values)]
    width = min([d.itemsize // (2 if d.kind == "c" else 1) for d in dtypes if d.kind in "fc"], default=8)
    tolerance = _TOLERANCE.get(width, _TOLERANCE[8])
    return (
        tolerance if atol is None else atol,
        tolerance if rtol is None else rtol,
        _STEP.get(width, _STEP[8]) if eps is None else eps,
    )


def _quotient(f: Callable, args: tuple, tangents: tuple, eps: float) -> Any:
    def at(s: float) -> Any:
        return f(*tree.tree_map(lambda x, t: np.asarray(x + np.asarray(x).dtype.type(s) * t)[()], args, tangents))

    def formula(*values: Any) -> Any:
        a, b, c, d = map(_wide, values)
        return (8 * (a - b) - (c - d)) / (12 * eps)

    return tree.tree_map(formula, at(eps), at(-eps), at(2 * eps), at(-2 * eps))


def _inner(xs: Any, ys: Any) -> float:
    pairs = zip(tree.tree_leaves(xs), tree.tree_leaves(ys), strict=True)
    return sum(float(np.sum(_wide(x) * _wide(y)).real) for x, y in pairs)


def _assert_close(actual: Any, expected: Any, atol: float, rtol: float, message: str) -> None:
    given, wanted = tree.tree_structure(actual), tree.tree_structure(expected)
    assert given == wanted, f"{message}: structures {given} and {wanted}"
    for a, e in zip(tree.tree_leaves(actual), tree.tree_leaves(expected)):
        if not np.allclose(_wide(a), _wide(e), atol=atol, rtol=rtol, equal_nan=True):
            raise AssertionError(f"{message}: got {a}, expected {e} (atol={atol}, rtol={rtol})")
