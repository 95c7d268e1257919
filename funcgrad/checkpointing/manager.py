"""Numbered checkpoints of a run in one directory, of which the last few are kept."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..numpy import promotion
from .saving import load, save

_NAME = re.compile(r"step-(\d{10,})\.safetensors")
_LEFT_OVER = re.compile(r"\.step-\d+\.safetensors\.(\d+)\.\d+\.tmp")


class Manager:
    """A directory of checkpoints `step-0000000100.safetensors`.

    Args:
        directory: where; made if it does not exist.
        keep: how many checkpoints stay; older ones are removed after a new one is complete. None keeps all.
        keep_every: steps divisible by this stay forever.

    Raises:
        ValueError: when keep or keep_every is less than 1.

    Example:
        >>> import tempfile, numpy as np
        >>> from funcgrad import checkpointing
        >>> manager = checkpointing.Manager(tempfile.mkdtemp(), keep=2)
        >>> manager.latest() is None
        True
        >>> for step in (1, 2, 3):
        ...     manager.save(step, {"w": np.full(2, step)})
        >>> manager.steps(), manager.latest(), manager.restore()
        ([2, 3], 3, {'w': array([3, 3])})
    """

    def __init__(self, directory: str | os.PathLike, keep: int | None = 3, keep_every: int | None = None) -> None:
        for name, value in (("keep", keep), ("keep_every", keep_every)):
            if value is not None and value < 1:
                raise ValueError(f"Manager: {name} must be at least 1 or None, got {value}.")
        self.directory, self.keep, self.keep_every = Path(directory), keep, keep_every
        self.directory.mkdir(parents=True, exist_ok=True)
        self._remove_left_over()

    def _remove_left_over(self) -> None:
        """Delete halves of files that killed processes have left."""
        for entry in self.directory.iterdir():
            found = _LEFT_OVER.fullmatch(entry.name)
            if found and not _alive(int(found[1])):
                entry.unlink(missing_ok=True)

    def path(self, step: Any) -> Path:
        """Where the checkpoint of a step is."""
        number = promotion.static_int(step, "Manager")
        if number < 0:
            raise ValueError(f"Manager: steps must not be negative, got {number}.")
        return self.directory / f"step-{number:010d}.safetensors"

    def steps(self) -> list[int]:
        """The steps there are, in ascending order."""
        found = (_NAME.fullmatch(entry.name) for entry in self.directory.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def latest(self) -> int | None:
        """The last step there is, or None."""
        return max(self.steps(), default=None)

    def save(self, step: Any, tree: Any) -> None:
        """Write a checkpoint, then remove those that are too old; the new one stays, also among later steps."""
        written = self.path(step)
        save(written, tree)
        if self.keep is not None:
            for old in self.steps()[: -self.keep]:
                if self.path(old) != written and (self.keep_every is None or old % self.keep_every):
                    self.path(old).unlink(missing_ok=True)

    def restore(self, step: Any = None, like: Any = None) -> Any:
        """Read the checkpoint of a step, or the last one.

        Args:
            step: which; None for the last one.
            like: as in `load`.

        Raises:
            CheckpointError: when there is none, or it cannot be read.
        """
        if step is None:
            step = self.latest()
            if step is None:
                raise CheckpointError(f"{self.directory}: there is no checkpoint.\nFix: ask latest() first.")
        path = self.path(step)
        if not path.exists():
            raise CheckpointError(f"{self.directory}: there is no checkpoint of step {step}; there are {self.steps()}.")
        return load(path, like)


def _alive(process: int) -> bool:
    """Whether a process of this number runs; those that cannot be asked count as running."""
    if process == os.getpid() or os.name == "nt":  # there, os.kill would end the process that it asks about
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
