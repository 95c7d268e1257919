"""D-Adapt AdamW: AdamW with an estimate of the distance to the solution in the place of a learning rate."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformationExtraArgs, required
from .moments import (
    first_step,
    full_like,
    lowest_dtype,
    next_step,
    number,
    number_like,
    refuse_complex,
    scheduled,
    squared,
)
from .prodigy import adam_correction, larger_estimate
from .scaling import ScalarOrSchedule
from .tree_utils import tree_sum, tree_vdot


class DAdaptAdamWState(NamedTuple):
    """Both moments, sum of gradients, the estimate and its numerator, number of updates (int32 scalar)."""

    exp_avg: Any
    exp_avg_sq: Any
    grad_sum: Any
    estim_lr: Any
    numerator_weighted: Any
    count: Any


def dadapt_adamw(
    learning_rate: ScalarOrSchedule = 1.0,
    betas: tuple[Any, Any] = (0.9, 0.999),
    eps: Any = 1e-8,
    estim_lr0: Any = 1e-6,
    weight_decay: Any = 0.0,
) -> GradientTransformationExtraArgs:
    """AdamW with the step size d * learning_rate, where d is a lower bound of the distance to the solution.

        s = b s + (1 - b) dlr g       r = b r + (1 - b) dlr g.(s / (sqrt(nu) + eps))       b = sqrt(beta2)
        d = max(d, r / ((1 - b) |s|_1))

    Args:
        learning_rate: a factor: a number, a scalar array, or a schedule; 1 is meant.
        betas: decay of both moments.
        eps: added to the root.
        estim_lr0: first d.
        weight_decay: decoupled weight decay.

    Raises:
        ValueError: in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> optimizer = dadapt_adamw(estim_lr0=0.1)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)), np.zeros(1))[0], 6)
        array([-0.1])

    Reference: A. Defazio, K. Mishchenko, Learning-rate-free learning by D-adaptation, ICML 2023.
    """
    beta1, beta2 = betas
    root = beta2**0.5

    def init_fn(params: Any) -> DAdaptAdamWState:
        refuse_complex(params, "dadapt_adamw")
        dtype, zeros = lowest_dtype(params), full_like(params, 0)
        return DAdaptAdamWState(zeros, zeros, zeros, number(estim_lr0, dtype), np.zeros((), dtype), first_step())

    def update_fn(updates: Any, state: DAdaptAdamWState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del extra
        params = required(params, "dadapt_adamw")
        count, dtype = next_step(state.count), state.estim_lr.dtype
        correction = adam_correction(beta1, beta2, count)
        rate = state.estim_lr * number(scheduled(learning_rate, state.count) * correction, dtype)

        def mixed(decay: Any, old: Any, factor: Any, new: Any) -> Any:
            return tree.tree_map(lambda o, n: o * number_like(decay, o) + n * number_like(factor, n), old, new)

        def scaled(m: Any, v: Any) -> Any:
            return m / (fnp.sqrt(v) + number_like(eps, v))

        product = number(tree_vdot(updates, tree.tree_map(scaled, state.grad_sum, state.exp_avg_sq)), dtype)
        mu = mixed(beta1, state.exp_avg, (1 - beta1) * rate, updates)
        nu = mixed(beta2, state.exp_avg_sq, 1 - beta2, tree.tree_map(squared, updates))
        total = mixed(root, state.grad_sum, (1 - root) * rate, updates)
        top = number(root, dtype) * state.numerator_weighted + number(1 - root, dtype) * rate * product
        bottom = number(1 - root, dtype) * number(tree_sum(tree.tree_map(fnp.absolute, total)), dtype)
        new = tree.tree_map(lambda m, v, p: -p * number_like(weight_decay * rate, p) - scaled(m, v), mu, nu, params)
        estimate = larger_estimate(state.estim_lr, top, bottom)
        return new, DAdaptAdamWState(mu, nu, total, estimate, top, count)

    return GradientTransformationExtraArgs(init_fn, update_fn)
