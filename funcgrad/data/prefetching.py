"""Work ahead in a thread: the next batch is read while the present one is trained on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any

_END = object()
_PATIENCE = 0.05  # seconds between looks at whether anybody still waits


class Prefetch:
    """The iterator that `prefetch` returns; a context manager that closes itself."""

    def __init__(self, iterable: Iterable[Any], size: int) -> None:
        if size < 1:
            raise ValueError(f"data.prefetch: size must be at least 1, got {size}.")
        self._items: queue.Queue = queue.Queue(size)
        self._stop = threading.Event()
        self.state = getattr(iterable, "state", None)
        # The thread knows the queue and the flag, not this object, so that forgetting the object ends the thread.
        self._thread = threading.Thread(
            target=_work, args=(iter(iterable), self._items, self._stop), name="funcgrad-prefetch", daemon=True
        )
        self._thread.start()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._stop.is_set():
            raise StopIteration
        item, state, error = self._items.get()
        if item is _END:
            self.close()
            if error is not None:
                raise error
            raise StopIteration
        self.state = state
        return item

    def close(self) -> None:
        """End the thread; what it has read ahead is dropped."""
        self._stop.set()
        while self._thread.is_alive() and self._thread is not threading.current_thread():
            try:
                self._items.get_nowait()
            except queue.Empty:
                self._thread.join(_PATIENCE)

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        stop = getattr(self, "_stop", None)
        if stop is not None:
            stop.set()


def _work(source: Iterator[Any], items: queue.Queue, stop: threading.Event) -> None:
    """Put items, each with the state of the source after it, then the end or the exception."""
    try:
        for item in source:
            if not _put((item, getattr(source, "state", None), None), items, stop):
                return
        _put((_END, None, None), items, stop)
    except BaseException as error:  # whatever it is, it belongs to whoever waits
        _put((_END, None, error), items, stop)


def _put(entry: Any, items: queue.Queue, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            items.put(entry, timeout=_PATIENCE)
            return True
        except queue.Full:
            continue
    return False


def prefetch(iterable: Iterable[Any], size: int = 2) -> Prefetch:
    """Run an iterator ahead in a background thread.

    Args:
        iterable: anything that can be iterated, such as `batches(...)`.
        size: at most so many items wait; one more may be in the making.

    Returns:
        An iterator of the same items. An exception in the thread is raised where its item would have come. `state` is
        that of the source after the last item handed out, not after those read ahead. `close()`, `with`, the end of the
        items and garbage collection end the thread.

    Raises:
        ValueError: when size is less than 1.

    Example:
        >>> import numpy as np
        >>> from funcgrad import data
        >>> with data.prefetch(data.batches(np.arange(4), 2)) as run:
        ...     first = next(run)
        >>> first, int(run.state.position)
        (array([0, 1]), 2)
    """
    return Prefetch(iterable, size)
