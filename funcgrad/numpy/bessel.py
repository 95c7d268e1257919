"""NumPy's one Bessel function."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import bessel
from . import promotion
from .promotion import array_operand
from .registry import numpy_function


@numpy_function
def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind and order zero.

    Reference: numpy.i0; Abramowitz and Stegun, Handbook of Mathematical Functions, section 9.6.
    """
    x = array_operand(x, "i0")
    if x.dtype.kind == "c":
        raise TypeError("i0 not supported for complex values")
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    wide = promotion.convert(x, np.promote_types(dtype, np.float32))  # SciPy has no function for half precision
    return promotion.convert(bessel.i0(wide), dtype)


__all__ = ["i0"]
