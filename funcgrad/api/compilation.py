"""Compilation: `jit`, its ahead-of-time stages, and `make_program`, `eval_shape`.

A warm call flattens the arguments by generated code, hands the leaves to a native launcher that checks and runs, and
unflattens.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors, tree
from ..core.avals import aval_of, shaped
from ..core.program import Program
from ..core.tracing import Tracer, state, trace
from ..forks import importing
from ..garbage import without_collections
from ..ops.calls import compiled_call, set_executor
from . import misses
from . import recording as rec
from .ahead_of_time import KINDS, Lowered, Traced, argument_name, as_leaf, compact, is_flat, signature
from .static_arguments import exact_kind, from_start, positions, static_positions_and_names

_RECENT = 4
_all: weakref.WeakSet[Jitted] = weakref.WeakSet()


class ShapeDtypeStruct:
    """A stand-in for an array of which only shape and dtype matter, for `eval_shape` and `lower`.

    Example:
        >>> ShapeDtypeStruct((2, 3), "float32")
        ShapeDtypeStruct(shape=(2, 3), dtype=float32)
    """

    def __init__(self, shape: Sequence[int], dtype: Any) -> None:
        self.aval = shaped(tuple(shape), np.dtype(dtype))
        self.shape, self.dtype, self.ndim, self.size = self.aval.shape, self.aval.dtype, self.aval.ndim, self.aval.size

    def __repr__(self) -> str:
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ShapeDtypeStruct) and self.aval is other.aval

    def __hash__(self) -> int:
        return hash(self.aval)


def trace_flat(
    fun: Callable, leaves: Sequence[Any], treedef: Any, purpose: str, rebuild: Callable
) -> tuple[Program, list[Any], Any]:
    """Trace a function of (args, kwargs) on the types of its leaves."""
    out_tree: list[Any] = []

    def flat(*inputs: Any) -> list[Any]:
        args, kwargs = rebuild(tree.tree_unflatten(treedef, inputs))
        outs, structure = tree.tree_flatten(fun(*args, **kwargs))
        out_tree.append(structure)
        return [rec.check_output(o, f"{purpose} of {rec.name_of(fun)}", structure, i) for i, o in enumerate(outs)]

    avals = [x.aval if isinstance(x, (Tracer, ShapeDtypeStruct)) else aval_of(x) for x in leaves]
    weak = [x.weak if type(x) is Tracer else type(x) in (int, float, complex) for x in leaves]
    program, captures = trace(flat, avals, weak=weak, hoist=True, purpose=f"{purpose} of {rec.name_of(fun)}")
    return program, captures, out_tree[0]


class _Entry:
    """One compiled signature: how to flatten its arguments, call it, and rebuild its result."""

    __slots__ = ("executable", "flat", "flatten", "launch", "plain", "single", "unflatten")

    def __init__(self, treedef: Any, out_tree: Any, executable: Any) -> None:
        self.flat, self.flatten = is_flat(treedef), tree.generate_flattener(treedef)
        self.unflatten = tree.generate_unflattener(out_tree)
        self.executable, self.launch = executable, executable.call
        self.single = out_tree == tree.tree_structure(0)
        self.plain = self.flat and (self.single or out_tree == tree.tree_structure((0,) * out_tree.num_leaves))


def _is_copying() -> bool:
    """Whether the pickler is cloudpickle's (joblib's). It copies functions of `__main__`: its workers have another."""
    frame: Any = sys._getframe(1)
    while frame is not None and not frame.f_globals.get("__name__", "").endswith("cloudpickle.cloudpickle"):
        frame = frame.f_back
    return frame is not None


def _no_function(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("jit: called before it was made")


def _dispatcher(
    jitted: weakref.ref[Jitted], again: Callable[[], Jitted], recent: dict, has_static: bool
) -> Callable[..., Any]:
    """The Python side of a call: tries recent signatures, then looks further. It does not keep the Jitted alive.

    In a `__del__` of the garbage that the Jitted itself belongs to, as when Python exits, calls are made while weak
    references are dead: to another one, which `again` makes.
    """

    def dispatch(*args: Any, **kwargs: Any) -> Any:
        if state.trace is None:
            whole = (jitted() or again())._split(args, kwargs) if has_static else ((args, kwargs), ())
            for entry in recent.get(whole[1], ()):
                if entry.flat and not kwargs:
                    outs = entry.launch(*args)
                else:
                    leaves: list[Any] = []
                    outs = entry.launch(*leaves) if entry.flatten(whole[0], leaves) else None
                if outs is not None:
                    return entry.unflatten(outs)
        return (jitted() or again())._call(args, kwargs)

    return dispatch


class Jitted(functools.partial):
    """What `jit` returns: the compiled function, with its caches and ahead-of-time stages.

    It is a `partial` without arguments because a call of one takes no Python code. What it calls is `_dispatch`, or a
    builtin for the latest signature that calls `_dispatch` where arguments are others (`Executable.direct`).
    """

    def __new__(cls, *args: Any) -> Jitted:
        """An object that cannot be called yet."""
        del args
        return super().__new__(cls, _no_function)

    def __init__(self, fun: Callable, static_argnums: Any, static_argnames: Any, donate_argnums: Any) -> None:
        functools.update_wrapper(self, fun, updated=())
        self.fun = fun
        self.static_argnums, self.static_argnames = static_positions_and_names(fun, static_argnums, static_argnames)
        self.donate_argnums = positions(fun, donate_argnums, "donate_argnums")
        self._entries: dict[Any, _Entry] = {}
        self._recent: dict[tuple, tuple[_Entry, ...]] = {}  # by static arguments: the signatures tried first
        self._traced: dict[Any, Traced] = {}
        self._has_static = bool(self.static_argnums or self.static_argnames)
        again = functools.partial(Jitted, fun, self.static_argnums, self.static_argnames, self.donate_argnums)
        self._dispatch = _dispatcher(weakref.ref(self), again, self._recent, self._has_static)
        self._go_to(self._dispatch)
        _all.add(self)

    def _go_to(self, function: Callable[..., Any]) -> None:
        """What calls call from now on; a call that runs in another thread keeps what it runs alive."""
        self.__setstate__((function, (), {}, self.__dict__))

    def __repr__(self) -> str:
        return f"<jit of {rec.name_of(self.fun)}>"

    def __reduce__(self) -> Any:
        """By name where the name means this object, as functions are; else as `jit` of the function."""
        module, name = getattr(self, "__module__", ""), getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is self and not (module == "__main__" and _is_copying()):
            return name
        options = (self.fun, self.static_argnums, self.static_argnames, self.donate_argnums)
        return _made_again, (type(self), options, {k: v for k, v in self.__dict__.items() if k not in _OWN})

    def _call(self, args: tuple, kwargs: dict) -> Any:
        """Look the signature up, or trace and compile it; under an open Trace, inline."""
        if state.trace is not None and not state.trace.eager:
            return self.fun(*args, **kwargs)
        dynamic, static = self._split(args, kwargs)
        leaves, treedef = tree.tree_flatten(dynamic)
        if state.trace is not None:
            return self._record(leaves, treedef, static, args, kwargs)
        leaves = [as_leaf(x, lambda i=i: self._where(dynamic, i)) for i, x in enumerate(leaves)]
        key = (treedef, static, *[signature(x) for x in leaves])
        entry = self._entries.get(key)
        if entry is None:
            misses.report(self.fun, key, self._entries, self._traced)
            entry = self._entries[key] = self._compile(leaves, treedef, args, kwargs)
        others = [e for e in self._recent.get(static, ()) if e is not entry]
        self._recent[static] = (entry, *others[: _RECENT - 1])
        direct = None
        if entry.plain and not self._has_static:
            direct = entry.executable.direct(state, "trace", self._dispatch, entry.single)
        self._go_to(direct or self._dispatch)
        outs = entry.launch(*leaves)
        if outs is None:  # a layout the machine code does not take: strided, unaligned, overlapping a donated argument
            outs = entry.launch(*[compact(x) for x in leaves])
        return entry.unflatten(outs)

    def _record(self, leaves: list[Any], treedef: Any, static: tuple, args: tuple, kwargs: dict) -> Any:
        """Inside eager `grad` and the like: one equation that runs the whole function compiled."""
        checked = [x if type(x) is Tracer else as_leaf(x, lambda: f"jit of {rec.name_of(self.fun)}") for x in leaves]
        key = (treedef, static, *[(x.aval, x.weak) if type(x) is Tracer else signature(x) for x in checked])
        traced = self._traced.get(key)
        if traced is None:
            misses.report(self.fun, key, self._traced, self._entries)
            traced = self._trace(checked, treedef, args, kwargs)
            if not any(
                type(c) is Tracer for c in traced.captures
            ):  # what closes over a traced value is new at every call
                self._traced[key] = traced
        outs = compiled_call(*traced.captures, *checked, program=rec.canonical(traced.program))
        return tree.tree_unflatten(traced.out_tree, outs)

    def _where(self, dynamic: Any, position: int) -> str:
        return f"jit of {rec.name_of(self.fun)}: {argument_name(dynamic, position)}"

    def _split(self, args: tuple, kwargs: dict) -> tuple[Any, tuple]:
        """Dynamic (args, kwargs), and a hashable description of the static ones."""
        if not self._has_static:
            return (args, kwargs), ()
        numbers = from_start(self.static_argnums, len(args))
        dynamic = tuple(None if i in numbers else a for i, a in enumerate(args))
        named = {k: v for k, v in kwargs.items() if k not in self.static_argnames}
        static = [(i, exact_kind(args[i]), args[i]) for i in sorted(numbers) if i < len(args)]
        static += [(k, exact_kind(kwargs[k]), kwargs[k]) for k in sorted(self.static_argnames) if k in kwargs]
        for name, _, value in static:
            try:
                hash(value)
            except TypeError:
                raise errors.NonHashableStaticArgumentError(
                    errors.unhashable_static(rec.name_of(self.fun), name, value)
                ) from None
        return (dynamic, named), tuple(static)

    def _rebuild(self, args: tuple, kwargs: dict) -> Callable:
        """Puts static arguments back among traced ones."""
        if not self._has_static:
            return lambda dynamic: dynamic
        numbers = from_start(self.static_argnums, len(args))

        def rebuild(dynamic: Any) -> tuple[list, dict]:
            full = [args[i] if i in numbers else a for i, a in enumerate(dynamic[0])]
            return full, {**dynamic[1], **{k: v for k, v in kwargs.items() if k in self.static_argnames}}

        return rebuild

    def _trace(self, leaves: Sequence[Any], treedef: Any, args: tuple, kwargs: dict) -> Traced:
        program, captures, out_tree = trace_flat(self.fun, leaves, treedef, "jit", self._rebuild(args, kwargs))
        kinds = [KINDS.get(type(x), "array") for x in leaves]
        paths = tree.tree_leaves_with_path(tree.tree_unflatten(treedef, range(len(leaves))))
        numbers = from_start(self.donate_argnums, len(args))
        given = [i for i, (path, _) in enumerate(paths) if path[0].idx == 0 and path[1].idx in numbers]
        donated = [i for i in given if program.in_avals[len(captures) + i].ndim]  # numbers have no memory to give
        return Traced(program, captures, out_tree, kinds, donated)

    def _compile(self, leaves: Sequence[Any], treedef: Any, args: tuple, kwargs: dict) -> _Entry:
        with importing:
            from ..compile.executable import begin, build

        begin()
        with without_collections():
            traced = self._trace(leaves, treedef, args, kwargs)
            executable, _ = build(traced.program, traced.kinds, traced.captures, traced.donated)
        return _Entry(treedef, traced.out_tree, executable)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """Trace and lower for these arguments (arrays or `ShapeDtypeStruct`), without running."""
        dynamic, static = self._split(args, kwargs)
        leaves, treedef = tree.tree_flatten(dynamic)
        traced = self._trace(leaves, treedef, args, kwargs)
        numbers = [name for name, _, _ in static]
        given = tuple([a for i, a in enumerate(dynamic[0]) if i not in numbers])
        return Lowered(traced, tree.tree_structure((given, dynamic[1])), rec.name_of(self.fun))

    def clear_cache(self) -> None:
        """Forget all compiled signatures."""
        self._entries.clear()
        self._traced.clear()
        self._recent.clear()
        self._go_to(self._dispatch)

    def cache_size(self) -> int:
        """The number of compiled signatures."""
        return len(self._entries)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


# What `Jitted` itself puts among the attributes: of these a copy has its own.
_OWN = {*functools.WRAPPER_ASSIGNMENTS, "__wrapped__", *Jitted(lambda: None, (), (), ()).__dict__}


def _made_again(cls: type[Jitted], options: tuple, attributes: dict) -> Jitted:
    """A copy: of the same class, which may take other arguments to be made, with the attributes that were set on it."""
    made = cls.__new__(cls)
    Jitted.__init__(made, *options)
    made.__dict__.update(attributes)
    return made


def jit(
    fun: Callable,
    static_argnums: Any = (),
    static_argnames: Any = (),
    donate_argnums: Any = (),
    keep_unused: bool = False,
    inline: bool = False,
) -> Jitted:
    """Compile a function to fused machine code; each signature (structure, shapes, dtypes) is traced and compiled once.

    Args:
        fun: a function of pytrees of arrays and numbers, without side effects.
        static_argnums: positions of arguments that are ordinary Python values, negative ones counted from the end; each
            distinct value compiles anew.
        static_argnames: names of keyword arguments of that kind.
        donate_argnums: positions of arguments whose arrays may be overwritten; outputs of the same type are those
            arrays.
        keep_unused, inline: accepted for compatibility with JAX; they change nothing here.

    Returns:
        The compiled function, with `.lower(*args)`, `.clear_cache()` and `.cache_size()`.

    Raises:
        TypeError: when an argument cannot be traced, naming it.
        ValueError: when there is no parameter at a position or of a name that is given.
        ConcretizationError: when Python control flow needs the value of a traced array, showing the line.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> f = fg.jit(lambda x: np.sum(np.exp(-x * x)))
        >>> f(np.zeros(3))
        np.float64(3.0)

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.jit.html, whose interface this follows.
    """
    del keep_unused, inline
    return Jitted(fun, static_argnums, static_argnames, donate_argnums)


def _execute(program: Program) -> Callable[..., Any]:
    """Run a program compiled; the executable is remembered on the program."""
    run = program.memo.get("executable")
    if run is None:
        with importing:
            from ..compile.executable import build

        launch = build(program, ["array"] * len(program.inputs))[0].call
        avals = program.in_avals

        def run(*args: Any) -> Any:
            outs = launch(*args)
            if outs is None:
                # As `compact`: astype, other than np.array, replaces the dtype objects that unpickled arrays carry.
                outs = launch(*[np.asarray(x).astype(a.dtype, order="C", copy=True) for x, a in zip(args, avals)])
            return outs

        program.memo["executable"] = run
    return run


set_executor(_execute)


def _forget_all() -> None:
    for jitted in list(_all):
        jitted.clear_cache()


rec.CLEARED.append(_forget_all)


def make_program(fun: Callable, static_argnums: Any = ()) -> Callable[..., Program]:
    """A function that traces `fun` at the types of its arguments and returns the Program, which prints.

    Args:
        fun: a function of pytrees of arrays.
        static_argnums: positions of arguments that are ordinary Python values.

    Returns:
        A function with the arguments of `fun` (or `ShapeDtypeStruct`s) that returns a Program.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.make_program(lambda x: np.sin(x) * 2.0)(1.0)
        { lambda a:float64[] .
            b:float64[] = sin a
            c:float64[] = mul b 2.0
          in (c,) }

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.make_jaxpr.html
    """
    jitted = Jitted(fun, static_argnums, (), ())

    @functools.wraps(fun, updated=())
    def traced(*args: Any, **kwargs: Any) -> Program:
        return jitted.lower(*args, **kwargs).program

    return traced


def eval_shape(fun: Callable, *args: Any, **kwargs: Any) -> Any:
    """Shapes and dtypes of `fun(*args, **kwargs)`, without computing it.

    Args:
        fun: a function of pytrees of arrays.
        args, kwargs: arrays or `ShapeDtypeStruct`s.

    Returns:
        The result's pytree with a `ShapeDtypeStruct` for each leaf.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.eval_shape(np.matmul, fg.ShapeDtypeStruct((2, 3), "float32"), np.ones((3, 4), "float32"))
        ShapeDtypeStruct(shape=(2, 4), dtype=float32)
    """
    leaves, treedef = tree.tree_flatten((args, kwargs))
    program, _, out_tree = trace_flat(fun, leaves, treedef, "eval_shape", lambda dynamic: dynamic)
    return tree.tree_unflatten(out_tree, [ShapeDtypeStruct(a.shape, a.dtype) for a in program.out_avals])


__all__ = [
    "Jitted",
    "ShapeDtypeStruct",
    "eval_shape",
    "jit",
    "make_program",
]
