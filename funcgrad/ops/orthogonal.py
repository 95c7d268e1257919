"""Orthogonal polynomials and associated Legendre functions: values by SciPy, derivatives in the argument to any order.

The derivative of a polynomial is one of a lower degree of the same or a neighbouring family. Degrees and parameters have
none here, and say so. A degree that is a whole number takes SciPy's recurrence, whatever its type.

Reference: https://dlmf.nist.gov/18.9; https://dlmf.nist.gov/14.10
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from . import elementwise as ew
from .elementwise import like
from .rules import elementwise
from .samples import Sample
from .scipy_kernels import refuse, scipy_function


def _impl(name: str) -> Callable:
    """SciPy's function, in double precision, with whole degrees as integers."""

    def impl(n: Any, *rest: Any) -> Any:
        function = getattr(importlib.import_module("scipy.special"), name)
        n, *wide = (np.asarray(v, np.float64) for v in (n, *rest))
        whole = np.asarray(n == np.trunc(n))
        with np.errstate(all="ignore"):
            value = np.asarray(function(np.where(whole, n, 0).astype(np.int64), *wide))
            if not whole.all():
                value = np.where(whole, value, np.nan if name in _WHOLE else function(n, *wide))
        return value.astype(rest[-1].dtype)[()]

    return impl


_WHOLE = ("eval_hermite", "eval_hermitenorm")  # of whole degrees only, in SciPy, too


def _polynomial(name: str, parameters: str, slope: Callable) -> Any:
    """Declare one from its derivative, a function of degree, parameters and argument; that of degree 0 is 0."""

    def partial(out: Any, n: Any, *rest: Any) -> Any:
        constant = ew.eq(n, like(n, 0))
        value = slope(ew.select(constant, like(n, 1), n), *rest)
        return ew.select(constant, like(value, 0), value)

    refused = (refuse(name, "the degree n"), *[refuse(name, f"the parameter {p}") for p in parameters])
    count = len(refused)
    values = [np.array([0.0, 1.0, 4.0, 2.0]), np.full(4, 0.6), np.full(4, 1.3)][:count]
    samples = lambda: [Sample([*values, np.array([0.3, -0.4, 0.7, 0.2])], constant=tuple(range(count)))]
    prim = elementwise(name, _impl(name), kinds="f", partials=(*refused, partial), samples=samples)
    prim.lower = lowering.Callback()
    return prim


def _two(x: Any) -> Any:
    return like(x, 2)


eval_jacobi = _polynomial("eval_jacobi", "ab", lambda n, a, b, x: 0.5 * (n + a + b + 1) * eval_jacobi(n - 1, a + 1, b + 1, x))
eval_gegenbauer = _polynomial("eval_gegenbauer", "a", lambda n, a, x: 2 * a * eval_gegenbauer(n - 1, a + 1, x))
eval_legendre = _polynomial("eval_legendre", "", lambda n, x: eval_gegenbauer(n - 1, like(x, 1.5), x))
eval_chebyt = _polynomial("eval_chebyt", "", lambda n, x: n * eval_chebyu(n - 1, x))
eval_chebyu = _polynomial("eval_chebyu", "", lambda n, x: 2 * eval_gegenbauer(n - 1, _two(x), x))
eval_genlaguerre = _polynomial("eval_genlaguerre", "a", lambda n, a, x: -eval_genlaguerre(n - 1, a + 1, x))
eval_laguerre = _polynomial("eval_laguerre", "", lambda n, x: -eval_genlaguerre(n - 1, like(x, 1), x))
eval_hermite = _polynomial("eval_hermite", "", lambda n, x: 2 * n * eval_hermite(n - 1, x))
eval_hermitenorm = _polynomial("eval_hermitenorm", "", lambda n, x: n * eval_hermitenorm(n - 1, x))

lpmv = scipy_function(
    "lpmv", samples=lambda: [Sample([np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.5]), np.array([0.3, -0.4, 0.7])], constant=(0, 1))],
    partials=(refuse("lpmv", "the order m"), refuse("lpmv", "the degree v"), lambda out, m, v, x: (v * x * out - (v + m) * lpmv(m, v - 1, x)) / (x * x - 1)))  # fmt: skip

__all__ = [
    "eval_chebyt", "eval_chebyu", "eval_gegenbauer", "eval_genlaguerre", "eval_hermite", "eval_hermitenorm",
    "eval_jacobi", "eval_laguerre", "eval_legendre", "lpmv",
]  # fmt: skip
