"""Counterparts of SciPy's modules."""

from . import linalg, special, stats

__all__ = ["linalg", "special", "stats"]
