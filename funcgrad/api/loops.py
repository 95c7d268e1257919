"""Loops: `scan`, `while_loop`, `fori_loop`, `map`: traced once, compiled to native loops, differentiated to any order.

Outside `jit` the body runs on plain NumPy, once for each step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core.avals import shaped
from ..core.tracing import Tracer
from ..numpy import promotion
from ..ops import control, elementwise
from ..ops.while_loop import while_loop as while_primitive
from . import carry as carried
from . import recording as rec

LISTED = 10**7  # a range no longer than this is an array of indices, which costs less for each step than counting


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    *,
    checkpoint: str | int | None = None,
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
        checkpoint: how much reverse mode remembers. None: something of every step. A number n: the carry after every n
            steps, from which the steps between are computed again. "sqrt": n = sqrt(length), which holds the least.

    Returns:
        The last carry, and the ys stacked along a new leading axis.

    Raises:
        TypeError: when the carry changes its structure, shape or dtype, naming the place.
        ValueError: when leading axes differ from each other or from `length`, or when neither is given.

    Example:
        >>> import numpy as np
        >>> scan(lambda total, x: (total + x, total), 0.0, np.array([1.0, 2.0, 3.0]))
        (np.float64(6.0), array([0., 1., 3.]))

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html, whose interface this follows; checkpoint:
    Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 12.
    """
    where = f"scan of {rec.name_of(f)}"
    if not isinstance(unroll, int) or (unroll < 1 and unroll is not False):
        raise ValueError(f"{where}: unroll must be a positive integer, got {unroll!r}.")
    if checkpoint is not None:
        from .segments import scan_in_segments  # which is built on scan

        steps = common_length(where, xs, carried.flatten(where, "xs", xs)[0], length)
        return scan_in_segments(f, init, xs, steps, reverse, checkpoint)
    return _scan(where, f, init, xs, length, reverse)


def _scan(
    where: str, f: Callable, init: Any, xs: Any, length: Any = None, reverse: bool = False, init_name: str = "init"
) -> tuple[Any, Any]:
    """A scan that errors call `where`, and whose first carry they call `init_name`."""
    first, carry_tree = carried.flatten(where, init_name, init)
    xs_leaves, xs_tree = carried.flatten(where, "xs", xs)
    steps = common_length(where, xs, xs_leaves, length)
    elements = [rec.abstract(x) for x in xs_leaves]
    elements = [a.update(shape=a.shape[1:]) for a in elements]
    count = len(first)

    def step(*inputs: Any) -> tuple[list[Any], Any]:
        out = f(tree.tree_unflatten(carry_tree, inputs[:count]), tree.tree_unflatten(xs_tree, inputs[count:]))
        return _step_outputs(where, out, carry_tree)

    def trace_body(carry: list[Any], weak: list[bool]) -> carried.Traced:
        avals = [rec.abstract(c) for c in carry]
        return carried.trace_flat(where, step, [*avals, *elements], [*weak, *[False] * len(elements)])

    first, body = carried.settle(where, first, carry_tree, trace_body)
    params = {"consts": len(body.captures), "carries": count, "length": steps, "reverse": bool(reverse)}
    operands = [*body.captures, *first, *xs_leaves]
    outs = rec.owned(control.scan(*operands, body=rec.canonical(body.program), **params), operands)
    return tree.tree_unflatten(carry_tree, outs[:count]), tree.tree_unflatten(body.out_tree, outs[count:])


def _step_outputs(where: str, out: Any, carry_tree: Any) -> tuple[list[Any], Any]:
    """The leaves of the new carry and of y, and the structure of y."""
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        raise TypeError(f"{where}: the function must return a pair (carry, y), but it returned {out!r}.")
    new_carry, out_tree = carried.flatten(where, "the new carry", out[0])
    ys, y_tree = carried.flatten(where, "y", out[1])
    carried.check_structure(where, carry_tree, out_tree)
    return [*new_carry, *ys], y_tree


def common_length(where: str, xs: Any, leaves: Sequence[Any], length: int | None) -> int:
    """The number of steps, on which all leading axes and `length` must agree."""
    sizes = {} if length is None else {"length": promotion.static_int(length, "scan")}
    for (path, _), x in zip(tree.tree_leaves_with_path(xs), leaves):
        aval = rec.abstract(x)
        if aval.ndim == 0:
            raise ValueError(f"{where}: xs{tree.keystr(path)} has type {aval}, which has no leading axis.")
        sizes[f"xs{tree.keystr(path)}"] = aval.shape[0]
    if not sizes:
        fix = "\nFix: pass length=, the number of steps." if where.startswith("scan") else ""
        raise ValueError(f"{where}: there are no xs, so the number of steps is unknown.{fix}")
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name}: {n}" for name, n in sizes.items())
        raise ValueError(f"{where}: leading axes differ ({listed}).\nFix: give all xs the same number of steps.")
    steps = next(iter(sizes.values()))
    if steps < 0:
        raise ValueError(f"{where}: length must not be negative, got {steps}.")
    return steps


def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any, *, max_steps: int | None = None
) -> Any:
    """Run a step function while a condition on the carried state holds.

        carry = init_val;  while cond_fun(carry):  carry = body_fun(carry)

    Reverse mode works, also when the number of steps is data: the backward pass runs the loop again and keeps the
    states of its iterations on a tape that grows as needed.

    Args:
        cond_fun: carry -> a boolean scalar.
        body_fun: carry -> carry, of the same structure, shapes and dtypes.
        init_val: the first carry, a pytree of arrays and numbers.
        max_steps: stop after so many steps even where the condition still holds, which bounds the tape.

    Returns:
        The last carry.

    Raises:
        TypeError: when the condition is no boolean scalar, or the carry changes its type, naming the place.
        ValueError: when max_steps is negative.

    Example:
        >>> import funcgrad as fg
        >>> def newton_sqrt(a):
        ...     return while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)
        >>> round(newton_sqrt(2.0), 6), round(fg.grad(newton_sqrt)(4.0), 6)
        (np.float64(1.414214), np.float64(0.25))

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.while_loop.html, whose interface this follows; there,
    reverse mode is refused.
    """
    where = f"while_loop of {rec.name_of(body_fun)}"
    if max_steps is None:
        return _while(where, cond_fun, body_fun, init_val)
    limit = np.int64(promotion.static_int(max_steps, f"max_steps of {where}"))
    if limit < 0:
        raise ValueError(f"{where}: max_steps must not be negative, got {max_steps}.")

    def going(count: Any, carry: Any) -> Any:
        holds = promotion.array_operand(_scalar_condition(where, cond_fun(carry)))
        return elementwise.and_(elementwise.lt(count, limit), holds)

    return _while(where, going, lambda _, carry: body_fun(carry), init_val, np.int64(0))


def _while(where: str, cond_fun: Callable, body_fun: Callable, init_val: Any, count: Any = None) -> Any:
    """A while loop; with a first `count`, both functions get it before the carry, and it grows by one in every step.

    The count is a leaf of its own, which errors about the carry of the user do not mention.
    """
    leaves, carry_tree = carried.flatten(where, "init_val", init_val)
    hidden = 0 if count is None else 1
    first = [count, *leaves] if hidden else leaves

    def arguments(inputs: Sequence[Any]) -> list[Any]:
        return [*inputs[:hidden], tree.tree_unflatten(carry_tree, inputs[hidden:])]

    def step(*inputs: Any) -> tuple[list[Any], Any]:
        out, out_tree = carried.flatten(where, "the new carry", body_fun(*arguments(inputs)))
        carried.check_structure(where, carry_tree, out_tree)
        return [*(elementwise.add(k, np.int64(1)) for k in inputs[:hidden]), *out], None

    def test(*inputs: Any) -> tuple[list[Any], Any]:
        return [_scalar_condition(where, cond_fun(*arguments(inputs)))], None

    def trace_body(carry: list[Any], weak: list[bool]) -> carried.Traced:
        return carried.trace_flat(where, step, [rec.abstract(c) for c in carry], weak)

    first, body = carried.settle(where, first, carry_tree, trace_body, hidden)
    condition = carried.trace_flat(where, test, [rec.abstract(c) for c in first], [rec._weak(c) for c in first])
    operands = [*condition.captures, *body.captures, *first]
    outs = while_primitive(
        *operands, cond=rec.canonical(condition.program), body=rec.canonical(body.program),
        cond_consts=len(condition.captures), body_consts=len(body.captures),
    )  # fmt: skip
    return tree.tree_unflatten(carry_tree, rec.owned(outs, operands)[hidden:])


def _scalar_condition(where: str, value: Any) -> Any:
    if not isinstance(value, (Tracer, np.ndarray, np.generic, bool)) or rec.abstract(value) is not shaped((), np.bool_):
        what = rec.abstract(value) if hasattr(value, "dtype") else f"{value!r}"
        raise TypeError(
            f"{where}: cond_fun must return a boolean scalar, but it returned {what}.\n"
            "Fix: compare (x > 0), and reduce an array with np.any or np.all."
        )
    return value


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any, *, unroll: Any = None) -> Any:
    """Run a step function for every integer of a range, with state carried along.

        carry = init_val;  for i in lower .. upper-1:  carry = body_fun(i, carry)

    With bounds that are Python integers this is a `scan`; with traced bounds, or more than 10^7 steps, a `while_loop`.
    Both have derivatives of every order in both modes.

    Args:
        lower: the first index, an integer.
        upper: the end of the range, an integer.
        body_fun: `(i, carry) -> carry`.
        init_val: the first carry.
        unroll: accepted for compatibility with JAX; the compiler unrolls by itself.

    Returns:
        The last carry.

    Raises:
        TypeError: when a bound is no integer, or the carry changes its type, naming the place.

    Example:
        >>> fori_loop(0, 5, lambda i, total: total + i, 0)
        np.int64(10)

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.fori_loop.html, whose interface this follows.
    """
    del unroll
    where = f"fori_loop of {rec.name_of(body_fun)}"
    lower, upper = (carried.integer(where, name, b) for name, b in (("lower", lower), ("upper", upper)))
    if not (type(lower) is Tracer or type(upper) is Tracer) and upper - lower <= LISTED:
        indices = np.arange(lower, max(lower, upper), dtype=np.int64)
        return _scan(where, lambda carry, i: (body_fun(i, carry), None), init_val, indices, init_name="init_val")[0]
    lower, upper = (b if type(b) is Tracer else np.int64(b) for b in (lower, upper))
    return _while(where, lambda i, _: elementwise.lt(i, upper), body_fun, init_val, lower)


def map(f: Callable[[Any], Any], xs: Any, *, batch_size: int | None = None) -> Any:
    """Apply a function to one slice of the leading axis after the other, and stack the results.

        y[i] = f(x[i])

    What `vmap` does in one step this does in many, so it needs the memory of one.

    Args:
        f: a function of a pytree of arrays.
        xs: a pytree of arrays with a common leading axis.
        batch_size: how many slices to do at once, by `vmap`.

    Returns:
        The results, stacked along a new leading axis.

    Raises:
        ValueError: when leading axes differ, or batch_size is no positive integer.

    Example:
        >>> import numpy as np
        >>> map(lambda x: x.sum(), np.ones((3, 2)))
        array([2., 2., 2.])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.map.html, whose interface this follows.
    """
    where = f"map of {rec.name_of(f)}"
    if batch_size is None:
        return _scan(where, lambda _, x: (None, f(x)), None, xs)[1]
    from .segments import map_in_batches  # which is built on map

    return map_in_batches(f, xs, batch_size)


__all__ = ["fori_loop", "map", "scan", "while_loop"]
