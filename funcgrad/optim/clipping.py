"""Bound updates: each element, or the length of all of them together."""

from __future__ import annotations

from typing import Any

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand
from .base import GradientTransformation, required, stateless
from .moments import mean, number_like, refuse_complex, scaled, squared


def squared_norm(updates: Any) -> Any:
    """The sum of squares over all leaves."""
    return sum(fnp.sum(squared(g)) for g in tree.tree_leaves(updates))


def safe_root(square: Any) -> Any:
    """sqrt(square), with slope 0 at 0, where the root has an infinite one that the chain rule would multiply by 0."""
    nonzero = square != 0
    return fnp.sqrt(fnp.where(nonzero, square, 1)) * nonzero


def global_norm(updates: Any) -> Any:
    """The Euclidean norm of all leaves together, sqrt(sum of squares); its gradient at zero is zero.

    Example:
        >>> import numpy as np
        >>> global_norm({"w": np.array([3.0, 0.0]), "b": np.array(4.0)})
        np.float64(5.0)
    """
    return safe_root(squared_norm(updates))


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

    Raises:
        TypeError: in `update`, for complex updates.

    Example:
        >>> import numpy as np
        >>> clip(1.0).update(np.array([-3.0, 0.5]), ())[0]
        array([-1. ,  0.5])
    """

    def clipped(updates: Any, params: Any) -> Any:
        del params
        refuse_complex(updates, "clip")
        return tree.tree_map(lambda g: fnp.clip(g, number_like(-max_delta, g), number_like(max_delta, g)), updates)

    return stateless(clipped)


def clip_by_block_rms(threshold: Any) -> GradientTransformation:
    """Shrink every leaf so that its root mean square is at most `threshold`: u / max(1, rms(u) / threshold).

    Example:
        >>> import numpy as np
        >>> clip_by_block_rms(1.0).update(np.array([2.0, 2.0]), ())[0]
        array([1., 1.])

    Reference: N. Shazeer, M. Stern, Adafactor: adaptive learning rates with sublinear memory cost, ICML 2018.
    """

    def clipped(u: Any) -> Any:
        size = safe_root(mean(squared(u)))
        return u / fnp.maximum(size / number_like(threshold, size), number_like(1.0, size))

    return stateless(lambda updates, params: tree.tree_map(clipped, updates))


def unitwise_norm(x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """The norm of each unit of a layer, in the shape of `x`.

    Args:
        x: the weights of a layer: a bias or a vector is one unit, a matrix has a unit for each column, kernels of
            convolutions one for each index of the last axis.
        axis: the axes that one unit fills; None to go by the number of axes.

    Raises:
        ValueError: for more than five axes without `axis`.

    Example:
        >>> import numpy as np
        >>> unitwise_norm(np.array([[3.0, 0.0], [4.0, 1.0]]))
        array([[5., 1.],
               [5., 1.]])
    """
    x = array_operand(x, "unitwise_norm")
    if axis is None:
        axis = _unit_axes(tuple(x.shape))
    square = fnp.sum(squared(x), axis=axis, keepdims=True)
    return fnp.broadcast_to(safe_root(square), tuple(x.shape))


def _unit_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    if sum(n != 1 for n in shape) <= 1:
        return tuple(range(len(shape)))
    if len(shape) > 5:
        raise ValueError(f"unitwise_norm: which axes make a unit of shape {shape}?\nFix: give axis.")
    return (0,) if len(shape) < 4 else tuple(range(len(shape) - 1))


def unitwise_clip(g_norm: Any, max_norm: Any, grad: Any, div_eps: Any = 1e-6) -> Any:
    """grad * max_norm / max(g_norm, div_eps) where g_norm reaches max_norm, else grad.

    Args:
        g_norm, max_norm, grad: arrays of one shape.
        div_eps: smallest norm to divide by.

    Example:
        >>> import numpy as np
        >>> unitwise_clip(np.array([2.0, 0.5]), np.array([1.0, 1.0]), np.array([2.0, 0.5]))
        array([1. , 0.5])
    """
    return fnp.where(g_norm < max_norm, grad, grad * (max_norm / fnp.maximum(g_norm, number_like(div_eps, g_norm))))


def adaptive_grad_clip(
    clipping: Any, eps: Any = 1e-3, axis: int | tuple[int, ...] | None = None
) -> GradientTransformation:
    """Shrink every unit's update to at most `clipping` times the norm of its weights. The update needs the parameters.

    Args:
        clipping: largest ratio of the norms.
        eps: weights count as at least this long, so that zero weights can grow.
        axis: see `unitwise_norm`.

    Example:
        >>> import numpy as np
        >>> adaptive_grad_clip(0.1).update(np.array([3.0, 4.0]), (), np.array([6.0, 8.0]))[0]
        array([0.6, 0.8])

    Reference: A. Brock, S. De, S. Smith, K. Simonyan, High-performance large-scale image recognition without
    normalization, ICML 2021.
    """

    def clipped(updates: Any, params: Any) -> Any:
        params = required(params, "adaptive_grad_clip")

        def one(g: Any, p: Any) -> Any:
            size = unitwise_norm(p, axis)
            bound = fnp.maximum(size, number_like(eps, size))
            return unitwise_clip(unitwise_norm(g, axis), bound * number_like(clipping, bound), g)

        return tree.tree_map(one, updates, params)

    return stateless(clipped)
