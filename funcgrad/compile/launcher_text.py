"""The warm-call path in LLVM: what one can do with this module is compile `@funcgrad_launch`, the one function behind
all launchers, and `@funcgrad_direct`, which users' calls may go to at once.

It is a METH_FASTCALL function of CPython's C API. Its `self` is an array of 64-bit words, the table, that describes a
program:

    header    the words named by HEADER, in this order
    inputs    kind, exact type, other type, dtype, ndim, required flags, bytes, dimensions...            per input
    outputs   kind, dtype, ndim, index of the donated input, dimensions...                                per output
    constants address, bytes                                                                              per constant
    donated   index of the input                                                                          per donated
    input

A call checks every leaf against its input record, writes the data pointers into an array on the stack, checks that no
donated leaf overlaps another leaf or a constant, allocates the outputs, and calls the program with the array of
pointers. It returns the tuple of outputs, or None when a leaf is not as recorded. The table is the only thing that
differs between programs, so the function is compiled once per process. Offsets of CPython's and NumPy's structures come
from `Layout`, which tests them first.

`@funcgrad_direct` takes keywords, too. Its `self` is an array of the words DIRECT. It calls `@funcgrad_launch` with
`table`, and gives its tuple, or the one element where `single` is set. Where `holder.attribute` is not None, where
there are keywords, and where the launcher refuses, it calls the Python object `otherwise` with the same arguments.
"""

from __future__ import annotations

import re
from string import Template
from typing import NamedTuple

from funcgrad.compile.launcher_code import CODE
from funcgrad.compile.launcher_spec import WORKSPACE_ALIGNMENT

HEADER = (
    "entry", "inputs", "outputs", "constants", "releases", "workspace", "slot", "donated", "none", "true", "false",
    "ndarray", "pointers", "scratch", "bounds", "output_word", "constant_word", "donated_word",
)  # fmt: skip
HEADER_WORD = {name: word for word, name in enumerate(HEADER)}
DIRECT = ("table", "holder", "attribute", "otherwise", "none", "single")
POINTER_WORDS = {"entry", "none", "true", "false", "ndarray", "table", "holder", "attribute", "otherwise"}
INPUT_WORDS, OUTPUT_WORDS, CONSTANT_WORDS = 7, 4, 2
# Kinds of input: an array or an object whose value lies in the object itself; a Python int; a Python bool.
STORED, INTEGER, BOOLEAN = 0, 1, 2
# Kinds of output: a new array; the object of an input; a NumPy scalar.
FRESH, DONATED, SCALAR = 0, 1, 2
SCRATCH_BYTES = 16  # one complex128
# `@funcgrad_identity`, the program of the self-test, copies 32 bytes from pointer 0 to this pointer.
IDENTITY_TARGET = 3


# The two abbreviations of `launcher_code`.
_ACCESS = (
    r"^  (?:(?P<result>%[\w.]+) := (?P<loaded><[^>]*>|\w+) )?(?P<base>%[\w.]+)\[(?P<unit>\w+) (?P<index>[^]]+)\]"
    r"(?: := (?P<value>.*))?$"
)


class Layout(NamedTuple):
    """Where the fields of objects lie, in bytes from the start of the object.

    `type` and `payload` hold for all objects (the payload is the value of a float, complex or NumPy scalar), `items`
    for tuples, the others for arrays.
    """

    type: int
    payload: int
    items: int
    data: int
    ndim: int
    dimensions: int
    dtype: int
    flags: int


def launch_text(layout: Layout) -> str:
    """The LLVM text of `@funcgrad_launch` for one build of Python and NumPy.

    Args:
        layout: where the fields of objects lie.

    Returns:
        A module; it declares the C API functions it calls with the prefix `funcgrad_`.

    Example:
        >>> "define ptr @funcgrad_launch(" in launch_text(Layout(8, 16, 24, 16, 24, 32, 56, 64))
        True
    """
    text = Template(CODE).substitute(
        {f"at_{field}": offset for field, offset in layout._asdict().items()},
        header="".join(_load("table", name, word) for word, name in enumerate(HEADER) if name != "slot"),
        direct_load="".join(_load("words", name, word) for word, name in enumerate(DIRECT)),
        first_record=len(HEADER),
        slot_word=HEADER_WORD["slot"],
        input_words=INPUT_WORDS,
        output_words=OUTPUT_WORDS,
        constant_words=CONSTANT_WORDS,
        scratch_bytes=SCRATCH_BYTES,
        alignment=WORKSPACE_ALIGNMENT,
        alignment_mask=WORKSPACE_ALIGNMENT - 1,
        identity_target=IDENTITY_TARGET,
    )
    return re.sub(_ACCESS, _expand, text, flags=re.MULTILINE)


def _load(words: str, name: str, word: int) -> str:
    kind = "ptr" if name in POINTER_WORDS else "i64"
    return f"  %{name} := {kind} %{words}[i64 {word}]\n"


def _expand(match: re.Match[str]) -> str:
    result, base, unit, index, value = match["result"], match["base"], match["unit"], match["index"], match["value"]
    at = f"%at.{match.start()}"
    address = f"  {at} = getelementptr {unit}, ptr {base}, i64 {index}\n"
    # The arrays of words are aligned to words only, vectors would be taken to be aligned to their size.
    alignment = ", align 8" if "<" in (match["loaded"] or value) else ""
    if result:
        return address + f"  {result} = load {match['loaded']}, ptr {at}{alignment}"
    return address + f"  store {value}, ptr {at}{alignment}"
