"""`save` and `load`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError
from . import files, structure

FORMAT, VERSION = "funcgrad checkpoint", 1
Where = str | os.PathLike


def save(path: Where, tree: Any) -> None:
    """Write a pytree to one file.

    The file is complete on the disk when this returns. Until then an older file of the same name stays as it is, also
    when the process is killed or the power fails.

    Args:
        path: where; the directory must exist.
        tree: dicts (with keys that are texts or integers), lists, tuples, None, named tuples and registered classes;
            with leaves that are arrays or NumPy scalars (bool, integers, float16 to float64, complex), numbers, truth
            values or texts.

    Raises:
        CheckpointError: for a leaf that cannot be saved, naming it; nothing is written then.
        OSError: when the file cannot be written.

    Example:
        >>> import os, tempfile, numpy as np
        >>> from funcgrad import checkpointing
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> checkpointing.save(path, {"w": np.ones(2), "step": 3, "names": ("a", None)})
        >>> checkpointing.load(path)
        {'w': array([1., 1.]), 'step': 3, 'names': ('a', None)}

    Reference: https://github.com/huggingface/safetensors#format, the layout of the file.
    """
    arrays: dict[str, np.ndarray] = {}
    node = structure.encode(tree, arrays)
    metadata = {"format": FORMAT, "version": str(VERSION), "structure": json.dumps(node, separators=(",", ":"))}
    files.write(Path(path), arrays, metadata)


def load(path: Where, like: Any = None) -> Any:
    """Read a pytree from a file that `save` wrote; no code of the file is run, whatever it holds.

    Args:
        path: where.
        like: a pytree of the same structure, for example freshly initialized parameters and optimizer state. It says
            which named tuples and classes to make, and its arrays (or `ShapeDtypeStruct`s) which shapes and dtypes to
            expect. None is enough for dicts, lists and tuples.

    Returns:
        The tree; arrays are new, in the byte order of the machine, with all bits as saved. A safetensors file of
        another program is returned as a dict of its arrays by name.

    Raises:
        CheckpointError: when the file is damaged, not a checkpoint, of a later version, or differs from `like`; naming
            the file and the leaf.
        OSError: when the file cannot be read.

    Example:
        >>> import os, tempfile, numpy as np
        >>> from funcgrad import checkpointing, optim
        >>> state = optim.adam(0.1).init({"w": np.ones(2)})
        >>> path = os.path.join(tempfile.mkdtemp(), "state.safetensors")
        >>> checkpointing.save(path, state)
        >>> type(checkpointing.load(path, like=state)[0]).__name__
        'ScaleByAdamState'
    """
    arrays, metadata = files.read(Path(path))
    if files.CHECKSUM not in metadata and "structure" not in metadata and metadata.get("format") != FORMAT:
        if like is not None:
            raise CheckpointError(f"{path}: a file of another program has no structure.\nFix: leave out like=.")
        return arrays
    try:
        node = _structure(metadata)
        return structure.decode(node, arrays) if like is None else structure.decode_like(node, like, arrays)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except RecursionError:
        raise CheckpointError(f"{path}: the structure is nested too deeply.") from None


def _structure(metadata: dict[str, str]) -> Any:
    version = metadata.get("version", "")
    if (
        metadata.get("format") != FORMAT
        or not version.isascii()
        or not version.isdigit()
        or files.CHECKSUM not in metadata
    ):
        raise CheckpointError("this is no checkpoint of funcgrad.")
    if version != str(VERSION):
        raise CheckpointError(
            f"the file has version {version}, and this funcgrad reads {VERSION}.\nFix: update funcgrad."
        )
    try:
        return json.loads(metadata.get("structure", ""))
    except (ValueError, RecursionError):
        raise CheckpointError("the structure is not valid JSON.") from None
