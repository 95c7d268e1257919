"""Set the length of updates: that of the gradient alone, or that of the parameters (trust ratios)."""

from __future__ import annotations

from typing import Any

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand
from .base import GradientTransformation, required, stateless
from .clipping import global_norm
from .moments import mean, number_like, squared


def _root(square: Any, least: Any) -> Any:
    """max(sqrt(square), least), whose derivative is 0 where `least` is the larger one."""
    least = number_like(least, square)
    long = square > least * least
    return fnp.where(long, fnp.sqrt(fnp.where(long, square, fnp.ones_like(square))), least)


def _length(x: Any, least: Any) -> Any:
    return _root(fnp.sum(squared(x)), least)


def _rms(x: Any, least: Any) -> Any:
    return _root(mean(squared(x)), least)


def normalize() -> GradientTransformation:
    """Divide updates by their global norm; zero updates stay zero.

    Example:
        >>> import numpy as np
        >>> normalize().update(np.array([3.0, 4.0]), ())[0]
        array([0.6, 0.8])
    """
    return normalize_by_update_norm(eps=0.0)


def normalize_by_update_norm(scale_factor: Any = 1.0, eps: Any = 1e-6) -> GradientTransformation:
    """scale_factor * updates / (norm + eps), with the global norm; zero updates stay zero.

    Example:
        >>> import numpy as np
        >>> normalize_by_update_norm(10.0, eps=0.0).update(np.array([3.0, 4.0]), ())[0]
        array([6., 8.])
    """

    def normalized(updates: Any, params: Any) -> Any:
        del params
        norm = global_norm(updates)
        norm = (norm + number_like(eps, norm)) / number_like(scale_factor, norm)
        norm = fnp.where(norm > 0, norm, fnp.ones_like(norm))
        return tree.tree_map(lambda g: g / number_like(norm, g), updates)

    return stateless(normalized)


def centralize() -> GradientTransformation:
    """Subtract from every leaf of two or more axes its mean over all axes but the first.

    Example:
        >>> import numpy as np
        >>> centralize().update(np.array([[1.0, 3.0], [2.0, 2.0]]), ())[0]
        array([[-1.,  1.],
               [ 0.,  0.]])

    Reference: H. Yong et al., Gradient centralization: a new optimization technique for deep neural networks, ECCV
    2020.
    """

    def centered(g: Any) -> Any:
        g = array_operand(g)
        return g - mean(g, axis=tuple(range(1, g.ndim)), keepdims=True) if g.ndim > 1 else g

    return stateless(lambda updates, params: tree.tree_map(centered, updates))


def scale_by_param_block_norm(min_scale: Any = 1e-3) -> GradientTransformation:
    """Multiply every leaf by max(norm of its parameters, min_scale). The update needs the parameters.

    Example:
        >>> import numpy as np
        >>> scale_by_param_block_norm().update(np.ones(2), (), np.array([3.0, 4.0]))[0]
        array([5., 5.])
    """

    def scaled(updates: Any, params: Any) -> Any:
        params = required(params, "scale_by_param_block_norm")
        return tree.tree_map(lambda u, p: u * _length(p, min_scale), updates, params)

    return stateless(scaled)


def scale_by_param_block_rms(min_scale: Any = 1e-3) -> GradientTransformation:
    """Multiply every leaf by max(root mean square of its parameters, min_scale). The update needs the parameters.

    Example:
        >>> import numpy as np
        >>> scale_by_param_block_rms().update(np.ones(2), (), np.array([2.0, -2.0]))[0]
        array([2., 2.])
    """

    def scaled(updates: Any, params: Any) -> Any:
        params = required(params, "scale_by_param_block_rms")
        return tree.tree_map(lambda u, p: u * _rms(p, min_scale), updates, params)

    return stateless(scaled)


def scale_by_trust_ratio(min_norm: Any = 0.0, trust_coefficient: Any = 1.0, eps: Any = 0.0) -> GradientTransformation:
    """Multiply every leaf by trust_coefficient |p| / (|u| + eps), or by 1 where |p| or |u| is 0.

    Args:
        min_norm: the norms count as at least this long.
        trust_coefficient: a factor.
        eps: added to the norm of the update.

    Raises:
        ValueError: in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> scale_by_trust_ratio().update(np.array([0.0, 2.0]), (), np.array([3.0, 4.0]))[0]
        array([0., 5.])

    Reference: Y. You et al., Large batch optimization for deep learning: training BERT in 76 minutes, ICLR 2020.
    """

    def one(u: Any, p: Any) -> Any:
        param, update = _length(p, min_norm), _length(u, min_norm)
        degenerate = fnp.logical_or(fnp.equal(param, 0), fnp.equal(update, 0))
        divisor = fnp.where(degenerate, fnp.ones_like(update), update + number_like(eps, update))
        ratio = number_like(trust_coefficient, param) * param / number_like(divisor, param)
        return u * number_like(fnp.where(degenerate, fnp.ones_like(param), ratio), u)

    def scaled(updates: Any, params: Any) -> Any:
        return tree.tree_map(one, updates, required(params, "scale_by_trust_ratio"))

    return stateless(scaled)
