"""Operations made from users' functions: the rules behind `extend.primitive`.

An `Operation` checks what its NumPy function returns against the announced types. Its derivative and batching rules
are ordinary functions of arrays; each is traced once for every combination of types.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..core.avals import PYTHON_SCALARS, ShapedArray, aval_of, is_inexact, shaped
from ..core.primitive import LinearArg, Primitive, Zero, nondiff
from ..core.program import Program, Var
from ..numpy import promotion
from ..ops import control, layout
from ..ops.custom import custom_linear, tangent_part
from ..ops.programs import call, lanes
from ..transforms.linearize import instantiate
from ..transforms.simplify import dead_code_elimination
from . import custom_rules as checks
from . import recording as rec
from .compilation import ShapeDtypeStruct


class Operation:
    """What `primitive` returns: a function of numbers, arrays and traced values, and keyword parameters."""

    def __init__(self, name: str, impl: Callable, abstract: Callable) -> None:
        self.name = self.__name__ = name
        self.impl, self.abstract = impl, abstract
        self.__doc__ = impl.__doc__
        self._types: dict[Any, tuple[list[ShapedArray], bool]] = {}
        self._programs: dict[Any, Any] = {}
        self.primitive: Primitive

    def __call__(self, *operands: Any, **params: Any) -> Any:
        values = [promotion.array_operand(x, f"{self.name}: operand {i}") for i, x in enumerate(operands)]
        try:
            hash(tuple(sorted(params.items())))
        except TypeError:
            raise TypeError(f"{self.name}: parameters must be hashable, got {params}.") from None
        _, single = self.types([rec.abstract(v) for v in values], params)
        outs = self.primitive(*values, **params)
        return outs[0] if single else tuple(outs)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def types(self, avals: Sequence[ShapedArray], params: dict) -> tuple[list[ShapedArray], bool]:
        """Types of the results, and whether there is just one, not in a tuple."""
        key = (tuple(avals), checks.exact(params))
        if key not in self._types:
            found = self.abstract(*[ShapeDtypeStruct(a.shape, a.dtype) for a in avals], **params)
            several = isinstance(found, (tuple, list))
            self._types[key] = [_announced(self.name, t) for t in (found if several else [found])], not several
        return self._types[key]

    def compute(self, *arrays: Any, **params: Any) -> list[Any]:
        """The results, checked against the announced types."""
        avals, single = self.types([aval_of(x) for x in arrays], params)
        found = self.impl(*map(readonly, arrays), **params)
        values = [found] if single else list(found)
        if len(values) != len(avals):
            raise TypeError(f"{self.name}: it returned {len(values)} results, but its abstract rule says {len(avals)}.")
        return [_result(self.name, k, v, a) for k, (v, a) in enumerate(zip(values, avals))]

    def remembered(self, key: Any, make: Callable[[], Any]) -> Any:
        """What rules were traced to, so that derivatives of equal programs are equal."""
        if key not in self._programs:
            self._programs[key] = make()
        return self._programs[key]


def _announced(name: str, x: Any) -> ShapedArray:
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise TypeError(f"{name}: the abstract rule must return ShapeDtypeStruct or a tuple of them, got {x!r}.")
    return shaped(tuple(x.shape), np.dtype(x.dtype))


def _result(name: str, position: int, value: Any, aval: ShapedArray) -> Any:
    found = np.asarray(value, aval.dtype if type(value) in PYTHON_SCALARS else None)
    if (found.shape, found.dtype) != (aval.shape, aval.dtype):
        raise TypeError(
            f"{name}: result {position} has type {shaped(found.shape, found.dtype)}, but the abstract rule says {aval}."
        )
    return found[()] if found.ndim == 0 else found


def readonly(x: Any) -> Any:
    """What a user's function gets: it must not write into its operands, which are the caller's arrays."""
    if isinstance(x, np.ndarray):
        x = x.view()
        x.flags.writeable = False
    return x


def fitted_partial(f: Callable) -> Callable:
    """The partial derivative with the shape and dtype of the output, as the rules want it."""

    def partial(out: Any, *operands: Any) -> Any:
        value = promotion.convert(promotion.array_operand(f(out, *operands)), out.dtype)
        return promotion.broadcast(value, tuple(out.shape))

    return partial


def batch_rule(op: Operation, batch: Callable | None) -> Callable:
    """The batching rule of an operation: the one given, or one example after the other."""
    if batch is None:
        return lambda size, args, axes, **params: lanes(
            control.scan, size, args, axes, lambda *values: op.primitive(*values, **params)
        )

    def rule(size: int, args: list, axes: list, **params: Any) -> tuple[list, list]:
        mask = [a is not None for a in axes]
        moved = [x if a is None else layout.move_axis(x, a, 0) for x, a in zip(args, axes)]
        avals = [rec.abstract(x) for x in moved]
        key = ("batch", size, tuple(mask), tuple(avals), checks.exact(params))
        program, marks = op.remembered(key, lambda: _batched(op, batch, size, mask, avals, params))
        return call(program, moved), [0 if on else None for on in marks]

    return rule


def _batched(op: Operation, batch: Callable, size: int, mask: list, avals: list, params: dict) -> tuple[Program, list]:
    """The traced batching rule, and which outputs are batched."""
    name, marks = f"{op.name}: the batch rule", []
    single = [a.update(shape=a.shape[1:]) if on else a for a, on in zip(avals, mask)]
    types = op.types(single, params)[0]

    def flat(*values: Any) -> list[Any]:
        outs, batched = checks.check_pair(name, "(outputs, out_batched)", batch(size, mask, *values, **params))
        leaves = list(outs) if isinstance(outs, (tuple, list)) else [outs]
        marks.extend(batched if isinstance(batched, (tuple, list)) else [batched] * len(leaves))
        full = [a.update(shape=(size, *a.shape)) if on else a for a, on in zip(types, marks)]
        return [_as_announced(name, k, x, a) for k, (x, a) in enumerate(zip(leaves, full, strict=True))]

    return checks.trace_rule(flat, avals, name)[0], marks


def _as_announced(name: str, position: int, value: Any, aval: ShapedArray) -> Any:
    return checks.check_derivative(name, f"output {position}", "the output of this batch", value, aval)


def derivative_rule(op: Operation, jvp: Callable | None, vjp: Callable | None) -> Any:
    """How an operation is linearized: by the rule given, not at all, or with an error."""
    if jvp is nondiff or vjp is nondiff:
        return nondiff
    if jvp is None and vjp is None:
        return functools.partial(_refuse, op)
    return functools.partial(_by_jvp, op, jvp) if jvp is not None else functools.partial(_by_vjp, op, vjp)


def _refuse(op: Operation, *_: Any, **__: Any) -> NoReturn:
    raise ValueError(
        f"{op.name} has no derivative: it was declared without jvp and vjp.\n"
        "Fix: give extend.primitive one of them, or jvp=extend.nondiff if it is piecewise constant."
    )


def _by_jvp(op: Operation, jvp: Callable, *primals: Any, **params: Any) -> tuple[list[Any], Callable]:
    avals = [rec.abstract(x) for x in primals]
    types, single = op.types(avals, params)
    name, given = f"{op.name}: the jvp rule", [is_inexact(a) for a in avals]

    def flat(*values: Any) -> list[Any]:
        rest = iter(values[len(avals) :])
        tangents = [next(rest) if on else layout.fill(0, a.shape, a.dtype) for a, on in zip(avals, given)]
        pair = checks.check_pair(
            name, "(outputs, output tangents)", jvp(values[: len(avals)], tuple(tangents), **params)
        )
        outs, t_outs = (_listed(name, x, single, len(types)) for x in pair)
        return [
            *(checks.check_derivative(name, f"output {k}", "it", x, a) for k, (x, a) in enumerate(zip(outs, types))),
            *(
                checks.check_derivative(name, f"the tangent of output {k}", "the output", x, a)
                for k, (x, a) in enumerate(zip(t_outs, types))
            ),
        ]

    key = ("jvp", tuple(avals), checks.exact(params))
    inputs = [*avals, *(a for a, on in zip(avals, given) if on)]
    rule = op.remembered(key, lambda: checks.trace_rule(flat, inputs, name)[0])
    outs, linear = tangent_part(rule, len(avals), primals)

    def tangent_map(*tangents: Any) -> list[Any]:
        t_outs = linear([instantiate(t) for t, on in zip(tangents, given) if on])
        return [t if is_inexact(a) else Zero(a) for t, a in zip(t_outs, types)]

    return outs, tangent_map


def _listed(name: str, value: Any, single: bool, count: int) -> list[Any]:
    found = [value] if single else list(value)
    if len(found) != count:
        raise TypeError(f"{name} returned {len(found)} values, but there are {count} results.")
    return found


def _by_vjp(op: Operation, vjp: Callable, *primals: Any, **params: Any) -> tuple[list[Any], Callable]:
    avals = [rec.abstract(x) for x in primals]
    types, _ = op.types(avals, params)
    key = ("vjp", tuple(avals), checks.exact(params))
    backward = op.remembered(key, lambda: _backward(op, vjp, avals, params))
    outs = op.primitive(*primals, **params)
    residuals = [*primals, *outs]

    def tangent_map(*tangents: Any) -> list[Any]:
        t_in = [instantiate(t) for t, a in zip(tangents, avals) if is_inexact(a)]
        t_outs = iter(custom_linear(*residuals, *t_in, backward=backward, residuals=len(residuals)))
        return [next(t_outs) if is_inexact(a) else Zero(a) for a in types]

    return outs, tangent_map


def transpose_rule(op: Operation, jvp: Any, vjp: Any) -> Callable:
    """For rules that apply the operation itself to tangents or cotangents, in which it is linear."""

    def transpose(cts: Any, *args: Any, **params: Any) -> list[Any]:
        if vjp is None or vjp is nondiff:
            raise TypeError(
                f"{op.name} is applied to a tangent in its jvp rule, so that reverse mode needs its transpose.\n"
                "Fix: declare it by vjp, which gives both modes."
            )
        return _transposed(op, vjp, cts, args, params)

    return transpose


def _transposed(op: Operation, vjp: Callable, cts: Any, args: Sequence[Any], params: dict) -> list[Any]:
    """The cotangents of the linear operands, which must not depend on their values, by the vjp rule."""
    avals = [x.aval if type(x) is LinearArg else rec.abstract(x) for x in args]
    types, _ = op.types(avals, params)
    key = (tuple(avals), checks.exact(params))
    backward = op.remembered(("vjp", *key), lambda: _backward(op, vjp, avals, params))
    linear = [type(x) is LinearArg for x in args]
    wanted = [o for o, on in zip(backward.outputs, [on for on, a in zip(linear, avals) if is_inexact(a)]) if on]
    program = dead_code_elimination(Program(backward.inputs, backward.eqns, wanted))
    used = {a for eqn in program.eqns for a in eqn.inputs if type(a) is Var} | set(program.outputs)
    unknown = [v for v, on in zip(program.inputs, [*linear, *[True] * len(types)]) if on]
    if any(v in used for v in unknown):
        raise TypeError(f"{op.name} is applied to a tangent or cotangent, but by its vjp rule it is not linear in it.")
    operands = [layout.fill(0, a.shape, a.dtype) if on else x for x, a, on in zip(args, avals, linear)]
    given = [instantiate(ct) for ct, a in zip(cts, types) if is_inexact(a)]
    results = iter(call(program, [*operands, *(layout.fill(0, a.shape, a.dtype) for a in types), *given]))
    return [next(results) if on else None for on in linear]


def _backward(op: Operation, vjp: Callable, avals: list[ShapedArray], params: dict) -> Program:
    """(operands, outputs, cotangents) -> cotangents of the operands."""
    types, single = op.types(avals, params)
    name, n, m = f"{op.name}: the vjp rule", len(avals), len(types)

    def flat(*values: Any) -> list[Any]:
        primals, outs, rest = values[:n], values[n : n + m], iter(values[n + m :])
        cts = [next(rest) if is_inexact(a) else layout.fill(0, a.shape, a.dtype) for a in types]
        given, out = (cts[0], outs[0]) if single else (tuple(cts), tuple(outs))
        found = vjp(given, out, *primals, **params)
        found = list(found) if isinstance(found, (tuple, list)) else [found]
        if len(found) != n:
            raise TypeError(f"{name} must return a cotangent for each of the {n} operands, got {len(found)}.")
        return [
            layout.fill(0, a.shape, a.dtype) if ct is None
            else checks.check_derivative(name, f"the cotangent of operand {k}", "the operand", ct, a)
            for k, (ct, a) in enumerate(zip(found, avals)) if is_inexact(a)
        ]  # fmt: skip

    return checks.trace_rule(flat, [*avals, *types, *(a for a in types if is_inexact(a))], name)[0]


__all__ = ["Operation", "batch_rule", "derivative_rule", "fitted_partial", "readonly", "transpose_rule"]
