"""Loops: `scan` runs a step function a fixed number of times with carried state, traced once, compiled to one loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core.tracing import check_array, trace
from ..numpy import promotion
from ..ops import control
from . import recording as rec


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int = 1,
) -> tuple[Any, Any]:
    """Run a step function along the leading axis of arrays, with state carried from one step to the next.

        carry = init;  for t in 0 .. length-1:  carry, y[t] = f(carry, x[t])

    Args:
        f: `(carry, x) -> (carry, y)`; carry, x and y are pytrees, and the carry keeps its structure, shapes and dtypes.
        init: the first carry. Python numbers in it take the dtype that `f` gives them.
        xs: a pytree of arrays with a common leading axis, or None; `f` gets slices of it.
        length: the number of steps; needed when xs has no leaves.
        reverse: go from the last step to the first; y[t] still belongs to x[t].
        unroll: accepted for compatibility with JAX; the compiler unrolls by itself.

    Returns:
        The last carry, and the ys stacked along a new leading axis.

    Raises:
        TypeError: when the carry changes its structure, shape or dtype, naming the place.
        ValueError: when leading axes differ from each other or from `length`, or when neither is given.

    Example:
        >>> import numpy as np
        >>> scan(lambda total, x: (total + x, total), 0.0, np.array([1.0, 2.0, 3.0]))
        (np.float64(6.0), array([0., 1., 3.]))

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html, whose interface this follows.
    """
    if not isinstance(unroll, int) or unroll < 1:
        raise ValueError(f"scan of {rec.name_of(f)}: unroll must be a positive integer, got {unroll!r}.")
    carry, carry_tree = _leaves(f, "init", init)
    xs_leaves, xs_tree = _leaves(f, "xs", xs)
    steps = _length(f, xs, xs_leaves, length)
    elements = [rec.abstract(x) for x in xs_leaves]
    elements = [a.update(shape=a.shape[1:]) for a in elements]
    weak = [rec._weak(c) for c in carry]
    for _ in range(
        3
    ):  # at most: as given, with the dtypes the body gives, and once more for numbers derived from those
        traced = _trace_body(f, carry, weak, elements, carry_tree, xs_tree)
        new, still_weak = _promoted(carry, weak, traced.avals, traced.weak)
        if still_weak == weak:
            break
        carry, weak = new, still_weak
    _check_carry(f, carry, traced.avals[: len(carry)], carry_tree)
    params = {"consts": len(traced.captures), "carries": len(carry), "length": steps, "reverse": bool(reverse)}
    outs = control.scan(*traced.captures, *carry, *xs_leaves, body=rec.canonical(traced.program), **params)
    return tree.tree_unflatten(carry_tree, outs[: len(carry)]), tree.tree_unflatten(traced.y_tree, outs[len(carry) :])


class _Body:
    """The step function traced at some types: its program with the captures in front, and what it returns."""

    program: Any
    captures: list[Any]
    avals: list[Any]
    weak: list[bool]
    y_tree: Any


def _leaves(f: Callable, name: str, value: Any) -> tuple[list[Any], Any]:
    paths, treedef = tree.tree_flatten_with_path(value)
    return [check_array(x, f"scan of {rec.name_of(f)}: {name}{tree.keystr(path)}") for path, x in paths], treedef


def _length(f: Callable, xs: Any, leaves: Sequence[Any], length: int | None) -> int:
    """The number of steps, on which all leading axes and `length` must agree."""
    sizes = {} if length is None else {"length": promotion.static_int(length, "scan")}
    for (path, _), x in zip(tree.tree_leaves_with_path(xs), leaves):
        aval = rec.abstract(x)
        if aval.ndim == 0:
            raise ValueError(
                f"scan of {rec.name_of(f)}: xs{tree.keystr(path)} has type {aval}, which has no leading axis."
            )
        sizes[f"xs{tree.keystr(path)}"] = aval.shape[0]
    if not sizes:
        raise ValueError(
            f"scan of {rec.name_of(f)}: there are no xs, so the number of steps is unknown.\n"
            "Fix: pass length=, the number of steps."
        )
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name}: {n}" for name, n in sizes.items())
        raise ValueError(
            f"scan of {rec.name_of(f)}: leading axes differ ({listed}).\nFix: give all xs the same number of steps."
        )
    steps = next(iter(sizes.values()))
    if steps < 0:
        raise ValueError(f"scan of {rec.name_of(f)}: length must not be negative, got {steps}.")
    return steps


def _trace_body(f: Callable, carry: list, weak: list[bool], elements: list, carry_tree: Any, xs_tree: Any) -> _Body:
    body, count = _Body(), len(carry)

    def flat(*inputs: Any) -> list[Any]:
        out = f(tree.tree_unflatten(carry_tree, inputs[:count]), tree.tree_unflatten(xs_tree, inputs[count:]))
        if not isinstance(out, (tuple, list)) or len(out) != 2:
            raise TypeError(
                f"scan of {rec.name_of(f)}: the function must return a pair (carry, y), but it returned {out!r}."
            )
        new_carry, out_tree = _leaves(f, "the new carry", out[0])
        ys, body.y_tree = _leaves(f, "y", out[1])
        if out_tree != carry_tree:
            raise TypeError(
                f"scan of {rec.name_of(f)}: the carry changes its structure from {carry_tree} to {out_tree}.\n"
                "Fix: return a carry built like the one that came in; what changes shape belongs in y."
            )
        body.weak = [rec._weak(v) for v in new_carry]
        return [promotion.array_operand(v) for v in (*new_carry, *ys)]

    avals = [rec.abstract(c) for c in carry]
    body.program, body.captures = trace(
        flat,
        [*avals, *elements],
        weak=[*weak, *[False] * len(elements)],
        hoist=True,
        purpose=f"scan of {rec.name_of(f)}",
    )
    body.avals = body.program.out_avals
    return body


def _promoted(carry: list, weak: list[bool], avals: list, out_weak: list[bool]) -> tuple[list[Any], list[bool]]:
    """Numbers in the carry that the body turned into arrays, with the dtype it gave them."""
    new = [
        promotion.convert(c, a.dtype) if w and not o and a.ndim == 0 else c
        for c, w, a, o in zip(carry, weak, avals, out_weak)
    ]
    return new, [w and o for w, o in zip(weak, out_weak)]


def _check_carry(f: Callable, carry: list, avals: list, carry_tree: Any) -> None:
    paths = tree.tree_leaves_with_path(tree.tree_unflatten(carry_tree, range(len(carry))))
    wrong = [
        f"  carry{tree.keystr(path)}: {rec.abstract(c)} goes in, {a} comes out"
        for (path, _), c, a in zip(paths, carry, avals)
        if rec.abstract(c) is not a
    ]
    if wrong:
        raise TypeError(
            f"scan of {rec.name_of(f)}: the carry changes its type, so the loop cannot repeat:\n"
            + "\n".join(wrong)
            + "\n"
            "Fix: start with an init of the type that comes out (init.astype(dtype), np.zeros(shape, dtype)), or\n"
            "convert the new carry inside the function."
        )
