"""NumPy that watches: the reference evaluation of a random program, which says where its meaning would be doubtful.

A `Guard` collects what happens in one evaluation. `Void` is raised where a value grows too large or a kink is nearer
than `MARGIN`: there, two right implementations may differ. The list of `decisions` (results of comparisons, positions
of maxima, orders) tells whether two evaluations took the same way everywhere, so that a difference quotient of them
means something.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MARGIN = 1e-3  # the least distance from a kink
LARGE = 1e3


class Void(Exception):
    """The program has no definite meaning at these inputs."""


class Guard:
    """What one evaluation met.

    margin: the least distance allowed, 0 for evaluations beside the point of interest. noise: the relative error given
    to every value, to see what becomes of rounding. frozen: logs of the values of
    `stop_gradient`, one for each difference quotient being formed, outermost first.
    """

    def __init__(self, margin: float = MARGIN, noise: float = 0.0, seed: int = 0) -> None:
        self.margin, self.noise, self.rng = margin, noise, np.random.default_rng(seed)
        self.decisions: list[bytes] = []
        self.frozen: list[Frozen] = []

    def near(self, distances: Any) -> None:
        """Refuse points too near a kink."""
        distances = np.asarray(distances, np.float64)
        if distances.size and not np.min(distances) >= self.margin:
            raise Void("near a kink")

    def decide(self, outcome: Any) -> Any:
        """Note a discrete outcome."""
        self.decisions.append(np.asarray(outcome).tobytes())
        return outcome

    def see(self, value: Any) -> Any:
        """Refuse values that are not finite, or large; with `noise`, each element moves by about so much of itself."""
        if self.noise:
            value = self._moved(value)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, tuple):
                self.see(part)
            elif part is not None and np.asarray(part).size:
                array = np.asarray(part)
                if array.dtype.kind == "f" and not np.max(np.abs(array)) <= LARGE:
                    raise Void("large")
                if array.dtype.kind == "i" and not np.max(np.abs(array)) <= 10**6:
                    raise Void("large integers")
        return value

    def _moved(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(self._moved, value))
        if value is None or np.asarray(value).dtype.kind != "f":
            return value
        array = np.asarray(value)
        return np.asarray(array * (1 + self.noise * self.rng.uniform(-1, 1, array.shape)), array.dtype)[()]

    def freeze(self, value: Any) -> Any:
        """`stop_gradient`: beside the point of interest, the value it had there."""
        replayed = [log.next() for log in self.frozen if log.replaying]
        value = replayed[0] if replayed else value
        for log in self.frozen:
            if not log.replaying:
                log.values.append(value)
        return value


class Frozen:
    """The values that `stop_gradient` gave at the base point of a difference quotient."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.replaying, self.position = False, 0

    def rewind(self) -> None:
        """From now on, give the values again from the first one."""
        self.replaying, self.position = True, 0

    def next(self) -> Any:
        """The next value; another number of calls than at the base point makes no sense."""
        if self.position >= len(self.values):
            raise Void("another way through the program")
        self.position += 1
        return self.values[self.position - 1]


class Numpy:
    """NumPy with the functions that have kinks or decide something replaced by watching ones."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def _compared(self, ufunc: Any, x: Any, y: Any) -> Any:
        if np.result_type(x, y).kind == "f":
            self.guard.near(np.abs(np.subtract(x, y)))
        return self.guard.decide(ufunc(x, y))

    def greater(self, x: Any, y: Any) -> Any:
        return self._compared(np.greater, x, y)

    def less(self, x: Any, y: Any) -> Any:
        return self._compared(np.less, x, y)

    def maximum(self, x: Any, y: Any) -> Any:
        self._compared(np.greater, x, y)
        return np.maximum(x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        self._compared(np.greater, x, y)
        return np.minimum(x, y)

    def clip(self, x: Any, low: Any, high: Any) -> Any:
        self._compared(np.greater, x, low)
        self._compared(np.greater, x, high)
        return np.clip(x, low, high)

    def abs(self, x: Any) -> Any:
        self._compared(np.greater, x, np.zeros_like(x)[()])
        return np.abs(x)

    def sign(self, x: Any) -> Any:
        self._compared(np.greater, x, np.zeros_like(x)[()])
        return np.sign(x)

    def floor(self, x: Any) -> Any:
        self.guard.near(np.abs(x - np.round(x)))
        return self.guard.decide(np.floor(x))

    def round(self, x: Any) -> Any:
        self.guard.near(np.abs(x - np.floor(x) - 0.5))
        return self.guard.decide(np.round(x))

    def _ordered(self, x: Any, axis: Any) -> None:
        ordered = np.sort(x, axis=axis)
        if np.asarray(x).dtype.kind == "f":
            self.guard.near(np.diff(ordered, axis=axis))
        self.guard.decide(np.argsort(x, axis=axis))

    def sort(self, x: Any, axis: int = -1) -> Any:
        self._ordered(x, axis)
        return np.sort(x, axis=axis)

    def argsort(self, x: Any, axis: int = -1) -> Any:
        self._ordered(x, axis)
        return np.argsort(x, axis=axis, stable=True)

    def _extreme(self, f: Any, x: Any, axis: Any = None, **options: Any) -> Any:
        x = np.asarray(x)
        axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
        if axes:
            rest = [a for a in range(x.ndim) if a not in {a % x.ndim for a in axes}]
            flat = np.transpose(x, [*rest, *axes]).reshape(*[x.shape[a] for a in rest], -1)
            self._ordered(flat, -1)
        return f(x, axis=axis, **options)

    def max(self, x: Any, axis: Any = None, **options: Any) -> Any:
        return self._extreme(np.max, x, axis, **options)

    def min(self, x: Any, axis: Any = None, **options: Any) -> Any:
        return self._extreme(np.min, x, axis, **options)

    def argmax(self, x: Any, axis: Any = None) -> Any:
        return self._extreme(np.argmax, x, axis)

    def argmin(self, x: Any, axis: Any = None) -> Any:
        return self._extreme(np.argmin, x, axis)

    def median(self, x: Any, axis: Any = None) -> Any:
        return self._extreme(np.median, x, axis)

    def at(self, x: Any) -> Any:
        """`fnp.at`, on NumPy."""
        return At(x)


class At:
    """`at(x)[index].set(v)` and its kin, by assignment to a copy."""

    def __init__(self, x: Any, index: Any = None) -> None:
        self.x, self.index = x, index

    def __getitem__(self, index: Any) -> At:
        return At(self.x, index)

    def set(self, value: Any) -> Any:
        out = np.array(self.x)
        out[self.index] = value
        return out

    def _update(self, ufunc: Any, value: Any) -> Any:
        out = np.array(self.x)
        ufunc.at(out, self.index, value)
        return out

    def add(self, value: Any) -> Any:
        return self._update(np.add, value)

    def multiply(self, value: Any) -> Any:
        return self._update(np.multiply, value)
