"""The persistent cache under stress: processes that compile the same program at once, some of them killed, and entries
that are damaged between one call and the next. Every result is compared with that of NumPy.

    python tests/benchmarks/cache_stress.py --rounds 50 --trials 10000

Prints the number of wrong results, which is to be 0, and of damaged entries that were noticed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg

W = np.linspace(-1.0, 1.0, 48).reshape(8, 6)
X = np.cos(np.arange(32.0)).reshape(4, 8)


def program(k: int) -> Callable[[Any], Any]:
    """One of several programs that differ in a number or an operation."""
    outer = (np.tanh, np.sin, np.exp, np.sqrt)[k % 4]
    return lambda x: outer(np.abs(x @ W) + 0.5 + k).sum(axis=0) * (k + 0.25)


def is_right(k: int) -> bool:
    """Compile and call program k, and compare."""
    return bool(np.allclose(fg.jit(program(k))(X), program(k)(X), rtol=1e-12, atol=0))


def compile_at_once(k: int, processes: int, rng: random.Random) -> tuple[int, int]:
    """(wrong, killed) among forked processes that find an empty cache, a third of which are killed at random times."""
    fg.cache.clear()
    children = []
    for _ in range(processes):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if is_right(k) else 1)
        children.append(pid)
    for pid in rng.sample(children, processes // 3):
        time.sleep(rng.uniform(0.0, 0.03))
        os.kill(pid, signal.SIGKILL)
    statuses = [os.waitpid(pid, 0)[1] for pid in children]
    killed = sum(os.WIFSIGNALED(s) for s in statuses)
    return sum(not os.WIFSIGNALED(s) and os.WEXITSTATUS(s) != 0 for s in statuses), killed


def spoil(path: Path, others: list[Path], rng: random.Random) -> None:
    """A flipped bit, a lost or foreign end, zeros from some place on, or the content of another entry."""
    data = bytearray(path.read_bytes())
    place = rng.randrange(len(data))
    kind = rng.randrange(5)
    if kind == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[place:]
    elif kind == 2:
        data += bytes(rng.randrange(1, 100))
    elif kind == 3:
        data[place:] = bytes(len(data) - place)
    else:
        data[:] = rng.choice(others).read_bytes()
    path.write_bytes(data)


def damaged_calls(trials: int, programs: int, rng: random.Random) -> tuple[int, int]:
    """(wrong, noticed): before each call one entry of the cache is spoilt."""
    wrong = noticed = 0
    fg.cache.clear()
    wrong += sum(not is_right(k) for k in range(programs))
    folder = Path(fg.cache.info()["directory"])
    for _ in range(trials):
        entries = [p for p in folder.iterdir() if p.suffix in (".o", ".artifact") and p.stat().st_size]
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            spoil(rng.choice(entries), entries, rng)
            wrong += not is_right(rng.randrange(programs))
        noticed += any("is damaged" in str(w.message) for w in said)
    return wrong, noticed


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    fg.config.update("cache", 1)
    fg.config.update("cache_dir", tempfile.mkdtemp(prefix="cache-stress-"))
    try:
        rounds = [compile_at_once(k, options.processes, rng) for k in range(options.rounds)]
        wrong, killed = map(sum, zip(*rounds))
        print(f"{options.rounds} rounds of {options.processes} processes: {wrong} wrong, {killed} killed")
        wrong, noticed = damaged_calls(options.trials, 12, rng)
        print(f"{options.trials} calls after damage: {wrong} wrong, damage met and noticed in {noticed}")
    finally:
        shutil.rmtree(fg.config.CACHE_DIR.value)


if __name__ == "__main__":
    main()
