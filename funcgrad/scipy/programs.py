"""Users' functions as programs of vectors: traced once, compiled, differentiated, without a copy of what they close
over.

With this module a solver outside (SciPy's) can evaluate a function and its derivatives as machine code, and a
transformation can evaluate the same program on traced values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..api import carry as carried
from ..api import recording as rec
from ..api.differentiation import grad, jvp
from ..api.jacobians import hessian, jacfwd, jacrev
from ..core.avals import shaped
from ..core.program import Program, memoized
from ..core.tracing import Tracer, run, trace
from ..numpy import promotion
from ..ops import calls
from ..ops.programs import type_of
from .vectors import FLOAT

HOLE: Any = object()  # where a traced value was, or a large array
SMALL = 1 << 10  # bytes of an array that may be kept


class Function:
    """A function of float64 arrays to one array, traced once at their shapes.

    Called, it evaluates its program where it is called: with NumPy, or as equations of a transformation.
    """

    def __init__(self, where: str, f: Callable, shapes: Sequence[tuple[int, ...]]) -> None:
        """Trace f; what it closes over becomes captures, among them the values that outer transformations trace."""
        avals = [shaped(tuple(s), FLOAT) for s in shapes]
        traced = carried.trace_flat(where, lambda *v: ([f(*v)], None), avals, [False] * len(avals))
        self.program, self.captures = rec.canonical(traced.program), traced.captures
        self.shape = traced.avals[0].shape

    def __call__(self, *arrays: Any) -> Any:
        """The value; traced arrays and captures are followed."""
        return run(self.program, [*self.captures, *arrays])[0]

    @property
    def is_traced(self) -> bool:
        """Whether a capture belongs to a transformation outside."""
        return any(type(c) is Tracer for c in self.captures)

    def hollow(self, least: float = SMALL) -> Function:
        """The same function without traced captures and arrays of more than `least` bytes, for rules and callbacks:
        programs that are remembered hold these, and would keep the data of a thousand calls.
        """
        return self._with([HOLE if _is_outer(c, least) else c for c in self.captures])

    def bound(self, values: Iterator[Any]) -> Function:
        """A hollow function with values, taken from an iterator."""
        return self._with([next(values) if c is HOLE else c for c in self.captures])

    def _with(self, captures: list[Any]) -> Function:
        other = object.__new__(Function)
        other.program, other.shape, other.captures = self.program, self.shape, captures
        return other

    def compiled(self, derive: Callable, extra: tuple[tuple[int, ...], ...] = ()) -> Callable[..., list[Any]]:
        """Machine code for a function made of this one, which returns a list of arrays.

        Args:
            derive: `derive(f)` is a function of the arguments of f, and arrays of the shapes `extra` after them. Two
                calls with the same function `derive` share their program.
            extra: shapes of these arrays.
        """
        program = _derived(self.program, derive, len(self.captures), extra)
        launch, captures = calls.execute(program), self.captures
        return lambda *arrays: launch(*captures, *arrays)


def _is_outer(capture: Any, least: float) -> bool:
    return type(capture) is Tracer or isinstance(capture, np.ndarray) and capture.nbytes > least


def program_of(f: Callable, operands: Sequence[Any]) -> Program:
    """A function of arrays to a list of arrays, which closes over nothing traced, as a program."""
    program, captures = trace(f, [type_of(x) for x in operands], purpose="a solver")
    assert not captures
    return rec.canonical(program)


class Outer:
    """What a problem takes from the transformations around it.

    Attributes:
        functions, vectors: the problem. Vectors may be traced, or None.
        values: the traced values in both, and large arrays; none where nothing is traced.
        problem: the problem as a function of these values, which keeps none of them.
    """

    def __init__(self, functions: Sequence[Function], vectors: Sequence[Any], least: float = SMALL) -> None:
        """Gather the traced values of a problem, and arrays of more than `least` bytes."""
        self.functions, self.vectors = list(functions), list(vectors)
        held = [v for v in self.vectors if type(v) is Tracer]
        traced = held or any(f.is_traced for f in self.functions)
        captures = [c for f in self.functions for c in f.captures if _is_outer(c, least)]
        self.values: list[Any] = [*held, *captures] if traced else []
        self.problem = Problem(
            [f.hollow(least) for f in self.functions], [HOLE if type(v) is Tracer else v for v in self.vectors]
        )


class Problem:
    """Functions and vectors with holes for the values of outer transformations."""

    def __init__(self, functions: list[Function], vectors: list[Any]) -> None:
        """Keep hollow functions and vectors."""
        self.functions, self.vectors = functions, vectors

    def __call__(self, values: Sequence[Any]) -> tuple[list[Function], list[Any]]:
        """The functions and vectors with these values."""
        rest: Iterator[Any] = iter(values)
        vectors = [next(rest) if v is HOLE else v for v in self.vectors]
        return [f.bound(rest) for f in self.functions], vectors


@memoized
def _derived(program: Program, derive: Callable, captured: int, extra: tuple) -> Program:
    def flat(*inputs: Any) -> list[Any]:
        captures, arrays = inputs[:captured], inputs[captured:]
        f = lambda *v: run(program, [*captures, *v])[0]  # noqa: E731
        return [promotion.array_operand(x) for x in tree.tree_leaves(derive(f)(*arrays))]

    avals = [*program.in_avals, *(shaped(tuple(s), FLOAT) for s in extra)]
    derived, captures = trace(flat, avals, purpose="a solver")
    assert not captures
    return rec.canonical(derived)


def scalar(where: str, result: Any) -> Any:
    """What a user's function returned, as one float64.

    Raises:
        TypeError: it is not one real number.
    """
    leaves = tree.tree_leaves(result)
    x = promotion.array_operand(leaves[0]) if len(leaves) == 1 and leaves[0] is result else None
    if x is None or tuple(x.shape) != () or x.dtype.kind not in "biuf":
        found = f"a pytree {tree.tree_structure(result)}" if x is None else str(rec.abstract(x))
        raise TypeError(
            f"{where}: the function must return one real number, but it returned {found}.\n"
            "Fix: reduce it, for instance with np.sum, or use least_squares for a vector of residuals."
        )
    return promotion.convert(x, FLOAT)


def value(f: Callable) -> Callable:
    """For `Function.compiled`: the function itself."""
    return f


def jacobian_of(rows: int, columns: int) -> Callable:
    """For `Function.compiled`: the Jacobian by the mode that needs fewer products."""
    return jacfwd if columns <= rows else jacrev


def hessian_product(f: Callable) -> Callable:
    """For `Function.compiled`: x, p -> H(x) p, forward over reverse."""
    return lambda x, p: jvp(grad(f), (x,), (p,))[1]


def weighted_hessian(f: Callable) -> Callable:
    """For `Function.compiled`: x, v -> the Hessian of <v, f(x)>."""
    return lambda x, v: hessian(lambda x: (v * f(x)).sum())(x)


__all__ = [
    "HOLE", "Function", "Outer", "Problem", "hessian_product", "jacobian_of", "program_of", "scalar", "value",
    "weighted_hessian",
]  # fmt: skip
