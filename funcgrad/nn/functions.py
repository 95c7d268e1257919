"""Activation functions and normalized exponentials, by the names and signatures of `jax.nn`.

Values and derivatives of every order are finite and accurate in the tails: nothing is computed as a difference of large
numbers, and branches that are not taken contribute nothing. At a kink the derivative is the smaller of the two
one-sided ones for `relu` and `relu6` (0), and that of the inner piece for the others.

Integers count as float64; float32 stays float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..numpy import promotion
from ..ops import elementwise, layout, reduction


def _real(x: Any, where: str) -> Any:
    """An array of floating-point numbers."""
    value = promotion.array_operand(x, where)
    return value if value.dtype.kind == "f" else promotion.convert(value, np.dtype(np.float64))


def _choose(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y; a number is turned into an array like the other."""
    like = y if hasattr(y, "dtype") else x
    x, y = (v if hasattr(v, "dtype") else elementwise.like(like, v) for v in (x, y))
    return elementwise.select(condition, x, y)[()]


# --- piecewise linear -------------------------------------------------------------------------------------------------


def relu(x: Any) -> Any:
    """max(x, 0), with derivative 0 at 0.

    Example:
        >>> import numpy as np
        >>> relu(np.array([-1.0, 0.0, 2.0]))
        array([0., 0., 2.])

    Reference: V. Nair, G. Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010.
    """
    x = _real(x, "relu")
    return _choose(x <= 0, 0, x)


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6), with derivative 0 at 0 and 6.

    Example:
        >>> import numpy as np
        >>> relu6(np.array([-1.0, 2.0, 9.0]))
        array([0., 2., 6.])

    Reference: A. Krizhevsky, Convolutional deep belief networks on CIFAR-10, 2010.
    """
    x = _real(x, "relu6")
    return _choose(x <= 0, 0, _choose(x >= 6, 6, x))


def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """x for x >= 0, else negative_slope * x.

    Example:
        >>> import numpy as np
        >>> leaky_relu(np.array([-1.0, 2.0]), 0.1)
        array([-0.1,  2. ])

    Reference: A. Maas, A. Hannun, A. Ng, Rectifier nonlinearities improve neural network acoustic models, ICML 2013.
    """
    x = _real(x, "leaky_relu")
    return _choose(x < 0, x * negative_slope, x)


def hard_tanh(x: Any) -> Any:
    """min(max(x, -1), 1), with derivative 1 at both ends.

    Example:
        >>> import numpy as np
        >>> hard_tanh(np.array([-3.0, 0.5, 3.0]))
        array([-1. ,  0.5,  1. ])

    Reference: R. Collobert, Large scale machine learning, thesis, Paris VI, 2004.
    """
    x = _real(x, "hard_tanh")
    return _choose(x < -1, -1, _choose(x > 1, 1, x))


# --- smooth -----------------------------------------------------------------------------------------------------------


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)).

    Example:
        >>> sigmoid(0.0)
        np.float64(0.5)

    Reference: https://en.wikipedia.org/wiki/Logistic_function
    """
    return elementwise.sigmoid(_real(x, "sigmoid"))


def tanh(x: Any) -> Any:
    """The hyperbolic tangent.

    Example:
        >>> tanh(0.0)
        np.float64(0.0)

    Reference: https://dlmf.nist.gov/4.28
    """
    return elementwise.tanh(_real(x, "tanh"))


def softplus(x: Any) -> Any:
    """log(1 + exp(x)).

    Example:
        >>> softplus(1000.0)
        np.float64(1000.0)

    Reference: C. Dugas et al., Incorporating second-order functional knowledge for better option pricing, NIPS 2000.
    """
    x = _real(x, "softplus")
    return elementwise.logaddexp(x, elementwise.like(x, 0))


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)) = -softplus(-x).

    Example:
        >>> log_sigmoid(-1000.0)
        np.float64(-1000.0)
    """
    return -softplus(-_real(x, "log_sigmoid"))


def silu(x: Any) -> Any:
    """x * sigmoid(x); also called swish.

    Example:
        >>> silu(0.0)
        np.float64(0.0)

    Reference: S. Elfwing, E. Uchibe, K. Doya, Sigmoid-weighted linear units, Neural Networks 107 (2018).
    """
    x = _real(x, "silu")
    return x * elementwise.sigmoid(x)


swish = silu


def mish(x: Any) -> Any:
    """x * tanh(softplus(x)).

    Example:
        >>> mish(0.0)
        np.float64(0.0)

    Reference: D. Misra, Mish: a self regularized non-monotonic activation function, BMVC 2020.
    """
    x = _real(x, "mish")
    return x * elementwise.tanh(softplus(x))


def gelu(x: Any, approximate: bool = True) -> Any:
    """x times the normal distribution function of x.

    Args:
        x: any array.
        approximate: replace the distribution function by sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)), which equals the
            usual form with tanh and does not cancel for negative x.

    Example:
        >>> import numpy as np
        >>> np.round(gelu(np.array([-1.0, 0.0, 1.0])), 4)
        array([-0.1588,  0.    ,  0.8412])

    Reference: D. Hendrycks, K. Gimpel, Gaussian error linear units, 2016.
    """
    x = _real(x, "gelu")
    if approximate:
        return x * elementwise.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))
    return 0.5 * x * elementwise.erfc(-math.sqrt(0.5) * x)


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """x for x > 0, else alpha * (exp(x) - 1).

    Example:
        >>> import numpy as np
        >>> np.round(elu(np.array([-1.0, 2.0])), 4)
        array([-0.6321,  2.    ])

    Reference: D.-A. Clevert, T. Unterthiner, S. Hochreiter, Exponential linear units, ICLR 2016.
    """
    return _exponential_unit(_real(x, "elu"), alpha, 1.0)


def celu(x: Any, alpha: Any = 1.0) -> Any:
    """x for x > 0, else alpha * (exp(x / alpha) - 1).

    Example:
        >>> import numpy as np
        >>> np.round(celu(np.array([-1.0, 2.0]), 2.0), 4)
        array([-0.7869,  2.    ])

    Reference: J. Barron, Continuously differentiable exponential linear units, 2017.
    """
    return _exponential_unit(_real(x, "celu"), alpha, alpha)


def selu(x: Any) -> Any:
    """1.0507... * elu(x, 1.6733...), which keeps mean 0 and variance 1 from layer to layer.

    Example:
        >>> import numpy as np
        >>> np.round(selu(np.array([-1.0, 2.0])), 4)
        array([-1.1113,  2.1014])

    Reference: G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, Self-normalizing neural networks, NIPS 2017.
    """
    return 1.0507009873554805 * _exponential_unit(_real(x, "selu"), 1.6732632423543772, 1.0)


def _exponential_unit(x: Any, alpha: Any, scale: Any) -> Any:
    """The exponential gets 0 where it is not used, since it would overflow there and spoil the derivative."""
    positive = x > 0
    return _choose(positive, x, alpha * elementwise.expm1(_choose(positive, 0, x) / scale))


# --- normalized exponentials ------------------------------------------------------------------------------------------


def _peak(x: Any, axes: tuple[int, ...]) -> Any:
    """The largest element of each group, 0 for groups without a finite one; constant for derivatives, because what is
    subtracted from a whole group has no effect in the end."""
    largest = elementwise.stop(fnp.max(x, axis=axes, initial=-math.inf))
    return _choose(abs(largest) < math.inf, largest, 0)


def _masked(x: Any, where: Any) -> Any:
    if where is None:
        return x
    kept = promotion.broadcast(promotion.array_operand(where, "where"), tuple(x.shape))
    return elementwise.select(kept, x, elementwise.like(x, -math.inf))


def _groups(a: Any, axis: Any, where: Any, name: str) -> tuple[Any, tuple[int, ...]]:
    x = _real(a, name)
    return _masked(x, where), promotion.many_axes(axis, x.ndim, name)


def _nonzero(total: Any) -> Any:
    """Sums of exponentials, with 1 in place of the 0 of a group in which everything is -inf."""
    return _choose(total == 0, 1, total)


def logsumexp(a: Any, axis: Any = None, keepdims: bool = False, where: Any = None) -> Any:
    """log(sum(exp(a))) along axes, without overflow; its gradient is `softmax(a)`, and 0 when all elements are -inf.

    Args:
        a: any array; elements may be -inf.
        axis: an axis or several; None for all.
        keepdims: whether summed axes stay, with size 1.
        where: which elements take part; None for all.

    Example:
        >>> import numpy as np
        >>> logsumexp(np.array([1000.0, 1000.0])) - 1000
        np.float64(0.6931471805598903)

    Reference: P. Blanchard, D. Higham, N. Higham, Accurately computing the log-sum-exp and softmax functions, IMA
    Journal of Numerical Analysis 41 (2021).
    """
    x, axes = _groups(a, axis, where, "logsumexp")
    peak = _peak(x, axes)
    total = reduction.reduce_sum(elementwise.exp(x - reduction.put_back(peak, x, axes)), axes=axes)
    out = _choose(total == 0, -math.inf, elementwise.log(_nonzero(total)) + peak)
    return fnp.expand_dims(out, axes) if keepdims else out


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


def standardize(x: Any, axis: Any = -1, mean: Any = None, variance: Any = None, epsilon: Any = 1e-5) -> Any:
    """(x - mean) / sqrt(variance + epsilon).

    Args:
        x: any array.
        axis: the axis or axes over which mean and variance are taken, unless given.
        mean, variance: arrays that broadcast to x; None to compute them from x.
        epsilon: keeps the division finite.

    Example:
        >>> import numpy as np
        >>> np.round(standardize(np.array([1.0, 2.0, 3.0])), 3)
        array([-1.225,  0.   ,  1.225])

    Reference: J. Ba, J. Kiros, G. Hinton, Layer normalization, 2016.
    """
    x = _real(x, "standardize")
    centered = x - (fnp.mean(x, axis=axis, keepdims=True) if mean is None else mean)
    spread = fnp.mean(centered * centered, axis=axis, keepdims=True) if variance is None else variance
    return centered / fnp.sqrt(spread + epsilon)
