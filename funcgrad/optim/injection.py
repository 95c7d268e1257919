"""Hyperparameters in the state: arrays that can be read, changed, and differentiated while training goes on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..core.tracing import Tracer
from ..numpy.promotion import array_operand, convert
from .base import GradientTransformation, GradientTransformationExtraArgs, with_extra_args_support
from .moments import first_step, highest_dtype, next_step


class InjectStatefulHyperparamsState(NamedTuple):
    """Number of updates (int32 scalar), hyperparameters by name, states of their schedules, and the state inside."""

    count: Any
    hyperparams: dict[str, Any]
    hyperparams_states: dict[str, Any]
    inner_state: Any


class WrappedScheduleState(NamedTuple):
    """The number of updates (int32 scalar)."""

    count: Any


InjectHyperparamsState = InjectStatefulHyperparamsState


class WrappedSchedule:
    """A schedule as an object with a state, the count: `init()`, `update(state, **extra)`, and the value at a state.

    Example:
        >>> halving = WrappedSchedule(lambda count: 0.5**count)
        >>> float(halving(halving.update(halving.init())))
        0.5
    """

    def __init__(self, schedule_fn: Callable[[Any], Any]) -> None:
        self.schedule_fn = schedule_fn

    def init(self) -> WrappedScheduleState:
        """The state at the start."""
        return WrappedScheduleState(first_step())

    def update(self, state: WrappedScheduleState, **extra: Any) -> WrappedScheduleState:
        """The state one step later."""
        del extra
        return WrappedScheduleState(next_step(state.count))

    def __call__(self, state: WrappedScheduleState, **extra: Any) -> Any:
        del extra
        return self.schedule_fn(state.count)


def _is_stateful(value: Any) -> bool:
    return callable(value) and callable(getattr(value, "init", None)) and callable(getattr(value, "update", None))


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float, np.ndarray, np.generic, Tracer))


def _leaf(value: Any, dtype: Any) -> Any:
    """A hyperparameter as an array; Python floats, and schedules' values, take the dtype of the parameters."""
    value = array_operand(value)
    return convert(value, np.dtype(dtype)) if value.dtype.kind == "f" else value


def inject_hyperparams(
    inner_factory: Callable[..., GradientTransformation],
    static_args: str | Iterable[str] = (),
    hyperparam_dtype: Any = None,
) -> Callable[..., GradientTransformationExtraArgs]:
    """The same factory of an optimizer, whose numbers and schedules are kept in `state.hyperparams`.

    Numbers there can be replaced between steps; they are leaves, so gradients flow through them.

    Args:
        inner_factory: a function from hyperparameters to a transformation, such as `adam`.
        static_args: names of arguments to be left alone, for numbers that must stay Python numbers.
        hyperparam_dtype: dtype of floating hyperparameters; None for the largest one of the parameters.

    Raises:
        ValueError: when `static_args` names something the factory does not take.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> optimizer = inject_hyperparams(optim.sgd)(learning_rate=0.1)
        >>> state = optimizer.init(np.zeros(1))
        >>> state.hyperparams["learning_rate"] = np.array(0.5)
        >>> optimizer.update(np.ones(1), state)[0]
        array([-0.5])
    """
    static = {static_args} if isinstance(static_args, str) else set(static_args)
    signature = inspect.signature(inner_factory)
    if not static <= set(signature.parameters):
        raise ValueError(
            f"inject_hyperparams: static_args names {sorted(static - set(signature.parameters))}, "
            f"but the parameters are {list(signature.parameters)}."
        )

    @functools.wraps(inner_factory)
    def factory(*args: Any, **kwargs: Any) -> GradientTransformationExtraArgs:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return _injected(inner_factory, dict(bound.arguments), static, hyperparam_dtype)

    return factory


def _injected(
    inner_factory: Callable[..., GradientTransformation], given: dict[str, Any], static: set[str], wanted_dtype: Any
) -> GradientTransformationExtraArgs:
    moving = {k: v for k, v in given.items() if k not in static}
    schedules = {k: v if _is_stateful(v) else WrappedSchedule(v) for k, v in moving.items() if callable(v)}
    numbers = {k: v for k, v in moving.items() if _is_number(v)}
    fixed = {k: v for k, v in given.items() if k not in schedules and k not in numbers}

    def make(hyperparams: dict[str, Any]) -> GradientTransformationExtraArgs:
        return with_extra_args_support(inner_factory(**fixed, **hyperparams))

    def init_fn(params: Any) -> InjectStatefulHyperparamsState:
        dtype = wanted_dtype or highest_dtype(params)
        states = {k: s.init() for k, s in schedules.items()}
        values = {k: _leaf(v, dtype) for k, v in numbers.items()}
        values |= {k: _leaf(s(states[k]), dtype) for k, s in schedules.items()}
        return InjectStatefulHyperparamsState(first_step(), values, states, make(values).init(params))

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        values = {k: array_operand(v) for k, v in state.hyperparams.items()}
        before = state.hyperparams_states
        values |= {k: _leaf(s(before[k], **extra), values[k].dtype) for k, s in schedules.items()}
        states = {k: s.update(before[k], **extra) for k, s in schedules.items()}
        updates, inner = make(values).update(updates, state.inner_state, params, **extra)
        return updates, InjectStatefulHyperparamsState(next_step(state.count), values, states, inner)

    return GradientTransformationExtraArgs(init_fn, update_fn)
