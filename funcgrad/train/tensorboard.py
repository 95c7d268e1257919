"""Write scalars that TensorBoard can show, without TensorBoard: its record format and the few messages it takes.

    record  ::= length (8 bytes) checksum(length) event checksum(event)
    event   ::= 1: time (double)  2: step (varint)  3: version (text) | 5: summary
    summary ::= 1: value*         value ::= 1: tag (text)  2: number (float)

Reference: https://github.com/tensorflow/tensorboard (event.proto, summary.proto); checksum: CRC-32C, RFC 3720, appendix
B.4, rotated and offset by a constant.
"""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path
from typing import Any

_MASK = 0xA282EAD8


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def crc32c(content: bytes) -> int:
    """The Castagnoli checksum.

    Example:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    value = 0xFFFFFFFF
    for byte in content:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def _masked(content: bytes) -> bytes:
    value = crc32c(content)
    return struct.pack("<I", ((value >> 15 | value << 17) + _MASK) & 0xFFFFFFFF)


def _varint(number: int) -> bytes:
    number &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _text(field: int, content: bytes) -> bytes:
    """A field of bytes: texts and messages in messages."""
    return _varint(field << 3 | 2) + _varint(len(content)) + content


class TensorBoardWriter:
    """A file of events in a directory: `tensorboard --logdir DIRECTORY` shows it.

    Args:
        directory: where; made if it does not exist.

    Example:
        >>> import os, tempfile
        >>> directory = tempfile.mkdtemp()
        >>> with TensorBoardWriter(directory) as board:
        ...     board.write(1, {"loss": 0.5})
        >>> os.listdir(directory)[0].startswith("events.out.tfevents.")
        True
    """

    def __init__(self, directory: str | os.PathLike) -> None:
        Path(directory).mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns() // 10**9:010d}.funcgrad.{os.getpid()}.{time.monotonic_ns()}"
        self._file = open(Path(directory) / name, "xb")  # noqa: SIM115
        self._record(struct.pack("<Bd", 9, time.time()) + _text(3, b"brain.Event:2"))

    def write(self, step: Any, metrics: dict[str, Any] | None = None, **more: Any) -> None:
        """Add numbers of one step."""
        values = b"".join(
            _text(1, _text(1, name.encode()) + struct.pack("<Bf", 21, float(value)))
            for name, value in {**(metrics or {}), **more}.items()
        )
        self._record(struct.pack("<Bd", 9, time.time()) + b"\x10" + _varint(int(step)) + _text(5, values))

    def _record(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        self._file.write(length + _masked(length) + event + _masked(event))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> TensorBoardWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
