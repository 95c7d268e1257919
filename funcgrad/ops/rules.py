"""Family builders: from what an author states about an op, everything else about it.

    elementwise  one scalar function and its partial derivatives (or `linear`, or `nondiff`)
    linear       an op linear in some operands, with its transpose
    bilinear     an op linear in each of two operands separately, with its transpose
    reduction    a monoid over axes
    library      anything else: all rules stated

An op is declared by one call and states exactly one of `partials | transpose | linearize | nondiff`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import lowering
from ..core.avals import ShapedArray, shaped
from ..core.primitive import LinearArg, Primitive, Zero, nondiff
from ..transforms import linear_ops
from ..transforms.linearize import instantiate
from . import layout

Rule = Callable[..., Any]


def elementwise(
    name: str,
    impl: Rule,
    *,
    scalar: Rule | None = None,
    samples: Rule,
    partials: Any = None,
    transpose: Rule | None = None,
    linear_args: tuple[int, ...] = (),
    strong: bool | str = False,
    kinds: str = "iuf",
    out_dtype: Any = None,
    aval: Rule | None = None,
) -> Primitive:
    """Declare an op that acts on each element by itself.

    Args:
        impl: the NumPy function, `(*arrays, **params) -> array`.
        scalar: `(*Expr, **params) -> Expr`, for the compiler; None for ops on types that it does not know.
        partials: one function per operand, `(out, *args, **params) -> partial derivative`, or None for an operand without one;
            or `nondiff`.
        transpose: for ops linear in the operands `linear_args`, instead of partials.
        strong: some partial can be infinite or NaN; where a tangent is exactly zero, so is its contribution. Kind letters
            say that this is so for these dtypes only.
        kinds: NumPy kind letters of the dtypes the op accepts.
        out_dtype: dtype of the result where it is not that of the operands.
        aval: the whole type rule, for operands of different dtypes.
    """
    declared = partials if partials is not None else transpose
    lower = None if scalar is None else lowering.Scalar(scalar)
    prim = Primitive(name, impl=impl, lower=lower, samples=samples, differentiation=declared)
    prim.aval = aval or same_aval(name, kinds, out_dtype)
    prim.batch = lambda size, args, axes, **params: batch_elementwise(prim, size, args, axes, params)
    if transpose is not None:
        _set_linear(prim, transpose, linear_args)
    elif partials is not nondiff:
        table = partials if isinstance(partials, tuple) else (partials,)
        prim.linearize = _partials_rule(prim, table, strong)
    return prim


def same_aval(name: str, kinds: str, out_dtype: Any = None) -> Rule:
    """The type rule of operands of equal shapes and dtypes, the latter of one of the kinds."""

    def aval(*avals: ShapedArray, **params: Any) -> ShapedArray:
        first = avals[0]
        for other in avals[1:]:
            if other is not first:
                raise TypeError(f"{name}: operands must have equal shapes and dtypes, got {list(avals)}")
        if first.dtype.kind not in kinds:
            raise TypeError(f"{name} is not defined for dtype {first.dtype}")
        return first if out_dtype is None else shaped(first.shape, out_dtype)

    return aval


def _partials_rule(prim: Primitive, partials: Sequence[Rule | None], strong: bool | str) -> Rule:
    """out_dot = sum of partial_k * tangent_k; a partial is computed only for operands that have a tangent."""

    def linearize(*primals: Any, **params: Any) -> tuple[Any, Rule]:
        out = prim(*primals, **params)
        guarded = out.dtype.kind in strong if isinstance(strong, str) else strong

        def tangent_map(*tangents: Any) -> Any:
            total: Any = Zero(out.aval)
            for partial, t in zip(partials, tangents):
                if type(t) is not Zero and partial is not None:
                    term = layout.product(partial(out, *primals, **params), t, guarded)
                    total = term if type(total) is Zero else linear_ops.add_any(total, term)
            return total

        return out, tangent_map

    return linearize


def _set_linear(prim: Primitive, transpose: Rule, linear_args: tuple[int, ...] | None) -> None:
    """Rules of an op that is jointly linear in `linear_args` (None: in all): its tangent map is the op itself.

    No other operand has a tangent.
    """

    def linearize(*primals: Any, **params: Any) -> tuple[Any, Rule]:
        def tangent_map(*tangents: Any) -> Any:
            pairs = enumerate(zip(primals, tangents))
            args = [instantiate(t) if linear_args is None or i in linear_args else p for i, (p, t) in pairs]
            return prim(*args, **params)

        return prim(*primals, **params), tangent_map

    prim.linearize, prim.transpose = linearize, transpose


def linear(
    name: str,
    impl: Rule,
    *,
    aval: Rule,
    batch: Rule,
    lower: Any,
    transpose: Rule,
    samples: Rule,
    linear_args: tuple[int, ...] | None = (0,),
) -> Primitive:
    """Declare an op linear in the operands `linear_args` together (None: in all of them, however many)."""
    prim = Primitive(name, impl=impl, aval=aval, batch=batch, lower=lower, samples=samples, differentiation=transpose)
    _set_linear(prim, transpose, linear_args)
    return prim


def bilinear(
    name: str, impl: Rule, *, aval: Rule, batch: Rule, lower: Any, transpose: Rule, samples: Rule
) -> Primitive:
    """Declare an op of two operands, linear in each: out_dot = op(x_dot, y) + op(x, y_dot)."""
    prim = Primitive(name, impl=impl, aval=aval, batch=batch, lower=lower, samples=samples, differentiation=transpose)

    def linearize(x: Any, y: Any, **params: Any) -> tuple[Any, Rule]:
        def tangent_map(x_dot: Any, y_dot: Any) -> Any:
            if type(x_dot) is Zero:
                return prim(x, y_dot, **params)
            if type(y_dot) is Zero:
                return prim(x_dot, y, **params)
            return linear_ops.add_any(prim(x_dot, y, **params), prim(x, y_dot, **params))

        return prim(x, y, **params), tangent_map

    prim.linearize, prim.transpose = linearize, transpose
    return prim


def reduction(
    name: str,
    impl: Rule,
    *,
    combine: str,
    samples: Rule,
    transpose: Rule | None = None,
    linearize: Rule | None = None,
    differentiation: Any = None,
    kinds: str = "iuf",
) -> Primitive:
    """Declare a monoid reduction over the parameter `axes` (a sorted tuple); the reduced axes disappear."""

    def aval(x: ShapedArray, *, axes: tuple[int, ...]) -> ShapedArray:
        if x.dtype.kind not in kinds:
            raise TypeError(f"{name} is not defined for dtype {x.dtype}")
        return x.update(shape=tuple(n for i, n in enumerate(x.shape) if i not in axes))

    def batch(size: int, args: list, axes_in: list, *, axes: tuple[int, ...]) -> tuple[Any, int]:
        (x,), (axis,) = args, axes_in
        shifted = tuple(a + (a >= axis) for a in axes)
        return prim(x, axes=shifted), axis - sum(a < axis for a in shifted)

    prim = Primitive(name, impl=impl, aval=aval, batch=batch, lower=lowering.Reduce(combine), samples=samples)
    prim.differentiation = transpose or linearize or differentiation
    if transpose is not None:
        _set_linear(prim, transpose, (0,))
    prim.linearize = linearize or prim.linearize
    return prim


def library(
    name: str,
    impl: Rule,
    *,
    aval: Rule,
    batch: Rule,
    lower: Any,
    samples: Rule,
    linearize: Any = None,
    transpose: Rule | None = None,
    multiple_results: bool = False,
    activity: bool = False,
    prune: Rule | None = None,
) -> Primitive:
    """Declare an op by stating all its rules; `linearize` may be `nondiff`, and takes `active=` where `activity` says
    so.
    """
    prim = Primitive(
        name, impl=impl, aval=aval, batch=batch, lower=lower, samples=samples, multiple_results=multiple_results, activity=activity,
        prune=prune,
    )  # fmt: skip
    prim.differentiation, prim.transpose = linearize or transpose, transpose
    prim.linearize = None if linearize is nondiff else linearize
    return prim


def batch_elementwise(prim: Primitive, size: int, args: list, axes: list, params: dict) -> tuple[Any, Any]:
    """Line up the batch axes of all operands, broadcasting those without one."""
    axis = next(a for a in axes if a is not None)
    args = [layout.with_batch_axis(x, size, a, axis) for x, a in zip(args, axes)]
    out = prim(*args, **params)
    return (out, [axis] * len(out)) if prim.multiple_results else (out, axis)


def move_batch_first(size: int, args: list, axes: list) -> list[Any]:
    """Every operand with its batch axis in front, broadcast where it had none."""
    return [layout.with_batch_axis(x, size, a, 0) for x, a in zip(args, axes)]


def is_linear(x: Any) -> bool:
    """Whether an operand of a transpose rule is the linear one."""
    return type(x) is LinearArg


__all__ = ["batch_elementwise", "bilinear", "elementwise", "is_linear", "library", "linear", "move_batch_first", "nondiff", "reduction", "same_aval"]
