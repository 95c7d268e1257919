# ruff: noqa: E501
"""Results whose size depends on data: with `size=` under jit, vmap and grad; and updates and reads by masks and modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import errors, tree
from funcgrad.test_util import check_grads

A = np.array([3.0, 1.0, 3.0, 2.0, 1.0])
B = np.array([2.0, 7.0, 3.0])
M = np.array([[True, False], [False, True]])
ROWS = np.array([[1, 2], [0, 1], [1, 2]])
NOTHING = np.zeros(0)
GAPS = np.array([1.0, np.nan, np.nan])

# The expected values are JAX's, written down.
SIZED: list[tuple[str, Callable, tuple, Any]] = [
    ("nonzero", lambda m: fnp.nonzero(m, size=3), (M,), ([0, 1, 0], [0, 1, 0])),
    ("nonzero, a fill for each axis", lambda m: fnp.nonzero(m, size=3, fill_value=(-1, -2)), (M,), ([0, 1, -1], [0, 1, -2])),
    ("nonzero, too many", lambda m: fnp.nonzero(m, size=1), (M,), ([0], [0])),
    ("nonzero, none", lambda m: fnp.nonzero(m & ~m, size=2, fill_value=9), (M,), ([9, 9], [9, 9])),
    ("where", lambda a: fnp.where(a > 1, size=4, fill_value=-1), (A,), ([0, 2, 3, -1],)),
    ("argwhere", lambda m: fnp.argwhere(m, size=3, fill_value=-1), (M,), [[0, 0], [1, 1], [-1, -1]]),
    ("flatnonzero", lambda m: fnp.flatnonzero(m, size=3), (M,), [0, 3, 0]),
    ("compress", lambda a: fnp.compress(a > 1, a, size=4, fill_value=-1), (A,), [3.0, 3.0, 2.0, -1.0]),
    ("compress rows", lambda m, r: fnp.compress(m[0], r.T, axis=0, size=2), (M, ROWS), [[1, 0, 1], [0, 0, 0]]),
    ("compress columns", lambda m, r: fnp.compress(m[1], r, axis=1, size=1), (M, ROWS), [[2], [1], [2]]),
    ("extract", lambda a: fnp.extract(a < 2, a, size=3, fill_value=9), (A,), [1.0, 1.0, 9.0]),
    ("unique", lambda a: fnp.unique(a, size=5, return_index=True, return_inverse=True, return_counts=True), (A,),
     ([1.0, 2.0, 3.0, 1.0, 1.0], [1, 3, 0, 1, 1], [2, 0, 2, 1, 0], [2, 1, 2, 0, 0])),
    ("unique, filled", lambda a: fnp.unique(a, size=4, fill_value=-9), (A,), [1.0, 2.0, 3.0, -9.0]),
    ("unique, cut", lambda a: fnp.unique(a, size=2, return_counts=True), (A,), ([1.0, 2.0], [2, 1])),
    ("unique rows", lambda r: fnp.unique(r, axis=0, size=4, return_inverse=True), (ROWS,), ([[0, 1], [1, 2], [0, 1], [0, 1]], [1, 0, 1])),
    ("unique with NaN", lambda g: fnp.unique(g, size=4), (GAPS,), [1.0, np.nan, 1.0, 1.0]),
    ("unique, every NaN", lambda g: fnp.unique(g, size=4, equal_nan=False), (GAPS,), [1.0, np.nan, np.nan, 1.0]),
    ("unique_all", lambda a: tuple(fnp.unique_all(a, size=3)), (A,), ([1.0, 2.0, 3.0], [1, 3, 0], [2, 0, 2, 1, 0], [2, 1, 2])),
    ("unique_counts", lambda a: tuple(fnp.unique_counts(a, size=3)), (A,), ([1.0, 2.0, 3.0], [2, 1, 2])),
    ("unique_inverse", lambda a: tuple(fnp.unique_inverse(a, size=3)), (A,), ([1.0, 2.0, 3.0], [2, 0, 2, 1, 0])),
    ("unique_values", lambda a: fnp.unique_values(a, size=4), (A,), [1.0, 2.0, 3.0, 1.0]),
    ("union1d", lambda a, b: fnp.union1d(a, b, size=6), (A, B), [1.0, 2.0, 3.0, 7.0, 1.0, 1.0]),
    ("union1d, filled", lambda a, b: fnp.union1d(a, b, size=5, fill_value=-1), (A, B), [1.0, 2.0, 3.0, 7.0, -1.0]),
    ("intersect1d", lambda a, b: fnp.intersect1d(a, b, size=4, return_indices=True), (A, B), ([2.0, 3.0, 2.0, 2.0], [3, 0, 5, 5], [0, 2, 3, 3])),
    ("intersect1d, filled", lambda a, b: fnp.intersect1d(a, b, size=3, fill_value=-1), (A, B), [2.0, 3.0, -1.0]),
    ("setdiff1d", lambda a, b: fnp.setdiff1d(a, b, size=3), (A, B), [1.0, 0.0, 0.0]),
    ("setdiff1d, in order", lambda a, b: fnp.setdiff1d(a, b, size=4, assume_unique=True), (A, B), [1.0, 1.0, 0.0, 0.0]),
    ("setxor1d", lambda a, b: fnp.setxor1d(a, b, size=4), (A, B), [1.0, 7.0, 1.0, 1.0]),
    ("setxor1d, NaN of both", lambda a, g: fnp.setxor1d(a, g, size=6, fill_value=-1), (GAPS, np.array([np.nan, 2.0])), [1.0, 2.0, np.nan, np.nan, -1.0, -1.0]),
    ("setxor1d, NaN of one", lambda a, g: fnp.setxor1d(a, g, size=3), (GAPS, np.array([1.0])), [np.nan, np.nan, np.nan]),
    ("setxor1d, size 0", lambda a: fnp.setxor1d(a, a, size=0), (A,), np.zeros(0)),
    ("setxor1d, one side empty", lambda a, e: fnp.setxor1d(a, e, size=3), (A, NOTHING), [1.0, 2.0, 3.0]),
    ("setxor1d, both empty", lambda e: fnp.setxor1d(e, e, size=2, fill_value=5), (NOTHING,), [5.0, 5.0]),
    ("unique, empty", lambda e: fnp.unique(e, True, True, True, size=0), (NOTHING,), (NOTHING, *[np.zeros(0, int)] * 3)),
    ("intersect1d, one side empty", lambda a, e: fnp.intersect1d(a, e, return_indices=True, size=1), (A, NOTHING), ([0.0], [5], [0])),
    ("intersect1d, other side empty", lambda a, e: fnp.intersect1d(e, a, size=2, fill_value=7), (A, NOTHING), [7.0, 7.0]),
    ("intersect1d, size 0", lambda a: fnp.intersect1d(a, a, size=0), (A,), np.zeros(0)),
    ("setdiff1d, empty", lambda a, e: fnp.setdiff1d(e, a, size=2), (A, NOTHING), [0.0, 0.0]),
    ("setxor1d, filled", lambda a, b: fnp.setxor1d(a, b, size=3, fill_value=-1), (A, B), [1.0, 7.0, -1.0]),
]  # fmt: skip


@pytest.mark.parametrize(("f", "args", "expected"), [pytest.param(*row[1:], id=row[0]) for row in SIZED])
def test_sized(f: Callable, args: tuple, expected: Any) -> None:
    """On plain arrays, compiled, and mapped."""
    compiled = fg.jit(f)(*args)
    mapped = tree.tree_map(lambda v: v[1], fg.vmap(f)(*[np.stack([np.zeros_like(a), a]) for a in args]))
    for actual in (f(*args), compiled, mapped):
        parts, wanted = (v if isinstance(v, tuple) else (v,) for v in (actual, expected))
        assert len(parts) == len(wanted)
        for a, w in zip(parts, wanted):
            np.testing.assert_array_equal(a, np.asarray(w))
            assert a.dtype == np.asarray(w).dtype


@pytest.mark.parametrize(
    "f",
    [
        lambda a: fnp.compress(a > 1.2, a * a, size=4),
        lambda a: fnp.unique(a * a, size=3),
        lambda a: fnp.union1d(a, a * a, size=9),
        lambda a: fnp.setxor1d(a, a * 1.4, size=5),
        lambda a: fnp.setdiff1d(a * a, np.array([7.0]), size=3),
    ],
)
def test_gradients_of_sized_results(f: Callable) -> None:
    check_grads(f, (np.array([3.0, 1.1, 2.5, 1.9]),), order=2)


def test_the_gradient_of_an_intersection_is_that_of_the_first_array() -> None:
    f = lambda a: np.sum(fnp.intersect1d(a * a, np.array([9.0, 4.0]), size=3) * np.array([1.0, 10.0, 100.0]))  # noqa: E731
    np.testing.assert_array_equal(fg.jit(fg.grad(f))(np.array([3.0, 1.0, 2.5, 2.0])), [60.0, 0.0, 0.0, 404.0])


NEED_SIZE: dict[str, Callable] = {
    name: lambda a, name=name: getattr(fnp, name)(a)
    for name in ("nonzero", "argwhere", "flatnonzero", "where", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values")
} | {
    name: lambda a, name=name: getattr(fnp, name)(a, a) for name in ("compress", "extract", "union1d", "intersect1d", "setdiff1d", "setxor1d")
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(NEED_SIZE))
@pytest.mark.parametrize("transform", [fg.jit, lambda f: lambda a: fg.vmap(f)(a[None])])
def test_the_error_names_size(name: str, transform: Callable) -> None:
    with pytest.raises(errors.ConcretizationError, match=r"size=n"):
        transform(NEED_SIZE[name])(A)


def test_errors_of_sizes() -> None:
    with pytest.raises(ValueError, match="fill_value has 2 entries for an array with 1 axes"):
        fnp.nonzero(A, size=2, fill_value=(1, 2))
    with pytest.raises(ValueError, match="without axes"):
        fg.jit(lambda x: fnp.nonzero(x, size=1))(1.0)
    with pytest.raises(ValueError, match="belong to the form with the condition alone"):
        fnp.where(A > 1, A, 0.0, size=2)
    with pytest.raises(ValueError, match="cannot fill a result"):
        fnp.unique(np.zeros(0), size=2)
    with pytest.raises(TypeError, match="expected an integer"):
        fnp.nonzero(A, size=2.5)
    assert fnp.nonzero(A, size=None, fill_value=None)[0].size == 5


# --- masks and modes --------------------------------------------------------------------------------------------------

Z = np.array([0.5, 1.5, 2.5, 3.5])
UPDATES = ("set", "add", "subtract", "multiply", "mul", "divide", "power", "min", "max")


@pytest.mark.parametrize("name", UPDATES)
def test_masks_that_are_not_known(name: str) -> None:
    f = lambda z, c: getattr(z.at[z > c].add(0.0).at[z > c], name)(2.0)  # noqa: E731
    expected = getattr(fnp.at(Z)[Z > 1], name)(2.0)
    np.testing.assert_array_equal(fg.jit(f)(Z, 1.0), expected)
    np.testing.assert_array_equal(fg.vmap(f, (None, 0))(Z, np.array([9.0, 1.0])), [Z, expected])
    check_grads(fg.jit(lambda z: f(z, 1.0)), (Z,), order=1)


def test_masks_over_leading_axes() -> None:
    x = np.arange(12.0).reshape(3, 2, 2)

    def f(x: Any) -> list[Any]:
        rows, lines = x.at[x[:, 0, 0] > 1].set(x[0]), x.at[x[:, :, 0] > 3, :].add(1.0)
        return [rows, lines, x.at[..., x > 4].set(0.0), x.at[x > 4].apply(fnp.sqrt)]

    first = x.copy()
    first[x[:, 0, 0] > 1] = x[0]
    second = x.copy()
    second[x[:, :, 0] > 3] += 1
    for actual, expected in zip(fg.jit(f)(x), [first, second, np.where(x > 4, 0, x), np.where(x > 4, np.sqrt(x), x)]):
        np.testing.assert_array_equal(actual, expected)


def test_errors_of_masks() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\) does not fit every place(.|\n)*where\(mask, new, x\)"):
        fg.jit(lambda z: z.at[z > 1].set(np.ones(2)))(Z)
    with pytest.raises(IndexError, match="did not match"):
        fg.jit(lambda z: z.at[z[:2] > 1].set(0.0))(Z)
    with pytest.raises(errors.ConcretizationError, match=r"extract\(mask, x, size=n\)"):
        fg.jit(lambda z: z[z > 1])(Z)
    with pytest.raises(errors.ConcretizationError, match=r"extract\(mask, x, size=n\)"):
        fg.jit(lambda z: z.at[z > 1].get())(Z)


I = np.array([1, -9, 9, -1])
READS = {None: [1.5, 0.5, 3.5, 3.5], "clip": [1.5, 0.5, 3.5, 3.5], "fill": [1.5, np.nan, np.nan, 3.5], "drop": [1.5, np.nan, np.nan, 3.5],
         "wrap": [1.5, 3.5, 1.5, 3.5]}  # fmt: skip
WRITES = {
    None: [0.5, 9, 2.5, 9],
    "fill": [0.5, 9, 2.5, 9],
    "drop": [0.5, 9, 2.5, 9],
    "clip": [9, 9, 2.5, 9],
    "wrap": [0.5, 9, 2.5, 9],
}
ADDED = {
    None: [0.5, 2.5, 2.5, 4.5],
    "fill": [0.5, 2.5, 2.5, 4.5],
    "clip": [1.5, 2.5, 2.5, 5.5],
    "wrap": [0.5, 3.5, 2.5, 5.5],
}


@pytest.mark.parametrize("mode", list(READS))
def test_modes(mode: str | None) -> None:
    f = lambda z, i: (z.at[i].get(mode=mode), z.at[i].set(9.0, mode=mode), z.at[i].add(1.0, mode=mode))  # noqa: E731
    runs = [fg.jit(f)(Z, I)]
    if mode is not None:
        runs.append((fnp.at(Z)[I].get(mode=mode), fnp.at(Z)[I].set(9.0, mode=mode), fnp.at(Z)[I].add(1.0, mode=mode)))
    for read, written, added in runs:
        np.testing.assert_array_equal(read, READS[mode])
        np.testing.assert_array_equal(written, WRITES[mode])
        np.testing.assert_array_equal(added, ADDED.get(mode, ADDED["fill"]))
    if mode is None:
        with pytest.raises(IndexError, match="out of bounds"):
            fnp.at(Z)[I].get()


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "float32"])
def test_default_fill_values(dtype: str) -> None:
    missing = {"int32": -(2**31), "uint8": 255, "bool": True, "float32": np.nan}[dtype]
    value = fg.jit(lambda z, i: z.at[i].get(mode="fill"))(Z.astype(dtype), 7)
    assert value.dtype == dtype
    np.testing.assert_array_equal(value, np.asarray(missing, dtype))
    assert fnp.at(Z)[7].get(mode="fill", fill_value=-1.0) == -1.0


def test_promises() -> None:
    i = np.array([3, 0])
    f = lambda z, i: z.at[i].multiply(2.0, unique_indices=True, indices_are_sorted=False, mode="promise_in_bounds")  # noqa: E731
    np.testing.assert_array_equal(fg.jit(f)(Z, i), [1.0, 1.5, 2.5, 7.0])
    assert "scan" not in repr(fg.make_program(f)(Z, i)) and "scan" in repr(
        fg.make_program(lambda z, i: z.at[i].multiply(2.0))(Z, i)
    )
    outside = fnp.at(Z)[np.array([-1, 1])].get(mode="fill", wrap_negative_indices=False)
    np.testing.assert_array_equal(outside, [np.nan, 1.5])
    assert fnp.at(Z)[-1].get(mode="fill", wrap_negative_indices=False, fill_value=0.0) == 0.0
    with pytest.raises(ValueError, match="mode must be one of"):
        fnp.at(Z)[0].set(0.0, mode="throw")
    with pytest.raises(TypeError, match="unexpected keyword"):
        fnp.at(Z)[0].set(0.0, sorted=True)


@pytest.mark.parametrize("mode", ["clip", "fill", "wrap"])
def test_gradients_of_modes(mode: str) -> None:
    check_grads(
        lambda z, v: fnp.at(z)[I].get(mode=mode, fill_value=0.0) * fnp.at(z)[I].add(v, mode=mode) ** 2,
        (Z, np.array([0.3, 1.1, 2.0, 0.7])),
        order=2,
    )
