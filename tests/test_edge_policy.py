"""The edge policy: what derivatives are at kinks and singular points, eager and compiled; and what an untaken
branch contributes.

One test for each row of the table in docs; each runs by grad and by jvp, plain and under jit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from edge_policy_table import ARRAYS, ROWS, SECOND, UNDEFINED, UNTAKEN, function_of, value_of
from write_edge_policy import PAGE, page

import funcgrad as fg
import funcgrad.numpy as fnp


def gradients(f: Callable, x: Any) -> dict[str, Any]:
    """The gradient by reverse mode, eager, compiled, vectorized; and by forward mode."""
    x = np.asarray(x)[()]
    basis = np.eye(np.size(x)).reshape(np.size(x), *np.shape(x))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        compiled = fg.jit(lambda x, t: fg.jvp(f, (x,), (t,))[1])
        forward = [fg.jvp(f, (x,), (t[()],))[1] for t in basis]
        return {
            "grad": fg.grad(f)(x), "jit grad": fg.jit(fg.grad(f))(x), "grad jit": fg.grad(fg.jit(f))(x),
            "jvp": np.reshape(forward, np.shape(x)), "vmap grad": fg.vmap(fg.grad(f))(np.stack([x, x]))[1],
            "jit jvp": np.reshape([compiled(x, t[()]) for t in basis], np.shape(x)),
        }  # fmt: skip


@pytest.mark.parametrize(("code", "point", "expected"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_row_of_the_edge_table(code: str, point: str, expected: str) -> None:
    for mode, got in gradients(function_of(code), value_of(point)).items():
        np.testing.assert_allclose(got, value_of(expected), rtol=1e-15, atol=0, err_msg=mode)


@pytest.mark.parametrize(("code", "point", "expected"), [pytest.param(*row[1:], id=row[0]) for row in ARRAYS])
def test_arrays_with_singular_elements(code: str, point: str, expected: str) -> None:
    for mode, got in gradients(function_of(code), value_of(point)).items():
        assert np.all(np.isfinite(got)), f"{mode}: {got}"
        np.testing.assert_allclose(got, value_of(expected), rtol=1e-13, atol=0, err_msg=mode)


@pytest.mark.parametrize(("code", "point", "expected"), [pytest.param(*row[1:], id=row[0]) for row in SECOND])
def test_second_derivatives_at_ties(code: str, point: str, expected: str) -> None:
    f = function_of(code)
    for mode, second in {
        "eager": fg.grad(fg.grad(f)),
        "jit": fg.jit(fg.grad(fg.grad(f))),
        "mixed": fg.grad(lambda y: fg.jvp(f, (y,), (1.0,))[1]),
    }.items():
        np.testing.assert_allclose(second(value_of(point)), value_of(expected), rtol=1e-12, atol=1e-15, err_msg=mode)


@pytest.mark.parametrize(("code", "point"), [pytest.param(*row[1:], id=row[0]) for row in UNTAKEN])
def test_an_untaken_branch_contributes_exactly_zero(code: str, point: str) -> None:
    for mode, got in gradients(function_of(code), value_of(point)).items():
        assert got == 0.0, f"{mode}: {got}"


@pytest.mark.parametrize(("code", "point", "instead"), [pytest.param(*row[1:], id=row[0]) for row in UNDEFINED])
def test_what_stays_undefined_has_a_form_that_is_not(code: str, point: str, instead: str) -> None:
    x = value_of(point)
    with np.errstate(all="ignore"):
        assert np.isnan(fg.grad(function_of(code))(x)).any()
        np.testing.assert_array_equal(function_of(code)(x), function_of(instead)(x))
    for mode, got in gradients(function_of(instead), x).items():
        assert np.all(np.isfinite(got)), mode


def test_there_are_enough_recipes_and_no_name_twice() -> None:
    assert len(UNTAKEN) >= 20 and len(ARRAYS) >= 20
    for table in (ROWS, SECOND, UNTAKEN, ARRAYS):
        assert len({row[0] for row in table}) == len(table)


def test_the_page_is_what_the_script_writes() -> None:
    assert PAGE.read_text() == page(), "run python tests/write_edge_policy.py"


def test_a_taken_branch_keeps_its_infinite_derivative() -> None:
    for mode, got in gradients(lambda x: fnp.where(x >= 0, fnp.sqrt(x), 0.0), 0.0).items():
        assert got == np.inf, mode


def test_second_derivative_through_an_untaken_branch() -> None:
    f = lambda x: fnp.where(x > 0, 1 / fnp.log(fnp.sqrt(x)), x**2)  # noqa: E731
    with np.errstate(all="ignore"):
        for wrap in (lambda g: g, fg.jit):
            assert wrap(fg.grad(fg.grad(f)))(0.0) == 2.0
