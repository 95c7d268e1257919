"""Discrete Fourier transforms by NumPy's pocketfft: complex to complex over some axes, and real to half-complex along the last.

    fft:  y_k = c sum_j x_j exp(-2 pi i j k / n)        (+ for `inverse`; c by `norm`: 1, 1 / n or 1 / sqrt(n))

All are linear. Since a cotangent meets a tangent without a conjugate, `fft` is its own transpose.

Also `circular_convolve`, the product of two spectra, back where it came from: bilinear, and real for real operands.

Reference: J. Cooley and J. Tukey, An algorithm for the machine calculation of complex Fourier series, Math. Comp. 19, 1965.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray
from . import elementwise, layout
from .matrix_rules import real_of
from .rules import bilinear, is_linear, linear, move_batch_first
from .samples import Sample, array

NORMS = ("backward", "ortho", "forward")
Axes = tuple[int, ...]


def _shift_axes(axes: Axes, by: int = 1) -> Axes:
    return tuple(a + by for a in axes)


# --- complex to complex ---------------------------------------------------------------------------------------------------------


def _fft_impl(x: Any, *, axes: Axes, inverse: bool, norm: str) -> Any:
    for a in reversed(axes):
        x = (np.fft.ifft if inverse else np.fft.fft)(x, axis=a, norm=norm)
    return x


def _fft_aval(x: ShapedArray, *, axes: Axes, inverse: bool, norm: str) -> ShapedArray:
    if x.dtype.kind != "c" or any(not 0 <= a < x.ndim or not x.shape[a] for a in axes) or norm not in NORMS:
        raise TypeError(f"fft: needs complex numbers and axes with elements, got {x}, axes {axes}, norm {norm!r}")
    return x


def _planes(*shape: int) -> Any:
    return array(*shape) + 1j * array(*shape)


def _fft_samples() -> list[Sample]:
    return [Sample([_planes(4)], dict(axes=(0,), inverse=False, norm="backward")), Sample([_planes(2, 3)], dict(axes=(1,), inverse=True, norm="backward")),
            Sample([_planes(2, 3)], dict(axes=(0, 1), inverse=False, norm="ortho")), Sample([_planes(3, 2)], dict(axes=(0,), inverse=True, norm="forward"))]  # fmt: skip


fft = linear(
    "fft", _fft_impl, aval=_fft_aval, lower=lowering.Callback(), transpose=lambda ct, x, **params: (fft(ct, **params),), samples=_fft_samples,
    batch=lambda size, args, at, *, axes, **params: (fft(*move_batch_first(size, args, at), axes=_shift_axes(axes), **params), 0))

# --- real numbers along the last axis ---------------------------------------------------------------------------------------------


def _rfft_aval(x: ShapedArray, *, norm: str) -> ShapedArray:
    if x.dtype not in (np.float32, np.float64) or x.ndim < 1 or not x.shape[-1] or norm not in NORMS:
        raise TypeError(f"rfft: needs real numbers of at least 32 bits along an axis, got {x}, norm {norm!r}")
    return x.update(shape=(*x.shape[:-1], x.shape[-1] // 2 + 1), dtype=np.result_type(x.dtype, np.complex64))


def _irfft_aval(y: ShapedArray, *, n: int, norm: str) -> ShapedArray:
    if y.dtype.kind != "c" or y.ndim < 1 or n < 1 or y.shape[-1] != n // 2 + 1 or norm not in NORMS:
        raise TypeError(f"irfft: needs n // 2 + 1 complex numbers along the last axis, got {y}, n {n}, norm {norm!r}")
    return y.update(shape=(*y.shape[:-1], n), dtype=real_of(y.dtype))


def _weights(n: int, like: Any, value: float) -> Any:
    """`value` where a frequency stands for its mirror image too, 1 where it has none."""
    k = np.arange(n // 2 + 1)
    weights = np.where((k == 0) | (2 * k == n), 1.0, value).astype(like.dtype)
    return layout.broadcast(weights, shape=tuple(like.shape), dims=(len(like.shape) - 1,))


def _rfft_transpose(ct: Any, x: Any, *, norm: str) -> tuple[Any]:
    """x_j = Re sum_k ct_k exp(-2 pi i j k / n): an inverse transform of the conjugates, each mirror image with half."""
    inverse_norm = {"backward": "forward", "forward": "backward", "ortho": "ortho"}[norm]
    return (irfft(elementwise.mul(elementwise.conj(ct), _weights(x.shape[-1], ct, 0.5)), n=x.shape[-1], norm=inverse_norm),)


def _irfft_transpose(ct: Any, y: Any, *, n: int, norm: str) -> tuple[Any]:
    forward_norm = {"backward": "forward", "forward": "backward", "ortho": "ortho"}[norm]
    spectrum = rfft(ct, norm=forward_norm)
    return (elementwise.mul(elementwise.conj(spectrum), _weights(n, spectrum, 2.0)),)


rfft = linear(
    "rfft", lambda x, *, norm: np.fft.rfft(x, norm=norm), aval=_rfft_aval, lower=lowering.Callback(), transpose=_rfft_transpose,
    batch=lambda size, args, at, **params: (rfft(*move_batch_first(size, args, at), **params), 0),
    samples=lambda: [Sample([array(5)], dict(norm="backward")), Sample([array(2, 4)], dict(norm="ortho")), Sample([array(1)], dict(norm="forward"))])
irfft = linear(
    "irfft", lambda y, *, n, norm: np.fft.irfft(y, n, norm=norm), aval=_irfft_aval, lower=lowering.Callback(), transpose=_irfft_transpose,
    batch=lambda size, args, at, **params: (irfft(*move_batch_first(size, args, at), **params), 0),
    samples=lambda: [Sample([_planes(3)], dict(n=4, norm="backward")), Sample([_planes(2, 3)], dict(n=5, norm="ortho")), Sample([_planes(1)], dict(n=1, norm="forward"))])

# --- products of spectra ----------------------------------------------------------------------------------------------------------


def _convolve_impl(x: Any, y: Any, *, axes: Axes) -> Any:
    """Transforms of real numbers are half as long."""
    lengths = [x.shape[a] for a in axes]
    if x.dtype.kind == "c":
        return np.fft.ifftn(np.fft.fftn(x, axes=axes) * np.fft.fftn(y, axes=axes), axes=axes)
    return np.fft.irfftn(np.fft.rfftn(x, axes=axes) * np.fft.rfftn(y, axes=axes), lengths, axes=axes)


def _convolve_aval(x: ShapedArray, y: ShapedArray, *, axes: Axes) -> ShapedArray:
    if x is not y or x.dtype.kind not in "fc" or x.dtype == np.float16 or not axes or not math.prod(x.shape[a] for a in axes):
        raise TypeError(f"circular_convolve: needs two equal types of floating or complex numbers, got {[x, y]}, axes {axes}")
    return x


def _mirrored(y: Any, axes: Axes) -> Any:
    """Element -j, counted around, in place of element j."""
    for a in axes:
        n = y.shape[a]
        rest = layout.flip(layout.slice_axis(y, a, 1, n), axes=(a,))
        y = layout.concatenate(layout.slice_axis(y, a, 0, 1), rest, axis=a)
    return y


def _convolve_transpose(ct: Any, x: Any, y: Any, *, axes: Axes) -> tuple[Any, Any]:
    if is_linear(x):
        return circular_convolve(ct, _mirrored(y, axes), axes=axes), None
    return None, circular_convolve(ct, _mirrored(x, axes), axes=axes)


circular_convolve = bilinear(
    "circular_convolve", _convolve_impl, aval=_convolve_aval, lower=lowering.Callback(), transpose=_convolve_transpose,
    batch=lambda size, args, at, *, axes: (circular_convolve(*move_batch_first(size, args, at), axes=_shift_axes(axes)), 0),
    samples=lambda: [Sample([array(4), array(4)], dict(axes=(0,))), Sample([array(2, 3), array(2, 3)], dict(axes=(0, 1))), Sample([array(3, 2), array(3, 2)], dict(axes=(0,)))])

__all__ = ["NORMS", "circular_convolve", "fft", "irfft", "rfft"]
