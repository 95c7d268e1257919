# ruff: noqa: E501, SIM905
"""A sample call of every public function of funcgrad.numpy, for the matrix test.

In a call, `m` is NumPy itself where traced values reach the function through NumPy's protocols, and `f` is funcgrad.numpy
where they cannot. The arrays x, y (2 x 3), v, w (3), q (5, ascending), S (3 x 3) and the number s take every dtype of the
matrix in turn; k, c, b, u keep their own.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import funcgrad.numpy as fnp

VARYING: dict[str, Any] = dict(
    x=np.array([[0.31, 0.72, 0.15], [0.57, 0.93, 0.44]]), y=np.array([[0.24, 0.81, 0.63], [0.12, 0.52, 0.37]]), v=np.array([0.35, 0.61, 0.83]),
    w=np.array([0.93, 0.22, 0.41]), q=np.array([0.11, 0.26, 0.48, 0.73, 0.95]), s=np.float64(0.64),
    S=np.array([[0.95, 0.21, 0.13], [0.17, 0.84, 0.25], [0.06, 0.33, 0.71]]),
)  # fmt: skip
FIXED: dict[str, Any] = dict(
    k=np.array([2, 0, 1]), c=np.array([[True, False, True], [False, True, True]]), b=np.array([True, False, True]), u=np.array([[3, 200, 17], [255, 0, 64]], np.uint8),
)  # fmt: skip
DTYPES = ("float64", "float32", "int64", "bool")
FURTHER_DTYPES = (
    "float16",
    "int8",
    "uint8",
    "int32",
    "uint64",
    "complex64",
    "complex128",
)  # values and dtypes, eager and compiled


def values(dtype: str) -> dict[str, Any]:
    """The arrays in a dtype: integers are tenths, truth says which elements are above one half, complex numbers turn."""
    kind = np.dtype(dtype).kind
    casts: dict[str, Any] = {
        "b": lambda a: a > 0.5, "f": lambda a: a.astype(dtype), "i": lambda a: np.asarray(np.rint(10 * a)).astype(dtype)[()],
        "c": lambda a: (a * (1 + 0.3j) if np.ndim(a) == 0 else a + 0.3j * a[..., ::-1]).astype(dtype),
    }  # fmt: skip
    return {name: casts["i" if kind == "u" else kind](a) for name, a in VARYING.items()} | FIXED


UNARY = """absolute abs acos acosh arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh cbrt ceil conj conjugate cos cosh deg2rad degrees
exp exp2 expm1 fabs fix floor isfinite isinf isnan isneginf isposinf isreal iscomplex log log10 log1p log2 logical_not negative positive rad2deg radians
real imag reciprocal rint round around sign signbit sin sinc sinh sqrt square spacing tan tanh trunc i0 nan_to_num real_if_close angle modf frexp
sum prod mean std var max min amax amin all any argmax argmin average median ptp cumsum cumprod count_nonzero
nansum nanprod nanmean nanstd nanvar nanmax nanmin nancumsum nancumprod nanmedian nanargmax nanargmin
ravel transpose permute_dims matrix_transpose flip fliplr flipud rot90 atleast_1d atleast_2d atleast_3d unstack diff ediff1d gradient sort argsort
sort_complex copy ones_like zeros_like shape ndim size iscomplexobj isrealobj trapezoid tril triu asarray asanyarray ascontiguousarray asfortranarray
cov corrcoef unwrap unique unique_all unique_counts unique_inverse array_repr array_str nonzero argwhere flatnonzero""".split()
BINARY = """add subtract multiply divide true_divide floor_divide remainder mod fmod power pow float_power arctan2 atan2 hypot logaddexp logaddexp2 maximum minimum
fmax fmin copysign nextafter heaviside equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor divmod isclose allclose
array_equal array_equiv intersect1d setdiff1d setxor1d union1d isin vdot vecdot""".split()
INTEGER_ONLY = (
    "bitwise_and bitwise_or bitwise_xor left_shift right_shift bitwise_left_shift bitwise_right_shift gcd lcm".split()
)
LISTS = "concatenate concat stack vstack hstack dstack column_stack block broadcast_arrays".split()

OTHERS = """
arange: m.arange(3) * v | array: f.array([x[0], x[1]]) | bartlett: m.bartlett(3) * v | blackman: m.blackman(3) * v | hamming: m.hamming(3) * v | hanning: m.hanning(3) * v
kaiser: m.kaiser(3, 2.0) * v | diag_indices: x[m.diag_indices(2)] | empty: x + m.empty((2, 3)).shape[0] | eye: m.eye(3) * v | fromfunction: m.fromfunction(lambda i, j: i + j, (2, 3)) * x
full: f.full((2, 3), s) | full_like: f.full_like(x, s) | geomspace: f.geomspace(s + 1, 9.0, 4) | logspace: m.logspace(s, 2.0, 4) | linspace: m.linspace(s, 2.0, 5) | identity: m.identity(3) * v
indices: m.indices((2, 3)) * x | ix_: x[m.ix_([0, 1], [2, 0])] | mask_indices: S[m.mask_indices(3, np.triu)] | meshgrid: m.meshgrid(v, w) | ones: m.ones((2, 3)) + x | zeros: m.zeros((2, 3)) + x
tri: m.tri(3) * v | tril_indices: S[m.tril_indices(3)] | triu_indices: S[m.triu_indices(3)] | astype: f.astype(x, np.float64)
bitwise_count: m.bitwise_count(x) | invert: m.invert(x) | bitwise_not: m.bitwise_not(x) | bitwise_invert: m.bitwise_invert(x) | ldexp: m.ldexp(x, k)
clip: m.clip(x, 0.3, 0.8) | interp: m.interp(x, [0.0, 0.5, 1.0], [1.0, 3.0, 2.0]) | piecewise: m.piecewise(x, [x > 0.5], [lambda t: t * t, lambda t: -t]) | select: m.select([x > 0.7, x > 0.4], [x, y], s)
where: m.where(c, x, y) | polyval: m.polyval(v, x) | isscalar: f.isscalar(s)
cross: m.cross(S, v) | diag: m.diag(v, 1) | diagflat: m.diagflat(x) | diagonal: m.diagonal(S) | dot: m.dot(x, v) | inner: m.inner(x, y) | kron: m.kron(v, w) | matmul: m.matmul(x, S)
outer: m.outer(v, w) | tensordot: m.tensordot(x, S, 1) | trace: m.trace(S) | einsum: m.einsum('ij,j->i', x, v) | einsum_path: m.einsum_path('ij,j->i', x, v)[0]
append: m.append(x, y, axis=0) | array_split: m.array_split(v, 2) | broadcast_to: m.broadcast_to(v, (2, 3)) | dsplit: m.dsplit(x[None], 3) | expand_dims: m.expand_dims(x, 1) | hsplit: m.hsplit(x, 3)
vsplit: m.vsplit(x, 2) | split: m.split(v, [1, 2]) | moveaxis: m.moveaxis(x, 0, 1) | reshape: m.reshape(x, (3, 2)) | rollaxis: m.rollaxis(x, 1) | row_stack: f.row_stack([v, w]) | squeeze: m.squeeze(x[:, None])
swapaxes: m.swapaxes(x, 0, 1) | pad: m.pad(x, 1) | repeat: m.repeat(x, 2, axis=1) | roll: m.roll(x, 1, axis=1) | tile: m.tile(v, 2) | vander: m.vander(v)
argpartition: x[m.argpartition(x, 1, axis=0)[:1] * 0] | bincount: m.bincount(k, x[0], 4) | choose: m.choose([1, 0, 1], x) | delete: m.delete(x, 1, axis=1) | digitize: m.digitize(x, [0.2, 0.5, 0.8]) | insert: m.insert(v, 1, s)
lexsort: m.lexsort((v, w)) | partition: m.sort(m.partition(v, 1)) | percentile: m.percentile(x, 30) | quantile: m.quantile(x, 0.3, axis=1) | nanpercentile: m.nanpercentile(x, 30) | nanquantile: m.nanquantile(x, 0.3)
searchsorted: m.searchsorted(m.sort(q), v) | take: m.take(x, [2, 0], axis=1) | take_along_axis: m.take_along_axis(x, k[None], axis=1) | trim_zeros: m.trim_zeros(v * [0, 1, 1])
compress: m.compress([True, False, True], x, axis=1) | extract: m.extract(c, x)
apply_along_axis: m.apply_along_axis(lambda r: r * r, 1, x) | apply_over_axes: m.apply_over_axes(np.sum, x, [0, 1]) | convolve: m.convolve(v, w) | correlate: m.correlate(v, w, 'full') | cumulative_sum: m.cumulative_sum(v)
cumulative_prod: m.cumulative_prod(v) | diag_indices_from: S[m.diag_indices_from(S)] | histogram: m.histogram(x, 3, (0, 10), weights=y) | histogram2d: m.histogram2d(v, w, 2, [(0, 1), (0, 1)]) | histogram_bin_edges: m.histogram_bin_edges(x, 4)
histogramdd: m.histogramdd(x, 2, [(0, 1)] * 3, weights=y[:, 0]) | matvec: m.matvec(S, v) | vecmat: m.vecmat(v, S) | ravel_multi_index: m.ravel_multi_index((k, k), (3, 3)) + v | resize: m.resize(v, (2, 2))
tril_indices_from: S[m.tril_indices_from(S)] | triu_indices_from: S[m.triu_indices_from(S)] | unravel_index: m.unravel_index(k, (3, 3))[0] + v
poly: m.poly(v) | polyadd: m.polyadd(v, x[0, :2]) | polyder: m.polyder(v) | polydiv: f.polydiv(q, v[:2] + 1) | polyfit: m.polyfit(q, q * q + s, 1) | polyint: m.polyint(v) | polymul: m.polymul(v, w) | polysub: m.polysub(v, w[:2])
roots: m.roots(m.stack([s * 0 + 2, s + 7, s + 3]))
packbits: m.packbits(x) | unpackbits: m.unpackbits(u) + s | c_: f.c_[v, w] | r_: f.r_[v, 0.5, w] | mgrid: m.mgrid[0:2, 0:3] * x | ogrid: m.ogrid[0:3] * v | s_: x[m.s_[0, 1:]] | index_exp: x[m.index_exp[0, 1:]]
fill_diagonal: f.fill_diagonal(x, s, inplace=False) | place: f.place(x, c, v, inplace=False) | put: f.put(x, [0, 4], v, inplace=False) | put_along_axis: f.put_along_axis(x, k[None, :1], s, 1, inplace=False)
can_cast: f.can_cast(x, np.float64) | result_type: m.result_type(x, 1.0) | vectorize: f.vectorize(lambda a: a * a)(x) | at: f.at(x)[0].set(w)
iterable: m.iterable(x) | empty_like: x + m.empty_like(x).shape[0] | unique_values: m.sort(m.unique_values(x))
"""
TABLE: dict[str, str] = (
    {name: f"m.{name}(x)" for name in UNARY}
    | {name: f"m.{name}(x, y)" for name in BINARY} | {name: f"m.{name}(x, y)" for name in INTEGER_ONLY}
    | {name: f"m.{name}([v, w])" for name in LISTS} | {"broadcast_arrays": "m.broadcast_arrays(x, v)"}
    | {"arccosh": "m.arccosh(x + 1)", "acosh": "m.acosh(x + 1)"}
    | {name: f"f.{name}(x)" for name in ("asarray", "asanyarray", "ascontiguousarray", "asfortranarray")}
    | {line.split(":", 1)[0].strip(): line.split(":", 1)[1].strip() for row in OTHERS.strip().splitlines() for line in row.split(" | ")}
)  # fmt: skip


def _set_row(x: Any, w: Any) -> Any:
    out = np.array(x)
    out[0] = w
    return out


def _written(name: str, x: Any, *args: Any) -> Any:
    out = np.array(x)
    getattr(np, name)(out, *args)
    return out


# What the calls mean where NumPy has no such function, writes in place, or returns a Python bool.
REFERENCES: dict[str, Any] = {
    "at": lambda x, w: _set_row(x, w), "fill_diagonal": lambda x, s: _written("fill_diagonal", x, s), "place": lambda x, v, c: _written("place", x, c, v),
    "put": lambda x, v: _written("put", x, [0, 4], v), "put_along_axis": lambda x, s, k: _written("put_along_axis", x, k[None, :1], s, 1),
    "row_stack": lambda v, w: np.vstack([v, w]), **{name: lambda x, y, name=name: np.bool_(getattr(np, name)(x, y)) for name in ("allclose", "array_equal", "array_equiv")},
}  # fmt: skip


def arguments(call: str) -> list[str]:
    """The arrays a call mentions."""
    text = re.sub(r"'[^']*'", "''", call)
    return [n for n in (*VARYING, *FIXED) if re.search(rf"(?<![\w.]){n}\b(?!\s*=[^=])", text)]


def function_of(call: str, plain: bool = False) -> Any:
    """(*arrays) -> the value of the call; `plain`: with NumPy alone."""
    return eval(f"lambda {', '.join(arguments(call))}: {call}", {"np": np, "m": np, "f": np if plain else fnp})


def reference_of(name: str) -> Any:
    """NumPy's meaning of the call of a name."""
    return REFERENCES.get(name) or function_of(TABLE[name], plain=True)
