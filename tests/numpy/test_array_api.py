# ruff: noqa: E501, SIM905
"""The Python array API standard, 2024.12: all names of its main namespace, and code that knows arrays by it alone.

Reference: https://data-apis.org/array-api/2024.12/
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.core.avals import aval_of
from funcgrad.core.tracing import Trace

NAMES = {
    "constants": "e inf nan newaxis pi",
    "dtypes": "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128",
    "creation": "arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like",
    "dtype functions": "astype can_cast finfo iinfo isdtype result_type",
    "elementwise": "abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or bitwise_right_shift bitwise_xor ceil clip conj "
    "copysign cos cosh divide equal exp expm1 floor floor_divide greater greater_equal hypot imag isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp "
    "logical_and logical_not logical_or logical_xor maximum minimum multiply negative nextafter not_equal positive pow real reciprocal remainder round sign signbit sin sinh "
    "square sqrt subtract tan tanh trunc",
    "indexing": "take take_along_axis", "inspection": "__array_namespace_info__ __array_api_version__", "linear algebra": "matmul matrix_transpose tensordot vecdot",
    "manipulation": "broadcast_arrays broadcast_to concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack",
    "searching": "argmax argmin count_nonzero nonzero searchsorted where", "sets": "unique_all unique_counts unique_inverse unique_values", "sorting": "argsort sort",
    "statistics": "cumulative_prod cumulative_sum max mean min prod std sum var", "utility": "all any diff",
}  # fmt: skip
METHODS = (
    "__abs__ __add__ __and__ __array_namespace__ __bool__ __complex__ __eq__ __float__ __floordiv__ __ge__ __getitem__ __gt__ __index__ __int__ __invert__ __le__ __lshift__ __lt__ "
    "__matmul__ __mod__ __mul__ __ne__ __neg__ __or__ __pos__ __pow__ __rshift__ __setitem__ __sub__ __truediv__ __xor__ __radd__ __rmul__ __rsub__ __rpow__ __rmatmul__ "
    "to_device device dtype mT ndim shape size T"
).split()


@pytest.mark.parametrize("group", sorted(NAMES))
def test_every_name_of_the_standard_exists(group: str) -> None:
    assert [name for name in NAMES[group].split() if not hasattr(fnp, name)] == []


def test_the_array_object_has_the_attributes_of_the_standard() -> None:
    with Trace(eager=True) as trace:
        t = trace.input(aval_of(np.ones((2, 2))), np.ones((2, 2)))
        assert [name for name in METHODS if not hasattr(t, name)] == []
        assert t.__array_namespace__() is fnp and t.__array_namespace__(api_version="2024.12") is fnp
        assert t.device == "cpu" and t.to_device("cpu") is t
        with pytest.raises(ValueError, match="version '1999' of the array API"):
            t.__array_namespace__(api_version="1999")
        with pytest.raises(ValueError, match="the only device is 'cpu'"):
            t.to_device("gpu")
    info = fnp.__array_namespace_info__()
    assert info.default_device() == "cpu" and info.default_dtypes()["real floating"] == np.float64


def standardize(x: Any) -> Any:
    """Code that was written for no array library in particular."""
    xp = x.__array_namespace__()
    centred = x - xp.mean(x, axis=0, keepdims=True)
    scaled = centred / xp.std(x, axis=0, correction=1, keepdims=True)
    bounded = xp.clip(scaled, xp.asarray(-1.0), xp.asarray(1.0))
    stacked = xp.concat([bounded, xp.astype(xp.sort(scaled, axis=0, descending=True), xp.float64)], axis=1)
    return xp.sum(xp.cumulative_sum(xp.permute_dims(stacked, (1, 0)), axis=1, include_initial=True) ** 2)


def test_code_written_for_the_standard_is_transformed() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3))
    centred = x - x.mean(0)
    scaled = centred / x.std(0, ddof=1)
    expected = np.sum(np.cumsum(np.concatenate([np.clip(scaled, -1, 1), -np.sort(-scaled, 0)], 1).T, 1) ** 2)
    np.testing.assert_allclose(fg.jit(standardize)(x), expected, rtol=1e-12)
    gradient = fg.grad(standardize)(x)
    np.testing.assert_allclose(fg.jit(fg.grad(standardize))(x), gradient, rtol=1e-9, atol=1e-11)
    d, h = np.cos(np.arange(15.0)).reshape(5, 3), 1e-6
    ends = [fg.jit(standardize)(x + s * h * d) for s in (1, -1)]
    np.testing.assert_allclose(np.sum(gradient * d), (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-7)


def test_keywords_of_the_standard() -> None:
    x = np.array([2.0, 5.0, 2.0, 1.0])
    for run in (lambda f: f, fg.jit):
        np.testing.assert_array_equal(run(lambda x: fnp.sort(x, descending=True))(x), [5, 2, 2, 1])
        np.testing.assert_array_equal(run(lambda x: fnp.argsort(x, descending=True, stable=True))(x), [1, 0, 2, 3])
        np.testing.assert_array_equal(run(lambda x: fnp.argsort(x, descending=False))(x), [3, 0, 2, 1])
        np.testing.assert_array_equal(
            run(lambda x: fnp.zeros_like(x, device="cpu") + fnp.asarray(x, device="cpu"))(x), x
        )
        np.testing.assert_array_equal(run(lambda x: fnp.linspace(x[3], 3.0, 3, device="cpu"))(x), [1, 2, 3])
        np.testing.assert_array_equal(run(lambda x: fnp.full((2,), x[0], device="cpu"))(x), [2, 2])
        np.testing.assert_array_equal(
            run(lambda x: fnp.eye(2, device="cpu") * fnp.arange(2, device="cpu") + x[3])(x), [[1, 1], [1, 2]]
        )
