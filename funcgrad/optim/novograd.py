"""NovoGrad: gradients normalized layer by layer, then averaged."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand
from .base import GradientTransformation, chain, required
from .moments import first_step, full_like, like, next_step, number_like, squared
from .scaling import ScalarOrSchedule, scale_by_learning_rate


class ScaleByNovogradState(NamedTuple):
    """Number of updates (int32 scalar), average, a pytree like the parameters, and one squared norm for every leaf."""

    count: Any
    mu: Any
    nu: Any


def scale_by_novograd(
    b1: Any = 0.9,
    b2: Any = 0.25,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    weight_decay: Any = 0.0,
    mu_dtype: Any = None,
) -> GradientTransformation:
    """Updates divided by a running norm of the leaf, and summed with decay.

        nu = b2 nu + (1 - b2) |g|^2        mu = b1 mu + g / (sqrt(nu + eps_root) + eps) + weight_decay p
        and at the first step nu = |g|^2

    Args:
        b1, b2: decay of the sum and of the squared norm.
        eps: added to the root.
        eps_root: added under the root.
        weight_decay: multiple of the parameters that is added.
        mu_dtype: dtype of the sum; None for that of the parameters.

    Raises:
        ValueError: in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> link = scale_by_novograd(eps=0.0)
        >>> link.update(np.array([3.0, 4.0]), link.init(np.zeros(2)), np.zeros(2))[0]
        array([0.6, 0.8])

    Reference: B. Ginsburg et al., Stochastic gradient methods with layer-wise adaptive moments for training of deep
    networks, 2019.
    """

    def init_fn(params: Any) -> ScaleByNovogradState:
        nu = tree.tree_map(lambda p: np.zeros((), array_operand(p).dtype), params)
        return ScaleByNovogradState(first_step(), full_like(params, 0, mu_dtype), nu)

    def update_fn(updates: Any, state: ScaleByNovogradState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del extra
        params = required(params, "scale_by_novograd")
        first = fnp.equal(state.count, 0)

        def square(g: Any, v: Any) -> Any:
            now = fnp.sum(squared(g))
            return fnp.where(first, now, v * number_like(b2, v) + now * number_like(1 - b2, v))

        def total(g: Any, p: Any, m: Any, v: Any) -> Any:
            scaled = g / (fnp.sqrt(v + number_like(eps_root, v)) + number_like(eps, v))
            return m * number_like(b1, m) + scaled + p * number_like(weight_decay, p)

        nu = tree.tree_map(square, updates, state.nu)
        mu = tree.tree_map(total, updates, params, state.mu, nu)
        new = mu
        if mu_dtype is not None:
            new, mu = like(mu, updates), like(mu, state.mu)
        return new, ScaleByNovogradState(next_step(state.count), mu, nu)

    return GradientTransformation(init_fn, update_fn)


def novograd(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.25,
    eps: Any = 1e-6,
    eps_root: Any = 0.0,
    weight_decay: Any = 0.0,
) -> GradientTransformation:
    """NovoGrad: -learning_rate times the updates of `scale_by_novograd`. The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps, eps_root, weight_decay: see `scale_by_novograd`.

    Example:
        >>> import numpy as np
        >>> optimizer = novograd(0.1, eps=0.0)
        >>> np.round(optimizer.update(np.array([3.0, 4.0]), optimizer.init(np.zeros(2)), np.zeros(2))[0], 6)
        array([-0.06, -0.08])

    Reference: B. Ginsburg et al., Stochastic gradient methods with layer-wise adaptive moments for training of deep
    networks, 2019.
    """
    return chain(scale_by_novograd(b1, b2, eps, eps_root, weight_decay), scale_by_learning_rate(learning_rate))
