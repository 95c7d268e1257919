"""The state of a training run, and compiled functions that take it one step or one epoch further."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import optim, random, tree
from ..api.compilation import jit as compiled
from ..api.differentiation import value_and_grad
from ..api.loops import scan
from ..numpy import promotion


class TrainState(NamedTuple):
    """All that a run is: save it, and the run can go on.

    params: the parameters. opt_state: the optimizer's state. step: updates made, an int64. key: for randomness in the
    loss, or None. extra: whatever else the loss keeps, such as moving averages of normalization.
    """

    params: Any
    opt_state: Any
    step: Any
    key: Any = None
    extra: Any = None

    @classmethod
    def create(
        cls, params: Any, optimizer: optim.GradientTransformation, *, key: Any = None, extra: Any = None
    ) -> TrainState:
        """The state before the first step.

        Example:
            >>> import numpy as np
            >>> from funcgrad import optim, train
            >>> train.TrainState.create({"w": np.ones(2)}, optim.sgd(0.1)).step
            np.int64(0)
        """
        return cls(params, optimizer.init(params), np.int64(0), key, extra)


Step = Callable[[TrainState, Any], tuple[TrainState, dict[str, Any]]]


def make_step(
    loss: Callable[..., Any],
    optimizer: optim.GradientTransformation,
    *,
    has_aux: bool = False,
    with_key: bool = False,
    with_extra: bool = False,
    clip: float | None = None,
    metrics: Callable[[Any, Any], dict[str, Any]] | None = None,
    donate: bool = False,
    jit: bool = True,
) -> Step:
    """The function `(state, batch) -> (state, metrics)` that makes one update.

    Args:
        loss: `loss(params, batch)`, a real number. With `with_extra`, `loss(params, extra, batch)`, which returns
            `(value, new extra)`; with `with_key`, a key as one more argument at the end, a new one in every step; with
            `has_aux`, one more result at the end, `(value, aux)` or `(value, new extra, aux)`.
        optimizer: what turns gradients into updates; it also gets the value of the loss as `value=`.
        has_aux: whether the loss returns auxiliary data, which come out as metrics: the entries of a dict, or `aux`.
        with_key: whether the loss takes a key; the state must have one.
        with_extra: whether the loss keeps something in `state.extra`.
        clip: the largest global norm of gradients, or None.
        metrics: `metrics(params, batch)`, more metrics, of the parameters before the update.
        donate: let the new state overwrite the old one, which must not be used again, nor what it was made of.
        jit: whether to compile.

    Returns:
        The function. Its metrics are `loss`, `gradient_norm` (before clipping) and those asked for.

    Raises:
        ValueError: in the first step, when the state has no key and the loss takes one, or metrics have equal names.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim, train
        >>> optimizer = optim.sgd(0.1)
        >>> step = train.make_step(lambda w, x: np.mean((w - x) ** 2), optimizer)
        >>> state = train.TrainState.create(np.float64(0.0), optimizer)
        >>> for _ in range(50):
        ...     state, metrics = step(state, np.array([1.0, 3.0]))
        >>> round(float(state.params), 3), int(state.step), float(metrics["loss"])
        (2.0, 50, 1.0...)
    """
    flags = (has_aux, with_key, with_extra)
    differentiated = value_and_grad(_uniform(loss, *flags), has_aux=True)

    def step(state: TrainState, batch: Any) -> tuple[TrainState, dict[str, Any]]:
        key, now = _keys(state, with_key)
        (value, (extra, aux)), gradient = differentiated(state.params, state.extra, batch, now)
        norm = optim.global_norm(gradient)
        found = _merged({"loss": value, "gradient_norm": norm}, aux, metrics and metrics(state.params, batch))
        if clip is not None:
            # The root of 0 has no derivative; the smallest number keeps steps differentiable.
            factor = fnp.minimum(1.0, clip / fnp.maximum(norm, np.finfo(norm.dtype).tiny))
            gradient = tree.tree_map(lambda g: g * promotion.convert(factor, g.dtype), gradient)
        updates, opt_state = optimizer.update(gradient, state.opt_state, state.params, value=value)
        params = optim.apply_updates(state.params, updates)
        return TrainState(params, opt_state, state.step + 1, key, extra), found

    return compiled(step, donate_argnums=(0,) if donate else ()) if jit else step


def _uniform(loss: Callable[..., Any], has_aux: bool, with_key: bool, with_extra: bool) -> Callable[..., Any]:
    """The loss as `(params, extra, batch, key) -> (value, (extra, aux))`."""

    def uniform(params: Any, extra: Any, batch: Any, key: Any) -> Any:
        args = [params, *([extra] if with_extra else []), batch, *([key] if with_key else [])]
        result = loss(*args)
        parts = 1 + with_extra + has_aux
        if parts == 1:
            return result, (extra, None)
        if not isinstance(result, tuple) or len(result) != parts:
            names = ["value", *["new extra"] * with_extra, *["aux"] * has_aux]
            raise ValueError(f"make_step: the loss must return ({', '.join(names)}), got {type(result).__name__}.")
        return result[0], (result[1] if with_extra else extra, result[-1] if has_aux else None)

    return uniform


def _keys(state: TrainState, with_key: bool) -> tuple[Any, Any]:
    """The key of the next state, and that of this step."""
    if not with_key:
        return state.key, None
    if state.key is None:
        raise ValueError("make_step: the loss takes a key, and the state has none.\nFix: TrainState.create(..., key=).")
    key, now = random.split(state.key)
    return key, now


def _merged(found: dict[str, Any], *more: Any) -> dict[str, Any]:
    for part in more:
        part = {} if part is None else part if isinstance(part, dict) else {"aux": part}
        both = sorted(set(found) & set(part))
        if both:
            raise ValueError(f"make_step: two metrics have the name {both[0]!r}.\nFix: give each a name of its own.")
        found = {**found, **part}
    return found


def make_epoch(
    loss: Callable[..., Any], optimizer: optim.GradientTransformation, size: int, *, jit: bool = True, **options: Any
) -> Step:
    """The function `(state, examples) -> (state, metrics)` that makes all updates of one epoch, as one compiled loop.

    The examples are shuffled by the state's key, which must be there, and cut into batches; a smaller rest is left out.

    Args:
        loss, optimizer: as in `make_step`.
        size: examples in a batch.
        jit: whether to compile.
        options: of `make_step`: has_aux, with_key, with_extra, clip, metrics.

    Returns:
        The function; its metrics are those of `make_step`, one for each update along a new first axis.

    Raises:
        ValueError: when size is less than 1; in the first epoch, when the state has no key, or there are less examples
            than one batch.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim, random, train
        >>> optimizer = optim.sgd(0.1)
        >>> epoch = train.make_epoch(lambda w, x: np.mean((w - x) ** 2), optimizer, 4)
        >>> state = train.TrainState.create(np.float64(0.0), optimizer, key=random.key(0))
        >>> state, metrics = epoch(state, np.arange(10.0))
        >>> metrics["loss"].shape, int(state.step)
        ((2,), 2)
    """
    if promotion.static_int(size, "make_epoch") < 1:
        raise ValueError(f"make_epoch: size must be at least 1, got {size}.")
    donate = options.pop("donate", False)
    step = make_step(loss, optimizer, jit=False, **options)

    def epoch(state: TrainState, examples: Any) -> tuple[TrainState, dict[str, Any]]:
        if state.key is None:
            raise ValueError("make_epoch: the state has no key to shuffle by.\nFix: TrainState.create(..., key=).")
        counts = {leaf.shape[0] for leaf in tree.tree_leaves(examples)}
        if len(counts) != 1 or min(counts) < size:
            raise ValueError(f"make_epoch: batches of {size} need a common first axis as long, got {sorted(counts)}.")
        count = counts.pop()
        steps = count // size
        key, now = random.split(state.key)
        rows = fnp.reshape(random.permutation(now, count)[: steps * size], (steps, size))
        return scan(
            lambda state, row: step(state, tree.tree_map(lambda leaf: fnp.take(leaf, row, axis=0), examples)),
            state._replace(key=key),
            rows,
        )

    return compiled(epoch, donate_argnums=(0,) if donate else ()) if jit else epoch
