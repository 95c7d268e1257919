"""The persistent cache: machine code on disk, so that the next process need not compile what this one did.

    code = object_code(text)         # machine code of an LLVM module, from disk where it is known
    read(name), write(name, data)    # one entry
    info(), clear()                  # what `funcgrad.cache` shows

Two kinds of entries: `.o`, object code, under a hash of the LLVM text and of everything else it depends on (CPU and
its features, versions); and `.artifact`, what else an executable needs, under the key of its program
(`program_key.py`), which leads to the first without any compilation. Names are hashes of content, so an entry is never
changed, only written, read and removed. It is written to a temporary file and moved into place; what is damaged, or
was written by somebody else, is ignored with a warning and written anew.

Size. A file grows by one byte for each KiB that any process writes; its length is the size of the cache, known without
looking at the entries. When it passes FUNCGRAD_CACHE_SIZE, one process removes the entries that were not used for the
longest time, down to three quarters, and sets the length to what is left.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import config
from . import launcher_native, native

_FORMAT = "funcgrad entry 2\n"
_MAGIC = _FORMAT.encode()
_SUFFIXES = (".o", ".artifact")
_PART = ".part"  # files that are being written
_LEDGER, _LOCK = "size", "lock"
_STALE = 3600.0  # seconds after which an unfinished file, or a lock, belongs to a process that died
_DAY = 86400.0  # the time of last use is kept to the day: hits write nothing otherwise
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


def entry_name(text: str) -> str:
    """The name under which the object code of an LLVM module is kept for this kind of machine."""
    return name_of([text, native.target_key(), sys.byteorder], ".o")


def name_of(parts: Sequence[str], suffix: str) -> str:
    """The name of the entry whose content follows from these texts; no other texts give the same name."""
    text = "".join([f"{len(part)}:{part}" for part in (_FORMAT, *parts)])
    return hashlib.sha256(text.encode()).hexdigest() + suffix


def object_code(llvm_text: str) -> bytes:
    """`native.compile_object`, from disk when the same text was compiled before on this kind of machine."""
    name = entry_name(llvm_text)
    code = read_code(name)
    if code is None:
        _counts["misses"] += 1
        code = native.compile_object(llvm_text)
        write(name, code)
    return code


def read_code(name: str) -> bytes | None:
    """Object code by the name of its entry; None when there is none."""
    code = read(name)
    _counts["hits"] += code is not None
    return code


_launcher_done = False


def _launcher_name() -> str:
    """The machine code behind every warm call is an entry of the cache, too."""
    return name_of([launcher_native.launcher_key()], ".launcher.o")


def has_launcher() -> bool:
    """Whether `preload_launcher` need not compile."""
    folder = directory()
    return _launcher_done or folder is not None and (folder / _launcher_name()).exists()


def preload_launcher() -> None:
    """Load the launcher; compile it where it is not on disk."""
    global _launcher_done
    if _launcher_done or directory() is None:
        return
    name = _launcher_name()
    code = read(name)
    if code is None:
        code = launcher_native.launcher_object()
        write(name, code)
    launcher_native.preload_launcher(code)
    _launcher_done = True


# --- entries ----------------------------------------------------------------------------------------------------------


def read(name: str) -> bytes | None:
    """The content of an entry, or None when there is none or it is damaged."""
    folder = directory()
    if folder is None:
        return None
    path = folder / name
    try:
        with open(path, "rb") as f:
            used = os.fstat(f.fileno()).st_mtime
            data = f.read()
    except OSError:
        return None
    if time.time() - used > _DAY:
        with contextlib.suppress(OSError):  # a directory that is only read keeps its times
            os.utime(path)
    head, payload = data[: len(_MAGIC) + 32], data[len(_MAGIC) + 32 :]
    if head != _MAGIC + _digest(name, payload):
        warnings.warn(f"funcgrad: the cache entry {path} is damaged and was ignored", RuntimeWarning, stacklevel=2)
        return None
    return payload


def write(name: str, payload: bytes) -> None:
    """Write an entry completely or not at all; a full disk or a read-only directory only means no cache."""
    folder = directory()
    if folder is None or len(payload) > config.CACHE_SIZE.value:
        return
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=_PART)
        with os.fdopen(handle, "wb") as f:
            f.write(_MAGIC + _digest(name, payload) + payload)
        os.replace(temporary, folder / name)
        if _grown(folder, len(payload)) > config.CACHE_SIZE.value:
            _evict(folder, config.CACHE_SIZE.value * 3 // 4)
    except OSError:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def _digest(name: str, payload: bytes) -> bytes:
    """The name is part of it: an entry that lies in the place of another is damage, too."""
    return hashlib.sha256(name.encode() + b"\0" + payload).digest()


# --- size -------------------------------------------------------------------------------------------------------------


def _grown(folder: Path, size: int) -> int:
    """Note that an entry was written; the size of all, about. Appending is atomic, so processes need no lock."""
    with open(folder / _LEDGER, "ab") as ledger:
        ledger.write(b"." * -(-size // 1024))
        return ledger.tell() * 1024


def _evict(folder: Path, limit: int) -> None:
    """Remove what was not used for the longest time until at most `limit` bytes are left. One process does it."""
    lock = folder / _LOCK
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if time.time() - lock.stat().st_mtime > _STALE:
            lock.unlink(missing_ok=True)
        return
    try:
        files = sorted(_entries(folder), key=lambda item: item[1].st_mtime, reverse=True)
        kept = 0
        for path, status in files:
            size = -(-status.st_size // 1024) * 1024
            if kept + size <= limit:
                kept += size
            else:
                limit = kept  # from here on everything goes
                path.unlink(missing_ok=True)
        for path in folder.glob("*" + _PART):
            if time.time() - path.stat().st_mtime > _STALE:
                path.unlink(missing_ok=True)
        os.truncate(folder / _LEDGER, kept // 1024)
    finally:
        lock.unlink(missing_ok=True)


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for item in os.scandir(folder):
        if item.name.endswith(_SUFFIXES):
            try:
                yield Path(item.path), item.stat()
            except FileNotFoundError:  # removed meanwhile by another process
                continue


def info() -> dict[str, object]:
    """Directory, entries, bytes, limit, and the hits and misses of this process."""
    folder = directory()
    sizes = [status.st_size for _, status in _entries(folder)] if folder else []
    return {
        "directory": str(folder) if folder else None,
        "entries": len(sizes),
        "bytes": sum(sizes),
        "limit": config.CACHE_SIZE.value,
        **_counts,
    }


def clear() -> None:
    """Remove all entries."""
    folder = directory()
    if folder is None:
        return
    for path, _ in _entries(folder):
        path.unlink(missing_ok=True)
    (folder / _LEDGER).unlink(missing_ok=True)
