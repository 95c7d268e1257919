"""Memory of a long-lived process: growth by warm calls, and by compilations, and what `clear_caches` gives back.

python tests/benchmarks/compile_memory.py --calls 100000 --compiles 1000
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compile"))

from launcher_programs import resident_kilobytes

X = np.linspace(0.1, 1.0, 12).reshape(3, 4)


def functions(count: int) -> list[Callable[[Any], Any]]:
    """Small programs of several kinds: elementwise, reductions, products, loops, gradients."""
    kinds = [
        lambda k: lambda x: np.sin(x) * k,
        lambda k: lambda x: {"sum": np.sum(x * k, axis=0), "max": x.max()},
        lambda k: lambda x: x @ (x.T + k),
        lambda k: lambda x: fg.lax.scan(lambda c, row: (np.tanh(c * k + row), c), x[0], x)[0],
        lambda k: fg.grad(lambda x: np.sum(np.exp(-x * x * k))),
    ]
    return [kinds[k % len(kinds)](1.0 + k / count) for k in range(count)]


def growth_of_calls(calls: int) -> int:
    """KiB that 20 compiled functions take by being called."""
    jitted = [fg.jit(f) for f in functions(20)]
    for f in jitted:
        for _ in range(200):
            f(X)
    before = resident_kilobytes()
    for f in jitted:
        for _ in range(calls):
            f(X)
    return resident_kilobytes() - before


def growth_of_compilations(count: int) -> tuple[int, int]:
    """(KiB that distinct compiled functions take, KiB that are left after `clear_caches`)."""
    fg.clear_caches()
    before = resident_kilobytes()
    jitted = [fg.jit(f) for f in functions(count)]
    for f in jitted:
        f(X)
    gc.collect()
    grown = resident_kilobytes() - before
    fg.clear_caches()
    return grown, resident_kilobytes() - before


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--compiles", type=int, default=1000)
    options = parser.parse_args()
    print(f"{options.calls} calls of each of 20 functions: {growth_of_calls(options.calls)} KiB")
    growth_of_compilations(300)  # what the compiler itself allocates once
    grown, left = growth_of_compilations(options.compiles)
    given_back = 1 - left / grown
    print(f"{options.compiles} compilations: {grown} KiB; after clear_caches {left} KiB: {given_back:.0%} given back")


if __name__ == "__main__":
    main()
