"""How fast `funcgrad.data.batches` streams a file, against reading it from one end to the other.

    python tests/benchmarks/data_stream.py --gigabytes 4 --directory /where/the/disk/is

Prints megabytes per second of plain reads, of batches in order, shuffled, and shuffled with `prefetch`, each with the
file evicted from the page cache before, and by how much the process grew.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from funcgrad import data, random

ROW = 1 << 13  # bytes of an example
PIECE = 8 << 20


def write(path: Path, size: int) -> None:
    """A file of random bytes, on the disk when this returns."""
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        for _ in range(size // PIECE):
            file.write(rng.bytes(PIECE))
        file.flush()
        os.fsync(file.fileno())


def evict(path: Path) -> None:
    """Drop the file from the page cache, so that the disk is measured."""
    file = os.open(path, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def plain(path: Path) -> Iterable[np.ndarray]:
    """The file in pieces, into one buffer."""
    buffer = bytearray(PIECE)
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            yield np.frombuffer(buffer, np.uint8)[:count]


def measure(name: str, path: Path, run: Callable[[], Iterable[np.ndarray]]) -> float:
    """Print and return bytes per second."""
    evict(path)
    before, most, begin = resident(), 0, time.perf_counter()
    for i, batch in enumerate(run()):
        batch[0]
        if i % 64 == 0:
            most = max(most, resident() - before)
    speed = path.stat().st_size / (time.perf_counter() - begin)
    print(f"{name:24s} {speed / 1e6:8.0f} MB/s   memory +{most / 1e6:.0f} MB")
    return speed


def main() -> None:
    """Write the file, measure, and say whether shuffled streaming reaches 80 % of the plain speed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--directory", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        path = Path(directory) / "rows.bin"
        write(path, int(options.gigabytes * 1e9) // PIECE * PIECE)
        rows = np.memmap(path, np.uint8, "r", shape=(path.stat().st_size // ROW, ROW))
        key = random.key(0)
        base = measure("plain reads", path, lambda: plain(path))
        measure("batches in order", path, lambda: data.batches(rows, 256))
        alone = measure("batches shuffled", path, lambda: data.batches(rows, 256, key=key))
        ahead = measure("shuffled and prefetched", path, lambda: data.prefetch(data.batches(rows, 256, key=key), 4))
        print(f"share of the plain speed, shuffled: {alone / base:.0%}; and prefetched: {ahead / base:.0%}")


if __name__ == "__main__":
    main()
