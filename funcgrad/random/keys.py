"""Keys and bits: the cipher of `ops.random_bits` applied to a key and to counters 0, 1, 2, ..."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..numpy import promotion
from ..ops import layout
from ..ops.random_bits import threefry2x32
from .reuse import consumes, forget

UINT32, UINT64 = np.dtype(np.uint32), np.dtype(np.uint64)
Shape = tuple[int, ...]


IMPLEMENTATION = "threefry2x32"


def check_key(key: Any, where: str) -> Any:
    """The key as an array of two uint32 words, or the error that says how to make one."""
    if getattr(key, "shape", None) == (2,) and key.dtype == UINT32:
        return key
    what = f"{key.dtype}{list(key.shape)}" if hasattr(key, "dtype") else repr(key)
    raise TypeError(
        f"{where}: the first argument must be one key, an array uint32[2], got {what}.\n"
        "Fix: make a key with random.key(seed); use vmap to draw with many keys at once."
    )


def _check_impl(impl: Any, where: str) -> None:
    if impl not in (None, IMPLEMENTATION):
        raise ValueError(f"{where}: the only generator is {IMPLEMENTATION!r}, got {impl!r}.")


def to_shape(shape: Any, where: str) -> Shape:
    """A shape as a tuple; a number counts as one axis."""
    return promotion.static_ints(shape, where)


def key(seed: Any, *, impl: str | None = None) -> Any:
    """A key made from a seed.

    Args:
        seed: an integer; different seeds give unrelated streams.
        impl: the name of the generator; there is one, "threefry2x32".

    Returns:
        An array of two uint32 words.

    Raises:
        TypeError: when the seed is not a single integer.
        ValueError: for another generator.

    Example:
        >>> key(7)
        array([0, 7], dtype=uint32)
    """
    _check_impl(impl, "random.key")
    value = promotion.array_operand(seed, "random.key")
    if value.dtype.kind not in "iu" or value.shape != ():
        raise TypeError(f"random.key: the seed must be an integer, got {seed!r}.\nFix: pass one number, as in key(0).")
    low = promotion.convert(value, UINT32)
    if value.dtype.itemsize < 8:
        return fnp.stack([np.uint32(0), low])
    return fnp.stack([promotion.convert(fnp.right_shift(value, 32), UINT32), low])


PRNGKey = key


def cipher(key: Any, high: Any, low: Any) -> tuple[Any, Any]:
    """Encrypt counters of two words each; both words have one shape."""
    words = [promotion.broadcast(key[i], tuple(low.shape)) for i in (0, 1)]
    first, second = threefry2x32(*words, high, low)
    return first, second


def counters(count: int) -> tuple[Any, Any]:
    """The numbers 0 to count - 1 as two uint32 words each."""
    if count < 2**32:
        high = promotion.broadcast(np.uint32(0), (count,))
        return high, layout.iota(shape=(count,), axis=0, dtype=UINT32)
    numbers = layout.iota(shape=(count,), axis=0, dtype=UINT64)
    return promotion.convert(fnp.right_shift(numbers, 32), UINT32), promotion.convert(numbers, UINT32)


def pairs(key: Any, shape: Shape) -> tuple[Any, Any]:
    """Two independent uint32 words for every element of `shape`."""
    if shape == ():
        return cipher(key, np.uint32(0), np.uint32(0))
    words = cipher(key, *counters(math.prod(shape)))
    return tuple(layout.reshape(w, shape=shape) for w in words) if len(shape) > 1 else words  # type: ignore[return-value]


@consumes
def split(key: Any, num: Any = 2) -> Any:
    """New keys, independent of each other; do not use the old one again.

    Args:
        key: a key.
        num: how many, or a shape.

    Returns:
        An array uint32[num, 2], which can be unpacked: `first, second = split(key)`.

    Example:
        >>> from funcgrad import random
        >>> split(random.key(0), 3).shape
        (3, 2)
    """
    return fnp.stack(pairs(check_key(key, "random.split"), to_shape(num, "random.split")), axis=-1)


@consumes
def fold_in(key: Any, data: Any) -> Any:
    """A new key from a key and a number, such as the number of a step or of a layer.

    Args:
        key: a key.
        data: an integer below 2^32.

    Returns:
        A key, different for every number.

    Example:
        >>> from funcgrad import random
        >>> fold_in(random.key(0), 1).dtype
        dtype('uint32')
    """
    number = promotion.convert(promotion.array_operand(data, "random.fold_in"), UINT32)
    return fnp.stack(cipher(check_key(key, "random.fold_in"), np.uint32(0), number))


@consumes
def bits(key: Any, shape: Any = (), dtype: Any = np.uint64) -> Any:
    """Uniform random bits, as unsigned integers.

    Args:
        key: a key.
        shape: shape of the result.
        dtype: uint8, uint16, uint32 or uint64.

    Raises:
        ValueError: for another dtype.

    Example:
        >>> from funcgrad import random
        >>> bits(random.key(0), (2,), "uint32")
        array([4070199207, 4202968722], dtype=uint32)
    """
    dtype = np.dtype(dtype)
    if dtype.kind != "u":
        raise ValueError(f"random.bits: dtype must be an unsigned integer type, got {dtype}.")
    return random_bits(check_key(key, "random.bits"), to_shape(shape, "random.bits"), dtype)


def key_data(keys: Any) -> Any:
    """The words of keys; keys are arrays of words, so this is the array itself.

    Args:
        keys: an array uint32[..., 2] of keys.

    Raises:
        TypeError: when it holds no keys.

    Example:
        >>> key_data(key(7))
        array([0, 7], dtype=uint32)
    """
    if getattr(keys, "shape", ())[-1:] == (2,) and keys.dtype == UINT32:
        return keys
    raise TypeError(f"random.key_data: keys are arrays uint32[..., 2], got {keys!r}.\nFix: use random.key(seed).")


def wrap_key_data(key_bits_array: Any, *, impl: str | None = None) -> Any:
    """Keys from words, such as those that `key_data` gave and a file kept.

    Args:
        key_bits_array: an array uint32[..., 2].
        impl: the name of the generator; there is one, "threefry2x32".

    Raises:
        TypeError: when it holds no keys.
        ValueError: for another generator.

    Example:
        >>> import numpy as np
        >>> wrap_key_data(np.array([0, 7], np.uint32))
        array([0, 7], dtype=uint32)
    """
    _check_impl(impl, "random.wrap_key_data")
    return key_data(promotion.array_operand(key_bits_array, "random.wrap_key_data"))


def key_impl(keys: Any) -> str:
    """The name of the generator that keys belong to.

    Example:
        >>> key_impl(key(0))
        'threefry2x32'
    """
    key_data(keys)
    return IMPLEMENTATION


def clone(key: Any) -> Any:
    """A key with the same words that `check_reuse` takes for another: a second use is meant.

    Outside `check_reuse` it is the key itself.

    Example:
        >>> from funcgrad import random
        >>> key = random.key(0)
        >>> with random.check_reuse():
        ...     x, y = random.normal(key), random.normal(random.clone(key))
        >>> bool(x == y)
        True
    """
    return forget(check_key(key, "random.clone"))


def random_bits(key: Any, shape: Shape, dtype: np.dtype) -> Any:
    """`bits` without checks."""
    first, second = pairs(key, shape)
    if dtype.itemsize < 8:
        return promotion.convert(fnp.bitwise_xor(first, second), dtype)
    high, low = (promotion.convert(w, UINT64) for w in (first, second))
    return fnp.bitwise_or(fnp.left_shift(high, np.uint64(32)), low)
