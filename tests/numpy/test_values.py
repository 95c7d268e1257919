# ruff: noqa: E501, SIM905
"""Every function against NumPy: values, shapes and dtypes, in every mode and through both namespaces."""

from __future__ import annotations

import pytest
from numpy_modes import assert_same, modes, reference

UNARY_FLOAT = (
    "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arctanh exp exp2 expm1 log log2 log10 log1p sqrt cbrt square reciprocal "
    "negative positive absolute fabs sign signbit floor ceil trunc rint deg2rad rad2deg radians degrees conjugate isnan isinf isfinite "
    "logical_not spacing sinc nan_to_num real imag isreal iscomplex isneginf isposinf fix angle real_if_close"
).split()
BINARY = (
    "add subtract multiply divide true_divide floor_divide remainder mod fmod arctan2 hypot logaddexp logaddexp2 maximum minimum fmax "
    "fmin copysign nextafter heaviside equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor "
    "float_power isclose"
).split()
INTEGER = "bitwise_and bitwise_or bitwise_xor left_shift right_shift add subtract multiply floor_divide remainder fmod power equal less".split()
REDUCTIONS = "sum prod mean var std max min amax amin all any argmax argmin cumsum cumprod count_nonzero ptp median average".split()
NAN_REDUCTIONS = "nansum nanprod nanmean nanvar nanstd nanmax nanmin nancumsum nancumprod".split()

CALLS = """
m.where(A > 0.5, A, 0.0) | m.where(C, A, f) | m.where(b, 1, i) | m.where(b, i, 2.5) | m.where(C, v, s) | m.select([A > .7, A > .4], [A, f], 3.) | m.piecewise(w, [w < 0, w >= 0], [0., 1.])
m.clip(B, -1, 1) | m.clip(i, 0, 3) | m.clip(B, None, 0.5) | m.clip(f, 0.3, None) | m.clip(A, v, 0.8) | m.round(B, 2) | m.round(B) | m.round(I) | m.around(B * 100, -1)
m.allclose(A, A) | m.array_equal(i, j) | m.array_equal(A, A) | m.array_equiv(v, A) | m.isclose(n, n, equal_nan=True) | m.isclose(i, j) | m.nan_to_num(N) | m.nan_to_num(N, nan=2., posinf=9.)
m.iscomplexobj(A) | m.isrealobj(A) | m.shape(A) | m.ndim(A) | m.size(A) | m.size(A, 1) | m.polyval(v, A) | m.interp(x, [0.1, 1., 2.], [3., 5., -1.])
m.power(A, w) | m.power(A, 2) | m.power(A, 3) | A ** 2 | A ** -1 | A ** 0.5 | A ** 3.5 | A ** 0 | 2 ** A | i ** 2 | i ** 3 | i ** 0 | j ** j | u ** 2 | 2 ** j | f ** 2 | f ** w | A ** v | P ** 12 | h ** 5
m.divmod(B, 0.7) | m.divmod(i, j) | divmod(i, 3) | divmod(7.5, A) | m.modf(B) | m.ldexp(A, j) | m.float_power(i, 2) | m.result_type(f, 3.0) == np.float32
m.sum(A, axis=0) | m.sum(A, axis=(0, 1)) | m.sum(A, axis=-1, keepdims=True) | m.sum(C) | m.sum(u) | m.sum(h) | m.sum(f) | m.sum(A, dtype='float32') | m.sum(i, dtype=float) | m.sum(A, where=C) | m.sum(A, initial=3.) | m.sum(s) | m.sum(T, axis=(0, 2))
m.prod(A, axis=1) | m.prod(i) | m.prod(u) | m.mean(i) | m.mean(f) | m.mean(A, axis=1, keepdims=True) | m.mean(C, axis=0) | m.mean(T, axis=(0, 1)) | m.mean(f, dtype=float)
m.var(A, ddof=1) | m.var(A, axis=0) | m.std(A, axis=1, ddof=1) | m.std(i) | m.std(f) | m.var(T, axis=(0, 2), keepdims=True) | m.std(A, correction=1) | m.max(i) | m.max(A, axis=1) | m.max(C, axis=0) | m.min(A, initial=0.3) | m.max(A, where=C, initial=-1.) | m.min(f, axis=0, keepdims=True)
m.all(A > 0.5, axis=1) | m.any(C, axis=1) | m.any(i) | m.all(A) | m.any(C, axis=(0, 1), keepdims=True) | m.argmax(A, axis=1) | m.argmin(A) | m.argmax(C, axis=1) | m.argmax(A, axis=0, keepdims=True) | m.argmin(t) | m.argmax(n)
m.cumsum(A, axis=1) | m.cumsum(i) | m.cumsum(C, axis=0) | m.cumprod(A, axis=0) | m.cumprod(h) | m.cumsum(f) | m.ptp(A, axis=1) | m.count_nonzero(C, axis=0) | m.count_nonzero(A) | m.average(A, axis=1, weights=v) | m.average(A, weights=A) | m.average(v, weights=w, returned=True) | m.average(A, axis=0)
m.nanmean(N, axis=1) | m.nansum(N, axis=0) | m.nanmax(n) | m.nanmin(N[:1], axis=1) | m.nanvar(n, ddof=1) | m.nanstd(n) | m.nancumsum(n) | m.nansum(i) | m.nanmax(i)
m.reshape(A, (4, 3)) | m.reshape(A, -1) | m.reshape(A, (2, -1)) | m.reshape(A, (4, 3), order='F') | m.ravel(A) | m.ravel(A, order='F') | m.transpose(T) | m.transpose(T, (1, 0, 2)) | m.permute_dims(T, (2, 0, 1)) | m.matrix_transpose(T) | m.swapaxes(T, 0, -1) | m.moveaxis(T, 0, 2) | m.moveaxis(T, [0, 1], [-1, 0]) | m.rollaxis(T, 2) | m.rollaxis(T, 0, 3)
m.expand_dims(A, 1) | m.expand_dims(A, (0, -1)) | m.squeeze(m.expand_dims(A, 1)) | m.squeeze(v[None, :, None], 0) | m.broadcast_to(v, (3, 4)) | m.broadcast_to(s, (2, 2)) | m.broadcast_arrays(A, v) | m.atleast_1d(s) | m.atleast_2d(v) | m.atleast_3d(A) | m.atleast_2d(v, s)
m.concatenate([A, f]) | m.concatenate([A, B.T], axis=1) | m.concatenate([A, i[None]], axis=0) | m.concatenate((A, B), axis=None) | m.concat([v, w]) | m.stack([v, w]) | m.stack([v, i], axis=1) | m.stack([v, w], -1) | m.vstack([v, A]) | m.hstack([v, w]) | m.hstack([A, A]) | m.dstack([A, A]) | m.column_stack([v, w]) | m.append(A, v) | m.append(A, A, axis=1) | m.block([[S, S], [S, S]]) | m.block([v, w])
m.split(A, 2, axis=1) | m.split(v, [1, 3]) | m.array_split(v, 3) | m.vsplit(A, 3) | m.hsplit(A, 2) | m.dsplit(T, 2) | m.unstack(A) | m.split(v, [2, 9])
m.repeat(v, 2) | m.repeat(A, 2, axis=1) | m.repeat(v, [1, 0, 2, 1]) | m.repeat(A, [1, 2, 0], axis=0) | m.tile(v, 2) | m.tile(A, (2, 3)) | m.tile(v, (2, 1)) | m.tile(s, 3) | m.flip(A) | m.flip(A, 0) | m.fliplr(A) | m.flipud(A) | m.roll(v, 1) | m.roll(A, 5) | m.roll(A, (1, -1), (0, 1)) | m.roll(A, 2, axis=1) | m.rot90(A) | m.rot90(A, 2) | m.rot90(A, 3) | m.rot90(A, -1)
m.tril(S) | m.triu(A, 1) | m.tril(T, -1) | m.triu(v) | m.vander(v) | m.vander(i, 3, increasing=True) | m.pad(v, 2) | m.pad(A, ((1, 0), (0, 2)), constant_values=3) | m.pad(A, 1, mode='edge') | m.pad(A, 2, mode='reflect') | m.pad(v, (1, 2), mode='symmetric') | m.pad(v, 3, mode='wrap') | m.pad(i, 1, constant_values=(4, 6))
m.diff(v) | m.diff(A, axis=0) | m.diff(v, n=2) | m.diff(b) | m.diff(v, prepend=0) | m.diff(A, append=A[:, :1]) | m.ediff1d(A) | m.ediff1d(v, to_begin=[1., 2.]) | m.gradient(x) | m.gradient(A, 0.5, axis=0) | m.gradient(A) | m.trapezoid(x) | m.trapezoid(A, dx=.5, axis=0) | m.trapezoid(v, w) | m.trapezoid(A, v)
m.take(v, [0, 2, 2]) | m.take(A, k, axis=0) | m.take(A, [1, -1], axis=1) | m.take(A, 5) | m.take(v, [7, -9], mode='clip') | m.take(v, [7, -9], mode='wrap') | m.take_along_axis(A, m.argsort(A, axis=1), axis=1) | m.take_along_axis(A, k[:, None], 1) | m.choose(k, [k, k + 10, k + 20]) | m.isin(i, [1, 4]) | m.isin(i, j, invert=True)
m.sort(A) | m.sort(t) | m.sort(A, axis=0) | m.sort(A, axis=None) | m.argsort(t, kind='stable') | m.argsort(A, axis=0) | m.sort(n) | m.sort(i) | m.lexsort((t, t)) | m.lexsort((i, b)) | m.searchsorted([0.1, 0.5, 0.9], v) | m.searchsorted(m.sort(v), A, side='right') | m.searchsorted([1, 2, 3], 2) | m.digitize(A, [0.3, 0.6]) | m.digitize(A, [0.6, 0.3], right=True)
m.median(A) | m.median(A, axis=1) | m.median(t) | m.quantile(A, 0.3) | m.quantile(A, [0.1, 0.9], axis=0) | m.quantile(v, s) | m.percentile(A, 75, axis=1, keepdims=True) | m.percentile(A, [5, 50]) | m.quantile(A, .37, method='lower') | m.quantile(A, .37, method='higher') | m.quantile(A, .3, method='nearest') | m.quantile(A, .3, method='midpoint') | m.median(n) | m.median(T, axis=(0, 2)) | m.median(f)
m.dot(A, B) | m.dot(v, w) | m.dot(A, v) | m.dot(T, B) | m.dot(s, A) | m.dot(i, j) | m.dot(A, i) | m.dot(b, b) | m.matmul(A, B) | m.matmul(T, B) | m.matmul(T, T.swapaxes(1, 2)) | m.matmul(A, T.swapaxes(1, 2)) | m.matmul(v, B) | m.matmul(v, T.swapaxes(1, 2)) | m.matmul(T, v) | A @ B | f @ g | m.matmul(T[:1], T.swapaxes(1, 2)) | m.vdot(A, B) | m.vecdot(A, v)
m.inner(A, v) | m.inner(A, T) | m.inner(s, v) | m.outer(v, w) | m.outer(A, i) | m.tensordot(T, B, 1) | m.tensordot(T, A, ([1, 2], [0, 1])) | m.tensordot(T, T, axes=[[0, 2], [0, 2]]) | m.tensordot(v, w, 0) | m.kron(v, w) | m.kron(A, B) | m.kron(v, A) | m.cross(S, S[::-1]) | m.cross(S[0], S) | m.cross(S, S[1], axisa=0) | m.trace(S) | m.trace(T, 1, 1, 2) | m.trace(I, dtype=float)
m.diag(v) | m.diag(S) | m.diag(A, 1) | m.diag(v, -1) | m.diag(A, -2) | m.diagflat(S[:2, :2]) | m.diagonal(T) | m.diagonal(A, -1) | m.diagonal(T, 1, 2, 0)
m.zeros_like(A) | m.ones_like(i) | m.full_like(A, s) | m.full_like(i, 7) | m.empty_like(A).shape | m.zeros_like(A, dtype=int) | m.ones_like(f, shape=(2,)) | m.copy(A) | m.linspace(s, 3., 5) | m.linspace(s, v, 3, axis=1) | m.linspace(0, s, 4, endpoint=False) | m.linspace(s, 2., 1) | m.geomspace(s, 10., 4) | m.logspace(s, 2., 3) | m.meshgrid(v, w) | m.meshgrid(v, i, indexing='ij') | m.meshgrid(v, w, sparse=True) | m.meshgrid(v, k, x)
m.cov(A) | m.cov(v) | m.cov(v, w) | m.cov(A, rowvar=False, ddof=0) | m.cov(A, aweights=v) | m.cov(A, fweights=[1, 2, 1, 3]) | m.cov(A, bias=True) | m.corrcoef(A) | m.corrcoef(v, w) | m.corrcoef(v)
m.convolve(x, v) | m.convolve(x, v, 'same') | m.convolve(v, x, 'valid') | m.convolve(v, [1, 2]) | m.convolve(x, t, 'same') | m.correlate(x, v) | m.correlate(x, v, 'full') | m.correlate(v, x, 'full') | m.correlate(x, v, 'same') | m.correlate(v, x, 'same') | m.correlate(x, t, 'same') | m.correlate(i, j) | m.convolve(v, x, 'same')
m.histogram(A, bins=5, range=(0., 1.)) | m.histogram(A, bins=[0., .3, .6, 1.], density=True) | m.histogram(v, bins=4, range=(0., 1.), weights=w) | m.cumulative_sum(v) | m.cumulative_sum(A, axis=1, include_initial=True) | m.cumulative_prod(A, axis=0) | m.matvec(T, v) | m.vecmat(v, T.swapaxes(1, 2))
m.polyadd(v, [1., 2.]) | m.polymul(v, w) | m.polyder(v) | m.polyder(x, 2) | m.polyint(v) | m.nanquantile(n, 0.3) | m.nanquantile(n, [0.2, 0.7]) | m.nanmedian(n) | m.nanpercentile(A, 40, axis=1) | m.nanmedian(A, axis=0) | m.nanargmax(n) | m.nanargmin(n) | m.unwrap(x * 4) | m.unwrap(B * 9, axis=0) | m.resize(v, (2, 3)) | m.apply_along_axis(m.sum, 0, A) | m.apply_along_axis(lambda r: r[:2] * 2, 1, A) | m.tril_indices_from(S) | m.unravel_index(j, (3, 4)) | m.ravel_multi_index((k, k), (3, 4)) | m.diag_indices_from(S)
m.astype(A, 'float32') | m.astype(B, int) | m.ascontiguousarray(A) if m is fnp else A | m.bincount(k, minlength=5)
"""

CONCRETE = """
m.bincount(j) | m.nonzero(C) | m.argwhere(A > 0.5) | m.flatnonzero(C) | m.compress(b, A, axis=1) | m.extract(C, A) | m.delete(v, 1) | m.delete(A, [0, 2], axis=1) | m.delete(v, slice(1, 3)) | m.insert(v, 1, 9.) | m.insert(A, 2, v, axis=0) | m.insert(v, [1, 3], [5., 6.]) | m.unique(t) | m.unique(t, return_counts=True) | m.unique(t, return_index=True, return_inverse=True) | A[A > 0.5] | A[C] | v[b] | m.where(C) | m.bincount(j, weights=v)
"""

METHODS = """
A.sum() | A.sum(0) | A.sum(axis=1, keepdims=True) | A.mean() | A.prod(1) | A.max() | A.min(0) | A.std(ddof=1) | A.var(0) | A.argmax() | A.argmin(1) | C.all() | C.any(0) | A.dot(B) | A.ravel() | A.flatten() | A.T | T.mT | A.real | A.conj() | A.reshape(4, 3) | A.reshape((2, 6)) | A.reshape(-1) | T.transpose(1, 0, 2) | T.transpose((2, 1, 0)) | A.transpose() | A.swapaxes(0, 1) | A.copy() | B.clip(-1, 1) | B.round(1) | A.cumsum(1) | A.take([0, 1]) | A.repeat(2, 0) | A.size | A.nbytes | f.itemsize | A.astype(np.float32) | i.astype(float) | A.squeeze() | S.trace() | S.diagonal() | A.cumprod(0) | v.searchsorted(0.3) | t.argsort(kind='stable') | len(A) | A.shape | A.ndim | A.dtype == np.float64
[r.sum() for r in A] | -A | +A | abs(B) | ~b | ~i | A + B.T | A - 1 | 1 - A | 2 * i | i / j | i // j | i % j | 7 // j | 7 % j | 1 / A | A @ v | v @ B | A == A.T.T | A != 0 | i < j | i <= 3 | 3 > i | i >= j | b & b | b | i ^ j | i << 2 | 2 << j | i >> 1 | u + 1 | u * u | f + 1 | f * 2.5 | f + s | i * 2.0 | h + i | u + i | b + b | b * 2 | True + v | f / 3 | h / 2 | A + [1., 2., 3., 4.] | i == [3, 0, 4, 0] | np.float64(2) * f | np.ones(4) + v | np.ones(4) * g | np.arange(4) @ v | np.ones((2, 3)) @ A | 5. ** A | u < 300 | u == -1 | 300 > u
"""


def _split(table: str) -> list[str]:
    return [call.strip() for line in table.strip().splitlines() for call in line.split(" | ")]


def check(expression: str, staged_too: bool = True) -> None:
    """All modes agree with NumPy."""
    expected = reference(expression)
    for mode, actual in modes(expression, staged_too):
        assert_same(actual, expected, f"{expression} [{mode}]")


@pytest.mark.parametrize("name", UNARY_FLOAT)
@pytest.mark.parametrize("operand", ["A", "f", "i", "N", "b", "s"])
def test_unary(name: str, operand: str) -> None:
    if operand in "bi" and (name, operand) in {
        ("negative", "b"),
        ("positive", "b"),
        ("sign", "b"),
        ("signbit", "i"),
        ("signbit", "b"),
    }:
        return
    try:
        reference(f"m.{name}({operand})")
    except TypeError:
        return
    if (operand in "fb" and name in {"spacing", "sinc"}) or name == "angle":
        return
    check(f"m.{name}({operand})")


@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str) -> None:
    for pair in ("A, v", "A, f", "w, 0.5", "2, w", "f, 1.5", "v, i", "g, 2", "n, v", "s, s"):
        check(f"m.{name}({pair})")


@pytest.mark.parametrize("name", INTEGER)
def test_integers(name: str) -> None:
    for pair in ("j, j", "j, 2", "h, j", "u, u", "u, 3"):
        check(f"m.{name}({pair})")


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name: str) -> None:
    for call in ("A", "A, axis=0", "T, axis=1", "f", "i"):
        check(f"m.{name}({call})")


@pytest.mark.parametrize("name", NAN_REDUCTIONS)
def test_nan_reductions(name: str) -> None:
    for call in ("n", "A, axis=0", "i", "f"):
        check(f"m.{name}({call})")


@pytest.mark.parametrize("expression", _split(CALLS))
def test_calls(expression: str) -> None:
    check(expression)


@pytest.mark.parametrize("expression", _split(METHODS))
def test_methods_and_operators(expression: str) -> None:
    check(expression)


@pytest.mark.parametrize("expression", _split(CONCRETE))
def test_results_whose_size_depends_on_data(expression: str) -> None:
    check(expression, staged_too=False)
