"""New operations from NumPy functions, with all transformations, in one call each.

With this module one can declare an elementwise function by its partial derivatives (`elementwise`), or any function of
arrays by its types and a derivative rule (`primitive`). Both work eagerly, under `grad`, `jvp`, `vmap` and `jit`;
without a compiled form, compiled code calls the NumPy function back. `docs/extending.md` is a guide that runs.

Ops of the library itself are declared by `ops.rules`, on strict operands; see `docs/adding_an_op.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .api.operations import Operation, batch_rule, derivative_rule, fitted_partial, readonly, transpose_rule
from .core import lowering
from .core import scalar as scalar
from .core.primitive import REGISTRY, Primitive, nondiff, refused
from .numpy import promotion
from .numpy.registry import SUPPORTED
from .numpy.ufunc_builders import binary, unary
from .ops import rules
from .ops.samples import Sample

_own: set[str] = set()  # names declared here, which may be declared again: notebooks run cells twice


def elementwise(
    name: str,
    function: Callable,
    *,
    partials: Any,
    scalar: Callable | None = None,
    strong: bool = False,
    kinds: str = "f",
    out_dtype: Any = None,
    samples: Iterable[Sequence[Any]] = (),
) -> Callable:
    """Declare a function that acts on each element by itself, by its partial derivatives.

        tangent of f(x, y) = df/dx * x_dot + df/dy * y_dot

    Args:
        name: the name of the operation in programs; declaring it again replaces it.
        function: the NumPy function, `(*arrays) -> array`, for operands of one shape and dtype. A ufunc (one of
            `scipy.special`, say) works on traced values under its own name from now on.
        partials: for each operand a function `(out, *operands) -> partial derivative`, or None where there is none; one
            function alone for one operand. They are ordinary functions of arrays and are differentiated in turn.
            `nondiff` declares a piecewise constant function.
        scalar: one element in terms of `extend.scalar` (`core.scalar`), `(*exprs) -> expr`, from which compiled code
            is made. Without it, compiled code calls `function`.
        strong: some partial derivative can be infinite or NaN; it contributes nothing where the tangent is zero.
        kinds: kind letters of the dtypes it is defined for; others are converted to float64.
        out_dtype: dtype of the result where it is not that of the operands.
        samples: operands for the checks of the registry tests.

    Returns:
        A function of numbers, arrays and traced values, which promotes and broadcasts as NumPy does.

    Raises:
        ValueError: when the name is that of an operation of the library.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> softsign = fg.extend.elementwise(
        ...     "softsign", lambda x: x / (1 + np.abs(x)), partials=lambda out, x: 1 / (1 + np.abs(x)) ** 2)
        >>> fg.jit(fg.vmap(fg.grad(softsign)))(np.array([0.0, 1.0]))
        array([1.  , 0.25])
    """
    _free(name)
    table = partials if isinstance(partials, tuple) else (partials,)
    fitted = partials if partials is nondiff else tuple([f and fitted_partial(f) for f in table])
    prim = rules.elementwise(
        name, _elementwise_impl(function, out_dtype), scalar=scalar or function, partials=fitted, strong=strong,
        kinds=kinds, out_dtype=out_dtype, samples=lambda: [Sample(list(args)) for args in samples],
    )  # fmt: skip
    if scalar is None:
        prim.lower = lowering.Callback()
    builder = {1: unary, 2: binary}.get(getattr(function, "nin", 0))
    if isinstance(function, np.ufunc) and builder and SUPPORTED.get(function, prim) is prim:
        return builder(function, prim)
    return _promoting(name, function, prim, kinds)


def _free(name: str) -> None:
    if name in _own:
        REGISTRY.pop(name, None)
    elif name in REGISTRY:
        raise ValueError(f"extend: {name!r} is an operation of the library; choose another name.")
    _own.add(name)


def _elementwise_impl(function: Callable, out_dtype: Any) -> Callable:
    def impl(*arrays: Any) -> Any:
        out = np.asarray(function(*map(readonly, arrays)), out_dtype or arrays[0].dtype)
        return np.broadcast_to(out, np.shape(arrays[0]))[()]

    return impl


def _promoting(name: str, function: Callable, prim: Primitive, kinds: str) -> Callable:
    def public(*operands: Any) -> Any:
        values = [promotion.operand(x, name) for x in operands]
        dtype = promotion.result_dtype(*values)
        values = promotion.promote(values, name, dtype if dtype.kind in kinds else np.dtype(np.float64))
        return prim(*values)

    public.__name__ = public.__qualname__ = name
    public.__doc__ = function.__doc__
    return public


def primitive(
    name: str,
    impl: Callable,
    *,
    abstract: Callable,
    jvp: Callable | None = None,
    vjp: Callable | None = None,
    batch: Callable | None = None,
    samples: Iterable[Sequence[Any]] = (),
) -> Operation:
    """Declare a function of arrays as an operation, by its types and a derivative rule.

    Args:
        name: the name of the operation in programs; declaring it again replaces it.
        impl: the NumPy function, `(*arrays, **params) -> array` or a tuple of arrays. Parameters are hashable.
        abstract: types of the results, `(*types, **params) -> ShapeDtypeStruct` or a tuple of them; operands come as
            `ShapeDtypeStruct`. It should raise TypeError for operands that do not fit.
        jvp: `(primals, tangents, **params) -> (outputs, output tangents)`, as for `custom_jvp`; or `nondiff`. If it
            applies the operation itself to tangents, there is no reverse mode: declare a linear operation by `vjp`.
        vjp: `(cotangents, outputs, *operands, **params) -> a cotangent for each operand`, None for zero; one cotangent
            alone for one operand. Either rule gives both modes; without one, differentiation is an error.
        batch: `(axis_size, in_batched, *operands, **params) -> (outputs, out_batched)`, as for `custom_vmap`: batched
            operands have the axis in front. Without it, `vmap` is a loop over the examples.
        samples: operands for the checks of the registry tests.

    Returns:
        The operation. It does not promote or broadcast.

    Raises:
        ValueError: when the name is that of an operation of the library, or there are two derivative rules.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> sort = fg.extend.primitive(
        ...     "host_sort", np.sort, abstract=lambda x: x,
        ...     vjp=lambda ct, out, x: ct[np.argsort(np.argsort(x))])
        >>> fg.jit(fg.grad(lambda x: sort(x)[0] * 2.0))(np.array([3.0, 1.0, 2.0]))
        array([0., 2., 0.])
    """
    if jvp is not None and vjp is not None:
        raise ValueError(f"extend: {name!r} states two derivative rules; leave one of jvp and vjp out.")
    _free(name)
    op = Operation(name, impl, abstract)
    prim = op.primitive = rules.library(
        name, op.compute, aval=lambda *avals, **params: op.types(avals, params)[0], batch=batch_rule(op, batch),
        lower=lowering.Callback(), linearize=derivative_rule(op, jvp, vjp), multiple_results=True,
        samples=lambda: [Sample(list(args)) for args in samples],
    )  # fmt: skip
    if jvp is None and vjp is None:
        prim.differentiation = refused
    elif jvp is not nondiff and vjp is not nondiff:
        prim.transpose = transpose_rule(op, jvp, vjp)
    return op


__all__ = ["Operation", "elementwise", "nondiff", "primitive", "scalar"]
