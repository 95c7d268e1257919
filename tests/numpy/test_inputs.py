# ruff: noqa: E501
"""Arrays of every memory layout, byte order and class, as arguments and as constants, through every transformation."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp

BASE = np.arange(24.0).reshape(4, 6) / 7 + 0.1


class Labelled(np.ndarray):
    """A subclass without a meaning of its own."""


def read_only(a: Any) -> Any:
    a = a.copy()
    a.flags.writeable = False
    return a


def unaligned(a: Any) -> Any:
    out = np.ndarray(a.shape, a.dtype, buffer=bytearray(a.nbytes + 1), offset=1)
    out[...] = a
    return out


LAYOUTS: dict[str, Any] = {
    "contiguous": BASE, "Fortran order": np.asfortranarray(BASE), "every second": np.repeat(np.repeat(BASE, 2, 0), 3, 1)[::2, ::3],
    "backwards": BASE[::-1, ::-1].copy()[::-1, ::-1], "read-only": read_only(BASE), "broadcast": np.broadcast_to(BASE[:1], (4, 6)),
    "transposed": BASE.T.copy().T, "big-endian": BASE.astype(">f8"), "big-endian float32": BASE.astype(">f4"), "not aligned": unaligned(BASE),
    "no rows": np.zeros((0, 6)), "no columns": np.zeros((4, 0)), "no axes": np.array(0.7), "NumPy scalar": np.float64(0.7), "float16": BASE.astype(np.float16),
    "subclass": BASE.view(Labelled), "reversed axes": BASE.reshape(2, 2, 6).transpose(2, 0, 1), "one element": np.ones((1, 1)),
    "unpickled": pickle.loads(pickle.dumps(BASE)), "made native": BASE.astype(">f8").astype(np.dtype(">f8").newbyteorder("=")),
}  # fmt: skip


def f(x: Any) -> Any:
    return np.sum(np.sin(x) * x) + np.sum(x * x)


def slope(x: Any) -> Any:
    return np.cos(x) * x + np.sin(x) + 2 * x


RUNS: dict[str, Callable] = {
    "grad": fg.grad(f), "jit grad": fg.jit(fg.grad(f)), "grad jit": fg.grad(fg.jit(f)), "vmap grad": fg.vmap(fg.grad(f)), "vjp": lambda x: fg.vjp(f, x)[1](1.0)[0],
    "jit vmap grad": fg.jit(fg.vmap(fg.grad(f))), "jvp": lambda x: fg.jvp(f, (x,), (np.ones_like(x),))[1], "jit": fg.jit(slope),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LAYOUTS))
@pytest.mark.parametrize("run", sorted(RUNS))
def test_layouts(name: str, run: str) -> None:
    x = LAYOUTS[name]
    if np.ndim(x) == 0 and "vmap" in run:
        with pytest.raises(ValueError, match="has no axis 0 to batch over"):
            RUNS[run](x)
        return
    before = np.array(x)
    result = RUNS[run](x)
    native = np.asarray(x).astype(x.dtype.newbyteorder("="))
    expected = slope(native) if run != "jvp" else np.sum(slope(native))
    tolerance = {8: 1e-13, 4: 1e-6, 2: 2e-2}[x.dtype.itemsize]
    np.testing.assert_allclose(result, expected, rtol=tolerance)
    assert type(result) is np.ndarray or isinstance(result, np.generic)
    assert result.dtype == native.dtype
    assert np.array_equal(x, before) and not np.shares_memory(result, x)


@pytest.mark.parametrize(
    "f", [np.sum, np.mean, np.std, np.prod, np.cumprod, np.sort, np.max, np.linalg.norm], ids=lambda f: f.__name__
)
def test_functions_called_on_the_other_byte_order(f: Callable) -> None:
    """As operand itself, and not only as what another function made of it."""
    x = BASE.astype(">f8")
    loss = lambda x: np.sum(f(x))  # noqa: E731
    expected = fg.grad(loss)(BASE)
    for result in (fg.grad(loss)(x), fg.vjp(loss, x)[1](np.array(1.0, ">f8"))[0], fg.jit(fg.grad(loss))(x)):
        np.testing.assert_allclose(result, expected, rtol=1e-12)
    np.testing.assert_allclose(fg.jvp(loss, (x,), (x,))[1], np.sum(expected * BASE), rtol=1e-12)
    np.testing.assert_allclose(fg.vmap(loss)(x), [loss(row) for row in BASE], rtol=1e-12)
    total, rows = fg.lax.scan(lambda c, row: (c + loss(row), loss(row)), np.zeros((), ">f8"), x)
    np.testing.assert_allclose(total, np.sum(rows), rtol=1e-12)


@pytest.mark.parametrize("name", [n for n in sorted(LAYOUTS) if np.ndim(LAYOUTS[n])])
def test_layouts_of_constants(name: str) -> None:
    c = LAYOUTS[name]
    if c.dtype == np.float16:
        return
    native = np.asarray(c).astype(c.dtype.newbyteorder("="))
    cases = [
        (lambda s: np.sum(s * c) + np.sum(fnp.concatenate([c, c * s])), 2),
        (lambda s: fnp.sum(fnp.cos(s * 0) * c) * s, 1),
    ]
    for g, factor in cases:
        for run in (fg.grad(g), fg.jit(fg.grad(g))):
            np.testing.assert_allclose(run(2.0), factor * np.sum(native), rtol=1e-5)


OTHERS = {
    "masked": (np.ma.masked_array(BASE, BASE > 2), r"MaskedArray, whose mask would be lost(.|\n)*where\(mask, 0, x\)"),
    "matrix": (BASE[:4, :4].view(np.matrix), r"matrix, whose \* is a matrix product(.|\n)*np.asarray\(x\)"),
    "longdouble": (BASE.astype(np.longdouble), r"cannot be traced"), "object": (BASE.astype(object), r"dtype object, which cannot be traced"),
    "text": (np.array(["a"]), r"dtype <U1, which cannot be traced"), "dates": (np.array(["2020-01-01"], "M8[D]"), r"datetime64\[D\], which cannot be traced"),
    "records": (np.zeros(2, [("a", float)]), r"which cannot be traced"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(OTHERS))
@pytest.mark.parametrize("run", ["grad", "jit", "vmap grad", "jvp"])
def test_other_arrays_are_refused_by_name(name: str, run: str) -> None:
    x, text = OTHERS[name]
    with pytest.raises(TypeError, match=text):
        fg.jvp(f, (x,), (x,)) if run == "jvp" else RUNS[run](x)


@pytest.mark.parametrize("name", ["masked", "matrix"])
def test_other_arrays_are_refused_as_constants_and_by_warm_functions(name: str) -> None:
    x, text = OTHERS[name]
    for g in (lambda s: np.sum(s * x), lambda s: fnp.sum(fnp.multiply(x, s)), lambda s: fnp.dot(x, s)):
        with pytest.raises(TypeError, match=text):
            fg.grad(g)(2.0)
    warm = fg.jit(f)
    warm(np.asarray(x))
    with pytest.raises(TypeError, match=text):
        warm(x)


def test_integers_and_truth_values_of_every_size() -> None:
    for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", ">i2", ">u4"):
        x = np.arange(5).astype(dtype)
        expected = np.sum(np.where(x > 1, x, 1) * 2.5)
        for run in (lambda g: g, fg.jit, lambda g: lambda v: fg.vmap(g)(v[None])[0]):
            assert run(lambda v: np.sum(np.where(v > 1, v, 1) * 2.5))(x) == expected
        with pytest.raises(TypeError, match="only floating-point numbers have derivatives"):
            fg.grad(f)(x)


def test_positions_in_a_number_and_covariance_of_nothing() -> None:
    """NumPy's argsort takes an array without axes; with no more observations than ddof a covariance is NaN or infinite."""
    np.testing.assert_array_equal(fg.jit(np.argsort)(1.5), np.argsort(np.array(1.5)))
    for x, ddof in ((np.zeros((3, 0)), 1), (BASE, 6), (BASE, 7)):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = np.cov(x, ddof=ddof)
            np.testing.assert_array_equal(fg.jit(lambda x, d=ddof: np.cov(x, ddof=d))(x), expected)
