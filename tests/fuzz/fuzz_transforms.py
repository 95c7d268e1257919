"""The vocabulary of transformations inside programs: `jit`, `vmap`, `checkpoint`, custom rules, derivatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fuzz_control import ANY
from fuzz_scope import Scope
from fuzz_tree import Struct, Var

WRAPPERS = {
    "jit": ["fg.jit({f0})"],
    "checkpoint": ["fg.checkpoint({f0})", "fg.checkpoint({f0}, policy=fg.checkpoint_policies.dots_saveable)"],
    "custom_vjp": ["with_vjp({f0})"],
    "custom_jvp": ["with_jvp({f0})"],
}


def _operands(count: int, first: int = 0) -> str:
    return ", ".join(f"{{{first + k}}}" for k in range(count))


def _wrapped(scope: Scope, kind: str) -> Struct | None:
    """A function under a wrapper that keeps its values; custom rules see their arguments only."""
    custom = kind.startswith("custom")
    args = list(dict.fromkeys(scope.pick_some(2, dtypes=["float64"] if custom else ANY)))
    body = args and scope.function(
        [scope.value(v) for v in args], scope.builder.fill,
        lambda inner, _: tuple(inner.outcome(2, ["float64"] if custom else ANY)) or None,
        closed=custom, exact=custom,
    )  # fmt: skip
    if not body:
        return None
    texts = WRAPPERS[kind]
    return scope.emit(kind, f"{texts[scope.rng.integers(len(texts))]}({_operands(len(args))})", args, [body])


def jit(scope: Scope) -> Struct | None:
    """A compiled part."""
    return _wrapped(scope, "jit")


def checkpoint(scope: Scope) -> Struct | None:
    """A part whose values are computed again."""
    return _wrapped(scope, "checkpoint")


def custom_vjp(scope: Scope) -> Struct | None:
    """A part with its own reverse rule, which is the true one."""
    return _wrapped(scope, "custom_vjp")


def custom_jvp(scope: Scope) -> Struct | None:
    """A part with its own forward rule, which is the true one."""
    return _wrapped(scope, "custom_jvp")


def stopped(scope: Scope) -> Struct | None:
    """A value that is constant for derivatives."""
    x = scope.pick(dtypes=ANY)
    return x and scope.emit("stop_gradient", "fg.stop_gradient({0})", [x])


def vmap(scope: Scope) -> Struct | None:
    """A function of slices, some operands the same for all."""
    x = scope.pick(lambda v: len(v.shape) > 0, ANY)
    other = scope.pick(dtypes=ANY)
    if x is None or other is None:
        return None
    axis = int(scope.rng.integers(len(x.shape)))
    args, axes = ([x, other], f"({axis}, None)") if scope.rng.random() < 0.5 else ([x], f"({axis},)")
    samples = [np.take(scope.value(x), 0, axis), scope.value(other)][: len(args)]
    body = scope.function(samples, scope.builder.fill, lambda inner, _: tuple(inner.outcome(2, ANY)) or None)
    if body is None:
        return None
    out_axes = ", 0" if scope.rng.random() < 0.8 else ", -1"
    return scope.emit("vmap", f"fg.vmap({{f0}}, {axes}{out_axes})({_operands(len(args))})", args, [body])


# --- derivatives ------------------------------------------------------------------------------------------------------

SCALAR = [
    "fg.grad({f0})({0})", "fg.grad({f0}, (0, 1))({0}, {1})", "fg.value_and_grad({f0})({0})",
    "fg.hvp({f0}, ({0},), ({1},))", "fg.jacfwd(fg.grad({f0}))({0})",
    "fg.jit(fg.grad({f0}))({0})", "fg.jvp(fg.grad({f0}), ({0},), ({1},))",
    "fg.grad(fg.checkpoint({f0}))({0})",
]  # fmt: skip
VECTOR = [
    "fg.jvp({f0}, ({0},), ({1},))", "fg.vjp({f0}, {0})[1]({2})", "fg.linearize({f0}, {0})[1]({1})",
    "fg.jacobian({f0})({0})", "fg.jacrev({f0})({0})", "fg.vjp(fg.jit({f0}), {0})[1]({2})",
]  # fmt: skip


def _small(v: Var) -> bool:
    return v.size <= 6


def derivative(scope: Scope) -> Struct | None:
    """A derivative taken inside the program, of a function that may close over what is around."""
    x = scope.pick(_small, ["float64"])
    if x is None:
        return None
    scalar = scope.rng.random() < 0.6
    texts = SCALAR if scalar else VECTOR
    text = texts[scope.rng.integers(len(texts))]
    y = scope.pick(lambda v: v.shape == x.shape, ["float64"])
    params = [x, y] if "(0, 1)" in text else [x]
    body = scope.function(
        [scope.value(v) for v in params], scope.builder.fill, _scalar_result if scalar else _vector_result, exact=True
    )
    if body is None:
        return None
    args = [x, y]
    if "{2}" in text:
        ct = scope.pick(lambda v: v.shape == body.result.shape, ["float64"]) or Var(
            f"fnp.full({body.result.shape}, 0.7)", body.result.shape, "float64"
        )
        args.append(ct)
    return scope.emit("derivative", text, args, [body])


def mapped_derivative(scope: Scope) -> Struct | None:
    """The gradient of every slice."""
    x = scope.pick(lambda v: len(v.shape) > 0 and v.size <= 12, ["float64"])
    body = x and scope.function([scope.value(x)[0]], scope.builder.fill, _scalar_result, exact=True)
    texts = ["fg.vmap(fg.grad({f0}))({0})", "lax.map(fg.grad({f0}), {0})"]
    return body and scope.emit("derivative", texts[scope.rng.integers(2)], [x], [body])


def _scalar_result(scope: Scope, params: tuple) -> Var | None:
    v = next(iter(scope.outcome(1, ["float64"])), None)
    texts = ["fnp.sum(fnp.sin({0}))", "fnp.mean({0} * {0})", "fnp.sum(fnp.tanh({0}) * fnp.mean({1}))"]
    return v and scope.emit("scalar", texts[scope.rng.integers(3)], [v, params[0]])


def _vector_result(scope: Scope, _: tuple) -> Var | None:
    found = scope.outcome(3, ["float64"])
    return next((v for v in found if v.size <= 12 and len(v.shape) <= 2), None)


TRANSFORMS: list[tuple[Callable[[Scope], Struct | None], float]] = [
    (jit, 0.7), (checkpoint, 1), (custom_vjp, 0.8), (custom_jvp, 0.8), (stopped, 0.4), (vmap, 1.2), (derivative, 1.4),
    (mapped_derivative, 0.6),
]  # fmt: skip
