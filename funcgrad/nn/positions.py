"""Where an element stands in its sequence, told to layers that would not see it: fixed waves, a table, rotations."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import numpy as fnp
from ..numpy import promotion
from . import initializers
from .operands import real


def sinusoidal_positions(length: int, size: int, base: float = 10000.0, dtype: Any = np.float64) -> Any:
    """Sines and cosines of the position, with wave lengths from 2 pi to 2 pi base.

        out[t, 2 i] = sin(t / base^(2 i / size)),   out[t, 2 i + 1] = cos(t / base^(2 i / size))

    Args:
        length: how many positions.
        size: features of each; an even number.
        base: ratio of the longest and the shortest wave.

    Returns:
        An array of shape (length, size), to be added to a sequence.

    Raises:
        ValueError: for an odd size.

    Example:
        >>> sinusoidal_positions(2, 4)[0]
        array([0., 1., 0., 1.])

    Reference: A. Vaswani et al., Attention is all you need, NIPS 2017, section 3.5.
    """
    if size % 2:
        raise ValueError(f"sinusoidal_positions: size={size} is odd.\nFix: features come in pairs of sine and cosine.")
    angles = np.arange(length)[:, None] * base ** (-np.arange(0, size, 2) / size)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(length, size).astype(dtype)


def init_learned_positions(
    key: Any, length: int, size: int, *, init: Any = None, dtype: Any = np.float64
) -> dict[str, Any]:
    """Parameters of `learned_positions`: a table of shape (length, size), normal with standard deviation 0.02.

    Example:
        >>> from funcgrad import random
        >>> init_learned_positions(random.key(0), 5, 3)["table"].shape
        (5, 3)
    """
    return {"table": (initializers.normal(0.02) if init is None else init)(key, (length, size), dtype)}


def learned_positions(params: dict[str, Any], x: Any) -> Any:
    """x plus one row of a table for each position.

    Args:
        params: as made by `init_learned_positions`.
        x: (..., length, size), no longer than the table.

    Raises:
        ValueError: x does not fit the table.

    Example:
        >>> import numpy as np
        >>> learned_positions({"table": np.array([[1.0], [2.0]])}, np.zeros((1, 1)))
        array([[1.]])
    """
    x, table = real(x, "learned_positions"), params["table"]
    if x.ndim < 2 or x.shape[-2] > table.shape[0] or x.shape[-1] != table.shape[1]:
        raise ValueError(
            f"learned_positions: x has shape {tuple(x.shape)} and the table {tuple(table.shape)}.\n"
            f"Fix: x has shape (..., length, {table.shape[1]}) with a length of at most {table.shape[0]}."
        )
    return x + table[: x.shape[-2]]


def rotary(x: Any, positions: Any = None, base: float = 10000.0) -> Any:
    """Pairs of features turned by angles proportional to the position, so that products depend on distances.

    Feature i of the first half and feature i of the second half make a pair, which is turned by t / base^(2 i / H).

    Args:
        x: (..., length, heads, H) with an even H.
        positions: numbers of shape (length,), or with leading axes that broadcast to those of x; 0, 1, ... by default.
        base: ratio of the slowest and the fastest rotation.

    Returns:
        An array of the shape of x.

    Raises:
        ValueError: H is odd.

    Example:
        >>> import numpy as np
        >>> x = np.ones((4, 1, 2))
        >>> y = rotary(x)[:, 0]
        >>> bool(np.allclose(y[1] @ y[0], y[3] @ y[2]))
        True

    Reference: J. Su et al., RoFormer: enhanced transformer with rotary position embedding, 2021.
    """
    x = real(x, "rotary")
    if x.ndim < 3 or x.shape[-1] % 2:
        raise ValueError(
            f"rotary: x has shape {tuple(x.shape)}.\nFix: its axes are (..., length, heads, H), and H is even."
        )
    half = x.shape[-1] // 2
    positions = np.arange(x.shape[-3]) if positions is None else promotion.array_operand(positions, "rotary")
    angles = positions[..., None, None] * base ** (-np.arange(half) / half)
    cos, sin = (promotion.convert(f(angles), x.dtype) for f in (fnp.cos, fnp.sin))
    first, second = x[..., :half], x[..., half:]
    return fnp.concatenate([first * cos - second * sin, first * sin + second * cos], -1)
