"""Sorting in compiled code: bit for bit NumPy's stable order, for every dtype, length and axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcgrad as fg
from funcgrad.compile import sorting_kernels

DTYPES = ["?", "b", "B", "h", "H", "i", "I", "q", "Q", "f", "d"]
LENGTHS = [0, 1, 2, 7, 33, sorting_kernels.SHORT, sorting_kernels.SHORT + 1, 300, sorting_kernels.NARROW + 1, 3000]


def values(dtype: str, shape: tuple, kind: str, seed: int) -> np.ndarray:
    """Ties, NaN and zeros of both signs; numbers that differ in the last bits only; or all of the range."""
    rng, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if kind == "bits":
        x = rng.integers(0, 256, (*shape, dtype.itemsize), dtype=np.uint8)
        return x.view(dtype)[..., 0] if dtype.kind != "b" else x[..., 0] > 127
    if kind == "near" and dtype.kind == "f":
        return (1 + rng.integers(0, 50, shape) * np.finfo(dtype).eps).astype(dtype)
    x = rng.integers(-4, 5, shape).astype(dtype)
    if dtype.kind == "f":
        x = np.where(rng.random(shape) < 0.2, np.nan, np.where(rng.random(shape) < 0.3, -0.0, x)).astype(dtype)
        x = np.where(rng.random(shape) < 0.1, np.inf, x).astype(dtype)
    return x


def assert_sorted_as_numpy(x: np.ndarray, axis: int) -> None:
    order = fg.jit(lambda x: np.argsort(x, axis=axis, kind="stable"))(x)
    out = fg.jit(lambda x: np.sort(x, axis=axis))(x)
    np.testing.assert_array_equal(order, np.argsort(x, axis=axis, kind="stable"))
    want = np.sort(x, axis=axis, kind="stable")
    np.testing.assert_array_equal(out, want)
    if x.dtype.kind == "f":
        number = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(out)[number], np.signbit(want)[number])


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(DTYPES), st.sampled_from(LENGTHS), st.sampled_from(["ties", "near", "bits"]),
       st.sampled_from([0, 1, 2]), st.integers(0, 9))  # fmt: skip
def test_order(dtype: str, length: int, kind: str, axis: int, seed: int) -> None:
    shape = tuple(length if d == axis else m for d, m in enumerate((2, 1, 3)))
    assert_sorted_as_numpy(values(dtype, shape, kind, seed), axis)


@pytest.mark.parametrize("kind", ["sorted", "reversed", "equal", "one outlier", "low bits"])
@pytest.mark.parametrize("dtype", ["d", "q", "f", "i"])
def test_patterns(dtype: str, kind: str) -> None:
    n = 2000
    k = np.arange(n)
    outlier, low = np.where(k == 5, 1e6, 0), k[::-1] + 2**24 * (k % 2)
    x = {"sorted": k, "reversed": k[::-1], "equal": k * 0, "one outlier": outlier, "low bits": low}[kind]
    assert_sorted_as_numpy(x.astype(dtype), 0)


def test_numbers_that_the_upper_digits_do_not_tell_apart() -> None:
    x = np.nextafter(1.0, 2.0) + np.arange(3000)[::-1] * np.finfo(float).eps
    assert len(np.unique(x.view(np.uint64) >> 22)) == 1, "only the two lower digits differ"
    assert_sorted_as_numpy(x, 0)


@pytest.mark.parametrize("length", [5, 200, 2000])
def test_the_gradient_is_the_inverse_rearrangement(length: int) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(3, length)), rng.normal(size=(3, length))
    f = lambda x, w: np.sum(np.sort(x, axis=1) * w)  # noqa: E731
    want = np.take_along_axis(w, np.argsort(np.argsort(x, axis=1), axis=1), axis=1)
    np.testing.assert_array_equal(fg.jit(fg.grad(f))(x, w), want)
    tangent = fg.jit(lambda x, t: fg.jvp(lambda x: np.sort(x, axis=1), (x,), (t,))[1])(x, w)
    np.testing.assert_array_equal(tangent, np.take_along_axis(w, np.argsort(x, axis=1), axis=1))
    second = fg.jit(fg.grad(lambda x: np.sum(fg.grad(lambda x: np.sum(np.sort(x, axis=1) ** 3 * w))(x) * w)))
    np.testing.assert_allclose(second(x), 6 * x * want * w, rtol=1e-13)


def test_nothing_calls_back_into_python() -> None:
    x = np.linspace(-1, 1, 300).reshape(3, 100)
    for f in (np.sort, np.argsort, fg.grad(lambda x: np.sum(np.sort(x) ** 2)), np.median):
        text = fg.jit(f).lower(x).as_text("kernels")
        assert "python" not in text, text


def test_what_cannot_be_sorted() -> None:
    from funcgrad.ops import sorting

    with pytest.raises(TypeError, match="sort: cannot order complex128"):
        fg.make_program(lambda x: sorting.sort(x, axis=0))(np.zeros(3, complex))
    with pytest.raises(TypeError, match=r"argsort: cannot order float64.3. along axis 1"):
        fg.make_program(lambda x: sorting.argsort(x, axis=1))(np.zeros(3))


def test_a_batch_of_lines_of_different_examples(seed: int = 0) -> None:
    x: Any = np.random.default_rng(seed).normal(size=(4, 130, 3))
    out = fg.jit(fg.vmap(lambda x: np.sort(x, axis=0), in_axes=2, out_axes=2))(x)
    np.testing.assert_array_equal(out, np.sort(x, axis=0))
