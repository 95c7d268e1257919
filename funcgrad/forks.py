"""Forks: what must not be under way in another thread while a process forks.

The child of a fork has one thread. A lock that another thread held at that moment stays locked in it for ever, be it
one of ours, of LLVM, or of a module that is being imported. So a fork waits: for locks made here, for what `at_fork` is
told of, and for `importing`, under which the library imports its compiler at first use. All hooks are in one place,
since a module that registered its own while a fork waits would have the second half of them called alone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

importing = threading.RLock()
_hooks: list[tuple[Callable[[], object], Callable[[], object]]] = []
_undo: list[Callable[[], object]] = []


def fork_safe_lock() -> threading.RLock:
    """A lock that nobody holds in the child of a fork; forks take those made later first."""
    made = threading.RLock()
    at_fork(made.acquire, made.release)
    return made


def at_fork(before: Callable[[], object], after: Callable[[], object]) -> None:
    """Call functions before forks, those told of later first, and after them in parent and child."""
    _hooks.append((before, after))


def _before() -> None:
    importing.acquire()  # first: nothing is added to the hooks any more
    _undo.append(importing.release)
    for before, after in reversed(_hooks):
        before()
        _undo.append(after)


def _after() -> None:
    while _undo:
        _undo.pop()()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
