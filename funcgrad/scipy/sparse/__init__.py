"""Counterparts of SciPy's functions on operators that are not stored as dense matrices."""

from . import linalg

__all__ = ["linalg"]
