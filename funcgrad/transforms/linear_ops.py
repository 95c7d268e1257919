"""The two linear operations every transformation needs: zeros of a type, and the sum of two cotangents.

`transforms` names no op, so the ops announce theirs here when they are declared (`ops.layout`, `ops.elementwise`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.avals import ShapedArray

zeros: Callable[[ShapedArray], Any]
add_any: Callable[[Any, Any], Any]


def announce(**operations: Callable) -> None:
    """Called by the ops floor to supply `zeros` and `add_any`."""
    globals().update(operations)
