"""The methods of quantile, against NumPy and against difference quotients."""

from __future__ import annotations

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.test_util import check_grads

X = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.0])
Q = np.array([0.0, 0.1, 0.25, 1 / 3, 0.5, 2 / 3, 0.75, 0.9, 1.0])
METHODS = """inverted_cdf averaged_inverted_cdf interpolated_inverted_cdf hazen weibull linear median_unbiased
normal_unbiased lower higher midpoint nearest"""


@pytest.mark.parametrize("method", METHODS.split())
def test_methods(method: str) -> None:
    f = fg.jit(lambda x: fnp.quantile(x, Q, method=method))
    for x in (X, X[:6], X[:1], X.astype(np.float32), np.array([5, 1, 4, 8])):
        expected = np.quantile(x, Q, method=method)
        assert f(x).dtype == expected.dtype or x.dtype == np.float32
        np.testing.assert_allclose(f(x), expected, rtol=2e-6 if x.dtype == np.float32 else 1e-12)
    check_grads(lambda x: fnp.quantile(x, Q, method=method), (X,), order=1)


def test_other_methods_are_refused() -> None:
    with pytest.raises(ValueError, match="method 'closest_observation' is not supported on traced values; use one of"):
        fg.jit(lambda x: fnp.quantile(x, 0.5, method="closest_observation"))(X)


@pytest.mark.parametrize(
    "a", [[np.inf, np.inf, 1.0], [-np.inf, 2.0], [-np.inf, 1.0, np.inf], [1e308, 1e308, 1e308], [1.0, 2.0]]
)
def test_medians_of_infinite_and_large_numbers(a: list[float]) -> None:
    for f in (fnp.median, fnp.nanmedian):
        assert fg.jit(f)(np.array(a)) == f(np.array(a))
        np.testing.assert_allclose(fg.grad(f)(np.array(a)).sum(), 1.0)


@pytest.mark.parametrize("q", [0.3, [0.3, 0.7], np.array([0.3]), np.array([0.3], np.float32)], ids=str)
def test_dtypes_of_float32(q: object) -> None:
    for f in (np.quantile, np.nanquantile):
        expected = f(X.astype(np.float32), q)
        actual = fg.jit(lambda x, f=f: f(x, q))(X.astype(np.float32))
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=1e-6)
