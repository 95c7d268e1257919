"""Settings: every FUNCGRAD_* environment variable in one table.

| variable       | default | meaning |
|----------------|---------|---------------------------------------------------------------------------------------------|
| FUNCGRAD_CHECK | 0       | 1: check every program after every transformation and pass |
| FUNCGRAD_DUMP  | (none)  | a directory: every stage of every compilation is written there as numbered text files |
| FUNCGRAD_LOG   | (none)  | `compile`: say on stderr what is traced and compiled, why, and how long it took |
| FUNCGRAD_CACHE | 1       | 0: no machine code is read from or written to disk |
| FUNCGRAD_CACHE_DIR | (user) | where machine code is kept; by default `funcgrad` in the user's cache directory |
| FUNCGRAD_THREADS | (cores) | threads of long kernels; by default OMP_NUM_THREADS, or the process's processors |
| FUNCGRAD_MALLOC | 1      | 0: leave the C library's thresholds for returning memory alone (see compile/memory.py) |
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any


class Setting:
    """One setting: its environment variable and present value; assign `.value` to change it in a running program."""

    def __init__(self, name: str, value: Any) -> None:
        self.name, self._value = name, value
        self._watcher: Callable[[], None] = lambda: None

    @property
    def value(self) -> Any:
        """The present value."""
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = value
        self._watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call something after each change."""
        self._watcher = watcher


def _integer(name: str, default: int) -> Setting:
    return Setting(name, int(os.environ.get(name, default)))


def _processors() -> int:
    """OMP_NUM_THREADS, or the number of processors this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if given.isdigit() and int(given):
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


CHECK = _integer("FUNCGRAD_CHECK", 0)
DUMP = Setting("FUNCGRAD_DUMP", os.environ.get("FUNCGRAD_DUMP", ""))
LOG = Setting("FUNCGRAD_LOG", os.environ.get("FUNCGRAD_LOG", ""))
CACHE = _integer("FUNCGRAD_CACHE", 1)
CACHE_DIR = Setting("FUNCGRAD_CACHE_DIR", os.environ.get("FUNCGRAD_CACHE_DIR", ""))
MALLOC = _integer("FUNCGRAD_MALLOC", 1)
THREADS = _integer("FUNCGRAD_THREADS", _processors())
