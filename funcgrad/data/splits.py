"""Parts of data for training and for testing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import random
from ..numpy import promotion
from .reading import Source


def _order(source: Source, key: Any) -> np.ndarray:
    return np.arange(source.count) if key is None else np.asarray(random.permutation(key, source.count))


def train_test_split(data: Any, test: float | int = 0.2, *, key: Any = None, stratify: Any = None) -> tuple[Any, Any]:
    """Two disjoint parts of the data.

    Args:
        data: a pytree of arrays with a common first axis, the examples.
        test: the share of the second part (a float below 1), or its number of examples.
        key: of the random choice; None takes the last examples as the second part.
        stratify: labels, an array of one for each example: every label gets its fair share of the second part.

    Returns:
        Training and test part, pytrees like `data`; fresh arrays in memory.

    Raises:
        ValueError: when a part would be empty.

    Example:
        >>> import numpy as np
        >>> from funcgrad import data, random
        >>> train, rest = data.train_test_split(np.arange(10), 0.3, key=random.key(0))
        >>> len(train), len(rest), sorted([*train.tolist(), *rest.tolist()]) == list(range(10))
        (7, 3, True)
    """
    where = "data.train_test_split"
    source = Source(data, where)
    number = round(test * source.count) if isinstance(test, (float, np.floating)) else promotion.static_int(test, where)
    if not 0 < number < source.count:
        raise ValueError(f"{where}: test={test} of {source.count} examples leaves a part empty.")
    order = _order(source, key)
    if stratify is not None:
        order = _interleaved(order, np.asarray(stratify), where)
    parts = np.sort(order[: source.count - number]), np.sort(order[source.count - number :])
    if key is not None:
        parts = order[: source.count - number], order[source.count - number :]
    return tuple(source.rebuild(source.take(rows)) for rows in parts)  # type: ignore[return-value]


def _interleaved(order: np.ndarray, labels: np.ndarray, where: str) -> np.ndarray:
    """The order changed so that every stretch holds each label in proportion to its number."""
    if labels.shape != order.shape:
        raise ValueError(
            f"{where}: stratify must hold one label for each of {len(order)} examples, got {labels.shape}."
        )
    _, label = np.unique(labels[order], return_inverse=True)
    sizes = np.bincount(label)
    rank = np.empty(len(order))
    for number, size in enumerate(sizes):
        rank[label == number] = (np.arange(size) + 0.5) / size
    return order[np.argsort(rank, kind="stable")]


def k_fold(data: Any, k: int, *, key: Any = None) -> Iterator[tuple[Any, Any]]:
    """Cross-validation: k pairs of training and validation part; every example is in one validation part.

    Args:
        data: a pytree of arrays with a common first axis, the examples.
        k: number of parts, whose sizes differ by at most one.
        key: of the random choice; None for parts of neighbouring examples.

    Raises:
        ValueError: when k is less than 2 or more than there are examples.

    Example:
        >>> import numpy as np
        >>> from funcgrad import data
        >>> [(a.tolist(), b.tolist()) for a, b in data.k_fold(np.arange(4), 2)]
        [([2, 3], [0, 1]), ([0, 1], [2, 3])]
    """
    source = Source(data, "data.k_fold")
    if not 2 <= k <= source.count:
        raise ValueError(f"data.k_fold: k must be between 2 and the {source.count} examples, got {k}.")
    return _folds(source, np.array_split(_order(source, key), k))


def _folds(source: Source, parts: list[np.ndarray]) -> Iterator[tuple[Any, Any]]:
    for i, part in enumerate(parts):
        rest = np.concatenate([p for j, p in enumerate(parts) if j != i])
        yield source.rebuild(source.take(rest)), source.rebuild(source.take(part))
