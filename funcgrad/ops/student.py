"""Student's t distribution and its inverse, with derivatives in the degrees of freedom.

With this module one can compute stdtr(df, t) and stdtrit(df, p) by SciPy's C functions and differentiate them in both
arguments, far into the tails. With y = t^2 / (df + t^2), the distribution is 1/2 + sign(t) I_y(1/2, df / 2) / 2; where
y is nearly 1, its complement is used.

Reference: https://dlmf.nist.gov/8.17; M. Abramowitz, I. Stegun, Handbook of Mathematical Functions (1964), 26.7.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import elementwise as ew
from .elementwise import like
from .gamma_functions import betaln
from .incomplete import betainc_ab
from .samples import Sample
from .scipy_kernels import scipy_function


def log_density(df: Any, t: Any) -> Any:
    """The logarithm of the density of t."""
    return -betaln(like(df, 0.5), 0.5 * df) - 0.5 * ew.log(df) - 0.5 * (df + 1) * _log_ratio(df, t)


def _log_ratio(df: Any, t: Any) -> Any:
    """log(1 + t^2 / df), also where t^2 overflows."""
    large = ew.gt(ew.abs_(t), like(t, 1e15))
    small, far = ew.select(large, like(t, 0), t), ew.select(large, ew.abs_(t), like(t, 1))
    return ew.select(large, 2 * ew.log(far) - ew.log(df), ew.log1p(small * small / df))


def _slope_in_df(df: Any, t: Any) -> Any:
    """By the chain rule through I_y(1/2, df / 2), where the part through y is -t / (2 df) times the density."""
    square = t * t
    near = ew.lt(square, df)
    one, half, safe = like(df, 1), like(df, 0.5), ew.select(near, like(df, 1), square)
    inner = betainc_ab(half, 0.5 * df, ew.select(near, square, half) / ew.select(near, df + square, one), j=0, k=1)
    outer = betainc_ab(0.5 * df, half, ew.select(near, half, df / (df + safe)), j=1, k=0)
    through_shape = 0.25 * ew.sign(t) * ew.select(near, inner, -outer)
    return through_shape - t / (2 * df) * ew.exp(log_density(df, t))


stdtr = scipy_function("stdtr", samples=lambda: [Sample([np.array([1.3, 4.0, 2.0, 7.5]), np.array([0.6, -1.7, 2.0, 3.1])])], partials=(
    lambda out, df, t: _slope_in_df(df, t), lambda out, df, t: ew.exp(log_density(df, t))))
stdtrit = scipy_function("stdtrit", samples=lambda: [Sample([np.array([1.3, 4.0, 0.7]), np.array([0.6, 0.2, 0.7])])], partials=(
    lambda out, df, p: -_slope_in_df(df, out) / ew.exp(log_density(df, out)), lambda out, df, p: ew.exp(-log_density(df, out))))

__all__ = ["log_density", "stdtr", "stdtrit"]
