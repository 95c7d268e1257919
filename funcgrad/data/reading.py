"""Rows of arrays in memory and in files, and the orders in which an epoch takes them."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import random, tree

BLOCK_BYTES = 4 << 20  # what a disk reads in one go without losing speed
MIXED_BLOCKS = 8  # blocks whose rows are shuffled together
_PROBE = 4096


class FileRows:
    """Rows of a memory-mapped array, read by system calls: pages that are mapped would count as memory in use."""

    def __init__(self, array: np.memmap, file: int) -> None:
        self.array, self.file = array, file
        self.row_bytes = array.nbytes // len(array)

    @classmethod
    def of(cls, array: Any) -> FileRows | None:
        """Such rows, or None for what is not a whole file mapped for reading in C order."""
        direct = isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and array.mode in ("r", "r+")
        if not direct or not array.flags.c_contiguous or not array.nbytes or array.filename is None:
            return None
        if not hasattr(os, "preadv"):  # on systems without it, rows are read through the map
            return None
        try:
            file = os.open(array.filename, os.O_RDONLY)
        except OSError:
            return None
        rows = cls(array, file)
        return rows if rows._same_file() else None

    def _same_file(self) -> bool:
        """Whether the name still stands for the mapped file: its first and last bytes are compared."""
        size = min(_PROBE, self.array.nbytes)
        mapped = self.array.reshape(-1).view(np.uint8)
        return all(
            os.pread(self.file, size, self.array.offset + at) == mapped[at : at + size].tobytes()
            for at in (0, self.array.nbytes - size)
        )

    def read(self, low: int, high: int, out: np.ndarray) -> None:
        """Fill `out` with rows low to high - 1."""
        view = memoryview(out.reshape(-1).view(np.uint8))
        at, done = self.array.offset + low * self.row_bytes, 0
        while done < len(view):
            count = os.preadv(self.file, [view[done:]], at + done)
            if count == 0:
                raise OSError(f"{self.array.filename}: the file ends before row {high}; it was cut short.")
            done += count

    def announce(self, low: int, high: int) -> None:
        """Let the system read rows low to high - 1 ahead, while something else is done."""
        if hasattr(os, "posix_fadvise"):
            start, size = self.array.offset + low * self.row_bytes, (high - low) * self.row_bytes
            os.posix_fadvise(self.file, start, size, os.POSIX_FADV_WILLNEED)

    def __del__(self) -> None:
        os.close(self.file)


class Source:
    """A pytree of arrays with a common first axis, read by rows."""

    def __init__(self, data: Any, where: str) -> None:
        paths, self.treedef = tree.tree_flatten_with_path(data)
        self.arrays = [leaf if isinstance(leaf, np.ndarray) else np.asarray(leaf) for _, leaf in paths]
        sizes = {tree.keystr(path) or "data": a.shape[:1] for (path, _), a in zip(paths, self.arrays)}
        if not sizes or () in sizes.values() or len(set(sizes.values())) > 1:
            listed = ", ".join(f"{name}: {n[0] if n else 'a number'}" for name, n in sizes.items()) or "no arrays"
            raise ValueError(f"{where}: all arrays must have one common first axis, the examples; got {listed}.")
        self.count = self.arrays[0].shape[0]
        self.files = [FileRows.of(a) for a in self.arrays]
        self.mapped = any(isinstance(a, np.memmap) for a in self.arrays)

    @property
    def row_bytes(self) -> int:
        """Bytes of one example."""
        return sum(a.nbytes for a in self.arrays) // max(self.count, 1)

    def slice(self, low: int, high: int) -> list[np.ndarray]:
        """Fresh arrays of rows low to high - 1."""
        out = self.empty(high - low)
        self.read(low, high, out)
        return out

    def empty(self, rows: int) -> list[np.ndarray]:
        """Room for so many rows."""
        return [np.empty((rows, *a.shape[1:]), a.dtype) for a in self.arrays]

    def read(self, low: int, high: int, out: Sequence[np.ndarray]) -> None:
        """Fill arrays with rows low to high - 1."""
        for array, file, place in zip(self.arrays, self.files, out):
            if file is None:
                place[...] = array[low:high]
            else:
                file.read(low, high, place)

    def take(self, rows: np.ndarray) -> list[np.ndarray]:
        """Fresh arrays of the given rows."""
        return [np.asarray(a[rows]) for a in self.arrays]

    def rebuild(self, leaves: Sequence[np.ndarray]) -> Any:
        """Leaves in the structure of the data."""
        return tree.tree_unflatten(self.treedef, leaves)


class InOrder:
    """Rows as they lie."""

    def __init__(self, source: Source) -> None:
        self.read = source.slice


class Shuffled:
    """Rows in one random order; every row is fetched alone."""

    def __init__(self, source: Source, key: Any) -> None:
        self.source, self.order = source, np.asarray(random.permutation(key, source.count))

    def read(self, low: int, high: int) -> list[np.ndarray]:
        """Rows low to high - 1 of the order."""
        return self.source.take(self.order[low:high])


class BlockShuffled:
    """Blocks of neighbouring rows in random order; the rows of each few blocks are shuffled together in memory."""

    def __init__(self, source: Source, key: Any, block: int) -> None:
        self.source, self.block = source, block
        order, self.inside = random.split(key)
        self.blocks = np.asarray(random.permutation(order, -(-source.count // block)))
        sizes = np.minimum((self.blocks + 1) * block, source.count) - self.blocks * block
        groups = [sizes[i : i + MIXED_BLOCKS].sum() for i in range(0, len(sizes), MIXED_BLOCKS)]
        self.ends = np.cumsum(groups)  # where in the order each group of blocks ends
        # Room for the rows of one group, used again for the next: fresh memory costs as much time as a copy.
        self.room = source.empty(min(MIXED_BLOCKS * block, source.count))
        self.held, self.order = -1, np.zeros(0, np.int64)

    def read(self, low: int, high: int) -> list[np.ndarray]:
        """Rows low to high - 1 of the order."""
        out, done = self.source.empty(high - low), 0
        while low < high:
            group = int(np.searchsorted(self.ends, low, side="right"))
            start, stop = int(self.ends[group - 1]) if group else 0, min(high, int(self.ends[group]))
            self._hold(group)
            rows = self.order[low - start : stop - start]
            for leaf, place in zip(self.room, out):
                np.take(leaf, rows, axis=0, out=place[done : done + len(rows)], mode="clip")  # other modes copy twice
            low, done = stop, done + len(rows)
        return out

    def _hold(self, group: int) -> None:
        """Read the blocks of a group, and draw the order of its rows."""
        if self.held == group:
            return
        self.held, at = -1, 0
        for low, high in self._blocks_of(group):
            self.source.read(low, high, [leaf[at : at + high - low] for leaf in self.room])
            at += high - low
        self.order = np.asarray(random.permutation(random.fold_in(self.inside, group), at))
        self.held = group
        for low, high in self._blocks_of(group + 1):
            for file in filter(None, self.source.files):
                file.announce(low, high)

    def _blocks_of(self, group: int) -> list[tuple[int, int]]:
        """First and last row (exclusive) of each block of a group."""
        starts = self.blocks[group * MIXED_BLOCKS : (group + 1) * MIXED_BLOCKS].astype(int) * self.block
        return [(low, min(low + self.block, self.source.count)) for low in starts.tolist()]
