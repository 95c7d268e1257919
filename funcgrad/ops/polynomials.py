"""The roots of polynomials: eigenvalues of a companion matrix, differentiated through p(z) = 0.

    p(z) = 0   gives   dp(z) + p'(z) dz = 0,   dz = -dp(z) / p'(z)

The derivative is exact whatever the eigenvalue solver rounds; it is infinite where a root is multiple.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, shaped
from . import elementwise, layout
from .rules import library
from .samples import Sample

_COMPLEX = {"f2": "c8", "f4": "c8", "f8": "c16", "c8": "c8", "c16": "c16"}


def _result_dtype(dtype: np.dtype) -> np.dtype:
    return np.dtype(_COMPLEX[dtype.str[1:]])


def _roots_impl(p: Any) -> Any:
    """Of each row of coefficients; the first one must not be zero."""
    n = p.shape[-1] - 1
    wide = p.astype(np.result_type(p.dtype, np.float64))
    companion = np.zeros((*p.shape[:-1], n, n), wide.dtype)
    companion[..., 1:, :-1] = np.eye(n - 1)
    with np.errstate(all="ignore"):
        companion[..., 0, :] = -wide[..., 1:] / wide[..., :1]
    return np.linalg.eigvals(companion).astype(_result_dtype(p.dtype))


def _roots_aval(p: ShapedArray) -> ShapedArray:
    if p.ndim < 1 or p.shape[-1] < 2 or p.dtype.kind not in "fc":
        raise TypeError(f"roots: needs at least two floating or complex coefficients, got {p}")
    return shaped((*p.shape[:-1], p.shape[-1] - 1), _result_dtype(p.dtype))


def _value(p: Any, z: Any) -> Any:
    """p(z) by Horner's rule: every row of coefficients at every root of its row."""
    n = p.shape[-1]
    column = lambda k: layout.broadcast(
        layout.reshape(layout.slice_axis(p, p.ndim - 1, k, k + 1), shape=p.shape[:-1]), shape=tuple(z.shape), dims=tuple(range(p.ndim - 1)))  # fmt: skip
    result = column(0)
    for k in range(1, n):
        result = elementwise.add(elementwise.mul(result, z), column(k))
    return result


def _slope(p: Any) -> Any:
    """The coefficients of p'."""
    n = p.shape[-1]
    powers = np.arange(n - 1, 0, -1).astype(p.dtype)
    kept = layout.slice_axis(p, p.ndim - 1, 0, n - 1)
    return elementwise.mul(kept, layout.broadcast(powers, shape=tuple(kept.shape), dims=(p.ndim - 1,)))


def _roots_linearize(p: Any) -> tuple[Any, Callable]:
    z = roots(p)
    rise = _value(elementwise.convert(_slope(p), dtype=z.dtype), z)
    return z, lambda t: elementwise.neg(elementwise.div(_value(elementwise.convert(t, dtype=z.dtype), z), rise))


def _roots_batch(size: int, args: list, axes: list) -> tuple[Any, int]:
    return roots(layout.move_axis(args[0], axes[0], 0)), 0


roots = library(
    "roots", _roots_impl, aval=_roots_aval, batch=_roots_batch, lower=lowering.Callback(), linearize=_roots_linearize,
    samples=lambda: [Sample([np.array([3.0, -21.0, -102.0, 120.0])]), Sample([np.array([2.0, 0.5, 3.0])]), Sample([np.array([[1.0, 3.0], [2.0, -1.0]])])])  # fmt: skip
