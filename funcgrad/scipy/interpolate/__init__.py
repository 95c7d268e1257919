"""scipy.interpolate: functions through samples, with derivatives in the query and in the samples.

Example:
    >>> import numpy as np, funcgrad as fg
    >>> spline = fg.scipy.interpolate.CubicSpline(np.arange(4.0), np.arange(4.0) ** 3)
    >>> spline(1.5).round(9), fg.grad(spline)(1.5).round(9)
    (np.float64(3.375), np.float64(6.75))
"""

from .grids import RegularGridInterpolator, interp1d
from .piecewise import PiecewisePolynomial
from .splines import Akima1DInterpolator, CubicHermiteSpline, CubicSpline, PchipInterpolator

__all__ = [
    "Akima1DInterpolator", "CubicHermiteSpline", "CubicSpline", "PchipInterpolator", "PiecewisePolynomial",
    "RegularGridInterpolator", "interp1d",
]  # fmt: skip
