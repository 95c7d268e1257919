"""Find keys that are used twice: `check_reuse`, and what samplers tell it.

A key that two samplers use gives two results that depend on each other, and nothing in the numbers shows it. While the
check is on, samplers and `split` note the key they consume, with the user's line; the second use raises. `fold_in`
consumes the pair of key and number, so that one key may be folded with many numbers, but then serves for nothing else.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import config, errors
from ..core.tracing import Tracer, user_source

Source = tuple[str, int, str] | None


class _Uses:
    """Keys seen so far: key -> {number it was folded with, or None for other uses: who, and on what line}."""

    def __init__(self) -> None:
        self.seen: dict[Any, dict[Any, tuple[str, Source]]] = {}
        self.alive: list[Any] = []  # abstract values are told apart by identity, so they must not be freed

    def note(self, key: Any, folded: Any, who: str, source: Source) -> None:
        """Enter one use, or raise because of an earlier one."""
        uses = self.seen.setdefault(self.name(key), {})
        number = None if folded is None else self.name(folded)
        earlier = uses.get(number) or (next(iter(uses.values()), None) if number is None else uses.get(None))
        if earlier is not None:
            raise errors.KeyReuseError(errors.key_reuse(who, source, *earlier))
        uses[number] = (who, source)

    def name(self, value: Any) -> Any:
        """What equal keys share: the words, or, where these are not known, the traced value itself."""
        if isinstance(value, Tracer):
            if not value._trace.eager:
                self.alive.append(value)
                return id(value)
            value = value.concrete("the check for reuse")
        return np.asarray(value).tobytes()


class _State(threading.local):
    uses: _Uses | None = None
    inside = False  # samplers call each other; only the outermost consumes


_state = _State()
_everywhere = _Uses()


@contextlib.contextmanager
def check_reuse() -> Iterator[None]:
    """Raise when a key is used for the second time within this context, in this thread.

    Keys are told apart by their words, so copies of a key are the same key; `clone` says that a second use is meant.
    What it cannot see: keys inside a function that was compiled before, the iterations of a compiled loop (its body is
    traced once), and under `jit` or `vmap` two traced arrays that hold equal keys (there, only the very same array
    is recognized). `config.update("check_key_reuse", 1)` turns the check on for the whole process.

    Raises:
        KeyReuseError: in the second use, naming both lines.

    Example:
        >>> from funcgrad import random
        >>> key = random.key(0)
        >>> with random.check_reuse():
        ...     x = random.normal(key)
        ...     y = random.uniform(key)
        Traceback (most recent call last):
        ...
        funcgrad.errors.KeyReuseError: random.uniform: this key was used before, by random.normal...
    """
    outer, _state.uses = _state.uses, _Uses()
    try:
        yield
    finally:
        _state.uses = outer


def consumes(function: Callable) -> Callable:
    """A function whose first argument is a key that it uses up."""
    who = f"random.{function.__name__}"
    folding = function.__name__ == "fold_in"

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        uses = _state.uses or (_everywhere if config.CHECK_KEY_REUSE.value else None)
        if uses is None or _state.inside:
            return function(*args, **kwargs)
        key = args[0] if args else kwargs.get("key")
        if getattr(key, "shape", None) == (2,):  # anything else is refused by the function itself
            folded = (args[1] if len(args) > 1 else kwargs.get("data")) if folding else None
            uses.note(key, folded, who, user_source())
        _state.inside = True
        try:
            return function(*args, **kwargs)
        finally:
            _state.inside = False

    return call


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """Uses of keys in this context are not noted: for what may be repeated with the same key on purpose."""
    outer, _state.inside = _state.inside, True
    try:
        yield
    finally:
        _state.inside = outer


def forget(key: Any) -> Any:
    """The key, which may be used once more."""
    for uses in (_state.uses, _everywhere):
        if uses is not None:
            uses.seen.pop(uses.name(key), None)
    return key
