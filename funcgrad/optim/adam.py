"""Adam and AdamW: steps scaled by running estimates of the gradient's first and second moment."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, chain
from .moments import correction, first_step, full_like, moving_average, moving_square, next_step, number_like
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


class ScaleByAdamState(NamedTuple):
    """Number of updates (int32 scalar), and both moments, pytrees like the parameters."""

    count: Any
    mu: Any
    nu: Any


def scale_by_adam(
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """Updates divided by the root of their second moment.

        mu = b1 mu + (1 - b1) g        nu = b2 nu + (1 - b2) g^2
        u = (mu / (1 - b1^t)) / (sqrt(nu / (1 - b2^t) + eps_root) + eps)

    Args:
        b1, b2: decay of the first and of the second moment.
        eps: added to the root; keeps the division finite.
        eps_root: added under the root; keeps the derivative of the update finite.
        mu_dtype: dtype in which the first moment is kept; None for that of the parameters.
        nesterov: use b1 mu / (1 - b1^(t+1)) + (1 - b1) g / (1 - b1^t) in the numerator.

    Example:
        >>> import numpy as np
        >>> link = scale_by_adam()
        >>> updates, state = link.update(np.array([4.0, -0.1]), link.init(np.zeros(2)))
        >>> np.round(updates, 6)
        array([ 1., -1.])

    Reference: D. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015; T. Dozat, Incorporating Nesterov
    momentum into Adam, ICLR workshop 2016.
    """

    def init_fn(params: Any) -> ScaleByAdamState:
        return ScaleByAdamState(first_step(), full_like(params, 0, mu_dtype), full_like(params, 0))

    def update_fn(updates: Any, state: ScaleByAdamState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        count = next_step(state.count)
        mu, nu = moving_average(updates, state.mu, b1), moving_square(updates, state.nu, b2)
        first, second = correction(b1, count), correction(b2, count)
        ahead = (b1 * correction(b1, next_step(count)), (1 - b1) * first) if nesterov else (first, None)

        def step(g: Any, m: Any, v: Any) -> Any:
            top = m * number_like(ahead[0], m)
            top = top + g * number_like(ahead[1], g) if nesterov else top
            return top / (fnp.sqrt(v * number_like(second, v) + number_like(eps_root, v)) + number_like(eps, v))

        new = tree.tree_map(step, updates, mu, nu)
        if mu_dtype is not None:
            new, mu = tree.tree_map(number_like, new, updates), tree.tree_map(number_like, mu, state.mu)
        return new, ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init_fn, update_fn)


def adam(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """Adam: -learning_rate times the updates of `scale_by_adam`.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps, eps_root, mu_dtype, nesterov: see `scale_by_adam`.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> optimizer = adam(0.1)
        >>> params = {"w": np.array([3.0, -2.0])}
        >>> state = optimizer.init(params)
        >>> for _ in range(300):
        ...     grads = fg.grad(lambda p: np.sum(p["w"] ** 2))(params)
        ...     updates, state = optimizer.update(grads, state)
        ...     params = {"w": params["w"] + updates["w"]}
        >>> bool(np.all(np.abs(params["w"]) < 1e-3))
        True

    Reference: D. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )


def adamw(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """Adam with decoupled weight decay: -learning_rate * (adam(g) + weight_decay * p). The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps, eps_root, mu_dtype, nesterov: see `scale_by_adam`.
        weight_decay, mask: see `add_decayed_weights`.

    Example:
        >>> import numpy as np
        >>> optimizer = adamw(0.1, weight_decay=0.5)
        >>> params = np.array([2.0])
        >>> optimizer.update(np.array([0.0]), optimizer.init(params), params)[0]
        array([-0.1])

    Reference: I. Loshchilov, F. Hutter, Decoupled weight decay regularization, ICLR 2019.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
