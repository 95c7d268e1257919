"""Settings: every FUNCGRAD_* environment variable in one table.

    config.CHECK.value = 1                          assign the value of a setting, or
    config.update("explain_cache_misses", True)     name it as in the table, with or without FUNCGRAD_

| variable       | default | meaning |
|----------------|---------|---------------------------------------------------------------------------------------------|
| FUNCGRAD_CHECK | 0       | 1: check every program after every transformation and pass |
| FUNCGRAD_DUMP  | (none)  | a directory: every stage of every compilation is written there as numbered text files |
| FUNCGRAD_LOG   | (none)  | `compile`: say on stderr what is traced and compiled, why, and how long it took |
| FUNCGRAD_EXPLAIN_CACHE_MISSES | 0 | 1: say on stderr why a call of a compiled function traces anew |
| FUNCGRAD_CACHE | 1       | 0: no machine code is read from or written to disk; 2: found by its LLVM text only, so that
                             passes replaced in a running program take effect |
| FUNCGRAD_CACHE_DIR | (user) | where machine code is kept; by default `funcgrad` in the user's cache directory |
| FUNCGRAD_THREADS | (cores) | threads of long kernels; by default OMP_NUM_THREADS, or the process's processors |
| FUNCGRAD_CACHE_SIZE | 1073741824 | bytes of machine code kept; what was not used for the longest time goes first |
| FUNCGRAD_CHECK_KEY_REUSE | 0 | 1: raise where a random key is used for the second time (see random/reuse.py) |
| FUNCGRAD_MALLOC | 1      | 0: leave the C library's thresholds for returning memory alone (see compile/memory.py) |
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

IMPORTED = time.time()  # what was edited later may not be what is running


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
EXPLAIN_CACHE_MISSES = _integer("FUNCGRAD_EXPLAIN_CACHE_MISSES", 0)
CACHE = _integer("FUNCGRAD_CACHE", 1)
CACHE_DIR = Setting("FUNCGRAD_CACHE_DIR", os.environ.get("FUNCGRAD_CACHE_DIR", ""))
CACHE_SIZE = _integer("FUNCGRAD_CACHE_SIZE", 1 << 30)
MALLOC = _integer("FUNCGRAD_MALLOC", 1)
CHECK_KEY_REUSE = _integer("FUNCGRAD_CHECK_KEY_REUSE", 0)
THREADS = _integer("FUNCGRAD_THREADS", _processors())


def update(name: str, value: Any) -> None:
    """Change a setting of the running program.

    Args:
        name: as in the table above, in any case, with or without `FUNCGRAD_`.
        value: its new value.

    Raises:
        ValueError: there is no such setting, naming those that there are.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.config.update("check", True)
        >>> fg.config.CHECK.value
        True
        >>> fg.config.update("check", 0)
    """
    found = globals().get(name.upper().removeprefix("FUNCGRAD_"))
    if not isinstance(found, Setting):
        names = sorted(key.lower() for key, setting in globals().items() if isinstance(setting, Setting))
        raise ValueError(f"config: there is no setting {name!r}; there are {', '.join(names)}.")
    found.value = value
