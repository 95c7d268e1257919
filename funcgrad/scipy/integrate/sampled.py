"""Integrals of samples: the trapezoidal rule, also cumulative, and Simpson's."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numpy import promotion
from ...numpy import trapezoid as numpy_trapezoid


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples along an axis by the trapezoidal rule.

        sum (x[i+1] - x[i]) (y[i] + y[i+1]) / 2

    Args:
        y: (..., n, ...), samples.
        x: None, (n,), or of the shape of y: where they are.
        dx: the distance of samples without x.
        axis: the axis of length n.

    Returns:
        The integrals, of the shape of y without the axis.

    Example:
        >>> import numpy as np
        >>> trapezoid(np.array([1.0, 2.0, 4.0]), dx=0.5)
        np.float64(2.25)

    Reference: scipy.integrate.trapezoid
    """
    return numpy_trapezoid(promotion.array_operand(y, "trapezoid"), x, dx, axis)


def _steps(where: str, y: Any, x: Any, dx: Any, axis: int) -> Any:
    """Distances of neighbours, along the last axis, broadcasting against y with its axis moved there."""
    n = y.shape[axis]
    if x is None:
        dx = promotion.array_operand(dx, where)
        return dx if dx.ndim == 0 else np.moveaxis(np.broadcast_to(dx, _shorter(y.shape, axis)), axis, -1)
    x = promotion.array_operand(x, where)
    if x.ndim == 1 and x.shape[0] == n:
        return x[1:] - x[:-1]
    if tuple(x.shape) != tuple(y.shape):
        raise ValueError(f"{where}: x has shape {tuple(x.shape)}; it must be ({n},) or that of y, {tuple(y.shape)}.")
    x = np.moveaxis(x, axis, -1)
    return x[..., 1:] - x[..., :-1]


def _shorter(shape: Any, axis: int) -> tuple[int, ...]:
    out = list(shape)
    out[axis] -= 1
    return tuple(out)


def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    """The integrals of samples from the first to every other one by the trapezoidal rule.

    Args:
        y: (..., n, ...), samples.
        x: None, (n,), or of the shape of y: where they are.
        dx: the distance of samples without x.
        axis: the axis of length n.
        initial: None, or 0, which is put in front.

    Returns:
        The integrals, of length n - 1 along the axis, or n with `initial`.

    Raises:
        ValueError: shapes do not fit, there is no sample, or `initial` is something else.

    Example:
        >>> import numpy as np
        >>> cumulative_trapezoid(np.array([1.0, 2.0, 4.0]), initial=0)
        array([0. , 1.5, 4.5])

    Reference: scipy.integrate.cumulative_trapezoid
    """
    y = promotion.array_operand(y, "cumulative_trapezoid")
    axis = promotion.one_axis(axis, y.ndim, "cumulative_trapezoid")
    if y.shape[axis] == 0:
        raise ValueError("cumulative_trapezoid: at least one sample is needed along the axis.")
    if initial is not None and (not np.isscalar(initial) or initial != 0):
        raise ValueError(f"cumulative_trapezoid: initial must be None or 0, got {initial!r}.")
    steps = _steps("cumulative_trapezoid", y, x, dx, axis)
    y = np.moveaxis(y, axis, -1)
    sums = np.cumsum(steps * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)
    if initial is not None:
        sums = np.concatenate([np.zeros((*y.shape[:-1], 1), sums.dtype), sums], axis=-1)
    return np.moveaxis(sums, -1, axis)


def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples along an axis by Simpson's rule, for equal and unequal distances.

    Over two intervals of lengths h and k the parabola through three samples is integrated,

        (h + k) / 6 ((2 - k/h) y0 + (h + k)^2 / (h k) y1 + (2 - h/k) y2)

    and with an even number of samples, the last interval by the parabola through the last three.

    Args:
        y: (..., n, ...), samples.
        x: None, (n,), or of the shape of y: where they are.
        dx: the distance of samples without x.
        axis: the axis of length n.

    Returns:
        The integrals, of the shape of y without the axis.

    Raises:
        ValueError: shapes do not fit, or there is no sample.

    Example:
        >>> import numpy as np
        >>> simpson(np.array([0.0, 1.0, 4.0, 9.0]))                # x^2 from 0 to 3
        np.float64(9.0)

    Reference: scipy.integrate.simpson; K. V. Cartwright, Simpson's rule cumulative integration with MS Excel and
    irregularly-spaced data, Journal of Mathematical Sciences and Mathematics Education 12, 2017.
    """
    y = promotion.array_operand(y, "simpson")
    axis = promotion.one_axis(axis, y.ndim, "simpson")
    n = y.shape[axis]
    if n == 0:
        raise ValueError("simpson: at least one sample is needed along the axis.")
    steps = _steps("simpson", y, x, dx, axis)
    y = np.moveaxis(y, axis, -1)
    steps = np.broadcast_to(steps, (*y.shape[:-1], n - 1))
    if n <= 2:
        return np.sum(0.5 * steps * (y[..., 1:] + y[..., :-1]), axis=-1)
    even = n - 1 + n % 2  # samples of whole pairs of intervals
    h, k = steps[..., 0 : even - 1 : 2], steps[..., 1 : even - 1 : 2]
    y0, y1, y2 = y[..., 0 : even - 2 : 2], y[..., 1 : even - 1 : 2], y[..., 2:even:2]
    pairs = (
        (h + k) / 6.0 * (y0 * (2.0 - _ratio(k, h)) + y1 * (h + k) * _ratio(h + k, h * k) + y2 * (2.0 - _ratio(h, k)))
    )
    total = np.sum(pairs, axis=-1)
    return total if n % 2 else total + _last_interval(steps[..., -2], steps[..., -1], y)


def _last_interval(h: Any, k: Any, y: Any) -> Any:
    """The integral over the last interval, of length k, of the parabola through the last three samples."""
    last = _ratio(2.0 * k * k + 3.0 * h * k, 6.0 * (h + k)) * y[..., -1]
    middle = _ratio(k * k + 3.0 * h * k, 6.0 * h) * y[..., -2]
    return last + middle - _ratio(k * k * k, 6.0 * h * (h + k)) * y[..., -3]


def _ratio(a: Any, b: Any) -> Any:
    """a / b, and 0 where b is 0, which is where samples coincide."""
    return np.where(b == 0.0, 0.0, a / np.where(b == 0.0, 1.0, b))


__all__ = ["cumulative_trapezoid", "simpson", "trapezoid"]
