"""Bound updates: each element, or the length of all of them together."""

from __future__ import annotations

from typing import Any

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, stateless
from .moments import number_like, scaled


def global_norm(updates: Any) -> Any:
    """The Euclidean norm of all leaves together, sqrt(sum of squares); its gradient at zero is zero.

    Example:
        >>> import numpy as np
        >>> global_norm({"w": np.array([3.0, 0.0]), "b": np.array(4.0)})
        np.float64(5.0)
    """
    square = sum(fnp.sum(g * g) for g in tree.tree_leaves(updates))
    # The root has an infinite slope at 0, which the chain rule would multiply by 0.
    nonzero = square != 0
    return fnp.sqrt(fnp.where(nonzero, square, 1)) * nonzero


def clip_by_global_norm(max_norm: Any) -> GradientTransformation:
    """Shrink all updates by one factor so that their global norm is at most `max_norm`.

        updates * min(1, max_norm / norm)

    Example:
        >>> import numpy as np
        >>> clip_by_global_norm(1.0).update(np.array([3.0, 4.0]), ())[0]
        array([0.6, 0.8])

    Reference: R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training recurrent neural networks, ICML 2013.
    """

    def clipped(updates: Any, params: Any) -> Any:
        del params
        norm = global_norm(updates)
        bound = number_like(max_norm, norm)
        return scaled(bound / fnp.maximum(norm, bound), updates)

    return stateless(clipped)


def clip(max_delta: Any) -> GradientTransformation:
    """Bound every element of the updates to [-max_delta, max_delta].

    Example:
        >>> import numpy as np
        >>> clip(1.0).update(np.array([-3.0, 0.5]), ())[0]
        array([-1. ,  0.5])
    """

    def clipped(updates: Any, params: Any) -> Any:
        del params
        return tree.tree_map(lambda g: fnp.clip(g, number_like(-max_delta, g), number_like(max_delta, g)), updates)

    return stateless(clipped)
