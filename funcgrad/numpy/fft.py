"""`numpy.fft` on traced values: discrete Fourier transforms with NumPy's names, lengths, axes and norms.

Without traced values the functions are NumPy's own. All transforms are linear; derivatives follow docs/complex.md.
Results are complex numbers, which `jit` does not compile; it does compile `funcgrad.scipy.signal.fftconvolve` of real
arrays.

Example:
    >>> import numpy as np, funcgrad as fg
    >>> def power(x):
    ...     return np.sum(np.abs(np.fft.rfft(x)) ** 2)
    >>> fg.grad(power)(np.array([1.0, 0.0, 0.0, 0.0]))
    array([6., 0., 2., 0.])
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ops import fourier as ops
from ..ops import layout
from . import promotion, ufuncs
from .promotion import array_operand, has_tracer, one_axis
from .rearrange import roll
from .registry import BY_NAME, SUPPORTED

fftfreq, rfftfreq = np.fft.fftfreq, np.fft.rfftfreq
_SWAPPED = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _fft_function(f: Callable) -> Callable:
    """Make `f` the meaning of the function of the same name in numpy.fft on traced values."""
    real = getattr(np.fft, f.__name__)

    @functools.wraps(f)
    def wrapper(*args: Any, **options: Any) -> Any:
        if not any(has_tracer(v) for v in (*args, *options.values())):
            return real(*args, **options)
        if options.pop("out", None) is not None:
            raise TypeError(f"fft.{f.__name__}: out= is not supported on traced values.\nFix: use the result")
        return f(*args, **options)

    SUPPORTED[real] = wrapper
    BY_NAME.setdefault(f.__name__, wrapper)
    return wrapper


# --- operands ---------------------------------------------------------------------------------------------------------


def _norm(norm: Any, name: str) -> str:
    if norm not in (None, *ops.NORMS):
        raise ValueError(f'fft.{name}: norm must be "backward", "ortho" or "forward", got {norm!r}')
    return norm or "backward"


def _complex(a: Any, name: str) -> Any:
    x = array_operand(a, f"fft.{name}")
    wide = np.complex64 if x.dtype in (np.float16, np.float32, np.complex64) else np.complex128
    return promotion.convert(x, np.dtype(wide))


def _real(a: Any, name: str) -> Any:
    x = array_operand(a, f"fft.{name}")
    if x.dtype.kind == "c":
        raise TypeError(f"fft.{name}: needs real numbers, got dtype {x.dtype}.\nFix: use fft, or x.real")
    return promotion.convert(x, np.dtype(np.float32 if x.dtype in (np.float16, np.float32) else np.float64))


def _length(n: Any, name: str) -> int:
    n = promotion.static_int(n, f"fft.{name}")
    if n < 1:
        raise ValueError(f"fft.{name}: invalid number of data points ({n}) specified")
    return n


def _resized(x: Any, axis: int, n: int) -> Any:
    """The first n elements along an axis, or zeros added to them."""
    have = x.shape[axis]
    if have >= n:
        return x if have == n else layout.slice_axis(x, axis, 0, n)
    high = tuple(n - have if d == axis else 0 for d in range(x.ndim))
    none = (0,) * x.ndim
    return layout.pad(x, np.zeros((), x.dtype)[()], low=none, high=high, interior=none)


def _plan(x: Any, s: Any, axes: Any, name: str, half: bool = False) -> tuple[Any, list[int], list[int]]:
    """The operand with the lengths asked for, the lengths, and the axes; -1 stands for the whole length.

    `half`: the last length is that of the real result, of which n // 2 + 1 frequencies are read.
    """
    if axes is None:
        axes = range(x.ndim) if s is None else range(-len(s), 0)
    axes = [one_axis(a, x.ndim, f"fft.{name}") for a in (axes if isinstance(axes, Sequence | range) else (axes,))]
    lengths = [x.shape[a] for a in axes] if s is None else [x.shape[a] if n == -1 else n for n, a in zip(s, axes)]
    if s is not None and len(s) != len(axes):
        raise ValueError(f"fft.{name}: shape and axes have different lengths, {len(s)} and {len(axes)}")
    if half and axes and (s is None or s[-1] == -1):
        lengths[-1] = 2 * (x.shape[axes[-1]] - 1)
    lengths = [_length(n, name) for n in lengths]
    for k, (a, n) in enumerate(zip(axes, lengths)):
        x = _resized(x, a, n // 2 + 1 if half and k == len(axes) - 1 else n)
    return x, lengths, axes


def _transform(x: Any, axes: list[int], inverse: bool, norm: str) -> Any:
    """Over several axes, in NumPy's order; an axis may come twice."""
    if len(set(axes)) == len(axes):
        return ops.fft(x, axes=tuple(axes), inverse=inverse, norm=norm) if axes else x
    for a in reversed(axes):
        x = ops.fft(x, axes=(a,), inverse=inverse, norm=norm)
    return x


# --- complex to complex -----------------------------------------------------------------------------------------------


def _many(a: Any, s: Any, axes: Any, norm: Any, name: str) -> Any:
    x, _, axes = _plan(_complex(a, name), s, axes, name)
    return _transform(x, axes, name.startswith("i"), _norm(norm, name))


def _one(a: Any, n: Any, axis: int, norm: Any, name: str) -> Any:
    return _many(a, None if n is None else (n,), (axis,), norm, name)


@_fft_function
def fft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """The discrete Fourier transform along one axis.

    Reference: numpy.fft.fft
    """
    return _one(a, n, axis, norm, "fft")


@_fft_function
def ifft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """The inverse of `fft`.

    Reference: numpy.fft.ifft
    """
    return _one(a, n, axis, norm, "ifft")


@_fft_function
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The transform over two axes.

    Reference: numpy.fft.fft2
    """
    return _many(a, s, axes, norm, "fft2")


@_fft_function
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The inverse of `fft2`.

    Reference: numpy.fft.ifft2
    """
    return _many(a, s, axes, norm, "ifft2")


@_fft_function
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The transform over several axes, by default all.

    Reference: numpy.fft.fftn
    """
    return _many(a, s, axes, norm, "fftn")


@_fft_function
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The inverse of `fftn`.

    Reference: numpy.fft.ifftn
    """
    return _many(a, s, axes, norm, "ifftn")


# --- real numbers -----------------------------------------------------------------------------------------------------


def _forward_real(a: Any, s: Any, axes: Any, norm: Any, name: str) -> Any:
    x, _, axes = _plan(_real(a, name), s, axes, name)
    if not axes:
        raise ValueError(f"fft.{name}: at least one axis is needed")
    norm, last = _norm(norm, name), axes[-1]
    y = ops.rfft(layout.move_axis(x, last, x.ndim - 1), norm=norm)
    return _transform(layout.move_axis(y, y.ndim - 1, last), axes[:-1], False, norm)


def _inverse_real(a: Any, s: Any, axes: Any, norm: Any, name: str) -> Any:
    x, lengths, axes = _plan(_complex(a, name), s, axes, name, half=True)
    if not axes:
        raise ValueError(f"fft.{name}: at least one axis is needed")
    norm, last = _norm(norm, name), axes[-1]
    y = layout.move_axis(_transform(x, axes[-2::-1], True, norm), last, x.ndim - 1)
    return layout.move_axis(ops.irfft(y, n=lengths[-1], norm=norm), x.ndim - 1, last)


@_fft_function
def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """The transform of real numbers along one axis: the frequencies that are not mirror images.

    Reference: numpy.fft.rfft
    """
    return _forward_real(a, None if n is None else (n,), (axis,), norm, "rfft")


@_fft_function
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """The inverse of `rfft`; n is the length of the result, by default an even one.

    Reference: numpy.fft.irfft
    """
    return _inverse_real(a, None if n is None else (n,), (axis,), norm, "irfft")


@_fft_function
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The transform of real numbers over two axes, half of the last one.

    Reference: numpy.fft.rfft2
    """
    return _forward_real(a, s, axes, norm, "rfft2")


@_fft_function
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The inverse of `rfft2`.

    Reference: numpy.fft.irfft2
    """
    return _inverse_real(a, s, axes, norm, "irfft2")


@_fft_function
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The transform of real numbers over several axes, half of the last one.

    Reference: numpy.fft.rfftn
    """
    return _forward_real(a, s, axes, norm, "rfftn")


@_fft_function
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The inverse of `rfftn`.

    Reference: numpy.fft.irfftn
    """
    return _inverse_real(a, s, axes, norm, "irfftn")


@_fft_function
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """The real transform of a signal that is its own conjugate mirror image, given by its first half.

    Reference: numpy.fft.hfft
    """
    conjugate = ufuncs.conjugate(_complex(a, "hfft"))
    return _inverse_real(conjugate, None if n is None else (n,), (axis,), _SWAPPED[_norm(norm, "hfft")], "hfft")


@_fft_function
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """The inverse of `hfft`.

    Reference: numpy.fft.ihfft
    """
    size = None if n is None else (n,)
    return ufuncs.conjugate(_forward_real(a, size, (axis,), _SWAPPED[_norm(norm, "ihfft")], "ihfft"))


# --- shifts -----------------------------------------------------------------------------------------------------------


def _shifted(x: Any, axes: Any, name: str, sign: int) -> Any:
    x = array_operand(x, f"fft.{name}")
    axes = promotion.many_axes(axes, x.ndim, f"fft.{name}")
    return roll(x, [sign * (x.shape[a] // 2) for a in axes], axes) if axes else x


@_fft_function
def fftshift(x: Any, axes: Any = None) -> Any:
    """Frequency zero in the middle.

    Reference: numpy.fft.fftshift
    """
    return _shifted(x, axes, "fftshift", 1)


@_fft_function
def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of `fftshift`.

    Reference: numpy.fft.ifftshift
    """
    return _shifted(x, axes, "ifftshift", -1)


__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft",
    "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip
