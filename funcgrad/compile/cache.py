"""The persistent cache: machine code on disk, so that the next process need not compile what this one did.

    cache.info()    where it is, how many entries, how many bytes, hits and misses of this process
    cache.clear()   remove all entries

The key of an entry is a hash of the whole LLVM text and of everything else the machine code depends on (CPU and its
features, versions). Entries are written to a temporary file and moved into place, so that processes may share a
directory; an entry that is damaged, or was written by somebody else, is ignored with a warning and written anew. The
directory is FUNCGRAD_CACHE_DIR, by default the user's cache directory; FUNCGRAD_CACHE=0 turns the cache off.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import config
from . import launcher_native, native

_MAGIC = b"funcgrad object 1\n"
_counts = {"hits": 0, "misses": 0}


def directory() -> Path | None:
    """Where entries live; None when the cache is off or no private directory can be had."""
    if not config.CACHE.value:
        return None
    base = config.CACHE_DIR.value or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "funcgrad"
    )
    path = Path(base)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return path if _is_private(path) else None


def _is_private(path: Path) -> bool:
    """Only code that we ourselves wrote may be loaded: the directory must be ours, and not writable by others."""
    if not hasattr(os, "getuid"):
        return True
    status = path.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def compile_cached(llvm_text: str, symbols: Mapping[str, int], names: Sequence[str] = ("entry",)) -> native.Library:
    """`native.compile_text`, from disk when the same text was compiled before on this kind of machine.

    `symbols` are addresses for this text only; they are no part of the entry. `names` are the functions to resolve.
    """
    folder = directory()
    if folder is None:
        return native.compile_text(llvm_text, symbols=symbols)
    _preload_launcher(folder)
    path = folder / (_key(llvm_text) + ".o")
    data = _read(path)
    if data is not None:
        _counts["hits"] += 1
        return native.load_object(data, names, symbols)
    _counts["misses"] += 1
    data = native.compile_object(llvm_text)
    _write(path, data)
    return native.load_object(data, names, symbols)


def _key(text: str) -> str:
    return hashlib.sha256("\0".join([text, native.target_key(), sys.byteorder]).encode()).hexdigest()


_launcher_done = False


def _preload_launcher(folder: Path) -> None:
    """The machine code behind every warm call is an entry of the cache, too."""
    global _launcher_done
    if _launcher_done:
        return
    _launcher_done = True
    path = folder / (hashlib.sha256(repr(launcher_native.launcher_key()).encode()).hexdigest() + ".launcher.o")
    data = _read(path)
    if data is None:
        data = launcher_native.launcher_object()
        _write(path, data)
    launcher_native.preload_launcher(data)


def _read(path: Path) -> bytes | None:
    """The payload of an entry, or None when there is none or it is damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head, payload = data[: len(_MAGIC) + 32], data[len(_MAGIC) + 32 :]
    if head != _MAGIC + hashlib.sha256(payload).digest():
        warnings.warn(f"funcgrad: the cache entry {path} is damaged and was ignored", RuntimeWarning, stacklevel=3)
        return None
    return payload


def _write(path: Path, payload: bytes) -> None:
    """Write an entry completely or not at all; a full disk or a read-only directory only means no cache."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as f:
            f.write(_MAGIC + hashlib.sha256(payload).digest() + payload)
        os.replace(temporary, path)
    except OSError:
        return


def info() -> dict[str, object]:
    """Directory, entries, bytes, and the hits and misses of this process."""
    folder = directory()
    files = list(folder.glob("*.o")) if folder else []
    return {
        "directory": str(folder) if folder else None,
        "entries": len(files),
        "bytes": sum(f.stat().st_size for f in files),
        **_counts,
    }


def clear() -> None:
    """Remove all entries."""
    folder = directory()
    for f in folder.glob("*.o") if folder else ():
        f.unlink(missing_ok=True)
