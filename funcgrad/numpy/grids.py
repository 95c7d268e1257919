"""Arrays by index notation: `r_[1:4, x]`, `c_[x, y]`, `mgrid[0:2, 0:3]`, `ogrid`, `s_`, `index_exp`, `ix_(i, j)`.

`mgrid`, `ogrid`, `s_` and `index_exp` are NumPy's own objects. `r_` and `c_` are, too, until a traced value is among
the parts; then ranges become constants and the parts are concatenated by equations.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import layout
from . import joining, promotion
from .promotion import array_operand
from .registry import numpy_function
from .truth import concrete

mgrid, ogrid, s_, index_exp = np.mgrid, np.ogrid, np.s_, np.index_exp


class _Concatenator:
    """What `r_` and `c_` are: parts in brackets, concatenated along an axis.

    A directive "a,n,b" as the first part says: along axis a; parts with fewer axes than n get axes of size 1, put so
    that their own begin at position b.
    """

    def __init__(self, name: str, axis: int, ndmin: int, start: int) -> None:
        self.name, self.real, self.defaults = name, getattr(np, name), (axis, ndmin, start)

    def __repr__(self) -> str:
        return f"funcgrad.numpy.{self.name}"

    def __len__(self) -> int:
        return 0

    def __getitem__(self, key: Any) -> Any:
        parts = list(key) if isinstance(key, tuple) else [key]
        if not any(_has_tracer(p) for p in parts):
            return self.real[key]
        axis, ndmin, start = self.defaults
        if isinstance(parts[0], str):
            axis, ndmin, start = self._directive(parts.pop(0))
        arrays = [_with_axes(_part(p, self.name), _is_value(p), ndmin, start) for p in parts]
        return joining.join(arrays, axis, promotion.result_dtype(*map(_weak, parts)), self.name)

    def _directive(self, text: str) -> tuple[int, int, int]:
        try:
            numbers = [int(n) for n in text.split(",")]
        except ValueError:
            raise ValueError(
                f"{self.name}: on traced values a directive is up to three integers, got {text!r}"
            ) from None
        return (*numbers, *self.defaults[len(numbers) :])  # type: ignore[return-value]


def _has_tracer(part: Any) -> bool:
    if isinstance(part, slice):
        return any(promotion.has_tracer(v) for v in (part.start, part.stop, part.step))
    return promotion.has_tracer(part)


def _is_value(part: Any) -> bool:
    """Whether a part is a number, which has no axes of its own."""
    return not isinstance(part, slice) and np.ndim(part) == 0


def _weak(part: Any) -> Any:
    """What a part contributes to the dtype of the whole: numbers yield to arrays."""
    return np.r_[_known(part)] if isinstance(part, slice) else promotion.operand(part)


def _known(part: slice) -> slice:
    """A range with known bounds, on which the size of the result depends."""
    ends = [promotion.static_number(v, "the bounds of a range") for v in (part.start, part.stop, part.step)]
    return slice(*ends)


def _part(part: Any, name: str) -> Any:
    x = np.r_[_known(part)] if isinstance(part, slice) else array_operand(part, name)
    return layout.reshape(x, shape=(1,)) if x.ndim == 0 else x


def _with_axes(x: Any, is_value: bool, ndmin: int, start: int) -> Any:
    """At least `ndmin` axes, the own ones beginning at `start` (counted from the end of the new ones if negative)."""
    if x.ndim >= ndmin:
        return x
    if is_value:
        return layout.reshape(x, shape=(1,) * ndmin)
    missing = ndmin - x.ndim
    before = start if start >= 0 else missing + 1 + start
    return layout.reshape(x, shape=(1,) * before + tuple(x.shape) + (1,) * (missing - before))


r_, c_ = _Concatenator("r_", 0, 1, -1), _Concatenator("c_", -1, 2, 0)


@numpy_function
def ix_(*args: Any) -> tuple[Any, ...]:
    """Sequences as arrays that index an open mesh: the k-th along axis k.

    Reference: numpy.ix_
    """
    lines = [array_operand(a, "ix_") for a in args]
    if any(v.ndim != 1 for v in lines):
        raise ValueError(f"ix_: needs one-dimensional sequences, got shapes {[tuple(v.shape) for v in lines]}")
    known = [np.nonzero(concrete(v, "ix_ of truth values"))[0] if v.dtype == np.bool_ else v for v in lines]
    shapes = [tuple(v.shape[0] if d == k else 1 for d in range(len(known))) for k, v in enumerate(known)]
    return tuple(layout.reshape(v, shape=shape) for v, shape in zip(known, shapes))


__all__ = [
    "c_", "index_exp", "ix_", "mgrid", "ogrid", "r_", "s_",
]  # fmt: skip
