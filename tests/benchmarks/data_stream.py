"""How fast `funcgrad.data.batches` streams a file, against reading it from one end to the other.

    python tests/benchmarks/data_stream.py --gigabytes 4 --directory /where/the/disk/is

Prints megabytes per second of plain reads, of batches in order, shuffled, and shuffled with `prefetch`, in turn, each
with the file evicted from the page cache before; medians over rounds, and by how much the process grew.
"""

from __future__ import annotations

import argparse
import os
import statistics
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


def measure(path: Path, run: Callable[[], Iterable[np.ndarray]]) -> tuple[float, int]:
    """Bytes per second, and bytes by which the process grew."""
    evict(path)
    before, most, begin = resident(), 0, time.perf_counter()
    for i, batch in enumerate(run()):
        batch[0]
        if i % 64 == 0:
            most = max(most, resident() - before)
    return path.stat().st_size / (time.perf_counter() - begin), most


def main() -> None:
    """Write the file, measure every way in turn, and give medians of ratios formed within a round."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--directory", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        path = Path(directory) / "rows.bin"
        write(path, int(options.gigabytes * 1e9) // PIECE * PIECE)
        rows = np.memmap(path, np.uint8, "r", shape=(path.stat().st_size // ROW, ROW))
        key = random.key(0)
        ways: dict[str, Callable[[], Iterable[np.ndarray]]] = {
            "plain reads": lambda: plain(path),
            "batches in order": lambda: data.batches(rows, 256),
            "batches shuffled": lambda: data.batches(rows, 256, key=key),
            "shuffled and prefetched": lambda: data.prefetch(data.batches(rows, 256, key=key), 4),
        }
        names = list(ways)
        rounds = []
        for k in range(options.rounds):
            turn = names[k % len(names) :] + names[: k % len(names)]
            rounds.append({name: measure(path, ways[name]) for name in turn})
    for name in names:
        speed = statistics.median(r[name][0] for r in rounds) / 1e6
        share = statistics.median(r[name][0] / r["plain reads"][0] for r in rounds)
        grown = max(r[name][1] for r in rounds) / 1e6
        print(f"{name:24s} {speed:6.0f} MB/s   {share:4.0%} of plain   memory +{grown:.0f} MB")


if __name__ == "__main__":
    main()
