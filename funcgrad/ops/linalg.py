"""Dense linear algebra: Cholesky, triangular and general solves, inverse, determinants, symmetric eigenproblems.

All ops act on the last two axes and map over the axes in front, which must be equal for all operands. Values come from
LAPACK through NumPy and SciPy. `cholesky` and `eigh` read the lower triangle only; their derivatives are those of that
function, so that a caller who wants symmetric derivatives symmetrizes first.

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
from . import contraction, elementwise, layout, reduction
from .rules import library, move_batch_first
from .samples import Sample, array

# --- pieces of rules --------------------------------------------------------------------------------------------------


def matmul(x: Any, y: Any, x_transposed: bool = False) -> Any:
    """Matrix products over equal leading axes."""
    lead = len(x.shape) - 2
    batch = tuple(range(lead))
    contract = ((lead + (not x_transposed),), (lead,))
    return contraction.dot_general(x, y, contract=contract, batch=(batch, batch))


def swap(x: Any) -> Any:
    """Each matrix transposed."""
    lead = len(x.shape) - 2
    return layout.transpose(x, axes=(*range(lead), lead + 1, lead))


def _compare_axes(x: Any, compare: Primitive) -> Any:
    """compare(row number, column number) for every element."""
    shape, lead = tuple(x.shape), len(x.shape) - 2
    return compare(*[layout.iota(shape=shape, axis=lead + k, dtype=layout.INDEX) for k in (0, 1)])


def triangle(x: Any, lower: bool) -> Any:
    """The lower or upper triangle with the diagonal, zero elsewhere."""
    return elementwise.select(_compare_axes(x, elementwise.ge if lower else elementwise.le), x, elementwise.like(x, 0))


def _diagonal_only(x: Any) -> Any:
    return elementwise.select(_compare_axes(x, elementwise.eq), x, elementwise.like(x, 0))


def _mirrored(x: Any) -> Any:
    """The symmetric matrix that has the lower triangle of x."""
    low = triangle(x, True)
    return low + swap(low) - _diagonal_only(x)


def _half_lower(x: Any) -> Any:
    """The lower triangle with half the diagonal: x = p + p^T for symmetric x."""
    return triangle(x, True) - elementwise.mul(_diagonal_only(x), elementwise.like(x, 0.5))


def _rows(vector: Any, like: Any) -> Any:
    """A vector of each matrix's columns, repeated in every row."""
    lead = len(like.shape) - 2
    return layout.broadcast(vector, shape=tuple(like.shape), dims=(*range(lead), lead + 1))


def _columns(vector: Any, like: Any) -> Any:
    """A vector of each matrix's rows, repeated in every column."""
    lead = len(like.shape) - 2
    return layout.broadcast(vector, shape=tuple(like.shape), dims=(*range(lead), lead))


def _spread(number: Any, like: Any) -> Any:
    """One number for each matrix, repeated over the matrix."""
    return layout.broadcast(number, shape=tuple(like.shape), dims=tuple(range(len(like.shape) - 2)))


def _total(x: Any) -> Any:
    """The sum over each matrix."""
    lead = len(x.shape) - 2
    return reduction.reduce_sum(x, axes=(lead, lead + 1))


# --- types and batching -----------------------------------------------------------------------------------------------


def _square(name: str, a: ShapedArray, kinds: str = "f") -> ShapedArray:
    if a.ndim < 2 or a.shape[-1] != a.shape[-2] or a.dtype.kind not in kinds:
        raise TypeError(f"{name}: needs square matrices of floating-point numbers, got {a}")
    return a


def _system(name: str, a: ShapedArray, b: ShapedArray) -> ShapedArray:
    _square(name, a, "fc")
    if b.dtype != a.dtype or b.ndim != a.ndim or b.shape[:-1] != a.shape[:-1]:
        raise TypeError(f"{name}: right-hand sides {b} do not fit matrices {a}")
    return b


def _batch_one(prim: Callable[[], Primitive]) -> Callable:
    """Leading axes are mapped over anyway: move the batch axis in front."""

    def batch(size: int, args: list, axes: list) -> tuple[Any, Any]:
        out = prim()(*move_batch_first(size, args, axes))
        return out, [0] * len(out) if prim().multiple_results else 0

    return batch


def _batch_system(prim: Callable[[], Primitive]) -> Callable:
    def batch(size: int, args: list, axes: list, **params: Any) -> tuple[Any, int]:
        (a, b), (axis_a, axis_b) = args, axes
        if axis_a is not None:
            return prim()(*move_batch_first(size, args, axes), **params), 0
        # One matrix for the whole batch: its right-hand sides are further columns, and it is factorized once.
        last = len(b.shape) - 1
        b = layout.move_axis(b, axis_b, last)
        shape = tuple(b.shape)
        out = prim()(a, layout.reshape(b, shape=(*shape[:-2], shape[-2] * size)), **params)
        return layout.reshape(out, shape=shape), last

    return batch


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
    aval=lambda a, b, *, trans: _system("solve", a, b),
    batch=_batch_system(lambda: solve),
    linearize=_solve_linearize(lambda: solve, lambda t, params: t),
    transpose=_solve_transpose(lambda: solve),
    lower=lowering.Matrices("solve"),
    samples=_solve_samples,
)
triangular_solve = library(
    "triangular_solve",
    _triangular_impl,
    aval=lambda a, b, *, lower, trans: _system("triangular_solve", a, b),
    batch=_batch_system(lambda: triangular_solve),
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
    aval=lambda a: _square("inv", a, "fc"),
    batch=_batch_one(lambda: inv),
    linearize=_inv_linearize,
    lower=lowering.Matrices("inv"),
    samples=_square_samples,
)

# --- determinants -----------------------------------------------------------------------------------------------------


def _one_number(name: str, kinds: str = "f") -> Callable:
    return lambda a: shaped(_square(name, a, kinds).shape[:-2], a.dtype)


def _det_linearize(a: Any) -> tuple[Any, Callable]:
    """det_dot = sum of cofactors * a_dot, which needs no inverse and so holds for singular matrices too."""
    minors = cofactors(a)
    return det(a), lambda t: _total(elementwise.mul(t, minors))


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
        ratio = _total(elementwise.mul(t, swap(inverse)))
        turned = matmul(inverse, matmul(t, out, x_transposed=True), x_transposed=True)
        return elementwise.mul(_spread(ratio, out), out) - turned

    return out, tangent_map


def _slogdet_linearize(a: Any) -> tuple[list[Any], Callable]:
    """logdet_dot = tr(a^-1 a_dot); the sign is piecewise constant."""
    sign, log = slogdet(a)
    transposed = swap(inv(a))
    return [sign, log], lambda t: [Zero(shaped(tuple(sign.shape), sign.dtype)), _total(elementwise.mul(t, transposed))]


det = library(
    "det",
    lambda a: np.linalg.det(a)[()],
    aval=_one_number("det", "fc"),
    batch=_batch_one(lambda: det),
    linearize=_det_linearize,
    lower=lowering.Matrices("det"),
    samples=_square_samples,
)
cofactors = library(
    "cofactors",
    _cofactors_impl,
    aval=lambda a: _square("cofactors", a, "fc"),
    batch=_batch_one(lambda: cofactors),
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
    aval=lambda a: [_one_number("slogdet")(a)] * 2,
    batch=_batch_one(lambda: slogdet),
    linearize=_slogdet_linearize,
    lower=lowering.Matrices("slogdet"),
    samples=_square_samples,
    multiple_results=True,
)

# --- symmetric matrices -----------------------------------------------------------------------------------------------


def _cholesky_linearize(a: Any) -> tuple[Any, Callable]:
    out = cholesky(a)
    return out, lambda t: cholesky_tangent(out, t)


def _factor_and(name: str, l: Any, t: Any) -> ShapedArray:
    if _square(name, l) is not t:
        raise TypeError(f"{name}: the type {t} is not that of the factor, {l}")
    return t


def _tangent_of_cholesky(l: Any, t: Any) -> Any:
    """l p(l^-1 t l^-T), where p takes the lower triangle with half the diagonal, and t is given by its lower one."""
    half = triangular_solve(l, _mirrored(t), lower=True, trans=False)
    return matmul(triangle(l, True), _half_lower(triangular_solve(l, swap(half), lower=True, trans=False)))


def _cotangent_of_cholesky(l: Any, ct: Any) -> Any:
    """The transpose: with s = l^-T p(l^T ct) l^-1, the lower triangle of s + s^T, with half the diagonal."""
    inner = _half_lower(matmul(triangle(l, True), triangle(ct, True), x_transposed=True))
    half = triangular_solve(l, inner, lower=True, trans=True)
    s = triangular_solve(l, swap(half), lower=True, trans=True)
    return _half_lower(s + swap(s))


def _cholesky_tangent_linearize(l: Any, t: Any) -> tuple[Any, Callable]:
    """With h = l^-1 out = p(...): l_dot h - tangent(g + g^T), g = l_dot (h + h^T) l^T."""
    out = cholesky_tangent(l, t)

    def tangent_map(l_dot: Any, t_dot: Any) -> Any:
        if type(l_dot) is Zero:
            return cholesky_tangent(l, t_dot)
        h, l_dot = triangular_solve(l, out, lower=True, trans=False), triangle(l_dot, True)
        g = matmul(l_dot, matmul(h + swap(h), swap(triangle(l, True))))
        change = -(g + swap(g))
        change = change if type(t_dot) is Zero else linear_ops.add_any(change, _mirrored(t_dot))
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
        return cholesky_cotangent(l, change) - _half_lower(q + swap(q))

    return out, tangent_map


def _eigh_aval(a: ShapedArray) -> list[ShapedArray]:
    _square("eigh", a)
    return [a.update(shape=a.shape[:-1]), a]


def _eigh_linearize(a: Any) -> tuple[list[Any], Callable]:
    """With m = v^T a_dot v: w_dot = diag(m), v_dot = v (m_ij / (w_j - w_i)), taken as 0 for equal eigenvalues."""
    w, v = eigh(a)
    gaps = _rows(w, v) - _columns(w, v)
    equal = elementwise.eq(gaps, elementwise.like(gaps, 0))
    divisors = elementwise.select(equal, elementwise.like(gaps, 1), gaps)
    inverse = elementwise.select(equal, elementwise.like(gaps, 0), 1 / divisors)

    def tangent_map(t: Any) -> list[Any]:
        m = matmul(v, matmul(_mirrored(t), v), x_transposed=True)
        w_dot = reduction.reduce_sum(_diagonal_only(m), axes=(len(m.shape) - 1,))
        return [w_dot, matmul(v, elementwise.mul(m, inverse))]

    return [w, v], tangent_map


def _definite(*shape: int) -> Any:
    x = array(*shape)
    return x @ np.swapaxes(x, -1, -2) + np.diag(np.arange(1.0, shape[-1] + 1))


def _definite_samples() -> list[Sample]:
    return [Sample([_definite(3, 3)]), Sample([_definite(2, 2, 2)]), Sample([_definite(1, 1)])]


def _factor_samples() -> list[Sample]:
    return [Sample([np.linalg.cholesky(_definite(n, n)), array(n, n)]) for n in (3, 1)] + [
        Sample([np.linalg.cholesky(_definite(2, 2, 2)), array(2, 2, 2)])
    ]


cholesky = library(
    "cholesky",
    np.linalg.cholesky,
    aval=lambda a: _square("cholesky", a),
    batch=_batch_one(lambda: cholesky),
    linearize=_cholesky_linearize,
    lower=lowering.Matrices("cholesky"),
    samples=_definite_samples,
)
cholesky_tangent = library(
    "cholesky_tangent",
    _tangent_of_cholesky,
    aval=lambda l, t: _factor_and("cholesky_tangent", l, t),
    batch=_batch_one(lambda: cholesky_tangent),
    linearize=_cholesky_tangent_linearize,
    transpose=lambda ct, l, t: (None, cholesky_cotangent(l, ct)),
    lower=lowering.Compose(_tangent_of_cholesky),
    samples=_factor_samples,
)
cholesky_cotangent = library(
    "cholesky_cotangent",
    _cotangent_of_cholesky,
    aval=lambda l, ct: _factor_and("cholesky_cotangent", l, ct),
    batch=_batch_one(lambda: cholesky_cotangent),
    linearize=_cholesky_cotangent_linearize,
    transpose=lambda ct, l, t: (None, cholesky_tangent(l, ct)),
    lower=lowering.Matrices("cholesky_cotangent"),
    samples=_factor_samples,
)
eigh = library(
    "eigh",
    lambda a: list(np.linalg.eigh(a)),
    aval=_eigh_aval,
    batch=_batch_one(lambda: eigh),
    linearize=_eigh_linearize,
    lower=lowering.Matrices("eigh"),
    samples=_definite_samples,
    multiple_results=True,
)
