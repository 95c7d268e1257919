"""Algebraic identities that keep every bit (signed zeros and NaN included), as a table from primitive to rule.

Each rule is `(eqn, define) -> None | atom | [equations]`; see `transforms.simplify.rewrite`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core.primitive import REGISTRY, Primitive
from ..core.program import Eqn, Literal, Var
from . import contraction, elementwise, indexing, layout

Define = Callable[[Any], Eqn | None]


def number(atom: Any, define: Define) -> Any:
    """The one number an atom is made of (a literal, or the broadcast of one), or None."""
    if type(atom) is Literal:
        return atom.value if atom.aval.ndim == 0 else None
    eqn = define(atom)
    if eqn is not None and eqn.prim is layout.broadcast and type(eqn.inputs[0]) is Literal:
        return eqn.inputs[0].value if eqn.inputs[0].aval.ndim == 0 else None
    return None


def _is(value: Any, wanted: float) -> bool:
    return value is not None and value == wanted and not np.signbit(np.asarray(value).real if np.iscomplexobj(value) else value)


def _mul(eqn: Eqn, define: Define) -> Any:
    x, y = eqn.inputs
    if _is(number(y, define), 1):
        return x
    return y if _is(number(x, define), 1) else None


def _div(eqn: Eqn, define: Define) -> Any:
    return eqn.inputs[0] if _is(number(eqn.inputs[1], define), 1) else None


def _sub(eqn: Eqn, define: Define) -> Any:
    return eqn.inputs[0] if _is(number(eqn.inputs[1], define), 0) else None


def _neg(eqn: Eqn, define: Define) -> Any:
    inner = define(eqn.inputs[0])
    return inner.inputs[0] if inner is not None and inner.prim is elementwise.neg else None


def _add(eqn: Eqn, define: Define) -> Any:
    """x + (-0.0) is x; x + 0.0 is not, for x = -0.0, except that integers have no -0."""
    x, y = eqn.inputs
    for a, b in ((x, y), (y, x)):
        n = number(b, define)
        if n is not None and n == 0 and (a.aval.dtype.kind in "iu" or np.signbit(n)):
            return a
    return None


def _add_or_join(eqn: Eqn, define: Define) -> Any:
    found = _add(eqn, define)
    return found if found is not None else _joined(eqn, define)


def _joined(eqn: Eqn, define: Define) -> Any:
    """The sum of two arrays that are zero except in neighbouring ranges of one axis is the two side by side.

    pad(x, low 3) + pad(y, low 5)  -->  pad(concatenate(x + 0, y + 0), low 3)       for x of length 2

    That is the gradient of an array that is used slice by slice, such as the stacked weights of layers: one pass
    instead of one for each slice.
    """
    pads = [define(a) if type(a) is Var else None for a in eqn.inputs]
    ranges = [_padded_range(p, define) for p in pads]
    if None in ranges or ranges[0][0] != ranges[1][0]:
        return None
    (first, (axis, start, stop)), (second, (_, begin, end)) = sorted(zip(pads, ranges), key=lambda pair: pair[1][1])
    if stop != begin:
        return None
    made: list[Eqn] = []
    parts = [part for p in (first, second) for part in _parts(p.inputs[0], axis, define, made)]
    shape = eqn.outs[0].aval.shape
    joined = eqn.outs[0] if end - start == shape[axis] else Var(eqn.outs[0].aval.update(shape=(*shape[:axis], end - start, *shape[axis + 1 :])))
    made.append(Eqn(layout.concatenate, tuple(parts), dict(axis=axis), (joined,), eqn.source))
    if joined is not eqn.outs[0]:
        low, high = ([n if d == axis else 0 for d in range(len(shape))] for n in (start, shape[axis] - end))
        params = dict(low=tuple(low), high=tuple(high), interior=(0,) * len(shape))
        made.append(Eqn(layout.pad, (joined, first.inputs[1]), params, eqn.outs, eqn.source))
    return made


def _padded_range(eqn: Eqn | None, define: Define) -> tuple[int, int, int] | None:
    """(axis, start, stop) where an array padded with +0 along one axis is not padding."""
    if eqn is None or eqn.prim is not layout.pad or not _is(number(eqn.inputs[1], define), 0) or any(eqn.params["interior"]):
        return None
    low, high = eqn.params["low"], eqn.params["high"]
    axes = [d for d in range(len(low)) if low[d] or high[d]]
    if len(axes) != 1 or 0 in eqn.outs[0].aval.shape:
        return None
    (axis,) = axes
    return axis, low[axis], low[axis] + eqn.inputs[0].aval.shape[axis]


def _parts(x: Any, axis: int, define: Define, made: list[Eqn]) -> list[Any]:
    """What is joined already, or x + 0: the sum with padding would have made +0 of -0."""
    inner = define(x) if type(x) is Var else None
    if inner is not None and inner.prim is layout.concatenate and inner.params["axis"] == axis and len(inner.inputs) > 1:
        return list(inner.inputs)
    if x.aval.dtype.kind != "f":
        return [x]
    zeros, v = Var(x.aval), Var(x.aval)
    zero = Literal(np.zeros((), x.aval.dtype)[()])
    made += [Eqn(layout.broadcast, (zero,), dict(shape=x.aval.shape, dims=()), (zeros,), None), Eqn(elementwise.add, (x, zeros), {}, (v,), None)]
    return [v]


def _strong(eqn: Eqn, define: Define) -> Any:
    """The guard is a number other than 0: an ordinary product."""
    n = number(eqn.inputs[1], define)
    return [eqn.replace(prim=elementwise.mul)] if n is not None and n != 0 else None


def _select(eqn: Eqn, define: Define) -> Any:
    condition, x, y = eqn.inputs
    n = number(condition, define)
    if n is not None:
        return x if n else y
    return x if x is y else None


def _convert(eqn: Eqn, define: Define) -> Any:
    x = eqn.inputs[0]
    if x.aval.dtype == eqn.params["dtype"]:
        return x
    return _literal(eqn, define)


def _broadcast(eqn: Eqn, define: Define) -> Any:
    x, shape, dims = eqn.inputs[0], eqn.params["shape"], eqn.params["dims"]
    if x.aval.shape == shape:
        return x
    inner = define(x) if type(x) is Var else None
    if inner is not None and inner.prim is layout.broadcast:
        composed = tuple(dims[d] for d in inner.params["dims"])
        return [eqn.replace(inputs=inner.inputs, params=dict(shape=shape, dims=composed))]
    return None


def _reshape(eqn: Eqn, define: Define) -> Any:
    x = eqn.inputs[0]
    if x.aval.shape == eqn.params["shape"]:
        return x
    inner = define(x) if type(x) is Var else None
    if inner is None:
        return None
    if inner.prim is layout.reshape:
        return [eqn.replace(inputs=inner.inputs)]
    if inner.prim is layout.broadcast:
        return _reshape_of_broadcast(eqn, inner)
    return None


def _reshape_of_broadcast(eqn: Eqn, inner: Eqn) -> Any:
    """Adding or dropping axes of size 1 after a broadcast is a broadcast to the final shape, if the operand's axes
    survive.
    """
    old, new = inner.params["shape"], eqn.params["shape"]
    if [n for n in old if n != 1] != [n for n in new if n != 1]:
        if inner.inputs[0].aval.ndim:
            return None
        return [eqn.replace(prim=layout.broadcast, inputs=inner.inputs, params=dict(shape=new, dims=()))]
    if any(n == 1 for n in inner.inputs[0].aval.shape):
        return None
    positions = [d for d, n in enumerate(new) if n != 1]
    order = [d for d, n in enumerate(old) if n != 1]
    dims = tuple(positions[order.index(d)] for d in inner.params["dims"])
    return [eqn.replace(prim=layout.broadcast, inputs=inner.inputs, params=dict(shape=new, dims=dims))]


def _transpose(eqn: Eqn, define: Define) -> Any:
    x, axes = eqn.inputs[0], eqn.params["axes"]
    if axes == tuple(range(len(axes))):
        return x
    inner = define(x) if type(x) is Var else None
    if inner is None:
        return None
    if inner.prim is layout.transpose:
        return [eqn.replace(inputs=inner.inputs, params=dict(axes=tuple(inner.params["axes"][a] for a in axes)))]
    if inner.prim is layout.broadcast:
        dims = [axes.index(d) for d in inner.params["dims"]]
        if dims == sorted(dims):
            return [eqn.replace(prim=layout.broadcast, inputs=inner.inputs, params=dict(shape=eqn.outs[0].aval.shape, dims=tuple(dims)))]
    if inner.prim is contraction.dot_general:
        return _swapped_product(eqn, inner)
    return None


def _swapped_product(eqn: Eqn, inner: Eqn) -> Any:
    """The transpose of a matrix product is the product of the operands in the other order."""
    (cx, cy), (bx, by) = inner.params["contract"], inner.params["batch"]
    x, y = inner.inputs
    nb, nx, ny = len(bx), x.aval.ndim - len(cx) - len(bx), y.aval.ndim - len(cy) - len(by)
    swapped = (*range(nb), *range(nb + nx, nb + nx + ny), *range(nb, nb + nx))
    if eqn.params["axes"] != swapped:
        return None
    return [eqn.replace(prim=contraction.dot_general, inputs=(y, x), params=dict(contract=(cy, cx), batch=(by, bx)))]


def _dot_general(eqn: Eqn, define: Define) -> Any:
    """A transposed operand is the operand with its axes renamed."""
    inputs, contract, batch, changed = list(eqn.inputs), list(eqn.params["contract"]), list(eqn.params["batch"]), False
    for side in (0, 1):
        inner = define(inputs[side]) if type(inputs[side]) is Var else None
        if inner is not None and inner.prim is layout.transpose:
            axes = inner.params["axes"]
            free = contraction.free_axes(len(axes), contract[side], batch[side])
            if [axes[d] for d in free] == sorted(axes[d] for d in free):
                contract[side], batch[side] = tuple(axes[d] for d in contract[side]), tuple(axes[d] for d in batch[side])
                inputs[side], changed = inner.inputs[0], True
    if not changed:
        return None
    return [eqn.replace(inputs=tuple(inputs), params=dict(contract=tuple(contract), batch=tuple(batch)))]


def _scatter(eqn: Eqn, define: Define) -> Any:
    """{ z = scatter_add[axes=(0, 1)] x u (iota 0) r }  -->  { z = select (iota 1 == r) (x + u) x }, r and u broadcast

    Where every line along an axis gets one update, all elements choose: that fuses with what is around it, and nothing
    is written in between. It is what cross-entropy does with the labels of its rows.
    """
    x, updates = eqn.inputs[:2]
    shape, lines = x.aval.shape, _lines(eqn, define)
    if lines is None or x.aval.dtype.kind not in "iuf":
        return None
    axis, chosen = lines
    rest = tuple(d for d in range(len(shape)) if d != axis)
    made: list[Eqn] = []

    def make(prim: Primitive, inputs: tuple, params: dict, aval: Any) -> Var:
        made.append(Eqn(prim, inputs, params, (Var(aval),), eqn.source))
        return made[-1].outs[0]

    def along(v: Any) -> Var:
        small = v.aval.update(shape=tuple(shape[d] for d in rest))
        v = v if small is v.aval else make(layout.reshape, (v,), dict(shape=small.shape), small)
        return make(layout.broadcast, (v,), dict(shape=shape, dims=rest), v.aval.update(shape=shape))

    place, new = along(chosen), along(updates)
    own = make(layout.iota, (), dict(shape=shape, axis=axis, dtype=place.aval.dtype), place.aval)
    hit = make(elementwise.eq, (own, place), {}, place.aval.update(dtype=np.dtype(bool)))
    if eqn.prim is indexing.scatter_add:
        new = make(elementwise.add, (x, new), {}, x.aval)
    return [*made, Eqn(elementwise.select, (hit, new, x), {}, eqn.outs, eqn.source)]


def _lines(eqn: Eqn, define: Define) -> tuple[int, Var] | None:
    """The axis along which each line gets one update, and where; None where indices are otherwise."""
    x, updates, *indices = eqn.inputs
    shape, given = x.aval.shape, updates.aval.shape
    by_axis = dict(zip(eqn.params["axes"], indices))
    if len(by_axis) != len(shape) or any(type(i) is not Var for i in indices):
        return None
    data = [d for d in range(len(shape)) if not _is_iota(define(by_axis[d]))]
    if len(data) != 1:
        return None
    places = [define(by_axis[d]).params["axis"] for d in range(len(shape)) if d != data[0]]
    sizes = [shape[d] for d in range(len(shape)) if d != data[0]]
    if places != sorted(set(places)) or [given[p] for p in places] != sizes or math.prod(given) != math.prod(sizes):
        return None
    return data[0], by_axis[data[0]]


def _is_iota(eqn: Eqn | None) -> bool:
    return eqn is not None and eqn.prim is layout.iota


def _reduce(eqn: Eqn, define: Define) -> Any:
    return eqn.inputs[0] if not eqn.params["axes"] else None


def _slice(eqn: Eqn, define: Define) -> Any:
    return eqn.inputs[0] if eqn.outs[0].aval is eqn.inputs[0].aval else None


def _literal(eqn: Eqn, define: Define) -> Any:
    """An elementwise equation of numbers is a number."""
    if all(type(a) is Literal and a.aval.ndim == 0 for a in eqn.inputs):
        with np.errstate(all="ignore"):
            return Literal(np.asarray(eqn.prim.impl(*[a.value for a in eqn.inputs], **eqn.params), eqn.outs[0].aval.dtype)[()])
    return None


def _sink_unit_axes(eqn: Eqn, define: Define) -> Any:
    """Elementwise on [n, 1] whose operands are reshapes of [n] or numbers: compute on [n], reshape the result.

    It keeps what `keepdims=True` computes in the form a row loop recognizes.
    """
    shape = eqn.outs[0].aval.shape
    if 1 not in shape or eqn.prim.multiple_results:
        return None
    small = tuple(n for n in shape if n != 1)
    inputs: list[Any] = []
    made: list[Eqn] = []
    found = False
    for a in eqn.inputs:
        inner = define(a) if type(a) is Var else None
        if inner is not None and inner.prim is layout.reshape and inner.inputs[0].aval.shape == small:
            inputs.append(inner.inputs[0])
            found = True
        elif number(a, define) is not None:
            v = Var(a.aval.update(shape=small))
            value = Literal(np.asarray(number(a, define), a.aval.dtype)[()])
            made.append(Eqn(layout.broadcast, (value,), dict(shape=small, dims=()), (v,), eqn.source))
            inputs.append(v if small else value)
        else:
            return None
    if not found:
        return None
    result = Var(eqn.outs[0].aval.update(shape=small))
    return [*made, eqn.replace(inputs=tuple(inputs), outs=(result,)), Eqn(layout.reshape, (result,), dict(shape=shape), eqn.outs, eqn.source)]


def _elementwise(specific: Any) -> Callable:
    def rule(eqn: Eqn, define: Define) -> Any:
        if not eqn.prim.multiple_results:
            result = _literal(eqn, define)
            if result is None and specific is not None:
                result = specific(eqn, define)
            return result if result is not None else _sink_unit_axes(eqn, define)
        return None

    return rule


_SPECIFIC: dict[Primitive, Callable] = {
    elementwise.mul: _mul, elementwise.div: _div, elementwise.sub: _sub, elementwise.neg: _neg, elementwise.add: _add_or_join,
    elementwise.strong_product: _strong, elementwise.select: _select, elementwise.convert: _convert,
    elementwise.copy: lambda eqn, define: eqn.inputs[0], elementwise.stop: lambda eqn, define: eqn.inputs[0],
}  # fmt: skip
_LAYOUT: dict[Primitive, Callable] = {
    layout.broadcast: _broadcast, layout.reshape: _reshape, layout.transpose: _transpose, layout.slice_: _slice,
    contraction.dot_general: _dot_general, indexing.scatter: _scatter, indexing.scatter_add: _scatter,
}  # fmt: skip


def identities() -> dict[Primitive, Callable]:
    """The whole table, for the ops declared so far."""
    table = dict(_LAYOUT)
    for prim in REGISTRY.values():
        if isinstance(prim.lower, lowering.Scalar):
            table[prim] = _elementwise(_SPECIFIC.get(prim))
        elif isinstance(prim.lower, lowering.Reduce):
            table[prim] = _reduce
    return table

