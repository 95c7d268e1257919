"""The vocabulary of control flow: every function writes one random loop or branch, with random bodies, into a scope."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fuzz_scope import FLOATS, Scope, like
from fuzz_tree import Block, Struct, Var, leaves

ANY = ("float64", "float32", "int64", "bool")


def again(scope: Scope, v: Var) -> Var | None:
    """A variable of the same type as `v`: the new value of a carried one."""
    found = scope.pick(lambda w: w.type == v.type and w.name != v.name and w in scope.vars, [v.dtype])
    if found is not None and scope.rng.random() < 0.5:
        return found
    return damped(scope, v)


def damped(scope: Scope, v: Var) -> Var | None:
    """A bounded function of `v` and of what else there is, of the type of `v`."""
    if v.dtype == "int64":
        return scope.emit("carry", "{0} + 1" if scope.rng.random() < 0.7 else "({0} * 2 + 1) % 7", [v])
    if v.dtype == "bool":
        return scope.emit("carry", "fnp.logical_not({0})", [v])
    w = next(iter(scope.outcome(1)), v)
    text = [
        "fnp.tanh(0.7 * {0} + 0.2 * fnp.mean({1}))",
        "0.8 * {0} + fnp.sin(fnp.sum({1}))",
        "{0} * fnp.cos(fnp.mean({1}))",
    ][scope.rng.integers(3)]
    cast = "({}).astype({})".format(text, "f32" if v.dtype == "float32" else "np.float64")
    return scope.emit("carry", cast if v.dtype == "float32" or w.dtype != v.dtype else text, [v, w])


def carries(scope: Scope, most: int = 2) -> list[Var]:
    """Some variables to carry through a loop."""
    found = scope.pick_some(int(scope.rng.integers(1, most + 1)))
    if scope.rng.random() < 0.3:
        found += scope.pick_some(1, dtypes=["int64", "bool"])
    return list(dict.fromkeys(found))


def listed(first: int, count: int) -> str:
    """Operand places `({0}, {1},)` as a tuple."""
    return "(" + "".join(f"{{{first + k}}}, " for k in range(count)).rstrip(" ") + ")"


def _values(scope: Scope, found: list[Var]) -> tuple:
    return tuple(scope.value(v) for v in found)


def _next(scope: Scope, params: tuple[Struct, ...]) -> tuple | None:
    """New values of carried variables, or None where one cannot be had."""
    out = tuple(again(scope, v) for v in leaves(params))
    return None if any(v is None for v in out) else out


def scan(scope: Scope) -> Struct | None:
    """A scan with carries, xs and ys, forwards or backwards."""
    rng = scope.rng
    carry = carries(scope)
    x = scope.pick(lambda v: len(v.shape) > 0, ANY) if rng.random() < 0.85 else None
    y = x and scope.pick(lambda v: len(v.shape) > 0 and v.shape[0] == x.shape[0], ANY) if rng.random() < 0.3 else None
    xs = [v for v in (x, y) if v is not None]
    body = _scan_body(scope, carry, xs)
    if not carry or body is None:
        return None
    length = [] if xs else [("n", int(rng.integers(1, 6)))]
    given = listed(len(carry), len(xs)) if xs else "None, length={n}"
    options = (", reverse=True" if rng.random() < 0.4 else "") + (
        rng.choice([", checkpoint=2", ", checkpoint='sqrt'"]) if rng.random() < 0.15 else ""
    )
    text = "lax.scan({f0}, " + listed(0, len(carry)) + ", " + given + options + ")"
    return scope.emit("scan", text, [*carry, *xs], [body], length)


def _scan_body(scope: Scope, carry: list[Var], xs: list[Var]) -> Block | None:
    def result(inner: Scope, params: tuple) -> Struct | None:
        new = _next(inner, params[0])
        ys = inner.outcome(int(inner.rng.integers(1, 3)), ANY)
        return None if new is None or not ys else (new, tuple(ys))

    slices = tuple(v[0] for v in _values(scope, xs)) or None
    if slices is None:
        return scope.function([_values(scope, carry), ()], scope.builder.fill, result)
    return scope.function([_values(scope, carry), slices], scope.builder.fill, result)


def counted_while(scope: Scope) -> Struct | None:
    """A while loop whose number of steps is an integer that is data."""
    limit = scope.pick(lambda v: v.shape == (), ["int64"])
    carry = carries(scope)
    if limit is None or not carry:
        return None
    start = scope.emit("counter", "fnp.minimum({0}, 0)", [limit])
    test = scope.function(
        [_values(scope, [start, *carry])], lambda inner: None,
        lambda inner, params: inner.emit("test", "fnp.less({0}, {1})", [leaves(params)[0], limit]),
    )  # fmt: skip
    return test and _while(scope, [start, *carry], test, {0: "{0} + 1"}, 8)


def _while(scope: Scope, carry: list[Var], test: Block, fixed: dict[int, str], steps: int) -> Struct | None:
    """A while loop some of whose carries have a given new value."""

    def result(inner: Scope, params: tuple) -> Struct | None:
        new = [
            inner.emit("step", fixed[k], [v]) if k in fixed else again(inner, v) for k, v in enumerate(leaves(params))
        ]
        return None if any(v is None for v in new) else tuple(new)

    body = scope.function([_values(scope, carry)], scope.builder.fill, result)
    if body is None:
        return None
    limited = scope.rng.random() < 0.25
    text = "lax.while_loop({f0}, {f1}, " + listed(0, len(carry)) + (", max_steps={n})" if limited else ")")
    numbers = [("n", int(scope.rng.integers(1, steps)))] if limited else []
    return scope.emit("while", text, carry, [test, body], numbers)


def growing_while(scope: Scope) -> Struct | None:
    """A while loop until an array has grown or shrunk past a limit; the limit may be data."""
    x = scope.pick(dtypes=["float64"])
    if x is None:
        return None
    shrink = scope.rng.random() < 0.5
    carry = [x, *[v for v in carries(scope, 1) if v.name != x.name]]
    first = "fnp.greater(fnp.mean({0} * {0}), 0.07)" if shrink else "fnp.less(fnp.mean({0} * {0}), 2.1)"
    test = scope.function(
        [_values(scope, carry)], lambda inner: None, lambda inner, p: inner.emit("test", first, [leaves(p)[0]])
    )
    step = "{0} * 0.7" if shrink else "1.5 * {0} + 0.2 * fnp.sin({0}) + 0.1"
    return test and _while(scope, carry, test, {0: step}, 5)


def fori(scope: Scope) -> Struct | None:
    """A counted loop; its bounds are numbers or data, and the range may be empty."""
    rng = scope.rng
    carry = carries(scope)
    bounds = scope.pick_some(int(rng.integers(0, 3)), fits=lambda v: v.shape == (), dtypes=["int64"])

    def result(inner: Scope, params: tuple) -> Struct | None:
        return _next(inner, params[1])

    body = carry and scope.function([np.int64(0), _values(scope, carry)], scope.builder.fill, result)
    if not body:
        return None
    low, high = ("{" + str(len(carry) + k) + "} % 4" for k in range(2))
    texts = {0: "{m}, {n}", 1: "{m}, " + low, 2: low + " - 1, " + high + " + 1"}
    text = "lax.fori_loop(" + texts[len(bounds)] + ", {f0}, " + listed(0, len(carry)) + ")"
    numbers = [("m", int(rng.integers(-1, 2))), ("n", int(rng.integers(0, 5)))]
    return scope.emit("fori", text, [*carry, *bounds], [body], numbers)


def _branches(scope: Scope, count: int, operands: list[Var]) -> list[Block] | None:
    """Functions of the same operands with results of the same types; the first decides on the types."""
    first = scope.function(
        _values(scope, operands), scope.builder.fill,
        lambda inner, _: tuple(inner.outcome(int(inner.rng.integers(1, 3)), ANY)) or None,
    )  # fmt: skip
    if first is None:
        return None
    wanted = leaves(first.result)
    others = [
        scope.function(_values(scope, operands), scope.builder.fill, lambda inner, _: _matching(inner, wanted))
        for _ in range(count - 1)
    ]
    return None if any(b is None for b in others) else [first, *others]


def _matching(scope: Scope, wanted: list[Var]) -> tuple | None:
    out = tuple(_of_type(scope, v) for v in wanted)
    return None if any(v is None for v in out) else out


def _of_type(scope: Scope, v: Var) -> Var | None:
    """A variable of the type of `v`, which itself may be out of reach."""
    found = scope.pick(like(v), [v.dtype])
    if found is not None and scope.rng.random() < 0.8:
        return found
    dtype = "f32" if v.dtype == "float32" else f"np.{v.dtype}" if v.dtype != "bool" else "np.bool_"
    w = next(iter(scope.outcome(1)), None)
    if w is not None and v.dtype in FLOATS:
        return scope.emit("fill", f"(fnp.sin(fnp.mean({{0}})) * fnp.ones({v.shape})).astype({dtype})", [w])
    return scope.emit("fill", f"fnp.ones({v.shape}, {dtype})")


def cond(scope: Scope) -> Struct | None:
    """A branch with a predicate that is data."""
    pred = scope.pick(lambda v: v.shape == (), ["bool"])
    operands = scope.pick_some(int(scope.rng.integers(0, 3)), dtypes=ANY)
    blocks = pred and _branches(scope, 2, operands)
    if not blocks:
        return None
    text = "lax.cond({0}, {f0}, {f1}" + "".join(f", {{{k + 1}}}" for k in range(len(operands))) + ")"
    return scope.emit("cond", text, [pred, *operands], blocks)


def switch(scope: Scope) -> Struct | None:
    """One of several branches, by an index that may be out of range."""
    index = scope.pick(lambda v: v.shape == (), ["int64"])
    operands = scope.pick_some(int(scope.rng.integers(0, 3)), dtypes=ANY)
    count = int(scope.rng.integers(2, 4))
    blocks = index and _branches(scope, count, operands)
    if not blocks:
        return None
    names = "[" + ", ".join(f"{{f{k}}}" for k in range(count)) + "]"
    text = "lax.switch({0}, " + names + "".join(f", {{{k + 1}}}" for k in range(len(operands))) + ")"
    return scope.emit("switch", text, [index, *operands], blocks)


def map_(scope: Scope) -> Struct | None:
    """A function of one slice after the other, or of several at once."""
    x = scope.pick(lambda v: len(v.shape) > 0, ANY)
    body = x and scope.function(
        [scope.value(x)[0]], scope.builder.fill, lambda inner, _: tuple(inner.outcome(2, ANY)) or None
    )
    if not body:
        return None
    options = ", batch_size={n}" if scope.rng.random() < 0.3 else ""
    numbers = [("n", int(scope.rng.integers(1, 4)))] if options else []
    return scope.emit("map", "lax.map({f0}, {0}" + options + ")", [x], [body], numbers)


ASSOCIATIVE = [
    "lax.associative_scan(lambda a, b: a + b, {0}{o})", "lax.associative_scan(lambda a, b: a * b, fnp.tanh({0}){o})",
    "lax.associative_scan(fnp.maximum, {0}{o})",
    "lax.associative_scan(lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1]), (fnp.tanh({0}), {0}){o})",
    "lax.associative_scan(lambda a, b: a + b + a * b, 0.3 * fnp.sin({0}){o})",
]  # fmt: skip


def associative(scope: Scope) -> Struct | None:
    """All partial results of an associative operation."""
    x = scope.pick(lambda v: len(v.shape) > 0)
    if x is None:
        return None
    axis = int(scope.rng.integers(len(x.shape)))
    options = (", reverse=True" if scope.rng.random() < 0.4 else "") + (f", axis={axis}" if axis else "")
    text = ASSOCIATIVE[scope.rng.integers(len(ASSOCIATIVE))].replace("{o}", options)
    return scope.emit("associative_scan", text, [x])


CONTROL: list[tuple[Callable[[Scope], Struct | None], float]] = [
    (scan, 3), (counted_while, 1.5), (growing_while, 1), (fori, 2), (cond, 2), (switch, 1.5), (map_, 1),
    (associative, 0.7),
]  # fmt: skip
