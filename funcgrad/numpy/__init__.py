# ruff: noqa: F401, F403, F405, RUF022
"""NumPy on traced values: `import funcgrad.numpy as fnp`.

The names, signatures, dtypes and values are NumPy's. Without traced values the functions are NumPy's own; inside
`grad`, `jit` and `vmap` they record equations. What is exported is the list `__all__` and nothing else; a missing
name raises AttributeError and names the nearest ones.
"""

from __future__ import annotations

from typing import NoReturn as _NoReturn

import numpy as _np

from . import array_methods, fft, linalg, protocols  # they give Tracer its operators and NumPy's protocols
from .at_updates import *
from .bessel import *
from .choice import *
from .creation import *
from .differences import *
from .einsum import *
from .files_and_text import *
from .grids import *
from .histograms import *
from .integers import *
from .joining import *
from .linear import *
from .manipulation import *
from .nan_reductions import *
from .padding import *
from .polynomials import *
from .protocols import *
from .quantiles import *
from .rearrange import *
from .reductions import *
from .selection import *
from .sets import *
from .statistics import *
from .truth import *
from .types import *
from .ufuncs import *
from .vectorization import *
from .writing import *

abs, conj, mod, pow, true_divide, bitwise_not, bitwise_invert = (
    absolute, conjugate, remainder, power, divide, invert, invert)  # fmt: skip
acos, asin, atan, acosh, asinh, atanh, atan2 = arccos, arcsin, arctan, arccosh, arcsinh, arctanh, arctan2
concat, permute_dims, row_stack = concatenate, transpose, vstack
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift

__all__ = [
    "fft", "linalg", "vectorize",
    # creation
    "arange", "array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray", "astype", "bartlett",
    "blackman", "copy", "diag_indices", "empty", "empty_like", "eye", "fromfunction", "full", "full_like",
    "geomspace", "hamming", "hanning", "identity", "indices", "ix_", "kaiser", "linspace", "logspace",
    "mask_indices", "meshgrid", "ones", "ones_like", "tri", "tril_indices", "triu_indices", "zeros", "zeros_like",
    # dtypes, types and constants
    "ComplexWarning", "bool", "bool_", "broadcast_shapes", "cdouble", "character", "complex128", "complex64",
    "complex_", "complexfloating", "csingle", "double", "dtype", "e", "euler_gamma", "finfo", "flexible", "float16",
    "float32", "float64", "float_", "floating", "generic", "iinfo", "inexact", "inf", "int16", "int32", "int64",
    "int8", "int_", "integer", "isdtype", "issubdtype", "nan", "ndarray", "newaxis", "number", "object_", "pi",
    "promote_types", "signedinteger", "single", "ufunc", "uint", "uint16", "uint32", "uint64", "uint8",
    "unsignedinteger",
    # arithmetic, elementary functions, comparison, logic, bits
    "abs", "absolute", "acos", "acosh", "add", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and", "bitwise_count", "bitwise_invert",
    "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "cbrt", "ceil", "conj",
    "conjugate", "copysign", "cos", "cosh", "deg2rad", "degrees", "divide", "divmod", "equal", "exp", "exp2",
    "expm1", "fabs", "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod", "frexp", "gcd", "greater",
    "greater_equal", "heaviside", "hypot", "i0", "invert", "isfinite", "isinf", "isnan", "lcm", "ldexp",
    "left_shift", "less", "less_equal", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2", "logical_and",
    "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "mod", "modf", "multiply", "negative",
    "nextafter", "not_equal", "positive", "pow", "power", "rad2deg", "radians", "reciprocal", "remainder",
    "right_shift", "rint", "sign", "signbit", "sin", "sinh", "spacing", "sqrt", "square", "subtract", "tan", "tanh",
    "true_divide", "trunc",
    # choice, rounding, closeness
    "allclose", "angle", "around", "array_equal", "array_equiv", "clip", "fix", "imag", "interp", "isclose",
    "iscomplex", "iscomplexobj", "isneginf", "isposinf", "isreal", "isrealobj", "isscalar", "nan_to_num",
    "piecewise", "real", "real_if_close", "round", "select", "sinc", "where",
    # reductions and running sums
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "cumprod", "cumsum", "max",
    "mean", "min", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum",
    "nanvar", "prod", "ptp", "std", "sum", "var",
    # products and diagonals
    "cross", "diag", "diagflat", "diagonal", "dot", "inner", "kron", "matmul", "outer", "tensordot", "trace",
    "vdot", "vecdot", "einsum", "einsum_path",
    # shape, joining, splitting
    "append", "array_split", "atleast_1d", "atleast_2d", "atleast_3d", "block", "broadcast_arrays", "broadcast_to",
    "column_stack", "concat", "concatenate", "dsplit", "dstack", "expand_dims", "hsplit", "hstack",
    "matrix_transpose", "moveaxis", "permute_dims", "ravel", "reshape", "rollaxis", "row_stack", "split", "squeeze",
    "stack", "swapaxes", "transpose", "unstack", "vsplit", "vstack",
    # fixed patterns: repeat, flip, pad, differences
    "diff", "ediff1d", "flip", "fliplr", "flipud", "gradient", "pad", "repeat", "roll", "rot90", "tile",
    "trapezoid", "tril", "triu", "vander",
    # picking, order, quantiles
    "argpartition", "argsort", "bincount", "choose", "delete", "digitize", "insert", "lexsort", "median",
    "partition", "percentile", "quantile", "searchsorted", "sort", "sort_complex", "take", "take_along_axis",
    # where a condition holds, sets
    "argwhere", "compress", "extract", "flatnonzero", "intersect1d", "isin", "nonzero", "setdiff1d", "setxor1d",
    "trim_zeros", "union1d", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values",
    # statistics, convolution, histograms
    "apply_along_axis", "apply_over_axes", "convolve", "corrcoef", "correlate", "cov", "cumulative_prod",
    "cumulative_sum", "diag_indices_from", "histogram", "histogram2d", "histogram_bin_edges", "histogramdd",
    "matvec", "nanargmax", "nanargmin", "nanmedian", "nanpercentile", "nanquantile", "ravel_multi_index", "resize",
    "tril_indices_from", "triu_indices_from", "unravel_index", "unwrap", "vecmat",
    # polynomials
    "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub", "polyval", "roots",
    # bits in bytes, index notation, writing into arrays
    "packbits", "unpackbits", "c_", "index_exp", "mgrid", "ogrid", "r_", "s_", "copyto", "fill_diagonal", "place",
    "put", "put_along_axis", "putmask",
    # files and text
    "array_repr", "array_str", "from_dlpack", "frombuffer", "fromfile", "fromiter", "frompyfunc", "fromstring",
    "get_printoptions", "iterable", "load", "printoptions", "save", "savez", "set_printoptions",
    # updates and questions about type
    "at", "can_cast", "ndim", "result_type", "shape", "size",
]  # fmt: skip

__array_api_version__ = "2024.12"
__array_namespace_info__ = _np.__array_namespace_info__


def __getattr__(name: str) -> _NoReturn:
    import difflib

    close = difflib.get_close_matches(name, __all__, n=3, cutoff=0.5)
    hint = f"; the nearest names are {', '.join(close)}" if close else ""
    raise AttributeError(f"funcgrad.numpy has no {name!r}{hint}. docs/numpy.md lists all functions")
