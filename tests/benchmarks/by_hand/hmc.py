"""16: the sampler as one compiled loop: threefry, the normal quantile, and fused passes over the rows.

The energy and the gradient of a state are kept from the trajectory that led there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

TRAJECTORIES, LEAPFROG, STEP = 1000, 10, 0.03
CENTER = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457),
    (13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867),
    (5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)
MIDDLE = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258),
    (3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459),
    (0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)
TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093),
    (0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4),
    (0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)


@njit(inline="always")
def _ratio(c: Any, r: float) -> float:
    a, b = c[0], c[1]
    top = ((((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + b[0]) * r + b[1]) * r + b[2]) * r + b[3]
    a, b = c[2], c[3]
    low = ((((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + b[0]) * r + b[1]) * r + b[2]) * r + b[3]
    return top / low


@njit(cache=True)
def _quantile(u: float) -> float:
    """Normal quantile of (1 + u) / 2: M. Wichura, Algorithm AS 241, Applied Statistics 37 (1988)."""
    q = 0.5 * u
    if abs(q) <= 0.425:
        return q * _ratio(CENTER, 0.180625 - q * q)
    r = math.sqrt(-math.log(0.5 - abs(q)))
    size = _ratio(MIDDLE, r - 1.6) if r <= 5.0 else _ratio(TAIL, r - 5.0)
    return math.copysign(size, q)


@njit(inline="always")
def _turn(x: Any, y: Any, by: int) -> tuple[Any, Any]:
    x = np.uint32(x + y)
    return x, np.uint32(np.uint32(y << np.uint32(by)) | np.uint32(y >> np.uint32(32 - by))) ^ x


@njit(cache=True)
def _threefry(a: Any, b: Any, count: int) -> tuple[Any, Any]:
    """Threefry-2x32 with 20 rounds of the counter (0, count): J. Salmon et al., Parallel random numbers (2011)."""
    c = np.uint32(a ^ b ^ np.uint32(0x1BD11BDA))
    x, y = np.uint32(a), np.uint32(np.uint32(count) + b)
    for group in range(5):
        if group % 2 == 0:
            x, y = _turn(x, y, 13)
            x, y = _turn(x, y, 15)
            x, y = _turn(x, y, 26)
            x, y = _turn(x, y, 6)
        else:
            x, y = _turn(x, y, 17)
            x, y = _turn(x, y, 29)
            x, y = _turn(x, y, 16)
            x, y = _turn(x, y, 24)
        a, b, c = b, c, a
        x, y = np.uint32(x + a), np.uint32(y + b + np.uint32(group + 1))
    return x, y


@njit(cache=True)
def _unit(a: Any, b: Any, count: int) -> float:
    """Uniform in [0, 1) from 52 bits."""
    high, low = _threefry(a, b, count)
    return (((np.uint64(high) << np.uint64(32)) | np.uint64(low)) >> np.uint64(12)) * 2.0**-52


@njit(cache=True, fastmath=True)
def _energy_and_slope(w: Any, columns: Any, y: Any, z: Any, slope: Any) -> float:
    """The energy at w; its gradient goes to `slope`. Columns of x are contiguous, so inner loops are long."""
    z[:] = 0.0
    for k in range(w.size):
        for i in range(z.size):
            z[i] += columns[k, i] * w[k]
    energy = 0.0
    for i in range(z.size):
        small = math.exp(-abs(z[i]))
        energy += max(z[i], 0.0) + math.log1p(small) - y[i] * z[i]
        z[i] = (1.0 if z[i] >= 0.0 else small) / (1.0 + small) - y[i]
    return energy + _slope_of(w, columns, z, slope)


@njit(fastmath=True, inline="always")
def _slope_of(w: Any, columns: Any, z: Any, slope: Any) -> float:
    """Gradient from the rows' residuals z; returns half the square of w."""
    square = 0.0
    for k in range(w.size):
        total = 0.0
        for i in range(z.size):
            total += columns[k, i] * z[i]
        slope[k] = total + w[k]
        square += w[k] * w[k]
    return 0.5 * square


@njit(cache=True, fastmath=True)
def _slope(w: Any, columns: Any, y: Any, z: Any, slope: Any) -> None:
    z[:] = 0.0
    for k in range(w.size):
        for i in range(z.size):
            z[i] += columns[k, i] * w[k]
    for i in range(z.size):
        z[i] = 1.0 / (1.0 + math.exp(-z[i])) - y[i]
    _slope_of(w, columns, z, slope)


@njit(cache=True, fastmath=True)
def _chain(key: Any, start: Any, columns: Any, y: Any) -> Any:
    size, w, new, p = start.size, start.copy(), start.copy(), np.empty_like(start)
    z, slope, kept, out = (
        np.empty(y.size),
        np.empty_like(start),
        np.empty_like(start),
        np.empty((TRAJECTORIES, start.size)),
    )
    energy = _energy_and_slope(w, columns, y, z, kept)
    for n in range(TRAJECTORIES):
        a, b = _threefry(key[0], key[1], n)
        momentum, chance = _threefry(a, b, 0), _threefry(a, b, 1)
        before = energy
        for k in range(size):
            u = max(_unit(momentum[0], momentum[1], k) * 2.0 - 1.0, -1.0 + 2.0**-53)
            p[k] = _quantile(u)
            before += 0.5 * p[k] * p[k]
            p[k] -= 0.5 * STEP * kept[k]
            new[k] = w[k] + STEP * p[k]
        for _ in range(LEAPFROG - 1):
            _slope(new, columns, y, z, slope)
            for k in range(size):
                p[k] -= STEP * slope[k]
                new[k] += STEP * p[k]
        after = end = _energy_and_slope(new, columns, y, z, slope)
        for k in range(size):
            p[k] -= 0.5 * STEP * slope[k]
            after += 0.5 * p[k] * p[k]
        if math.log(_unit(chance[0], chance[1], 0)) < before - after:
            energy = end
            w[:], kept[:] = new, slope
        out[n] = w
    return out


def chain(key: Any, start: Any, x: Any, y: Any) -> Any:
    """All samples of one chain."""
    return _chain(key, start, np.ascontiguousarray(x.T), y)
