"""Checks that hold for every op, generated from its declaration and samples: types, derivatives, Jacobians.

With this module one can take any op of the registry and verify its type rule (`check_types`), its derivative rule to
order 3 in every nesting of the two modes (`check_derivatives`), and its Jacobian (`check_jacobian`). A check raises
AssertionError; `tests/mutation` runs the same functions on faulty ops.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from registry_cases import Case, assert_close, call, cases, random_like, values_of

from funcgrad.core import lowering
from funcgrad.core import scalar as sc
from funcgrad.core.avals import aval_of, is_inexact
from funcgrad.core.check import check
from funcgrad.core.primitive import Primitive
from funcgrad.core.program import Program
from funcgrad.core.tracing import retrace
from funcgrad.ops import elementwise, reduction
from funcgrad.transforms.batch import batch
from funcgrad.transforms.linearize import jvp, linearize
from funcgrad.transforms.simplify import dead_code_elimination
from funcgrad.transforms.transpose import pullback

MAX_FULL = 12  # inputs up to which the whole Jacobian is compared


# --- types ----------------------------------------------------------------------------------------------------------


def check_declaration(prim: Primitive) -> None:
    """Exactly one differentiation declaration, samples, and a lowering or no compiled form at all."""
    assert prim.differentiation is not None, f"{prim.name} states no differentiation rule"
    if prim.differentiation.__name__ == "nondiff" if callable(prim.differentiation) else False:
        assert prim.linearize is None and prim.transpose is None, f"{prim.name} is nondiff and has a derivative rule"
    else:
        assert prim.linearize is not None or prim.transpose is not None, f"{prim.name} has no derivative rule"
    assert cases(prim), f"{prim.name} has no samples"
    assert prim.batch is not None or not cases(prim)[0].args, f"{prim.name} has no batching rule"
    if isinstance(prim.lower, lowering.IndexMap):
        for case in cases(prim):
            check_index_map(case)


class _Read:
    """An operand of an index map, which is read at known places only, none of them outside."""

    def __init__(self, value: Any) -> None:
        self.value = np.asarray(value)
        self.shape, self.dtype = self.value.shape, self.value.dtype

    def __call__(self, index: tuple) -> sc.Expr:
        place = tuple(int(sc.evaluate(i, {})) for i in index)
        inside = len(place) == len(self.shape) and all(0 <= i < n for i, n in zip(place, self.shape))
        assert inside, f"an element {place} of shape {self.shape} is read"
        return sc.const(self.value[place], self.dtype)


def check_index_map(case: Case) -> None:
    """Each element of the result is what the map says, and no read is outside, even if its value is not taken; where
    the result is said to be a range of the operand's elements, it is.
    """
    form, expected = case.prim.lower, np.asarray(values_of(case.program, case.args)[0])
    for index in np.ndindex(expected.shape):
        reads = [_Read(a) for a in case.args]
        out = form.fn(tuple(sc.const(i, np.int64) for i in index), *reads, **case.params)
        assert sc.evaluate(out, {}) == expected[index], f"{case.name}: the index map differs at {index}"
    start = form.range_of(np.shape(case.args[0]), **case.params) if form.range_of else None
    if start is not None:
        part = np.ravel(case.args[0])[start : start + expected.size]
        np.testing.assert_array_equal(part, expected.ravel(), err_msg=f"{case.name}: the range is wrong")


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


# --- derivatives: every path to D^k <w, f>[t1, ..., tk] -------------------------------------------------------------

PATHS = {k: list(itertools.product(("jvp", "vjp"), repeat=k)) for k in (1, 2, 3)}


def _dot(xs: list[Any], ys: list[Any]) -> Any:
    """The real part of the sum of all products, in the widest dtype of the operands."""
    total = None
    for x, y in zip(xs, ys):
        term = reduction.reduce_sum(elementwise.mul(x, y), axes=tuple(range(len(x.shape))))
        term = elementwise.real(term) if term.dtype.kind == "c" else term
        term = elementwise.convert(term, dtype=np.dtype(np.float64))
        total = term if total is None else elementwise.add(total, term)
    return total


class Functional:
    """<w, f(x)> = Re(w * f(x)), summed, as a program of (x, w, t1, t2, t3), and its directional derivatives along any
    path of modes.
    """

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
    """All paths of each order agree, with each other and with differences of the order below; returns their number."""
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


# --- Jacobians ------------------------------------------------------------------------------------------------------


def check_jacobian(case: Case) -> None:
    """Columns by forward mode and rows by reverse mode give one matrix; each operand alone gives its part of it.

    A complex number counts as two real ones, so that no derivative goes unseen for not being holomorphic.
    """
    if not case.differentiable:
        return
    check_activity(case)
    by_columns = forward_jacobian(case, case.active)
    by_rows = reverse_jacobian(case, case.active)
    tolerance = 1e-5 if case.single else 1e-13
    n = sum(_width(a) for a, on in zip(case.program.in_avals, case.active) if on)
    if n <= MAX_FULL:
        assert_close(by_rows, by_columns, tolerance, f"{case.name}: rows against columns of the Jacobian")
    start = 0
    for i, (a, on) in enumerate(zip(case.program.in_avals, case.active)):
        if on:
            alone = forward_jacobian(case, tuple(k == i for k in range(len(case.args))))
            part = by_columns[:, start : start + _width(a)]
            assert_close(alone, part, tolerance, f"{case.name}: only operand {i} active")
            if n <= MAX_FULL and sum(case.active) > 1:
                rows = reverse_jacobian(case, tuple(k == i for k in range(len(case.args))))
                assert_close(rows, part, tolerance, f"{case.name}: only operand {i} active, by rows")
            start += _width(a)


def check_activity(case: Case) -> None:
    """An op that is told which operands have tangents gives none to results that do not depend on these: NaN shows it.

    Only where all of a program is run: a branch that is not taken hides what depends on what. And a state that starts
    with a tangent has one to the end, whatever becomes of it.
    """
    if not (case.prim.activity and isinstance(case.prim.lower, lowering.Loop | lowering.Call)):
        return
    if case.prim.name in ("custom_jvp_call", "custom_vjp_call"):  # what depends on what is the user's business
        return
    for i, on in enumerate(case.active):
        if on and np.size(case.args[i]):
            spoiled = [np.full_like(a, np.nan) if k == i else a for k, a in enumerate(case.args)]
            _, active_outputs = jvp(case.program, tuple(k == i for k in range(len(case.args))))
            for k, (out, active) in enumerate(zip(values_of(case.program, spoiled), active_outputs, strict=True)):
                own_state = k == i - case.params.get("consts", len(case.args))
                needed = own_state or np.any(np.isnan(out))
                assert needed or not active, f"{case.name}: result {k} does not depend on operand {i}"


def _width(aval: Any) -> int:
    """How many real numbers there are in an array."""
    return aval.size * (2 if aval.dtype.kind == "c" else 1)


def _flat(values: list[Any]) -> np.ndarray:
    """All numbers one after the other, complex ones as real and imaginary part."""
    parts = [np.ravel(v).astype(np.complex128 if np.iscomplexobj(v) else np.float64).view(np.float64) for v in values]
    return np.concatenate(parts) if parts else np.zeros(0)


def _directions(avals: list[Any]) -> list[list[Any]]:
    """All unit vectors of a list of types: 1, and for complex types also i."""
    total = sum(_width(a) for a in avals)
    out = []
    for k in range(total):
        flat, parts, start = np.zeros(total), [], 0
        flat[k] = 1
        for a in avals:
            part = flat[start : start + _width(a)]
            part = part.view(np.complex128) if a.dtype.kind == "c" else part
            parts.append(part.reshape(a.shape).astype(a.dtype)[()])
            start += _width(a)
        out.append(parts)
    return out


def forward_jacobian(case: Case, active: tuple[bool, ...]) -> np.ndarray:
    """Columns: the linear program of `linearize` at unit tangents, checked against `jvp`."""
    parts = linearize(case.program, active)
    both, active_outputs = jvp(case.program, active)
    count = len(case.program.outputs)
    results = values_of(parts.forward, case.args)
    outs, residuals = results[:count], results[count:]
    for out, expected in zip(outs, values_of(case.program, case.args), strict=True):
        assert_close(out, expected, 1e-5 if case.single else 1e-13, f"{case.name}: values of its derivative rule")
    rows = sum(_width(a) for a in case.program.out_avals if is_inexact(a))
    columns = []
    for t in _directions([a for a, on in zip(case.program.in_avals, active) if on]):
        t_outs = values_of(parts.linear, [*residuals, *t])
        again = values_of(both, [*case.args, *t])
        for x, y in zip([*outs, *t_outs], again, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=f"{case.name}: linearize against jvp")
        given = iter(t_outs)
        columns.append(
            _flat(
                [
                    next(given) if on else np.zeros(a.shape, a.dtype)
                    for a, on in zip(case.program.out_avals, active_outputs)
                    if is_inexact(a)
                ]
            )
        )
    return np.stack(columns, axis=1) if columns else np.zeros((rows, 0))


def reverse_jacobian(case: Case, active: tuple[bool, ...]) -> np.ndarray:
    """Rows: the pullback at unit cotangents, with residuals recomputed and with known values.

    Since <ct, t> = Re(ct * t), an imaginary part is what -i asks for: real vectors and matrices hold the conjugates.
    """
    backward, parts = pullback(case.program, active, False)
    joined, _ = pullback(case.program, active, True)
    residuals = values_of(parts.forward, case.args)[len(case.program.outputs) :]
    env = dict(zip(case.program.inputs, case.args))
    for eqn in case.program.eqns:
        outs = values_of(case.program, case.args)
        env.update(zip(eqn.outs, outs))
    columns = sum(_width(a) for a, on in zip(case.program.in_avals, active) if on)
    rows = []
    differentiable = [a for a in case.program.out_avals if is_inexact(a)]
    for ct in _directions(differentiable):
        given = [
            np.conj(c)
            for c, on in zip(ct, [o for o, a in zip(parts.active_outputs, case.program.out_avals) if is_inexact(a)])
            if on
        ]
        cts = values_of(backward, [*residuals, *given])
        again = values_of(joined, [*[env[v] for v in parts.known], *given])
        for x, y in zip(cts, again, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=f"{case.name}: pullback from known values")
        rows.append(_flat([np.conj(ct) for ct in cts]))
    return np.stack(rows) if rows else np.zeros((0, columns))
