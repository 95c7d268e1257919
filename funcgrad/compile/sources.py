"""The sources of the compiler as a part of keys: what one can do with this module is tell whether machine code was made
by the sources of this process.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator

from .. import config

_FOLDERS = ("core", "transforms", "ops", "compile")  # all that lies between a program and its machine code


@functools.cache
def source_digest() -> str | None:
    """A hash of the sources of the compiler and what it builds on; None where they cannot be read, or were edited
    after they were imported.
    """
    found = hashlib.sha256()
    try:
        for folder, entry in sorted(_files(), key=lambda file: (file[0], file[1].name)):
            with open(entry.path, "rb") as f:
                if os.fstat(f.fileno()).st_mtime > config.IMPORTED:
                    return None
                text = f.read()
            found.update(f"{folder} {entry.name} {len(text)}\n".encode() + text)
    except OSError:
        return None
    return found.hexdigest()


@functools.cache
def source_stamp() -> str | None:
    """Names, sizes and times of the same sources, by which Python recognizes compiled modules, too; a tenth of the time
    of reading them.
    """
    try:
        found = [(folder, entry.name, entry.stat()) for folder, entry in _files()]
    except OSError:
        return None
    stamps = sorted((folder, name, s.st_size, s.st_mtime_ns) for folder, name, s in found)
    if not stamps or max(stamp[-1] for stamp in stamps) > config.IMPORTED * 1e9:
        return None
    return repr(stamps)


def _files() -> Iterator[tuple[str, os.DirEntry]]:
    root = os.path.dirname(os.path.dirname(__file__))
    for folder in _FOLDERS:
        yield from ((folder, entry) for entry in os.scandir(os.path.join(root, folder)) if entry.name.endswith(".py"))
