"""BLAS wrappers against NumPy, through each interface, with every flag."""

from __future__ import annotations

import ctypes
import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest

from funcgrad.compile import library, native

INTERFACES = library.blas_interfaces()
DTYPES = [np.float32, np.float64]
FLAGS = [(0, 0), (0, 1), (1, 0), (1, 1)]


@cache
def routine(name: Any, dtype: Any, interface: Any) -> tuple[Any, native.Library]:
    """The wrapper, exported under the name `entry`."""
    text = library.blas_prelude(name, dtype, interface)
    _, suffix, _ = library.SCALARS[np.dtype(dtype).name]
    head = next(line for line in text.splitlines() if line.startswith("define"))
    arguments = head[head.index("(") + 1 : head.index(")")]
    text += f"define void @entry({arguments}) {{ call void @{name}_{suffix}({arguments}) ret void }}"
    compiled = native.compile_text(text)
    kinds = {"i64": ctypes.c_int64, "ptr": ctypes.c_void_p, "float": ctypes.c_float, "double": ctypes.c_double}
    types = [kinds[argument.split()[0]] for argument in arguments.split(", ")]
    return ctypes.CFUNCTYPE(None, *types)(compiled.address("entry")), compiled


def gemm(interface: Any, ta: int, tb: int, alpha: float, a: Any, b: Any, beta: float, c: np.ndarray) -> None:
    (m, n), k = c.shape, a.shape[0 if ta else 1]
    sizes = (ta, tb, m, n, k)
    call, _ = routine("gemm", c.dtype.type, interface)
    strides = [x.strides[0] // x.itemsize for x in (a, b, c)]
    pointers = [x.ctypes.data for x in (a, b, c)]
    call(*sizes, alpha, pointers[0], strides[0], pointers[1], strides[1], beta, pointers[2], strides[2])


def random(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("ta", "tb"), FLAGS)
def test_gemm_matches_numpy(interface: Any, dtype: Any, ta: int, tb: int) -> None:
    for m, n, k in [(1, 1, 1), (3, 5, 7), (17, 4, 9), (64, 33, 65), (2, 1, 6), (1, 8, 3)]:
        a, b = random((k, m) if ta else (m, k), dtype), random((n, k) if tb else (k, n), dtype)
        product = (a.T if ta else a).astype(np.float64) @ (b.T if tb else b).astype(np.float64)
        c = random((m, n), dtype)
        expected = 0.5 * product - 2.0 * c.astype(np.float64)
        gemm(interface, ta, tb, 0.5, a, b, -2.0, c)
        np.testing.assert_allclose(c, expected, rtol=0, atol=200 * np.finfo(dtype).eps * (1 + abs(expected).max()))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("ta", "tb"), FLAGS)
def test_preferred_gemm_gives_the_bits_of_numpy(dtype: Any, ta: int, tb: int) -> None:
    if library.blas_interface() == "fortran32":
        assert INTERFACES == ("fortran32",)  # another library than NumPy's: only closeness can be asked for
        return
    for m, n, k in [(5, 6, 7), (64, 48, 96), (33, 65, 129)]:
        a, b = random((k, m) if ta else (m, k), dtype), random((n, k) if tb else (k, n), dtype)
        c = np.full((m, n), np.nan, dtype)
        gemm(None, ta, tb, 1.0, a, b, 0.0, c)
        assert c.tobytes() == np.dot(a.T if ta else a, b.T if tb else b).tobytes()


@pytest.mark.parametrize("interface", INTERFACES)
def test_gemm_takes_row_strides(interface: Any) -> None:
    a, b, c = random((4, 10), np.float64), random((3, 11), np.float64), np.zeros((4, 12))
    gemm(interface, 0, 0, 1.0, a[:, :3], b[:, :5], 0.0, c[:, :5])
    np.testing.assert_allclose(c[:, :5], a[:, :3] @ b[:, :5], rtol=1e-14)
    assert not c[:, 5:].any()


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ta", [0, 1])
def test_gemv_matches_numpy(interface: Any, dtype: Any, ta: int) -> None:
    call, _ = routine("gemv", dtype, interface)
    for (m, n), incx, incy in itertools.product([(1, 1), (3, 5), (40, 17), (1, 6)], (1, 2), (1, 3)):
        a = random((m, n), dtype)
        rows, columns = (n, m) if ta else (m, n)
        x, y = random((columns * incx,), dtype), random((rows * incy,), dtype)
        expected = y.copy()
        expected[::incy] = 1.5 * ((a.T if ta else a) @ x[::incx]) + 0.5 * y[::incy]
        call(ta, m, n, 1.5, a.ctypes.data, n, x.ctypes.data, incx, 0.5, y.ctypes.data, incy)
        np.testing.assert_allclose(y, expected, rtol=0, atol=100 * np.finfo(dtype).eps)


def test_interfaces() -> None:
    assert INTERFACES[-1] == "fortran32" and INTERFACES[0] == library.blas_interface()
    for interface in INTERFACES:
        for name in ("sgemm", "dgemm", "sgemv", "dgemv"):
            assert library.blas_address(name, interface) != 0
        with pytest.raises(KeyError):
            library.blas_address("xgemm", interface)


def test_both_routines_and_dtypes_fit_in_one_module() -> None:
    parts = [library.blas_prelude(r, d) for r in library.ROUTINES for d in DTYPES]
    assert native.compile_text("\n".join(parts) + "define void @entry() { ret void }").address("entry")


def test_object_code_of_another_interface_is_told_apart() -> None:
    texts = [library.blas_prelude("gemm", np.float64, interface) for interface in INTERFACES]
    symbols = {text.split("@", 1)[1].split("(")[0] for text in texts}
    assert len(symbols) == len(INTERFACES)


def test_unknown_requests_raise() -> None:
    with pytest.raises(ValueError, match="no BLAS routine"):
        library.blas_prelude("gemm", np.int64)
    with pytest.raises(ValueError, match="no BLAS routine"):
        library.blas_prelude("trsm", np.float64)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no BLAS interface"):
        library.blas_prelude("gemm", np.float64, "cblas16")  # type: ignore[arg-type]


def test_unknown_fortran_integers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # SciPy's capsule names its C signature; one with other integers must not be called.
    import scipy.linalg.cython_blas as cython_blas

    monkeypatch.setattr(cython_blas, "__pyx_capi__", {"dgemm": cython_blas.__pyx_capi__["dasum"]})
    with pytest.raises(KeyError, match="signature"):
        library.blas_address("dgemm", "fortran32")


def test_numpy_without_a_known_blas_falls_back_to_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_numpy_decoration", lambda: None)
    assert library.blas_interface() == "fortran32" and library.blas_interfaces() == ("fortran32",)
    assert "fortran32_dgemm" in library.blas_prelude("gemm", np.float64)
