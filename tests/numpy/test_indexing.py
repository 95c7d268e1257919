# ruff: noqa: E501
"""Indexing against NumPy: random basic and advanced indices for reading and writing, traced indices, masks, and errors."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_modes import assert_same, eager, staged

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import errors
from funcgrad.core.avals import aval_of
from funcgrad.core.tracing import Trace

FAST = settings(max_examples=60, deadline=None, derandomize=True)
SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)


@st.composite
def mixed_indices(draw: Any, shape: tuple[int, ...]) -> tuple:
    """Any mixture of integers, slices, None, one ellipsis and integer arrays that broadcast together."""
    k = draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=3))
    items: list[Any] = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        kind = draw(st.sampled_from(["int", "slice", "slice", "array", "array"]))
        if kind == "int":
            items.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            items.append(draw(st.slices(n)))
        else:
            part = tuple(draw(st.sampled_from([m, 1])) for m in k)
            items.append(draw(hnp.arrays(np.int64, part, elements=st.integers(-n, n - 1))))
        if draw(st.integers(0, 4)) == 0:
            items.append(None)
    if draw(st.booleans()):
        items.append(Ellipsis)
    return tuple(items)


def _shaped(data: Any) -> tuple[np.ndarray, Any]:
    shape = data.draw(SHAPES)
    index = data.draw(
        st.one_of(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True), mixed_indices(shape))
    )
    return np.arange(float(np.prod(shape))).reshape(shape), index


@FAST
@given(st.data())
def test_reading(data: Any) -> None:
    x, index = _shaped(data)
    for run in (eager, staged):
        assert_same(run(lambda t: t[index], [x]), x[index], f"{x.shape}[{index}]")


@FAST
@given(st.data())
def test_reading_with_traced_index_arrays(data: Any) -> None:
    x, index = _shaped(data)
    index = index if isinstance(index, tuple) else (index,)
    places = [k for k, i in enumerate(index) if isinstance(i, np.ndarray)]

    def f(t: Any, *traced: Any) -> Any:
        items = list(index)
        for k, i in zip(places, traced):
            items[k] = i
        return t[tuple(items)]

    for run in (eager, staged):
        assert_same(run(f, [x, *(index[k] for k in places)]), x[index], f"{x.shape}[{index}]")


@FAST
@given(st.data())
def test_writing(data: Any) -> None:
    x, index = _shaped(data)
    value = 100.0 + np.arange(float(np.size(x[index]))).reshape(np.shape(x[index]))
    replaced, increased = x.copy(), x.copy()
    replaced[index] = value
    np.add.at(increased, index, value)
    for run in (eager, staged):
        assert_same(run(lambda t, v: t.at[index].set(v), [x, value]), replaced, f"{x.shape}[{index}] = v")
        assert_same(run(lambda t, v: t.at[index].add(v), [x, value]), increased, f"{x.shape}[{index}] += v")


@FAST
@given(st.data())
def test_updates_apply_at_every_repetition(data: Any) -> None:
    x, index = _shaped(data)
    x = x + 1.5
    value = np.asarray(2.0 + np.arange(float(np.size(x[index]))).reshape(np.shape(x[index])) % 3)
    for name, ufunc in (
        ("multiply", np.multiply),
        ("min", np.minimum),
        ("max", np.maximum),
        ("divide", np.divide),
        ("subtract", np.subtract),
    ):
        expected = x.copy()
        ufunc.at(expected, index, value)
        actual = getattr(fnp.at(x)[index], name)(value)
        assert_same(actual, expected, f"{x.shape} at {index} {name}", rtol=1e-13)


def test_boolean_masks() -> None:
    x = np.arange(12.0).reshape(3, 4)
    mask = x % 3 == 1
    rows = np.array([True, False, True])
    for run in (eager, staged):
        assert_same(run(lambda t: t[mask], [x]), x[mask], "mask")
        assert_same(run(lambda t: t[rows, 1:], [x]), x[rows, 1:], "rows")
        assert_same(run(lambda t: t[rows, [0, 3]], [x]), x[rows, [0, 3]], "rows and list")
        assert_same(run(lambda t: t.at[mask].set(0.0), [x]), np.where(mask, 0, x), "mask set")
    assert_same(eager(lambda t: t[t > 4], [x]), x[x > 4], "traced mask")
    with pytest.raises(errors.ConcretizationError, match=r"funcgrad.numpy.where\(mask, x, 0\)"):
        staged(lambda t: t[t > 4], [x])


def test_traced_scalars_wrap_and_clamp() -> None:
    x = np.arange(12.0).reshape(3, 4)
    for i in (-3, -1, 0, 2):
        assert_same(staged(lambda t, i: t[i], [x, np.int64(i)]), x[i], "traced scalar")
        assert_same(staged(lambda t, i: t[:, i, None], [x, np.int64(i)]), x[:, i, None], "traced scalar on axis 1")
    assert_same(staged(lambda t, i: t[i], [x, np.int64(9)]), x[2], "reading clamps")
    assert_same(staged(lambda t, i: t[i, 1], [x, np.int64(-9)]), x[0, 1], "reading clamps below")
    assert_same(staged(lambda t, i: t.at[i].set(0.0), [x, np.int64(9)]), x, "writing drops")
    assert_same(staged(lambda t, i: t.at[i].get(mode="fill"), [x, np.int64(9)]), np.full(4, np.nan), "fill")
    assert_same(staged(lambda t, i: t.at[i].get(mode="clip"), [x, np.int64(9)]), x[2], "clip")
    assert_same(staged(lambda t, i: fnp.take(x, i, axis=0), [x, np.int64(1)]), x[1], "take of a constant table")
    with pytest.raises(IndexError, match="out of bounds"):
        eager(lambda t, i: t[i], [x, np.int64(9)])


@pytest.mark.parametrize(
    ("index", "text"),
    [(3, "index 3 is out of bounds for axis 0 with size 3"), ((0, -5), "index -5 is out of bounds for axis 1 with size 4"),
     ([0, 7], "index 7 is out of bounds"), ((0, 0, 0), "too many indices"), ((..., ...), "single ellipsis"), ("a", "only integers, slices"),
     (1.5, "only integers, slices"), (([0, 1], [0, 1, 2]), "cannot be broadcast"), (np.ones(5, bool), "boolean index of shape")],
)  # fmt: skip
def test_bad_indices_raise_as_in_numpy(index: Any, text: str) -> None:
    x = np.arange(12.0).reshape(3, 4)
    with pytest.raises(IndexError):
        x[index]
    for run in (eager, staged):
        with pytest.raises(IndexError, match=text):
            run(lambda t: t[index], [x])


def test_assignment_points_to_at() -> None:
    def assign(t: Any) -> Any:
        t[0] = 1.0
        return t

    with pytest.raises(TypeError, match=r"x = x\.at\[index\]\.set\(value\)"):
        eager(assign, [np.zeros(3)])


def test_at_on_plain_arrays_leaves_them_alone() -> None:
    x = np.arange(4.0)
    y = fnp.at(x)[[1, 1]].add(10.0)
    np.testing.assert_array_equal(y, [0, 21, 2, 3])
    np.testing.assert_array_equal(x, [0, 1, 2, 3])
    np.testing.assert_array_equal(fnp.at(x)[1].apply(np.exp), [0, np.e, 2, 3])
    np.testing.assert_array_equal(fnp.at(x)[::2].power(2), [0, 1, 4, 3])
    assert fnp.at(x)[9].get(mode="fill", fill_value=-1.0) == -1.0
    with pytest.raises(ValueError, match="could not broadcast"):
        fnp.at(x)[1:].set(np.ones(2))
    with pytest.raises(ValueError, match="mode must be one of"):
        fnp.at(x)[1:].set(1, mode="other")


def test_shapes_of_iteration_and_unpacking() -> None:
    with Trace(eager=True) as trace:
        t = trace.input(aval_of(np.ones((2, 3))), np.ones((2, 3)))
        first, second = t
        assert first.shape == second.shape == (3,)
        assert len(t) == 2 and len(list(t.flat)) == 6


TRUTHS = [
    True, False, (True, False), (None, False), (0, True), (slice(1, None), True, -1), (True, [0, 1]), ([1], slice(None), False, True),
    (..., True, [0, 2]), (True, np.array([True, False])), (np.array(False), 1), (np.bool_(True), [[0], [1]], slice(None, None, -1)),
]  # fmt: skip


@pytest.mark.parametrize("index", TRUTHS, ids=str)
def test_truth_values_are_indices_without_an_axis(index: Any) -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    want = x[index]
    for run in (eager, staged):
        assert_same(run(lambda t: t[index], [x]), want, f"x[{index}]")
        written, added, tripled = x.copy(), x.copy(), x.copy()
        written[index] = 7.0
        np.add.at(added, index, want + 1.0)
        np.multiply.at(tripled, index, 3.0)
        assert_same(run(lambda t: t.at[index].set(7.0), [x]), written, f"set {index}")
        assert_same(run(lambda t: t.at[index].add(want + 1.0), [x]), added, f"add {index}")
        assert_same(run(lambda t: t.at[index].multiply(3.0), [x]), tripled, f"multiply {index}")
        assert_same(run(lambda t: t.at[index].get(mode="fill"), [x]), want, f"get {index}")


def test_truth_values_as_indices_in_derivatives_batches_and_compiled_code() -> None:
    x = np.arange(6.0).reshape(2, 3)
    loss = lambda t: np.sum(t[True, 1:] ** 2) + np.sum(t[None, False]) + np.sum(t.at[True, 0].set(3.0))  # noqa: E731
    expected = np.array([[0.0, 0.0, 0.0], [7.0, 9.0, 11.0]])
    assert_same(fg.grad(loss)(x), expected, "grad")
    assert_same(fg.jit(fg.grad(loss))(x), expected, "jit")
    assert_same(fg.vmap(lambda t: t[True, 0])(x), x[:, :1], "vmap")
    assert_same(fg.grad(lambda t: t[True][0] * 2.0)(1.0), np.float64(2.0), "of a number")
    with pytest.raises(errors.ConcretizationError, match="a boolean index"):
        fg.jit(lambda t, c: t[c])(x, True)
