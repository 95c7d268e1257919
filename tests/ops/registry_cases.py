"""Samples of ops as cases to check: each one call of one op, as a program with operands.

With this module one can list the cases of an op in double precision as declared (`cases`), in single precision
(`single_cases`), with complex numbers in place of real ones (`complex_cases`) and at every integer width
(`integer_cases`), and evaluate programs (`values_of`).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

import funcgrad.ops  # noqa: F401  (declares the ops)
from funcgrad.core.avals import aval_of, is_inexact
from funcgrad.core.primitive import REGISTRY, Primitive, refused
from funcgrad.core.program import Eqn, Literal, Program, Var, as_function, evaluate, subprograms
from funcgrad.core.tracing import bind, retrace
from funcgrad.ops import samples
from funcgrad.ops.custom import Rule


def is_differentiable(prim: Primitive) -> bool:
    """Whether an op has a derivative rule that gives a derivative, rather than a reason for having none."""
    return prim.linearize is not None and prim.differentiation is not refused


@dataclass(frozen=True, eq=False)
class Case:
    """One sample of one op as a program with arguments."""

    name: str
    prim: Primitive
    args: list[Any]
    params: dict[str, Any]
    kink: bool
    program: Program
    constant: tuple[int, ...] = ()

    @property
    def active(self) -> tuple[bool, ...]:
        """Which operands have tangents."""
        return tuple(is_inexact(a) and i not in self.constant for i, a in enumerate(self.program.in_avals))

    @property
    def differentiable(self) -> bool:
        """Whether the op has a derivative here."""
        inexact_out = any(is_inexact(a) for a in self.program.out_avals)
        return is_differentiable(self.prim) and any(self.active) and inexact_out

    @property
    def single(self) -> bool:
        """Whether anything here is of single precision."""
        return any(a.dtype in SINGLE for a in (*self.program.in_avals, *self.program.out_avals))

    @property
    def complex(self) -> bool:
        """Whether anything here is complex, which the compiler refuses."""
        return any(a.dtype.kind == "c" for a in (*self.program.in_avals, *self.program.out_avals))

    def rng(self) -> np.random.Generator:
        """Random numbers of this case's own."""
        return np.random.default_rng(zlib.crc32(self.name.encode()))


SINGLE = (np.dtype(np.float32), np.dtype(np.complex64))
_TO_SINGLE = {np.dtype(np.float64): np.dtype(np.float32), np.dtype(np.complex128): np.dtype(np.complex64)}
_canonical: dict[Program, Program] = {}


def program_of(prim: Primitive, args: list[Any], params: dict) -> Program:
    """The program of one call; equal calls share it, and with it everything derived from it."""

    def call(*values: Any) -> list[Any]:
        out = prim(*values, **params)
        return out if prim.multiple_results else [out]

    program = retrace(call, [aval_of(a) for a in args])
    return _canonical.setdefault(program, program)


def make_case(
    prim: Primitive, number: int, args: list[Any], params: dict, kink: bool, suffix: str = "", constant: tuple = ()
) -> Case:
    """A case from operands and parameters."""
    args = [np.asarray(a)[()] for a in args]
    return Case(f"{prim.name}-{number}{suffix}", prim, args, params, kink, program_of(prim, args, params), constant)


def cases(prim: Primitive) -> list[Case]:
    """The declared samples of an op."""
    return [make_case(prim, i, s.args, s.params, s.kink, constant=s.constant) for i, s in enumerate(samples_of(prim))]


def samples_of(prim: Primitive) -> list[Any]:
    """The declared samples, the same on every call."""
    samples.restart(prim.name)
    return list(prim.samples())


def cast_program(program: Program, dtypes: dict[np.dtype, np.dtype]) -> Program:
    """The same equations at other dtypes."""
    rename: dict[Any, Any] = {}

    def atom(a: Any) -> Any:
        if type(a) is Literal:
            return Literal(np.asarray(a.value, dtypes.get(a.aval.dtype, a.aval.dtype))[()])
        return rename.setdefault(a, Var(a.aval.update(dtype=dtypes.get(a.aval.dtype, a.aval.dtype))))

    inputs = [atom(v) for v in program.inputs]
    eqns = [
        Eqn(e.prim, tuple(map(atom, e.inputs)), cast_params(e.params, dtypes), tuple(map(atom, e.outs)), e.source)
        for e in program.eqns
    ]
    return Program(inputs, eqns, [atom(a) for a in program.outputs])


def cast_params(params: dict, dtypes: dict) -> dict:
    """Parameters with the programs among them at other dtypes."""
    return {k: _cast_held(v, dtypes) for k, v in params.items()}


def _cast_held(value: Any, dtypes: dict) -> Any:
    if isinstance(value, tuple) and any(isinstance(v, Program) for v in value):
        return tuple(_cast_held(v, dtypes) for v in value)
    if isinstance(value, Rule):
        return value.map(("cast", tuple(map(str, dtypes.values()))), lambda held: _cast_held(held, dtypes))
    return cast_program(value, dtypes) if isinstance(value, Program) else value


def single_cases(prim: Primitive) -> list[Case]:
    """The float and complex samples in single precision."""
    dtypes = _TO_SINGLE
    return [
        make_case(
            prim, i, [_cast(a, dtypes) for a in s.args], cast_params(s.params, dtypes), s.kink, "-float32", s.constant
        )
        for i, s in enumerate(samples_of(prim))
        if any(np.asarray(a).dtype in dtypes for a in s.args)
    ]


def complex_cases(prim: Primitive, single: bool = False) -> list[Case]:
    """The float samples with imaginary parts, where the op takes complex numbers; none of them is at a kink."""
    out, rng = [], np.random.default_rng(zlib.crc32(prim.name.encode()))
    for i, s in enumerate(samples_of(prim)):
        if subprograms(s.params) or not any(np.asarray(a).dtype == np.float64 for a in s.args):
            continue
        args = [_off_the_axis(rng, a) for a in s.args]
        args = [_cast(a, _TO_SINGLE) for a in args] if single else args
        try:
            out.append(make_case(prim, i, args, s.params, False, "-complex64" if single else "-complex"))
        except TypeError:
            return []
    return out


def _off_the_axis(rng: np.random.Generator, value: Any) -> Any:
    """Float64 numbers with imaginary parts that keep them off the real axis and within the unit strip."""
    value = np.asarray(value)
    imaginary = rng.uniform(0.2, 0.8, value.shape) * rng.choice([-1, 1], value.shape)
    return (value + 1j * imaginary)[()] if value.dtype == np.float64 else value


def integer_cases(prim: Primitive) -> list[Case]:
    """The samples with integer operands at every width, where the op takes it."""
    out = []
    for i, s in enumerate(samples_of(prim)):
        kinds = {np.asarray(a).dtype for a in s.args}
        if np.dtype(np.int64) not in kinds or subprograms(s.params):
            continue
        for name in ("int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64"):
            args = [_cast(a, {np.dtype(np.int64): np.dtype(name)}) for a in s.args]
            out.append(make_case(prim, i, args, s.params, s.kink, f"-{name}"))
    return out


def _cast(value: Any, dtypes: dict) -> Any:
    value = np.asarray(value)
    target = dtypes.get(value.dtype, value.dtype)
    return (np.abs(value) if target.kind == "u" and value.dtype.kind == "i" else value).astype(target)[()]


def values_of(program: Program, args: list[Any]) -> list[Any]:
    """NumPy's meaning of a program, without floating-point warnings."""
    with np.errstate(all="ignore"):
        return as_function(program)(*args)


def call(program: Program, args: Any) -> list[Any]:
    """Record or evaluate the equations of a program."""
    return evaluate(program, args, bind)


def random_like(rng: np.random.Generator, aval: Any) -> Any:
    """Numbers of a type, of size about one and away from zero."""

    def parts() -> Any:
        return rng.uniform(0.3, 1.0, aval.shape) * rng.choice([-1, 1], aval.shape)

    return np.asarray(parts() + 1j * parts() if aval.dtype.kind == "c" else parts(), aval.dtype)[()]


def pairing(cts: Any, tangents: Any) -> float:
    """<ct, t> = Re(ct * t), summed over the elements of all arrays."""
    pairs = zip(cts, tangents, strict=True)
    return sum(float(np.sum(np.multiply(c, t, dtype=np.result_type(c, t, np.float64))).real) for c, t in pairs)


def assert_close(actual: Any, expected: Any, tolerance: float, what: str) -> None:
    """Relative to the largest entry, or to one when all are smaller."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: shapes {actual.shape} and {expected.shape}"
    with np.errstate(invalid="ignore"):
        same = actual == expected
        if actual.dtype.kind not in "fc" or expected.dtype.kind not in "fc":
            assert np.all(same), f"{what}: {actual} and {expected}"
            return
        same = same | (np.isnan(actual) & np.isnan(expected))
        scale = np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected))
        assert np.all(same | (np.abs(actual - expected) <= tolerance * scale)), f"{what}: {actual} and {expected}"


__all__ = [
    "REGISTRY",
    "Case",
    "assert_close",
    "call",
    "cases",
    "complex_cases",
    "integer_cases",
    "is_differentiable",
    "pairing",
    "random_like",
    "single_cases",
    "values_of",
]
