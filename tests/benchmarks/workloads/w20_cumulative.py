"""20a, 20b and 20c: gradients through cumulative sum, cumulative logsumexp and sort of 128 rows of 8192 numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import EAGER_PEERS, Case

ROWS, COLUMNS = 128, 8192


Operation = Callable[[Any], Any]


def gradient(operation: Callable[[Any], Operation]) -> Callable[[Any], Any]:
    """library -> gradient in x of the sum of weights times the operation's result along rows."""

    def build(lib: Any) -> Callable[..., Any]:
        along_rows = operation(lib)
        return lib.jit(lib.grad(lambda x, weights: lib.np.sum(weights * along_rows(x))))

    return build


def cumsum(lib: Any) -> Operation:
    return lambda x: lib.np.cumsum(x, axis=1)


def cumulative_logsumexp(lib: Any) -> Operation:
    """Where a library has none, the logarithm of a cumulative sum, which is right for numbers of moderate range."""
    if lib.name != "autograd":
        lax = lib.lax
        return lambda x: lax.cumlogsumexp(x, axis=1)

    def by_cumsum(x: Any) -> Any:
        top = lib.np.max(x, axis=1, keepdims=True)
        return lib.np.log(lib.np.cumsum(lib.np.exp(x - top), axis=1)) + top

    return by_cumsum


def sort(lib: Any) -> Operation:
    """autograd sorts only one axis: there, rows are picked in the order that argsort gives."""
    if lib.name != "autograd":
        return lambda x: lib.np.sort(x, axis=1)

    def by_index(x: Any) -> Any:
        order = np.argsort(getattr(x, "_value", x), axis=1)
        return x[np.arange(len(order))[:, None], order]

    return by_index


def arrays(seed: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return 3 * random.standard_normal((ROWS, COLUMNS)), random.standard_normal((ROWS, COLUMNS))


def _case(letter: str, what: str, operation: Callable[[Any], Operation], target: float, stretch: float) -> Case:
    return Case(
        name=f"20{letter}",
        title=f"gradient through {what}, {ROWS} x {COLUMNS} float64",
        build=gradient(operation),
        inputs=arrays,
        target=target,
        stretch=stretch,
        tolerance=1e-8,
        peers=EAGER_PEERS,
        hand=f"cumulative.{what.split()[-1]}",
    )


CASES = [
    _case("a", "cumsum", cumsum, 0.12, 0.09),
    _case("b", "cumulative logsumexp", cumulative_logsumexp, 0.1, 0.07),
    _case("c", "sort", sort, 0.2, 0.15),
]
