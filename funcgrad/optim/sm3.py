"""SM3: AdaGrad whose sums of squares are kept for the rows and columns of a matrix only."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand
from .base import GradientTransformation, chain
from .moments import (
    full_like,
    moving_average,
    number_like,
    refuse_complex,
    squared,
)
from .scaling import scale


class ScaleBySM3State(NamedTuple):
    """For every leaf a list of a vector for each axis, and the average of the updates, a pytree like the parameters."""

    mu: Any
    nu: Any


def scale_by_sm3(b1: Any = 0.9, b2: Any = 1.0, eps: Any = 1e-8) -> GradientTransformation:
    """Updates over the root of a bound on their sum of squares, averaged.

        s = min over axes of mu[axis] + g^2        mu[axis] = max of s over the other axes
        nu = b1 nu + (1 - b1) g / sqrt(s + eps)

    Args:
        b1: decay of the average.
        b2: decay of the sums; 1 for plain sums.
        eps: added under the root.

    Raises:
        ValueError: for parameters without axes.

    Example:
        >>> import numpy as np
        >>> link = scale_by_sm3(b1=0.0, eps=0.0)
        >>> updates, state = link.update(np.array([[4.0, -3.0]]), link.init(np.zeros((1, 2))))
        >>> updates, [v.shape for v in state.mu]
        (array([[ 1., -1.]]), [(1,), (2,)])

    Reference: R. Anil, V. Gupta, T. Koren, Y. Singer, Memory-efficient adaptive optimization, NeurIPS 2019.
    """

    def axes_of(param: Any) -> list[Any]:
        param = array_operand(param)
        if param.ndim == 0:
            raise ValueError("scale_by_sm3: parameters need at least one axis, got a scalar.\nFix: give it shape (1,).")
        return [fnp.zeros((n,), param.dtype) for n in param.shape]

    def init_fn(params: Any) -> ScaleBySM3State:
        refuse_complex(params, "scale_by_sm3")
        return ScaleBySM3State(tree.tree_map(axes_of, params), full_like(params, 0))

    def total(g: Any, sums: list[Any]) -> Any:
        wide = [fnp.expand_dims(v, tuple(d for d in range(g.ndim) if d != i)) for i, v in enumerate(sums)]
        least = functools.reduce(fnp.minimum, wide)
        share = 1.0 if isinstance(b2, (int, float)) and b2 == 1.0 else 1.0 - b2
        return squared(g) * number_like(share, g) + least * number_like(b2, least)

    def scaled(g: Any, t: Any) -> Any:
        safe = fnp.where(t > 0, t + number_like(eps, t), fnp.ones_like(t))
        return fnp.where(t > 0, g / fnp.sqrt(safe), fnp.zeros_like(t))

    def update_fn(updates: Any, state: ScaleBySM3State, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        totals = tree.tree_map(total, updates, state.mu)
        nu = moving_average(tree.tree_map(scaled, updates, totals), state.nu, b1)
        return nu, ScaleBySM3State(tree.tree_map(_largest, totals), nu)

    return GradientTransformation(init_fn, update_fn)


def _largest(t: Any) -> list[Any]:
    """For each axis the largest elements over the others; 0 where there are none."""
    if t.ndim == 1:
        return [t]
    if t.size == 0:
        return [fnp.zeros((n,), t.dtype) for n in t.shape]
    return [fnp.max(t, axis=tuple(d for d in range(t.ndim) if d != i)) for i in range(t.ndim)]


def sm3(learning_rate: Any, momentum: Any = 0.9) -> GradientTransformation:
    """SM3: -learning_rate times the updates of `scale_by_sm3`.

    Args:
        learning_rate: a number.
        momentum: decay of the average of the updates.

    Example:
        >>> import numpy as np
        >>> optimizer = sm3(0.1, momentum=0.0)
        >>> np.round(optimizer.update(np.array([4.0, -3.0]), optimizer.init(np.zeros(2)))[0], 6)
        array([-0.1,  0.1])

    Reference: R. Anil, V. Gupta, T. Koren, Y. Singer, Memory-efficient adaptive optimization, NeurIPS 2019.
    """
    return chain(scale_by_sm3(momentum), scale(-learning_rate))
