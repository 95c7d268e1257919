"""Sophia: momentum divided by the diagonal of the Hessian, which is estimated now and then, and clipped."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import random, tree
from ..api.branches import cond
from ..api.differentiation import grad, jvp
from ..numpy.promotion import array_operand
from .base import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    chain,
    required,
    with_extra_args_support,
)
from .masking import MaskOrFn
from .moments import first_step, full_like, like, moving_average, next_step, number_like, refuse_complex, unbiased
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .tree_types import tree_split_key_like
from .weight_decay import add_decayed_weights


class HutchinsonState(NamedTuple):
    """The key of the next estimate."""

    key: Any


class SophiaState(NamedTuple):
    """Number of updates (int32 scalar), average gradient, average diagonal of the Hessian, state of its estimator."""

    count: Any
    mu: Any
    nu: Any
    hessian_fn_state: Any


def hutchinson_estimator_diag_hessian(random_seed: Any = None) -> GradientTransformationExtraArgs:
    """An unbiased estimate of the diagonal of the Hessian: z * (H z) for random signs z; it does not use the updates.

    The update needs the parameters and the keyword argument `obj_fn`, a function of them alone to the loss.

    Args:
        random_seed: a key for the signs; None for `random.key(0)`.

    Raises:
        ValueError: in `update`, without parameters or `obj_fn`.

    Example:
        >>> import numpy as np
        >>> estimator, p = hutchinson_estimator_diag_hessian(), np.array([1.0, 2.0])
        >>> estimator.update(None, estimator.init(p), p, obj_fn=lambda p: np.sum(p**3))[0]
        array([ 6., 12.])

    Reference: M. Hutchinson, A stochastic estimator of the trace of the influence matrix for Laplacian smoothing
    splines, Communications in Statistics, 1989.
    """

    def init_fn(params: Any) -> HutchinsonState:
        del params
        return HutchinsonState(random.key(0) if random_seed is None else random_seed)

    def update_fn(
        updates: Any, state: HutchinsonState, params: Any = None, *, obj_fn: Any = None, **extra: Any
    ) -> tuple[Any, HutchinsonState]:
        del updates, extra
        params = required(params, "hutchinson_estimator_diag_hessian")
        if obj_fn is None:
            raise ValueError(
                "hutchinson_estimator_diag_hessian: the update needs the loss as a function of the parameters alone.\n"
                "Fix: update(gradient, state, params, obj_fn=lambda params: loss(params, batch))."
            )
        key, now = random.split(state.key)
        signs = tree.tree_map(_signs, tree_split_key_like(now, params), params)
        product = jvp(grad(obj_fn), (params,), (signs,))[1]
        return tree.tree_map(lambda h, z: h * z, product, signs), HutchinsonState(key)

    return GradientTransformationExtraArgs(init_fn, update_fn)


def _signs(key: Any, param: Any) -> Any:
    param = array_operand(param)
    return random.rademacher(key, param.shape, param.dtype)


def scale_by_sophia(
    b1: Any = 0.965,
    b2: Any = 0.99,
    eps: Any = 1e-8,
    gamma: Any = 0.01,
    clip_threshold: Any = 1.0,
    update_interval: Any = 10,
    hessian_diagonal_fn: GradientTransformation | None = None,
    mu_dtype: Any = None,
) -> GradientTransformationExtraArgs:
    """The average gradient over that of the diagonal of the Hessian, no element larger than a bound.

        u = clip(mu / (1 - b1^t) / max(gamma nu, eps))        nu = b2 nu + (1 - b2) diagonal, every `update_interval`

    Args:
        b1, b2: decay of the average gradient and of the diagonal.
        eps: least denominator; where the curvature is negative or unknown, the bound alone decides.
        gamma: factor of the diagonal.
        clip_threshold: the bound; None for none.
        update_interval: steps between estimates; the first step makes one.
        hessian_diagonal_fn: a transformation whose updates are the diagonal; None for
            `hutchinson_estimator_diag_hessian()`. It gets the gradient, the parameters and all keyword arguments.
        mu_dtype: dtype of the average gradient; None for that of the parameters.

    Raises:
        TypeError: in `init`, for complex parameters.
        ValueError: in `update`, without parameters.

    Example:
        >>> import numpy as np
        >>> link, p = scale_by_sophia(), np.array([1.0])
        >>> link.update(np.array([0.5]), link.init(p), p, obj_fn=lambda p: np.sum(p**2) / 4)[0]
        array([1.])

    Reference: H. Liu et al., Sophia: a scalable stochastic second-order optimizer for language model pre-training, ICLR
    2024.
    """
    estimator = with_extra_args_support(hessian_diagonal_fn or hutchinson_estimator_diag_hessian())

    def init_fn(params: Any) -> SophiaState:
        refuse_complex(params, "scale_by_sophia")
        return SophiaState(first_step(), full_like(params, 0, mu_dtype), full_like(params, 0), estimator.init(params))

    def bounded(m: Any, h: Any) -> Any:
        u = m / fnp.maximum(h * number_like(gamma, h), number_like(eps, h))
        if clip_threshold is None:
            return u
        return fnp.clip(u, number_like(-clip_threshold, u), number_like(clip_threshold, u))

    def update_fn(updates: Any, state: SophiaState, params: Any = None, **extra: Any) -> tuple[Any, SophiaState]:
        params = required(params, "scale_by_sophia")
        count, mu = next_step(state.count), moving_average(updates, state.mu, b1)
        new = tree.tree_map(bounded, unbiased(mu, b1, count), state.nu)

        def estimated() -> tuple[Any, Any]:
            diagonal, inner = estimator.update(updates, state.hessian_fn_state, params, **extra)
            return inner, moving_average(diagonal, state.nu, b2)

        due = fnp.equal(state.count % update_interval, 0)
        inner, nu = cond(due, estimated, lambda: (state.hessian_fn_state, state.nu))
        mu = like(mu, state.mu) if mu_dtype is not None else mu
        return like(new, updates), SophiaState(count, mu, nu, inner)

    return GradientTransformationExtraArgs(init_fn, update_fn)


def sophia(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.965,
    b2: Any = 0.99,
    eps: Any = 1e-8,
    weight_decay: ScalarOrSchedule = 1e-4,
    weight_decay_mask: MaskOrFn = None,
    gamma: Any = 0.01,
    clip_threshold: Any = 1.0,
    update_interval: Any = 10,
    hessian_diagonal_fn: GradientTransformation | None = None,
    mu_dtype: Any = None,
) -> GradientTransformationExtraArgs:
    """Sophia: -learning_rate times the updates of `scale_by_sophia`. Needs the parameters and the keyword `obj_fn`.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        weight_decay, weight_decay_mask: see `add_decayed_weights`.
        b1, b2, eps, gamma, clip_threshold, update_interval, hessian_diagonal_fn, mu_dtype: see `scale_by_sophia`.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> loss = lambda p: np.sum(np.array([1.0, 100.0]) * (p - 1.0) ** 2)
        >>> optimizer, p = sophia(0.05, b1=0.5, gamma=1.0, weight_decay=0.0), np.array([0.0, 0.0])
        >>> state = optimizer.init(p)
        >>> for _ in range(100):
        ...     updates, state = optimizer.update(fg.grad(loss)(p), state, p, obj_fn=loss)
        ...     p = p + updates
        >>> bool(loss(p) < 0.1)
        True

    Reference: H. Liu et al., Sophia: a scalable stochastic second-order optimizer for language model pre-training, ICLR
    2024.
    """
    return chain(
        scale_by_sophia(b1, b2, eps, gamma, clip_threshold, update_interval, hessian_diagonal_fn, mu_dtype),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
