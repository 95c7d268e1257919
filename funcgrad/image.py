"""Images in other sizes, by the names of `jax.image`.

Each axis is resampled by itself. Element k of the result lies at p = (k + 1/2 - translation) / scale - 1/2 among those
of the image, and is a mean of them with weights by distance:

    out[k] = sum_i h((p - i) / s) x[i] / sum_i h((p - i) / s),   s = max(1, 1 / scale) with antialias, else 1

Positions outside of the image give 0.

Example:
    >>> import numpy as np, funcgrad as fg
    >>> fg.image.resize(np.array([0.0, 2.0]), (4,), "linear")
    array([0. , 0.5, 1.5, 2. ])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import numpy as fnp
from .numpy import promotion
from .ops import layout

__all__ = ["resize", "scale_and_translate"]


# --- kernels, functions of a distance ---------------------------------------------------------------------------------


def _triangle(x: Any) -> Any:
    return fnp.maximum(0.0, 1.0 - x)


def _keys(x: Any) -> Any:
    """Keys's cubic convolution with a = -1/2."""
    near = ((1.5 * x - 2.5) * x) * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return fnp.where(x >= 2.0, 0.0, fnp.where(x >= 1.0, far, near))


def _lanczos(radius: float) -> Callable:
    return lambda x: fnp.where(x > radius, 0.0, fnp.sinc(x) * fnp.sinc(x / radius))


_KERNELS: dict[str, Callable] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _keys), "lanczos3": _lanczos(3.0), "lanczos5": _lanczos(5.0),
}  # fmt: skip


def _kernel(method: Any, name: str) -> Callable:
    key = str(getattr(method, "name", method)).lower()
    if key not in _KERNELS:
        raise ValueError(f"{name}: unknown method {method!r}; there are {', '.join(_KERNELS)}")
    return _KERNELS[key]


# --- resampling -------------------------------------------------------------------------------------------------------


def _weights(size: int, count: int, scale: Any, translation: Any, kernel: Callable, antialias: bool) -> Any:
    """(size, count)"""
    inverse = 1.0 / scale
    spread = fnp.maximum(inverse, 1.0) if antialias else 1.0
    places = (np.arange(count) + 0.5) * inverse - translation * inverse - 0.5
    weights = kernel(fnp.abs(places[None, :] - np.arange(float(size))[:, None]) / spread)
    total = fnp.sum(weights, axis=0, keepdims=True)
    usable = fnp.abs(total) > 1000 * float(np.finfo(np.float32).eps)
    weights = fnp.where(usable, weights / fnp.where(usable, total, 1.0), 0.0)
    inside = (places >= -0.5) & (places <= size - 0.5)
    return fnp.where(inside[None, :], weights, 0.0)


def _resampled(x: Any, axis: int, weights: Any) -> Any:
    weights = promotion.convert(promotion.array_operand(weights), x.dtype)
    return fnp.moveaxis(fnp.tensordot(x, weights, ((axis,), (0,))), -1, axis)


def _image(image: Any, shape: Sequence[int], name: str) -> tuple[Any, tuple[int, ...]]:
    x, sizes = promotion.array_operand(image, name), promotion.static_ints(tuple(shape), name)
    if len(sizes) != x.ndim or any(n < 0 for n in sizes):
        raise ValueError(f"{name}: an image with axes {tuple(x.shape)} cannot have the shape {tuple(shape)}")
    return (x if x.dtype.kind in "fc" else promotion.convert(x, np.dtype(np.float64))), tuple(sizes)


def resize(image: Any, shape: Sequence[int], method: Any, antialias: bool = True, precision: Any = None) -> Any:
    """An image in another size.

    Args:
        image: an array; integers count as float64, but for "nearest".
        shape: of the result, with as many axes; those that do not change are left alone.
        method: "nearest", "linear", "cubic", "lanczos3" or "lanczos5".
        antialias: whether kernels grow where the image shrinks.
        precision: accepted for compatibility with JAX.

    Returns:
        An array of that shape.

    Raises:
        ValueError: the shape does not fit, or the method is unknown.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda x: resize(x, (1, 2), "linear").sum())(np.ones((2, 2)))
        array([[0.5, 0.5],
               [0.5, 0.5]])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.image.resize.html, whose interface this follows; R. Keys,
    Cubic convolution interpolation for digital image processing, IEEE Trans. ASSP 29, 1981.
    """
    if str(getattr(method, "name", method)).lower() == "nearest":
        return _nearest(promotion.array_operand(image, "resize"), shape)
    kernel = _kernel(method, "resize")
    x, sizes = _image(image, shape, "resize")
    for axis, (n, count) in enumerate(zip(x.shape, sizes)):
        if n != count:
            x = _resampled(x, axis, _weights(n, count, count / n, 0.0, kernel, antialias))
    return x


def _nearest(x: Any, shape: Sequence[int]) -> Any:
    _, sizes = _image(np.zeros(x.shape), shape, "resize")
    for axis, (n, count) in enumerate(zip(x.shape, sizes)):
        if n != count:
            places = np.floor((np.arange(count) + 0.5) * n / count).astype(layout.INDEX)
            x = fnp.take(x, places, axis=axis)
    return x


def scale_and_translate(
    image: Any,
    shape: Sequence[int],
    spatial_dims: Sequence[int],
    scale: Any,
    translation: Any,
    method: Any,
    antialias: bool = True,
    precision: Any = None,
) -> Any:
    """An image scaled and moved along some axes, differentiable in both.

    Args:
        image: an array; integers count as float64.
        shape: of the result, with as many axes.
        spatial_dims: the axes that scale and translation are for; no other may change its size.
        scale: (len(spatial_dims),), above 1 to enlarge.
        translation: (len(spatial_dims),), in elements of the result.
        method: "linear", "cubic", "lanczos3" or "lanczos5".
        antialias: whether kernels grow where the image shrinks.
        precision: accepted for compatibility with JAX.

    Returns:
        An array of that shape; 0 where the image does not reach.

    Raises:
        ValueError: shapes do not fit, or the method is unknown.

    Example:
        >>> import numpy as np
        >>> scale_and_translate(np.array([1.0, 2.0, 3.0]), (3,), (0,), np.ones(1), np.ones(1), "linear")
        array([0., 1., 2.])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.image.scale_and_translate.html, whose interface this
    follows.
    """
    kernel = _kernel(method, "scale_and_translate")
    x, sizes = _image(image, shape, "scale_and_translate")
    axes = promotion.many_axes(tuple(spatial_dims), x.ndim, "scale_and_translate")
    scale, translation = (promotion.array_operand(v, "scale_and_translate") for v in (scale, translation))
    if tuple(scale.shape) != (len(axes),) or tuple(translation.shape) != (len(axes),):
        shapes = f"{tuple(scale.shape)} and {tuple(translation.shape)}"
        raise ValueError(f"scale_and_translate: {len(axes)} axes need as many scales and translations, got {shapes}")
    if any(n != m for d, (n, m) in enumerate(zip(x.shape, sizes)) if d not in axes):
        raise ValueError(
            f"scale_and_translate: only the axes {axes} may change their size, {tuple(x.shape)} to {sizes}"
        )
    for k, d in enumerate(promotion.static_ints(tuple(spatial_dims), "scale_and_translate")):
        x = _resampled(x, d % x.ndim, _weights(x.shape[d], sizes[d], scale[k], translation[k], kernel, antialias))
    return x
