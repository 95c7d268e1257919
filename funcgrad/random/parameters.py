"""What samplers with parameters do first: check key, dtype and shape, and bring the parameters to one type."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numpy import promotion
from .keys import Shape, check_key, to_shape


def float_dtype(dtype: Any, where: str) -> np.dtype:
    """float32 or float64; None means float64."""
    dtype = np.dtype(np.float64 if dtype is None else dtype)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"{where}: dtype must be float32 or float64, got {dtype}.")
    return dtype


def arguments(key: Any, shape: Any, dtype: Any, where: str) -> tuple[Any, Shape, np.dtype]:
    """Key, shape and floating dtype of a sampler without parameters."""
    return check_key(key, where), to_shape(shape, where), float_dtype(dtype, where)


def high_precision(mode: Any, where: str) -> bool:
    """Whether to spend twice the bits on the tails."""
    if mode not in (None, "low", "high"):
        raise ValueError(f"{where}: mode must be 'low' or 'high', got {mode!r}.")
    return mode == "high"


def integer_dtype(dtype: Any, where: str) -> np.dtype:
    """An integer dtype; None means int64."""
    dtype = np.dtype(np.int64 if dtype is None else dtype)
    if dtype.kind not in "iu":
        raise TypeError(f"{where}: dtype must be an integer type, got {dtype}.")
    return dtype


def result_shape(shape: Any, where: str, *shapes: Shape) -> Shape:
    """The given shape, to which all parameters must broadcast; None for the parameters' common shape."""
    common = promotion.common_shape(list(shapes), where)
    if shape is None:
        return common
    shape = to_shape(shape, where)
    if promotion.common_shape([shape, common], where) != shape:
        raise ValueError(f"{where}: shape {shape} is too small for parameters of shape {common}.")
    return shape


def parameter(value: Any, dtype: np.dtype, shape: Shape, where: str) -> Any:
    """A parameter as an array of the result's dtype and shape."""
    return promotion.broadcast(promotion.convert(promotion.array_operand(value, where), dtype), shape)


def prepared(where: str, key: Any, shape: Any, dtype: Any, *values: Any) -> tuple[Any, Shape, np.dtype, list[Any]]:
    """Key, shape, floating dtype, and parameters of that dtype and shape."""
    key, dtype = check_key(key, where), float_dtype(dtype, where)
    values = tuple(promotion.array_operand(v, where) for v in values)
    shape = result_shape(shape, where, *(tuple(v.shape) for v in values))
    return key, shape, dtype, [parameter(v, dtype, shape, where) for v in values]
