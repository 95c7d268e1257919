"""Equations with derivative rules supplied by the user: `custom_jvp` and `custom_vjp`.

A rule is traced when a derivative is first asked for, not before: rules usually call the function they belong to.
Traced, it is a Program, which every transformation treats like any other. A `custom_vjp` function also works in
forward mode: its backward program is linear in the cotangents, and the transpose of that program is the forward
derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, is_inexact, shaped
from ..core.primitive import Zero
from ..core.program import Program, Var, as_function
from ..core.tracing import retrace
from ..transforms.linearize import instantiate
from ..transforms.linearize import jvp as jvp_program
from ..transforms.transpose import transpose as transpose_program
from . import elementwise, layout
from .programs import batched_front, call
from .rules import library
from .samples import Sample, array

_PAIR = shaped((2,), np.float64)


def _evaluate(*args: Any, program: Program, **_: Any) -> list[Any]:
    return as_function(program)(*args)


def _aval(*args: ShapedArray, program: Program, **_: Any) -> list[ShapedArray]:
    if list(args) != program.in_avals:
        raise TypeError(f"call: operands {list(args)} do not fit a program of type {program.in_avals}")
    return program.out_avals


class Rule:
    """A rule that is traced when it is needed: `get()` gives its Program or Programs. Rules with equal keys are equal.

    A `masked` rule depends on which values are not zero: `get(mask)`, and `make` takes the mask.
    """

    __slots__ = ("_values", "key", "make", "masked")

    def __init__(self, key: Any, make: Callable[..., Any], masked: bool = False) -> None:
        self.key, self.make, self.masked = key, make, masked
        self._values: dict[Any, Any] = {}

    def get(self, mask: Any = None) -> Any:
        """The traced rule."""
        which = (mask,) if self.masked else ()
        if which not in self._values:
            self._values[which] = self.make(*which)
        return self._values[which]

    def map(self, name: Any, f: Callable[[Any], Any]) -> Rule:
        """The rule whose programs `f` makes of those of this one; `name` identifies `f`."""
        return Rule((name, self), lambda *mask: f(self.get(*mask)), self.masked)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return "<rule>"

    def __lt__(self, other: Any) -> bool:
        return repr(self) < repr(other)


def _all_batched(value: Any, size: int) -> Any:
    """A program, or a rule, or several, over operands that all have their batch axis in front."""
    if isinstance(value, tuple):
        return tuple([_all_batched(v, size) for v in value])
    if isinstance(value, Rule):
        return value.map(("batched", size), lambda v: _all_batched(v, size))
    return batched_front(value, size, [0] * len(value.inputs))


def tangent_part(rule: Program, primals: int, args: Sequence[Any]) -> Any:
    """Evaluate the part of a jvp rule that needs only the primals; return its outputs' halves as (outs, tangent_map).

    An equation of the rule that depends on a tangent belongs to the linear part and is evaluated when tangents come.
    """
    env: dict[Any, Any] = dict(zip(rule.inputs[:primals], args))
    waiting = set(rule.inputs[primals:])
    linear = []
    for eqn in rule.eqns:
        if any(type(a) is Var and a in waiting for a in eqn.inputs):
            waiting.update(eqn.outs)
            linear.append(eqn)
        else:
            out = eqn.prim(*[env[a] if type(a) is Var else a.value for a in eqn.inputs], **eqn.params)
            env.update(zip(eqn.outs, out if eqn.prim.multiple_results else [out]))
    known = list(env)
    rest = Program([*known, *rule.inputs[primals:]], linear, rule.outputs[len(rule.outputs) // 2 :])
    outs = [env[a] if type(a) is Var else a.value for a in rule.outputs[: len(rule.outputs) // 2]]
    return outs, lambda tangents: call(rest, [*env.values(), *tangents])


# --- custom_jvp: rule is (primals, tangents) -> (outs, tangents of outs); `fixed` leading operands are closed over by the function ----


def _custom_jvp_linearize(
    *args: Any, active: tuple[bool, ...], program: Program, rule: Rule, fixed: int
) -> tuple[list[Any], Any]:
    given = active[fixed:] if rule.masked else [is_inexact(a) for a in program.in_avals[fixed:]]
    outs, linear = tangent_part(rule.get(active[fixed:]), len(args) - fixed, args[fixed:])

    def tangent_map(*tangents: Any) -> list[Any]:
        t_outs = linear([instantiate(t) for t, on in zip(tangents[fixed:], given) if on])
        return [t if is_inexact(a) else Zero(a) for t, a in zip(t_outs, program.out_avals)]

    return outs, tangent_map


def _custom_jvp_batch(size: int, args: list, axes: list, *, program: Program, rule: Rule, fixed: int) -> tuple[list, list]:
    args = [layout.with_batch_axis(x, size, a, 0) for x, a in zip(args, axes)]
    outs = custom_jvp_call(*args, fixed=fixed, program=_all_batched(program, size), rule=_all_batched(rule, size))
    return outs, [0] * len(outs)


def _custom_jvp_samples() -> list[Sample]:
    program = retrace(lambda x: [elementwise.sin(x)], [_PAIR])
    rule = retrace(lambda x, t: [elementwise.sin(x), elementwise.cos(x) * t], [_PAIR, _PAIR])

    def slopes(x: Any, y: Any, t: Any, s: Any) -> list[Any]:
        return [elementwise.sin(x) * y, y * y, elementwise.cos(x) * y * t + elementwise.sin(x) * s, 2.0 * y * s]

    both = retrace(slopes, [_PAIR] * 4)
    return [
        Sample([array(2)], dict(program=program, rule=Rule("sample jvp", lambda: rule), fixed=0)),
        Sample([array(2), array(2)], dict(program=_product(), rule=Rule("sample jvp of two", lambda: both), fixed=0)),
        Sample([np.int64(3), array(2), np.int64(2)], dict(program=_with_fixed(), rule=Rule("sample jvp, fixed", _fixed_jvp), fixed=1)),
    ]


def _with_fixed() -> Program:
    """A function that closes over a number of which its rule knows nothing, and has an argument without a tangent."""
    number = shaped((), np.int64)
    return retrace(lambda k, x, n: [n * n, elementwise.sin(x)], [number, _PAIR, number])


def _fixed_jvp() -> Program:
    number = shaped((), np.int64)
    return retrace(lambda x, n, t: [n * n, elementwise.sin(x), n, elementwise.cos(x) * t], [_PAIR, number, _PAIR])


def _product() -> Program:
    return retrace(lambda x, y: [elementwise.sin(x) * y, y * y], [_PAIR] * 2)


custom_jvp_call = library("custom_jvp_call", _evaluate, aval=_aval, batch=_custom_jvp_batch, linearize=_custom_jvp_linearize,
                          lower=lowering.Call(lambda params: params["program"]), samples=_custom_jvp_samples, multiple_results=True, activity=True)  # fmt: skip


# --- custom_vjp: forward is args -> (outs, residuals), backward is (residuals, cotangents of outs) -> cotangents of args --------


def _custom_vjp_linearize(
    *args: Any, active: tuple[bool, ...], program: Program, rule: Rule, fixed: int
) -> tuple[list[Any], Any]:
    forward, backward, *zeros = rule.get(active[fixed:])
    results = call(forward, args[fixed:])
    count = len(program.outputs)
    outs, residuals = results[:count], results[count:]
    params = dict(backward=backward, residuals=len(residuals)) | ({"zeros": zeros[0]} if zeros else {})

    def tangent_map(*tangents: Any) -> list[Any]:
        t_in = [instantiate(t) for t, a in zip(tangents[fixed:], program.in_avals[fixed:]) if is_inexact(a)]
        t_out = iter(custom_linear(*residuals, *t_in, **params))
        return [next(t_out) if is_inexact(a) else Zero(a) for a in program.out_avals]

    return outs, tangent_map


def _custom_vjp_batch(size: int, args: list, axes: list, *, program: Program, rule: Rule, fixed: int) -> tuple[list, list]:
    args = [layout.with_batch_axis(x, size, a, 0) for x, a in zip(args, axes)]
    outs = custom_vjp_call(*args, fixed=fixed, program=_all_batched(program, size), rule=_all_batched(rule, size))
    return outs, [0] * len(outs)


def _backward_sample() -> Program:
    return retrace(lambda c, ct: [c * ct], [_PAIR, _PAIR])


def _custom_vjp_samples() -> list[Sample]:
    program = retrace(lambda x: [elementwise.sin(x)], [_PAIR])
    forward = retrace(lambda x: [elementwise.sin(x), elementwise.cos(x)], [_PAIR])
    rule = Rule("sample vjp", lambda: (forward, _backward_sample()))
    return [
        Sample([array(2)], dict(program=program, rule=rule, fixed=0)),
        Sample([array(2), array(2)], dict(program=_product(), rule=Rule("sample vjp of two", _two_rules), fixed=0)),
        Sample([np.int64(3), array(2), np.int64(2)], dict(program=_with_fixed(), rule=Rule("sample vjp, fixed", _fixed_vjp), fixed=1)),
    ]


def _fixed_vjp() -> tuple[Program, Program]:
    forward = retrace(lambda x, n: [n * n, elementwise.sin(x), elementwise.cos(x)], [_PAIR, shaped((), np.int64)])
    return forward, _backward_sample()


def _two_rules() -> tuple[Program, Program]:
    forward = retrace(lambda x, y: [elementwise.sin(x) * y, y * y, x, y], [_PAIR] * 2)
    return forward, _backward_of_two()


def _backward_of_two() -> Program:
    return retrace(lambda x, y, a, b: [elementwise.cos(x) * y * a, elementwise.sin(x) * a + 2.0 * y * b], [_PAIR] * 4)


custom_vjp_call = library("custom_vjp_call", _evaluate, aval=_aval, batch=_custom_vjp_batch, linearize=_custom_vjp_linearize,
                          lower=lowering.Call(lambda params: params["program"]), samples=_custom_vjp_samples, multiple_results=True, activity=True)  # fmt: skip


# --- the linear map whose transpose the user gave ---------------------------------------------------------------------------------
# `zeros`, where it is given, is the backward program for every mask of cotangents that are not zero: (residuals, these) -> cotangents.


def forward_of(backward: Program, residuals: int) -> Program:
    """The transpose of the backward program: (residuals, tangents) -> tangents of the outputs."""
    try:
        return transpose_program(backward, len(backward.inputs) - residuals)
    except TypeError as e:
        raise TypeError(
            f"forward mode transposes the backward rule of a custom_vjp, which must be linear in the cotangents: {e}\n"
            "Fix: use reverse mode (grad, vjp, jacrev), or state the derivative by custom_jvp."
        ) from e


def _linear_impl(*args: Any, backward: Program, residuals: int, zeros: Any = None) -> list[Any]:
    return as_function(forward_of(backward, residuals))(*args)


def _linear_aval(*args: ShapedArray, backward: Program, residuals: int, zeros: Any = None) -> list[ShapedArray]:
    return backward.in_avals[residuals:]


def _linear_linearize(*args: Any, backward: Program, residuals: int, **params: Any) -> tuple[list[Any], Any]:
    program = forward_of(backward, residuals)
    outs = custom_linear(*args, backward=backward, residuals=residuals, **params)

    def tangent_map(*tangents: Any) -> list[Any]:
        if all(type(t) is Zero for t in tangents[:residuals]):
            t_in = [instantiate(t) for t in tangents[residuals:]]
            return custom_linear(*args[:residuals], *t_in, backward=backward, residuals=residuals, **params)
        active = tuple(type(t) is not Zero for t in tangents)
        both, active_outputs = jvp_program(program, active)
        t_out = iter(call(both, [*args, *(t for t in tangents if type(t) is not Zero)])[len(outs) :])
        return [next(t_out) if on else Zero(a) for on, a in zip(active_outputs, program.out_avals)]

    return outs, tangent_map


def _linear_transpose(cts: Any, *args: Any, backward: Program, residuals: int, zeros: Any = None) -> list[Any]:
    given = tuple([type(ct) is not Zero for ct in cts])
    if zeros is None:
        results = call(backward, [*args[:residuals], *map(instantiate, cts)])
    else:
        results = call(zeros.get(given), [*args[:residuals], *(ct for ct, on in zip(cts, given) if on)])
    return [*[None] * residuals, *results]


def _linear_batch(size: int, args: list, axes: list, *, residuals: int, **programs: Any) -> tuple[list, list]:
    args = [layout.with_batch_axis(x, size, a, 0) for x, a in zip(args, axes)]
    outs = custom_linear(*args, residuals=residuals, **{k: _all_batched(p, size) for k, p in programs.items()})
    return outs, [0] * len(outs)


def _linear_samples() -> list[Sample]:
    masked = Rule("sample zeros", lambda mask: _backward_sample() if any(mask) else retrace(lambda c: [0.0 * c], [_PAIR]), True)
    return [Sample([array(2), array(2)], dict(backward=_backward_sample(), residuals=1)),
            Sample([array(2), array(2)], dict(backward=_backward_sample(), residuals=1, zeros=masked)),
            Sample([array(2) for _ in range(4)], dict(backward=_backward_of_two(), residuals=2)),
            Sample([array(2)] * 2, dict(backward=retrace(lambda c, a, b: [c * a + b], [_PAIR] * 3), residuals=1))]


custom_linear = library("custom_linear", _linear_impl, aval=_linear_aval, batch=_linear_batch, linearize=_linear_linearize,
                        transpose=_linear_transpose, samples=_linear_samples, multiple_results=True,
                        lower=lowering.Call(lambda params: forward_of(params["backward"], params["residuals"])))  # fmt: skip
