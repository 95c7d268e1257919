"""Bessel functions: of the first and second kind, modified, and scaled by exponentials.

With this module one can compute and differentiate them to any order in the argument. A derivative in the order v has
no formula here that holds everywhere, so asking for one is an error. `v` is an operand like the argument, which need
not be an integer.

Reference: M. Abramowitz, I. Stegun, Handbook of Mathematical Functions (1964), 9.1.27, 9.6.26; https://dlmf.nist.gov/10.6.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..core import scalar as sc
from ..core.primitive import refused
from .elementwise import like, sign
from .rules import elementwise, nondiff
from .samples import Sample, points
from .scipy_kernels import refuse, scipy_function

_orders = lambda: [Sample([np.array([0.0, 1.0, 2.5, 3.0]), np.array([0.7, 1.9, 3.1, 6.0])], constant=(0,))]
_right, _both = points(0.4, 1.7, 5.0), points(-2.3, 0.6, 4.0)


def _halves(f: Any, sign_of_next: int) -> Any:
    """(f_(v-1) -+ f_(v+1)) / 2, up to the sign of the whole."""
    return lambda v, x: 0.5 * (f(v - 1, x) + sign_of_next * f(v + 1, x))


def _of_order(name: str, slope: Any) -> Any:
    return scipy_function(name, (refuse(name, "the order v"), slope), _orders)


def _two(x: Any) -> Any:
    return like(x, 2)


jv = _of_order("jv", lambda out, v, x: _halves(jv, -1)(v, x))
yv = _of_order("yv", lambda out, v, x: _halves(yv, -1)(v, x))
iv = _of_order("iv", lambda out, v, x: _halves(iv, 1)(v, x))
kv = _of_order("kv", lambda out, v, x: -_halves(kv, 1)(v, x))
ive = _of_order("ive", lambda out, v, x: _halves(ive, 1)(v, x) - sign(x) * out)
kve = _of_order("kve", lambda out, v, x: out - _halves(kve, 1)(v, x))

j0 = scipy_function("j0", lambda out, x: -j1(x), _both)
j1 = scipy_function("j1", lambda out, x: 0.5 * (j0(x) - jv(_two(x), x)), _both)
y0 = scipy_function("y0", lambda out, x: -y1(x), _right)
y1 = scipy_function("y1", lambda out, x: 0.5 * (y0(x) - yv(_two(x), x)), _right)
i0 = scipy_function("i0", lambda out, x: i1(x), _both)
i1 = scipy_function("i1", lambda out, x: 0.5 * (i0(x) + iv(_two(x), x)), _both)
k0 = scipy_function("k0", lambda out, x: -k1(x), _right)
k1 = scipy_function("k1", lambda out, x: -0.5 * (k0(x) + kv(_two(x), x)), _right)
i0e = scipy_function("i0e", lambda out, x: i1e(x) - sign(x) * out, _right)
i1e = scipy_function("i1e", lambda out, x: 0.5 * (i0e(x) + ive(_two(x), x)) - sign(x) * out, _right)
k0e = scipy_function("k0e", lambda out, x: out - k1e(x), _right)
k1e = scipy_function("k1e", lambda out, x: out - 0.5 * (k0e(x) + kve(_two(x), x)), _right)



def _refused(n: Any, *, name: str) -> NoReturn:
    refuse(name, "the order n")()


whole_order = elementwise("whole_order", lambda n, *, name: np.trunc(n), scalar=lambda n, *, name: sc.trunc(n), kinds="f", partials=nondiff, samples=lambda: [Sample([np.array([2.7, -1.0])], dict(name="kn"))])
whole_order.linearize, whole_order.differentiation = _refused, refused

__all__ = ["i0", "i0e", "i1", "i1e", "iv", "ive", "j0", "j1", "jv", "k0", "k0e", "k1", "k1e", "kv", "kve", "whole_order", "y0", "y1", "yv"]
