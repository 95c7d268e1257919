"""scipy.integrate: integrals of functions and of samples, and ordinary differential equations, with derivatives.

Example:
    >>> import numpy as np, funcgrad as fg
    >>> fg.scipy.integrate.odeint(lambda y, t: -y, 1.0, np.array([0.0, 1.0])).round(6)
    array([1.      , 0.367879])
"""

from .initial_value import solve_ivp
from .odes import odeint
from .quadrature import fixed_quad, quad
from .sampled import cumulative_trapezoid, simpson, trapezoid

__all__ = ["cumulative_trapezoid", "fixed_quad", "odeint", "quad", "simpson", "solve_ivp", "trapezoid"]
