"""The vocabulary of array operations: templates with conditions on their operands.

Every function writes one random statement into a scope. Templates are bounded where that is cheap, so that values stay
moderate in loops.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fuzz_scope import MAX_SIZE, Scope
from fuzz_tree import Struct, Var

UNARY = [
    "fnp.sin({0})", "fnp.cos({0})", "fnp.tanh({0})", "fnp.exp(fnp.tanh({0}))", "fnp.exp(-{0} * {0})", "{0} ** 2",
    "fnp.sqrt({0} * {0} + 0.5)", "fnp.log1p({0} * {0})", "fnp.abs({0})", "-{0}", "{0} * {0}", "0.5 * {0} ** 3",
    "1.0 / (1.5 + fnp.cos({0}))", "fnp.arctan({0})", "lax.erf({0})", "lax.rsqrt({0} * {0} + 0.3)", "fnp.sign({0})",
    "fnp.floor({0})", "fnp.expm1(0.3 * {0})", "fnp.logaddexp({0}, 0.2)", "fnp.clip({0}, -0.5, 0.8)",
    "fnp.hypot({0}, 0.5)", "fnp.sinh(0.2 * {0})", "fnp.reciprocal(2.0 + fnp.sin({0}))", "fnp.arctan2({0}, 1.5)",
    "fnp.cbrt({0} * {0} + 0.2)", "fnp.maximum({0}, 0.25)", "fnp.minimum({0}, -0.1)",
    "fnp.where(fnp.greater({0}, 0.1), {0}, 0.3 * {0})",
    "fnp.where(fnp.greater({0}, 0.0), fnp.sqrt(fnp.abs({0})), {0})", "{0} - 1.5", "3.0 * {0}",
    "2.0 / (3.0 + {0} * {0})", "fnp.arcsin(0.9 * fnp.tanh({0}))", "fnp.arcsinh({0})", "fnp.log(fnp.abs({0}) + 0.1)",
    "fnp.tan(0.4 * fnp.sin({0}))", "fnp.square({0})", "fnp.exp2(fnp.sin({0}))", "fnp.round({0})", "fnp.sinc({0})",
    "1.0 - {0}", "{0} / 2.0",
]  # fmt: skip
BINARY = [
    "{0} + {1}", "{0} - {1}", "{0} * {1}", "fnp.maximum({0}, {1})", "fnp.minimum({0}, {1})",
    "{0} / (1.0 + {1} * {1})", "fnp.hypot({0}, {1})", "fnp.arctan2({0}, 1.0 + {1} * {1})",
    "fnp.logaddexp({0}, {1})", "fnp.where(fnp.greater({0}, {1}), {0}, {1} * 0.5)",
    "({0} * {0} + 0.3) ** fnp.tanh({1})", "{0} * fnp.tanh({1})", "{0} + 0.1 * {1}",
    "fnp.where(fnp.less({0}, 0.2), {1}, {0})", "0.5 * ({0} + {1})", "{0} * {1} + {0}",
]  # fmt: skip
REDUCTIONS = [
    "fnp.sum({0}, axis={axis})", "fnp.mean({0}, axis={axis})", "fnp.max({0}, axis={axis})",
    "fnp.min({0}, axis={axis})", "fnp.prod({0}, axis={axis})", "fnp.var({0}, axis={axis})",
    "fnp.cumsum({0}, axis={axis})", "fnp.cumprod({0}, axis={axis})", "fnp.sum({0}, axis={axis}, keepdims=True)",
    "fnp.max({0}, axis={axis}, keepdims=True)", "fnp.exp({0} - fnp.max({0}, axis={axis}, keepdims=True))",
    "fnp.sqrt(fnp.sum({0} * {0}, axis={axis}) + 0.1)", "{0} - fnp.mean({0}, axis={axis}, keepdims=True)",
    "lax.cumsum({0}, {axis}, True)", "fnp.sqrt(fnp.var({0}, axis={axis}) + 0.2)", "fnp.sort({0}, axis={axis})",
    "fnp.median({0}, axis={axis})", "fnp.flip({0}, {axis})", "fnp.roll({0}, 1, {axis})",
    "fnp.repeat({0}, 2, {axis})", "fnp.expand_dims({0}, {axis})", "fnp.concatenate([{0}, 2.0 * {0}], {axis})",
    "fnp.stack([{0}, fnp.sin({0})], {axis})", "fnp.diff({0}, axis={axis})",
    "fnp.take({0}, np.array([0, 0]), {axis})", "fnp.moveaxis({0}, {axis}, 0)", "fnp.average({0}, axis={axis})",
    "({0} - fnp.mean({0}, {axis}, keepdims=True)) / fnp.sqrt(fnp.var({0}, {axis}, keepdims=True) + 0.1)",
    "fnp.exp({0}) / fnp.sum(fnp.exp({0}), {axis}, keepdims=True)",
    "{0} * fnp.sum(fnp.tanh({0}), {axis}, keepdims=True)",
]  # fmt: skip
MOVEMENTS = [
    "fnp.reshape({0}, (-1,))", "fnp.transpose({0})", "{0}[::-1]", "{0}[1:]", "{0}[..., 0]", "{0}[:, None]",
    "{0}[None]", "{0}[0]", "{0}[-1]", "fnp.pad({0}, 1)", "fnp.tile({0}, 2)",
    "fnp.broadcast_to({0}, (2, *{0}.shape))", "fnp.squeeze({0})", "{0}[..., ::2]", "fnp.sum({0})",
    "fnp.mean({0} * {0})", "fnp.max({0})", "fnp.triu({0})", "fnp.diag({0})", "{0}[:2]", "{0}[[0, 0]]",
    "{0}[..., :1]", "fnp.atleast_1d({0})", "fnp.swapaxes({0}, 0, -1)", "{0}.reshape({0}.shape + (1,))",
    "fnp.split({0}, 1)[0]", "fnp.trace({0})", "{0}[:, 1:]", "fnp.ravel({0})",
]  # fmt: skip
PRODUCTS = [
    "{0} @ {1}", "{0} @ {1}.T", "fnp.dot({0}, {1})", "fnp.outer({0}, {1})", "fnp.tensordot({0}, {1}, 1)",
    "fnp.einsum('ij,kj->ik', {0}, {1})", "fnp.einsum('i,i->', {0}, {1})", "fnp.einsum('ij,j->i', {0}, {1})",
    "fnp.linalg.solve({0} @ {0}.T + 2.0 * fnp.eye({0}.shape[0]), {1})", "fnp.kron({0}, {1})",
    "fnp.vecdot({0}, {1})", "fnp.einsum('bij,jk->bik', {0}, {1})",
    "fnp.linalg.inv({0} @ {0}.T + 2.0 * fnp.eye({0}.shape[0])) * fnp.mean({1})",
]  # fmt: skip
JOINS = [
    "fnp.concatenate([{0}, {1}])", "fnp.stack([{0}, {1}])", "fnp.concatenate([{0}, {1}], -1)",
    "fnp.stack([{0}, {1}], -1)", "fnp.hstack([{0}, {1}])",
]  # fmt: skip
INTEGERS = [
    "{0} + 1", "{0} * 2 - 1", "{0} % 3", "fnp.minimum({0}, 2)", "-{0}", "{0} // 2", "fnp.sum({0})",
    "fnp.cumsum({0})", "{0} & 1", "{0} ^ 3", "fnp.maximum({0}, 1)", "fnp.clip({0}, 0, 2)", "fnp.abs({0})",
    "fnp.reshape({0}, (-1,))", "{0} % 2 + 1",
]  # fmt: skip
PREDICATES = [
    "fnp.greater({0}, 0.1)",
    "fnp.less({0}, {1})",
    "fnp.greater(fnp.sum({0}), 0.2)",
    "fnp.less(fnp.mean({0}), {1})",
]
CASTS = [
    "{0}.astype(f32)", "{0}.astype(np.float64)", "fnp.floor(2.0 * {0}).astype(np.int64)",
    "fnp.round({0}).astype(np.int64)",
]  # fmt: skip
INDEXED = [  # {0}: floats with at least one axis, {1}: integers
    "({0} + 0 * fnp.sum({1}))[{1} % {0}.shape[0]]", "fnp.take({0}, {1} % {0}.shape[-1], -1)",
    "fnp.at({0})[{1} % {0}.shape[0]].add(1.5)", "fnp.at({0})[{1} % {0}.shape[0]].set({0}[0] * 2.0)",
    "fnp.at({0})[{1} % {0}.shape[0]].multiply(0.5)", "{0} * {1}[..., None]", "{0} + {1}", "{0} * (1.0 + {1} % 3)",
]  # fmt: skip
SLICED = [  # {1}: an integer scalar
    "lax.dynamic_index_in_dim({0}, {1}, 0, False)", "lax.dynamic_slice({0}, ({1},), (1,))",
    "({0} + 0 * {1})[{1} % {0}.shape[0]]",
    "lax.dynamic_update_slice({0}, 0.5 * {0}[:1], ({1},) + (0,) * ({0}.ndim - 1))",
    "lax.dynamic_slice({0}, ({1}, 0), (1, 1))", "lax.dynamic_index_in_dim({0}, {1}, -1 % {0}.ndim)",
    "fnp.where(fnp.less({1}, 2), {0}, -{0})", "lax.select_n({1} % 2, fnp.mean({0}), fnp.sum({0}))",
]  # fmt: skip


def choice(scope: Scope, texts: list[str]) -> str:
    """One of several templates."""
    return texts[scope.rng.integers(len(texts))]


def unary(scope: Scope) -> Struct | None:
    """An elementwise function of one array."""
    x = scope.pick()
    return x and scope.emit("unary", choice(scope, UNARY), [x])


def fits_with(v: Var) -> Callable[[Var], bool]:
    """Variables that broadcast with one to a small array."""

    def fits(w: Var) -> bool:
        try:
            return int(np.prod(np.broadcast_shapes(v.shape, w.shape))) <= MAX_SIZE
        except ValueError:
            return False

    return fits


def binary(scope: Scope) -> Struct | None:
    """An elementwise function of two arrays that broadcast."""
    x = scope.pick()
    y = x and scope.pick(fits_with(x))
    return y and scope.emit("binary", choice(scope, BINARY), [x, y])


def _along_axis(scope: Scope, kind: str, texts: list[str]) -> Struct | None:
    x = scope.pick(lambda v: len(v.shape) > 0)
    if x is None:
        return None
    axis = int(scope.rng.integers(len(x.shape)))
    return scope.emit(kind, choice(scope, texts), [x], numbers=[("axis", axis)])


def along_axis(scope: Scope) -> Struct | None:
    """A reduction, a running sum, a rearrangement along an axis."""
    return _along_axis(scope, "along_axis", REDUCTIONS)


def movement(scope: Scope) -> Struct | None:
    """Another arrangement of the same elements, or some of them."""
    x = scope.pick(lambda v: len(v.shape) > 0)
    return x and scope.emit("movement", choice(scope, MOVEMENTS), [x])


def product(scope: Scope) -> Struct | None:
    """A contraction of two arrays; tried several times, since shapes must fit."""
    for _ in range(4):
        x = scope.pick(lambda v: len(v.shape) > 0)
        y = scope.pick(lambda v: len(v.shape) > 0)
        out = x and y and scope.emit("product", choice(scope, PRODUCTS), [x, y])
        if out:
            return out
    return None


def join(scope: Scope) -> Struct | None:
    """Two arrays side by side."""
    x = scope.pick(lambda v: len(v.shape) > 0)
    y = x and scope.pick(lambda v: len(v.shape) == len(x.shape))
    return y and scope.emit("join", choice(scope, JOINS), [x, y])


def integer(scope: Scope) -> Struct | None:
    """Integer arithmetic."""
    k = scope.pick(dtypes=["int64"])
    return k and scope.emit("integer", choice(scope, INTEGERS), [k])


def predicate(scope: Scope) -> Struct | None:
    """A comparison."""
    x = scope.pick()
    y = x and scope.pick(fits_with(x))
    return y and scope.emit("predicate", choice(scope, PREDICATES), [x, y])


def logic(scope: Scope) -> Struct | None:
    """Booleans of booleans, and numbers of them."""
    p = scope.pick(dtypes=["bool"])
    texts = [
        "fnp.logical_not({0})",
        "fnp.any({0})",
        "fnp.all({0})",
        "{0}.astype(np.float64)",
        "{0} & (fnp.sum({0}) % 2 == 1)",
    ]
    return p and scope.emit("logic", choice(scope, texts), [p])


def chosen(scope: Scope) -> Struct | None:
    """`where`, with a predicate that is data."""
    p = scope.pick(dtypes=["bool"])
    x = p and scope.pick(fits_with(p))
    y = x and scope.pick(fits_with(x))
    return y and scope.emit("where", "fnp.where({0}, {1}, {2})", [p, x, y])


def cast(scope: Scope) -> Struct | None:
    """Another dtype."""
    x = scope.pick()
    texts = [t for t in CASTS if not (scope.exact and "f32" in t)]
    return x and scope.emit("cast", choice(scope, texts), [x])


def indexed(scope: Scope) -> Struct | None:
    """Reads and updates at positions that are data."""
    x = scope.pick(lambda v: len(v.shape) > 0)
    k = scope.pick(dtypes=["int64"])
    return x and k and scope.emit("indexed", choice(scope, INDEXED), [x, k])


def sliced(scope: Scope) -> Struct | None:
    """Windows at a position that is data."""
    x = scope.pick(lambda v: len(v.shape) > 0)
    k = scope.pick(lambda v: v.shape == (), ["int64"])
    return x and k and scope.emit("sliced", choice(scope, SLICED), [x, k])


def constant(scope: Scope) -> Struct | None:
    """A constant array."""
    texts = [
        "fnp.linspace(-1.0, 1.0, {n})",
        "fnp.ones(({n}, 2))",
        "fnp.arange({n}) * 0.3",
        "fnp.eye({n})",
        "fnp.arange({n})",
    ]
    return scope.emit("constant", choice(scope, texts), numbers=[("n", int(scope.rng.integers(1, 5)))])


ARRAYS: list[tuple[Callable[[Scope], Struct | None], float]] = [
    (unary, 5), (binary, 6), (along_axis, 4), (movement, 2), (product, 2), (join, 1), (integer, 1), (predicate, 1),
    (logic, 0.7), (chosen, 1), (cast, 1), (indexed, 1.5), (sliced, 1), (constant, 0.5),
]  # fmt: skip
