"""What functions of this folder do with their operands first."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numpy import promotion
from ..ops import elementwise


def real(x: Any, where: str) -> Any:
    """An array of floating-point numbers; integers count as float64."""
    value = promotion.array_operand(x, where)
    return value if value.dtype.kind == "f" else promotion.convert(value, np.dtype(np.float64))


def choose(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y; a number is turned into an array like the other."""
    like = y if hasattr(y, "dtype") else x
    x, y = (v if hasattr(v, "dtype") else elementwise.like(like, v) for v in (x, y))
    return elementwise.select(condition, x, y)[()]
