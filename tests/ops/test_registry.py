"""Every op, every sample: types, derivatives of order 1 to 3 along all 14 paths, Jacobians, batching, compiled
code, printed source.

The checks are in registry_checks.py and compiled_checks.py; this file applies them to all of the registry.
"""

from __future__ import annotations

from typing import Any

import compiled_checks
import numpy as np
import pytest
import registry_cases
import registry_checks as rc
from batching_checks import check_batching
from registry_cases import REGISTRY, Case, Primitive, complex_cases, integer_cases, is_differentiable, single_cases

from funcgrad.compile import blocks
from funcgrad.core import lowering
from funcgrad.core.primitive import nondiff
from funcgrad.ops import (
    bessel,
    cylinder,
    distribution_functions,
    elliptic,
    error_functions,
    gamma_functions,
    incomplete,
    integrals,
    orthogonal,
    student,
)

OPS = [pytest.param(REGISTRY[name], id=name) for name in sorted(REGISTRY)]
DIFFERENTIABLE = [
    pytest.param(REGISTRY[name], id=name) for name in sorted(REGISTRY) if is_differentiable(REGISTRY[name])
]
every_op = pytest.mark.parametrize("prim", OPS)
every_differentiable_op = pytest.mark.parametrize("prim", DIFFERENTIABLE)


def both_precisions(prim: Primitive) -> list[Case]:
    """The samples of an op in double and in single precision."""
    return [*rc.cases(prim), *single_cases(prim)]


@every_op
def test_declaration_is_complete(prim: Primitive) -> None:
    rc.check_declaration(prim)


@every_op
def test_types(prim: Primitive) -> None:
    for case in both_precisions(prim):
        rc.check_types(case)


@every_op
def test_integer_types(prim: Primitive) -> None:
    for case in integer_cases(prim):
        if compiled_checks.accepts(case):
            rc.check_types(case)
            check_batching(case, derivatives=False)


@every_differentiable_op
def test_derivatives_of_order_1_to_3(prim: Primitive) -> None:
    count = sum(rc.check_derivatives(case) for case in rc.cases(prim))
    count += sum(rc.check_derivatives(case, orders=(1, 2)) for case in single_cases(prim))
    assert count > 0, f"no sample of {prim.name} was differentiated"


@every_differentiable_op
def test_jacobian(prim: Primitive) -> None:
    for case in both_precisions(prim):
        rc.check_jacobian(case)


@every_op
def test_batching(prim: Primitive) -> None:
    for case in both_precisions(prim):
        check_batching(case)


@every_op
def test_compiled(prim: Primitive) -> None:
    assert compiled_checks.check_compiled(prim) > 0 or has_no_results(prim)


HANDING_ON = [
    "banded_solve", "cofactors", "dot_general", "inv", "lu", "qr", "reduce_prod", "scan", "solve", "svd", "sylvester",
    "while_backward",
]  # fmt: skip


@pytest.mark.parametrize("name", HANDING_ON)
def test_compiled_in_blocks_of_single_rows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loops: list[object] = []
    made = blocks.Blocks.loop
    monkeypatch.setattr(blocks.Blocks, "loop", lambda self, *args: loops.append(args) or made(self, *args))
    for limit, value in (("LEAST_BYTES", 0), ("BLOCK_BYTES", 1), ("LEAST_ROWS", 1), ("READ_AGAIN", np.inf)):
        monkeypatch.setattr(blocks, limit, value)
    assert compiled_checks.check_compiled(REGISTRY[name]) > 0 and loops, "nothing ran in blocks"


@every_op
def test_printed_source(prim: Primitive) -> None:
    assert compiled_checks.check_source(prim) > 0 or has_no_results(prim)


def has_no_results(prim: Primitive) -> bool:
    """An op that is called for its effect alone, which `tests/test_callbacks.py` looks at, or only has complex results
    or operands, which are not compiled.
    """
    return all(case.complex or prim.effect and not case.program.outputs for case in rc.cases(prim))


# --- complex numbers ------------------------------------------------------------------------------------------------

HOLOMORPHIC = """
    in_numpy
    add sub neg mul div strong_product square reciprocal integer_power power exp exp2 expm1 log log2 log10 log1p sqrt
    rsqrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh select copy checkpoint_name convert
    broadcast reshape transpose concatenate pad slice flip dynamic_slice dynamic_update_slice gather scatter scatter_add
    reduce_sum reduce_prod cumsum cumprod dot_general inv solve triangular_solve det cofactors psum all_gather barrier
    windows overlap window_take window_put recurrence roots qr lu svd singular_values eig pinv slogdet cholesky eigh
    lstsq
    circular_convolve sylvester expm expm_tangent sqrtm sqrtm_tangent banded_solve definite_banded_solve
    schur schur_turn logm logm_tangent signm signm_tangent
"""
# Phases of complex vectors are by convention, not those that LAPACK finds: tests/numpy/test_linalg.py,
# tests/test_scipy_linalg_all.py.
FREE_PHASES = {"svd", "schur"}
COMPLEX = [pytest.param(REGISTRY[name], id=name) for name in sorted(REGISTRY) if complex_cases(REGISTRY[name])]


def test_which_ops_take_complex_numbers() -> None:
    assert {p.values[0].name for p in COMPLEX if is_differentiable(p.values[0])} == set(HOLOMORPHIC.split())


@pytest.mark.parametrize("prim", [p for p in COMPLEX if p.values[0].name not in FREE_PHASES])
def test_complex_numbers(prim: Primitive) -> None:
    for case in complex_cases(prim, single=True)[:2]:
        rc.check_types(case)
        rc.check_jacobian(case)
    for number, case in enumerate(complex_cases(prim)):
        rc.check_types(case)
        rc.check_derivatives(case, orders=(1, 2))
        rc.check_jacobian(case)
        check_batching(case, derivatives=number == 0)  # the rules of real numbers, whose every case has been checked


# --- the samples themselves -----------------------------------------------------------------------------------------


def float_operands(prim: Primitive) -> list[list[np.ndarray]]:
    """Operands of the float samples."""
    return [
        [np.asarray(a) for a in c.args]
        for c in rc.cases(prim)
        if c.args and all(np.asarray(a).dtype.kind == "f" for a in c.args)
    ]


BINARY = [
    p
    for p in DIFFERENTIABLE
    if isinstance(p.values[0].lower, lowering.Scalar) and len(rc.cases(p.values[0])[0].args) == 2
]
NEEDS_POSITIVE = {"div", "power"}  # their samples stay where the function is smooth
WITH_DOMAINS = {
    name
    for m in (
        bessel,
        cylinder,
        distribution_functions,
        elliptic,
        error_functions,
        gamma_functions,
        integrals,
        incomplete,
        orthogonal,
        student,
    )
    for name in m.__all__
}


@pytest.mark.parametrize("prim", BINARY)
def test_binary_samples_contain_ties(prim: Primitive) -> None:
    pairs = [(float(x), float(y)) for args in float_operands(prim) for x, y in zip(args[0].ravel(), args[1].ravel())]
    if prim.name in WITH_DOMAINS:
        assert rc.cases(prim)[0].constant or any(x == y for x, y in pairs)
        return
    if prim.name in ("mod", "fmod"):
        assert any(x % y == 0 for x, y in pairs)
    elif prim.name != "power":
        assert any(x == y for x, y in pairs)
    if prim.name not in {*NEEDS_POSITIVE, "mod", "fmod"}:
        assert any(x == -y != 0 for x, y in pairs) and any(x == y == 0 for x, y in pairs)
        assert any((x == 0) != (y == 0) for x, y in pairs)


REDUCTIONS = [p for p in DIFFERENTIABLE if isinstance(p.values[0].lower, lowering.Reduce)]


@pytest.mark.parametrize("prim", REDUCTIONS)
def test_reduction_samples_contain_equal_elements_and_one_element(prim: Primitive) -> None:
    operands = [args[0] for args in float_operands(prim)]
    assert any(x.size > 1 and np.all(x == x.ravel()[0]) for x in operands) and any(x.size == 1 for x in operands)
    assert prim.name in ("reduce_max", "reduce_min") or any(x.size == 0 for x in operands)


def test_samples_are_the_same_on_every_call() -> None:
    for prim in REGISTRY.values():
        for first, second in zip(rc.cases(prim), rc.cases(prim), strict=True):
            for x, y in zip(first.args, second.args, strict=True):
                np.testing.assert_array_equal(x, y)


# --- the checks can fail --------------------------------------------------------------------------------------------


@pytest.fixture
def wrong_rule(monkeypatch: pytest.MonkeyPatch) -> Primitive:
    """sin with the derivative -cos."""
    prim = REGISTRY["sin"]
    right = prim.linearize

    def wrong(x: object) -> object:
        out, tangent_map = right(x)
        return out, lambda t: -tangent_map(t)

    monkeypatch.setattr(registry_cases, "_canonical", {})
    monkeypatch.setattr(rc, "_functionals", {})
    monkeypatch.setattr(prim, "linearize", wrong)
    return prim


def test_a_wrong_sign_is_found(wrong_rule: Primitive) -> None:
    with pytest.raises(AssertionError, match="against differences"):
        rc.check_derivatives(rc.cases(wrong_rule)[0])


@pytest.mark.parametrize("name", ["conj", "imag", "complex"])
def test_a_cotangent_conjugated_once_too_often_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prim, conj = REGISTRY[name], REGISTRY["conj"]
    right = prim.transpose

    def wrong(ct: Any, *args: Any) -> list[Any]:
        given = conj(ct) if ct.dtype.kind == "c" else ct
        return [conj(c) if c.dtype.kind == "c" and given is ct else c for c in right(given, *args)]

    monkeypatch.setattr(registry_cases, "_canonical", {})
    monkeypatch.setattr(prim, "transpose", wrong)
    with pytest.raises(AssertionError, match="rows against columns"):
        rc.check_jacobian(next(case for case in rc.cases(prim) if np.size(case.args[0]) == 1))


def test_an_op_without_declaration_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["sin"], "differentiation", None)
    with pytest.raises(AssertionError, match="states no differentiation rule"):
        rc.check_declaration(REGISTRY["sin"])


def test_an_op_with_two_declarations_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["sin"], "differentiation", nondiff)
    with pytest.raises(AssertionError, match="nondiff and has a derivative rule"):
        rc.check_declaration(REGISTRY["sin"])
