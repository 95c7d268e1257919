"""Mini-batches in an order that is a function of a key, which can be left and resumed anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import random
from ..numpy import promotion
from ..random.reuse import unchecked
from .reading import BLOCK_BYTES, BlockShuffled, InOrder, Shuffled, Source


class Position(NamedTuple):
    """How far a pass over the data has come: all that is needed to go on; a pytree that can be saved.

    epoch: passes completed. position: examples handed out in the present one. key: that of the order, or None.
    """

    epoch: Any
    position: Any
    key: Any = None


class Batches:
    """The iterator that `batches` and `epochs` return; `state` is the `Position` after the last batch handed out."""

    def __init__(self, where: str, data: Any, size: Any, key: Any, drop_last: bool, start: Any, block: Any) -> None:
        self._source = Source(data, where)
        self._size = promotion.static_int(size, where)
        if self._size < 1:
            raise ValueError(f"{where}: size must be at least 1, got {size}.")
        if drop_last and self._source.count < self._size:
            raise ValueError(f"{where}: {self._source.count} examples are less than one batch of {size}.")
        if block is not None and promotion.static_int(block, where) < 1:
            raise ValueError(f"{where}: block must be at least 1, got {block}.")
        key = None if key is None else np.asarray(random.key_data(key))
        self._block = block
        self._least = self._size if drop_last else 1  # a shorter rest is left out
        self._state = self._rolled(_checked(where, start, key, self._source.count))
        self._end: int | None = None  # the number of the epoch that is not begun
        self._order: Any = None

    @property
    def state(self) -> Position:
        """Where to go on: pass it as `start` to the same call."""
        epoch, position, key = self._state
        return Position(np.int64(epoch), np.int64(position), key)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        epoch, position, key = self._state
        if self._end is not None and epoch >= self._end or self._source.count == 0:
            raise StopIteration
        if self._order is None:
            with unchecked():  # an epoch may be run again with the same key
                self._order = self._order_of(epoch, key)
        high = min(position + self._size, self._source.count)
        with unchecked():
            leaves = self._order.read(position, high)
        self._state = self._rolled(Position(epoch, high, key))
        if self._state.epoch > epoch:
            self._order = None
        return self._source.rebuild(leaves)

    def _rolled(self, state: Position) -> Position:
        """The same place; the beginning of the next epoch where this one has no batch left."""
        epoch, position, key = state
        return Position(epoch + 1, 0, key) if self._source.count - position < self._least else state

    def _order_of(self, epoch: int, key: Any) -> Any:
        if key is None:
            return InOrder(self._source)
        key = random.fold_in(key, epoch)
        if self._block is None and not self._source.mapped:
            return Shuffled(self._source, key)
        block = self._block or max(1, BLOCK_BYTES // max(1, self._source.row_bytes))
        return BlockShuffled(self._source, key, int(block))


def _checked(where: str, start: Any, key: Any, count: int) -> Position:
    """The first position, with ordinary integers, or the error for one of other data or another key."""
    if start is None:
        return Position(0, 0, key)
    epoch, position, known = start
    if (known is None) != (key is None) or (key is not None and not np.array_equal(known, key)):
        raise ValueError(
            f"{where}: start was made with key {known}, and the key here is {key}: the order would be another one.\n"
            "Fix: pass the key that the first call got; that of start is start.key."
        )
    if not (int(epoch) >= 0 and 0 <= int(position) <= count):
        raise ValueError(f"{where}: start is at example {int(position)} of epoch {int(epoch)}; there are {count}.")
    return Position(int(epoch), int(position), key)


def batches(
    data: Any,
    size: Any,
    *,
    key: Any = None,
    drop_last: bool = False,
    start: Position | None = None,
    block: int | None = None,
) -> Batches:
    """The mini-batches of one pass over the data.

    Arrays in memory are shuffled example by example. Memory maps (`np.load(..., mmap_mode="r")`, `np.memmap`) may be
    larger than memory: blocks of neighbouring examples are taken in random order, and the examples of 8 blocks
    shuffled together in memory, so that the disk reads long stretches. Batches are fresh arrays, never views.

    Args:
        data: a pytree of arrays with a common first axis, the examples.
        size: examples in a batch.
        key: of the order; the order of pass `epoch` is that of `fold_in(key, epoch)`. None: as they lie.
        drop_last: leave out the last batch when it is smaller.
        start: where to begin, a `state` of an earlier iterator over the same data; its epoch is the one that is run.
        block: examples in a block; None for 4 MiB with memory maps and for no blocks with arrays in memory.

    Returns:
        An iterator of pytrees like `data`; its `state` says how far it is, and is `Position(epoch + 1, 0, key)` after
        the last batch.

    Raises:
        ValueError: when first axes differ (naming the leaves), or start does not belong to this key and data.

    Example:
        >>> import numpy as np
        >>> from funcgrad import data, random
        >>> run = data.batches({"x": np.arange(5), "y": np.zeros((5, 2))}, 2, key=random.key(0))
        >>> first = next(run)
        >>> first["x"].shape, first["y"].shape, int(run.state.position)
        ((2,), (2, 2), 2)
        >>> rest = [b["x"] for b in data.batches({"x": np.arange(5)}, 2, key=random.key(0), start=run.state)]
        >>> sorted(np.concatenate([first["x"], *rest]).tolist())
        [0, 1, 2, 3, 4]
    """
    run = Batches("data.batches", data, size, key, drop_last, start, block)
    run._end = run._state.epoch + 1
    return run


def epochs(
    data: Any,
    size: Any,
    count: int | None = None,
    *,
    key: Any = None,
    drop_last: bool = False,
    start: Position | None = None,
    block: int | None = None,
) -> Batches:
    """The mini-batches of many passes over the data, each in an order of its own.

    Args:
        data, size, key, drop_last, start, block: as in `batches`.
        count: passes in all, those before `start` included; None for no end.

    Example:
        >>> import numpy as np
        >>> from funcgrad import data, random
        >>> [b.tolist() for b in data.epochs(np.arange(3), 2, 2)]
        [[0, 1], [2], [0, 1], [2]]
    """
    run = Batches("data.epochs", data, size, key, drop_last, start, block)
    run._end = None if count is None else promotion.static_int(count, "data.epochs")
    return run
