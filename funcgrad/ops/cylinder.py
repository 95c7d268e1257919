"""Functions of Airy, Kelvin, Struve, Wright and Tricomi, with derivatives in the argument to any order.

Derivatives are other members of the family, or follow from its differential equation. Orders and parameters have none
here, and say so.

Reference: https://dlmf.nist.gov/9.2, 10.61, 10.63, 11.4, 13.3, 10.46.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import elementwise as ew
from .gamma_functions import rgamma
from .integrals import part
from .samples import Sample, points
from .scipy_kernels import refuse, scipy_function

_line, _right = points(-2.3, 0.6, 1.7), points(0.4, 1.7, 3.0)

# Ai, Ai', Bi, Bi': the second derivative is x times the function.
airy_0 = part("airy", 0, lambda out, x: airy_1(x), _line)
airy_1 = part("airy", 1, lambda out, x: x * airy_0(x), _line)
airy_2 = part("airy", 2, lambda out, x: airy_3(x), _line)
airy_3 = part("airy", 3, lambda out, x: x * airy_2(x), _line)

# f = ber + i bei and f = ker + i kei: f'' = i f - f' / x
ber = scipy_function("ber", lambda out, x: berp(x), _right)
bei = scipy_function("bei", lambda out, x: beip(x), _right)
berp = scipy_function("berp", lambda out, x: -bei(x) - out / x, _right)
beip = scipy_function("beip", lambda out, x: ber(x) - out / x, _right)
ker = scipy_function("ker", lambda out, x: kerp(x), _right)
kei = scipy_function("kei", lambda out, x: keip(x), _right)
kerp = scipy_function("kerp", lambda out, x: -kei(x) - out / x, _right)
keip = scipy_function("keip", lambda out, x: ker(x) - out / x, _right)


def _struve_slope(f: Any, sign: int) -> Any:
    """(f_(v-1) -+ f_(v+1) + (x / 2)^v / (sqrt(pi) gamma(v + 3/2))) / 2"""
    return lambda out, v, x: 0.5 * (f(v - 1, x) + sign * f(v + 1, x) + ew.power(0.5 * x, v) * rgamma(v + 1.5) * (1 / math.sqrt(math.pi)))


_orders = lambda: [Sample([np.array([0.0, 1.0, 2.5]), np.array([0.7, 1.0, 3.1])], constant=(0,))]
struve = scipy_function("struve", (refuse("struve", "the order v"), lambda *a: _struve_slope(struve, -1)(*a)), _orders)
modstruve = scipy_function("modstruve", (refuse("modstruve", "the order v"), lambda *a: _struve_slope(modstruve, 1)(*a)), _orders)

_three = lambda: [Sample([np.array([1.0, 0.5, 1.2]), np.array([2.0, 1.7, 3.0]), np.array([0.4, 1.1, 2.0])], constant=(0, 1))]
hyperu = scipy_function("hyperu", samples=_three, partials=(
    refuse("hyperu", "the parameter a"), refuse("hyperu", "the parameter b"), lambda out, a, b, x: -a * hyperu(a + 1, b + 1, x)))  # fmt: skip
wright_bessel = scipy_function("wright_bessel", samples=_three, partials=(
    refuse("wright_bessel", "the parameter a"), refuse("wright_bessel", "the parameter b"), lambda out, a, b, x: wright_bessel(a, a + b, x)))  # fmt: skip
log_wright_bessel = scipy_function("log_wright_bessel", samples=_three, partials=(
    refuse("log_wright_bessel", "the parameter a"), refuse("log_wright_bessel", "the parameter b"),
    lambda out, a, b, x: ew.exp(log_wright_bessel(a, a + b, x) - out)))  # fmt: skip

__all__ = [
    "airy_0", "airy_1", "airy_2", "airy_3", "bei", "beip", "ber", "berp", "hyperu", "kei", "keip", "ker", "kerp",
    "log_wright_bessel", "modstruve", "struve", "wright_bessel",
]  # fmt: skip
