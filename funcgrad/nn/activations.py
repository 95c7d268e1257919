"""Activation functions, by the names and signatures of `jax.nn`.

Values and derivatives of every order are finite and accurate in the tails: nothing is computed as a difference of large
numbers, and branches that are not taken contribute nothing. At a kink the derivative is the smaller of the two
one-sided ones for `relu` and `relu6` (0), and that of the inner piece for the others.

Integers count as float64; float32 stays float32.
"""

from __future__ import annotations

import math
from typing import Any

from .. import numpy as fnp
from ..numpy import promotion
from ..ops import elementwise
from .operands import choose, real

# --- piecewise linear -------------------------------------------------------------------------------------------------


def relu(x: Any) -> Any:
    """max(x, 0), with derivative 0 at 0.

    Example:
        >>> import numpy as np
        >>> relu(np.array([-1.0, 0.0, 2.0]))
        array([0., 0., 2.])

    Reference: V. Nair, G. Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010.
    """
    x = real(x, "relu")
    return choose(x <= 0, 0, x)


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6), with derivative 0 at 0 and 6.

    Example:
        >>> import numpy as np
        >>> relu6(np.array([-1.0, 2.0, 9.0]))
        array([0., 2., 6.])

    Reference: A. Krizhevsky, Convolutional deep belief networks on CIFAR-10, 2010.
    """
    x = real(x, "relu6")
    return choose(x <= 0, 0, choose(x >= 6, 6, x))


def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """x for x >= 0, else negative_slope * x.

    Example:
        >>> import numpy as np
        >>> leaky_relu(np.array([-1.0, 2.0]), 0.1)
        array([-0.1,  2. ])

    Reference: A. Maas, A. Hannun, A. Ng, Rectifier nonlinearities improve neural network acoustic models, ICML 2013.
    """
    x = real(x, "leaky_relu")
    return choose(x < 0, x * negative_slope, x)


def hard_tanh(x: Any) -> Any:
    """min(max(x, -1), 1), with derivative 1 at both ends.

    Example:
        >>> import numpy as np
        >>> hard_tanh(np.array([-3.0, 0.5, 3.0]))
        array([-1. ,  0.5,  1. ])

    Reference: R. Collobert, Large scale machine learning, thesis, Paris VI, 2004.
    """
    x = real(x, "hard_tanh")
    return choose(x < -1, -1, choose(x > 1, 1, x))


def hard_sigmoid(x: Any) -> Any:
    """relu6(x + 3) / 6.

    Example:
        >>> import numpy as np
        >>> hard_sigmoid(np.array([-4.0, 0.0, 4.0]))
        array([0. , 0.5, 1. ])

    Reference: A. Howard et al., Searching for MobileNetV3, ICCV 2019.
    """
    return relu6(real(x, "hard_sigmoid") + 3) / 6


def hard_silu(x: Any) -> Any:
    """x * hard_sigmoid(x); also called hard_swish.

    Example:
        >>> import numpy as np
        >>> hard_silu(np.array([-4.0, 3.0]))
        array([-0.,  3.])

    Reference: A. Howard et al., Searching for MobileNetV3, ICCV 2019.
    """
    x = real(x, "hard_silu")
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def sparse_sigmoid(x: Any) -> Any:
    """min(max((x + 1) / 2, 0), 1), the derivative of `sparse_plus`; its own derivative at both ends is 0.

    Example:
        >>> import numpy as np
        >>> sparse_sigmoid(np.array([-2.0, 0.5, 2.0]))
        array([0.  , 0.75, 1.  ])

    Reference: A. Martins, R. Astudillo, From softmax to sparsemax, ICML 2016, for two classes.
    """
    x = real(x, "sparse_sigmoid")
    return choose(x <= -1, 0, choose(x >= 1, 1, 0.5 * (x + 1)))


def identity(x: Any) -> Any:
    """x itself, as an array of floating-point numbers.

    Example:
        >>> identity(2)
        np.float64(2.0)
    """
    return real(x, "identity")


# --- smooth -----------------------------------------------------------------------------------------------------------


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)).

    Example:
        >>> sigmoid(0.0)
        np.float64(0.5)

    Reference: https://en.wikipedia.org/wiki/Logistic_function
    """
    return elementwise.sigmoid(real(x, "sigmoid"))


def tanh(x: Any) -> Any:
    """The hyperbolic tangent.

    Example:
        >>> tanh(0.0)
        np.float64(0.0)

    Reference: https://dlmf.nist.gov/4.28
    """
    return elementwise.tanh(real(x, "tanh"))


def softplus(x: Any) -> Any:
    """log(1 + exp(x)).

    Example:
        >>> softplus(1000.0)
        np.float64(1000.0)

    Reference: C. Dugas et al., Incorporating second-order functional knowledge for better option pricing, NIPS 2000.
    """
    x = real(x, "softplus")
    return elementwise.logaddexp(x, elementwise.like(x, 0))


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)) = -softplus(-x).

    Example:
        >>> log_sigmoid(-1000.0)
        np.float64(-1000.0)
    """
    return -softplus(-real(x, "log_sigmoid"))


def silu(x: Any) -> Any:
    """x * sigmoid(x); also called swish.

    Example:
        >>> silu(0.0)
        np.float64(0.0)

    Reference: S. Elfwing, E. Uchibe, K. Doya, Sigmoid-weighted linear units, Neural Networks 107 (2018).
    """
    x = real(x, "silu")
    return x * elementwise.sigmoid(x)


swish = silu


def soft_sign(x: Any) -> Any:
    """x / (1 + |x|); 1 at infinity.

    Example:
        >>> import numpy as np
        >>> soft_sign(np.array([-1.0, 3.0, np.inf]))
        array([-0.5 ,  0.75,  1.  ])

    Reference: J. Turian, J. Bergstra, Y. Bengio, Quadratic features and deep architectures for chunking, NAACL 2009.
    """
    x = real(x, "soft_sign")
    size = abs(x)
    finite = size != math.inf
    return choose(finite, choose(finite, x, 0) / (1 + size), elementwise.sign(x))


def squareplus(x: Any, b: Any = 4) -> Any:
    """(x + sqrt(x^2 + b)) / 2, without cancellation for negative x and without overflow.

    Args:
        x: any array.
        b: how smooth the bend at 0 is; 0 gives `relu`.

    Example:
        >>> squareplus(0.0)
        np.float64(1.0)

    Reference: J. Barron, Squareplus: a softplus-like algebraic rectifier, 2021.
    """
    x, b = real(x, "squareplus"), promotion.array_operand(b, "squareplus")
    if x.dtype != b.dtype:
        b = promotion.convert(b, x.dtype)
    root = fnp.hypot(x, fnp.sqrt(b))
    # The two roots of y (y - x) = b / 4 have product -b / 4, so the small one is a quotient rather than a difference.
    return choose(x < 0, 0.5 * b / choose(x < 0, root - x, 1), 0.5 * (x + root))


def sparse_plus(x: Any) -> Any:
    """0 for x <= -1, (x + 1)^2 / 4 between, and x for x >= 1.

    Example:
        >>> import numpy as np
        >>> sparse_plus(np.array([-2.0, 0.0, 3.0]))
        array([0.  , 0.25, 3.  ])

    Reference: A. Martins, R. Astudillo, From softmax to sparsemax, ICML 2016, for two classes.
    """
    x = real(x, "sparse_plus")
    inside = choose(x >= 1, 0, x) + 1
    return choose(x <= -1, 0, choose(x >= 1, x, 0.25 * (inside * inside)))


def mish(x: Any) -> Any:
    """x * tanh(softplus(x)).

    Example:
        >>> mish(0.0)
        np.float64(0.0)

    Reference: D. Misra, Mish: a self regularized non-monotonic activation function, BMVC 2020.
    """
    x = real(x, "mish")
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
    x = real(x, "gelu")
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
    return _exponential_unit(real(x, "elu"), alpha, 1.0)


def celu(x: Any, alpha: Any = 1.0) -> Any:
    """x for x > 0, else alpha * (exp(x / alpha) - 1).

    Example:
        >>> import numpy as np
        >>> np.round(celu(np.array([-1.0, 2.0]), 2.0), 4)
        array([-0.7869,  2.    ])

    Reference: J. Barron, Continuously differentiable exponential linear units, 2017.
    """
    return _exponential_unit(real(x, "celu"), alpha, alpha)


def selu(x: Any) -> Any:
    """1.0507... * elu(x, 1.6733...), which keeps mean 0 and variance 1 from layer to layer.

    Example:
        >>> import numpy as np
        >>> np.round(selu(np.array([-1.0, 2.0])), 4)
        array([-1.1113,  2.1014])

    Reference: G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, Self-normalizing neural networks, NIPS 2017.
    """
    return 1.0507009873554805 * _exponential_unit(real(x, "selu"), 1.6732632423543772, 1.0)


def _exponential_unit(x: Any, alpha: Any, scale: Any) -> Any:
    """The exponential gets 0 where it is not used, since it would overflow there and spoil the derivative."""
    positive = x > 0
    return choose(positive, x, alpha * elementwise.expm1(choose(positive, 0, x) / scale))


def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis times the sigmoid of the second half.

    Args:
        x: an array with an even number of elements along the axis.
        axis: the axis to split.

    Raises:
        ValueError: the axis has an odd number of elements.

    Example:
        >>> import numpy as np
        >>> glu(np.array([1.0, 2.0, 0.0, 0.0]))
        array([0.5, 1. ])

    Reference: Y. Dauphin, A. Fan, M. Auli, D. Grangier, Language modeling with gated convolutional networks, ICML 2017.
    """
    x = real(x, "glu")
    axis = promotion.one_axis(axis, x.ndim, "glu")
    if x.shape[axis] % 2:
        raise ValueError(
            f"glu: axis {axis} of shape {tuple(x.shape)} has an odd number of elements.\n"
            "Fix: give twice as many elements as the result has."
        )
    values, gates = fnp.split(x, 2, axis)
    return values * elementwise.sigmoid(gates)
