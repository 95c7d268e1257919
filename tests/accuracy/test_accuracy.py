"""Values and first derivatives of elementwise ops against mpmath, on a part of the grid of docs/accuracy.md: within the
promised units in the last place, right signs, no spurious zero, NaN or infinity; by NumPy (eager) and compiled.

Singular points (log at 0) are in tests/test_edge_policy.py, functions that are no ops in tests/compile/test_vecmath.py.
"""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from exact_functions import BINARY, EXACT, UNARY
from ulp_bounds import bound
from ulp_measure import MODES, Error, measure, points, results, ulps
from ulp_report import TARGET, number

from funcgrad.core import lowering
from funcgrad.core.primitive import REGISTRY
from funcgrad.core.scalar import FOREIGN
from funcgrad.ops.scipy_kernels import PREFIX, of_symbol

DTYPES = [np.float64, np.float32]
EVERY = 5  # the part of the grid: every fifth point, and all hard ones


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_errors_are_within_their_bounds(name: str, dtype: type, mode: str) -> None:
    value, *slopes = measure(name, dtype, mode, EVERY)
    for kind, errors in (("value", [value]), ("slope", slopes)):
        for k, error in enumerate(errors):
            assert error.ulps <= bound(name, dtype.__name__, mode, kind), f"{name}, {kind} {k}: {error}"


# Compiled code calls SciPy's functions for the first. The others have parameters, zeros that SciPy misses, or sums of
# terms of both signs. All are held to relative errors in tests/test_scipy_special.py.
OF_SCIPY = {of_symbol(s)[0] for s in FOREIGN if s.startswith(PREFIX)}
BY_RELATIVE_ERROR = {"cosm1", "lgamma", "digamma", "polygamma", "zeta_s", "gamma_density", "beta_kernel"}


def test_every_op_with_a_derivative_is_in_a_table() -> None:
    differentiable = {
        n for n, p in REGISTRY.items() if isinstance(p.lower, lowering.Scalar) and p.linearize is not None
    }
    assert differentiable - OF_SCIPY - BY_RELATIVE_ERROR == {*UNARY, *BINARY, *EXACT}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "x", "slope"),
    [
        ("sigmoid", 40.0, 4.248354255291589e-18),
        ("expm1", -40.0, 4.248354255291589e-18),
        ("tanh", 20.0, 1.699341702116635e-17),
    ],
)
def test_tails_that_other_libraries_lose(name: str, x: float, slope: float, mode: str) -> None:
    got = results(name, (np.array([x]),), mode)[1][0]
    assert abs(got - slope) <= 4 * np.spacing(slope)


EDGES = [0.0, 5e-324, 1e-310, 1e-40, 0.5, 1.0, 1.5, 2.0, 3.0, 8.0, 40.0, 710.0, 1e10, 1e30, 1e300, np.inf, np.nan]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted({*UNARY, *BINARY, "sign", "floor", "rint", "mod", "fmod", "floor_divide"}))
def test_special_values_are_those_of_numpy(name: str, dtype: type) -> None:
    """Signed zeros, infinities and NaN: the same in compiled code, for all pairs of operands."""
    with np.errstate(over="ignore"):
        edges = np.array([*EDGES, *(-e for e in EDGES)], dtype)
    operands = [edges] if name not in {*BINARY, "mod", "fmod", "floor_divide"} else [*np.meshgrid(edges, edges)]
    with np.errstate(all="ignore"):
        wanted = np.asarray(REGISTRY[name].impl(*operands))
    got = MODES["compiled"](REGISTRY[name])(*operands)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    number = ~np.isnan(wanted)
    if name != "erfinv":  # SciPy's loses the sign of zero
        np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(wanted)[number])
    np.testing.assert_array_equal(np.isinf(got), np.isinf(wanted))
    np.testing.assert_array_equal(got == 0, wanted == 0)


def test_the_grid_is_what_the_page_says() -> None:
    for dtype in DTYPES:
        (x,), info = points("tanh", dtype, 1), np.finfo(dtype)
        assert x.size >= 800 and np.signbit(x[x == 0]).any() and info.max in x and -info.smallest_subnormal in x
        assert (np.abs(x[x != 0]) < info.tiny).sum() > 15


def test_the_page_is_up_to_date_with_the_tables() -> None:
    """Every op has its rows; the numbers themselves depend on the machine's NumPy."""
    text = TARGET.read_text()
    for name in UNARY:
        assert text.count(f"| `{name}` |") == 2, name
    for name in BINARY:
        assert text.count(f"| `{name}` (operand 1) |") == text.count(f"| `{name}` (operand 2) |") == 2, name


def test_the_measure_sees_wrong_signs_and_spurious_zeros() -> None:
    assert ulps(-1.0, mpmath.mpf(1)) == np.inf and ulps(0.0, mpmath.mpf(1e-300)) == np.inf
    assert ulps(np.nan, mpmath.mpf(1)) == np.inf and ulps(np.inf, mpmath.mpf(1)) == np.inf
    assert ulps(1 + 2**-52, mpmath.mpf(1)) == 1.0
    assert number(Error(0.5, ())) == "0.50" and number(Error(np.inf, ())) == "*"
