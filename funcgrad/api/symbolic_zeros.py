"""What custom rules with `symbolic_zeros=True` see: tangents and cotangents that are known to be zero, and arguments
that say whether they are differentiated.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import tree
from ..core.avals import ShapedArray, is_inexact, shaped
from ..core.primitive import Typed
from ..ops.layout import fill
from ..records import record

FLOAT0 = np.dtype([("float0", np.void, 0)])


class SymbolicZero(Typed):
    """A tangent or cotangent that is known to be zero; only its type exists.

    Example:
        >>> import funcgrad as fg
        >>> zero = fg.custom_derivatives.SymbolicZero(fg.ShapeDtypeStruct((2,), float).aval)
        >>> zero.shape, zero.dtype
        ((2,), dtype('float64'))
    """

    __slots__ = ()


@record(frozen=True)
class CustomVJPPrimal:
    """An argument of the forward rule of a `custom_vjp`: its value, and whether it is differentiated.

    Example:
        >>> import funcgrad as fg
        >>> fg.custom_derivatives.CustomVJPPrimal(2.0, perturbed=False).value
        2.0
    """

    value: Any
    perturbed: bool


def custom_vjp_primal_tree_values(primals: Any) -> Any:
    """The values in a pytree of `CustomVJPPrimal`.

    Args:
        primals: what a forward rule with `symbolic_zeros=True` got as an argument.

    Returns:
        The pytree of its values.

    Example:
        >>> import funcgrad as fg
        >>> fg.custom_derivatives.custom_vjp_primal_tree_values({"a": fg.custom_derivatives.CustomVJPPrimal(2.0, True)})
        {'a': 2.0}
    """
    return tree.tree_map(lambda p: p.value, primals, is_leaf=lambda p: isinstance(p, CustomVJPPrimal))


def zero_of(aval: ShapedArray) -> SymbolicZero:
    """The symbolic zero that is the tangent of a value of this type."""
    return SymbolicZero(aval if is_inexact(aval) else shaped(aval.shape, FLOAT0))


def materialized(value: Any, aval: ShapedArray) -> Any:
    """A symbolic zero as an array of zeros of this type; anything else unchanged."""
    return fill(0, aval.shape, aval.dtype) if type(value) is SymbolicZero else value


__all__ = ["CustomVJPPrimal", "SymbolicZero", "custom_vjp_primal_tree_values", "materialized", "zero_of"]
