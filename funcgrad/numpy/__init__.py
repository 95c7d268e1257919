"""NumPy on traced values: `import funcgrad.numpy as fnp`.

The names, signatures, dtypes and values are NumPy's. Without traced values the functions are NumPy's own; inside `grad`, `jit`
and `vmap` they record equations. What is exported is this list and nothing else; a missing name raises AttributeError and
names the nearest ones.
"""

from __future__ import annotations

import difflib
from typing import NoReturn

from . import array_methods, protocols  # noqa: F401  (they give Tracer its operators and NumPy's protocols)
from .at_updates import at
from .choice import (
    allclose, angle, around, array_equal, array_equiv, clip, fix, imag, interp, isclose, iscomplex, iscomplexobj, isneginf,
    isposinf, isreal, isrealobj, isscalar, nan_to_num, piecewise, polyval, real, real_if_close, round, select, sinc, where,
)  # fmt: skip
from .creation import (
    arange, array, asanyarray, asarray, ascontiguousarray, asfortranarray, astype, bartlett, blackman, copy, diag_indices, empty,
    empty_like, eye, fromfunction, full, full_like, geomspace, hamming, hanning, identity, indices, ix_, kaiser, linspace, logspace,
    mask_indices, meshgrid, ones, ones_like, tri, tril_indices, triu_indices, zeros, zeros_like,
)  # fmt: skip
from .einsum import einsum, einsum_path
from .linear import (
    cross, diag, diagflat, diagonal, dot, inner, kron, matmul, outer, tensordot, trace, vdot, vecdot,
)  # fmt: skip
from .manipulation import (
    append, array_split, atleast_1d, atleast_2d, atleast_3d, block, broadcast_arrays, broadcast_to, column_stack, concatenate,
    dsplit, dstack, expand_dims, hsplit, hstack, matrix_transpose, moveaxis, ravel, reshape, rollaxis, split, squeeze, stack,
    swapaxes, transpose, unstack, vsplit, vstack,
)  # fmt: skip
from .protocols import can_cast, ndim, result_type, shape, size
from .rearrange import (
    diff, ediff1d, flip, fliplr, flipud, gradient, pad, repeat, roll, rot90, tile, trapezoid, tril, triu, vander,
)  # fmt: skip
from .reductions import (
    all, amax, amin, any, argmax, argmin, average, count_nonzero, cumprod, cumsum, max, mean, min, nancumprod, nancumsum, nanmax,
    nanmean, nanmin, nanprod, nanstd, nansum, nanvar, prod, ptp, std, sum, var,
)  # fmt: skip
from .selection import (
    argsort, argwhere, bincount, choose, compress, delete, digitize, extract, flatnonzero, insert, isin, lexsort, median, nonzero,
    partition, percentile, quantile, searchsorted, sort, take, take_along_axis, unique,
)  # fmt: skip
from .types import *  # noqa: F403
from .types import __all__ as _type_names
from .ufuncs import (
    absolute, add, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, bitwise_and, bitwise_or, bitwise_xor, cbrt, ceil,
    conjugate, copysign, cos, cosh, deg2rad, degrees, divide, equal, exp, exp2, expm1, fabs, float_power, floor, floor_divide, fmax,
    fmin, fmod, greater, greater_equal, heaviside, hypot, invert, isfinite, isinf, isnan, ldexp, left_shift, less, less_equal, log,
    log1p, log2, log10, logaddexp, logaddexp2, logical_and, logical_not, logical_or, logical_xor, maximum, minimum, modf, multiply,
    negative, nextafter, not_equal, positive, power, rad2deg, radians, reciprocal, remainder, right_shift, rint, sign, signbit, sin,
    sinh, spacing, sqrt, square, subtract, tan, tanh, trunc,
)  # fmt: skip
from .ufuncs import divmod_ as divmod

abs, conj, mod, pow, true_divide, bitwise_not, bitwise_invert = absolute, conjugate, remainder, power, divide, invert, invert
acos, asin, atan, acosh, asinh, atanh, atan2 = arccos, arcsin, arctan, arccosh, arcsinh, arctanh, arctan2
concat, permute_dims, bitwise_left_shift, bitwise_right_shift, row_stack = concatenate, transpose, left_shift, right_shift, vstack

_OWN = {"annotations", "array_methods", "at_updates", "choice", "creation", "difflib", "linear", "manipulation", "promotion",
        "protocols", "rearrange", "reductions", "registry", "selection", "types", "ufuncs", "NoReturn", "conversion", "indexing"}  # fmt: skip
__all__ = sorted({name for name in globals() if not name.startswith("_")} - _OWN | set(_type_names))


def __getattr__(name: str) -> NoReturn:
    close = difflib.get_close_matches(name, __all__, n=3, cutoff=0.5)
    hint = f"; the nearest names are {', '.join(close)}" if close else ""
    raise AttributeError(f"funcgrad.numpy has no {name!r}{hint}. docs/numpy.md lists all functions")
