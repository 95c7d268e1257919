"""Mechanic: the scale of another optimizer's learning rate, found while training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, GradientTransformationExtraArgs, required, with_extra_args_support
from .conditional import arrays
from .moments import (
    first_step,
    lowest_dtype,
    next_step,
    number,
    number_like,
    refuse_complex,
)
from .tree_utils import tree_norm, tree_vdot


class MechanicState(NamedTuple):
    """State inside, number of updates (int32), reward, largest product, sum of squares, scale: one per decay; start."""

    base_optimizer_state: Any
    count: Any
    r: Any
    m: Any
    v: Any
    s: Any
    x0: Any


def mechanize(
    base_optimizer: GradientTransformation,
    weight_decay: Any = 0.01,
    eps: Any = 1e-8,
    s_init: Any = 1e-6,
    num_betas: int = 6,
) -> GradientTransformationExtraArgs:
    """p = p0 + s * (sum of the updates of `base_optimizer`), with s from an online learner.

        h = g.(sum of updates)    m = max(beta m, |h| + eps)    v = beta^2 v + h^2    r = beta r + clip(h, -m, m) s
        s = (s_init m / n + max(r, 0)) / (sqrt(v) + eps),   for n decays beta = 1 - 10^-1, ..., 1 - 10^-n

    Args:
        base_optimizer: the optimizer, whose learning rate need not be tuned.
        weight_decay: multiple of the parameters, in units of their and the gradient's norm, added to g.
        eps: keeps the divisions finite.
        s_init: first scale.
        num_betas: number of decays n, whose scales are added up.

    Raises:
        ValueError: in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> optimizer, params = mechanize(optim.sgd(0.1)), np.array([1.0])
        >>> optimizer.update(np.array([4.0]), optimizer.init(params), params)[0].shape
        (1,)

    Reference: A. Cutkosky, A. Defazio, H. Mehta, Mechanic: a learning rate tuner, NeurIPS 2023.
    """
    base_optimizer = with_extra_args_support(base_optimizer)

    def init_fn(params: Any) -> MechanicState:
        refuse_complex(params, "mechanize")
        dtype = lowest_dtype(params)
        zeros = fnp.zeros((num_betas,), dtype)
        scale = zeros + number(s_init, dtype)
        return MechanicState(base_optimizer.init(params), first_step(), zeros, zeros, zeros, scale, arrays(params))

    def update_fn(updates: Any, state: MechanicState, params: Any = None, **extra: Any) -> tuple[Any, MechanicState]:
        params, dtype = arrays(required(params, "mechanize")), state.s.dtype
        steps, inner = base_optimizer.update(updates, state.base_optimizer_state, params, **extra)
        start = tree.tree_map(lambda p, p0: fnp.where(fnp.equal(state.count, 0), p, p0), params, state.x0)
        scale = fnp.sum(state.s)
        ratio = tree_norm(updates) / (tree_norm(params) + eps)
        decayed = tree.tree_map(
            lambda g, p: g + p * number_like(weight_decay * number_like(ratio, scale) * scale, p), updates, params
        )
        before = tree.tree_map(lambda p, p0: (p0 - p) / number_like(scale + number(eps, dtype), p), params, start)
        h = number(tree_vdot(decayed, before), dtype)
        m, v, r, s = _learned(state, h, eps, s_init, num_betas)
        total = number_like(fnp.sum(s), scale)
        new = tree.tree_map(lambda p0, b, u, p: p0 - number_like(total, p) * (b - u) - p, start, before, steps, params)
        return new, MechanicState(inner, next_step(state.count), r, m, v, s, start)

    return GradientTransformationExtraArgs(init_fn, update_fn)


def _learned(state: MechanicState, h: Any, eps: Any, s_init: Any, n: int) -> tuple[Any, Any, Any, Any]:
    """The next m, v, r and s."""
    dtype = state.s.dtype
    eps, s_init = number(eps, dtype), number(s_init, dtype)
    betas = np.array([1.0 - 0.1**i for i in range(1, n + 1)], dtype)
    clipped = fnp.minimum(fnp.maximum(h, -state.m), state.m)
    m = fnp.maximum(betas * state.m, fnp.absolute(h) + eps)
    v = betas * betas * state.v + h * h
    r = betas * state.r + clipped * state.s
    wealth = s_init / number(n, dtype) * m + fnp.maximum(r, fnp.zeros_like(r))
    return m, v, r, wealth / (fnp.sqrt(v) + eps)
