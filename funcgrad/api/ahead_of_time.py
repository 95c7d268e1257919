"""The stages of `jit`, one at a time: `jit(f).lower(*args)` gives a `Lowered`, its `.compile()` a `CompiledFunction`.

A compiled function takes arguments of one signature only, so it needs no look-up; it can be pickled with its machine
code, and gives a C function for libraries that call back by pointer.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors, tree
from ..core.avals import ShapedArray, native_dtype
from ..core.printing import format_program
from ..core.program import Program
from ..core.tracing import Tracer, check_array
from ..forks import importing
from . import recording as rec

KINDS = {float: "pyfloat", int: "pyint", bool: "pybool", complex: "pycomplex"}


class Traced:
    """A function traced at some types: its program, the values it captured, and the structure of its result."""

    def __init__(
        self, program: Program, captures: list[Any], out_tree: Any, kinds: list[str], donated: list[int]
    ) -> None:
        self.program, self.captures, self.out_tree = program, captures, out_tree
        self.kinds, self.donated = kinds, donated


class Lowered:
    """A traced and lowered function.

    `.program`, `.as_text(stage)`, `.cost_analysis()`, `.memory_analysis()`, `.compile()`.
    """

    def __init__(self, traced: Traced, treedef: Any, name: str) -> None:
        self.traced, self.treedef, self.name = traced, treedef, name
        self._stages: Any = None

    @property
    def program(self) -> Program:
        """The traced program; captured arrays are its leading inputs."""
        return self.traced.program

    def _lowered(self) -> Any:
        with importing:
            from ..compile.pipeline import lower_program

        if self._stages is None:
            self._stages = lower_program(self.program, len(self.traced.captures))
        return self._stages

    def as_text(self, stage: str = "source") -> str:
        """The text of one stage: program, prepared, schedule, source (Python), llvm, optimized or asm."""
        if stage == "program":
            return format_program(self.program, sources=True)
        from ..compile.stages import stage_text

        return stage_text(self._lowered(), stage)

    def cost_analysis(self) -> dict[str, float]:
        """Floating operations and bytes of the program."""
        return dict(self._lowered().cost)

    def memory_analysis(self) -> Any:
        """Bytes of arguments, results, values in between and constants, and their peak, before anything is compiled.

        Example:
            >>> import numpy as np, funcgrad as fg
            >>> lowered = fg.jit(lambda x: np.exp(x @ x) @ x).lower(np.zeros((100, 100)))
            >>> sizes = lowered.memory_analysis()
            >>> sizes.argument_size_in_bytes, sizes.temp_size_in_bytes, sizes.peak_memory_in_bytes
            (80000, 160000, 320000)
        """
        from ..compile.pipeline import artifact_of

        return artifact_of(self._lowered(), len(self.traced.captures), self.traced.donated).memory()

    def compile(self) -> CompiledFunction:
        """Machine code, as a function of the same arguments (static ones left out) that checks nothing but them."""
        with importing:
            from ..compile.executable import build

        t = self.traced
        executable, code = build(t.program, t.kinds, t.captures, t.donated)
        return CompiledFunction(executable, code, self.treedef, t.out_tree, self.name, self)


class CompiledFunction:
    """A function compiled for one signature, with its machine code. Pickled, it runs without tracing or compiling."""

    def __init__(
        self, executable: Any, code: bytes, treedef: Any, out_tree: Any, name: str, lowered: Lowered | None = None
    ) -> None:
        self.executable, self.treedef, self.out_tree, self.name = executable, treedef, out_tree, name
        self._code, self._lowered = code, lowered
        self._launch = executable.call
        self._flat = is_flat(treedef)
        self._flatten = tree.generate_flattener(treedef)
        self._unflatten = tree.generate_unflattener(out_tree)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._flat and not kwargs:
            outs = self._launch(*args)
        else:
            leaves: list[Any] = []
            outs = self._launch(*leaves) if self._flatten((args, kwargs), leaves) else None
        return self._checked(args, kwargs) if outs is None else self._unflatten(outs)

    def _checked(self, args: tuple, kwargs: dict) -> Any:
        """What the machine code did not take as it is: another memory layout is copied, another type is refused."""
        leaves, treedef = tree.tree_flatten((args, kwargs))
        what = f"compiled function {self.name}"
        if treedef != self.treedef:
            raise TypeError(errors.compiled_structure(what, self.treedef, treedef))
        for i, (leaf, aval, kind) in enumerate(zip(leaves, self.executable.artifact.inputs, self.executable.kinds)):
            where = f"{what}: {argument_name((args, kwargs), i)}"
            if type(leaf) is Tracer:
                raise TypeError(errors.compiled_traced(where))
            leaves[i] = as_leaf(leaf, lambda where=where: where)
            found, expected = signature(leaves[i]), _expected(aval, kind)
            if found != expected:
                raise TypeError(errors.compiled_leaf(where, describe(found), describe(expected)))
        return self._unflatten(self._launch(*map(compact, leaves)))

    def cost_analysis(self) -> dict[str, float]:
        """Floating operations and bytes of the program."""
        return dict(self.executable.artifact.cost)

    def memory_analysis(self) -> Any:
        """As `Lowered.memory_analysis`, and the bytes of machine code."""
        return self.executable.artifact.memory(len(self._code))

    def as_text(self, stage: str = "source") -> str:
        """As `Lowered.as_text`.

        Raises:
            ValueError: the function was unpickled: its program stayed behind.
        """
        if self._lowered is None:
            raise ValueError(f"compiled function {self.name}: a pickled function carries machine code, no other stage.")
        return self._lowered.as_text(stage)

    def as_c_function(self, signature: str | None = None) -> Callable[..., Any]:
        """The machine code as a C function of doubles, for libraries that call back by pointer.

        Args:
            signature: `double (double)` for one number to one number; `double (int, double *)` for one number from the
                elements of all arguments, one after the other; `void (double *, double *)` for any number of results,
                too. By default the first that fits. The second gives NaN when the int is not the number of elements.

        Returns:
            A ctypes function. `scipy.LowLevelCallable` takes it as it is; `ctypes.cast(it, ctypes.c_void_p).value` is
            the address, valid as long as the object is alive. It may be called from any thread, without the GIL.

        Raises:
            TypeError: an argument or result is not float64, arguments are donated, the program calls back into Python,
                or the signature does not fit.

        Example:
            >>> import numpy as np, scipy.integrate, funcgrad as fg
            >>> slope = fg.jit(fg.grad(lambda x: np.exp(-x * x))).lower(1.0).compile().as_c_function()
            >>> area, _ = scipy.integrate.quad(scipy.LowLevelCallable(slope), 0.0, 1.0)
            >>> np.allclose(area, np.exp(-1.0) - 1.0)
            True

        Reference: https://docs.scipy.org/doc/scipy/reference/generated/scipy.LowLevelCallable.html
        """
        from ..compile.c_function import c_function

        return c_function(self.executable, signature, f"compiled function {self.name}")

    def __reduce__(self) -> tuple:
        from ..compile.callback import NUMBA_SYMBOL
        from ..compile.native import target_key
        from ..compile.sources import source_digest

        foreign = [s for s in self.executable.artifact.symbols if s.startswith(NUMBA_SYMBOL)]
        if foreign:
            raise pickle.PicklingError(errors.compiled_foreign(self.name))
        e = self.executable
        made_by = (source_digest(), target_key())
        return load, (made_by, e.artifact, self._code, e.kinds, e.constants, self.treedef, self.out_tree, self.name)


def load(
    made_by: tuple, artifact: Any, code: bytes, kinds: Any, constants: Any, treedef: Any, out_tree: Any, name: str
) -> CompiledFunction:
    """A pickled `CompiledFunction` in this process; refuses machine code of another kind of machine."""
    from ..compile.executable import Executable
    from ..compile.native import target_key
    from ..compile.sources import source_digest

    if made_by[0] != source_digest():
        raise RuntimeError(errors.compiled_elsewhere(name, "another version of funcgrad", "this one"))
    if made_by[1] != target_key():
        raise RuntimeError(errors.compiled_elsewhere(name, made_by[1], target_key()))
    executable = Executable(artifact, code, kinds, [np.ascontiguousarray(c).reshape(c.shape) for c in constants])
    return CompiledFunction(executable, code, treedef, out_tree, name)


# --- leaves -----------------------------------------------------------------------------------------------------------


def is_flat(treedef: Any) -> bool:
    """Whether the structure of (args, kwargs) is that of positional arguments of one leaf each: nothing to flatten."""
    return treedef == tree.tree_structure(((0,) * treedef.num_leaves, {}))


def as_leaf(x: Any, where: Callable[[], str]) -> Any:
    """A number or array that compiled code takes, in native byte order; refuses the rest, naming it."""
    if type(x) is np.ndarray and x.dtype.isnative and x.dtype.kind in "biuf" and x.dtype.itemsize <= 8:
        return x
    if type(x) in KINDS or isinstance(x, np.generic) and x.dtype.kind in "biuf" and x.dtype.itemsize <= 8:
        return x
    checked = check_array(x, rec.LazyText(where))
    return np.asarray(checked, dtype=checked.dtype.newbyteorder("=")) if isinstance(checked, np.ndarray) else checked


def signature(x: Any) -> Any:
    """What compiled code depends on: shape and dtype, or the type of a Python number."""
    return type(x) if type(x) in KINDS else (x.shape, x.dtype)


def _expected(aval: ShapedArray, kind: str) -> Any:
    return next((t for t, name in KINDS.items() if name == kind), (aval.shape, aval.dtype))


def describe(found: Any) -> str:
    """A signature in words: `float64[3]`, `a Python float`."""
    if isinstance(found, type):
        return f"a Python {found.__name__}"
    if isinstance(found[0], ShapedArray):
        return f"{found[0]}{' of a Python number' if found[1] else ''}"
    return f"{found[1].name}[{','.join(map(str, found[0]))}]"


def compact(x: Any) -> Any:
    """A fresh C-contiguous, aligned, writeable array that carries NumPy's own dtype object (unpickled arrays carry a
    copy).
    """
    if not isinstance(x, (np.ndarray, np.generic)):
        return x
    return np.asarray(x).astype(native_dtype(x.dtype), order="C", subok=False, copy=True)


def argument_name(dynamic: Any, position: int) -> str:
    """`argument 0, at ['w']` for a leaf of (args, kwargs)."""
    path = tree.tree_leaves_with_path(dynamic)[position][0]
    name = f"argument {path[1].idx}" if path[0].idx == 0 else f"argument {path[1].key!r}"
    rest = tree.keystr(path[2:])
    return name + (f", at {rest}" if rest else "")


__all__ = [
    "KINDS", "CompiledFunction", "Lowered", "Traced", "argument_name", "as_leaf", "compact", "describe", "is_flat",
    "load", "signature",
]  # fmt: skip
