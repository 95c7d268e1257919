"""Incomplete elliptic integrals and Jacobi's elliptic functions, with derivatives in both arguments.

Derivatives in the parameter m have a removable singularity at m = 0, where a power series in m takes over.

Reference: https://dlmf.nist.gov/19.4, 22.13, 22.16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import elementwise as ew
from .elementwise import like
from .integrals import part
from .samples import Sample
from .scipy_kernels import scipy_function

_NEAR, _TERMS = 0.2, 26  # where the series is used; 0.2^26 is below the distance from 1 to the next number


def _by_series(phi: Any, m: Any, first: float, elsewhere: Callable) -> Any:
    """The integral of sin^2 (1 - m sin^2)^-first from 0 to phi: by powers of m around 0.

    The term of m^k is (first)_k / k! times the integral of sin^(2 k + 2), which follows from the one before.
    """
    near = ew.lt(ew.abs_(m), like(m, _NEAR))
    small, large = ew.select(near, m, like(m, 0)), ew.select(near, like(m, 0.5), m)
    sine = ew.sin(phi)
    odd, square = sine * ew.cos(phi), ew.square(sine)
    integral, total, factor = phi, like(m, 0), like(m, 1)
    for k in range(_TERMS):
        integral = ((2 * k + 1) * integral - odd) * (1 / (2 * k + 2))
        total = total + factor * integral
        odd, factor = odd * square, factor * small * ((first + k) / (k + 1))
    return ew.select(near, total, elsewhere(ew.select(near, like(phi, 0.5), phi), large))


def _delta(phi: Any, m: Any) -> Any:
    return ew.sqrt(1 - m * ew.square(ew.sin(phi)))


def _first_kind_in_m(phi: Any, m: Any) -> Any:
    """dF/dm"""

    def elsewhere(phi: Any, m: Any) -> Any:
        along = (ellipeinc(phi, m) - 0.5 * m * ew.sin(2 * phi) / _delta(phi, m)) / (1 - m)
        return (along - ellipkinc(phi, m)) / m

    return 0.5 * _by_series(phi, m, 1.5, elsewhere)


def _second_kind_in_m(phi: Any, m: Any) -> Any:
    """dE/dm"""
    return -0.5 * _by_series(phi, m, 0.5, lambda phi, m: (ellipkinc(phi, m) - ellipeinc(phi, m)) / m)


_angles = lambda: [Sample([np.array([0.4, -1.2, 2.5, 0.7]), np.array([0.5, 0.05, 0.3, 0.7])])]
ellipkinc = scipy_function("ellipkinc", (lambda out, phi, m: 1 / _delta(phi, m), lambda out, phi, m: _first_kind_in_m(phi, m)), _angles)
ellipeinc = scipy_function("ellipeinc", (lambda out, phi, m: _delta(phi, m), lambda out, phi, m: _second_kind_in_m(phi, m)), _angles)


def _turning(u: Any, m: Any) -> Any:
    """d am(u, m) / dm, by F(am(u, m), m) = u."""
    return -ellipj_2(u, m) * _first_kind_in_m(ellipj_3(u, m), m)


# sn, cn, dn, am
ellipj_0 = part("ellipj", 0, (lambda out, u, m: ellipj_1(u, m) * ellipj_2(u, m), lambda out, u, m: ellipj_1(u, m) * _turning(u, m)), _angles)
ellipj_1 = part("ellipj", 1, (lambda out, u, m: -ellipj_0(u, m) * ellipj_2(u, m), lambda out, u, m: -ellipj_0(u, m) * _turning(u, m)), _angles)
ellipj_2 = part("ellipj", 2, (
    lambda out, u, m: -m * ellipj_0(u, m) * ellipj_1(u, m),
    lambda out, u, m: -ellipj_0(u, m) * (0.5 * ellipj_0(u, m) + m * ellipj_1(u, m) * _turning(u, m)) / out), _angles)  # fmt: skip
ellipj_3 = part("ellipj", 3, (lambda out, u, m: ellipj_2(u, m), lambda out, u, m: _turning(u, m)), _angles)

__all__ = ["ellipeinc", "ellipj_0", "ellipj_1", "ellipj_2", "ellipj_3", "ellipkinc"]
