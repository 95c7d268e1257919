"""Collectives: what one example of a `vmap` computes from all of them, by the name of the batch axis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core.tracing import Tracer
from ..numpy import promotion
from ..ops import collective, elementwise, layout, reduction


class _Axes(threading.local):
    """The named axes of the open vmaps of this thread, and their sizes."""

    def __init__(self) -> None:
        self.sizes: dict[Any, int] = {}


_axes = _Axes()


def with_axis(name: Any, size: int, f: Callable[[], Any]) -> Any:
    """The result of f, for which the axis of a `vmap` is known by its name."""
    outer = _axes.sizes
    try:
        _axes.sizes = outer if name is None else {**outer, name: size}
        return f()
    finally:
        _axes.sizes = outer


def _names(where: str, axis_name: Any) -> list[tuple[Any, int]]:
    names = axis_name if isinstance(axis_name, (tuple, list)) else (axis_name,)
    for name in names:
        if name not in _axes.sizes:
            bound = ", ".join(map(repr, _axes.sizes)) or "none"
            raise NameError(
                f"{where}: unbound axis name {name!r}; the bound ones are: {bound}.\n"
                f"Fix: call the function under vmap(..., axis_name={name!r})."
            )
    return [(name, _axes.sizes[name]) for name in names]


def axis_size(axis_name: Any) -> int:
    """The number of examples along a named axis, or along several together.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.vmap(lambda x: x / axis_size("i"), axis_name="i")(np.ones(4))
        array([0.25, 0.25, 0.25, 0.25])
    """
    return int(np.prod([size for _, size in _names("axis_size", axis_name)], dtype=np.int64))


def axis_index(axis_name: Any) -> Any:
    """The number of this example along a named axis (several: as digits, the last one running fastest).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.vmap(lambda x: x + axis_index("i"), axis_name="i")(np.zeros(3))
        array([0., 1., 2.])
    """
    index: Any = None
    for name, size in _names("axis_index", axis_name):
        own = collective.axis_index(name=name, size=size)
        index = own if index is None else elementwise.add(elementwise.mul(index, np.int64(size)), own)
    return index


def _map(where: str, x: Any, axis_name: Any, f: Callable[[Any, Any, int], Any]) -> Any:
    names = _names(where, axis_name)

    def each(leaf: Any) -> Any:
        value = promotion.array_operand(leaf, where)
        for name, size in names:
            value = f(value, name, size)
        return value

    return tree.tree_map(each, x)


def psum(x: Any, axis_name: Any) -> Any:
    """The sum of x over all examples along a named axis.

        y = sum over j of x[j]        the same for every example

    Args:
        x: a pytree of arrays and numbers; psum(1, name) is the number of examples.
        axis_name: the name given to `vmap`, or several names.

    Returns:
        A pytree like x.

    Raises:
        NameError: when no open vmap has that name.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.vmap(lambda x: x / psum(x, "i"), axis_name="i")(np.array([1.0, 3.0]))
        array([0.25, 0.75])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.psum.html; as there, the cotangent of a psum is the
    psum of the cotangents, so a gradient taken inside the vmap is that of the sum over all examples.
    """
    if not any(type(leaf) is Tracer or hasattr(leaf, "dtype") for leaf in tree.tree_leaves(x)):
        count = axis_size(axis_name)
        return tree.tree_map(lambda leaf: leaf * count, x)
    return _map("psum", x, axis_name, lambda v, name, size: collective.psum(_number(v), name=name, size=size))


def _number(value: Any) -> Any:
    return value if value.dtype.kind != "b" else promotion.convert(value, np.dtype(np.int64))


def pmean(x: Any, axis_name: Any) -> Any:
    """The mean of x over all examples along a named axis.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.vmap(lambda x: x - pmean(x, "i"), axis_name="i")(np.array([1.0, 3.0]))
        array([-1.,  1.])
    """
    count = axis_size(axis_name)
    return tree.tree_map(lambda total: total / count, psum(x, axis_name))


def _extreme(where: str, x: Any, axis_name: Any, reduce: Any) -> Any:
    def f(value: Any, name: Any, size: int) -> Any:
        return reduce(collective.all_gather(value, name=name, size=size), axes=(0,))

    return _map(where, x, axis_name, f)


def pmax(x: Any, axis_name: Any) -> Any:
    """The largest x of all examples along a named axis.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.vmap(lambda x: x - pmax(x, "i"), axis_name="i")(np.array([1.0, 3.0]))
        array([-2.,  0.])
    """
    return _extreme("pmax", x, axis_name, reduction.reduce_max)


def pmin(x: Any, axis_name: Any) -> Any:
    """The smallest x of all examples along a named axis.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.vmap(lambda x: x - pmin(x, "i"), axis_name="i")(np.array([1.0, 3.0]))
        array([0., 2.])
    """
    return _extreme("pmin", x, axis_name, reduction.reduce_min)


def all_gather(x: Any, axis_name: Any, *, axis: int = 0, tiled: bool = False) -> Any:
    """x of all examples along a named axis, stacked along a new axis (tiled: joined along an existing one).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.vmap(lambda x: all_gather(x, "i").sum(), axis_name="i")(np.array([1.0, 3.0]))
        array([4., 4.])
    """

    def f(value: Any, name: Any, size: int) -> Any:
        stacked = layout.move_axis(collective.all_gather(value, name=name, size=size), 0, axis)
        if not tiled:
            return stacked
        shape: Sequence[int] = stacked.shape
        return layout.reshape(stacked, shape=(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))

    return _map("all_gather", x, axis_name, f)


def ppermute(x: Any, axis_name: Any, perm: Sequence[tuple[int, int]]) -> Any:
    """x of another example: `perm` lists pairs (source, destination); examples that are no destination get zeros.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.vmap(lambda x: ppermute(x, "i", [(0, 1), (1, 2)]), axis_name="i")(np.array([1.0, 2.0, 3.0]))
        array([0., 1., 2.])
    """
    sources = np.full(axis_size(axis_name), -1)
    for source, destination in perm:
        sources[destination] = source

    def f(value: Any, name: Any, size: int) -> Any:
        everyone = collective.all_gather(value, name=name, size=size)
        mine = layout.dynamic_slice(sources, collective.axis_index(name=name, size=size), sizes=(1,))
        source = layout.reshape(mine, shape=())
        starts = [elementwise.maximum(source, np.int64(0)), *[np.int64(0)] * len(value.shape)]
        taken = layout.dynamic_slice(everyone, *starts, sizes=(1, *value.shape))
        taken = layout.reshape(taken, shape=tuple(value.shape))
        there = layout.broadcast(elementwise.ge(source, np.int64(0)), shape=tuple(value.shape), dims=())
        return elementwise.select(there, taken, layout.fill(0, tuple(value.shape), value.dtype))

    return _map("ppermute", x, axis_name, f)


__all__ = [
    "all_gather",
    "axis_index",
    "axis_size",
    "pmax",
    "pmean",
    "pmin",
    "ppermute",
    "psum",
    "with_axis",
]  # fmt: skip
