"""Machine code on disk: what one can do with this module is see and empty the persistent cache of compiled programs.

It is on by default, in a directory of the user's that nobody else may write to. `FUNCGRAD_CACHE=0` turns it off,
`FUNCGRAD_CACHE_DIR` moves it, `FUNCGRAD_CACHE_SIZE` limits it (docs/environment.md).
"""

from __future__ import annotations

from typing import Any

from .compile import cache as _store

__all__ = ["clear", "info"]


def info() -> dict[str, Any]:
    """Where compiled programs are kept, and how they were used.

    Returns:
        A dictionary: `directory` (None when the cache is off or the directory is not private), `entries`, `bytes`,
        `limit` in bytes, and `hits` and `misses`, the compilations of this process that found machine code and did not.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> before = fg.cache.info()
        >>> fg.jit(lambda x: np.sin(x) + 2.0)(0.0)
        np.float64(2.0)
        >>> after = fg.cache.info()
        >>> after["hits"] + after["misses"] - before["hits"] - before["misses"]
        1
    """
    return _store.info()


def clear() -> None:
    """Remove all entries. What this process has compiled goes on working; `clear_caches` forgets that.

    Example:
        >>> import tempfile, funcgrad as fg
        >>> place, fg.config.CACHE_DIR.value = fg.config.CACHE_DIR.value, tempfile.mkdtemp()
        >>> fg.jit(lambda x: x + 1.0)(1.0)
        np.float64(2.0)
        >>> fg.cache.clear()
        >>> fg.cache.info()["entries"], fg.cache.info()["bytes"]
        (0, 0)
        >>> fg.config.CACHE_DIR.value = place
    """
    _store.clear()
