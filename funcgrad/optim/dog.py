"""DoG and DoWG: step sizes from the distance travelled and the gradients met, without a learning rate to tune."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .base import GradientTransformation, chain, identity, required
from .clipping import safe_root
from .conditional import arrays
from .masking import MaskOrFn
from .moments import lowest_dtype, number, scaled
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .tree_utils import tree_norm, tree_sub
from .weight_decay import add_decayed_weights

_KINDS = ("distance", "learning_rate", "heuristic")


class DoGState(NamedTuple):
    """Whether no update was made yet, the first parameters, the largest distance from them, sum of squared norms."""

    is_init_step: Any
    init_params: Any
    max_dist: Any
    sum_sq_norm_grads: Any


class DoWGState(NamedTuple):
    """The first parameters, the weighted sum of squared norms, and the largest squared distance from the first ones."""

    init_params: Any
    weighted_sq_norm_grads: Any
    estim_sq_dist: Any


def scale_by_dog(init_step: tuple[str, Any], eps: Any = 1e-8) -> GradientTransformation:
    """Updates times the largest distance from the start over the root of the sum of squared gradient norms.

        r = max(r, |p - p0|)        G = G + |g|^2        u = r / sqrt(G + eps) g

    Args:
        init_step: how the first step is chosen: ("distance", r), ("heuristic", f) for r = f (1 + |p0|), or
            ("learning_rate", s) for a step size s.
        eps: added under the root.

    Raises:
        ValueError: for another kind of `init_step`; in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> link = scale_by_dog(("distance", 0.1), eps=0.0)
        >>> link.update(np.array([4.0]), link.init(np.zeros(1)), np.zeros(1))[0]
        array([0.1])

    Reference: M. Ivgi, O. Hinder, Y. Carmon, DoG is SGD's best friend: a parameter-free dynamic step size schedule,
    ICML 2023.
    """
    kind, first = init_step
    if kind not in _KINDS:
        raise ValueError(f"scale_by_dog: init_step must begin with one of {_KINDS}, got {kind!r}.")

    def init_fn(params: Any) -> DoGState:
        dtype = lowest_dtype(params)
        radius = {"distance": first, "learning_rate": 0.0}.get(kind)
        radius = first * (1 + tree_norm(params)) if radius is None else radius
        zero = np.zeros((), dtype)
        return DoGState(np.ones((), np.bool_), arrays(params), number(radius, dtype), zero)

    def update_fn(updates: Any, state: DoGState, params: Any = None, **extra: Any) -> tuple[Any, DoGState]:
        del extra
        params, dtype = required(params, "scale_by_dog"), state.max_dist.dtype
        radius = fnp.maximum(state.max_dist, number(tree_norm(tree_sub(params, state.init_params)), dtype))
        total = state.sum_sq_norm_grads + number(tree_norm(updates, squared=True), dtype)
        step = radius / fnp.sqrt(total + number(eps, dtype))
        if kind == "learning_rate":
            step = fnp.where(state.is_init_step, number(first, dtype), step)
        return scaled(step, updates), DoGState(np.zeros((), np.bool_), state.init_params, radius, total)

    return GradientTransformation(init_fn, update_fn)


def dog(
    learning_rate: ScalarOrSchedule = 1.0,
    init_step: tuple[str, Any] = ("heuristic", 1e-6),
    eps: Any = 1e-8,
    weight_decay: Any = None,
    mask: MaskOrFn = None,
) -> GradientTransformation:
    """Distance over gradients: -learning_rate times the updates of `scale_by_dog`. The update needs the parameters.

    Args:
        learning_rate: a factor: a number, a scalar array, or a schedule; 1 is meant.
        init_step, eps: see `scale_by_dog`.
        weight_decay, mask: see `add_decayed_weights`; added to the gradient.

    Example:
        >>> import numpy as np
        >>> optimizer = dog(init_step=("distance", 0.1), eps=0.0)
        >>> optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)), np.zeros(1))[0]
        array([-0.1])

    Reference: M. Ivgi, O. Hinder, Y. Carmon, DoG is SGD's best friend: a parameter-free dynamic step size schedule,
    ICML 2023.
    """
    decay = identity() if weight_decay is None else add_decayed_weights(weight_decay, mask)
    return chain(decay, scale_by_dog(init_step, eps), scale_by_learning_rate(learning_rate))


def scale_by_dowg(init_estim_sq_dist: Any = None, eps: Any = 1e-4) -> GradientTransformation:
    """As `scale_by_dog`, with gradients weighted by the distance.

        r2 = max(r2, |p - p0|^2)        v = v + r2 |g|^2        u = r2 / (sqrt(v) + eps) g

    Args:
        init_estim_sq_dist: first value of r2; None for eps.
        eps: added to the root.

    Raises:
        ValueError: in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> link = scale_by_dowg(init_estim_sq_dist=0.01, eps=0.0)
        >>> link.update(np.array([4.0]), link.init(np.zeros(1)), np.zeros(1))[0]
        array([0.1])

    Reference: A. Khaled, K. Mishchenko, C. Jin, DoWG unleashed: an efficient universal parameter-free gradient descent
    method, NeurIPS 2023.
    """

    def init_fn(params: Any) -> DoWGState:
        dtype = lowest_dtype(params)
        first = eps if init_estim_sq_dist is None else init_estim_sq_dist
        return DoWGState(arrays(params), np.zeros((), dtype), number(first, dtype))

    def update_fn(updates: Any, state: DoWGState, params: Any = None, **extra: Any) -> tuple[Any, DoWGState]:
        del extra
        params, dtype = required(params, "scale_by_dowg"), state.estim_sq_dist.dtype
        distance = number(tree_norm(tree_sub(params, state.init_params), squared=True), dtype)
        square = fnp.maximum(state.estim_sq_dist, distance)
        total = state.weighted_sq_norm_grads + square * number(tree_norm(updates, squared=True), dtype)
        step = square / (safe_root(total) + number(eps, dtype))
        return scaled(step, updates), DoWGState(state.init_params, total, square)

    return GradientTransformation(init_fn, update_fn)


def dowg(
    learning_rate: ScalarOrSchedule = 1.0,
    init_estim_sq_dist: Any = None,
    eps: Any = 1e-4,
    weight_decay: Any = None,
    mask: MaskOrFn = None,
) -> GradientTransformation:
    """Distance over weighted gradients: -learning_rate times the updates of `scale_by_dowg`. Needs the parameters.

    Args:
        learning_rate: a factor: a number, a scalar array, or a schedule; 1 is meant.
        init_estim_sq_dist, eps: see `scale_by_dowg`.
        weight_decay, mask: see `add_decayed_weights`; added to the gradient.

    Example:
        >>> import numpy as np
        >>> optimizer = dowg(init_estim_sq_dist=0.01, eps=0.0)
        >>> optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)), np.zeros(1))[0]
        array([-0.1])

    Reference: A. Khaled, K. Mishchenko, C. Jin, DoWG unleashed: an efficient universal parameter-free gradient descent
    method, NeurIPS 2023.
    """
    decay = identity() if weight_decay is None else add_decayed_weights(weight_decay, mask)
    return chain(decay, scale_by_dowg(init_estim_sq_dist, eps), scale_by_learning_rate(learning_rate))
