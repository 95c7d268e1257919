"""Save pytrees to one file and load them again, bit for bit; keep the last few of a training run.

With this package one can write parameters, optimizer state, random keys and the position in the data as one file
(`save`), read them back (`load`), and keep a directory of numbered checkpoints (`Manager`). A file is replaced as a
whole or not at all, whenever the process or the machine stops; damage is found by checksums; and reading runs no code,
whoever wrote the file.

    checkpointing.save("run.safetensors", state)
    state = checkpointing.load("run.safetensors", like=state)

The layout is that of safetensors, so other tools can read the arrays. The structure is JSON in its metadata:

    node ::= null | ["array", name] | ["scalar", name] | ["complex array", name] | ["complex scalar", name]
           | ["bool", b] | ["int", hex] | ["float", hex] | ["complex", hex, hex] | ["str", s]
           | ["list", nodes] | ["tuple", nodes] | ["dict", [[key, node], ...]] | ["class", name, [[key, node], ...]]

Read `files` for the bytes, `structure` for the grammar, `manager` for directories.
"""

from ..errors import CheckpointError
from .manager import Manager
from .saving import load, save

__all__ = ["CheckpointError", "Manager", "load", "save"]
