"""Keep measurements of updates in the state: norms, averages, whatever a function of the updates gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .base import GradientTransformation, GradientTransformationExtraArgs, chain, stateless, with_extra_args_support
from .ema import ema


class SnapshotState(NamedTuple):
    """The last measurement, a dict of one name."""

    measurement: dict[str, Any]


class MonitorState(NamedTuple):
    """The last measurements by name, and the states of the transformations that make them."""

    measurements: dict[str, Any]
    measure_states: tuple[Any, ...]


def snapshot(measure_name: str, measure: Callable[[Any], Any]) -> GradientTransformation:
    """Leave updates as they are, and keep a function of them in the state.

    Args:
        measure_name: the name under which `optim.tree.get` finds it.
        measure: a function of the updates.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> optimizer = optim.chain(snapshot("norm", optim.global_norm), optim.sgd(0.1))
        >>> _, state = optimizer.update(np.array([3.0, 4.0]), optimizer.init(np.zeros(2)))
        >>> optim.tree.get(state, "norm")
        np.float64(5.0)
    """

    def init_fn(params: Any) -> SnapshotState:
        return SnapshotState({measure_name: measure(params)})

    def update_fn(updates: Any, state: SnapshotState, params: Any = None, **extra: Any) -> tuple[Any, SnapshotState]:
        del state, params, extra
        return updates, SnapshotState({measure_name: measure(updates)})

    return GradientTransformation(init_fn, update_fn)


def monitor(measures: dict[str, Any]) -> GradientTransformationExtraArgs:
    """Leave updates as they are, and keep several measurements of them in the state.

    Args:
        measures: functions of the updates, or transformations of them such as `measure_with_ema`, by name.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> link = monitor({"largest": optim.tree.max, "norm": measure_with_ema(optim.global_norm, 0.5)})
        >>> _, state = link.update(np.array([3.0, 4.0]), link.init(np.zeros(2)))
        >>> float(state.measurements["largest"]), float(state.measurements["norm"])
        (4.0, 5.0)
    """
    made = {
        name: with_extra_args_support(m if isinstance(m, GradientTransformation) else _measuring(m))
        for name, m in measures.items()
    }

    def init_fn(params: Any) -> MonitorState:
        # The measurements of the parameters stand for those to come, so that the state keeps its structure.
        states = tuple(m.init(params) for m in made.values())
        first = {name: m.update(params, s, params)[0] for (name, m), s in zip(made.items(), states)}
        return MonitorState(first, states)

    def update_fn(updates: Any, state: MonitorState, params: Any = None, **extra: Any) -> tuple[Any, MonitorState]:
        pairs = [m.update(updates, s, params, **extra) for m, s in zip(made.values(), state.measure_states)]
        values = dict(zip(made, (value for value, _ in pairs)))
        return updates, MonitorState(values, tuple(s for _, s in pairs))

    return GradientTransformationExtraArgs(init_fn, update_fn)


def _measuring(measure: Callable[[Any], Any]) -> GradientTransformation:
    return stateless(lambda updates, params: measure(updates))


def measure_with_ema(
    measure: Callable[[Any], Any], decay: Any, debias: bool = True, accumulator_dtype: Any = None
) -> GradientTransformationExtraArgs:
    """For `monitor`: the exponential moving average of a measurement.

    Args:
        measure: a function of the updates.
        decay, debias, accumulator_dtype: see `ema`.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> link = measure_with_ema(optim.global_norm, 0.5)
        >>> float(link.update(np.array([3.0, 4.0]), link.init(np.zeros(2)))[0])
        5.0
    """
    average = ema(decay, debias, accumulator_dtype)
    return chain(_measuring(measure), average._replace(init=lambda params: average.init(measure(params))))
