# ruff: noqa: E501
"""The methods of quantile, against NumPy and against difference quotients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.test_util import check_grads

X = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.0])
Q = np.array([0.0, 0.1, 0.25, 1 / 3, 0.5, 2 / 3, 0.75, 0.9, 1.0])
METHODS = """inverted_cdf averaged_inverted_cdf interpolated_inverted_cdf hazen weibull linear median_unbiased
normal_unbiased closest_observation lower higher midpoint nearest"""


@pytest.mark.parametrize("method", METHODS.split())
def test_methods(method: str) -> None:
    f = fg.jit(lambda x: fnp.quantile(x, Q, method=method))
    for x in (X, X[:6], X[:1], X.astype(np.float32), np.array([5, 1, 4, 8])):
        expected = np.quantile(x, Q, method=method)
        assert f(x).dtype == expected.dtype or x.dtype == np.float32
        np.testing.assert_allclose(f(x), expected, rtol=2e-6 if x.dtype == np.float32 else 1e-12)
    check_grads(lambda x: fnp.quantile(x, Q, method=method), (X,), order=1)


GROUPS = [
    [-np.inf, -np.inf, 1.0], [-np.inf, 1.0, 2.0], [1.0, 2.0, np.inf], [-np.inf, np.inf], [np.inf] * 3, [1e308, 1.2e308, -1e308],
    [1.0, np.nan, 2.0, 7.0], [np.nan, np.nan], [5.0], [2.0, 2.0, 2.0, 7.0],
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS.split())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_infinities_and_nan(method: str) -> None:
    """The bits of NumPy's interpolation, NaN of infinite differences included, with NaN left out and with them kept."""
    size = max(map(len, GROUPS))
    rows = np.array([[*g, *g[:1] * (size - len(g))] for g in GROUPS])
    kept, left_out = fg.jit(lambda x: [f(x, Q, axis=1, method=method) for f in (fnp.quantile, fnp.nanquantile)])(rows)
    np.testing.assert_allclose(kept, np.quantile(rows, Q, axis=1, method=method), rtol=1e-14)
    np.testing.assert_allclose(left_out, np.nanquantile(rows, Q, axis=1, method=method), rtol=1e-14)
    percent = fg.vjp(lambda x: np.nanpercentile(x, 30, axis=0, method=method), rows)[0]
    np.testing.assert_allclose(percent, np.nanpercentile(rows, 30, axis=0, method=method), rtol=1e-14)


def test_a_method_that_does_not_exist() -> None:
    for f in (fnp.quantile, fnp.nanquantile):
        with pytest.raises(ValueError, match="'nearby' is not a valid method; use one of"):
            fg.jit(lambda x, f=f: f(x, 0.5, method="nearby"))(X)


WEIGHTED = [
    (X, np.array([1.0, 0.0, 2.0, 0.5, 1.0, 3.0, 0.0]), None),
    (np.array([[3, 1, 4], [1, 5, 9]]), np.array([2, 0, 1]), 1), (X[:6].reshape(2, 3), np.array([0.0, 1.0]), 0),
    (np.arange(24.0).reshape(2, 3, 4)[::-1], np.arange(8.0).reshape(4, 2), (2, 0)),
    (np.array([[1.0, np.nan, 3.0], [2.0, 4.0, 0.0]]), np.array([1.0, 5.0, 1.0]), 1), (X.astype(np.float32), np.ones(7), None),
]  # fmt: skip


def whole(weights: np.ndarray, x: np.ndarray, axis: Any) -> np.ndarray:
    """Weights along axes, one for each element."""
    if axis is None:
        return weights
    axes = np.atleast_1d(axis)
    shape = [n if d in axes else 1 for d, n in enumerate(x.shape)]
    return np.broadcast_to(weights.transpose(np.argsort(axes)).reshape(shape), x.shape)


@pytest.mark.parametrize(("x", "weights", "axis"), WEIGHTED, ids=range(len(WEIGHTED)))
def test_weights(x: np.ndarray, weights: np.ndarray, axis: Any) -> None:
    for f in (np.quantile, np.nanquantile):
        for q in (0.3, 0.0, 1.0, Q):
            # NumPy's nanquantile raises an IndexError for weights of one axis.
            given = whole(weights, x, axis) if f is np.nanquantile else weights
            expected = f(x, q, axis=axis, method="inverted_cdf", weights=given)
            actual = fg.jit(lambda x, w, f=f, q=q: f(x, q, axis=axis, method="inverted_cdf", weights=w))(x, weights)
            assert actual.dtype == expected.dtype
            np.testing.assert_array_equal(actual, expected)
    if x.dtype == np.float64 and not np.isnan(x).any():
        check_grads(lambda x: np.percentile(x, 40, axis, method="inverted_cdf", weights=weights), (x,), order=2)
        assert not fg.grad(lambda w: np.sum(fnp.quantile(x, 0.4, axis, method="inverted_cdf", weights=w)))(
            weights * 1.0
        ).any()


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"weights": np.ones(7)}, ValueError, "only the method 'inverted_cdf' supports weights, got 'linear'"),
        ({"weights": -np.ones(7), "method": "inverted_cdf"}, ValueError, "weights must be non-negative"),
        ({"weights": np.ones(3), "method": "inverted_cdf"}, TypeError, "axis must be given when the shapes"),
        (
            {"weights": np.ones(3), "method": "inverted_cdf", "axis": 0},
            ValueError,
            r"shape \(3,\) do not fit a of shape",
        ),
        ({"weights": np.ones(7) * 1j, "method": "inverted_cdf"}, TypeError, "weights must be real numbers"),
    ],
)
def test_weights_that_do_not_fit(options: dict, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        fg.jit(lambda x: fnp.quantile(x, 0.5, **options))(X)


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
