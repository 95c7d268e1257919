"""Equations that call back into Python: `pure_callback`, `io_callback`, `debug_callback`.

The parameter `callback` is a `Callee`: the user's function on flat arrays. `lanes` says over which batch axes it is
called one example at a time, outermost first: (size, which operands have the axis).

    vmap of debug_callback[lanes=()] x:float64[]  -->  debug_callback[lanes=((3, (True,)),)] x:float64[3]

`io_callback` and `debug_callback` have an effect: they are kept, in order, and happen once. An eager Trace lets an
effect happen and records what it returned (`performed`), so that no derivative makes it happen again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import numpy as np

from ..core import lowering
from ..core.avals import PYTHON_SCALARS, ShapedArray, shaped
from ..core.primitive import Primitive, refused
from ..core.program import reads_effects
from ..core.tracing import concrete_value, current_trace, replay, untraced
from . import branching, calls, control, custom_batching, elementwise, layout, remat, while_loop
from .rules import library, move_batch_first, nondiff
from .samples import Sample, array

Lanes = tuple[tuple[int, tuple[bool, ...]], ...]
Types = tuple[tuple[tuple[int, ...], str], ...]

_number = itertools.count()
CALLEES: WeakValueDictionary[int, Callee] = WeakValueDictionary()


class Callee:
    """A user's function of flat arrays; equal ones are the same to all caches.

    `repr` finds it again in `CALLEES`, which is how the printed source of a program calls it.
    """

    __slots__ = ("__name__", "__weakref__", "function", "key", "kind", "number", "paths")

    def __init__(self, kind: str, name: str, function: Callable, key: Any, paths: Sequence[str] = ()) -> None:
        """Describe a callback.

        Args:
            kind: the public function that made it, for messages.
            name: how messages call the user's function.
            function: flat arrays to a flat sequence of arrays.
            key: callees with equal keys are equal.
            paths: where each result stands in what the user's function returns.
        """
        self.kind, self.__name__, self.function, self.paths = kind, name, function, tuple(paths)
        self.number = next(_number)
        try:
            hash(key)
        except TypeError:
            key = self.number
        self.key = (kind, name, key)
        CALLEES[self.number] = self

    def __call__(self, *arrays: np.ndarray) -> Sequence[Any]:
        return self.function(*arrays)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Callee) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"CALLEES[{self.number}]"

    def wrong(self, text: str) -> NoReturn:
        """Raise the error that names the callback."""
        raise TypeError(f"{self.kind} of {self.__name__}: {text}")


# --- what all of them do --------------------------------------------------------------------------------------------------


def _impl(*args: Any, callback: Callee, results: Types, lanes: Lanes = (), **_: Any) -> list[Any]:
    # Copies: the function may keep or change its arguments, which are the user's arrays or memory that is used again.
    with untraced():
        outs = _over_lanes(callback, results, lanes, [np.array(a) for a in args])
    return [r[()] for r in outs]


def _over_lanes(callback: Callee, results: Types, lanes: Lanes, arrays: list[Any]) -> list[Any]:
    """One call for each example; the results are stacked along new leading axes."""
    if not lanes:
        return _checked(callback, results, callback(*[np.asarray(a) for a in arrays]))
    (size, on), rest = lanes[0], lanes[1:]
    outs = [np.empty((size, *(n for n, _ in rest), *shape), dtype) for shape, dtype in results]
    for k in range(size):
        row = [a[k] if b else a for a, b in zip(arrays, on)]
        for out, value in zip(outs, _over_lanes(callback, results, rest, row)):
            out[k] = value
    return outs


def _checked(callback: Callee, results: Types, values: Sequence[Any]) -> list[np.ndarray]:
    """The results as arrays of their own, or the error that names the callback and both types."""
    out = []
    for k, ((shape, dtype), value) in enumerate(zip(results, values)):
        # A Python number has no dtype of its own.
        found = np.array(value, dtype) if type(value) in PYTHON_SCALARS else np.array(value)
        if found.shape != shape or found.dtype != dtype:
            place = f"result {callback.paths[k]}".rstrip()
            callback.wrong(
                f"{place} has type {shaped(found.shape, found.dtype)}, but result_shape_dtypes says {shaped(shape, dtype)}.\n"
                "Fix: return arrays of the shapes and dtypes that were announced (np.asarray(value, dtype)), or announce others."
            )
        out.append(found)
    return out


def _aval(*_: ShapedArray, callback: Callee, results: Types, lanes: Lanes = (), **__: Any) -> list[ShapedArray]:
    return [shaped((*(n for n, _ in lanes), *shape), np.dtype(dtype)) for shape, dtype in results]


def _batch_lanes(prim: Primitive, size: int, args: list, axes: list, params: dict) -> tuple[list, list]:
    """One more loop around the calls."""
    moved = [x if a is None else layout.move_axis(x, a, 0) for x, a in zip(args, axes)]
    lanes = ((size, tuple(a is not None for a in axes)), *params["lanes"])
    outs = prim(*moved, **{**params, "lanes": lanes})
    return outs, [0] * len(outs)


def _refuse(*_: Any, callback: Callee, **__: Any) -> NoReturn:
    raise ValueError(
        f"{callback.kind} of {callback.__name__} has no derivative: Python code that is called back cannot be traced.\n"
        "Fix: wrap the function that contains the callback with custom_jvp or custom_vjp and give the derivative there, "
        "or stop_gradient the arguments."
    )  # fmt: skip


# --- pure_callback --------------------------------------------------------------------------------------------------------

METHODS = (None, "sequential", "sequential_unrolled", "expand_dims", "broadcast_all", "legacy_vectorized")


def _pure_batch(size: int, args: list, axes: list, **params: Any) -> tuple[list, list]:
    method, callback = params["method"], params["callback"]
    if method is None:
        raise NotImplementedError(
            f"pure_callback of {callback.__name__} was batched by vmap, but no vmap_method is given.\n"
            "Fix: pass vmap_method='sequential' (one call for each example), or 'expand_dims' or 'broadcast_all' for a "
            "callback that takes leading axes."
        )  # fmt: skip
    if method.startswith("sequential"):
        return _batch_lanes(pure_callback, size, args, axes, params)
    moved = _with_leading_axis(method, size, args, axes)
    results = tuple([((size, *shape), dtype) for shape, dtype in params["results"]])
    outs = pure_callback(*moved, **{**params, "results": results})
    return outs, [0] * len(outs)


def _with_leading_axis(method: str, size: int, args: list, axes: list) -> list[Any]:
    """The batched operands; what the others look like is what the methods differ in."""
    if method == "broadcast_all":
        return move_batch_first(size, args, axes)
    moved = [x if a is None else layout.move_axis(x, a, 0) for x, a in zip(args, axes)]
    if method == "legacy_vectorized":
        return moved
    return [layout.reshape(x, shape=(1, *x.shape)) if a is None else x for x, a in zip(moved, axes)]


def _sample(kind: str, function: Callable, *types: Any, **params: Any) -> dict:
    callee = Callee(kind, function.__name__, function, function, [f"[{k}]" for k in range(len(types))])
    return dict(callback=callee, results=tuple(types), **params)


def _shifted(x: np.ndarray, y: np.ndarray) -> list[Any]:
    return [np.sum(x) * 2.0, x[::-1].astype(np.int64) + y.astype(np.int64)]


def _nothing(*_: np.ndarray) -> list[Any]:
    return []


def _pair(kind: str, **params: Any) -> Sample:
    """A scalar and a vector of a vector and a number; integers, since what is announced must not depend on the dtype."""
    types = (((), "float64"), ((2,), "int64"))
    return Sample([np.array([3, 5]), np.int64(4)], _sample(kind, _shifted, *types, **params))


pure_callback = library(
    "pure_callback", _impl, aval=_aval, batch=_pure_batch, lower=lowering.Callback(), linearize=_refuse, multiple_results=True,
    samples=lambda: [_pair("pure_callback", lanes=(), method="sequential"),
                     Sample([array(3)], _sample("pure_callback", _nothing, lanes=(), method="expand_dims"))])  # fmt: skip

# --- operations that have no machine code for their types ------------------------------------------------------------------


def _in_numpy_impl(*args: Any, operation: Primitive, arguments: tuple) -> list[Any]:
    with np.errstate(all="ignore"):  # compiled code does not warn
        found = operation.impl(*args, **dict(arguments))
    return list(found) if operation.multiple_results else [found]


def _in_numpy_aval(*args: ShapedArray, operation: Primitive, arguments: tuple) -> list[ShapedArray]:
    found = operation.aval(*args, **dict(arguments))
    return list(found) if operation.multiple_results else [found]


def _in_numpy_batch(size: int, args: list, axes: list, operation: Primitive, arguments: tuple) -> tuple[list, list]:
    found, axis = operation.batch(size, args, axes, **dict(arguments))
    return (list(found), list(axis)) if operation.multiple_results else ([found], [axis])


def _in_numpy_linearize(*primals: Any, operation: Primitive, arguments: tuple) -> tuple[list, Callable]:
    found, tangent_map = operation.linearize(*primals, **dict(arguments))
    if operation.multiple_results:
        return found, tangent_map
    return [found], lambda *tangents: [tangent_map(*tangents)]


# An operation on complex numbers or float16, inside a compiled program; made when nothing is differentiated any more.
in_numpy = library(
    "in_numpy", _in_numpy_impl, aval=_in_numpy_aval, batch=_in_numpy_batch, lower=lowering.Callback(), linearize=_in_numpy_linearize,
    multiple_results=True,
    samples=lambda: [Sample([array(3), array(3)], dict(operation=elementwise.mul, arguments=())),
                     Sample([np.arange(6).reshape(2, 3)], dict(operation=layout.transpose, arguments=(("axes", (1, 0)),)))])  # fmt: skip

# --- effects --------------------------------------------------------------------------------------------------------------


def _io_batch(size: int, args: list, axes: list, **params: Any) -> tuple[list, list]:
    if params["ordered"]:
        raise ValueError(
            f"{params['callback'].kind} of {params['callback'].__name__}: an ordered callback cannot be batched by vmap, "
            "which has no order of examples.\nFix: leave ordered=True out, or loop with lax.scan."
        )  # fmt: skip
    return _batch_lanes(io_callback, size, args, axes, params)


io_callback = library(
    "io_callback", _impl, aval=_aval, batch=_io_batch, lower=lowering.Callback(), linearize=_refuse, multiple_results=True,
    samples=lambda: [_pair("io_callback", lanes=(), ordered=False)])  # fmt: skip

debug_callback = library(
    "debug_callback", _impl, aval=_aval, lower=lowering.Callback(), linearize=nondiff, multiple_results=True,
    batch=lambda size, args, axes, **params: _batch_lanes(debug_callback, size, args, axes, params),
    samples=lambda: [Sample([array(3), np.int64(2)], _sample("debug.callback", _nothing, lanes=()))])  # fmt: skip


def _performed_aval(*args: ShapedArray, callback: Callee, count: int) -> list[ShapedArray]:
    return list(args[len(args) - count :])


performed = library(  # what an io_callback returned when it happened: its last `count` operands; the others are its arguments
    "performed", lambda *args, callback, count: list(args[len(args) - count :]), aval=_performed_aval,
    batch=lambda size, args, axes, callback, count: (
        performed(*args, callback=callback, count=count), axes[len(axes) - count :]),
    lower=lowering.Callback(), linearize=_refuse, multiple_results=True,
    samples=lambda: [Sample([array(3), array(4), array(2)], dict(callback=Callee("io_callback", "f", _nothing, _nothing), count=1))])  # fmt: skip


def _perform_io(args: Sequence[Any], params: dict) -> list[Any]:
    results = io_callback.impl(*map(concrete_value, args), **params)
    return performed(*args, *results, callback=params["callback"], count=len(results))


def _perform_debug(args: Sequence[Any], params: dict) -> list[Any]:
    return debug_callback.impl(*map(concrete_value, args), **params)


for _prim in (pure_callback, io_callback, performed):
    _prim.differentiation = refused
for _prim, _perform in ((io_callback, _perform_io), (debug_callback, _perform_debug)):
    _prim.effect, _prim.perform = True, _perform

# --- equations that hold effects with results, in an eager Trace ------------------------------------------------------------


def _perform_call(prim: Primitive) -> Callable[[Sequence[Any], dict], list[Any]]:
    """A program runs as one equation, unless derivatives need to know what its effects returned: then it is inlined."""

    def perform(args: Sequence[Any], params: dict) -> list[Any]:
        if reads_effects(params["program"]):
            return replay(params["program"], args)
        return current_trace().perform_whole(prim, args, params)  # type: ignore[union-attr]

    return perform


def _perform_scan(args: Sequence[Any], params: dict) -> list[Any]:
    if params["length"] and reads_effects(params["body"]):
        return _unrolled(args, **params)
    return current_trace().perform_whole(control.scan, args, params)  # type: ignore[union-attr]


def _unrolled(args: Sequence[Any], body: Any, consts: int, carries: int, length: int, reverse: bool, **_: Any) -> list[Any]:
    """A scan step by step, so that each result of an effect is a value of its own."""
    fixed, carry, xs = args[:consts], args[consts : consts + carries], args[consts + carries :]
    ys: list[Any] = [None] * length
    for t in reversed(range(length)) if reverse else range(length):
        outs = replay(body, [*fixed, *carry, *[_row(x, t) for x in xs]])
        carry, ys[t] = outs[:carries], outs[carries:]
    rows = [[layout.reshape(y, shape=(1, *np.shape(y))) for y in column] for column in zip(*ys)]
    return [*carry, *[layout.concatenate(*column, axis=0) for column in rows]]


def _row(x: Any, t: int) -> Any:
    return layout.reshape(layout.slice_axis(x, 0, t, t + 1), shape=tuple(x.shape[1:]))


def _perform_switch(args: Sequence[Any], params: dict) -> list[Any]:
    branches = params["branches"]
    if any(map(reads_effects, branches)):
        return replay(branches[min(max(int(concrete_value(args[0])), 0), len(branches) - 1)], args[1:])
    return current_trace().perform_whole(branching.switch, args, params)  # type: ignore[union-attr]


def _perform_while(args: Sequence[Any], params: dict) -> list[Any]:
    cond, body, n, m = (params[k] for k in ("cond", "body", "cond_consts", "body_consts"))
    if not reads_effects(cond) and not reads_effects(body):
        return current_trace().perform_whole(while_loop.while_loop, args, params)  # type: ignore[union-attr]
    carry = args[n + m :]
    while concrete_value(replay(cond, [*args[:n], *carry])[0]):
        carry = replay(body, [*args[n : n + m], *carry])
    return list(carry)


for _prim in (calls.compiled_call, remat.remat, custom_batching.custom_vmap_call):
    _prim.perform = _perform_call(_prim)
control.scan.perform = _perform_scan
branching.switch.perform = _perform_switch
while_loop.while_loop.perform = _perform_while
