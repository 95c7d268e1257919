"""Bring features to mean 0 and standard deviation 1, and back."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

CHUNK_BYTES = 32 << 20


class Scaling(NamedTuple):
    """mean and scale of the features of one data set; a pytree.

    Example:
        >>> import numpy as np
        >>> Scaling(np.array([1.0]), np.array([2.0])).apply(np.array([[5.0]]))
        array([[2.]])
    """

    mean: Any
    scale: Any

    def apply(self, x: Any) -> Any:
        """(x - mean) / scale; works on traced values, too."""
        return (x - self.mean) / self.scale

    def invert(self, x: Any) -> Any:
        """x scale + mean, which takes `apply` back."""
        return x * self.scale + self.mean


def standardize(x: Any, axis: Any = 0) -> Scaling:
    """Fit a `Scaling`: means and standard deviations of training data, to apply to all data.

    Computed in float64, in pieces along the first axis, so that memory maps larger than memory are fine.

    Args:
        x: training data, an array of real numbers.
        axis: the axes of examples, which must include the first; the others are features.

    Returns:
        A `Scaling` with arrays that broadcast against x, in the dtype of x if that is a floating one. Where a feature
        is constant, the scale is 1.

    Raises:
        ValueError: when there are no examples, or axis leaves out the first one.

    Example:
        >>> import numpy as np
        >>> x = np.array([[1.0, 10.0], [3.0, 10.0]])
        >>> scaling = standardize(x)
        >>> scaling.apply(x)
        array([[-1.,  0.],
               [ 1.,  0.]])
        >>> bool((scaling.invert(scaling.apply(x)) == x).all())
        True

    Reference: T. Chan, G. Golub, R. LeVeque, Algorithms for computing the sample variance, The American Statistician,
    1983.
    """
    x = np.asanyarray(x)
    axes = tuple(sorted({a % x.ndim for a in np.atleast_1d(axis)})) if x.ndim else ()
    if x.size == 0 or 0 not in axes:
        raise ValueError(
            f"data.standardize: needs at least one example on the first axis, got {x.shape} and axis {axis}."
        )
    rows = max(1, CHUNK_BYTES // max(1, x[:1].nbytes))
    count, mean, square = 0, np.float64(0), np.float64(0)
    for low in range(0, len(x), rows):
        part = np.asarray(x[low : low + rows], np.float64)
        size = math.prod(part.shape[a] for a in axes)
        part_mean = part.mean(axis=axes, keepdims=True)
        step = part_mean - mean
        total = count + size
        square = square + ((part - part_mean) ** 2).sum(axis=axes, keepdims=True) + step**2 * (count * size / total)
        count, mean = total, mean + step * (size / total)
    deviation = np.sqrt(square / count)
    # The rounding of the mean of equal numbers must not count as a deviation.
    scale = np.where(deviation <= 1e-14 * np.abs(mean), 1.0, deviation)
    keep = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    lead = 0 if axes == (0,) else None
    return Scaling(*(np.squeeze(v, 0) if lead == 0 else v for v in (mean.astype(keep), scale.astype(keep))))
