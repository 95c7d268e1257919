"""`closure_convert`: what a function closes over becomes arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import tree
from ..core.avals import is_inexact
from ..core.program import Program
from ..core.tracing import Tracer, run, trace
from . import recording as rec
from .arguments import Choice
from .differentiation import matching


def closure_convert(fun: Callable, *example_args: Any) -> tuple[Callable, list[Any]]:
    """A function without hidden differentiable inputs, and the values that were hidden.

    A custom rule cannot see what the function it is given closes over; `fun` becomes `converted(*args, *hoisted)`,
    whose hidden values are arguments and so have derivatives.

    Args:
        fun: a pure function of pytrees of arrays to a pytree of arrays, which may close over traced values.
        example_args: arguments whose structure, shapes and dtypes `converted` will be called with.

    Returns:
        `(converted, hoisted)`: the function, traced for these types, and the list of traced floating-point values
        that `fun` closes over. Other closed-over arrays stay inside.

    Raises:
        TypeError: when `converted` is called with arguments of another structure or other types.

    Example:
        >>> import funcgrad as fg
        >>> def slope(scale):
        ...     converted, hoisted = fg.closure_convert(lambda x: scale * x, 1.0)
        ...     return converted(3.0, *hoisted)
        >>> fg.grad(slope)(2.0)
        np.float64(3.0)

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.closure_convert.html, whose interface this follows.
    """
    Choice("closure_convert", fun, 0)
    leaves, treedef = rec.check_leaves("closure_convert", fun, example_args)
    structure: list[Any] = []
    title = f"closure_convert of {rec.name_of(fun)}"

    def flat(*inputs: Any) -> list[Any]:
        outs, out_tree = tree.tree_flatten(fun(*tree.tree_unflatten(treedef, inputs)))
        structure.append(out_tree)
        return [rec.check_output(o, title, out_tree, i) for i, o in enumerate(outs)]

    weak = [rec._weak(x) for x in leaves]
    program, captures = trace(flat, [rec.abstract(x) for x in leaves], weak=weak, hoist=True, purpose=title)
    hoisted = [c for c in captures if _may_vary(c)]
    return Converted(title, rec.canonical(program), captures, treedef, structure[0]), hoisted


def _may_vary(value: Any) -> bool:
    return type(value) is Tracer and is_inexact(value.aval)


class Converted:
    """What `closure_convert` returns: a traced function of its arguments and the values hoisted from its closure.

    Two are equal when they compute the same, so that a custom rule that takes one as a static argument finds the
    derivative it built before.
    """

    def __init__(self, title: str, program: Program, captures: list[Any], treedef: Any, out_tree: Any) -> None:
        self.title, self.program, self.treedef, self.out_tree = title, program, treedef, out_tree
        self.kept = [None if _may_vary(c) else c for c in captures]
        self.hoisted_count = sum(map(_may_vary, captures))
        self.__name__ = title.rpartition(" ")[2]

    def __call__(self, *args: Any) -> Any:
        split, avals = len(args) - self.hoisted_count, self.program.in_avals
        leaves = matching(self.title, "argument", "example", args[:split], avals[len(self.kept) :], self.treedef)
        wanted = [a for a, c in zip(avals, self.kept) if c is None]
        structure = tree.tree_structure([0] * self.hoisted_count)
        hoisted = iter(matching(self.title, "hoisted value", "original", list(args[split:]), wanted, structure))
        captures = [next(hoisted) if c is None else c for c in self.kept]
        return tree.tree_unflatten(self.out_tree, run(self.program, [*captures, *leaves]))

    def _key(self) -> tuple:
        return self.program, self.treedef, self.out_tree

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Converted) or self._key() != other._key():
            return False
        return all(map(_same, self.kept, other.kept))

    def __hash__(self) -> int:
        return hash(self._key())


def _same(a: Any, b: Any) -> bool:
    arrays = all(isinstance(v, (np.ndarray, np.generic)) for v in (a, b))
    return a is b or (arrays and np.array_equal(a, b))


__all__ = ["closure_convert"]
