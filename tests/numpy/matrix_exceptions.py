# ruff: noqa: E501, SIM905
"""The reviewed list of what the matrix does not promise, with reasons. A cell listed here must really fail.

`EXCEPTIONS` has keys (function, mode) for all dtypes, or (function, mode, dtype) for one. The mode "jit" of a function
says that abstract values are refused, in the mode "value" as well, where then only values that are known are looked at.
"""

from __future__ import annotations

_FILES = "reads, writes or prints; passed on from NumPy, traced values are refused (test_holes)"
_DTYPES = "a question about dtypes, shapes or settings, passed on from NumPy"
NOT_SAMPLED: dict[str, str] = (
    dict.fromkeys("from_dlpack frombuffer fromfile fromiter fromstring load save savez".split(), _FILES)
    | dict.fromkeys("get_printoptions set_printoptions printoptions".split(), _FILES)
    | dict.fromkeys("broadcast_shapes isdtype issubdtype promote_types".split(), _DTYPES)
    | dict.fromkeys("copyto putmask".split(), "write in place and return nothing: refused with the name of what to use (test_holes)")
    | {"frompyfunc": "makes functions of Python objects, which traced values are not"}
)  # fmt: skip

_SIZE = "the size of the result depends on data; works with size= (test_sizes)"
_TRIM = "the size of the result depends on data"
_COMPLEX = "the result is complex, and its size depends on data"
EXCEPTIONS: dict[tuple[str, ...], str] = {
    **{(name, mode): _SIZE for mode in ("vmap", "jit") for name in (
        "unique unique_all unique_counts unique_inverse unique_values nonzero argwhere flatnonzero extract "
        "intersect1d setdiff1d setxor1d union1d").split()},
    **{(name, mode): reason for mode in ("vmap", "jit") for name, reason in (("trim_zeros", _TRIM), ("roots", _COMPLEX))},
    **{("polydiv", mode): "the size of the remainder depends on data; works with trim_leading_zeros=False (test_polynomials)" for mode in ("vmap", "jit")},
    **{("polymul", mode, "bool"): "under jit and vmap leading zeros of the factors are not known, and kept" for mode in ("vmap", "jit")},
    **{("nextafter", mode): "a step function of the bits: its derivative is 0, as in JAX" for mode in ("grad", "jvp")},
}  # fmt: skip

_ORDER = "these are of real numbers here (docs/complex.md)"
_WRAPS = "NumPy's differences of unsigned integers wrap around"
_LOOKS = "looks at values to choose the dtype of its result"
FURTHER_EXCEPTIONS: dict[tuple[str, ...], str] = {  # (function, dtype) for eager and compiled code, or with "jit"
    **{(name, dtype): _ORDER for dtype in ("complex64", "complex128") for name in
       "nanmedian histogram histogram_bin_edges".split()},
    **{("unwrap", dtype): _WRAPS for dtype in ("uint8", "uint64")},
    **{("real_if_close", dtype, "jit"): _LOOKS for dtype in ("complex64", "complex128")},
}  # fmt: skip
