"""`numpy.fft` on traced values: NumPy's values and dtypes, derivatives by differences, both modes, batches, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import numpy as fnp
from funcgrad.test_util import check_grads

_rng = np.random.default_rng(7)
R, R3 = _rng.normal(size=(3, 4)), _rng.normal(size=(2, 3, 4))
Z, Z3 = R + 1j * _rng.normal(size=(3, 4)), R3 + 1j * _rng.normal(size=(2, 3, 4))

CASES: dict[str, tuple[str, Any, dict]] = {
    "fft": ("fft", Z, {}), "fft real": ("fft", R, {}), "fft n": ("fft", Z, {"n": 6, "axis": 0, "norm": "ortho"}),
    "fft shorter": ("fft", Z, {"n": 2}), "ifft": ("ifft", Z, {"norm": "forward"}), "ifft 1": ("ifft", Z, {"axis": 0}),
    "fft2": ("fft2", Z3, {"s": (2, 5)}), "ifft2": ("ifft2", Z3, {"axes": (0, 2), "norm": "ortho"}),
    "fftn": ("fftn", Z3, {}), "fftn axes": ("fftn", Z3, {"axes": (2, 0)}), "fftn twice": ("fftn", Z3, {"axes": (1, 1)}),
    "fftn s": ("fftn", Z3, {"s": (4, -1), "axes": (1, 2)}), "ifftn": ("ifftn", Z3, {"norm": "forward"}),
    "rfft": ("rfft", R, {}), "rfft odd": ("rfft", R, {"axis": 0, "norm": "ortho"}), "rfft n": ("rfft", R, {"n": 7}),
    "irfft": ("irfft", Z, {}), "irfft odd": ("irfft", Z, {"n": 5, "norm": "forward"}),
    "irfft 0": ("irfft", Z, {"axis": 0}),
    "irfft longer": ("irfft", Z, {"n": 10, "norm": "ortho"}), "rfft2": ("rfft2", R3, {"norm": "forward"}),
    "irfft2": ("irfft2", Z3, {"s": (3, 5), "axes": (1, 2)}), "rfftn": ("rfftn", R3, {}), "irfftn": ("irfftn", Z3, {}),
    "rfftn axes": ("rfftn", R3, {"axes": (2, 1), "s": (2, 4)}), "irfftn axes": ("irfftn", Z3, {"axes": (2, 0, 1)}),
    "hfft": ("hfft", Z, {}), "hfft n": ("hfft", Z, {"n": 5, "norm": "ortho"}), "ihfft": ("ihfft", R, {}),
    "ihfft n": ("ihfft", R, {"n": 3, "axis": 0, "norm": "forward"}), "fftshift": ("fftshift", Z3, {}),
    "fftshift axes": ("fftshift", Z3, {"axes": 1}), "ifftshift": ("ifftshift", Z3, {"axes": (0, 1)}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_derivatives_and_batches(name: str) -> None:
    function, x, options = CASES[name]
    plain = getattr(np.fft, function)
    assert getattr(fnp.fft, function).__name__ == function

    def f(x: Any) -> Any:
        return plain(x, **options)

    tangent = np.roll(x, 1, -1)
    value, slope = fg.jvp(f, (x,), (tangent,))
    np.testing.assert_array_equal(value, f(x))
    np.testing.assert_allclose(slope, f(tangent), rtol=1e-13, atol=1e-13)  # linear
    ct = np.cos(np.arange(value.size)).reshape(value.shape) * (1 if value.dtype.kind == "f" else 1 - 2j)
    pulled = fg.vjp(f, x)[1](ct)[0]
    assert pulled.dtype == x.dtype
    np.testing.assert_allclose(np.sum(pulled * tangent).real, np.sum(ct * slope).real, rtol=1e-12, atol=1e-12)
    check_grads(lambda x: np.sum(np.abs(f(x)) ** 2), (x,), order=2)
    batch = np.stack([x, 2 * x[..., ::-1], tangent], axis=1)
    got = fg.vmap(f, in_axes=1)(batch)
    np.testing.assert_allclose(got, [f(batch[:, k]) for k in range(3)], rtol=1e-13, atol=1e-14)


def test_single_precision_and_integers() -> None:
    for x, kind in (
        (R.astype(np.float32), np.complex64),
        (np.arange(4), np.complex128),
        (Z.astype("c8"), np.complex64),
    ):
        assert fg.linearize(lambda x: fnp.fft.fft(x + 0 * x), x)[0].dtype == kind == np.fft.fft(x).dtype
    assert fg.grad(lambda x: fnp.sum(fnp.abs(fnp.fft.rfft(x))))(R.astype(np.float32)).dtype == np.float32
    assert fg.vjp(fnp.fft.irfft, Z.astype("c8"))[0].dtype == np.float32


def test_frequencies_and_plain_arrays_are_numpys() -> None:
    np.testing.assert_array_equal(fnp.fft.fftfreq(5, 0.1), np.fft.fftfreq(5, 0.1))
    np.testing.assert_array_equal(fnp.fft.rfftfreq(6), np.fft.rfftfreq(6))
    np.testing.assert_array_equal(fnp.fft.fft2(R), np.fft.fft2(R))
    assert set(fnp.fft.__all__) == set(np.fft.__all__) - {"TestError"}


def test_parseval() -> None:
    energy = fg.grad(lambda x: np.sum(np.abs(np.fft.fftn(x, norm="ortho")) ** 2))
    np.testing.assert_allclose(energy(R3), 2 * R3, rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: np.fft.fft(x, norm="best"), ValueError, 'must be "backward", "ortho" or "forward"'),
        (lambda x: np.fft.fft(x, 0), ValueError, r"invalid number of data points \(0\)"),
        (lambda x: np.fft.rfft(x + 1j), TypeError, "needs real numbers"),
        (lambda x: np.fft.fft(x, axis=5), np.exceptions.AxisError, "axis 5 is out of bounds"),
        (lambda x: np.fft.fftn(x, (2,), (0, 1)), ValueError, "shape and axes have different lengths"),
        (lambda x: np.fft.fft(x, out=np.zeros(4, complex)), TypeError, "out= is not supported"),
        (lambda x: np.fft.rfftn(x, axes=()), ValueError, "at least one axis"),
    ],
)
def test_errors(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        fg.linearize(call, R)


def test_compiled_programs_call_numpy() -> None:
    power = lambda x: np.sum(np.abs(np.fft.rfft(x * 2)) ** 2)  # noqa: E731
    x = np.array([1.0, -2.0, 0.5, 3.0, 4.0])
    assert np.array_equal(fg.jit(np.fft.rfft)(x), np.fft.rfft(x))
    np.testing.assert_allclose(fg.jit(fg.grad(power))(x), fg.grad(power)(x), rtol=1e-13)
    np.testing.assert_allclose(fg.jit(lambda x: np.fft.ifft(np.fft.fft(x)))(x), x, atol=1e-15)
