"""Memory of large outputs: let the C library keep freed blocks, so that a warm call does not pay for fresh pages.

A block handed back to the operating system and taken again costs a page fault for every 4 KiB, which for a program
that reads and writes each element once is as much time as the program itself (Black-Scholes, 1e6 options: 60 ms a
call with, 31 ms without). glibc hands back every block above a threshold; here blocks up to 32 MiB come from the
heap, and up to 128 MiB of free memory stay at its top.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

from .. import config

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT_BLOCK = 32 << 20
KEPT_TOTAL = 128 << 20


@cache
def keep_freed_blocks() -> bool:
    """Set glibc's thresholds, once; elsewhere, or with FUNCGRAD_MALLOC=0, do nothing. Returns whether they were set."""
    if not config.MALLOC.value or not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, KEPT_BLOCK)) and bool(mallopt(_M_TRIM_THRESHOLD, KEPT_TOTAL))


def release_freed_blocks() -> None:
    """Hand the freed blocks that `keep_freed_blocks` kept back to the system, where the C library can."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
