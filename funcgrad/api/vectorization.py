"""Vectorization: `vmap` turns a function of single examples into a function of batches."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import tree
from ..core.tracing import Tracer, check_array, run, trace
from ..ops import layout
from ..transforms.batch import batch_axis
from . import collectives
from . import recording as rec


def vmap(
    fun: Callable, in_axes: Any = 0, out_axes: Any = 0, axis_name: Any = None, axis_size: int | None = None
) -> Callable:
    """A function that applies `fun` to every slice along a batch axis, as one vectorized program.

    Args:
        fun: a function of pytrees of arrays to a pytree of arrays.
        in_axes: the batch axis of every argument: an int for all, or a tuple with an entry for each argument, which
        may be an int,
            None (not batched), or a pytree prefix of the argument with such entries.
        out_axes: where the batch axis goes in the outputs, likewise.
        axis_name: a name for the batch axis, by which `fun` can use `lax.psum`, `lax.pmean`, `lax.axis_index` and
            others.
        axis_size: the batch size, needed only when no argument is batched.

    Returns:
        The batched function. Keyword arguments are batched over axis 0.

    Raises:
        ValueError: when batch sizes disagree or an axis does not exist, naming the argument.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.vmap(fg.grad(lambda w, x: (w * x) ** 2), in_axes=(None, 0))(3.0, np.array([1.0, 2.0]))
        array([ 6., 24.])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.vmap.html, whose interface this follows.
    """

    @functools.wraps(fun, updated=())
    def batched(*args: Any, **kwargs: Any) -> Any:
        everything = (args, kwargs)
        leaves, treedef = tree.tree_flatten(everything)
        axes = _input_axes(fun, in_axes, args, kwargs)
        leaves = [
            x
            if type(x) is Tracer
            else check_array(x, rec.LazyText(lambda i=i: f"vmap of {rec.name_of(fun)}: {_path(everything, i)}"))
            for i, x in enumerate(leaves)
        ]
        axes = [_normalized(fun, everything, i, x, a) for i, (x, a) in enumerate(zip(leaves, axes))]
        size = _batch_size(fun, everything, leaves, axes, axis_size)
        return _run_batched(fun, leaves, treedef, axes, size, out_axes, axis_name)

    return batched


def _run_batched(
    fun: Callable, leaves: list[Any], treedef: Any, axes: list[int | None], size: int, out_axes: Any, name: Any
) -> Any:
    avals = [rec.abstract(x) for x in leaves]
    single = [a if ax is None else a.update(shape=(*a.shape[:ax], *a.shape[ax + 1 :])) for a, ax in zip(avals, axes)]
    out_tree: list[Any] = []

    def flat(*inputs: Any) -> list[Any]:
        args, kwargs = tree.tree_unflatten(treedef, inputs)
        outs, structure = tree.tree_flatten(fun(*args, **kwargs))
        out_tree.append(structure)
        return [rec.check_output(o, f"vmap of {rec.name_of(fun)}", structure, i) for i, o in enumerate(outs)]

    weak = [rec._weak(x) for x in leaves]
    title = f"vmap of {rec.name_of(fun)}"
    program, captures = collectives.with_axis(
        name, size, lambda: trace(flat, single, weak=weak, hoist=True, purpose=title)
    )
    program = rec.canonical(program)
    program, result_axes = batch_axis(program, size, (*[None] * len(captures), *axes), name)
    results = run(program, [*captures, *leaves])
    wanted = _output_axes(fun, out_axes, out_tree[0])
    placed = [_place(fun, r, size, a, w) for r, a, w in zip(results, result_axes, wanted)]
    return tree.tree_unflatten(out_tree[0], rec.owned(placed, leaves))


def _is_none(x: Any) -> bool:
    return x is None


def _input_axes(fun: Callable, in_axes: Any, args: tuple, kwargs: dict) -> list[int | None]:
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise ValueError(
            f"vmap of {rec.name_of(fun)}: in_axes has {len(in_axes)} entries, but there are {len(args)} arguments."
        )
    try:
        positional = tree.broadcast_prefix(in_axes, args, is_leaf=_is_none)
    except (ValueError, TypeError) as e:
        raise ValueError(f"vmap of {rec.name_of(fun)}: in_axes is not a prefix of the arguments: {e}") from None
    return [*positional, *[0] * len(tree.tree_leaves(kwargs))]


def _output_axes(fun: Callable, out_axes: Any, out_tree: Any) -> list[int | None]:
    try:
        return tree.broadcast_prefix(
            out_axes, tree.tree_unflatten(out_tree, [0] * out_tree.num_leaves), is_leaf=_is_none
        )
    except (ValueError, TypeError) as e:
        raise ValueError(f"vmap of {rec.name_of(fun)}: out_axes is not a prefix of the outputs: {e}") from None


def _path(everything: Any, position: int) -> str:
    path = tree.tree_leaves_with_path(everything)[position][0]
    name = f"argument {path[1].idx}" if path[0].idx == 0 else f"argument {path[1].key!r}"
    rest = tree.keystr(path[2:])
    return name + (f", at {rest}" if rest else "")


def _normalized(fun: Callable, everything: Any, position: int, x: Any, axis: Any) -> int | None:
    if axis is None:
        return None
    ndim = rec.abstract(x).ndim
    if not isinstance(axis, int) or not -ndim <= axis < ndim:
        raise ValueError(
            f"vmap of {rec.name_of(fun)}: {_path(everything, position)} has type {rec.abstract(x)}, which has no axis {axis!r} to batch over.\n"  # noqa: E501
            "Fix: pass in_axes with None for arguments that are not batched."
        )
    return axis + ndim if axis < 0 else axis


def _batch_size(fun: Callable, everything: Any, leaves: list, axes: list, axis_size: int | None) -> int:
    sizes = {i: rec.abstract(x).shape[a] for i, (x, a) in enumerate(zip(leaves, axes)) if a is not None}
    if axis_size is not None:
        sizes[-1] = axis_size
    if not sizes:
        raise ValueError(
            f"vmap of {rec.name_of(fun)}: no argument is batched; give in_axes an axis, or pass axis_size."
        )
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{_path(everything, i) if i >= 0 else 'axis_size'}: {n}" for i, n in sizes.items())
        raise ValueError(f"vmap of {rec.name_of(fun)}: batch sizes differ ({listed}).")
    return next(iter(sizes.values()))


def _place(fun: Callable, value: Any, size: int, axis: int | None, wanted: int | None) -> Any:
    if wanted is None:
        if axis is not None:
            raise ValueError(f"vmap of {rec.name_of(fun)}: out_axes is None for an output that is batched.")
        return value
    ndim = rec.abstract(value).ndim + (axis is None)
    if not -ndim <= wanted < ndim:
        raise ValueError(
            f"vmap of {rec.name_of(fun)}: out_axes={wanted} is out of range for an output with {ndim} axes."
        )
    return layout.with_batch_axis(value, size, axis, wanted % ndim)
