"""Random variations of images, as pure functions of a key that can be compiled.

Images are arrays [n, height, width] or [n, height, width, channels]; every image gets its own variation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import random
from ..numpy import promotion


def _images(images: Any, where: str) -> Any:
    images = promotion.array_operand(images, where)
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{where}: images must be [n, height, width] or [n, height, width, channels], got {tuple(images.shape)}."
        )
    return images


def _column(values: Any, ndim: int) -> Any:
    """One value for each image, to broadcast against the images."""
    return fnp.reshape(values, (values.shape[0], *[1] * (ndim - 1)))


def _windows(images: Any, starts: Any, axis: int, size: int) -> Any:
    """Of every image the stretch [start, start + size) of an axis; what lies outside is the nearest edge."""
    places = _column(starts, 2) + np.arange(size)
    places = fnp.clip(places, 0, images.shape[axis] - 1)
    shape = [images.shape[0], *[1] * (images.ndim - 1)]
    shape[axis] = size
    return fnp.take_along_axis(images, fnp.reshape(places, tuple(shape)), axis=axis)


def _outside(starts: Any, axis: int, size: int, limit: int, ndim: int) -> Any:
    """Where [start, start + size) lies outside of [0, limit)."""
    shape = [starts.shape[0], *[1] * (ndim - 1)]
    shape[axis] = size
    places = fnp.reshape(_column(starts, 2) + np.arange(size), tuple(shape))
    return (places < 0) | (places >= limit)


def random_shift(key: Any, images: Any, most: int, fill: float = 0.0) -> Any:
    """Move every image by up to `most` whole pixels in each direction.

    Args:
        key: a key.
        images: [n, height, width] or [n, height, width, channels].
        most: the largest shift.
        fill: what comes in from outside.

    Example:
        >>> import numpy as np
        >>> from funcgrad import data, random
        >>> data.random_shift(random.key(0), np.ones((2, 5, 5)), 1).shape
        (2, 5, 5)
    """
    where = "data.random_shift"
    images = _images(images, where)
    starts = random.randint(key, (2, images.shape[0]), -most, most + 1)
    out, outside = images, False
    for axis, start in zip((1, 2), starts):
        size = images.shape[axis]
        out = _windows(out, start, axis, size)
        outside = outside | _outside(start, axis, size, size, images.ndim)
    return fnp.where(outside, promotion.convert(promotion.array_operand(fill, where), out.dtype), out)


def random_flip(key: Any, images: Any, axis: int = 2, p: float = 0.5) -> Any:
    """Mirror every image with probability p.

    Args:
        key: a key.
        images: [n, height, width] or [n, height, width, channels].
        axis: 2 changes left and right, 1 top and bottom.
        p: the probability.

    Example:
        >>> import numpy as np
        >>> from funcgrad import data, random
        >>> data.random_flip(random.key(0), np.arange(4).reshape(1, 2, 2), p=1.0)
        array([[[1, 0],
                [3, 2]]])
    """
    images = _images(images, "data.random_flip")
    flipped = random.bernoulli(key, p, (images.shape[0],))
    return fnp.where(_column(flipped, images.ndim), fnp.flip(images, axis), images)


def random_crop(key: Any, images: Any, shape: tuple[int, int], padding: int = 0) -> Any:
    """Cut a window out of every image, at a random place of the image and a border of zeros around it.

    Args:
        key: a key.
        images: [n, height, width] or [n, height, width, channels].
        shape: height and width of the windows.
        padding: width of the border.

    Raises:
        ValueError: when the windows are larger than image and border.

    Example:
        >>> import numpy as np
        >>> from funcgrad import data, random
        >>> data.random_crop(random.key(0), np.ones((2, 8, 8, 3)), (6, 6)).shape
        (2, 6, 6, 3)
    """
    where = "data.random_crop"
    images = _images(images, where)
    size = promotion.static_ints(shape, where)
    room = [images.shape[a] + 2 * padding - size[a - 1] for a in (1, 2)]
    if min(room) < 0:
        raise ValueError(
            f"{where}: windows of {size} do not fit into images of {tuple(images.shape[1:3])} padded by {padding}."
        )
    out, outside = images, False
    for axis, rows, now in zip((1, 2), room, random.split(key)):
        start = random.randint(now, (images.shape[0],), 0, rows + 1) - padding
        outside = outside | _outside(start, axis, size[axis - 1], images.shape[axis], images.ndim)
        out = _windows(out, start, axis, size[axis - 1])
    return out if not padding else fnp.where(outside, out.dtype.type(0), out)


def add_noise(key: Any, x: Any, scale: Any) -> Any:
    """x plus normal noise with the given standard deviation.

    Args:
        key: a key.
        x: an array of float32 or float64.
        scale: a number, or an array that broadcasts against x.

    Example:
        >>> import numpy as np
        >>> from funcgrad import data, random
        >>> abs(float(data.add_noise(random.key(0), np.zeros(10000), 0.1).std()) - 0.1) < 0.01
        True
    """
    x = promotion.array_operand(x, "data.add_noise")
    scale = promotion.convert(promotion.array_operand(scale, "data.add_noise"), x.dtype)
    return x + scale * random.normal(key, tuple(x.shape), x.dtype)
