"""The promised largest errors, in units in the last place: 4, and fewer or more where stated here.

`bound(name, dtype, mode, kind)` is what docs/accuracy.md prints and what the test holds every function to.
"""

from __future__ import annotations

PROMISED = 4.0

# Eager evaluation is NumPy's and SciPy's own: these have larger errors, or derivatives inherit them.
EAGER: dict[tuple[str, str, str], float] = {
    ("erfc", "float64", "value"): 8.0,  # SciPy's erfcx
    ("erfinv", "float64", "slope"): 8.0,  # the same
    ("cbrt", "float32", "slope"): 5.0,
    ("tan", "float32", "slope"): 5.0,
}


def bound(name: str, dtype: str, mode: str, kind: str) -> float:
    """The largest error promised for the "value" or the "slope" (first derivative) of an op."""
    return EAGER.get((name, dtype, kind), PROMISED) if mode == "eager" else PROMISED
