"""Gradient transformations and optimizers, by the names and signatures of optax.

With this package one can take an optimizer (`adam`, `sgd`, ...), initialize its state from parameters, and turn
gradients into updates; and build optimizers from links with `chain`. Everything is a pure function of pytrees, so a
step can be compiled, vectorized over learning rates, and differentiated.

    optimizer = optim.adam(1e-3)
    state = optimizer.init(params)
    updates, state = optimizer.update(grads, state, params)
    params = optim.apply_updates(params, updates)

Each file holds one algorithm or one kind of link; read `base` first, then `moments`, the arithmetic they share.
`masking`, `conditional`, `accumulating` and `injection` wrap other transformations; `zoom` and `backtracking` search
along a line; `schedules` and `piecewise` are step sizes that change; `tree_utils` and `tree_state` are arithmetic on
pytrees and parts of states by name, which `tree` offers by shorter names.
"""

from . import perturbations, projections, second_order, tree, tree_utils
from .accumulating import ApplyEvery, MultiSteps, MultiStepsState, apply_every, skip_large_updates, skip_not_finite
from .acprop import acprop, scale_by_acprop
from .adabelief import ScaleByBeliefState, adabelief, scale_by_belief
from .adadelta import ScaleByAdaDeltaState, adadelta, scale_by_adadelta
from .adafactor import FactoredState, adafactor, scale_by_factored_rms
from .adagrad import ScaleByRssState, adagrad, scale_by_rss
from .adam import ScaleByAdamState, adam, adamw, scale_by_adam
from .adamax import adamax, adamaxw, scale_by_adamax
from .adan import ScaleByAdanState, adan, scale_by_adan
from .ademamix import ScaleByAdemamixState, ademamix, scale_by_ademamix
from .adopt import adopt, scale_by_adopt
from .amsgrad import ScaleByAmsgradState, amsgrad, scale_by_amsgrad
from .backtracking import (
    BacktrackingLinesearchInfo,
    ScaleByBacktrackingLinesearchState,
    scale_by_backtracking_linesearch,
)
from .base import (
    EmptyState,
    GradientTransformation,
    GradientTransformationExtraArgs,
    apply_updates,
    chain,
    identity,
    named_chain,
    set_to_zero,
    stateless,
    stateless_with_tree_map,
    with_extra_args_support,
)
from .clipping import (
    adaptive_grad_clip,
    clip,
    clip_by_block_rms,
    clip_by_global_norm,
    global_norm,
    unitwise_clip,
    unitwise_norm,
)
from .cocob import COCOBState, cocob, scale_by_cocob
from .complex_numbers import SplitRealAndImaginaryArrays, SplitRealAndImaginaryState, split_real_and_imaginary
from .conditional import (
    ApplyIfFiniteState,
    ConditionallyMaskState,
    ConditionallyTransformState,
    apply_if_finite,
    conditionally_mask,
    conditionally_transform,
)
from .constraints import NonNegativeParamsState, ZeroNansState, keep_params_nonnegative, zero_nans
from .dadapt import DAdaptAdamWState, dadapt_adamw
from .dog import DoGState, DoWGState, dog, dowg, scale_by_dog, scale_by_dowg
from .ema import EmaState, ema
from .flattening import flatten
from .fromage import fromage
from .galore import GaLoreDimensionNumbers, GaLoreState, galore, scale_by_galore
from .injection import (
    InjectHyperparamsState,
    InjectStatefulHyperparamsState,
    WrappedSchedule,
    WrappedScheduleState,
    inject_hyperparams,
)
from .lamb import lamb
from .lars import lars
from .lbfgs import ScaleByLBFGSState, lbfgs, scale_by_lbfgs
from .linesearch import value_and_grad_from_state
from .lion import ScaleByLionState, lion, scale_by_lion
from .lookahead import LookaheadParams, LookaheadState, lookahead
from .madgrad import MadgradState, madgrad, scale_by_madgrad
from .masking import (
    MaskedNode,
    MaskedState,
    MaskOrFn,
    MultiTransformState,
    PartitionState,
    freeze,
    masked,
    multi_transform,
    partition,
    selective_transform,
)
from .mechanic import MechanicState, mechanize
from .momentum import TraceState, sgd, trace
from .momo import MomoAdamState, MomoState, momo, momo_adam
from .monitoring import MonitorState, SnapshotState, measure_with_ema, monitor, snapshot
from .muon import MuonDimensionNumbers, MuonState, muon, orthogonalize_via_newton_schulz, scale_by_muon, scale_by_shape
from .nadam import nadam, nadamw
from .noise import AddNoiseState, add_noise, noisy_sgd
from .normalizing import (
    centralize,
    normalize,
    normalize_by_update_norm,
    scale_by_param_block_norm,
    scale_by_param_block_rms,
    scale_by_trust_ratio,
)
from .novograd import ScaleByNovogradState, novograd, scale_by_novograd
from .optimistic import (
    ScaleByOptimisticGradientState,
    optimistic_adam_v2,
    optimistic_gradient_descent,
    scale_by_optimistic_gradient,
)
from .piecewise import (
    cosine_onecycle_schedule,
    join_schedules,
    linear_onecycle_schedule,
    piecewise_constant_schedule,
    piecewise_interpolate_schedule,
    sgdr_schedule,
    warmup_constant_schedule,
    warmup_cosine_decay_schedule,
    warmup_exponential_decay_schedule,
)
from .plateau import ReduceLROnPlateauState, reduce_on_plateau
from .polyak import polyak_sgd, scale_by_polyak
from .privacy import (
    DifferentiallyPrivateAggregateState,
    differentially_private_aggregate,
    dpsgd,
    per_example_global_norm_clip,
    per_example_layer_norm_clip,
)
from .prodigy import ProdigyState, prodigy
from .radam import radam, scale_by_radam
from .rmsprop import (
    ScaleByRmsState,
    ScaleByRmsWithCountState,
    ScaleByRStdDevState,
    ScaleByRStdDevWithCountState,
    rmsprop,
    scale_by_rms,
    scale_by_stddev,
)
from .rprop import ScaleByRpropState, rprop, scale_by_rprop
from .sam import NormalizeState, SAMState, sam
from .scaling import ScalarOrSchedule, ScaleByScheduleState, Schedule, scale, scale_by_learning_rate, scale_by_schedule
from .schedule_free import (
    ScheduleFreeState,
    schedule_free,
    schedule_free_adamw,
    schedule_free_eval_params,
    schedule_free_sgd,
)
from .schedules import constant_schedule, cosine_decay_schedule, exponential_decay, linear_schedule, polynomial_schedule
from .sign import scale_by_sign, sign_momentum, sign_sgd, signum
from .simplified_ademamix import (
    ScaleBySimplifiedAdEMAMixState,
    scale_by_simplified_ademamix,
    simplified_ademamix,
)
from .sm3 import ScaleBySM3State, scale_by_sm3, sm3
from .sophia import HutchinsonState, SophiaState, hutchinson_estimator_diag_hessian, scale_by_sophia, sophia
from .updating import incremental_update, periodic_update
from .weight_decay import WeightDecaySchedule, add_decayed_weights
from .yogi import scale_by_yogi, yogi
from .zoom import ScaleByZoomLinesearchState, ZoomLinesearchInfo, scale_by_zoom_linesearch

__all__ = [
    "AddNoiseState",
    "ApplyEvery",
    "ApplyIfFiniteState",
    "BacktrackingLinesearchInfo",
    "COCOBState",
    "ConditionallyMaskState",
    "ConditionallyTransformState",
    "DAdaptAdamWState",
    "DifferentiallyPrivateAggregateState",
    "DoGState",
    "DoWGState",
    "EmaState",
    "EmptyState",
    "FactoredState",
    "GaLoreDimensionNumbers",
    "GaLoreState",
    "GradientTransformation",
    "GradientTransformationExtraArgs",
    "HutchinsonState",
    "InjectHyperparamsState",
    "InjectStatefulHyperparamsState",
    "LookaheadParams",
    "LookaheadState",
    "MadgradState",
    "MaskOrFn",
    "MaskedNode",
    "MaskedState",
    "MechanicState",
    "MomoAdamState",
    "MomoState",
    "MonitorState",
    "MultiSteps",
    "MultiStepsState",
    "MultiTransformState",
    "MuonDimensionNumbers",
    "MuonState",
    "NonNegativeParamsState",
    "NormalizeState",
    "PartitionState",
    "ProdigyState",
    "ReduceLROnPlateauState",
    "SAMState",
    "ScalarOrSchedule",
    "ScaleByAdaDeltaState",
    "ScaleByAdamState",
    "ScaleByAdanState",
    "ScaleByAdemamixState",
    "ScaleByAmsgradState",
    "ScaleByBacktrackingLinesearchState",
    "ScaleByBeliefState",
    "ScaleByLBFGSState",
    "ScaleByLionState",
    "ScaleByNovogradState",
    "ScaleByOptimisticGradientState",
    "ScaleByRStdDevState",
    "ScaleByRStdDevWithCountState",
    "ScaleByRmsState",
    "ScaleByRmsWithCountState",
    "ScaleByRpropState",
    "ScaleByRssState",
    "ScaleBySM3State",
    "ScaleByScheduleState",
    "ScaleBySimplifiedAdEMAMixState",
    "ScaleByZoomLinesearchState",
    "Schedule",
    "ScheduleFreeState",
    "SnapshotState",
    "SophiaState",
    "SplitRealAndImaginaryArrays",
    "SplitRealAndImaginaryState",
    "TraceState",
    "WeightDecaySchedule",
    "WrappedSchedule",
    "WrappedScheduleState",
    "ZeroNansState",
    "ZoomLinesearchInfo",
    "acprop",
    "adabelief",
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamaxw",
    "adamw",
    "adan",
    "adaptive_grad_clip",
    "add_decayed_weights",
    "add_noise",
    "ademamix",
    "adopt",
    "amsgrad",
    "apply_every",
    "apply_if_finite",
    "apply_updates",
    "centralize",
    "chain",
    "clip",
    "clip_by_block_rms",
    "clip_by_global_norm",
    "cocob",
    "conditionally_mask",
    "conditionally_transform",
    "constant_schedule",
    "cosine_decay_schedule",
    "cosine_onecycle_schedule",
    "dadapt_adamw",
    "differentially_private_aggregate",
    "dog",
    "dowg",
    "dpsgd",
    "ema",
    "exponential_decay",
    "flatten",
    "freeze",
    "fromage",
    "galore",
    "global_norm",
    "hutchinson_estimator_diag_hessian",
    "identity",
    "incremental_update",
    "inject_hyperparams",
    "join_schedules",
    "keep_params_nonnegative",
    "lamb",
    "lars",
    "lbfgs",
    "linear_onecycle_schedule",
    "linear_schedule",
    "lion",
    "lookahead",
    "madgrad",
    "masked",
    "measure_with_ema",
    "mechanize",
    "momo",
    "momo_adam",
    "monitor",
    "multi_transform",
    "muon",
    "nadam",
    "nadamw",
    "named_chain",
    "noisy_sgd",
    "normalize",
    "normalize_by_update_norm",
    "novograd",
    "optimistic_adam_v2",
    "optimistic_gradient_descent",
    "orthogonalize_via_newton_schulz",
    "partition",
    "per_example_global_norm_clip",
    "per_example_layer_norm_clip",
    "periodic_update",
    "perturbations",
    "piecewise_constant_schedule",
    "piecewise_interpolate_schedule",
    "polyak_sgd",
    "polynomial_schedule",
    "prodigy",
    "projections",
    "radam",
    "reduce_on_plateau",
    "rmsprop",
    "rprop",
    "sam",
    "scale",
    "scale_by_acprop",
    "scale_by_adadelta",
    "scale_by_adam",
    "scale_by_adamax",
    "scale_by_adan",
    "scale_by_ademamix",
    "scale_by_adopt",
    "scale_by_amsgrad",
    "scale_by_backtracking_linesearch",
    "scale_by_belief",
    "scale_by_cocob",
    "scale_by_dog",
    "scale_by_dowg",
    "scale_by_factored_rms",
    "scale_by_galore",
    "scale_by_lbfgs",
    "scale_by_learning_rate",
    "scale_by_lion",
    "scale_by_madgrad",
    "scale_by_muon",
    "scale_by_novograd",
    "scale_by_optimistic_gradient",
    "scale_by_param_block_norm",
    "scale_by_param_block_rms",
    "scale_by_polyak",
    "scale_by_radam",
    "scale_by_rms",
    "scale_by_rprop",
    "scale_by_rss",
    "scale_by_schedule",
    "scale_by_shape",
    "scale_by_sign",
    "scale_by_simplified_ademamix",
    "scale_by_sm3",
    "scale_by_sophia",
    "scale_by_stddev",
    "scale_by_trust_ratio",
    "scale_by_yogi",
    "scale_by_zoom_linesearch",
    "schedule_free",
    "schedule_free_adamw",
    "schedule_free_eval_params",
    "schedule_free_sgd",
    "second_order",
    "selective_transform",
    "set_to_zero",
    "sgd",
    "sgdr_schedule",
    "sign_momentum",
    "sign_sgd",
    "signum",
    "simplified_ademamix",
    "skip_large_updates",
    "skip_not_finite",
    "sm3",
    "snapshot",
    "sophia",
    "split_real_and_imaginary",
    "stateless",
    "stateless_with_tree_map",
    "trace",
    "tree",
    "tree_utils",
    "unitwise_clip",
    "unitwise_norm",
    "value_and_grad_from_state",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
    "with_extra_args_support",
    "yogi",
    "zero_nans",
]
