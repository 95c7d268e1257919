"""Adafactor: second moments of matrices kept as one row and one column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand
from .base import GradientTransformation, chain, required
from .clipping import clip_by_block_rms
from .ema import ema
from .masking import MaskOrFn
from .moments import first_step, mean, next_step, number_like, squared
from .normalizing import scale_by_param_block_rms
from .scaling import ScalarOrSchedule, scale, scale_by_learning_rate
from .weight_decay import add_decayed_weights


class FactoredState(NamedTuple):
    """Number of updates (int32 scalar); mean squares: of rows, of columns, and of elements where not factored."""

    count: Any
    v_row: Any
    v_col: Any
    v: Any


def _power_decay(step: Any, exponent: Any) -> Any:
    """1 - (step + 1)^(-exponent)."""
    return 1.0 - fnp.power(step + 1.0, -exponent)


def _factored_axes(shape: tuple[int, ...], factored: bool, least: int) -> tuple[int, int] | None:
    """The second largest and the largest axis, when both have at least `least` elements."""
    if not factored or len(shape) < 2:
        return None
    order = np.argsort(shape)
    if shape[order[-2]] < least:
        return None
    return int(order[-2]), int(order[-1])


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def scale_by_factored_rms(
    factored: bool = True,
    decay_rate: Any = 0.8,
    step_offset: Any = 0,
    min_dim_size_to_factor: int = 128,
    epsilon: Any = 1e-30,
    decay_rate_fn: Callable[[Any, Any], Any] = _power_decay,
) -> GradientTransformation:
    """Updates over their root mean square, which for matrices is the outer product of that of rows and of columns.

        v = d_t v + (1 - d_t) (g^2 + epsilon),   d_t = 1 - t^(-decay_rate),   u = g / sqrt(v)
        with rows r and columns c of v:          v = r c / mean(r)

    Args:
        factored: whether large matrices are factored.
        decay_rate: exponent of the decay.
        step_offset: subtracted from the count, for training that goes on.
        min_dim_size_to_factor: both axes must have so many elements.
        epsilon: added to the square.
        decay_rate_fn: the decay from (count - step_offset, decay_rate).

    Raises:
        ValueError: in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> link = scale_by_factored_rms(min_dim_size_to_factor=2)
        >>> params = np.zeros((2, 3))
        >>> link.init(params).v_row.shape, link.init(params).v_col.shape
        ((2,), (3,))

    Reference: N. Shazeer, M. Stern, Adafactor: adaptive learning rates with sublinear memory cost, ICML 2018.
    """

    def axes_of(param: Any) -> tuple[int, int] | None:
        return _factored_axes(tuple(param.shape), factored, min_dim_size_to_factor)

    def start(param: Any) -> tuple[Any, Any, Any]:
        param = array_operand(param)
        shape, axes = tuple(param.shape), axes_of(param)
        unused = fnp.zeros((1,), param.dtype)
        if axes is None:
            return unused, unused, fnp.zeros(shape, param.dtype)
        small, large = axes
        return fnp.zeros(_without(shape, large), param.dtype), fnp.zeros(_without(shape, small), param.dtype), unused

    def init_fn(params: Any) -> FactoredState:
        return FactoredState(first_step(), *_columns(params, [start(p) for p in tree.tree_leaves(params)]))

    def update_fn(updates: Any, state: FactoredState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del extra
        required(params, "scale_by_factored_rms")
        decay = decay_rate_fn(state.count - step_offset, decay_rate)

        def average(old: Any, new: Any) -> Any:
            return old * number_like(decay, old) + new * number_like(1.0 - decay, new)

        def one(g: Any, rows: Any, columns: Any, whole: Any) -> tuple[Any, Any, Any, Any]:
            g = array_operand(g)
            square, axes = squared(g) + number_like(epsilon, g), axes_of(g)
            if axes is None:
                whole = average(whole, square)
                return g / fnp.sqrt(whole), rows, columns, whole
            small, large = axes
            rows = average(rows, mean(square, axis=large))
            columns = average(columns, mean(square, axis=small))
            middle = mean(rows, axis=small - (small > large), keepdims=True)
            root = fnp.expand_dims(fnp.sqrt(rows / middle), large) * fnp.expand_dims(fnp.sqrt(columns), small)
            return g / root, rows, columns, whole

        parts = [tree.tree_leaves(part) for part in (updates, state.v_row, state.v_col, state.v)]
        new, *squares = _columns(updates, [one(*leaf) for leaf in zip(*parts, strict=True)])
        return new, FactoredState(next_step(state.count), *squares)

    return GradientTransformation(init_fn, update_fn)


def _columns(pattern: Any, rows: list[tuple[Any, ...]]) -> list[Any]:
    """Tuples, one for each leaf, as one pytree for each place in the tuple."""
    return [tree.tree_unflatten(tree.tree_structure(pattern), list(column)) for column in zip(*rows)]


def adafactor(
    learning_rate: ScalarOrSchedule | None = None,
    min_dim_size_to_factor: int = 128,
    decay_rate: Any = 0.8,
    decay_offset: Any = 0,
    multiply_by_parameter_scale: bool = True,
    clipping_threshold: Any = 1.0,
    momentum: Any = None,
    dtype_momentum: Any = None,
    weight_decay_rate: ScalarOrSchedule | None = None,
    eps: Any = 1e-30,
    factored: bool = True,
    weight_decay_mask: MaskOrFn = None,
) -> GradientTransformation:
    """Adafactor: -learning_rate * rms(p) * g / sqrt(v), with v of matrices factored. The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule; None for 1.
        min_dim_size_to_factor, decay_rate, decay_offset, eps, factored: see `scale_by_factored_rms`.
        multiply_by_parameter_scale: scale the step by the root mean square of the parameters.
        clipping_threshold: see `clip_by_block_rms`; None for no clipping.
        momentum: decay of an average of the steps; None for none.
        dtype_momentum: dtype of that average; None for that of the parameters.
        weight_decay_rate, weight_decay_mask: see `add_decayed_weights`; not multiplied by the learning rate.

    Example:
        >>> import numpy as np
        >>> optimizer = adafactor(0.1)
        >>> params = np.array([3.0, -3.0])
        >>> np.round(optimizer.update(np.array([2.0, 1.0]), optimizer.init(params), params)[0], 6)
        array([-0.3, -0.3])

    Reference: N. Shazeer, M. Stern, Adafactor: adaptive learning rates with sublinear memory cost, ICML 2018.
    """
    links = [scale_by_factored_rms(factored, decay_rate, decay_offset, min_dim_size_to_factor, eps)]
    if clipping_threshold is not None:
        links.append(clip_by_block_rms(clipping_threshold))
    if learning_rate is not None:
        links.append(scale_by_learning_rate(learning_rate, flip_sign=False))
    if multiply_by_parameter_scale:
        links.append(scale_by_param_block_rms())
    if momentum is not None:
        links.append(ema(momentum, debias=False, accumulator_dtype=dtype_momentum))
    if weight_decay_rate is not None:
        links.append(add_decayed_weights(weight_decay_rate, weight_decay_mask))
    return chain(*links, scale(-1))
