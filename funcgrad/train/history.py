"""What happened in a run: kept in memory, written line by line to files, and watched to stop in time."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import os
from pathlib import Path
from typing import Any, TextIO

import numpy as np


def _plain(value: Any) -> Any:
    """A number, or a list of numbers, as Python has them."""
    return value if isinstance(value, str) or value is None else np.asarray(value).tolist()


class History(dict):
    """Metrics by name, each a list with one entry for each call of `append`; None where a call did not have it.

    Example:
        >>> history = History()
        >>> history.append(loss=2.0)
        >>> history.append(loss=1.0, accuracy=0.5)
        >>> history
        {'loss': [2.0, 1.0], 'accuracy': [None, 0.5]}
        >>> history.last("loss"), len(history.rows())
        (1.0, 2)
    """

    def append(self, metrics: dict[str, Any] | None = None, **more: Any) -> None:
        """Add one row, of numbers or of arrays, which become numbers and lists."""
        row = {**(metrics or {}), **more}
        length = self.length
        for name, value in row.items():
            self.setdefault(name, [None] * length).append(_plain(value))
        for column in self.values():
            if len(column) == length:
                column.append(None)

    def extend(self, metrics: dict[str, Any]) -> None:
        """Add many rows at once, such as `make_epoch` returns: arrays whose first axis counts the rows.

        Raises:
            ValueError: when the arrays differ in length, or something has no axis that counts rows.
        """
        columns = {name: _plain(value) for name, value in metrics.items()}
        for name, column in columns.items():
            if not isinstance(column, list):
                raise ValueError(
                    f"History.extend: {name!r} is {column!r}, which has no axis that counts rows.\n"
                    "Fix: use append for one row, or give an array with an entry for each row."
                )
        if len({len(c) for c in columns.values()}) > 1:
            raise ValueError(f"History.extend: columns differ in length: { {k: len(v) for k, v in columns.items()} }.")
        for row in zip(*columns.values()):
            self.append(dict(zip(columns, row)))

    @property
    def length(self) -> int:
        """How many rows there are."""
        return max((len(column) for column in self.values()), default=0)

    def last(self, name: str) -> Any:
        """The last entry of a metric that is not None.

        Raises:
            KeyError: when there is none.
        """
        for value in reversed(self.get(name, [])):
            if value is not None:
                return value
        raise KeyError(f"there is no {name!r} yet; there are {sorted(self)}")

    def rows(self) -> list[dict[str, Any]]:
        """Row by row, without what is None."""
        return [
            {k: c[i] for k, c in self.items() if c[i] is not None} for i in range(self.length)
        ]  # fmt: skip

    def to_csv(self, path: str | os.PathLike) -> None:
        """Write a table with a header line; what is None is left empty."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(self)
            writer.writerows(zip(*self.values()))

    def to_jsonl(self, path: str | os.PathLike) -> None:
        """Write one JSON object a line; numbers that are not finite are texts, as JSON has none."""
        with JSONLLogger(path, append=False) as log:
            for row in self.rows():
                log.write(row)

    @classmethod
    def from_jsonl(cls, path: str | os.PathLike) -> History:
        """Read what `to_jsonl` or `JSONLLogger` wrote; a last line that was cut short by a crash is left out."""
        history, lines = cls(), Path(path).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError:
                if number == len(lines):
                    break
                raise ValueError(f"{path}: line {number} is not JSON: {line[:40]!r}") from None
            history.append({name: _from_json(value) for name, value in row.items()})
        return history


_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _to_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_to_json(v) for v in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(v) for v in value]
    return _SPECIAL.get(value, value) if isinstance(value, str) else value


def _drop_unfinished_line(path: str | os.PathLike) -> None:
    """Remove the end of a file that a crash has cut within a line: the next line would be joined to it."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb+") as file:
        file.truncate(file.read().rfind(b"\n") + 1)


class _Logger:
    """A text file that is written line by line; what was written is there after a crash of the process.

    Where such a crash cut the last line short, that line is removed when the file is continued.
    """

    def __init__(self, path: str | os.PathLike, append: bool = True) -> None:
        if append:
            _drop_unfinished_line(path)
        self._file: TextIO = open(path, "a+" if append else "w+", newline="", encoding="utf-8")  # noqa: SIM115

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class JSONLLogger(_Logger):
    """Write metrics as one JSON object a line.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "log.jsonl")
        >>> with JSONLLogger(path) as log:
        ...     log.write({"step": 1}, loss=0.5)
        >>> History.from_jsonl(path)
        {'step': [1], 'loss': [0.5]}
    """

    def write(self, metrics: dict[str, Any] | None = None, **more: Any) -> None:
        """Add a line."""
        row = {name: _to_json(_plain(value)) for name, value in {**(metrics or {}), **more}.items()}
        self._file.write(json.dumps(row, allow_nan=False) + "\n")
        self._file.flush()


class CSVLogger(_Logger):
    """Write metrics as a table; the first row fixes the columns, also of a file that is continued.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "log.csv")
        >>> with CSVLogger(path) as log:
        ...     log.write(step=1, loss=0.5)
        >>> from pathlib import Path
        >>> Path(path).read_text().split()
        ['step,loss', '1,0.5']
    """

    def __init__(self, path: str | os.PathLike, append: bool = True) -> None:
        super().__init__(path, append)
        self._file.seek(0)
        self._columns: list[str] | None = next(csv.reader(self._file), None)
        self._file.seek(0, os.SEEK_END)

    def write(self, metrics: dict[str, Any] | None = None, **more: Any) -> None:
        """Add a line.

        Raises:
            ValueError: for names that the first line does not have.
        """
        row = {name: _plain(value) for name, value in {**(metrics or {}), **more}.items()}
        writer = csv.writer(self._file)
        if self._columns is None:
            self._columns = list(row)
            writer.writerow(self._columns)
        unknown = sorted(set(row) - set(self._columns))
        if unknown:
            raise ValueError(f"CSVLogger: {unknown} are no columns of the file, which has {self._columns}.")
        writer.writerow([row.get(name) for name in self._columns])
        self._file.flush()


class EarlyStopping:
    """Notice when a metric has not improved for some time.

    Args:
        patience: how many updates without improvement are allowed.
        min_delta: by how much a better value must be better.
        mode: "min" where smaller is better, "max" where larger is.

    Raises:
        ValueError: for another mode, or negative patience.

    Example:
        >>> stopping = EarlyStopping(patience=1)
        >>> [stopping.update(loss, params) for loss, params in [(3.0, "a"), (2.0, "b"), (2.5, "c"), (2.1, "d")]]
        [False, False, False, True]
        >>> stopping.best, stopping.best_params
        (2.0, 'b')
    """

    def __init__(self, patience: int = 10, min_delta: float = 0.0, mode: str = "min") -> None:
        if mode not in ("min", "max") or patience < 0:
            raise ValueError(
                f"EarlyStopping: mode must be 'min' or 'max' and patience at least 0, got {mode!r}, {patience}."
            )
        self.patience, self.min_delta, self.sign = patience, min_delta, 1.0 if mode == "min" else -1.0
        self.best, self.best_params, self.waited = self.sign * math.inf, None, 0

    def update(self, value: Any, params: Any = None) -> bool:
        """Note a new value, and the parameters it belongs to; whether to stop. NaN is no improvement."""
        value = float(value)
        if self.sign * value < self.sign * self.best - self.min_delta:
            self.best, self.best_params, self.waited = value, params, 0
        else:
            self.waited += 1
        return self.waited > self.patience
