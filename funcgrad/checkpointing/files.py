"""Bytes of a checkpoint: named arrays in the layout of safetensors, written whole or not at all.

    file   ::= length of the header (8 bytes, little-endian) header arrays
    header ::= {name: {"dtype": d, "shape": [...], "data_offsets": [begin, end]}, ..., "__metadata__": {text: text}}

The arrays follow each other without gaps, largest element type first, so that each is aligned. A reader believes
nothing: every number of the header is checked against the size of the file before memory is reserved for it.

Reference: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import CheckpointError

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
NAMES = {np.dtype(text): name for name, text in DTYPES.items()}
LONGEST_HEADER = 100_000_000  # the limit of the format
CHECKSUM = "header_crc32"
_counter = itertools.count()


# --- writing ----------------------------------------------------------------------------------------------------------


def write(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Replace the file at `path` by one with these arrays, atomically and durably."""
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    header, at = {}, 0
    for name in order:
        a = arrays[name]
        header[name] = {"dtype": NAMES[a.dtype], "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    crcs = {name: zlib.crc32(_bytes(arrays[name])) for name in order}
    header["__metadata__"] = {**metadata, "checksums": json.dumps(crcs)}
    header["__metadata__"][CHECKSUM] = str(_header_crc(header))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LONGEST_HEADER:
        raise CheckpointError(
            f"{path}: the description of the structure takes {len(text)} bytes, more than the format allows."
        )
    with _replacing(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(_bytes(arrays[name]))


def _bytes(array: np.ndarray) -> memoryview:
    return memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8))


def _header_crc(header: Mapping[str, Any]) -> int:
    """Checksum of all the header says, besides the checksum itself."""
    metadata = {k: v for k, v in header["__metadata__"].items() if k != CHECKSUM}
    return zlib.crc32(json.dumps({**header, "__metadata__": metadata}, sort_keys=True).encode())


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` when all is on the disk, and vanishes after an exception."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{next(_counter)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """The new name is on the disk, too; some systems cannot open directories, and have no need to."""
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the metadata of a file; every array is checked against its checksum, if there is one."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            entries, metadata = _checked_header(_header(file, size), size)
            checksums = _checksums(metadata)
            arrays = {name: _read_array(file, name, *entry, checksums) for name, entry in entries.items()}
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from None
        except RecursionError:
            raise CheckpointError(f"{path}: the header is nested too deeply.") from None
    return arrays, metadata


def _header(file: BinaryIO, size: int) -> Any:
    prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or length > min(size - 8, LONGEST_HEADER) or length < 2:
        raise CheckpointError(
            "this is no checkpoint, or it is cut short: the length of the header does not fit the file."
        )
    text = file.read(length)
    try:
        header = json.loads(text.decode(), object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"the header is not valid JSON ({type(error).__name__}); the file is damaged.") from None
    return header, 8 + length


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a name occurs twice")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _checked_header(parsed: tuple[Any, int], size: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Entries `name -> (dtype, shape, offset in the file)` in the order of the file, and metadata; or what is wrong."""
    header, start = parsed
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise CheckpointError("the header is no table of arrays with metadata of texts.")
    if CHECKSUM in metadata and metadata[CHECKSUM] != str(_header_crc(header)):
        raise CheckpointError("the header does not fit its checksum; the file is damaged.")
    entries = [(name, *_entry(name, value)) for name, value in header.items() if name != "__metadata__"]
    entries.sort(key=lambda e: (e[3], e[4]))
    at = 0
    for name, _, _, begin, end in entries:
        if begin != at:
            raise CheckpointError(f"array {name!r} begins at byte {begin}, and the one before ends at {at}.")
        at = end
    if start + at != size:
        raise CheckpointError(
            f"the arrays take {at} bytes, but the file holds {size - start}; it is damaged or cut short."
        )
    return {name: (dtype, shape, start + begin) for name, dtype, shape, begin, _ in entries}, metadata


def _entry(name: str, value: Any) -> tuple[np.dtype, tuple[int, ...], int, int]:
    """dtype, shape, begin and end of an array, consistent with each other."""
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"array {name!r} has no dtype, shape and data_offsets.")
    shape, offsets, dtype = value["shape"], value["data_offsets"], value["dtype"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise CheckpointError(f"array {name!r} has the dtype {dtype!r}; those known are {', '.join(DTYPES)}.")
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2 or len(shape) > 64:
        raise CheckpointError(f"array {name!r} has the shape {shape!r} and the offsets {offsets!r}.")
    kind = np.dtype(DTYPES[dtype])
    if offsets[1] - offsets[0] != math.prod(shape) * kind.itemsize:
        raise CheckpointError(f"array {name!r} of shape {shape} and dtype {dtype} does not fill the bytes {offsets}.")
    return kind, tuple(shape), offsets[0], offsets[1]


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


def _checksums(metadata: Mapping[str, str]) -> dict[str, int] | None:
    if CHECKSUM not in metadata:
        return None  # a file of another program
    try:
        checksums = json.loads(metadata["checksums"])
    except (KeyError, ValueError):
        checksums = None
    if not isinstance(checksums, dict):
        raise CheckpointError("the checksums are missing.")
    return checksums


def _read_array(
    file: BinaryIO, name: str, dtype: np.dtype, shape: tuple[int, ...], offset: int, checksums: Mapping[str, int] | None
) -> np.ndarray:
    try:
        array = np.empty(shape, dtype)
    except ValueError:  # an empty array whose other axes are too long even to count
        raise CheckpointError(f"array {name!r} has the shape {shape}, which no array can have.") from None
    view = _bytes(array)
    file.seek(offset)
    if file.readinto(view) != len(view):  # type: ignore[attr-defined]
        raise CheckpointError(f"array {name!r} is cut short.")
    if checksums is not None and checksums.get(name) != zlib.crc32(view):
        raise CheckpointError(f"leaf {name} does not fit its checksum; the file is damaged.")
    if dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise CheckpointError(f"array {name!r} of truth values holds a byte other than 0 and 1.")
    return array.astype(dtype.newbyteorder("="), copy=False)
