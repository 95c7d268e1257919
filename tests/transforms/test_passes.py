"""Each transformation of programs by itself: small programs in, exact texts out, and the faults each must refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from funcgrad import errors
from funcgrad.core.avals import shaped
from funcgrad.core.check import check
from funcgrad.core.primitive import REGISTRY, Zero
from funcgrad.core.program import Eqn, Literal, Program, Var, as_function
from funcgrad.core.tracing import retrace
from funcgrad.ops import contraction, control, cumulative, elementwise, indexing, layout, reduction
from funcgrad.ops.identities import identities
from funcgrad.transforms.batch import batch
from funcgrad.transforms.linearize import instantiate, jvp, linearize
from funcgrad.transforms.simplify import common_subexpressions, dead_code_elimination, rewrite, simplify
from funcgrad.transforms.transpose import pullback, transpose

SCALAR = shaped((), np.float64)
VECTOR = shaped((3,), np.float64)
MATRIX = shaped((2, 3), np.float64)
INTEGER = shaped((), np.int64)


def program(f: Callable, *avals: Any) -> Program:
    """The program of a function of arrays to a list of arrays."""
    return retrace(f, avals)


def sine_times_argument() -> Program:
    return program(lambda x: [elementwise.sin(x) * x], SCALAR)


def affine() -> Program:
    """sum(tanh(A x + b)) for a matrix A."""

    def f(a: Any, x: Any, b: Any) -> list[Any]:
        y = contraction.dot_general(a, x, contract=((1,), (0,)), batch=((), ()))
        return [reduction.reduce_sum(elementwise.tanh(y + b), axes=(0,))]

    return program(f, MATRIX, VECTOR, shaped((2,), np.float64))


def scan_program() -> Program:
    body = program(lambda a, c, x: [a * c + x, elementwise.sin(c)], SCALAR, SCALAR, SCALAR)
    return program(
        lambda a, c, xs: control.scan(a, c, xs, body=body, consts=1, carries=1, length=3, reverse=False),
        SCALAR,
        SCALAR,
        VECTOR,
    )


def all_active_jvp(p: Program) -> Program:
    return jvp(p, (True,) * len(p.inputs))[0]


PROGRAMS = {"sine": sine_times_argument, "affine": affine, "scan": scan_program}
TRANSFORMS = {
    "linearize-forward": lambda p: linearize(p, (True,) * len(p.inputs)).forward,
    "linearize-linear": lambda p: linearize(p, (True,) * len(p.inputs)).linear,
    "jvp": lambda p: all_active_jvp(p),
    "transpose": lambda p: transpose(linearize(p, (True,) * len(p.inputs)).linear, len(p.inputs)),
    "vmap": lambda p: batch(p, 5, (0,) * len(p.inputs))[0],
    "simplified-second-derivative": lambda p: simplify(
        jvp(all_active_jvp(p), (True,) * 2 * len(p.inputs))[0], identities()
    ),
}


@pytest.mark.parametrize("name", list(PROGRAMS))
@pytest.mark.parametrize("transform", list(TRANSFORMS))
def test_golden_text(name: str, transform: str, golden: Callable[[str, str], None]) -> None:
    result = check(TRANSFORMS[transform](PROGRAMS[name]()))
    golden(f"transform-{name}-{transform}", str(result))


# --- linearize ------------------------------------------------------------------------------------------------------


def test_inactive_inputs_have_no_residuals_and_no_tangents() -> None:
    p = program(lambda x, y: [elementwise.sin(x) * elementwise.exp(y), elementwise.cos(y)], SCALAR, SCALAR)
    parts = linearize(p, (True, False))
    assert parts.active_outputs == (True, False) and len(parts.linear.inputs) - 1 == len(parts.forward.outputs) - 2
    assert [e.prim.name for e in parts.linear.eqns] == ["cos", "mul", "mul"]


def test_unused_residuals_are_dropped() -> None:
    """A linear op needs nothing of the point, and a result that is not returned needs no residual."""
    p = program(lambda x: [x + x, elementwise.sin(x) * elementwise.exp(x)][:1], SCALAR)
    parts = linearize(p, (True,))
    assert parts.forward.outputs == parts.forward.outputs[:1] and [e.prim.name for e in parts.linear.eqns] == ["add"]
    assert [e.prim.name for e in parts.forward.eqns] == ["add"]


def test_residuals_from_known_values_are_those_of_the_forward_program() -> None:
    p = affine()
    parts = linearize(p, (True, True, True))
    args = [np.arange(6.0).reshape(2, 3) / 7, np.array([0.1, -0.4, 0.3]), np.array([0.2, -0.3])]
    env = dict(zip(p.inputs, args))
    for eqn in p.eqns:
        env[eqn.outs[0]] = eqn.prim.impl(*[env[a] for a in eqn.inputs], **eqn.params)
    residuals = as_function(parts.forward)(*args)[1:]
    from_known = as_function(parts.residuals_of)(*[env[v] for v in parts.known])
    for a, b in zip(residuals, from_known, strict=True):
        np.testing.assert_array_equal(a, b)


def test_integers_have_no_tangent() -> None:
    p = program(lambda x, n: [x * elementwise.convert(n, dtype=np.dtype(np.float64)), n + n], SCALAR, INTEGER)
    both, active = jvp(p, (True, True))
    assert active == (True, False) and len(both.inputs) == 3
    assert as_function(both)(2.0, 3, 1.0) == [6.0, 6, 3.0]


def test_stop_gradient_ends_the_tangent() -> None:
    p = program(lambda x: [elementwise.stop(x) * 2.0], SCALAR)
    assert jvp(p, (True,))[1] == (False,)


def test_a_transform_is_done_once() -> None:
    p = affine()
    assert jvp(p, (True, True, True)) is jvp(p, (True, True, True)) and batch(p, 2, (0, None, 0)) is batch(
        p, 2, (0, None, 0)
    )


def test_instantiate_makes_zeros_of_symbolic_ones() -> None:
    np.testing.assert_array_equal(instantiate(Zero(VECTOR)), np.zeros(3))


# --- transpose ------------------------------------------------------------------------------------------------------


def linear_cases() -> dict[str, Program]:
    i = np.array([2, 0, 2])
    return {
        "used twice": program(lambda x: [x + x, elementwise.neg(x)], VECTOR),
        "unused": program(lambda x, y: [x + x], VECTOR, VECTOR),
        "constant output": program(lambda x: [x, layout.fill(0.0, (2,), np.float64)], VECTOR),
        "slices": program(lambda x: [layout.slice_axis(x, 0, 1, 3, 2), layout.flip(x, axes=(0,))], VECTOR),
        "gather": program(lambda x: [indexing.gather(x, i, axes=(0,))], VECTOR),
        "cumsum": program(lambda x: [cumulative.cumsum(x, axis=1, reverse=True)], MATRIX),
        "two linear operands": program(
            lambda x, y: [layout.concatenate(x, y, axis=0), elementwise.select(i == 2, x, y)], VECTOR, VECTOR
        ),
    }


@pytest.mark.parametrize("name", list(linear_cases()))
def test_the_transpose_is_the_adjoint(name: str) -> None:
    p = linear_cases()[name]
    backward = check(transpose(p, len(p.inputs)))
    rng = np.random.default_rng(0)
    x, ct = ([rng.standard_normal(a.shape) for a in avals] for avals in (p.in_avals, p.out_avals))
    outs, back = as_function(p)(*x), as_function(backward)(*ct)
    shift = [np.asarray(o) for o in as_function(p)(*[np.zeros(a.shape) for a in p.in_avals])]
    left = sum(np.sum(c * (o - s)) for c, o, s in zip(ct, outs, shift))
    assert abs(left - sum(np.sum(a * b) for a, b in zip(back, x))) < 1e-13


def test_transposing_twice_gives_the_same_map() -> None:
    p = linear_cases()["gather"]
    twice = transpose(transpose(p, 1), 1)
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(as_function(twice)(x)[0], as_function(p)(x)[0])


def test_an_op_without_transpose_is_named() -> None:
    with pytest.raises(TypeError, match="tanh has no transpose rule"):
        transpose(program(lambda x: [elementwise.tanh(x)], SCALAR), 1)


def test_pullback_of_unneeded_outputs_is_free() -> None:
    p = program(lambda x: [elementwise.sin(x), elementwise.floor(x)], SCALAR)
    backward, parts = pullback(p, (True,), False)
    assert parts.active_outputs == (True, False) and [e.prim.name for e in backward.eqns] == ["cos", "mul"]


# --- batch ----------------------------------------------------------------------------------------------------------


def test_what_is_not_batched_is_computed_once() -> None:
    p = program(lambda w, x: [elementwise.exp(w) * x, elementwise.sin(w)], SCALAR, SCALAR)
    batched, axes = batch(p, 4, (None, 0))
    assert (
        axes == (0, None)
        and batched.eqns[0].outs[0].aval is SCALAR
        and batched.out_avals == [shaped((4,), np.float64), SCALAR]
    )


def test_a_scan_whose_carry_becomes_batched() -> None:
    p = scan_program()
    batched, axes = batch(p, 2, (None, None, 1))
    assert axes == (0, 1) and batched.out_avals == [shaped((2,), np.float64), shaped((3, 2), np.float64)]


def test_a_scan_whose_carry_stays_unbatched() -> None:
    body = program(lambda c, k, x: [c + x, k * 2.0], SCALAR, SCALAR, SCALAR)
    p = program(
        lambda c, k, xs: control.scan(c, k, xs, body=body, consts=0, carries=2, length=3, reverse=False),
        SCALAR,
        SCALAR,
        VECTOR,
    )
    batched, axes = batch(p, 4, (None, None, 0))
    assert axes == (0, None) and batched.out_avals == [shaped((4,), np.float64), SCALAR]


def test_an_op_without_batching_rule_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["sin"], "batch", None)
    with pytest.raises(TypeError, match="sin has no batching rule"):
        batch(program(lambda x: [elementwise.sin(x)], SCALAR), 2, (0,))


# --- simplify -------------------------------------------------------------------------------------------------------


def test_dead_code_goes_and_nothing_else() -> None:
    p = program(lambda x: [elementwise.sin(x), elementwise.cos(x)][:1], SCALAR)
    assert [e.prim.name for e in dead_code_elimination(p).eqns] == ["sin"]
    clean = dead_code_elimination(p)
    assert dead_code_elimination(clean) is clean


def test_equal_expressions_are_computed_once() -> None:
    p = program(lambda x: [elementwise.sin(x) * elementwise.sin(x), elementwise.sin(x)], SCALAR)
    q = common_subexpressions(p)
    assert [e.prim.name for e in q.eqns] == ["sin", "mul"] and common_subexpressions(q) is q


def test_expressions_that_differ_in_a_parameter_or_a_literal_stay_apart() -> None:
    p = program(
        lambda x: [
            x * 2.0,
            x * 3.0,
            x * -0.0,
            x * 0.0,
            reduction.reduce_sum(x, axes=()),
            reduction.reduce_sum(x, axes=(0,)),
        ],
        VECTOR,
    )
    assert len(common_subexpressions(p).eqns) == len(p.eqns)


def test_rules_see_what_earlier_rules_made() -> None:
    p = program(lambda x: [elementwise.neg(elementwise.neg(elementwise.neg(elementwise.neg(x))))], SCALAR)
    q = simplify(p, identities())
    assert q.eqns == () and q.outputs == q.inputs


def test_rewrite_without_a_hit_returns_the_program_itself() -> None:
    p = sine_times_argument()
    assert rewrite(p, identities()) is p


@pytest.mark.parametrize("x", [0.0, -0.0, np.nan, np.inf, -np.inf, 1.5, 5e-324])
def test_identities_keep_every_bit(x: float) -> None:
    def f(x: Any) -> list[Any]:
        zero, one = np.float64(0.0), np.float64(1.0)
        return [
            x + 0.0,
            x + (-0.0),
            0.0 + x,
            x - 0.0,
            0.0 - x,
            x * 1.0,
            1.0 * x,
            x * 0.0,
            x / 1.0,
            elementwise.neg(elementwise.neg(x)),
            elementwise.copy(x),
            elementwise.select(np.True_, x, zero),
            elementwise.strong_product(x, one),
            elementwise.strong_product(x, zero),
        ]

    p = program(f, SCALAR)
    q = simplify(p, identities())
    assert len(q.eqns) < len(p.eqns)
    with np.errstate(all="ignore"):
        before, after = (np.array(as_function(r)(np.float64(x))) for r in (p, q))
    np.testing.assert_array_equal(before.view(np.int64)[~np.isnan(before)], after.view(np.int64)[~np.isnan(before)])
    np.testing.assert_array_equal(np.isnan(before), np.isnan(after))


# --- the checker ----------------------------------------------------------------------------------------------------


def malformed() -> dict[str, tuple[Program, str]]:
    x, y, z = Var(SCALAR), Var(SCALAR), Var(VECTOR)
    sine = Eqn(elementwise.sin, (x,), {}, (y,), ("f.py", 3, "f"))
    return {
        "used before defined": (Program([], [sine], [y]), "used before it is defined"),
        "defined twice": (Program([x], [sine, sine], [y]), "defined twice"),
        "wrong type": (Program([x], [sine.replace(outs=(z,))], [z]), "the primitive gives"),
        "rejected operands": (Program([x, z], [Eqn(elementwise.add, (x, z), {}, (y,), None)], [y]), "rejects it"),
        "undefined output": (Program([x], [], [y]), "output is not defined"),
        "unhashable parameter": (
            Program([z], [Eqn(reduction.reduce_sum, (z,), {"axes": [0]}, (y,), None)], [y]),
            "rejects it",
        ),
    }


@pytest.mark.parametrize("name", list(malformed()))
def test_the_checker_refuses(name: str) -> None:
    p, text = malformed()[name]
    with pytest.raises(errors.ProgramError, match=text):
        check(p, "a test")


def test_literals_count_by_bits_not_by_value() -> None:
    assert Literal(np.float64(0.0)).key != Literal(np.float64(-0.0)).key
    assert Literal(np.float64(1)).key != Literal(np.int64(1)).key
    assert Literal(np.float64(np.nan)).key == Literal(np.float64(np.nan)).key
