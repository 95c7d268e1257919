"""Functions of scipy.special as elementwise ops: SciPy's arrays outside compiled code, its C functions inside.

With this module one can declare an op from the name of a function of scipy.special and its partial derivatives. In
compiled code it is a call of the function for one number that `scipy.special.cython_special` exports, by a symbol whose
name says which (`compile/scipy_library.py` finds the address): nothing returns to Python, and machine code kept on disk
links in any process. SciPy is imported at the first call, since it takes longer to load than everything else here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.primitive import Primitive
from .rules import elementwise

PREFIX = "funcgrad_scipy"
CALL_COST = 40.0  # multiplications, in the scheduler's cost rule: series and continued fractions, and no vectors


def symbol_of(name: str, count: int) -> str:
    """The symbol of a function of `count` numbers; everything about it is in its name."""
    return f"{PREFIX}{count}_{name}"


def of_symbol(symbol: str) -> tuple[str, int]:
    """The name of the function and the number of its operands."""
    count, _, name = symbol.removeprefix(PREFIX).partition("_")
    return name, int(count)


def scipy_special(name: str) -> Callable[..., Any]:
    """A function of scipy.special, imported at its first use; in double precision, as in compiled code."""

    def impl(*args: Any) -> Any:
        function = getattr(importlib.import_module("scipy.special"), name)
        if getattr(args[-1], "dtype", None) != np.float32:
            return function(*args)
        return np.asarray(function(*[x.astype(np.float64) for x in args])).astype(np.float32)[()]

    return impl


def element(name: str, count: int) -> Callable[..., sc.Expr]:
    """The scalar expression: a call in double precision. The last argument is one that Cython adds, and ignores."""
    symbol, compute = symbol_of(name, count), scipy_special(name)
    sc.FOREIGN[symbol] = lambda *args: compute(*[np.asarray(x) for x in args[:count]])

    def expression(*exprs: sc.Expr) -> sc.Expr:
        wide = [sc.convert(e, np.float64) for e in exprs]
        return sc.convert(sc.foreign(symbol, np.float64, *wide, sc.const(0, np.int32)), exprs[0].dtype)

    return expression


def scipy_function(
    name: str, partials: Any, samples: Callable, count: int | None = None, strong: bool = True, declared: str = ""
) -> Primitive:
    """Declare the op of a function of scipy.special.

    Args:
        name: its name there.
        partials: as for `rules.elementwise`; `refuse` makes one that says that there is none.
        count: how many operands it has, where `partials` does not tell.
        declared: the name of the op, where that is taken.
    """
    count = count or (len(partials) if isinstance(partials, tuple) else 1)
    prim = elementwise(
        declared or name, scipy_special(name), scalar=element(name, count), partials=partials, kinds="f", strong=strong,
        samples=samples)  # fmt: skip
    prim.lower = lowering.Scalar(prim.lower.fn, CALL_COST)
    return prim


def refuse(name: str, operand: str) -> Callable[..., NoReturn]:
    """A partial derivative that nobody has a formula for: taking it is an error, never a zero."""

    def partial(*_: Any) -> NoReturn:
        raise ValueError(
            f"{name}: there is no derivative with respect to {operand} here.\n"
            f"Fix: make it a constant, with funcgrad.stop_gradient({operand.split()[-1]}) or by leaving it out of argnums."
        )

    return partial


__all__ = ["element", "of_symbol", "refuse", "scipy_function", "scipy_special", "symbol_of"]
