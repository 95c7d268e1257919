"""How a gamma sample moves with the shape parameter of its distribution: implicit reparameterization.

A sample z of the distribution function P(a, z) has a fixed rank P; from dP = 0 follows

    dz / da = -(dP/da) / p(z),      p(z) = z^(a-1) e^(-z) / Gamma(a),

which this file gives as d log z / da = (dz / da) / z, a function of a and log z that is positive and smooth. Three
formulas cover the plane; in each all terms have one sign, so that no digits are lost:

    z <= 1, a < 1:  sum_n c_n (psi(a + n + 1) - log z),  c_n = z^n / (a (a + 1) ... (a + n))    (the power series of P)
    z <= a:         int_0^inf (psi(a + 1) - log z + (z / a) w e^-w) exp(-a w + z (1 - e^-w)) dw    (the left tail)
    otherwise:      int_0^inf (log z + log(1 + y) - psi(a)) exp(-z y) (1 + y)^(a-1) dy             (the right tail)

The integrals are cut where the exponential has fallen by e^-40 and taken by Gauss-Legendre quadrature in the square
root of the variable. Relative error below 3e-13 for a from 1e-6 to 1e5. All is made of smooth functions, so that higher
derivatives follow by differentiation.

Reference: M. Figurnov, S. Mohamed, A. Mnih, Implicit reparameterization gradients, NeurIPS 2018.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..api.loops import scan
from ..ops.gamma_functions import digamma

NODES, TERMS, CUT = 32, 20, 40.0


@functools.cache
def _nodes(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of int_0^1 f(x) dx = int_0^1 f(s^2) 2 s ds."""
    s, w = np.polynomial.legendre.leggauss(NODES)
    s, w = (s + 1) / 2, w / 2
    return (s * s).astype(dtype), (2 * s * w).astype(dtype)


def _integral(f: Any, end: Any, like: Any) -> Any:
    """int_0^end f(t) dt, elementwise."""
    total, _ = scan(
        lambda sum_, node: (sum_ + node[1] * f(end * node[0]), None), fnp.zeros_like(like), _nodes(like.dtype)
    )
    return total * end


def _series(a: Any, log_z: Any) -> Any:
    z = fnp.exp(log_z)

    def step(carry: Any, n: Any) -> Any:
        total, coefficient, psi = carry
        total = total + coefficient * (psi - log_z)
        reciprocal = 1 / (a + n)
        return (total, coefficient * z * reciprocal, psi + reciprocal), None

    first = (fnp.zeros_like(a), 1 / a, digamma(a + 1))
    return scan(step, first, np.arange(1, TERMS + 1, dtype=a.dtype))[0][0]


def _left(a: Any, log_z: Any) -> Any:
    z = fnp.exp(log_z)
    b = CUT - 2 * (a - z)
    end = (b + fnp.sqrt(b * b + 8 * CUT * a)) / (2 * a)
    constant, ratio = digamma(a + 1) - log_z, z / a

    def f(w: Any) -> Any:
        return (constant + ratio * w * fnp.exp(-w)) * fnp.exp(-(a - z) * w - z * (w + fnp.expm1(-w)))

    return _integral(f, end, a)


def _right(a: Any, log_z: Any) -> Any:
    z = fnp.exp(log_z)
    m = fnp.maximum(a - 1, 0)
    lead, b = 2 * z - m, 2 * CUT - 2 * (z - m)
    end = (b + fnp.sqrt(b * b + 8 * CUT * lead)) / (2 * lead)
    constant = log_z - digamma(a)

    def f(y: Any) -> Any:
        log1p = fnp.log1p(y)
        return (constant + log1p) * fnp.exp((a - 1) * log1p - z * y)

    return _integral(f, end, a)


def log_gamma_slope(a: Any, log_z: Any) -> Any:
    """d log z / da at fixed P(a, z), elementwise, for arrays of one shape and dtype; a > 0."""
    small = (a < 1) & (log_z <= 0)
    left = ~small & (log_z <= fnp.log(a))
    right = ~small & ~left

    def only(where: Any, formula: Any) -> Any:
        """The formula where it holds, and its value at a harmless point elsewhere."""
        inside = 0.5 if formula is _series else 1.0
        return formula(fnp.where(where, a, inside), fnp.where(where, log_z, 0.0))

    return fnp.where(small, only(small, _series), fnp.where(left, only(left, _left), only(right, _right)))
