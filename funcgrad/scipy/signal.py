"""Convolutions and correlations in any number of dimensions, and trends, for traced values.

    full:   out[k] = sum over i of in1[i] in2[k - i]
    same:   the middle of it, of the shape of in1
    valid:  the part where the smaller operand lies wholly within the larger one

Example:
    >>> import numpy as np, funcgrad as fg
    >>> x, w = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0])
    >>> fg.grad(lambda w: fg.scipy.signal.convolve(x, w, mode="valid")[0])(w)
    array([2., 1.])
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..numpy import joining, linear, promotion, ufuncs
from ..numpy.linalg_pieces import floating
from ..numpy.padding import pad
from ..numpy.promotion import array_operand
from ..ops import convolution, fourier, layout
from ..ops.matrix_rules import conjugate
from .plain import scipy_function

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "detrend", "fftconvolve"]

MODES = ("full", "same", "valid")
Shape = tuple[int, ...]


@scipy_function("scipy.signal")
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The convolution of two arrays of equally many dimensions.

        out[k] = sum over i of in1[i] in2[k - i]

    Args:
        in1: (n, ...).
        in2: (m, ...), with as many axes.
        mode: "full" (n + m - 1), "same" (n), or "valid" (|n - m| + 1).
        method: "direct" (sums of products), "fft" (transforms), or "auto": what takes fewer operations.

    Returns:
        An array of the promoted dtype.

    Raises:
        ValueError: the operands have different numbers of axes, neither contains the other in "valid", or mode or
            method is unknown.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.signal.convolve)(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        array([ 3., 10.,  8.])

    Reference: scipy.signal.convolve
    """
    x, y = _pair("convolve", in1, in2, mode)
    if x.ndim == 0:
        return ufuncs.multiply(x, y)
    if method not in ("auto", "direct", "fft"):
        raise ValueError(f"convolve: method must be 'auto', 'direct' or 'fft', got {method!r}")
    dtype = promotion.result_dtype(x, y)
    exact = dtype.kind not in "fc" or dtype == np.float16
    fast = method == "fft" or (method == "auto" and not exact and _fft_is_cheaper(x.shape, y.shape))
    if fast:
        out = _by_fft(x, y, tuple(range(x.ndim)))
        out = promotion.convert(ufuncs.rint(out), dtype) if exact else out
    else:
        out = _by_windows(x, y)
    return _cropped(out, x.shape, y.shape, mode, range(x.ndim))


@scipy_function("scipy.signal")
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The cross-correlation of two arrays of equally many dimensions.

        out[k] = sum over i of in1[i + k - (m - 1)] conj(in2[i])

    Args:
        in1: (n, ...).
        in2: (m, ...), with as many axes.
        mode: "full" (n + m - 1), "same" (n), or "valid" (|n - m| + 1).
        method: as for `convolve`.

    Returns:
        An array of the promoted dtype.

    Raises:
        ValueError: as for `convolve`.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.signal.correlate)(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.5]))
        array([0.5, 2. , 3.5, 3. , 0. ])

    Reference: scipy.signal.correlate
    """
    x, y = _pair("correlate", in1, in2, mode)
    if y.ndim:
        y = layout.flip(y, axes=tuple(range(y.ndim)))
    return convolve.__wrapped__(x, conjugate(y), mode, method)


@scipy_function("scipy.signal")
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """The convolution over some axes by fast Fourier transforms.

    Args:
        in1: (n, ...).
        in2: (m, ...), with as many axes; those that are not in `axes` broadcast.
        mode: "full" (n + m - 1), "same" (n), or "valid" (|n - m| + 1).
        axes: over which axes, by default all.

    Returns:
        An array of floating or complex numbers; of an operand without elements, an empty float64 array of one axis.
        Compiled code calls NumPy for real operands.

    Raises:
        ValueError: as for `convolve` but for empty operands, or the other axes do not broadcast.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.signal.fftconvolve)(np.array([1.0, 2.0]), np.array([3.0, 4.0])).round(12)
        array([ 3., 10.,  8.])

    Reference: scipy.signal.fftconvolve
    """
    if _nothing(in1, in2):
        return np.zeros(0)  # as SciPy has it, of one axis
    x, y = _pair("fftconvolve", in1, in2, mode, axes)
    if x.ndim == 0:
        return ufuncs.multiply(x, y)
    chosen = promotion.many_axes(axes, x.ndim, "fftconvolve")
    if not chosen:
        raise ValueError("fftconvolve: when provided, axes cannot be empty")
    return _cropped(_by_fft(x, y, chosen), x.shape, y.shape, mode, chosen)


_BOUNDARIES = {
    "fill": "constant",
    "pad": "constant",
    "wrap": "wrap",
    "circular": "wrap",
    "symm": "symmetric",
    "symmetric": "symmetric",
}


@scipy_function("scipy.signal")
def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Any:
    """The convolution of two matrices, the first of which goes on beyond its edges.

    Args:
        in1: (n, m).
        in2: (k, l).
        mode: "full", "same" or "valid", as for `convolve`.
        boundary: "fill" with a number, "wrap" around, or "symm": mirrored.
        fillvalue: the number.

    Returns:
        A matrix of the promoted dtype.

    Raises:
        ValueError: an operand is no matrix, neither contains the other in "valid", or mode or boundary is unknown.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(lambda x: fg.scipy.signal.convolve2d(x, np.ones((1, 2)), "same", "wrap"))(np.eye(2))
        array([[1., 1.],
               [1., 1.]])

    Reference: scipy.signal.convolve2d
    """
    return _beyond_edges(*_planes("convolve2d", in1, in2, mode, boundary), mode, boundary, fillvalue, later=0)


def _beyond_edges(x: Any, y: Any, mode: str, boundary: str, fillvalue: Any, later: int) -> Any:
    """In "same" the middle of the full result; of two middles, the one before or, with `later` 1, after."""
    if mode == "valid":
        return _cropped(_by_windows(x, y), x.shape, y.shape, mode, (0, 1))
    around = tuple(n - 1 for n in y.shape)
    fill = {"constant_values": fillvalue} if _BOUNDARIES[boundary] == "constant" else {}
    wide = pad(x, tuple((n, n) for n in around), _BOUNDARIES[boundary], **fill)
    out = _cropped(_by_windows(wide, y), wide.shape, y.shape, "valid", (0, 1))
    for a in (0, 1) if mode == "same" else ():
        start = (around[a] + later) // 2
        out = layout.slice_axis(out, a, start, start + x.shape[a])
    return out


@scipy_function("scipy.signal")
def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Any:
    """The cross-correlation of two matrices, the first of which goes on beyond its edges.

    Args:
        in1: (n, m).
        in2: (k, l).
        mode, boundary, fillvalue: as for `convolve2d`.

    Returns:
        A matrix of the promoted dtype.

    Raises:
        ValueError: as for `convolve2d`.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(lambda x: fg.scipy.signal.correlate2d(x, np.eye(2), "valid"))(np.eye(2))
        array([[2.]])

    Reference: scipy.signal.correlate2d
    """
    x, y = _planes("correlate2d", in1, in2, mode, boundary)
    y = conjugate(layout.flip(y, axes=(0, 1)))
    return _beyond_edges(x, y, mode, boundary, fillvalue, later=1)


def _planes(name: str, in1: Any, in2: Any, mode: str, boundary: str) -> tuple[Any, Any]:
    x, y = _pair(name, in1, in2, mode)
    if x.ndim != 2:
        raise ValueError(f"{name}: needs matrices, got shapes {tuple(x.shape)} and {tuple(y.shape)}")
    if boundary not in _BOUNDARIES:
        raise ValueError(f"{name}: boundary must be 'fill', 'wrap' or 'symm', got {boundary!r}")
    x, y = promotion.promote_dtype([x, y])
    return x, y


@scipy_function("scipy.signal")
def detrend(data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False) -> Any:
    """What is left of data when straight lines, or the mean, have been taken away.

    Args:
        data: an array.
        axis: along which.
        type: "linear", or "constant" for the mean.
        bp: positions between which there is a line each.
        overwrite_data: accepted as SciPy has it, without effect.

    Returns:
        An array like data, of floating-point numbers.

    Raises:
        ValueError: the type is unknown, or a position is beyond the end.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.signal.detrend)(np.array([1.0, 2.0, 3.0])).round(12) + 0.0
        array([0., 0., 0.])

    Reference: scipy.signal.detrend
    """
    if type not in ("linear", "l", "constant", "c"):
        raise ValueError(f"detrend: type must be 'linear' or 'constant', got {type!r}")
    x = floating(array_operand(data, "detrend"), "detrend")
    axis = promotion.one_axis(axis, x.ndim, "detrend")
    x = layout.move_axis(x, axis, x.ndim - 1)
    if type in ("constant", "c"):
        out = x - x.mean(axis=-1, keepdims=True)
    else:
        n = x.shape[-1]
        ends = np.unique(np.r_[0, np.asarray(bp, int), n])
        if np.any(ends > n):
            raise ValueError(f"detrend: breakpoints must be at most {n}, got {bp!r}")
        out = joining.join(
            [_without_line(layout.slice_axis(x, x.ndim - 1, a, b)) for a, b in itertools.pairwise(map(int, ends))],
            x.ndim - 1,
        )
    return layout.move_axis(out, x.ndim - 1, axis)


def _without_line(x: Any) -> Any:
    """x - q q^T x along the last axis, where q spans the straight lines."""
    n = x.shape[-1]
    lines = np.linalg.qr(np.stack([np.ones(n), np.arange(1.0, n + 1) / n], axis=1))[0].astype(x.dtype)
    return x - linear.matmul(linear.matmul(x, lines), lines.T)


def _nothing(in1: Any, in2: Any) -> bool:
    """Whether an operand, of as many axes as the other, has no elements."""
    x, y = array_operand(in1, "fftconvolve"), array_operand(in2, "fftconvolve")
    return x.ndim == y.ndim and 0 in (*x.shape, *y.shape)


def _pair(name: str, in1: Any, in2: Any, mode: str, axes: Any = None) -> tuple[Any, Any]:
    """Two operands that fit; in "valid" the larger one first."""
    x, y = array_operand(in1, name), array_operand(in2, name)
    if mode not in MODES:
        raise ValueError(f"{name}: mode must be 'full', 'same' or 'valid', got {mode!r}")
    if x.ndim != y.ndim:
        raise ValueError(f"{name}: in1 and in2 must have the same number of axes, got {x.ndim} and {y.ndim}")
    if 0 in (*x.shape, *y.shape):
        raise ValueError(f"{name}: an operand is empty, shapes {tuple(x.shape)} and {tuple(y.shape)}")
    over = promotion.many_axes(axes, x.ndim, name)
    if mode == "valid" and not (_holds(x, y, over) or _holds(y, x, over)):
        raise ValueError(f"{name}: for 'valid' one operand must be at least as large as the other in every dimension")
    return x, y


def _holds(x: Any, y: Any, axes: Any) -> bool:
    return all(x.shape[a] >= y.shape[a] for a in axes)


def _cropped(out: Any, first: Shape, second: Shape, mode: str, axes: Any) -> Any:
    """The part of a full convolution that a mode asks for; "same" is of the shape of the first operand everywhere."""
    for a in range(out.ndim) if mode == "same" else axes if mode == "valid" else ():
        n, m = first[a], second[a]
        size, start = (n, (out.shape[a] - n) // 2) if mode == "same" else (abs(n - m) + 1, min(n, m) - 1)
        out = layout.slice_axis(out, a, start, start + size)
    return out


def _fft_is_cheaper(first: Shape, second: Shape) -> bool:
    """Multiplications of sums of products against those of three transforms."""
    full = math.prod(n + m - 1 for n, m in zip(first, second))
    return full * min(math.prod(first), math.prod(second)) > 20 * full * math.log2(full + 1)


def _by_windows(x: Any, y: Any) -> Any:
    """A product of all windows of the padded larger operand with the mirrored smaller one."""
    if math.prod(y.shape) > math.prod(x.shape):
        x, y = y, x
    axes, sizes = tuple(range(x.ndim)), tuple(y.shape)
    around = tuple(m - 1 for m in sizes)
    zero = np.zeros((), x.dtype)[()]
    padded = layout.pad(x, zero, low=around, high=around, interior=(0,) * x.ndim)
    once = (1,) * x.ndim
    cut = convolution.windows(padded, axes=axes, sizes=sizes, strides=once, dilations=once)
    return linear.contract(cut, layout.flip(y, axes=axes), (tuple(a + x.ndim for a in axes), axes))


def _by_fft(x: Any, y: Any, axes: Shape) -> Any:
    """A circular convolution of operands padded so that nothing wraps around."""
    dtype = promotion.result_dtype(x, y)
    dtype = dtype if dtype.kind in "fc" and dtype != np.float16 else np.dtype(np.float64)
    full = {a: x.shape[a] + y.shape[a] - 1 for a in axes}
    padded = {a: fast_length(n) for a, n in full.items()}
    others = [tuple(1 if a in full else n for a, n in enumerate(v.shape)) for v in (x, y)]
    lead = promotion.common_shape(others, "fftconvolve")
    shape = tuple(padded.get(a, n) for a, n in enumerate(lead))
    x, y = (_grown(promotion.convert(v, dtype), padded, shape) for v in (x, y))
    out = fourier.circular_convolve(x, y, axes=axes)
    for a, n in full.items():
        out = layout.slice_axis(out, a, 0, n)
    return out


def _grown(x: Any, sizes: dict[int, int], shape: Shape) -> Any:
    high = tuple(sizes.get(a, n) - n for a, n in enumerate(x.shape))
    none = (0,) * x.ndim
    return promotion.broadcast(layout.pad(x, np.zeros((), x.dtype)[()], low=none, high=high, interior=none), shape)


def fast_length(n: int) -> int:
    """The least length from n on that is a product of 2, 3 and 5, for which transforms are fast."""
    while True:
        rest = n
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 1
