"""Counterparts of SciPy's modules."""

from . import special

__all__ = ["special"]
