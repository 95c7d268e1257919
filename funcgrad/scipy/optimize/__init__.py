"""scipy.optimize for functions of pytrees: derivatives are automatic, and solutions have derivatives themselves.

Example:
    >>> import numpy as np, funcgrad as fg
    >>> fg.scipy.optimize.brentq(lambda x: np.cos(x) - x, 0.0, 1.0).round(6)
    np.float64(0.739085)
"""

from .bfgs import fmin_bfgs
from .curves import curve_fit
from .fitting import least_squares
from .minimizing import minimize
from .roots import brentq, minimize_scalar, root, root_scalar

__all__ = ["brentq", "curve_fit", "fmin_bfgs", "least_squares", "minimize", "minimize_scalar", "root", "root_scalar"]
