"""What programs mean, in plain NumPy: loops are Python's loops, derivatives are difference quotients.

`namespace(guard)` gives `np`, `fnp`, `lax` and `fg` to the text of a program. Nothing here imports funcgrad, so that
agreement with the library is not agreement of the library with itself.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from fuzz_guard import Frozen, Guard, Numpy, Void
from scipy import special

STEP = 5e-4  # of difference quotients of fourth order, whose errors are then about 1e-12
MAX_STEPS = 60


def namespace(guard: Guard, wide: bool = False, step: float = STEP) -> dict[str, Any]:
    """The names a program uses; with `wide`, float32 is float64; derivatives are difference quotients of this step."""
    numpy = Numpy(guard)
    return {
        "np": np,
        "fnp": numpy,
        "f32": np.float64 if wide else np.float32,
        "see": guard.see,
        "with_vjp": lambda f: f,
        "with_jvp": lambda f: f,
        "lax": Lax(guard),
        "fg": Transformations(guard, step),
    }


# --- pytrees: nested tuples, None is empty ----------------------------------------------------------------------------


def flat(tree: Any) -> list[Any]:
    """The leaves of nested tuples."""
    if tree is None:
        return []
    return [x for part in tree for x in flat(part)] if isinstance(tree, tuple) else [tree]


def mapped(f: Callable, tree: Any) -> Any:
    """A function applied to all leaves."""
    if tree is None:
        return None
    return tuple(mapped(f, part) for part in tree) if isinstance(tree, tuple) else f(tree)


def stacked(trees: Sequence[Any], axis: int = 0) -> Any:
    """Trees of one structure as one tree of stacked leaves."""
    if trees[0] is None:
        return None
    if isinstance(trees[0], tuple):
        return tuple(stacked(column, axis) for column in zip(*trees))
    return np.stack(trees, axis)


# --- control flow -----------------------------------------------------------------------------------------------------


class Lax:
    """`funcgrad.lax`, as far as programs use it."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard

    def scan(self, f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, **_: Any) -> Any:
        n = len(flat(xs)[0]) if flat(xs) else length
        carry, ys = init, {}
        for t in reversed(range(n)) if reverse else range(n):
            carry, ys[t] = f(carry, mapped(lambda x, t=t: x[t], xs))
        return carry, stacked([ys[t] for t in range(n)]) if n else None

    def while_loop(self, cond: Any, body: Any, init: Any, max_steps: int | None = None) -> Any:
        for step in itertools.count():
            going = bool(cond(init)) if max_steps is None or step < max_steps else False
            self.guard.decide(going)
            if not going:
                return init
            if step >= MAX_STEPS:
                raise Void("a long loop")
            init = body(init)

    def fori_loop(self, lower: Any, upper: Any, body: Any, init: Any) -> Any:
        for i in range(int(lower), int(upper)):
            init = body(np.int64(i), init)
        return init

    def cond(self, pred: Any, yes: Any, no: Any, *operands: Any) -> Any:
        return (yes if self.guard.decide(bool(pred)) else no)(*operands)

    def switch(self, index: Any, branches: Any, *operands: Any) -> Any:
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)

    def map(self, f: Any, xs: Any, batch_size: int | None = None) -> Any:
        return stacked([f(mapped(lambda x, t=t: x[t], xs)) for t in range(len(flat(xs)[0]))])

    def associative_scan(self, fn: Any, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
        part = lambda t: mapped(lambda x: np.take(x, [t], axis), elems)  # noqa: E731
        n = flat(elems)[0].shape[axis]
        order = list(reversed(range(n))) if reverse else list(range(n))
        results = {order[0]: part(order[0])}
        for before, t in itertools.pairwise(order):
            results[t] = fn(results[before], part(t))
        return mapped_columns(lambda parts: np.concatenate(parts, axis), [results[t] for t in range(n)])

    def dynamic_slice(self, x: Any, starts: Any, sizes: Any) -> Any:
        return x[self._window(x.shape, starts, sizes)]

    def dynamic_update_slice(self, x: Any, update: Any, starts: Any) -> Any:
        out = np.array(x)
        out[self._window(x.shape, starts, update.shape)] = update
        return out

    def _window(self, shape: Any, starts: Any, sizes: Any) -> tuple[slice, ...]:
        given = [int(s) + n if s < 0 else int(s) for s, n in zip(starts, shape, strict=True)]
        firsts = [min(max(s, 0), n - k) for s, n, k in zip(given, shape, sizes, strict=True)]
        return tuple(slice(s, s + k) for s, k in zip(firsts, sizes))

    def dynamic_index_in_dim(self, x: Any, index: Any, axis: int = 0, keepdims: bool = True) -> Any:
        starts = [index if d == axis else 0 for d in range(x.ndim)]
        out = self.dynamic_slice(x, starts, [1 if d == axis else n for d, n in enumerate(x.shape)])
        return out if keepdims else np.squeeze(out, axis)[()]

    def select_n(self, which: Any, *cases: Any) -> Any:
        return np.choose(np.asarray(which, np.int64), cases)

    def erf(self, x: Any) -> Any:
        return special.erf(x)

    def rsqrt(self, x: Any) -> Any:
        return np.asarray(1 / np.sqrt(x), x.dtype)[()]

    def cumsum(self, x: Any, axis: int = 0, reverse: bool = False) -> Any:
        return np.flip(np.cumsum(np.flip(x, axis), axis), axis) if reverse else np.cumsum(x, axis)


def mapped_columns(f: Callable, trees: Sequence[Any]) -> Any:
    """A function of the lists of corresponding leaves."""
    if isinstance(trees[0], tuple):
        return tuple(mapped_columns(f, column) for column in zip(*trees))
    return f(list(trees))


# --- transformations --------------------------------------------------------------------------------------------------


class Transformations:
    """`funcgrad`: wrappers that keep values are the identity, `vmap` a loop, derivatives difference quotients."""

    checkpoint_policies = types.SimpleNamespace(dots_saveable=None, everything_saveable=None, nothing_saveable=None)

    def __init__(self, guard: Guard, step: float) -> None:
        self.guard, self.step = guard, step

    def checkpoint(self, f: Any, policy: Any = None) -> Any:
        return f

    def jit(self, f: Any) -> Any:
        return f

    def stop_gradient(self, x: Any) -> Any:
        return mapped(self.guard.freeze, x)

    def vmap(self, f: Any, in_axes: Any = 0, out_axes: int = 0) -> Any:
        def batched(*args: Any) -> Any:
            axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
            n = next(a.shape[k] for a, k in zip(args, axes) if k is not None)
            rows = [[a if k is None else np.take(a, i, k) for a, k in zip(args, axes)] for i in range(n)]
            return stacked([f(*row) for row in rows], out_axes)

        return batched

    def jvp(self, f: Any, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
        out, quotient = self._base(f, primals)
        return out, quotient(tangents)

    def linearize(self, f: Any, *primals: Any) -> tuple[Any, Any]:
        out, quotient = self._base(f, primals)
        return out, lambda *tangents: quotient(tangents)

    def vjp(self, f: Any, *primals: Any) -> tuple[Any, Any]:
        out, quotient = self._base(f, primals)

        def pullback(cts: Any) -> Any:
            return tuple(np.array([_inner(cts, quotient(t)) for t in ts]).reshape(np.shape(p))[()]
                         for p, ts in zip(primals, _directions(primals)))  # fmt: skip

        return out, pullback

    def value_and_grad(self, f: Any, argnums: Any = 0) -> Any:
        def both(*args: Any) -> Any:
            numbers = (argnums,) if isinstance(argnums, int) else argnums
            chosen = tuple(args[i] for i in numbers)
            value, pullback = self.vjp(lambda *xs: f(*_replaced(args, numbers, xs)), *chosen)
            gradients = pullback(np.float64(1.0))
            return value, gradients[0] if isinstance(argnums, int) else gradients

        return both

    def grad(self, f: Any, argnums: Any = 0) -> Any:
        return lambda *args: self.value_and_grad(f, argnums)(*args)[1]

    def hvp(self, f: Any, primals: tuple, tangents: tuple) -> Any:
        gradient = self.grad(f, tuple(range(len(primals))))
        return self.jvp(gradient, primals, tangents)[1]

    def jacobian(self, f: Any) -> Any:
        def columns(x: Any) -> Any:
            out, quotient = self._base(f, (x,))
            return np.stack([quotient(t) for t in _directions((x,))[0]], -1).reshape(np.shape(out) + np.shape(x))

        return columns

    jacfwd = jacrev = jacobian

    def _base(self, f: Any, primals: tuple) -> tuple[Any, Callable]:
        """The value, and the function that gives a difference quotient along a direction."""
        frozen, guard = Frozen(), self.guard
        guard.frozen.append(frozen)
        start = len(guard.decisions)
        try:
            out = f(*primals)
        finally:
            guard.frozen.pop()
        way = guard.decisions[start:]

        def at(s: float, tangents: tuple) -> Any:
            moved = tuple(np.asarray(p + s * t)[()] for p, t in zip(primals, tangents))
            return _beside(guard, frozen, way, lambda: f(*moved))

        def quotient(tangents: tuple) -> Any:
            points = [at(s * self.step, tangents) for s in (1, -1, 2, -2)]
            return mapped_columns(lambda p: (8 * (p[0] - p[1]) - (p[2] - p[3])) / (12 * self.step), points)

        return out, quotient


def _beside(guard: Guard, frozen: Frozen, way: list[bytes], evaluate: Callable) -> Any:
    """An evaluation beside the base point: stopped values stay, and the decisions must be the same."""
    margin, outer = guard.margin, guard.decisions
    guard.margin, guard.decisions = 0.0, []
    frozen.rewind()
    guard.frozen.append(frozen)
    try:
        out = evaluate()
        if guard.decisions != way:
            raise Void("a kink beside the point")
        return out
    finally:
        guard.frozen.pop()
        guard.margin, guard.decisions = margin, outer


def _inner(xs: Any, ys: Any) -> float:
    return sum(np.sum(x * y) for x, y in zip(flat(xs), flat(ys)))


def _directions(primals: tuple) -> list[list[tuple]]:
    """For every primal, the unit vectors of the whole argument tuple."""
    return [
        [tuple(_unit(p, i) if j == k else np.zeros_like(p) for j, p in enumerate(primals)) for i in range(np.size(q))]
        for k, q in enumerate(primals)
    ]


def _unit(x: Any, i: int) -> Any:
    out = np.zeros(np.size(x))
    out[i] = 1.0
    return out.reshape(np.shape(x))


def _replaced(args: tuple, numbers: Sequence[int], values: Sequence[Any]) -> list[Any]:
    full = list(args)
    for i, x in zip(numbers, values):
        full[i] = x
    return full
