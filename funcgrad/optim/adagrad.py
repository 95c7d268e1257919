"""AdaGrad: steps scaled by the root of the sum of all squared gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, chain
from .moments import full_like, number_like, squared
from .scaling import ScalarOrSchedule, scale_by_learning_rate


class ScaleByRssState(NamedTuple):
    """The sum of squared updates, a pytree like the parameters."""

    sum_of_squares: Any


def scale_by_rss(initial_accumulator_value: Any = 0.1, eps: Any = 1e-7) -> GradientTransformation:
    """Updates divided by the root of the sum of their squares; 0 where that sum is 0.

    Args:
        initial_accumulator_value: first value of the sum.
        eps: added under the root.

    Example:
        >>> import numpy as np
        >>> link = scale_by_rss(initial_accumulator_value=9.0)
        >>> np.round(link.update(np.array([4.0]), link.init(np.zeros(1)))[0], 6)
        array([0.8])

    Reference: J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods, JMLR 12 (2011).
    """

    def init_fn(params: Any) -> ScaleByRssState:
        return ScaleByRssState(full_like(params, initial_accumulator_value))

    def update_fn(updates: Any, state: ScaleByRssState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        total = tree.tree_map(lambda g, t: t + squared(g), updates, state.sum_of_squares)

        def step(g: Any, t: Any) -> Any:
            # A sum of 0 means that g is 0 too, so a divisor of 1 gives the 0 wanted there, even without eps.
            return g / fnp.sqrt(fnp.where(t > 0, t + number_like(eps, t), number_like(1.0, t)))

        return tree.tree_map(step, updates, total), ScaleByRssState(total)

    return GradientTransformation(init_fn, update_fn)


def adagrad(
    learning_rate: ScalarOrSchedule, initial_accumulator_value: Any = 0.1, eps: Any = 1e-7
) -> GradientTransformation:
    """AdaGrad: -learning_rate times the gradient over the root of the sum of all its squares.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        initial_accumulator_value, eps: see `scale_by_rss`.

    Example:
        >>> import numpy as np
        >>> optimizer = adagrad(0.1, initial_accumulator_value=9.0)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))[0], 6)
        array([-0.08])

    Reference: J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods, JMLR 12 (2011).
    """
    return chain(scale_by_rss(initial_accumulator_value, eps), scale_by_learning_rate(learning_rate))
