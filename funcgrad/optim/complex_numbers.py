"""Complex parameters as pairs of real ones, for optimizers that compare numbers or treat each by itself."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand
from .base import GradientTransformation, GradientTransformationExtraArgs, with_extra_args_support
from .moments import is_complex


class SplitRealAndImaginaryArrays(NamedTuple):
    """Both parts of a complex array."""

    real: Any
    imaginary: Any


class SplitRealAndImaginaryState(NamedTuple):
    """State of the wrapped transformation, whose parameters are the parts."""

    inner_state: Any


def _split(x: Any) -> Any:
    return SplitRealAndImaginaryArrays(fnp.real(x), fnp.imag(x)) if is_complex(x) else x


def _joined(x: Any, like: Any) -> Any:
    """A complex array of the two parts, in the dtype that the split one had."""
    if not isinstance(x, SplitRealAndImaginaryArrays):
        return x
    dtype = array_operand(like).dtype
    return (array_operand(x.real) + array_operand(x.imaginary) * dtype.type(1j)).astype(dtype)


def split_real_and_imaginary(inner: GradientTransformation) -> GradientTransformationExtraArgs:
    """The transformation applied to real and imaginary parts as if they were two parameters.

    Updates are gradients in the direction of steepest ascent: the **conjugate** of what `grad` returns for a complex
    parameter, since `grad` of a real function of x + iy is df/dx - i df/dy.

    Args:
        inner: a transformation of real pytrees. It sees `SplitRealAndImaginaryArrays` in the place of complex leaves;
            real leaves stay as they are.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> f = lambda z: np.abs(z - (3 - 1j)) ** 2
        >>> optimizer, z = split_real_and_imaginary(fg.optim.adam(0.1)), np.complex128(0)
        >>> state = optimizer.init(z)
        >>> for _ in range(300):
        ...     updates, state = optimizer.update(np.conj(fg.grad(f)(z)), state, z)
        ...     z = z + updates
        >>> np.round(z, 3)
        np.complex128(3-1j)
    """
    inner = with_extra_args_support(inner)

    def init_fn(params: Any) -> SplitRealAndImaginaryState:
        return SplitRealAndImaginaryState(inner.init(tree.tree_map(_split, params)))

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        parts = None if params is None else tree.tree_map(_split, params)
        new, inner_state = inner.update(tree.tree_map(_split, updates), state.inner_state, parts, **extra)
        treedef = tree.tree_structure(updates)
        leaves = treedef.flatten_up_to(new)
        joined = [_joined(x, like) for x, like in zip(leaves, tree.tree_leaves(updates))]
        return tree.tree_unflatten(treedef, joined), SplitRealAndImaginaryState(inner_state)

    return GradientTransformationExtraArgs(init_fn, update_fn)
