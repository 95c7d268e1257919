"""What a benchmark case is. With this module one can declare a workload and find declared ones by number."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

EAGER_PEERS = ("jax", "torch", "autograd")
EVERY_PEER = (*EAGER_PEERS, "torch.compile")


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Args:
        name: Number of the workload, with a variant after a slash: "3f", "23/30".
        title: What is computed, in a few words.
        build: library -> function of the inputs; jitted where the workload says so.
        inputs: seed -> tuple of inputs (NumPy arrays, floats, dicts and lists of them); seeds give different values.
        kind: "warm": time of one more call. "first": time of the first call, in a fresh process each round.
            "process": wall time of a whole process which does `build(library)(*inputs(0))`. "import": time of the
            import statements of the library, NumPy included.
        target: Wanted ratio of funcgrad's time to jax's, or None where none is set.
        stretch: The ratio hoped for.
        tolerance: Largest accepted error of a result, relative to the largest magnitude in the same array.
        peers: Libraries that can run it; "hand" is added where there is code written by hand.
        hand: "module.function" of the package by_hand: a function of the same inputs with the same results.
        flops: Floating-point operations that the matrix products and factorizations in it need at least.
        warm_cache: Run once more beforehand, untimed, with the same directory for persistent caches.
        slow: Run only when asked for by its full name.
    """

    name: str
    title: str
    build: Callable[[Any], Callable[..., Any]]
    inputs: Callable[[int], tuple[Any, ...]]
    kind: str = "warm"
    target: float | None = None
    stretch: float | None = None
    tolerance: float = 1e-9
    peers: tuple[str, ...] = EVERY_PEER
    hand: str | None = None
    flops: float = 0.0
    warm_cache: bool = False
    slow: bool = False

    def runs_with(self, library: str) -> bool:
        """Whether that library can run it; a variant such as "jax-cached" can what its library can."""
        if library == "hand":
            return self.hand is not None
        return library == "funcgrad" or library.split("-")[0] in self.peers

    def given(self, lib: Any, seed: int) -> tuple[Any, ...]:
        """The inputs for one library, as NumPy arrays or its own ones."""
        return self.inputs(seed)

    def outcome(self, function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        """What is compared between the libraries: the result of one call."""
        return function(*given)

    def function(self, lib: Any) -> Callable[..., Any]:
        """What is measured, with one library."""
        if lib.name != "hand":
            return self.build(lib)
        assert self.hand is not None
        module, name = self.hand.split(".")
        return getattr(importlib.import_module(f"by_hand.{module}"), name)


def every_case() -> dict[str, Case]:
    """All declared cases by name, in the order of the files."""
    import workloads

    names = sorted(module.name for module in pkgutil.iter_modules(workloads.__path__))
    modules = [importlib.import_module(f"workloads.{name}") for name in names]
    return {case.name: case for module in modules for case in module.CASES}


def select(words: list[str]) -> list[Case]:
    """Cases called by their full names ("23/30") or by their numbers ("23": all variants but the slow ones).

    Raises:
        SystemExit: No case has that name; the text lists those there are.
    """
    cases = every_case()
    if not words:
        return [case for case in cases.values() if not case.slow]
    chosen: dict[str, Case] = {}
    for word in words:
        found = {word: cases[word]} if word in cases else {}
        found = found or {name: c for name, c in cases.items() if name.split("/")[0] == word and not c.slow}
        if not found:
            raise SystemExit(f"no workload is called {word!r}; there are: {', '.join(cases)}")
        chosen.update(found)
    return list(chosen.values())
