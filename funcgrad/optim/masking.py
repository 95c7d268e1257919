"""Transform only some leaves, or different leaves by different transformations."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from .. import tree
from .base import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    ParamsPlaceholder,
    set_to_zero,
    with_extra_args_support,
)

MaskOrFn = Any | Callable[[Any], Any] | None


class MaskedNode(NamedTuple):
    """What stands for a leaf that a mask leaves out: a node without leaves."""


class MaskedState(NamedTuple):
    """The state of the transformation inside."""

    inner_state: Any


class PartitionState(NamedTuple):
    """The states of the transformations, a dict by label."""

    inner_states: Mapping[Hashable, Any]


def _kept(values: Any, mask: Any) -> Any:
    """Values, with `MaskedNode` in the place of every subtree that the mask leaves out."""
    return tree.tree_map(lambda on, value: value if on else MaskedNode(), mask, values)


def masked(
    inner: GradientTransformation, mask: MaskOrFn, *, mask_compatible_extra_args: bool = False
) -> GradientTransformationExtraArgs:
    """Apply a transformation to the leaves that a mask selects; the others pass unchanged.

    Args:
        inner: the transformation; it sees `MaskedNode` for the leaves left out.
        mask: a pytree of bools that is a prefix of the updates, or a function from parameters or updates to one.
        mask_compatible_extra_args: mask keyword arguments that have the structure of the updates, too.

    Example:
        >>> from funcgrad import optim
        >>> link = masked(optim.scale(-0.1), {"w": True, "b": False})
        >>> link.update({"w": 1.0, "b": 1.0}, link.init({"w": 0.0, "b": 0.0}))[0]
        {'b': 1.0, 'w': -0.1}
    """
    inner = with_extra_args_support(inner)

    def init_fn(params: Any) -> MaskedState:
        if isinstance(params, ParamsPlaceholder):
            return MaskedState(inner.init(params))
        return MaskedState(inner.init(_kept(params, mask(params) if callable(mask) else mask)))

    def update_fn(updates: Any, state: MaskedState, params: Any = None, **extra: Any) -> tuple[Any, MaskedState]:
        on = mask(updates) if callable(mask) else mask
        if mask_compatible_extra_args:
            structure = tree.tree_structure(updates)
            extra = {k: _kept(v, on) if tree.tree_structure(v) == structure else v for k, v in extra.items()}
        seen = None if params is None else _kept(params, on)
        new, inner_state = inner.update(_kept(updates, on), state.inner_state, seen, **extra)
        return tree.tree_map(lambda m, n, u: n if m else u, on, new, updates), MaskedState(inner_state)

    return GradientTransformationExtraArgs(init_fn, update_fn)


def partition(
    transforms: Mapping[Hashable, GradientTransformation],
    param_labels: Any,
    *,
    mask_compatible_extra_args: bool = False,
) -> GradientTransformationExtraArgs:
    """Apply to each leaf the transformation that its label names.

    Args:
        transforms: transformations by label.
        param_labels: a pytree of labels that is a prefix of the parameters, or a function from parameters to one.
        mask_compatible_extra_args: see `masked`.

    Raises:
        ValueError: in `init`, when a label has no transformation.

    Example:
        >>> from funcgrad import optim
        >>> optimizer = partition({"fast": optim.sgd(1.0), "slow": optim.sgd(0.1)}, {"w": "slow", "b": "fast"})
        >>> params = {"w": 2.0, "b": 2.0}
        >>> optimizer.update({"w": 1.0, "b": 1.0}, optimizer.init(params))[0]
        {'b': -1.0, 'w': -0.1}
    """

    def links(labels: Any) -> dict[Hashable, GradientTransformationExtraArgs]:
        def one(label: Hashable, transform: GradientTransformation) -> GradientTransformationExtraArgs:
            mask = tree.tree_map(lambda leaf: leaf == label, labels)
            return masked(transform, mask, mask_compatible_extra_args=mask_compatible_extra_args)

        return {label: one(label, transform) for label, transform in transforms.items()}

    def init_fn(params: Any) -> PartitionState:
        labels = param_labels(params) if callable(param_labels) else param_labels
        unknown = set(tree.tree_leaves(labels)) - set(transforms)
        if unknown:
            raise ValueError(
                f"partition: the labels {sorted(map(str, unknown))} have no transformation; "
                f"there are {sorted(map(str, transforms))}."
            )
        return PartitionState({label: link.init(params) for label, link in links(labels).items()})

    def update_fn(updates: Any, state: PartitionState, params: Any = None, **extra: Any) -> tuple[Any, PartitionState]:
        labels = param_labels(updates) if callable(param_labels) else param_labels
        states = {}
        for label, link in links(labels).items():
            updates, states[label] = link.update(updates, state.inner_states[label], params, **extra)
        return updates, PartitionState(states)

    return GradientTransformationExtraArgs(init_fn, update_fn)


multi_transform = partition
MultiTransformState = PartitionState


def freeze(mask: Any) -> GradientTransformationExtraArgs:
    """Make the updates zero for the leaves that `mask` selects.

    Args:
        mask: a bool, or a pytree of bools that is a prefix of the updates.

    Example:
        >>> link = freeze({"w": True, "b": False})
        >>> link.update({"w": 1.0, "b": 1.0}, link.init({"w": 0.0, "b": 0.0}))[0]
        {'b': 1.0, 'w': array(0.)}
    """
    return masked(set_to_zero(), mask)


def selective_transform(optimizer: GradientTransformation, *, freeze_mask: Any) -> GradientTransformationExtraArgs:
    """Train with an optimizer the leaves that `freeze_mask` does not select, and freeze the others.

    Args:
        optimizer: the transformation of the leaves that are trained.
        freeze_mask: a pytree of bools that is a prefix of the parameters.

    Example:
        >>> from funcgrad import optim
        >>> link = selective_transform(optim.sgd(0.1), freeze_mask={"w": True, "b": False})
        >>> link.update({"w": 1.0, "b": 1.0}, link.init({"w": 0.0, "b": 0.0}))[0]
        {'b': -0.1, 'w': array(0.)}
    """

    def labels(params: Any) -> Any:
        del params
        return tree.tree_map(lambda frozen: "freeze" if frozen else "train", freeze_mask)

    return partition({"train": optimizer, "freeze": set_to_zero()}, labels)
