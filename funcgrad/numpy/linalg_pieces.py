"""What the functions of numpy.linalg share: how they get at NumPy's own, and what they take for matrices."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ..ops.matrix_rules import conjugate
from . import promotion
from .manipulation import swapaxes
from .promotion import array_operand, has_tracer
from .registry import BY_NAME, SUPPORTED


def linalg_function(f: Callable) -> Callable:
    """Make `f` the meaning of the function of the same name in numpy.linalg on traced values."""
    real = getattr(np.linalg, f.__name__)

    @functools.wraps(f)
    def wrapper(*args: Any, **options: Any) -> Any:
        traced = any(has_tracer(v) for v in (*args, *options.values()))
        return f(*args, **options) if traced else real(*args, **options)

    SUPPORTED[real] = wrapper
    BY_NAME.setdefault(f.__name__, wrapper)  # numpy.linalg.outer is not numpy.outer
    return wrapper


def square_matrices(a: Any, name: str, kinds: str = "f") -> Any:
    """Square matrices of floating-point numbers, or also of complex ones."""
    x = array_operand(a, f"linalg.{name}")
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise LinAlgError(f"linalg.{name}: the last two dimensions must be square, got shape {tuple(x.shape)}")
    if x.dtype.kind == "c" and "c" not in kinds:
        raise TypeError(f"linalg.{name} is not supported for traced values of dtype {x.dtype}")
    return x if x.dtype.kind in kinds else promotion.convert(x, np.dtype(np.float64))


def symmetric(x: Any) -> Any:
    """The symmetric or Hermitian part."""
    return (x + conjugate(swapaxes(x, -1, -2))) * 0.5


def any_matrices(a: Any, name: str) -> Any:
    """Matrices of any shape, of floating-point or complex numbers."""
    x = array_operand(a, f"linalg.{name}")
    if x.ndim < 2:
        raise LinAlgError(f"linalg.{name}: needs at least two dimensions, got shape {tuple(x.shape)}")
    return floating(x, name)


def floating(x: Any, name: str) -> Any:
    """Integers and bools as float64; half precision is refused, as in NumPy."""
    if x.dtype == np.float16:
        raise TypeError(f"linalg.{name}: dtype float16 is not supported in linear algebra")
    return x if x.dtype.kind in "fc" else promotion.convert(x, np.dtype(np.float64))


def epsilon(x: Any) -> float:
    """The distance from 1 to the next number of a dtype."""
    return float(np.finfo(x.dtype).eps)


__all__ = ["any_matrices", "epsilon", "floating", "linalg_function", "square_matrices", "symmetric"]
