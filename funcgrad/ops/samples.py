"""Sample operands for op declarations: what the registry tests feed to every op.

`Sample(args, params)` is one call; `kink` marks a point where the derivative jumps, so that finite differences do not
apply there and only the modes are compared with each other.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..records import field, record

_seed = 20240607
_rng: Any = None  # made at first use: importing `numpy.random` takes 6 ms


def restart(name: str) -> None:
    """Let the numbers of `array` depend on nothing but `name` and the calls after this one."""
    global _rng, _seed
    _rng, _seed = None, zlib.crc32(name.encode())


@record
class Sample:
    """One call of an op: operands, parameters, whether the point is a kink or singular, and the numbers of the operands
    that the op has no derivative in, and says so.
    """

    args: list[Any]
    params: dict[str, Any] = field(default_factory=dict)
    kink: bool = False
    constant: tuple[int, ...] = ()


def array(*shape: int, low: float = -2.0, high: float = 2.0, dtype: Any = np.float64) -> Any:
    """Numbers of a shape, all different by a fixed share of the interval and away from zero, so that no kink is near.
    """
    global _rng
    if _rng is None:
        _rng = np.random.default_rng(_seed)
    count = int(np.prod(shape))
    width = (high - low) / max(count, 1)
    values = low + width * (_rng.permutation(count) + _rng.uniform(0.2, 0.8, count))
    values = np.where(np.abs(values) < 0.05, np.copysign(0.05, values), values).reshape(shape)
    return np.asarray(values, dtype)[()] if not shape else np.asarray(values, dtype)


def reals(low: float = -3.0, high: float = 3.0, kinks: Iterable[float] = ()) -> Callable[[], list[Sample]]:
    """Operands of a unary real function on an interval; `kinks` are singular points, tested without differences."""

    def samples() -> list[Sample]:
        grid = np.linspace(low, high, 7)[1:-1] + 0.011
        smooth = [Sample([grid]), Sample([np.float64(grid[1])]), Sample([np.zeros((0,))]), Sample([grid[:4].reshape(2, 2)])]
        return smooth + [Sample([np.array([float(k)])], kink=True) for k in kinks]

    return samples


def points(*values: float) -> Callable[[], list[Sample]]:
    """One array and one number: for ops of a family whose builder is tested with other members."""
    return lambda: [Sample([np.array(values)]), Sample([np.float64(values[0])])]


def pairs(low: float = -2.0, high: float = 2.0, ties: bool = False, origin: bool = False) -> Callable[[], list[Sample]]:
    """Operands of a binary real function; the tie points x == y, x == -y, one zero, both zero come along, as kinks if
    `ties`.

    `origin` says that both zero is a kink, too, and nothing else is.
    """

    def samples() -> list[Sample]:
        x, y = np.linspace(low, high, 6) + 0.013, np.linspace(high, low, 6)[[2, 0, 5, 1, 4, 3]] + 0.0071
        out = [Sample([x, y]), Sample([np.float64(x[1]), np.float64(y[1])]), Sample([x.reshape(2, 3), y.reshape(2, 3)])]
        points = [(1.5, 1.5), (1.5, -1.5), (0.0, 1.2), (1.2, 0.0), (0.0, 0.0)]
        inside = [(a, b) for a, b in points if low <= min(a, b)]
        return out + [Sample([np.array([a]), np.array([b])], kink=ties or origin and a == b == 0) for a, b in inside]

    return samples


def integers(count: int = 1, low: int = -5, high: int = 9, dtype: Any = np.int64) -> Callable[[], list[Sample]]:
    """Integer operands."""

    def samples() -> list[Sample]:
        columns = [np.asarray(np.roll(np.arange(low, high), 3 * k + 1), dtype) for k in range(count)]
        return [Sample(list(columns)), Sample([c[2] for c in columns])]

    return samples


def booleans(count: int = 1) -> Callable[[], list[Sample]]:
    """Truth values in all combinations."""

    def samples() -> list[Sample]:
        grid = np.indices((2,) * count).reshape(count, -1).astype(bool)
        return [Sample(list(grid))]

    return samples


def both(*makers: Callable[[], list[Sample]]) -> Callable[[], list[Sample]]:
    """The samples of several makers."""
    return lambda: [s for maker in makers for s in maker()]
