"""Running sums along an axis, from the front or from the back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import lowering
from .rules import linear
from .samples import Sample, array


def _cumsum_impl(x: Any, *, axis: int, reverse: bool) -> Any:
    x = np.flip(x, axis) if reverse else x
    out = np.cumsum(x, axis=axis, dtype=x.dtype)
    return np.flip(out, axis) if reverse else out


def _batch(size: int, args: list, axes: list, *, axis: int, reverse: bool) -> tuple[Any, int]:
    return cumsum(args[0], axis=axis + (axis >= axes[0]), reverse=reverse), axes[0]


cumsum = linear(
    "cumsum", _cumsum_impl, aval=lambda x, *, axis, reverse: x, batch=_batch, lower=lowering.Scan("add"),
    transpose=lambda ct, x, *, axis, reverse: (cumsum(ct, axis=axis, reverse=not reverse),),
    samples=lambda: [
        Sample([array(4)], dict(axis=0, reverse=False)), Sample([array(2, 3)], dict(axis=1, reverse=True)),
        Sample([array(3, 2)], dict(axis=0, reverse=False)), Sample([array(0, 2)], dict(axis=0, reverse=False)),
    ],
)  # fmt: skip
