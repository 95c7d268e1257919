"""Show how far a loop is: a bar by tqdm where that is installed, and lines of text elsewhere."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

SECONDS = 1.0  # between two lines


def progress(iterable: Iterable[Any], *, total: int | None = None, label: str = "", file: TextIO | None = None) -> Any:
    """Iterate, and show on stderr how far it is.

    Args:
        iterable: what to iterate over.
        total: how many items there are; None for `len(iterable)` where it has one.
        label: what to call it.
        file: where to write instead.

    Returns:
        An iterator of the same items: a `tqdm` bar when tqdm is installed (`pip install funcgrad[progress]`), else a
        generator that prints a line at most every second and one at the end.

    Example:
        >>> import sys
        >>> from funcgrad.data.progress import lines
        >>> list(lines("ab", 2, "letters", sys.stdout))
        letters: 2/2 (100%), ... s
        ['a', 'b']
    """
    total = len(iterable) if total is None and hasattr(iterable, "__len__") else total  # type: ignore[arg-type]
    if importlib.util.find_spec("tqdm") is None:
        return lines(iterable, total, label, sys.stderr if file is None else file)
    return importlib.import_module("tqdm").tqdm(iterable, total=total, desc=label or None, file=file)


def lines(iterable: Iterable[Any], total: int | None, label: str, file: TextIO) -> Iterator[Any]:
    """The items, and lines of text about them."""
    begin = last = time.monotonic()
    done = 0
    for item in iterable:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= SECONDS and done != total:
            last = now
            print(_line(label, done, total, now - begin), file=file, flush=True)
    print(_line(label, done, total, time.monotonic() - begin), file=file, flush=True)


def _line(label: str, done: int, total: int | None, seconds: float) -> str:
    share = f"/{total} ({100 * done // total}%)" if total else ""
    return f"{label + ': ' if label else ''}{done}{share}, {seconds:.1f} s"
