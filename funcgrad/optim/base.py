"""What an optimizer is: a pair of pure functions on pytrees, and the ways to build one from others.

    init   : params -> state
    update : (updates, state, params=None, **extra) -> (updates, state)

The first link of a chain gets gradients as its updates; what the last one returns is added to the parameters. Every
update takes `params` and keyword arguments, whether it uses them or not, so that any link fits anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand, convert


class GradientTransformation(NamedTuple):
    """A pair of functions `init(params)` and `update(updates, state, params=None, **extra)`.

    Example:
        >>> halve = GradientTransformation(lambda p: EmptyState(), lambda u, s, p=None, **extra: (u / 2, s))
        >>> halve.update(3.0, halve.init(0.0))
        (1.5, EmptyState())
    """

    init: Callable[[Any], Any]
    update: Callable[..., tuple[Any, Any]]


class EmptyState(NamedTuple):
    """The state of a transformation that has none."""


def apply_updates(params: Any, updates: Any) -> Any:
    """params + updates, leaf by leaf, in the dtype of the parameters.

    Args:
        params: a pytree of arrays.
        updates: a pytree of the same structure and shapes.

    Returns:
        New parameters; dtypes are those of `params`.

    Example:
        >>> import numpy as np
        >>> apply_updates({"w": np.float32([1, 2])}, {"w": np.float32([0.5, -1])})
        {'w': array([1.5, 1. ], dtype=float32)}
    """
    return tree.tree_map(lambda p, u: convert(array_operand(p + u), array_operand(p).dtype), params, updates)


def stateless(f: Callable[[Any, Any], Any]) -> GradientTransformation:
    """The transformation without state that maps updates by `f(updates, params)`.

    Example:
        >>> square = stateless(lambda updates, params: updates**2)
        >>> square.update(3.0, square.init(None))
        (9.0, EmptyState())
    """

    def init_fn(params: Any) -> EmptyState:
        del params
        return EmptyState()

    def update_fn(updates: Any, state: EmptyState, params: Any = None, **extra: Any) -> tuple[Any, EmptyState]:
        del extra
        return f(updates, params), state

    return GradientTransformation(init_fn, update_fn)


def identity() -> GradientTransformation:
    """The transformation that leaves updates as they are.

    Example:
        >>> identity().update(3.0, EmptyState())
        (3.0, EmptyState())
    """
    return stateless(lambda updates, params: updates)


def set_to_zero() -> GradientTransformation:
    """The transformation that makes every update zero, which freezes the parameters.

    Example:
        >>> set_to_zero().update(3.0, EmptyState())
        (array(0.), EmptyState())
    """
    return stateless(lambda updates, params: tree.tree_map(lambda g: fnp.zeros_like(array_operand(g)), updates))


def chain(*transformations: GradientTransformation) -> GradientTransformation:
    """Apply transformations one after the other.

    Args:
        transformations: each gets the updates that the one before it returned.

    Returns:
        A transformation whose state is the tuple of the states.

    Raises:
        ValueError: in `update`, when the state was not made by this chain's `init`.

    Example:
        >>> from funcgrad import optim
        >>> optimizer = chain(optim.clip(1.0), optim.scale(-0.1))
        >>> optimizer.update(5.0, optimizer.init(0.0))[0]
        np.float64(-0.1)
    """

    def init_fn(params: Any) -> tuple[Any, ...]:
        return tuple(t.init(params) for t in transformations)

    def update_fn(
        updates: Any, state: tuple[Any, ...], params: Any = None, **extra: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        if len(state) != len(transformations):
            raise ValueError(
                f"chain: got a state of {len(state)} parts for {len(transformations)} transformations.\n"
                "Fix: make the state with `init` of the same chain, in the order (updates, state, params)."
            )
        states = []
        for transformation, part in zip(transformations, state):
            updates, part = transformation.update(updates, part, params, **extra)
            states.append(part)
        return updates, tuple(states)

    return GradientTransformation(init_fn, update_fn)
