"""Steps of one size for every element: the sign of the gradient, or of its average."""

from __future__ import annotations

from typing import Any

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, chain, stateless
from .ema import ema
from .scaling import ScalarOrSchedule, scale_by_learning_rate


def scale_by_sign() -> GradientTransformation:
    """The sign of the updates.

    Example:
        >>> import numpy as np
        >>> scale_by_sign().update(np.array([4.0, -0.1, 0.0]), ())[0]
        array([ 1., -1.,  0.])
    """
    return stateless(lambda updates, params: tree.tree_map(fnp.sign, updates))


def sign_sgd(learning_rate: ScalarOrSchedule) -> GradientTransformation:
    """Sign descent: -learning_rate * sign(g).

    Args:
        learning_rate: a number, a scalar array, or a schedule.

    Example:
        >>> import numpy as np
        >>> sign_sgd(0.1).update(np.array([4.0, -0.1]), sign_sgd(0.1).init(np.zeros(2)))[0]
        array([-0.1,  0.1])

    Reference: J. Bernstein et al., signSGD: compressed optimisation for non-convex problems, ICML 2018.
    """
    return chain(scale_by_sign(), scale_by_learning_rate(learning_rate))


def signum(learning_rate: ScalarOrSchedule, beta: Any = 0.9, accumulator_dtype: Any = None) -> GradientTransformation:
    """Sign descent with momentum: -learning_rate * sign(m), m = beta m + (1 - beta) g.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        beta: decay of the average.
        accumulator_dtype: dtype of the average; None for that of the parameters.

    Example:
        >>> import numpy as np
        >>> signum(0.1).update(np.array([4.0, -0.1]), signum(0.1).init(np.zeros(2)))[0]
        array([-0.1,  0.1])

    Reference: J. Bernstein et al., signSGD: compressed optimisation for non-convex problems, ICML 2018.
    """
    average = ema(beta, debias=False, accumulator_dtype=accumulator_dtype)
    return chain(average, scale_by_sign(), scale_by_learning_rate(learning_rate))


sign_momentum = signum
