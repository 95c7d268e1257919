"""Run an optimizer on one long vector instead of on a pytree."""

from __future__ import annotations

import math
from typing import Any

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand, convert
from .base import GradientTransformation, GradientTransformationExtraArgs, with_extra_args_support
from .moments import is_complex


def joined(values: Any) -> Any:
    """All leaves as one vector."""
    return fnp.concatenate([fnp.reshape(v, (-1,)) for v in tree.tree_leaves(values)])


def cut(flat: Any, pattern: Any) -> Any:
    """The pieces of a vector in the shapes and dtypes of a pytree."""
    pieces, at = [], 0
    for leaf in map(array_operand, tree.tree_leaves(pattern)):
        shape = tuple(leaf.shape)
        size = math.prod(shape)
        piece = fnp.reshape(flat[at : at + size], shape)
        if is_complex(piece) and not is_complex(leaf):
            piece = fnp.real(piece)  # a real leaf beside complex ones moves along the real line
        pieces.append(convert(piece, leaf.dtype))
        at += size
    return tree.tree_unflatten(tree.tree_structure(pattern), pieces)


def flatten(inner: GradientTransformation) -> GradientTransformationExtraArgs:
    """Apply a transformation to the concatenation of all leaves.

    Fewer, longer arrays cost less overhead where there are many small leaves. Leaves of several dtypes are promoted to
    one inside. What a transformation does to each leaf (norms of blocks, masks) becomes what it does to all.

    Args:
        inner: the transformation.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> optimizer = flatten(optim.sgd(0.1))
        >>> params = {"w": np.ones((2, 2)), "b": np.ones(2)}
        >>> optimizer.update(params, optimizer.init(params))[0]["b"]
        array([-0.1, -0.1])
    """
    inner = with_extra_args_support(inner)

    def init_fn(params: Any) -> Any:
        return inner.init(joined(params))

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        flat, state = inner.update(joined(updates), state, None if params is None else joined(params), **extra)
        return cut(flat, updates), state

    return GradientTransformationExtraArgs(init_fn, update_fn)
