"""`njit_op`: functions compiled by Numba as operations, called from compiled programs by address."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.avals import ShapedArray, shaped
from ..core.primitive import REGISTRY, Primitive, nondiff, refused
from ..numpy import promotion
from ..ops import rules
from . import numba_code
from . import recording as rec
from .operations import Operation, batch_rule, derivative_rule, fitted_partial, transpose_rule

CALL_COST = 15.0  # multiplications, in the scheduler's cost rule: a call, and a loop that does not vectorize


def njit_op(
    fn: Callable,
    *,
    partials: Any = None,
    jvp: Callable | None = None,
    vjp: Callable | None = None,
    out: Callable | None = None,
    batch: Callable | None = None,
    strong: bool = False,
    name: str | None = None,
) -> Callable:
    """Make a function decorated with `numba.njit` callable on traced values, and from compiled code by address.

    Without `out`, it is a function of numbers: it is applied to each element, operands are broadcast, and floating
    operands promoted; in compiled code it is part of a fused loop. With `out`, it is a function of arrays that returns
    an array, a number, or a tuple of them; compiled code hands it arrays on its own memory, which it must not change.

    Args:
        fn: the function. Eagerly, it is called as it is. An exception in compiled code is raised when the program has
            returned.
        partials: for a function of numbers, for each operand a function `(out, *operands) -> partial derivative`, or
            None; one function alone for one operand; or `extend.nondiff`. They are ordinary functions of arrays (which
            may call operations of this kind), and are differentiated in turn.
        jvp, vjp, batch: for a function of arrays, as for `extend.primitive`.
        out: for a function of arrays, the types of its results: `(*types, **params) -> ShapeDtypeStruct` or a tuple of
            them, where operands come as `ShapeDtypeStruct`. It is not inferred, since shapes may depend on anything.
        strong: some partial derivative can be infinite or NaN; it contributes nothing where the tangent is zero.
        name: the name of the operation in programs; by default that of the function.

    Returns:
        A function of numbers, arrays and traced values. Floating results of a function of numbers have the dtype of its
        floating operands, although Numba computes in float64 where a constant of its code is a float.

    Raises:
        TypeError: when `fn` is not decorated, Numba cannot compile it for the types it meets, or it returns another
            type than `out` says.
        ValueError: when it is differentiated and has no derivative.

    Example:
        >>> import math, numba, numpy as np, funcgrad as fg
        >>> @numba.njit
        ... def newton_root(x):
        ...     r = x
        ...     while abs(r * r - x) > 1e-15 * x:
        ...         r = 0.5 * (r + x / r)
        ...     return r
        >>> root = fg.njit_op(newton_root, partials=lambda out, x: 0.5 / out)
        >>> fg.jit(fg.vmap(fg.grad(root)))(np.array([1.0, 4.0]))
        array([0.5 , 0.25])

    Reference: S. K. Lam, A. Pitrou, S. Seibert: Numba, a LLVM-based Python JIT compiler, LLVM-HPC 2015.
    """
    if not numba_code.is_dispatcher(fn):
        raise TypeError(
            f"njit_op: {rec.name_of(fn)} is not decorated with numba.njit.\nFix: njit_op(numba.njit(f), ...)."
        )
    name = _free_name(name or rec.name_of(fn))
    if out is None:
        if jvp is not None or vjp is not None or batch is not None:
            raise TypeError(f"njit_op: {name} has no `out`, so it is a function of numbers; these take `partials`.")
        return _of_numbers(fn, name, partials, strong)
    if partials is not None:
        raise TypeError(f"njit_op: {name} has `out`, so it is a function of arrays; these take jvp or vjp.")
    return _of_arrays(fn, name, out, jvp, vjp, batch)


def _free_name(name: str) -> str:
    """The name, or one like it where an op has it already."""
    free, number = name, 1
    while free in REGISTRY:
        number += 1
        free = f"{name}_{number}"
    return free


# --- functions of numbers -------------------------------------------------------------------------------------------


def _of_numbers(fn: Any, name: str, partials: Any, strong: bool) -> Callable:
    table = partials if isinstance(partials, tuple) else (partials,)
    fitted = nondiff if partials is None or partials is nondiff else tuple([f and fitted_partial(f) for f in table])
    prim = rules.elementwise(
        name, _impl(fn), scalar=functools.partial(_element, fn), partials=fitted, strong=strong,
        aval=functools.partial(_aval, fn, name), samples=lambda: [],
    )  # fmt: skip
    prim.lower = lowering.Scalar(prim.lower.fn, CALL_COST, raises=True)
    if partials is None:
        prim.linearize, prim.differentiation = functools.partial(_refuse, name), refused
    return _public(fn, name, prim)


def _impl(fn: Any) -> Callable:
    def impl(*arrays: Any) -> Any:
        dtype = numba_code.result_dtype(fn, tuple([x.dtype for x in arrays]))
        return numba_code.elementwise_loop(fn, len(arrays))(dtype, arrays)

    return impl


def _element(fn: Any, *exprs: sc.Expr) -> sc.Expr:
    """The call of the C function for one element."""
    dtypes = tuple([e.dtype for e in exprs])
    result, symbol = numba_code.result_dtype(fn, dtypes), numba_code.scalar_symbol(fn, dtypes)
    given = [sc.convert(e, numba_code.passed_as(e.dtype)) for e in exprs]
    return sc.convert(sc.foreign(symbol, numba_code.passed_as(result), *given), result)


def _aval(fn: Any, name: str, *avals: ShapedArray) -> ShapedArray:
    if any(a.shape != avals[0].shape for a in avals):
        raise TypeError(f"{name}: operands must have equal shapes, got {list(avals)}")
    return shaped(avals[0].shape, numba_code.result_dtype(fn, tuple([a.dtype for a in avals])))


def _public(fn: Any, name: str, prim: Primitive) -> Callable:
    @functools.wraps(fn.py_func)
    def public(*operands: Any) -> Any:
        values = [promotion.operand(x, name) for x in operands]
        floats = [x for x in values if _kind(x) == "f"]
        dtype = promotion.result_dtype(*floats) if floats else None
        values = [promotion.convert(x, dtype) if _kind(x) == "f" else promotion.array_operand(x) for x in values]
        return prim(*promotion.same_shape(values, name))

    public.__name__ = public.__qualname__ = name
    public.primitive = prim  # type: ignore[attr-defined]
    return public


def _kind(x: Any) -> str:
    return rec.abstract(x).dtype.kind


def _refuse(name: str, *_: Any, **__: Any) -> NoReturn:
    raise ValueError(
        f"{name} has no derivative: it was made by njit_op without partials.\n"
        "Fix: give njit_op the partial derivatives, or partials=extend.nondiff if it is piecewise constant."
    )


# --- functions of arrays --------------------------------------------------------------------------------------------


def _of_arrays(fn: Any, name: str, out: Callable, jvp: Any, vjp: Any, batch: Any) -> Operation:
    def impl(*arrays: Any, **params: Any) -> Any:
        return fn(*[np.array(x, order="C")[()] for x in arrays], **params)

    impl.__doc__ = fn.__doc__
    op = Operation(name, impl, out)
    op.primitive = rules.library(
        name, op.compute, aval=lambda *avals, **params: op.types(avals, params)[0], batch=batch_rule(op, batch),
        lower=lowering.Library(functools.partial(_emit, fn, op), raises=True), linearize=derivative_rule(op, jvp, vjp),
        multiple_results=True, samples=lambda: [],
    )  # fmt: skip
    if jvp is None and vjp is None:
        op.primitive.differentiation = refused
    elif jvp is not nondiff and vjp is not nondiff:
        op.primitive.transpose = transpose_rule(op, jvp, vjp)
    return op


def _emit(fn: Any, op: Operation, emitter: Any, inputs: Sequence[Any], outputs: Sequence[Any], params: dict) -> None:
    """Append a call with the addresses of all arrays."""
    avals = [shaped(b.shape, b.dtype) for b in inputs]
    types, single = op.types(avals, params)
    symbol = numba_code.array_symbol(fn, op.compute, avals, types, single, params)
    pointers = [emitter.pointer(b) for b in (*inputs, *outputs)]
    emitter.declarations[f"@{symbol}"] = f"declare void @{symbol}({', '.join(['ptr'] * len(pointers))})"
    emitter.lines.append(f"call void @{symbol}({', '.join(f'ptr {p}' for p in pointers)})")


__all__ = ["njit_op"]
