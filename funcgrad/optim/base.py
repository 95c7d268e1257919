"""What an optimizer is: a pair of pure functions on pytrees, and the ways to build one from others.

    init   : params -> state
    update : (updates, state, params=None, **extra) -> (updates, state)

The first link of a chain gets gradients as its updates; what the last one returns is added to the parameters. Every
update takes `params` and keyword arguments, whether it uses them or not, so that any link fits anywhere.
"""

from __future__ import annotations

import inspect
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


class GradientTransformationExtraArgs(GradientTransformation):
    """A transformation whose update takes any keyword argument and uses some of them, such as `value` or `grad`.

    Example:
        >>> def update(updates, state, params=None, *, value, **extra):
        ...     return updates * value, state
        >>> by_value = GradientTransformationExtraArgs(lambda p: EmptyState(), update)
        >>> by_value.update(3.0, by_value.init(0.0), value=2.0)[0]
        6.0
    """


class EmptyState(NamedTuple):
    """The state of a transformation that has none."""


@tree.register_static
class ParamsPlaceholder:
    """Stands for the parameters in `init`, to show which parts of a state belong to them: a node without leaves."""


def with_extra_args_support(tx: GradientTransformation) -> GradientTransformationExtraArgs:
    """The same transformation, whose update accepts keyword arguments; those it does not know are dropped.

    Args:
        tx: a transformation. When its update takes `**kwargs`, it gets them all.

    Example:
        >>> plain = GradientTransformation(lambda p: EmptyState(), lambda u, s, p=None: (u / 2, s))
        >>> with_extra_args_support(plain).update(3.0, EmptyState(), value=1.0)[0]
        1.5
    """
    if isinstance(tx, GradientTransformationExtraArgs):
        return tx
    kinds = {p.kind for p in inspect.signature(tx.update).parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return GradientTransformationExtraArgs(tx.init, tx.update)

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del extra
        return tx.update(updates, state, params)

    return GradientTransformationExtraArgs(tx.init, update_fn)


def required(params: Any, where: str) -> Any:
    """The parameters, or the error that asks for them."""
    if params is None:
        raise ValueError(
            f"{where}: the update needs the parameters.\nFix: call optimizer.update(grads, state, params)."
        )
    return params


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


def stateless_with_tree_map(f: Callable[[Any, Any], Any]) -> GradientTransformation:
    """The transformation without state that maps each leaf by `f(update, param)`; param is None without parameters.

    Example:
        >>> shrink = stateless_with_tree_map(lambda u, p: u * abs(p))
        >>> shrink.update({"w": 3.0}, EmptyState(), {"w": -2.0})[0]
        {'w': 6.0}
    """

    def mapped(updates: Any, params: Any) -> Any:
        if params is None:
            return tree.tree_map(lambda u: f(u, None), updates)
        return tree.tree_map(f, updates, params)

    return stateless(mapped)


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


def chain(*transformations: GradientTransformation) -> GradientTransformationExtraArgs:
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

    links = [with_extra_args_support(t) for t in transformations]

    def init_fn(params: Any) -> tuple[Any, ...]:
        return tuple(link.init(params) for link in links)

    def update_fn(
        updates: Any, state: tuple[Any, ...], params: Any = None, **extra: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        if len(state) != len(links):
            raise ValueError(
                f"chain: got a state of {len(state)} parts for {len(links)} transformations.\n"
                "Fix: make the state with `init` of the same chain, in the order (updates, state, params)."
            )
        states = []
        for link, part in zip(links, state):
            updates, part = link.update(updates, part, params, **extra)
            states.append(part)
        return updates, tuple(states)

    return GradientTransformationExtraArgs(init_fn, update_fn)


def named_chain(*args: tuple[str, GradientTransformation]) -> GradientTransformationExtraArgs:
    """Apply transformations one after the other; the state is a dict by their names.

    Args:
        args: pairs of a name and a transformation.

    Raises:
        ValueError: when two have one name.

    Example:
        >>> from funcgrad import optim
        >>> optimizer = named_chain(("clip", optim.clip(1.0)), ("step", optim.trace(0.9)))
        >>> sorted(optimizer.init(0.0))
        ['clip', 'step']
    """
    names = [name for name, _ in args]
    if len(set(names)) != len(names):
        raise ValueError(f"named_chain: the names must differ, got {names}.")
    links = {name: with_extra_args_support(t) for name, t in args}

    def init_fn(params: Any) -> dict[str, Any]:
        return {name: link.init(params) for name, link in links.items()}

    def update_fn(updates: Any, state: dict[str, Any], params: Any = None, **extra: Any) -> tuple[Any, dict[str, Any]]:
        states = {}
        for name, link in links.items():
            updates, states[name] = link.update(updates, state[name], params, **extra)
        return updates, states

    return GradientTransformationExtraArgs(init_fn, update_fn)
