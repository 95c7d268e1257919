"""Errors of values and derivatives in units in the last place: what the accuracy test and its report share.

    measure("tanh", np.float32)                     every error of one op, on the whole grid
    measure("tanh", np.float32, every=8)            on every eighth point

A wrong sign, a zero or a number where there is none count as an infinite error.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from exact_functions import BINARY, UNARY, Function
from mpmath import mp

import funcgrad as fg
import funcgrad.ops
from funcgrad.core.primitive import REGISTRY

BITS = 150  # of mpmath; huge angles need 1100 more
MODES: dict[str, Callable] = {"eager": lambda f: f, "compiled": fg.jit}


@dataclass(frozen=True)
class Error:
    """The largest error of one kind of result, and the operands where it occurs."""

    ulps: float
    where: tuple[float, ...]


def ulps(got: float, exact: Any, dtype: Any = np.float64) -> float:
    """The distance from the exact value in units in the last place; infinite for a wrong sign or a spurious extreme."""
    info = np.finfo(dtype)
    if math.isnan(got):
        return math.inf
    size, sign = abs(exact), mp.sign(exact)
    if size >= mp.mpf(float(info.max)):
        return 0.0 if (math.isinf(got) and math.copysign(1, got) == sign) or abs(got) == info.max else math.inf
    if math.isinf(got) or size >= float(info.tiny) and (got == 0 or math.copysign(1, got) != sign):
        return math.inf
    exponent = max(mp.frexp(exact)[1] - 1, info.minexp) if exact else info.minexp
    return float(abs(mp.mpf(got) - exact) / mp.ldexp(1, int(exponent) - info.nmant))


def _function(name: str) -> Function:
    return BINARY[name] if name in BINARY else UNARY[name]


@functools.cache
def points(name: str, dtype: type, every: int) -> tuple[np.ndarray, ...]:
    """The operands: both signs of a logarithmic grid over the whole format, numbers of moderate size, hard points."""
    rng = np.random.default_rng(0)
    return _pairs(name, dtype, rng, every) if name in BINARY else (_grid(UNARY[name], dtype, rng, every),)


def _magnitudes(dtype: type, count: int) -> np.ndarray:
    """From the smallest subnormal number to the largest number."""
    info = np.finfo(dtype)
    smallest = math.log2(float(info.smallest_subnormal))
    return np.append(np.exp2(np.linspace(smallest, info.maxexp - 1e-9, count - 1)), float(info.max))


def _grid(f: Function, dtype: type, rng: np.random.Generator, every: int) -> np.ndarray:
    values = [[0.0], _magnitudes(dtype, 400), np.exp2(rng.uniform(-6, 6, 200)), rng.uniform(0, 1, 60)]
    for c in (c for c in f.hard if abs(c) < float(np.finfo(dtype).max)):
        values += [c + np.spacing(dtype(abs(c))) * np.arange(-6.0, 7.0), c * (1 + np.exp2(rng.uniform(-20, -2, 12)))]
    with np.errstate(over="ignore"):
        x = np.concatenate([v[:: every if len(v) > 20 else 1] for v in values]).astype(dtype)
    x = np.concatenate([x, -x])
    return x[np.isfinite(x) & (x > f.domain[0]) & (x < f.domain[1])]


def _pairs(name: str, dtype: type, rng: np.random.Generator, every: int) -> tuple[np.ndarray, np.ndarray]:
    x = _magnitudes(dtype, 400)[::every]
    signs = rng.choice([-1.0, 1.0], (2, 4 * x.size))
    if name == "power":  # exponents that keep x**y and x**(y - 1) in the range of normal numbers
        x = np.concatenate([x, np.exp2(rng.uniform(-4, 4, 3 * x.size))])
        size = np.abs(np.log2(x))
        bits = np.maximum(np.finfo(dtype).maxexp - 2 - np.minimum(size, 64), 4)
        y = rng.uniform(-bits, bits) / np.maximum(size, 0.01)
    elif name == "logaddexp":
        x, y = rng.uniform(-40, 40, x.size), rng.uniform(-40, 40, x.size)
    else:
        with np.errstate(over="ignore"):
            y = np.concatenate([rng.permutation(x), *(x * np.exp2(rng.uniform(-k, k, x.size)) for k in (1, 4, 60))])
        x, y = np.tile(x, 4) * signs[0], y * signs[1]
    with np.errstate(over="ignore"):
        x, y = x.astype(dtype), y.astype(dtype)
    keep = np.isfinite(x) & np.isfinite(y) & (x != 0) & (y != 0)
    return x[keep], y[keep]


@functools.cache
def exact(name: str, dtype: type, every: int) -> list[list[Any]]:
    """The value and each derivative at every point."""
    f = _function(name)
    with mp.workprec(BITS + 1100 * f.angle):
        operands = [[mp.mpf(float(v)) for v in x] for x in points(name, dtype, every)]
        return [[_limit(g, *x) for x in zip(*operands)] for g in (f.value, *f.slopes)]


def _limit(g: Callable, *x: Any) -> Any:
    """g(x), and infinity at a pole."""
    try:
        return g(*x)
    except ZeroDivisionError:
        return mp.mpf("inf")


def results(name: str, operands: tuple[np.ndarray, ...], mode: str) -> list[np.ndarray]:
    """The value and each derivative, from forward mode."""
    prim, out = REGISTRY[name], []
    for k, x in enumerate(operands):
        rest = operands[:k], operands[k + 1 :]

        def partial(v: Any, rest: Any = rest) -> Any:
            return prim(*rest[0], v, *rest[1])

        with np.errstate(all="ignore"):
            value, slope = MODES[mode](lambda v, t, f=partial: fg.jvp(f, (v,), (t,)))(x, np.ones_like(x))
        out += [value, slope] if k == 0 else [slope]
    return out


def measure(name: str, dtype: type, mode: str, every: int = 1) -> list[Error]:
    """The largest errors of the value and of each derivative."""
    operands, found = points(name, dtype, every), []
    limits = [math.inf, *[_function(name).slope_limit[dtype is np.float32]] * len(operands)]
    for got, wanted, limit in zip(results(name, operands, mode), exact(name, dtype, every), limits, strict=True):
        with mp.workprec(BITS):
            errors = [
                0.0 if mpmath.isinf(w) or abs(x) > limit else ulps(float(g), w, dtype)
                for g, w, x in zip(got, wanted, operands[0].tolist(), strict=True)
            ]
        worst = int(np.argmax(errors))
        found.append(Error(errors[worst], tuple(float(x[worst]) for x in operands)))
    return found
