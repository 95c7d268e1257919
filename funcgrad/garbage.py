"""The garbage collector, paused where nothing that is made is garbage."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
from collections.abc import Iterator

_paused_by: set[int] = set()  # threads that turned collections off


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Keeps the collector from looking again and again at many objects that all live: those of a program while it is
    compiled (at 1000 layers a quarter of the time, growing faster than the program), and those that an import makes.
    """
    enabled, me = gc.isenabled(), threading.get_ident()
    try:
        if enabled:
            _paused_by.add(me)
        gc.disable()
        yield
    finally:
        if enabled:
            gc.enable()
            _paused_by.discard(me)


def _collect_in_child() -> None:
    """In the child of a fork, the thread that would turn collections on again does not exist."""
    others = _paused_by - {threading.get_ident()}
    if others and others == _paused_by:
        gc.enable()
    _paused_by.difference_update(others)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_collect_in_child)
