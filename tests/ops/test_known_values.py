"""Values of ops known from elsewhere: where NumPy's meaning of an op is written in this package, and its compiled form
shares that text, a comparison of the two says nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.core.avals import shaped
from funcgrad.core.primitive import REGISTRY
from funcgrad.core.program import as_function
from funcgrad.core.tracing import retrace
from funcgrad.ops import elementwise, layout, linalg, random_bits
from funcgrad.transforms.batch import batch
from funcgrad.transforms.linearize import jvp, linearize
from funcgrad.transforms.transpose import pullback

# (counter, key, result) from the known-answer file of Random123, the authors' own implementation: "threefry2x32 20".
THREEFRY = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("counter", "key", "result"), THREEFRY)
def test_threefry(counter: tuple[int, int], key: tuple[int, int], result: tuple[int, int]) -> None:
    words = random_bits.threefry2x32(*map(np.uint32, key), *map(np.uint32, counter))
    assert tuple(map(int, words)) == result


def test_triangular_solve_passes_nan_through() -> None:
    a, b = np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([[np.nan], [1.0]])
    assert np.all(np.isnan(linalg.triangular_solve(a, b, lower=True, trans=False)))
    assert np.all(np.isnan(linalg.triangular_solve(a, b, lower=False, trans=False)) == [[True], [False]])


def test_a_broadcast_array_cannot_be_written_to() -> None:
    for x in (np.ones(3), np.ones((3, 2))[:, 0]):
        assert not layout.broadcast.impl(x, shape=(2, 3), dims=(1,)).flags.writeable


def test_operators_of_tracers_before_the_numpy_floor_replaces_them() -> None:
    x, y = np.array([1.0, 2.0]), np.array([5.0, 3.0])
    for swap, sign in ((False, 1), (True, -1)):
        minus = elementwise._operator(elementwise.sub, swap)
        program = retrace(lambda a, b, f=minus: [f(a, b), f(a, 4.0)], [shaped((2,), np.float64)] * 2)
        np.testing.assert_array_equal(as_function(program)(x, y), [sign * (x - y), sign * (x - 4.0)])


def test_a_loop_of_cheap_steps_stores_nothing_but_its_state() -> None:
    """Cosines and exponentials are computed again in the backward pass; where a step is expensive they are stored."""
    number, scan = shaped((), np.float64), REGISTRY["scan"]

    def cheap(c: Any) -> Any:
        return elementwise.sin(elementwise.exp(elementwise.sin(c)))

    def dear(c: Any) -> Any:
        return linalg.total(linalg.inv(layout.reshape(cheap(c), shape=(1, 1))))

    for step, count in ((cheap, 1), (dear, 3)):
        body = retrace(lambda c, f=step: [f(c)], [number])
        params = dict(body=body, consts=0, carries=1, length=5, reverse=False)
        program = retrace(lambda c, p=params: scan(c, **p), [number])
        assert len(linearize(program, (True,)).forward.outputs) == 1 + count


SINGULAR = {
    **dict.fromkeys(("reciprocal", "log", "log2", "log10", "sqrt", "rsqrt", "cbrt"), (0.0,)),
    **dict.fromkeys(("arcsin", "arccos", "arccosh", "arctanh", "erfinv"), (1.0,)),
    **dict.fromkeys(("exp", "exp2", "expm1", "sinh", "cosh"), (2000.0,)),
    "log1p": (-1.0,),
    "div": (1.0, 0.0),
    "power": (0.0, -1.0),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_an_infinite_derivative_times_zero_is_zero(name: str) -> None:
    point = [np.float64(x) for x in SINGULAR[name]]
    _check_zero(retrace(lambda *x: [REGISTRY[name](*x)], [shaped((), np.float64)] * len(point)), point)


def test_an_infinite_derivative_of_an_integer_power_times_zero_is_zero() -> None:
    program = retrace(lambda x: [elementwise.integer_power(x, n=-1)], [shaped((), np.float64)])
    _check_zero(program, [np.float64(0)])


def _check_zero(program: Any, point: list[Any]) -> None:
    """A zero tangent has a zero result, a zero cotangent has zero results, though a partial derivative is infinite."""
    on, zeros = (True,) * len(point), [np.float64(0)] * len(point)
    backward, parts = pullback(program, on, False)
    with np.errstate(all="ignore"):
        assert as_function(jvp(program, on)[0])(*point, *zeros)[1] == 0
        assert not np.isfinite(as_function(jvp(program, on)[0])(*point, *np.ones(len(point)))[1])
        residuals = as_function(parts.forward)(*point)[1:]
        assert as_function(backward)(*residuals, np.float64(0)) == zeros


def test_second_derivatives_where_there_are_none() -> None:
    """At the origin hypot and arctan2 have no derivative; that of the rule for their first ones is a number all the
    same, always the same one.
    """

    def slope(f: Any, x: float) -> Any:
        return fg.jvp(f, (x,), (1.0,))[1]

    assert slope(lambda x: slope(lambda z: fnp.hypot(z, 0.0), x), 0.0) == 1
    assert slope(lambda x: slope(lambda y: fnp.arctan2(y, x), 0.0), 0.0) == 1


def test_branches_are_all_computed_only_where_that_is_cheap() -> None:
    number, matrix = shaped((), np.int64), shaped((2, 2), np.float64)
    for f, ops in ((elementwise.sin, {"select"}), (linalg.inv, {"scan"})):
        branches = tuple(retrace(lambda x, g=g: [g(x)], [matrix]) for g in (f, elementwise.neg))
        program = retrace(lambda k, x, b=branches: REGISTRY["switch"](k, x, branches=b), [number, matrix])
        used = {eqn.prim.name for eqn in batch(program, 3, (0, 0))[0].eqns}
        assert used & {"select", "scan"} == ops


def test_results_of_branches_are_active_only_where_they_depend_on_what_is() -> None:
    pair = [shaped((), np.float64)] * 2
    branches = tuple(retrace(lambda x, y, g=g: [g(x), g(y)], pair) for g in (elementwise.sin, elementwise.neg))
    program = retrace(lambda k, x, y: REGISTRY["switch"](k, x, y, branches=branches), [shaped((), np.int64), *pair])
    assert jvp(program, (False, True, False))[1] == (True, False)
    assert jvp(program, (False, False, True))[1] == (False, True)
