"""Checks that hold for every op, generated from its declaration and samples.

With this module one can take any op of the registry and verify its type rule (`check_types`), its derivative rule to order 3
in every nesting of the two modes (`check_derivatives`), its Jacobian (`check_jacobian`) and its batching rule
(`check_batching`). A check raises AssertionError; `tests/mutation` runs the same functions on faulty ops.
"""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

import funcgrad.ops  # noqa: F401  (declares the ops)
from funcgrad.core.avals import aval_of, is_inexact
from funcgrad.core.check import check
from funcgrad.core.primitive import REGISTRY, Primitive
from funcgrad.core.program import Eqn, Literal, Program, Var, as_function, evaluate
from funcgrad.core.tracing import bind, retrace
from funcgrad.ops import elementwise, reduction, samples
from funcgrad.ops.custom import Rule
from funcgrad.transforms.batch import batch
from funcgrad.transforms.linearize import jvp, linearize
from funcgrad.transforms.simplify import dead_code_elimination
from funcgrad.transforms.transpose import pullback

BATCH = 6  # no sample has an axis of this length, so an axis mixed up is a shape that does not fit
MAX_FULL = 12  # inputs up to which the whole Jacobian is compared


@dataclass(frozen=True, eq=False)
class Case:
    """One sample of one op as a program with arguments."""

    name: str
    prim: Primitive
    args: list[Any]
    params: dict[str, Any]
    kink: bool
    program: Program

    @property
    def active(self) -> tuple[bool, ...]:
        """Which operands have tangents."""
        return tuple(is_inexact(a) for a in self.program.in_avals)

    @property
    def differentiable(self) -> bool:
        """Whether the op has a derivative here."""
        inexact_out = any(is_inexact(a) for a in self.program.out_avals)
        return self.prim.linearize is not None and any(self.active) and inexact_out

    @property
    def single(self) -> bool:
        """Whether anything here is of single precision."""
        return any(a.dtype == np.float32 for a in (*self.program.in_avals, *self.program.out_avals))

    def rng(self) -> np.random.Generator:
        """Random numbers of this case's own."""
        return np.random.default_rng(zlib.crc32(self.name.encode()))


_canonical: dict[Program, Program] = {}


def program_of(prim: Primitive, args: list[Any], params: dict) -> Program:
    """The program of one call; equal calls share it, and with it everything derived from it."""

    def call(*values: Any) -> list[Any]:
        out = prim(*values, **params)
        return out if prim.multiple_results else [out]

    program = retrace(call, [aval_of(a) for a in args])
    return _canonical.setdefault(program, program)


def make_case(prim: Primitive, number: int, args: list[Any], params: dict, kink: bool, suffix: str = "") -> Case:
    """A case from operands and parameters."""
    args = [np.asarray(a)[()] for a in args]
    return Case(f"{prim.name}-{number}{suffix}", prim, args, params, kink, program_of(prim, args, params))


def cases(prim: Primitive) -> list[Case]:
    """The declared samples of an op."""
    return [make_case(prim, i, s.args, s.params, s.kink) for i, s in enumerate(samples_of(prim))]


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
        return Rule(("cast", tuple(map(str, dtypes.values())), value), lambda: _cast_held(value.get(), dtypes))
    return cast_program(value, dtypes) if isinstance(value, Program) else value


def single_cases(prim: Primitive) -> list[Case]:
    """The float samples in single precision."""
    dtypes = {np.dtype(np.float64): np.dtype(np.float32)}
    return [
        make_case(prim, i, [_cast(a, dtypes) for a in s.args], cast_params(s.params, dtypes), s.kink, "-float32")
        for i, s in enumerate(samples_of(prim))
        if any(np.asarray(a).dtype == np.float64 for a in s.args)
    ]


def integer_cases(prim: Primitive) -> list[Case]:
    """The samples with integer operands at every width, where the op takes it."""
    out = []
    for i, s in enumerate(samples_of(prim)):
        kinds = {np.asarray(a).dtype for a in s.args}
        if np.dtype(np.int64) not in kinds or any(isinstance(v, Program) for v in s.params.values()):
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


# --- types -----------------------------------------------------------------------------------------------------------


def check_declaration(prim: Primitive) -> None:
    """Exactly one differentiation declaration, samples, and a lowering or no compiled form at all."""
    assert prim.differentiation is not None, f"{prim.name} states no differentiation rule"
    if prim.differentiation.__name__ == "nondiff" if callable(prim.differentiation) else False:
        assert prim.linearize is None and prim.transpose is None, f"{prim.name} is nondiff and has a derivative rule"
    else:
        assert prim.linearize is not None or prim.transpose is not None, f"{prim.name} has no derivative rule"
    assert cases(prim), f"{prim.name} has no samples"
    assert prim.batch is not None or not cases(prim)[0].args, f"{prim.name} has no batching rule"


def check_types(case: Case) -> None:
    """The implementation returns what the type rule says, for the op and its derivative programs."""
    check(case.program)
    outs = values_of(case.program, case.args)
    assert [aval_of(o) for o in outs] == case.program.out_avals
    assert all(np.shape(o) == a.shape for o, a in zip(outs, case.program.out_avals))
    if case.prim.linearize is None and any(case.active):
        assert not any(jvp(case.program, case.active)[1]), "an op without a derivative rule has an active output"
    for size in (0, 1):
        if case.args:
            check(batch(case.program, size, tuple(0 for _ in case.args))[0])


# --- derivatives: every path to D^k <w, f>[t1, ..., tk] ----------------------------------------------------------------

PATHS = {k: list(itertools.product(("jvp", "vjp"), repeat=k)) for k in (1, 2, 3)}


def _dot(xs: list[Any], ys: list[Any]) -> Any:
    """Sum of all products, in the widest dtype of the operands."""
    total = None
    for x, y in zip(xs, ys):
        term = reduction.reduce_sum(elementwise.mul(x, y), axes=tuple(range(len(x.shape))))
        term = elementwise.convert(term, dtype=np.dtype(np.float64))
        total = term if total is None else elementwise.add(total, term)
    return total


class Functional:
    """<w, f(x)> as a program of (x, w, t1, t2, t3), and its directional derivatives along any path of modes."""

    def __init__(self, program: Program, active: tuple[bool, ...]) -> None:
        self.count = len(program.inputs)
        weights = [a for a in program.out_avals if is_inexact(a)]
        tangents = [a for a, on in zip(program.in_avals, active) if on]
        avals = [*program.in_avals, *weights, *tangents * 3]
        self.tangents = [range(start, start + len(tangents)) for start in
                         (self.count + len(weights) + k * len(tangents) for k in range(3))]  # fmt: skip
        self.mask = (*active, *[False] * (len(avals) - self.count))

        def value(*values: Any) -> list[Any]:
            outs = [o for o in call(program, values[: self.count]) if is_inexact(o)]
            return [_dot(outs, list(values[self.count :]))]

        self.programs: dict[tuple[str, ...], Program] = {(): dead_code_elimination(retrace(value, avals))}

    def along(self, path: tuple[str, ...]) -> Program:
        """The program of one path; path[k] is the mode of the derivative in direction t_{k+1}."""
        if path not in self.programs:
            make = self._forward if path[-1] == "jvp" else self._reverse
            self.programs[path] = dead_code_elimination(make(self.along(path[:-1]), self.tangents[len(path) - 1]))
        return self.programs[path]

    def _forward(self, program: Program, directions: range) -> Program:
        both, active_outputs = jvp(program, self.mask)

        def value(*values: Any) -> list[Any]:
            if not active_outputs[0]:
                return [np.float64(0)]
            return call(both, [*values, *(values[i] for i in directions)])[1:]

        return retrace(value, program.in_avals)

    def _reverse(self, program: Program, directions: range) -> Program:
        backward, parts = pullback(program, self.mask, False)

        def value(*values: Any) -> list[Any]:
            if not parts.active_outputs[0]:
                return [np.float64(0)]
            residuals = call(parts.forward, values)[1:]
            return [_dot(call(backward, [*residuals, np.float64(1)]), [values[i] for i in directions])]

        return retrace(value, program.in_avals)


_functionals: dict[Program, Functional] = {}


def functional(case: Case) -> Functional:
    """The functional of a case, shared by cases of the same program."""
    if case.program not in _functionals:
        _functionals[case.program] = Functional(case.program, case.active)
    return _functionals[case.program]


def random_like(rng: np.random.Generator, aval: Any) -> Any:
    """Numbers of a type, of size about one and away from zero."""
    return np.asarray(rng.uniform(0.3, 1.0, aval.shape) * rng.choice([-1, 1], aval.shape), aval.dtype)[()]


def difference(program: Program, values: list[Any], mask: tuple[bool, ...], tangents: list[Any]) -> tuple[float, float]:
    """d/ds of a scalar program at x + s t: two five-point formulas, extrapolated; and how far they were apart."""

    def at(s: float) -> float:
        step = iter(tangents)
        moved = [v + s * next(step) if on else v for v, on in zip(values, mask)]
        return float(values_of(program, moved)[0])

    def five_point(h: float) -> float:
        return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)

    coarse, fine = five_point(2e-3), five_point(1e-3)
    return fine + (fine - coarse) / 15, abs(fine - coarse)


def check_derivatives(case: Case, orders: tuple[int, ...] = (1, 2, 3)) -> int:
    """All paths of each order agree with each other and with the difference quotient of the order below; returns the count."""
    if not case.differentiable:
        return 0
    f, rng, count = functional(case), case.rng(), 0
    values = [*case.args, *(random_like(rng, v.aval) for v in f.programs[()].inputs[f.count :])]
    tolerance = 1e-5 if case.single else 1e-11
    for order in orders:
        results = {path: float(values_of(f.along(path), values)[0]) for path in PATHS[order]}
        reference = results[("jvp",) * order]
        for path, value in results.items():
            assert_close(value, reference, tolerance, f"{case.name}: {'-'.join(path)} against forward mode")
        count += len(results)
        if order == 1 or not case.kink:
            assert np.isfinite(reference), f"{case.name}: order {order} is {reference}"
        if not case.kink and not case.single:
            directions = [values[i] for i in f.tangents[order - 1]]
            expected, spread = difference(f.along(("jvp",) * (order - 1)), values, f.mask, directions)
            assert spread < 1e-5 * max(1, abs(expected)), f"{case.name}: differences of order {order} do not converge"
            assert_close(reference, expected, 1e-7, f"{case.name}: order {order} against differences")
            count += 1
    return count


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


# --- Jacobians ---------------------------------------------------------------------------------------------------------


def check_jacobian(case: Case) -> None:
    """Columns by forward mode, rows by reverse mode, and differences give one matrix; parts of it come from parts of the operands."""
    if not case.differentiable:
        return
    by_columns = forward_jacobian(case, case.active)
    by_rows = reverse_jacobian(case)
    tolerance = 1e-5 if case.single else 1e-13
    n = sum(a.size for a, on in zip(case.program.in_avals, case.active) if on)
    if n <= MAX_FULL:
        assert_close(by_rows, by_columns, tolerance, f"{case.name}: rows against columns of the Jacobian")
    start = 0
    for i, (a, on) in enumerate(zip(case.program.in_avals, case.active)):
        if on:
            alone = forward_jacobian(case, tuple(k == i for k in range(len(case.args))))
            assert_close(alone, by_columns[:, start : start + a.size], tolerance, f"{case.name}: only operand {i} active")
            start += a.size


def _flat(values: list[Any]) -> np.ndarray:
    return np.concatenate([np.ravel(v).astype(np.float64) for v in values]) if values else np.zeros(0)


def _directions(avals: list[Any]) -> list[list[Any]]:
    """All unit vectors of a list of types."""
    total = sum(a.size for a in avals)
    out = []
    for k in range(total):
        flat, parts, start = np.zeros(total), [], 0
        flat[k] = 1
        for a in avals:
            parts.append(flat[start : start + a.size].reshape(a.shape).astype(a.dtype)[()])
            start += a.size
        out.append(parts)
    return out


def forward_jacobian(case: Case, active: tuple[bool, ...]) -> np.ndarray:
    """Columns: the linear program of `linearize` at unit tangents, checked against `jvp`."""
    parts = linearize(case.program, active)
    both, active_outputs = jvp(case.program, active)
    count = len(case.program.outputs)
    results = values_of(parts.forward, case.args)
    outs, residuals = results[:count], results[count:]
    rows = sum(a.size for a in case.program.out_avals if is_inexact(a))
    columns = []
    for t in _directions([a for a, on in zip(case.program.in_avals, active) if on]):
        t_outs = values_of(parts.linear, [*residuals, *t])
        again = values_of(both, [*case.args, *t])
        for x, y in zip([*outs, *t_outs], again, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=f"{case.name}: linearize against jvp")
        given = iter(t_outs)
        columns.append(_flat([next(given) if on else np.zeros(a.shape) for a, on in zip(case.program.out_avals, active_outputs) if is_inexact(a)]))
    return np.stack(columns, axis=1) if columns else np.zeros((rows, 0))


def reverse_jacobian(case: Case) -> np.ndarray:
    """Rows: the pullback at unit cotangents, with residuals recomputed and with known values."""
    backward, parts = pullback(case.program, case.active, False)
    joined, _ = pullback(case.program, case.active, True)
    residuals = values_of(parts.forward, case.args)[len(case.program.outputs) :]
    env = dict(zip(case.program.inputs, case.args))
    for eqn in case.program.eqns:
        outs = values_of(case.program, case.args)
        env.update(zip(eqn.outs, outs))
    columns = sum(a.size for a, on in zip(case.program.in_avals, case.active) if on)
    rows = []
    differentiable = [a for a in case.program.out_avals if is_inexact(a)]
    for ct in _directions(differentiable):
        given = [c for c, on in zip(ct, [o for o, a in zip(parts.active_outputs, case.program.out_avals) if is_inexact(a)]) if on]
        cts = values_of(backward, [*residuals, *given])
        again = values_of(joined, [*[env[v] for v in parts.known], *given])
        for x, y in zip(cts, again, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=f"{case.name}: pullback from known values")
        rows.append(_flat(cts))
    return np.stack(rows) if rows else np.zeros((0, columns))


# --- batching ------------------------------------------------------------------------------------------------------------


def examples(case: Case) -> list[list[Any]]:
    """For each operand, BATCH different values near the sample's."""
    return [[_vary(a, k) for k in range(BATCH)] for a in case.args]


def _vary(value: Any, k: int) -> Any:
    value = np.asarray(value)
    if value.dtype.kind == "f":
        return (value * value.dtype.type(1 + 0.01 * k))[()]
    if value.size > 1:
        return np.roll(value, k)
    return (value ^ (k % 2 == 1) if value.dtype == np.bool_ else value + value.dtype.type(k))[()]


def batch_axes(case: Case) -> list[tuple[int | None, ...]]:
    """Every axis of every operand alone, all in front, all at the end, and mixed."""
    ndims = [np.ndim(a) for a in case.args]
    out = [tuple(axis if j == i else None for j in range(len(ndims))) for i, n in enumerate(ndims) for axis in range(n + 1)]
    out += [tuple(0 for _ in ndims), tuple(ndims), tuple(n if i % 2 else 0 for i, n in enumerate(ndims))]
    return list(dict.fromkeys(out))


def check_batching(case: Case, derivatives: bool = True) -> int:
    """vmap of the op, of its jvp and vjp, and jvp and vjp of its vmap, against a loop; returns the number of comparisons."""
    if not case.args:
        return 0
    count = 0
    for i, axes in enumerate(batch_axes(case)):
        compare_with_loop(case, case.program, examples(case), axes, "vmap")
        count += 1
    if not (derivatives and case.differentiable):
        return count
    rng = case.rng()
    outs = values_of(case.program, case.args)
    tangents = [[random_like(rng, a) for _ in range(BATCH)] for a, on in zip(case.program.in_avals, case.active) if on]
    forward, _ = jvp(case.program, case.active)
    reverse, cotangents = vjp_program(case.program, case.active)
    cts = [[random_like(rng, a) for _ in range(BATCH)] for a in cotangents]
    ndims = [np.ndim(o) for o, a in zip(outs, case.program.out_avals) if is_inexact(a)][: len(cts)]
    for axes in batch_axes(case)[-3:] + batch_axes(case)[:1]:
        t_axes = [a for a, on in zip(axes, case.active) if on]
        compare_with_loop(case, forward, [*examples(case), *tangents], (*axes, *t_axes), "vmap of jvp")
        compare_with_loop(case, reverse, [*examples(case), *cts], (*axes, *ndims), "vmap of vjp")
        _compare_inside(case, axes, tangents)
        count += 4
    return count


def vjp_program(program: Program, active: tuple[bool, ...]) -> tuple[Program, list[Any]]:
    """(inputs, cotangents of active outputs) -> cotangents of active inputs; and the types of the cotangents."""
    backward, parts = pullback(program, active, False)
    ct_avals = [a for a, on in zip(program.out_avals, parts.active_outputs) if on]
    n = len(program.inputs)

    def value(*values: Any) -> list[Any]:
        return call(backward, [*call(parts.forward, values[:n])[len(program.outputs) :], *values[n:]])

    return retrace(value, [*program.in_avals, *ct_avals]), ct_avals


def stacked(rows: list[Any], axis: int | None) -> Any:
    """The batched operand, or the first example where there is no axis."""
    return rows[0] if axis is None else np.stack(rows, axis)


def compare_with_loop(case: Case, program: Program, rows: list[list[Any]], axes: tuple[int | None, ...], what: str) -> None:
    """The batched program against one evaluation for each example."""
    batched, out_axes = batch(program, BATCH, tuple(axes))
    check(batched)
    got = values_of(batched, [stacked(r, a) for r, a in zip(rows, axes)])
    for k in range(BATCH):
        expected = values_of(program, [r[0] if a is None else r[k] for r, a in zip(rows, axes)])
        for g, e, a in zip(got, expected, out_axes, strict=True):
            part = g if a is None else np.take(g, k, axis=a)
            assert_close(part, e, 1e-5 if case.single else 1e-12, f"{case.name}: {what} {axes}, example {k}")


def _compare_inside(case: Case, axes: tuple[int | None, ...], tangents: list[list[Any]]) -> None:
    """jvp and vjp of the batched op against the loop over the jvp of the op."""
    batched, out_axes = batch(case.program, BATCH, axes)
    operands = [stacked(r, a) for r, a in zip(examples(case), axes)]
    moved = [stacked(t, a) for t, a in zip(tangents, [a for a, on in zip(axes, case.active) if on])]
    both, active_outputs = jvp(batched, case.active)
    t_outs = values_of(both, [*operands, *moved])[len(batched.outputs) :]
    single, single_active = jvp(case.program, case.active)
    assert active_outputs == single_active, f"{case.name}: batching changes which outputs are active"
    places = [a for a, on in zip(out_axes, active_outputs) if on]
    t_axes = [a for a, on in zip(axes, case.active) if on]
    for k in range(BATCH):
        primals = [r[0] if a is None else r[k] for r, a in zip(examples(case), axes)]
        t_in = [t[0] if a is None else t[k] for t, a in zip(tangents, t_axes)]
        expected = values_of(single, [*primals, *t_in])[len(case.program.outputs) :]
        for g, e, a in zip(t_outs, expected, places, strict=True):
            part = g if a is None else np.take(g, k, axis=a)
            assert_close(part, e, 1e-5 if case.single else 1e-12, f"{case.name}: jvp of vmap {axes}, example {k}")
    _compare_pullback(case, batched, operands, moved, t_outs)


def _compare_pullback(case: Case, batched: Program, operands: list[Any], tangents: list[Any], t_outs: list[Any]) -> None:
    """<ct, J t> = <J^T ct, t> for the batched op."""
    reverse, ct_avals = vjp_program(batched, case.active)
    rng = case.rng()
    cts = [random_like(rng, a) for a in ct_avals]
    grads = values_of(reverse, [*operands, *cts])
    left = sum(float(np.sum(np.multiply(c, t, dtype=float))) for c, t in zip(cts, t_outs, strict=True))
    right = sum(float(np.sum(np.multiply(g, t, dtype=float))) for g, t in zip(grads, tangents, strict=True))
    scale = sum(float(np.sum(np.abs(np.multiply(c, t, dtype=float)))) for c, t in zip(cts, t_outs))
    tolerance = 1e-5 if case.single else 1e-13
    ok = left == right or abs(left - right) <= tolerance * max(scale, 1) or np.isnan(left) and np.isnan(right)
    assert ok, f"{case.name}: dot product test of vmap: {left} and {right}"

