"""Normalized exponentials and other functions of whole axes, by the names and signatures of `jax.nn`.

Nothing overflows, groups without a finite element are well defined (`softmax` gives 0 there, not NaN), and branches
that are not taken contribute nothing to derivatives. Integers count as float64; float32 stays float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..numpy import promotion
from ..ops import elementwise, layout, reduction
from .operands import choose, real

# --- normalized exponentials ------------------------------------------------------------------------------------------


def _peak(x: Any, axes: tuple[int, ...]) -> Any:
    """The largest element of each group, 0 for groups without a finite one; constant for derivatives, because what is
    subtracted from a whole group has no effect in the end."""
    largest = elementwise.stop(fnp.max(x, axis=axes, initial=-math.inf))
    return choose(abs(largest) < math.inf, largest, 0)


def _masked(x: Any, where: Any) -> Any:
    if where is None:
        return x
    kept = promotion.broadcast(promotion.array_operand(where, "where"), tuple(x.shape))
    return elementwise.select(kept, x, elementwise.like(x, -math.inf))


def _groups(a: Any, axis: Any, where: Any, name: str) -> tuple[Any, tuple[int, ...]]:
    x = real(a, name)
    return _masked(x, where), promotion.many_axes(axis, x.ndim, name)


def _nonzero(total: Any) -> Any:
    """Sums of exponentials, with 1 in place of the 0 of a group in which everything is -inf."""
    return choose(total == 0, 1, total)


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False, where: Any = None
) -> Any:
    """log(sum(b exp(a))) along axes, without overflow; its gradient is `softmax(a)`, and 0 when all elements are -inf.

    Args:
        a: any array; elements may be -inf.
        axis: an axis or several; None for all.
        b: factors of the exponentials, which may be negative or 0; None for 1.
        keepdims: whether summed axes stay, with size 1.
        return_sign: whether to give log(|sum|) and the sign of the sum; otherwise negative sums give NaN.
        where: which elements take part; None for all.

    Returns:
        An array, or with `return_sign` two.

    Example:
        >>> import numpy as np
        >>> logsumexp(np.array([1000.0, 1000.0])) - 1000
        np.float64(0.6931471805598903)
        >>> logsumexp(np.array([1000.0, 1001.0]), b=np.array([1.0, -1.0]), return_sign=True)
        (np.float64(1000.541324854612...), np.float64(-1.0))

    Reference: P. Blanchard, D. Higham, N. Higham, Accurately computing the log-sum-exp and softmax functions, IMA
    Journal of Numerical Analysis 41 (2021).
    """
    x, factors = _with_factors(a, b)
    x, axes = _groups(x, axis, where, "logsumexp")
    peak = _peak(x, axes)
    terms = elementwise.exp(x - reduction.put_back(peak, x, axes))
    total = reduction.reduce_sum(terms if factors is None else terms * factors, axes=axes)
    sign = elementwise.sign(total)
    total = abs(total) if return_sign and factors is not None else total
    out = choose(total == 0, -math.inf, elementwise.log(_nonzero(total)) + peak)
    out, sign = (fnp.expand_dims(v, axes) if keepdims else v for v in (out, sign))
    return (out, sign) if return_sign else out


def _with_factors(a: Any, b: Any) -> tuple[Any, Any]:
    """Exponents and factors of one shape and dtype; where a factor is 0 the exponent does not matter."""
    x = real(a, "logsumexp")
    if b is None:
        return x, None
    factors = promotion.array_operand(b, "logsumexp")
    dtype = promotion.result_dtype(x, factors)
    shape = promotion.common_shape([tuple(x.shape), tuple(factors.shape)], "logsumexp")
    x, factors = (promotion.broadcast(promotion.convert(v, dtype), shape) for v in (x, factors))
    return choose(factors == 0, -math.inf, x), factors


def logmeanexp(x: Any, axis: Any = None, where: Any = None, keepdims: bool = False) -> Any:
    """log(mean(exp(x))) along axes, without overflow; see `logsumexp`.

    Example:
        >>> import numpy as np
        >>> logmeanexp(np.array([1000.0, 1000.0]))
        np.float64(1000.0)
    """
    x = real(x, "logmeanexp")
    mask = np.True_ if where is None else promotion.array_operand(where, "logmeanexp")
    taking_part = promotion.broadcast(mask, tuple(x.shape))
    count = promotion.convert(fnp.sum(taking_part, axis=axis, keepdims=keepdims), x.dtype)
    return logsumexp(x, axis, keepdims=keepdims, where=where) - elementwise.log(count)


def log1mexp(x: Any) -> Any:
    """log(1 - exp(-x)) for x >= 0, accurate for small and for large x.

    Example:
        >>> import numpy as np
        >>> log1mexp(np.array([1e-20, 50.0]))
        array([-4.60517019e+01, -1.92874985e-22])

    Reference: M. Maechler, Accurately computing log(1 - exp(-|a|)), vignette of the R package Rmpfr, 2012.
    """
    x = real(x, "log1mexp")
    small = x < math.log(2)
    near, far = choose(small, x, 1), choose(small, 1, x)
    return choose(small, elementwise.log(-elementwise.expm1(-near)), elementwise.log1p(-elementwise.exp(-far)))


def log_softmax(x: Any, axis: Any = -1, where: Any = None) -> Any:
    """log(softmax(x)) = x - logsumexp(x), computed without overflow.

    Args:
        x: any array; elements may be -inf.
        axis: the axis or axes to normalize over.
        where: which elements take part, the others give -inf; None for all.

    Example:
        >>> import numpy as np
        >>> log_softmax(np.array([0.0, 0.0]))
        array([-0.69314718, -0.69314718])
    """
    x, axes = _groups(x, axis, where, "log_softmax")
    shifted = x - reduction.put_back(_peak(x, axes), x, axes)
    total = reduction.reduce_sum(elementwise.exp(shifted), axes=axes)
    return shifted - reduction.put_back(elementwise.log(_nonzero(total)), x, axes)


def softmax(x: Any, axis: Any = -1, where: Any = None) -> Any:
    """exp(x) / sum(exp(x)); -inf gives 0, also where a whole group is -inf.

    Args:
        x: any array; elements may be -inf.
        axis: the axis or axes to normalize over.
        where: which elements take part, the others give 0; None for all.

    Example:
        >>> import numpy as np
        >>> softmax(np.array([0.0, 0.0, -np.inf]))
        array([0.5, 0.5, 0. ])

    Reference: J. Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990.
    """
    x, axes = _groups(x, axis, where, "softmax")
    weights = elementwise.exp(x - reduction.put_back(_peak(x, axes), x, axes))
    total = reduction.reduce_sum(weights, axes=axes)
    return weights * reduction.put_back(1 / _nonzero(total), x, axes)


# --- others -----------------------------------------------------------------------------------------------------------


def one_hot(x: Any, num_classes: int, *, dtype: Any = np.float64, axis: int = -1) -> Any:
    """1 at the position that x names along a new axis, 0 elsewhere; all 0 for positions out of range.

    Args:
        x: integers.
        num_classes: size of the new axis.
        dtype: of the result.
        axis: where the new axis goes.

    Example:
        >>> import numpy as np
        >>> one_hot(np.array([2, 0]), 3)
        array([[0., 0., 1.],
               [1., 0., 0.]])
    """
    x = promotion.array_operand(x, "one_hot")
    axis = promotion.one_axis(axis, x.ndim + 1, "one_hot")
    shape = (*x.shape[:axis], num_classes, *x.shape[axis:])
    return promotion.convert(names_position(x, shape, axis), np.dtype(dtype))


def names_position(labels: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Truth values: whether a label is the position along the axis, which the labels do not have."""
    spread = layout.broadcast(labels, shape=shape, dims=tuple(d for d in range(len(shape)) if d != axis))
    return elementwise.eq(spread, layout.iota(shape=shape, axis=axis, dtype=labels.dtype))


def standardize(
    x: Any, axis: Any = -1, mean: Any = None, variance: Any = None, epsilon: Any = 1e-5, where: Any = None
) -> Any:
    """(x - mean) / sqrt(variance + epsilon).

    Args:
        x: any array.
        axis: the axis or axes over which mean and variance are taken, unless given.
        mean, variance: arrays that broadcast to x; None to compute them from x.
        epsilon: keeps the division finite.
        where: which elements take part in mean and variance; None for all.

    Example:
        >>> import numpy as np
        >>> np.round(standardize(np.array([1.0, 2.0, 3.0])), 3)
        array([-1.225,  0.   ,  1.225])

    Reference: J. Ba, J. Kiros, G. Hinton, Layer normalization, 2016.
    """
    x = real(x, "standardize")
    kept = {} if where is None else {"where": where}
    centered = x - (fnp.mean(x, axis=axis, keepdims=True, **kept) if mean is None else mean)
    spread = fnp.mean(centered * centered, axis=axis, keepdims=True, **kept) if variance is None else variance
    return centered / fnp.sqrt(spread + epsilon)
