"""Gradient transformations and optimizers, by the names and signatures of optax.

With this package one can take an optimizer (`adam`, `sgd`, ...), initialize its state from parameters, and turn
gradients into updates; and build optimizers from links with `chain`. Everything is a pure function of pytrees, so a
step can be compiled, vectorized over learning rates, and differentiated.

    optimizer = optim.adam(1e-3)
    state = optimizer.init(params)
    updates, state = optimizer.update(grads, state, params)
    params = optim.apply_updates(params, updates)

Each file holds one concept; read `base` first.
"""

from .adagrad import ScaleByRssState, adagrad, scale_by_rss
from .adam import ScaleByAdamState, adam, adamw, scale_by_adam
from .base import (
    EmptyState,
    GradientTransformation,
    apply_updates,
    chain,
    identity,
    set_to_zero,
    stateless,
)
from .clipping import clip, clip_by_global_norm, global_norm
from .momentum import TraceState, sgd, trace
from .rmsprop import ScaleByRmsState, ScaleByStddevState, rmsprop, scale_by_rms, scale_by_stddev
from .scaling import ScaleByScheduleState, scale, scale_by_learning_rate, scale_by_schedule
from .schedules import (
    constant_schedule,
    cosine_decay_schedule,
    exponential_decay,
    join_schedules,
    linear_schedule,
    piecewise_constant_schedule,
    polynomial_schedule,
    warmup_cosine_decay_schedule,
)
from .weight_decay import WeightDecaySchedule, add_decayed_weights

__all__ = [
    "EmptyState",
    "GradientTransformation",
    "ScaleByAdamState",
    "ScaleByRmsState",
    "ScaleByRssState",
    "ScaleByScheduleState",
    "ScaleByStddevState",
    "TraceState",
    "WeightDecaySchedule",
    "adagrad",
    "adam",
    "adamw",
    "add_decayed_weights",
    "apply_updates",
    "chain",
    "clip",
    "clip_by_global_norm",
    "constant_schedule",
    "cosine_decay_schedule",
    "exponential_decay",
    "global_norm",
    "identity",
    "join_schedules",
    "linear_schedule",
    "piecewise_constant_schedule",
    "polynomial_schedule",
    "rmsprop",
    "scale",
    "scale_by_adam",
    "scale_by_learning_rate",
    "scale_by_rms",
    "scale_by_rss",
    "scale_by_schedule",
    "scale_by_stddev",
    "set_to_zero",
    "sgd",
    "stateless",
    "trace",
    "warmup_cosine_decay_schedule",
]
