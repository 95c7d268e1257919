"""Dense linear algebra: Cholesky, triangular and general solves, inverse, determinants, symmetric eigenproblems.

All ops act on the last two axes and map over the axes in front, which must be equal for all operands. Values come from
LAPACK through NumPy and SciPy. `cholesky` and `eigh` read the lower triangle and the real part of the diagonal only; their
derivatives are those of that function, so that a caller who wants symmetric derivatives symmetrizes first.

Reference: M. Giles, Collected matrix derivative results for forward and reverse mode, Oxford NA-08/01, 2008.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, shaped
from ..core.primitive import Primitive, Zero
from ..transforms import linear_ops
from . import elementwise, layout
from .matrix_rules import (
    adjoint,
    as_dtype,
    batch_one,
    batch_system,
    columns,
    diagonal_of,
    half_lower,
    matmul,
    mirrored,
    real_of,
    real_part,
    reciprocal_or_zero,
    rows,
    same_system,
    spread,
    square,
    swap,
    total,
    triangle,
)  # fmt: skip
from .rules import library
from .samples import Sample, array

# --- solving ----------------------------------------------------------------------------------------------------------


def _solve_impl(a: Any, b: Any, *, trans: bool) -> Any:
    return np.linalg.solve(np.swapaxes(a, -1, -2) if trans else a, b)


def _triangular_impl(a: Any, b: Any, *, lower: bool, trans: bool) -> Any:
    import scipy.linalg  # loading it takes longer than everything else here

    a, b = np.asarray(a), np.asarray(b)
    out = np.empty(b.shape, b.dtype)
    for k in np.ndindex(a.shape[:-2]):
        if b[k].size:
            out[k] = scipy.linalg.solve_triangular(a[k], b[k], trans=int(trans), lower=lower, check_finite=False)
    return out


def _solve_linearize(prim: Callable[[], Primitive], restrict: Callable) -> Callable:
    """op(a) x = b: x_dot solves op(a) x_dot = b_dot - op(a_dot) x."""

    def linearize(a: Any, b: Any, **params: Any) -> tuple[Any, Callable]:
        out = prim()(a, b, **params)

        def tangent_map(a_dot: Any, b_dot: Any) -> Any:
            if type(a_dot) is Zero:
                return prim()(a, b_dot, **params)
            change = elementwise.neg(matmul(restrict(a_dot, params), out, x_transposed=params["trans"]))
            return prim()(a, change if type(b_dot) is Zero else linear_ops.add_any(change, b_dot), **params)

        return out, tangent_map

    return linearize


def _solve_transpose(prim: Callable[[], Primitive]) -> Callable:
    def transpose(ct: Any, a: Any, b: Any, *, trans: bool, **params: Any) -> tuple[None, Any]:
        return None, prim()(a, ct, trans=not trans, **params)

    return transpose


def _well_conditioned(*shape: int) -> Any:
    return array(*shape) + 4 * np.eye(shape[-1])


def _solve_samples() -> list[Sample]:
    return [
        Sample([_well_conditioned(3, 3), array(3, 2)], {"trans": False}),
        Sample([_well_conditioned(3, 3), array(3, 1)], {"trans": True}),
        Sample([_well_conditioned(2, 2, 2), array(2, 2, 3)], {"trans": False}),
        Sample([_well_conditioned(1, 1), array(1, 2)], {"trans": True}),
        Sample([_well_conditioned(3, 3), np.zeros((3, 0))], {"trans": False}),
    ]


def _triangular_samples() -> list[Sample]:
    return [
        Sample([_well_conditioned(3, 3), array(3, 2)], {"lower": True, "trans": False}),
        Sample([_well_conditioned(2, 2), array(2, 1)], {"lower": True, "trans": True}),
        Sample([_well_conditioned(2, 2, 2), array(2, 2, 1)], {"lower": False, "trans": False}),
        Sample([_well_conditioned(2, 2), array(2, 2)], {"lower": False, "trans": True}),
    ]


solve = library(
    "solve",
    _solve_impl,
    aval=lambda a, b, *, trans: same_system("solve", a, b),
    batch=batch_system(lambda: solve),
    linearize=_solve_linearize(lambda: solve, lambda t, params: t),
    transpose=_solve_transpose(lambda: solve),
    lower=lowering.Matrices("solve"),
    samples=_solve_samples,
)
triangular_solve = library(
    "triangular_solve",
    _triangular_impl,
    aval=lambda a, b, *, lower, trans: same_system("triangular_solve", a, b),
    batch=batch_system(lambda: triangular_solve),
    linearize=_solve_linearize(lambda: triangular_solve, lambda t, params: triangle(t, params["lower"])),
    transpose=_solve_transpose(lambda: triangular_solve),
    lower=lowering.Matrices("triangular_solve"),
    samples=_triangular_samples,
)


def _inv_linearize(a: Any) -> tuple[Any, Callable]:
    """(a^-1)_dot = -a^-1 a_dot a^-1."""
    out = inv(a)
    return out, lambda t: elementwise.neg(matmul(out, matmul(t, out)))


def _square_samples() -> list[Sample]:
    return [Sample([_well_conditioned(3, 3)]), Sample([_well_conditioned(2, 2, 2)]), Sample([_well_conditioned(1, 1)])]


inv = library(
    "inv",
    np.linalg.inv,
    aval=lambda a: square("inv", a, "fc"),
    batch=batch_one(lambda: inv),
    linearize=_inv_linearize,
    lower=lowering.Matrices("inv"),
    samples=_square_samples,
)

# --- determinants -----------------------------------------------------------------------------------------------------


def _one_number(name: str, kinds: str = "f") -> Callable:
    return lambda a: shaped(square(name, a, kinds).shape[:-2], a.dtype)


def _det_linearize(a: Any) -> tuple[Any, Callable]:
    """det_dot = sum of cofactors * a_dot, which needs no inverse and so holds for singular matrices too."""
    minors = cofactors(a)
    return det(a), lambda t: total(elementwise.mul(t, minors))


def _cofactors_impl(a: Any) -> Any:
    """From a = u s v: det(u) det(v) conj(u) diag(products of the other singular values) conj(v)."""
    u, s, v = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), np.ones((), s.dtype), s[..., None, :]).prod(-1)
    return (np.linalg.det(u) * np.linalg.det(v))[..., None, None] * ((u.conj() * others[..., None, :]) @ v.conj())


def _cofactors_linearize(a: Any) -> tuple[Any, Callable]:
    """With c = det a^-T: c_dot = tr(a^-1 a_dot) c - a^-T a_dot^T c. Only for invertible matrices."""
    out, inverse = cofactors(a), inv(a)

    def tangent_map(t: Any) -> Any:
        ratio = total(elementwise.mul(t, swap(inverse)))
        turned = matmul(inverse, matmul(t, out, x_transposed=True), x_transposed=True)
        return elementwise.mul(spread(ratio, out), out) - turned

    return out, tangent_map


def _slogdet_linearize(a: Any) -> tuple[list[Any], Callable]:
    """logdet_dot = Re tr(a^-1 a_dot); a real sign is piecewise constant, a complex one turns by Im tr(a^-1 a_dot)."""
    sign, log = slogdet(a)
    transposed = swap(inv(a))

    def tangent_map(t: Any) -> list[Any]:
        change = total(elementwise.mul(t, transposed))
        if change.dtype.kind == "f":
            return [Zero(shaped(tuple(sign.shape), sign.dtype)), change]
        turn = elementwise.complex_(elementwise.like(log, 0), elementwise.imag(change))
        return [elementwise.mul(sign, turn), elementwise.real(change)]

    return [sign, log], tangent_map


def _slogdet_aval(a: ShapedArray) -> list[ShapedArray]:
    sign = _one_number("slogdet", "fc")(a)
    return [sign, sign.update(dtype=real_of(a.dtype))]


det = library(
    "det",
    lambda a: np.linalg.det(a)[()],
    aval=_one_number("det", "fc"),
    batch=batch_one(lambda: det),
    linearize=_det_linearize,
    lower=lowering.Matrices("det"),
    samples=_square_samples,
)
cofactors = library(
    "cofactors",
    _cofactors_impl,
    aval=lambda a: square("cofactors", a, "fc"),
    batch=batch_one(lambda: cofactors),
    linearize=_cofactors_linearize,
    lower=lowering.Matrices("cofactors"),
    # Not 1 x 1 or 2 x 2, where cofactors are linear and second derivatives nothing but rounding errors.
    samples=lambda: [
        Sample([_well_conditioned(3, 3)]),
        Sample([_well_conditioned(2, 3, 3)]),
        Sample([_well_conditioned(3, 3)[:, [1, 0, 2]]]),  # a negative determinant, by reflection on either side
        Sample([_well_conditioned(3, 3)[[1, 0, 2]]]),
    ],
)
slogdet = library(
    "slogdet",
    lambda a: list(np.linalg.slogdet(a)),
    aval=_slogdet_aval,
    batch=batch_one(lambda: slogdet),
    linearize=_slogdet_linearize,
    lower=lowering.Matrices("slogdet"),
    samples=_square_samples,
    multiple_results=True,
)

# --- symmetric matrices -----------------------------------------------------------------------------------------------


def _cholesky_linearize(a: Any) -> tuple[Any, Callable]:
    """Real matrices have a faster form of their own; for complex ones l p(l^-1 a_dot l^-H), as `_tangent_of_cholesky`."""
    out = cholesky(a)
    if out.dtype.kind == "f":
        return out, lambda t: cholesky_tangent(out, t)

    def tangent_map(t: Any) -> Any:
        half = triangular_solve(out, mirrored(t), lower=True, trans=False)
        return matmul(out, half_lower(triangular_solve(out, adjoint(half), lower=True, trans=False)))

    return out, tangent_map


def _factor_and(name: str, l: Any, t: Any) -> ShapedArray:
    if square(name, l) is not t:
        raise TypeError(f"{name}: the type {t} is not that of the factor, {l}")
    return t


def _tangent_of_cholesky(l: Any, t: Any) -> Any:
    """l p(l^-1 t l^-T), where p takes the lower triangle with half the diagonal, and t is given by its lower one."""
    half = triangular_solve(l, mirrored(t), lower=True, trans=False)
    return matmul(triangle(l, True), half_lower(triangular_solve(l, swap(half), lower=True, trans=False)))


def _cotangent_of_cholesky(l: Any, ct: Any) -> Any:
    """The transpose: with s = l^-T p(l^T ct) l^-1, the lower triangle of s + s^T, with half the diagonal."""
    inner = half_lower(matmul(triangle(l, True), triangle(ct, True), x_transposed=True))
    half = triangular_solve(l, inner, lower=True, trans=True)
    s = triangular_solve(l, swap(half), lower=True, trans=True)
    return half_lower(s + swap(s))


def _cholesky_tangent_linearize(l: Any, t: Any) -> tuple[Any, Callable]:
    """With h = l^-1 out = p(...): l_dot h - tangent(g + g^T), g = l_dot (h + h^T) l^T."""
    out = cholesky_tangent(l, t)

    def tangent_map(l_dot: Any, t_dot: Any) -> Any:
        if type(l_dot) is Zero:
            return cholesky_tangent(l, t_dot)
        h, l_dot = triangular_solve(l, out, lower=True, trans=False), triangle(l_dot, True)
        g = matmul(l_dot, matmul(h + swap(h), swap(triangle(l, True))))
        change = -(g + swap(g))
        change = change if type(t_dot) is Zero else linear_ops.add_any(change, mirrored(t_dot))
        return matmul(l_dot, h) + cholesky_tangent(l, change)

    return out, tangent_map


def _cholesky_cotangent_linearize(l: Any, ct: Any) -> tuple[Any, Callable]:
    """With n^T = l^-T l_dot^T: cotangent(n^T ct) - p(q + q^T), q = n^T (out + out^T)."""
    out = cholesky_cotangent(l, ct)

    def tangent_map(l_dot: Any, ct_dot: Any) -> Any:
        if type(l_dot) is Zero:
            return cholesky_cotangent(l, ct_dot)
        turned = triangular_solve(l, swap(triangle(l_dot, True)), lower=True, trans=True)
        q, change = matmul(turned, out + swap(out)), matmul(turned, triangle(ct, True))
        change = change if type(ct_dot) is Zero else linear_ops.add_any(change, ct_dot)
        return cholesky_cotangent(l, change) - half_lower(q + swap(q))

    return out, tangent_map


def _eigh_aval(a: ShapedArray) -> list[ShapedArray]:
    square("eigh", a, "fc")
    return [a.update(shape=a.shape[:-1], dtype=real_of(a.dtype)), a]


def _eigh_linearize(a: Any) -> tuple[list[Any], Callable]:
    """With m = v^H a_dot v: w_dot = diag(m), v_dot = v (m_ij / (w_j - w_i)), taken as 0 for equal eigenvalues.

    Complex vectors turn back by a phase, since LAPACK makes their first elements real.
    """
    w, v = eigh(a)
    gaps = rows(w, v) - columns(w, v)
    equal = elementwise.eq(gaps, elementwise.like(gaps, 0))
    divisors = elementwise.select(equal, elementwise.like(gaps, 1), gaps)
    inverse = elementwise.select(equal, elementwise.like(gaps, 0), 1 / divisors)

    def tangent_map(t: Any) -> list[Any]:
        m = matmul(adjoint(v), matmul(mirrored(t), v))
        v_dot = matmul(v, elementwise.mul(m, as_dtype(inverse, m)))
        return [real_part(diagonal_of(m)), v_dot if v_dot.dtype.kind == "f" else _with_real_row(v, v_dot)]

    return [w, v], tangent_map


def _with_real_row(v: Any, v_dot: Any) -> Any:
    first, moved = (layout.slice_axis(x, len(x.shape) - 2, 0, 1) for x in (v, v_dot))
    turn = elementwise.mul(elementwise.imag(moved), reciprocal_or_zero(elementwise.real(first)))
    turn = layout.reshape(elementwise.complex_(elementwise.like(turn, 0), turn), shape=(*v.shape[:-2], v.shape[-1]))
    return v_dot - elementwise.mul(v, rows(turn, v))


def _definite(*shape: int) -> Any:
    x = array(*shape)
    return x @ np.swapaxes(x, -1, -2) + np.diag(np.arange(2.0, shape[-1] + 2))


def _definite_samples() -> list[Sample]:
    return [Sample([_definite(3, 3)]), Sample([_definite(2, 2, 2)]), Sample([_definite(1, 1)])]


def _factor_samples() -> list[Sample]:
    return [Sample([np.linalg.cholesky(_definite(n, n)), array(n, n)]) for n in (3, 1)] + [
        Sample([np.linalg.cholesky(_definite(2, 2, 2)), array(2, 2, 2)])
    ]


cholesky = library(
    "cholesky",
    np.linalg.cholesky,
    aval=lambda a: square("cholesky", a, "fc"),
    batch=batch_one(lambda: cholesky),
    linearize=_cholesky_linearize,
    lower=lowering.Matrices("cholesky"),
    samples=_definite_samples,
)
cholesky_tangent = library(
    "cholesky_tangent",
    _tangent_of_cholesky,
    aval=lambda l, t: _factor_and("cholesky_tangent", l, t),
    batch=batch_one(lambda: cholesky_tangent),
    linearize=_cholesky_tangent_linearize,
    transpose=lambda ct, l, t: (None, cholesky_cotangent(l, ct)),
    lower=lowering.Compose(_tangent_of_cholesky),
    samples=_factor_samples,
)
cholesky_cotangent = library(
    "cholesky_cotangent",
    _cotangent_of_cholesky,
    aval=lambda l, ct: _factor_and("cholesky_cotangent", l, ct),
    batch=batch_one(lambda: cholesky_cotangent),
    linearize=_cholesky_cotangent_linearize,
    transpose=lambda ct, l, t: (None, cholesky_tangent(l, ct)),
    lower=lowering.Matrices("cholesky_cotangent"),
    samples=_factor_samples,
)
eigh = library(
    "eigh",
    lambda a: list(np.linalg.eigh(a)),
    aval=_eigh_aval,
    batch=batch_one(lambda: eigh),
    linearize=_eigh_linearize,
    lower=lowering.Matrices("eigh"),
    samples=_definite_samples,
    multiple_results=True,
)
