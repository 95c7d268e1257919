"""Prodigy: Adam with an estimate of the distance to the solution in the place of a learning rate."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformationExtraArgs, required
from .conditional import arrays
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
from .scaling import ScalarOrSchedule
from .tree_utils import tree_sub, tree_sum, tree_vdot


class ProdigyState(NamedTuple):
    """Both moments, sum of gradients, first parameters, the estimate and its numerator, number of updates (int32)."""

    exp_avg: Any
    exp_avg_sq: Any
    grad_sum: Any
    params0: Any
    estim_lr: Any
    numerator_weighted: Any
    count: Any


def adam_correction(beta1: Any, beta2: Any, count: Any) -> Any:
    """sqrt(1 - beta2^t) / (1 - beta1^t)."""
    return fnp.sqrt(1 - beta2**count) / (1 - beta1**count)


def larger_estimate(estimate: Any, numerator: Any, denominator: Any) -> Any:
    """max(estimate, numerator / denominator), and the old estimate where the denominator is 0."""
    some = denominator > 0
    return fnp.where(
        some, fnp.maximum(estimate, numerator / fnp.where(some, denominator, fnp.ones_like(denominator))), estimate
    )


def prodigy(
    learning_rate: ScalarOrSchedule = 1.0,
    betas: tuple[Any, Any] = (0.9, 0.999),
    beta3: Any = None,
    eps: Any = 1e-8,
    estim_lr0: Any = 1e-6,
    estim_lr_coef: Any = 1.0,
    weight_decay: Any = 0.0,
    safeguard_warmup: bool = False,
) -> GradientTransformationExtraArgs:
    """Adam with the step size d * learning_rate, where d estimates the distance from the start to the solution.

        r = beta3 r + d dlr / d0 g.(p0 - p)      s = beta3 s + d dlr / d0 g      d = max(d, coef r / |s|_1)

    Args:
        learning_rate: a factor: a number, a scalar array, or a schedule; 1 is meant.
        betas: decay of both moments.
        beta3: decay of the sums; None for sqrt(beta2).
        eps: added to the root.
        estim_lr0: first d.
        estim_lr_coef: factor of the estimate.
        weight_decay: decoupled weight decay.
        safeguard_warmup: leave the learning rate out of s, for long warm-ups.

    Raises:
        ValueError: in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> optimizer = prodigy(estim_lr0=0.1)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)), np.zeros(1))[0], 6)
        array([-0.1])

    Reference: K. Mishchenko, A. Defazio, Prodigy: an expeditiously adaptive parameter-free learner, ICML 2024.
    """
    beta1, beta2 = betas
    beta3 = beta2**0.5 if beta3 is None else beta3

    def init_fn(params: Any) -> ProdigyState:
        refuse_complex(params, "prodigy")
        dtype, zeros = lowest_dtype(params), full_like(params, 0)
        first, zero = number(estim_lr0, dtype), np.zeros((), dtype)
        return ProdigyState(zeros, zeros, zeros, arrays(params), first, zero, first_step())

    def update_fn(updates: Any, state: ProdigyState, params: Any = None, **extra: Any) -> tuple[Any, ProdigyState]:
        del extra
        params = required(params, "prodigy")
        count, d, dtype = next_step(state.count), state.estim_lr, state.estim_lr.dtype
        rate = d * number(scheduled(learning_rate, state.count) * adam_correction(beta1, beta2, count), dtype)
        grown = d * (d if safeguard_warmup else rate) / number(estim_lr0, dtype)

        def mixed(decay: Any, old: Any, factor: Any, new: Any) -> Any:
            return tree.tree_map(lambda o, n: o * number_like(decay, o) + n * number_like(factor, n), old, new)

        square = tree.tree_map(squared, updates)
        mu = mixed(beta1, state.exp_avg, (1 - beta1) * d, updates)
        nu = mixed(beta2, state.exp_avg_sq, (1 - beta2) * d * d, square)
        total = mixed(beta3, state.grad_sum, grown, updates)
        product = number(tree_vdot(updates, tree_sub(state.params0, params)), dtype)
        top = number(beta3, dtype) * state.numerator_weighted + d * rate / number(estim_lr0, dtype) * product
        bottom = number(tree_sum(tree.tree_map(fnp.absolute, total)), dtype)
        estimate = larger_estimate(d, number(estim_lr_coef, dtype) * top, bottom)

        def step(m: Any, v: Any, p: Any) -> Any:
            scaled = m / (fnp.sqrt(v) + number_like(estimate * number(eps, dtype), v))
            return -number_like(rate, p) * (p * number_like(weight_decay, p) + scaled)

        new = tree.tree_map(step, mu, nu, params)
        return new, ProdigyState(mu, nu, total, state.params0, estimate, top, count)

    return GradientTransformationExtraArgs(init_fn, update_fn)
