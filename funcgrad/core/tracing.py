"""Recording: run a Python function on stand-ins for arrays and keep the equations it performs.

`trace : (a -> b) -> avals(a) -> Program + captures`

There is one dispatch point, `bind`. Without an open Trace it evaluates with NumPy; with one it records an equation.
Whatever the function closes over (an array, a Tracer of an outer Trace) becomes an input of the Program, and its
value a capture. A Trace is *eager* when its Tracers also carry concrete values: then Python `if`, `while` and `float`
work on them.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from .. import errors
from . import primitive
from .avals import PYTHON_SCALARS, ShapedArray, aval_of, is_supported, is_weak, native_dtype, shaped
from .primitive import Primitive
from .program import Atom, Eqn, Literal, Program, Var, as_function, evaluate, holds_effects, silent

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


_ARRAYS = (np.ndarray, np.generic, *PYTHON_SCALARS)


class _State(threading.local):
    trace: Trace | None = None


state = _State()


def current_trace() -> Trace | None:
    """The innermost open Trace of this thread, or None."""
    return state.trace


class Tracer:
    """A value inside an open Trace: a Var of the program being recorded, and its concrete value when the Trace is
    eager.

    Arithmetic, indexing and array methods are attached by `funcgrad.numpy`.
    """

    __slots__ = ("__weakref__", "_trace", "_var", "value", "weak")
    __array_priority__ = 1000

    def __init__(self, trace: Trace, var: Var, value: Any, weak: bool = False) -> None:
        self._trace, self._var, self.value, self.weak = trace, var, value, weak

    @property
    def aval(self) -> ShapedArray:
        """The abstract value: shape and dtype."""
        return self._var.aval

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, as for an array."""
        return self._var.aval.shape

    @property
    def dtype(self) -> np.dtype:
        """Dtype, as for an array."""
        return self._var.aval.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._var.aval.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._var.aval.size

    def __repr__(self) -> str:
        if self.value is None:
            return f"Traced<{self.aval}>"
        return f"Traced<{self.aval}, value={np.asarray(self.value)!r}>"

    def __hash__(self) -> int:
        return id(self)

    def concrete(self, wanted: str) -> Any:
        """The concrete value, or the error that says why there is none (`wanted` says what it was needed for)."""
        if not self._trace.is_open():
            raise errors.LeakedTracerError(errors.leaked_tracer(self, user_source(), self._trace.purpose))
        if self.value is None:
            raise errors.concretization_error(wanted, self.aval, user_source(), self._trace.purpose)
        return self.value


class Trace:
    """An open recording. Use `trace` or `with Trace(...)`; Traces nest, the innermost one records.

    In the library a Trace is closed by `finally: state.trace = t.parent`, not by `with`: Ctrl-C may come when a
    function is entered, `__exit__` too, and would leave the Trace open for good. An assignment is not interrupted.
    """

    def __init__(self, eager: bool = False, hoist: bool = False, purpose: str = "trace") -> None:
        parent = state.trace
        self.eager = eager and (parent is None or parent.eager)
        self.hoist, self.purpose = hoist, purpose
        self.eqns: list[Eqn] = []
        self.values: list[Any] = []  # of every equation's results, in order; only in an eager Trace
        self.parent: Trace | None = parent
        self.captures: list[tuple[Var, Any]] = []
        self.hosts = False  # whether a function was recorded to be transformed meanwhile, or a branch chosen by Python
        self.source: Any = None  # where the user caused what is being recorded, when it is not the line that runs now
        self._captured: dict[int, tuple[Var, Any, Any]] = {}  # id -> variable, value kept, the object that has this id

    def open(self) -> Trace:
        """Become the innermost Trace."""
        self.parent, state.trace = state.trace, self
        return self

    __enter__ = open

    def __exit__(self, *exc: Any) -> None:
        state.trace = self.parent

    def is_open(self) -> bool:
        """Whether this Trace is on the stack of the current thread."""
        trace = state.trace
        while trace is not None:
            if trace is self:
                return True
            trace = trace.parent
        return False

    def input(self, aval: ShapedArray, value: Any = None, weak: bool = False) -> Tracer:
        """A fresh input of the program being recorded."""
        if not self.eager:
            return Tracer(self, Var(aval), None, weak)
        value = concrete_value(value)
        if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
            value = np.asarray(value)  # a subclass would take part in every computation
        return Tracer(self, Var(aval), value if hasattr(value, "dtype") else np.asarray(value)[()], weak)

    def atom(self, value: Any) -> Atom:
        """The operand that stands for a value here: a Var, a Literal, or a new capture."""
        if type(value) is Tracer:
            if value._trace is self:
                return value._var
            if not value._trace.is_open():
                raise errors.LeakedTracerError(errors.leaked_tracer(value, user_source(), value._trace.purpose))
            return self._capture(value, value.aval)
        if not isinstance(value, _ARRAYS):
            raise TypeError(f"an operand is {value!r} of type {type(value).__name__}, not an array")
        aval = aval_of(value)
        # In an eager Trace even a number is a capture: the recorded structure, which is the key of the derivative
        # cache,
        # must not change when a learning rate or a step count does.
        if self.hoist and (self.eager or aval.ndim > 0):
            return self._capture(value, aval)
        return Literal(value if isinstance(value, (np.ndarray, np.generic)) else np.asarray(value)[()])

    def _capture(self, value: Any, aval: ShapedArray) -> Var:
        """The variable of a closed-over value; an array the user may write to is copied, and copied anew once it has
        changed.
        """
        found = self._captured.get(id(value))
        if found is not None and _unchanged(found[1], value):
            return found[0]
        mutable = isinstance(value, np.ndarray) and value.flags.writeable
        var, kept = Var(aval), value.copy() if mutable else value
        self.captures.append((var, kept))
        self._captured[id(value)] = (var, kept, value)
        return var

    def record(self, prim: Primitive, args: Sequence[Any], params: dict) -> Any:
        """Append one equation and return its Tracer (or list of Tracers)."""
        if not self.eager:
            atoms = tuple([self.atom(a) for a in args])
            return self._append(prim, atoms, params, prim.aval(*[a.aval for a in atoms], **params), None)
        if not prim.multiple_results and len(args) == 2 and not params:
            x, y = args
            if type(x) is Tracer and type(y) is Tracer and x._trace is self and y._trace is self:
                return self._computed(prim, (x._var, y._var), params, prim.impl(x.value, y.value))
        for a in args:
            if type(a) is Tracer:
                break
        else:
            return prim.impl(*args, **params)
        if prim.multiple_results and (prim.effect or holds_effects(params)):
            return self._perform(prim, args, params)
        return self._compute(prim, args, params, params)

    def _perform(self, prim: Primitive, args: Sequence[Any], params: dict) -> Any:
        """Let effects happen, here and only here: the program that derivatives evaluate again is without them."""
        if prim.perform is not None:
            return prim.perform(args, params)
        return self.perform_whole(prim, args, params)

    def perform_whole(self, prim: Primitive, args: Sequence[Any], params: dict) -> Any:
        """Compute with the effects in the programs of an equation, and record it without them."""
        return self._compute(prim, args, params, silent(params))

    def _compute(self, prim: Primitive, args: Sequence[Any], params: dict, recorded: dict) -> Any:
        """Compute, and append the equation with the parameters `recorded`."""
        atoms: list[Any] = []
        operands: list[Any] = []
        for a in args:
            if type(a) is Tracer and a._trace is self:
                atoms.append(a._var)
                operands.append(a.value)
            else:
                atoms.append(self.atom(a))
                operands.append(concrete_value(a))
        result = prim.impl(*operands, **params)
        if prim.multiple_results:
            return self._append(prim, tuple(atoms), recorded, [shaped(v.shape, v.dtype) for v in result], result)
        return self._computed(prim, tuple(atoms), recorded, result)

    def _computed(self, prim: Primitive, atoms: tuple, params: dict, result: Any) -> Tracer:
        """Append an equation whose single result is known; the hottest lines of eager differentiation."""
        shape, dtype = result.shape, result.dtype
        aval = atoms[0].aval
        if dtype is not aval.dtype or shape != aval.shape:  # most results have the type of the first operand
            aval = shaped(shape, dtype)
        out = Var(aval)
        self.eqns.append(Eqn(prim, atoms, params, (out,), self.source or user_source()))
        self.values.append(result)
        return Tracer(self, out, result)

    def _append(self, prim: Primitive, atoms: tuple, params: dict, avals: Any, values: Any) -> Any:
        if prim.multiple_results:
            outs = tuple([Var(aval) for aval in avals])
            self.eqns.append(Eqn(prim, atoms, params, outs, self.source or user_source()))
            self.values.extend(values or ())
            return [Tracer(self, v, None if values is None else values[i]) for i, v in enumerate(outs)]
        out = Var(avals)
        self.eqns.append(Eqn(prim, atoms, params, (out,), self.source or user_source()))
        self.values.append(values)
        return Tracer(self, out, values)

    def program(self, inputs: Sequence[Tracer], outputs: Sequence[Any]) -> tuple[Program, list[Any]]:
        """Close the books: the recorded Program, its captures as leading inputs, and the values of the captures."""
        atoms = [self.atom(o) for o in outputs]
        captured = [var for var, _ in self.captures]
        program = Program([*captured, *(t._var for t in inputs)], self.eqns, atoms)
        return program, [value for _, value in self.captures]


def replay(program: Program, args: Sequence[Any]) -> list[Any]:
    """Bind the equations of a program again; recorded, they keep the user's lines they came from."""
    trace = state.trace
    if trace is None:
        return evaluate(program, args, bind)
    outer = trace.source

    def bind_again(prim: Primitive, operands: Sequence[Any], params: dict) -> Any:
        return trace.record(prim, operands, params)

    def at(eqn: Eqn) -> None:
        trace.source = eqn.source or outer

    try:
        return evaluate(program, args, bind_again, at)
    finally:
        trace.source = outer


def _unchanged(kept: Any, value: Any) -> bool:
    return kept is value or (
        kept.dtype == value.dtype and np.array_equal(kept, value, equal_nan=kept.dtype.kind in "fc")
    )


def concrete_value(value: Any) -> Any:
    """The concrete value behind a Tracer (None when there is none); arrays and numbers stand for themselves."""
    while type(value) is Tracer:
        value = value.value
    return value


@contextlib.contextmanager
def untraced() -> Iterator[None]:
    """What runs here runs as if no Trace were open: the user's code that is called back with values."""
    trace, state.trace = state.trace, None
    try:
        yield
    finally:
        state.trace = trace


def bind(prim: Primitive, args: Sequence[Any], params: dict) -> Any:
    """Apply a primitive: record it in the innermost open Trace, or evaluate it when there is none."""
    trace = state.trace
    if trace is not None:
        return trace.record(prim, args, params)
    for i, a in enumerate(args):
        if type(a) is Tracer:
            a.concrete(f"evaluating {prim.name}")
        elif not isinstance(a, _ARRAYS):
            raise TypeError(f"{prim.name}: operand {i} is {a!r} of type {type(a).__name__}, not an array")
    return prim.impl(*args, **params)


primitive.bind = bind


def run(program: Program, args: Sequence[Any]) -> list[Any]:
    """Evaluate a program on values: re-record it under an open Trace, compute it with NumPy otherwise."""
    # Implementations take arrays and NumPy scalars, which have shapes and dtypes; Python numbers have none.
    args = [np.asarray(a)[()] if type(a) in PYTHON_SCALARS else a for a in args]
    # Derivatives meet infinite partials whose products are then defined to be zero: no reason to warn the user.
    with np.errstate(all="ignore"):
        if state.trace is None or not any(type(a) is Tracer for a in args) and state.trace.eager:
            return as_function(program)(*args)
        return replay(program, args)


def trace(
    f: Callable[..., Sequence[Any]],
    avals: Sequence[ShapedArray],
    *,
    weak: Sequence[bool] | None = None,
    hoist: bool = False,
    purpose: str = "trace",
) -> tuple[Program, list[Any]]:
    """Record `f` (arrays to a flat sequence of arrays) on abstract values.

    Returns:
        The Program, whose leading inputs are the captures, and the list of captured values.
    """
    t = Trace(hoist=hoist, purpose=purpose)
    try:
        t.open()
        inputs = [t.input(aval, None, bool(weak and weak[i])) for i, aval in enumerate(avals)]
        return t.program(inputs, f(*inputs))
    finally:
        state.trace = t.parent


def retrace(f: Callable[..., Sequence[Any]], avals: Sequence[ShapedArray]) -> Program:
    """Record a rule: constants become literals, and nothing from outside may be captured."""
    program, captures = trace(f, avals)
    if captures:
        raise TypeError(f"a transformation rule captured {captures[0]!r} from an outer Trace")
    return program


_SITE = os.path.dirname(os.path.dirname(os.path.abspath(np.__file__))) + os.sep
_INTERNAL = (_PACKAGE, "<funcgrad", "<__array_function__", f"{_SITE}numpy{os.sep}", f"{_SITE}scipy{os.sep}")
_is_internal: dict[str, bool] = {}  # by file name: whether it is one of these


def is_internal(filename: str) -> bool:
    """Whether code is of this package, NumPy or SciPy, and not the user's."""
    found = _is_internal.get(filename)
    if found is None:
        found = _is_internal[filename] = filename.startswith(_INTERNAL)
    return found


def user_source() -> tuple[str, int, str] | None:
    """(file, line, function) of the innermost frame outside this package, NumPy and SciPy."""
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if not is_internal(code.co_filename):
            return code.co_filename, frame.f_lineno, code.co_name
        frame = frame.f_back
    return None


def scipy_call() -> str | None:
    """`scipy.linalg.solve`, or `scipy.stats`, if that is what the user's code has called."""
    frame, found = sys._getframe(1), None
    while frame is not None and is_internal(frame.f_code.co_filename):
        code, (_, _, place) = frame.f_code, frame.f_code.co_filename.partition(f"{_SITE}scipy{os.sep}")
        package, name = place.split(os.sep)[0], code.co_name
        if package == "_lib" and callable(frame.f_locals.get("f")):  # a decorator of a function f
            inner = frame.f_locals["f"]
            package, name = (inner.__module__.split(".") + [""])[1], inner.__name__
        if place.count(os.sep) and package and not package.startswith("_"):
            public = name[0] != "_" and hasattr(sys.modules.get(f"scipy.{package}"), name)
            found = f"scipy.{package}.{name}" if public else found or f"scipy.{package}"
        frame = frame.f_back
    return found


def check_array(value: Any, where: str) -> Any:
    """Accept what can be traced (arrays, numbers, Tracers), convert what NumPy would, refuse the rest by name.

    Arrays in the other byte order become native ones, which is what their types say (`avals.shaped`).
    """
    if type(value) is Tracer or isinstance(value, PYTHON_SCALARS):
        return value
    if isinstance(value, (np.ndarray, np.generic)) and is_supported(value.dtype):
        value = value if type(value) is np.ndarray else plain_array(value, where)
        return value if value.dtype.isnative else value.astype(native_dtype(value.dtype))
    _refuse(value, where)


def plain_array(value: Any, where: str) -> Any:
    """A NumPy scalar, or an instance of a subclass of ndarray as an ndarray.

    Masked arrays and matrices are refused: without their class the same code means something else.
    """
    if not isinstance(value, np.ndarray):
        return value
    for cls, meaning, instead in (
        (
            np.ma.MaskedArray,
            "whose mask would be lost",
            "x.filled(0) and the mask, and funcgrad.numpy.where(mask, 0, x)",
        ),
        (np.matrix, "whose * is a matrix product", "np.asarray(x), and write @ for products"),
    ):
        if isinstance(value, cls):
            raise TypeError(errors.other_array_class(where, cls.__name__, meaning, instead))
    return np.asarray(value)


def _refuse(value: Any, where: str) -> NoReturn:
    kind = (
        f"an array of dtype {value.dtype}"
        if isinstance(value, np.ndarray)
        else f"{value!r} of type {type(value).__name__}"
    )
    raise TypeError(errors.not_an_array(where, kind))


__all__ = [
    "Trace",
    "Tracer",
    "bind",
    "check_array",
    "concrete_value",
    "current_trace",
    "is_weak",
    "plain_array",
    "replay",
    "retrace",
    "run",
    "state",
    "trace",
    "untraced",
]
