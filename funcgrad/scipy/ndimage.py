"""scipy.ndimage: samples of an array at any coordinates.

Example:
    >>> import numpy as np, funcgrad as fg
    >>> image = np.arange(12.0).reshape(3, 4)
    >>> fg.scipy.ndimage.map_coordinates(image, [[0.5, 1.0], [1.0, 2.5]], order=1)
    array([3. , 6.5])
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..numpy import promotion
from .interpolate.grids import gathered

__all__ = ["map_coordinates"]


def _mirrored(i: Any, n: int) -> Any:
    period = max(2 * (n - 1), 1)
    i = abs(i) % period
    return np.where(i >= n, period - i, i)


def _reflected(i: Any, n: int) -> Any:
    i = i % (2 * n)
    return np.where(i >= n, 2 * n - 1 - i, i)


# the index of the sample that stands at an index outside of the array
_INDEX: dict[str, Callable[[Any, int], Any]] = {
    "nearest": lambda i, n: np.clip(i, 0, n - 1),
    "mirror": _mirrored,
    "reflect": _reflected,
    "grid-mirror": _reflected,
    "grid-wrap": lambda i, n: i % n,
    "wrap": lambda i, n: np.clip(i, 0, n - 1),  # the coordinate was moved inside before
    "constant": lambda i, n: np.clip(i, 0, n - 1),
    "grid-constant": lambda i, n: np.clip(i, 0, n - 1),
}


def map_coordinates(input: Any, coordinates: Any, order: int = 1, mode: str = "constant", cval: Any = 0.0) -> Any:
    """Samples of an array at any coordinates, by the nearest element or linear interpolation.

    They have derivatives in the array and, with order 1, in the coordinates.

    Args:
        input: an array of d axes.
        coordinates: d arrays of one shape, or an array with them along its first axis.
        order: 0, the nearest element, or 1, linear interpolation. SciPy's default is 3, which is not offered.
        mode: what stands outside: "constant" (cval wherever a coordinate is outside), "grid-constant" (elements cval
            around the array, between which and the border is interpolated), "nearest", "mirror" (d c b | a b c d | c b
            a, with the border element once), "reflect" (twice), "wrap" (the first and last element one place) or
            "grid-wrap" (period n).
        cval: the value outside for "constant" and "grid-constant".

    Returns:
        An array of the shape of one coordinate and the dtype of input.

    Raises:
        NotImplementedError: order is above 1.
        ValueError: shapes do not fit, or there is no such mode.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> line = np.array([0.0, 1.0, 4.0])
        >>> map_coordinates(line, [np.array([0.5, 1.5, 5.0])], order=1, mode="nearest")
        array([0.5, 2.5, 4. ])
        >>> fg.grad(lambda x: map_coordinates(line, [x], order=1))(1.5)
        np.float64(3.0)

    Reference: scipy.ndimage.map_coordinates
    """
    if order not in (0, 1):
        raise NotImplementedError(f"map_coordinates: order must be 0 or 1, got {order!r}.")
    if mode not in _INDEX:
        raise ValueError(f"map_coordinates: mode must be one of {', '.join(map(repr, _INDEX))}, got {mode!r}.")
    array = promotion.array_operand(input, "map_coordinates")
    points = [promotion.array_operand(c, "map_coordinates") for c in coordinates]
    if len(points) != array.ndim or len({tuple(p.shape) for p in points}) > 1:
        shapes = ", ".join(str(tuple(p.shape)) for p in points)
        raise ValueError(
            f"map_coordinates: an array of {array.ndim} axes needs as many coordinates of one shape, got "
            f"{shapes or 'none'}."
        )
    points = [p if p.dtype.kind == "f" else promotion.convert(p, np.dtype(np.float64)) for p in points]
    if mode == "wrap":
        points = [_wrapped(p, n) for p, n in zip(points, array.shape)]
    value = _sampled(array, points, order, mode, cval)
    if mode == "constant":
        for p, n in zip(points, array.shape):
            value = np.where((p < 0) | (p > n - 1), cval, value)
    return _in_dtype(value, array.dtype)


def _wrapped(x: Any, n: int) -> Any:
    """A coordinate moved by whole periods n - 1 to where the array is."""
    period = max(n - 1, 1)
    low = x + period * (np.trunc(-x / period) + 1.0)
    high = x - period * np.trunc(x / period)
    return np.where(x < 0, low, np.where(x > n - 1, high, x))


def _sampled(array: Any, points: list[Any], order: int, mode: str, cval: Any) -> Any:
    if order == 0:
        corners = [[(np.floor(p + 0.5), None)] for p in points]
    else:
        below = [np.floor(p) for p in points]
        corners = [[(b, 1.0 - (p - b)), (b + 1.0, p - b)] for b, p in zip(below, points)]
    total: Any = None
    for choice in itertools.product(*corners):
        index = [i.astype(np.int64) for i, _ in choice]
        term = gathered(array, [_INDEX[mode](i, n) for i, n in zip(index, array.shape)])
        if mode == "grid-constant":
            for i, n in zip(index, array.shape):
                term = np.where((i < 0) | (i >= n), cval, term)
        for _, weight in choice:
            term = term if weight is None else term * weight
        total = term if total is None else total + term
    return total


def _in_dtype(value: Any, dtype: Any) -> Any:
    """Integers are rounded to the nearest, halves away from zero."""
    if dtype.kind in "iu" and value.dtype.kind == "f":
        value = np.trunc(value + np.where(value > 0, 0.5, -0.5))
    return value.astype(dtype)
