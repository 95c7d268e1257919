"""The matrix: every public function of funcgrad.numpy x {value, dtype, grad, jvp, vmap, jit} x dtypes.

`cells()` yields what is to hold; `check(cell)` raises where it does not. `matrix_exceptions.py` is the reviewed list of
cells that do not hold, with the reasons.
"""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from matrix_exceptions import EXCEPTIONS, FURTHER_EXCEPTIONS, NOT_SAMPLED
from matrix_table import DTYPES, FURTHER_DTYPES, TABLE, arguments, function_of, reference_of, values
from numpy_modes import eager, staged

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import tree
from funcgrad.core.tracing import Tracer

MODES = ("value", "dtype", "grad", "jvp", "vmap", "jit")
CHUNK = 12  # functions that share one compilation
STEP = 1e-6


class Cell(NamedTuple):
    """One promise: this function, in this mode, on this dtype."""

    name: str
    mode: str
    dtype: str


def quiet(f: Callable) -> Callable:
    """Run without NumPy's warnings."""

    @functools.wraps(f)
    def wrapper(*args: Any, **options: Any) -> Any:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return f(*args, **options)

    return wrapper


# --- what there is ----------------------------------------------------------------------------------------------------


def is_function(name: str) -> bool:
    """Whether a public name is to be sampled: not a module, a type, a constant, or listed with a reason."""
    value = getattr(fnp, name)
    kind = isinstance(value, (types.ModuleType, type, float)) or value is None
    return not kind and name not in NOT_SAMPLED


def operands(name: str, dtype: str, example: int = 0) -> list[Any]:
    """The operands of the sample call; the second example of a batch differs from the first."""
    found = values(dtype)
    moved = [found[a] for a in arguments(TABLE[name])]
    if not example:
        return moved
    change: dict[str, Callable] = {"f": lambda a: (a * 1.01).astype(a.dtype), "i": lambda a: a + 1, "b": lambda a: ~a}
    varying = [a in values(dtype) and a not in ("k", "c", "b", "u") for a in arguments(TABLE[name])]
    return [change[v.dtype.kind](v)[()] if on else v for v, on in zip(moved, varying)]


@functools.cache
@quiet
def expected(name: str, dtype: str, example: int = 0) -> Any:
    """NumPy's answer, or the exception that it raises."""
    try:
        return reference_of(name)(*operands(name, dtype, example))
    except Exception as error:
        return error


def refused(name: str, dtype: str) -> bool:
    """Whether NumPy does not take this dtype."""
    return isinstance(expected(name, dtype), Exception)


def array_leaves(value: Any) -> list[Any]:
    """The leaves of a result that are arrays or numbers of NumPy; tuples of shapes and the like have none."""
    leaves = tree.tree_leaves(value)
    return [v for v in leaves if isinstance(v, (Tracer, np.ndarray, np.generic)) and v.dtype.kind in "biufc"]


def has_derivative(name: str) -> bool:
    """Whether the sample call returns floating numbers."""
    return any(v.dtype.kind in "fc" for v in array_leaves(expected(name, "float64")))


def cells() -> Iterator[Cell]:
    """All cells to which the matrix applies, exceptions included."""
    for name in TABLE:
        for dtype in DTYPES:
            for mode in MODES:
                if refused(name, dtype) and mode != "value":
                    continue
                if mode in ("grad", "jvp") and (not dtype.startswith("float") or not has_derivative(name)):
                    continue
                yield Cell(name, mode, dtype)


def further(dtype: str) -> list[Cell]:
    """The cells of a dtype of which only values and dtypes are held, compiled; NumPy takes them all."""
    found = [Cell(name, "jit", dtype) for name in TABLE if not refused(name, dtype)]
    listed = lambda c: (c.name, dtype) in FURTHER_EXCEPTIONS or (c.name, dtype, "jit") in FURTHER_EXCEPTIONS  # noqa: E731
    return [c for c in found if not excepted(c) and not listed(c)]


def excepted(cell: Cell) -> str | None:
    """The reason why a cell does not hold: listed for the function and mode, for all dtypes or for one."""
    return EXCEPTIONS.get((cell.name, cell.mode)) or EXCEPTIONS.get((cell.name, cell.mode, cell.dtype))


# --- checks -----------------------------------------------------------------------------------------------------------


def assert_values(actual: Any, wanted: Any, where: str, dtype: str) -> None:
    """Equal structure, shapes, and values up to rounding."""
    a, b = tree.tree_leaves(actual), tree.tree_leaves(wanted)
    assert len(a) == len(b), f"{where}: {len(a)} results, NumPy has {len(b)}"
    for x, y in zip(a, b):
        if isinstance(y, (str, np.dtype)):
            assert isinstance(x, str) or x == y, where
            continue
        assert np.shape(x) == np.shape(y), f"{where}: shape {np.shape(x)}, NumPy has {np.shape(y)}"
        names = (str(np.asarray(y).dtype), dtype)
        tolerance = max({"float16": 4e-3, "float32": 3e-5, "complex64": 3e-5}.get(name, 1e-11) for name in names)
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, err_msg=where)


def assert_dtypes(actual: Any, wanted: Any, where: str) -> None:
    """Equal dtypes of arrays."""
    a, b = array_leaves(actual), array_leaves(wanted)
    assert [v.dtype for v in a] == [v.dtype for v in b], (
        f"{where}: {[v.dtype for v in a]}, NumPy has {[v.dtype for v in b]}"
    )


@functools.cache
@quiet
def traced(name: str, dtype: str) -> tuple[Any, Any]:
    """The result on eager traced values, and on abstract ones."""
    f, args = function_of(TABLE[name]), operands(name, dtype)
    try:
        return eager(f, args), None if excepted(Cell(name, "jit", dtype)) else staged(f, args)
    except Exception as error:
        return error, None


@quiet
def check_value(cell: Cell) -> None:
    """Values on traced operands; where NumPy refuses a dtype, so must we."""
    if refused(cell.name, cell.dtype):
        for run in (eager, staged):
            try:
                run(function_of(TABLE[cell.name]), operands(cell.name, cell.dtype))
            except (TypeError, ValueError, IndexError) as error:
                assert str(error)
                continue
            raise AssertionError(f"{cell}: NumPy refuses with {expected(cell.name, cell.dtype)!r}")
        return
    plain, abstract = _results(cell)
    for result in (plain, abstract) if abstract is not None else (plain,):
        assert_values(result, expected(cell.name, cell.dtype), str(cell), cell.dtype)


def _results(cell: Cell) -> tuple[Any, Any]:
    found = traced(cell.name, cell.dtype)
    if isinstance(found[0], Exception):
        raise found[0]
    return found


def check_dtype(cell: Cell) -> None:
    """Dtypes on traced operands."""
    for result in _results(cell):
        if result is not None:
            assert_dtypes(result, expected(cell.name, cell.dtype), str(cell))


def floating(name: str, dtype: str) -> list[int]:
    """Which operands are differentiated."""
    return [i for i, v in enumerate(operands(name, dtype)) if v.dtype.kind == "f"]


def loss_of(name: str, dtype: str, places: list[int]) -> Callable:
    """Weighted sum of the floating results, as a function of the floating operands."""
    f, args = function_of(TABLE[name]), operands(name, dtype)
    weights = [np.cos(np.arange(np.size(v)) + 0.5).reshape(np.shape(v)) for v in tree.tree_leaves(expected(name, dtype))
               if getattr(v, "dtype", np.dtype(bool)).kind in "fc"]  # fmt: skip

    def loss(*floats: Any) -> Any:
        given = list(args)
        for i, v in zip(places, floats):
            given[i] = v
        results = [v for v in array_leaves(f(*given)) if v.dtype.kind in "fc"]
        total: Any = 0.0
        for v, weight in zip(results, weights):
            total = total + (fnp.real(v) * weight.astype(fnp.real(v).dtype)).sum()
        return total

    return loss


@functools.cache
def directions(name: str, dtype: str) -> list[Any]:
    """One direction for each differentiated operand."""
    rng = np.random.default_rng(5)
    shapes = [operands(name, dtype)[i] for i in floating(name, dtype)]
    return [np.asarray(rng.standard_normal(v.shape)).astype(v.dtype)[()] for v in shapes]


@functools.cache
@quiet
def slope(name: str) -> float:
    """The directional derivative in float64 by central differences."""
    places = floating(name, "float64")
    loss, args = loss_of(name, "float64", places), operands(name, "float64")
    along = lambda t: float(loss(*[args[i] + t * d for i, d in zip(places, directions(name, "float64"))]))  # noqa: E731
    return (along(STEP) - along(-STEP)) / (2 * STEP)


@quiet
def check_grad(cell: Cell) -> None:
    """Reverse mode against differences, and of the dtype of the operand."""
    places = floating(cell.name, cell.dtype)
    args = [operands(cell.name, cell.dtype)[i] for i in places]
    gradients = fg.grad(loss_of(cell.name, cell.dtype, places), tuple(range(len(places))))(*args)
    assert all(g.dtype == a.dtype and g.shape == a.shape for g, a in zip(gradients, args)), (
        f"{cell}: types of gradients"
    )
    total = sum(np.sum(np.float64(g) * d) for g, d in zip(gradients, directions(cell.name, cell.dtype)))
    _close(total, cell)


@quiet
def check_jvp(cell: Cell) -> None:
    """Forward mode against differences."""
    places = floating(cell.name, cell.dtype)
    args = [operands(cell.name, cell.dtype)[i] for i in places]
    tangents = tuple(directions(cell.name, cell.dtype))
    _close(fg.jvp(loss_of(cell.name, cell.dtype, places), tuple(args), tangents)[1], cell)


def _close(value: Any, cell: Cell) -> None:
    """Against the difference quotient, to what it is good for; float32 to what float32 is."""
    tolerance = 2e-3 if cell.dtype == "float32" else 2e-6
    wanted = slope(cell.name)
    assert abs(float(value) - wanted) <= tolerance * max(1.0, abs(wanted)), (
        f"{cell}: {value}, differences give {wanted}"
    )


@quiet
def check_vmap(cell: Cell) -> None:
    """A batch of two against NumPy on each."""
    batch = [np.stack(pair) for pair in zip(*(operands(cell.name, cell.dtype, k) for k in (0, 1)))]
    f = function_of(TABLE[cell.name])
    results = fg.vmap(lambda *args: array_leaves(f(*args)))(*batch)
    for k in (0, 1):
        wanted = expected(cell.name, cell.dtype, k)
        if not isinstance(wanted, Exception):
            parts = [np.asarray(v)[k] for v in results]
            assert_values(parts, array_leaves(wanted), f"{cell} example {k}", cell.dtype)
            assert_dtypes(parts, wanted, f"{cell} example {k}")


@quiet
def check_jit(group: list[Cell]) -> None:
    """Functions compiled together, each against NumPy."""
    functions = [function_of(TABLE[c.name]) for c in group]
    args = [operands(c.name, c.dtype) for c in group]

    def together(args: list[list[Any]]) -> list[list[Any]]:
        return [array_leaves(f(*a)) for f, a in zip(functions, args)]

    for cell, result in zip(group, fg.jit(together)(args)):
        wanted = array_leaves(expected(cell.name, cell.dtype))
        assert_values(result, wanted, str(cell), cell.dtype)
        assert_dtypes(result, wanted, str(cell))


@quiet
def check_eager(name: str, dtype: str) -> None:
    """Value and dtype on eager traced values of a dtype outside the matrix; where NumPy refuses it, so must we."""
    try:
        result = eager(function_of(TABLE[name]), operands(name, dtype))
    except (TypeError, ValueError, IndexError) as error:
        assert str(error) and refused(name, dtype), f"{name} {dtype}: {error!r}"
        return
    assert not refused(name, dtype), f"{name} {dtype}: NumPy refuses with {expected(name, dtype)!r}"
    assert_values(result, expected(name, dtype), f"{name} {dtype}", dtype)
    assert_dtypes(result, expected(name, dtype), f"{name} {dtype}")


CHECKS: dict[str, Callable] = {"value": check_value, "dtype": check_dtype, "grad": check_grad, "jvp": check_jvp,
                               "vmap": check_vmap, "jit": lambda cell: check_jit([cell])}  # fmt: skip


def check(cell: Cell) -> None:
    """Raise unless the cell holds."""
    CHECKS[cell.mode](cell)


def through_numpy() -> list[str]:
    """The functions whose sample call reaches us through NumPy's own name."""
    return [n for n, call in TABLE.items() if f"m.{n}(" in call and hasattr(np, n)]


def counts() -> str:
    """What the matrix covers, in a few lines."""
    public = [n for n in fnp.__all__ if is_function(n)]
    every = list(cells())
    listed = [c for c in every if excepted(c)]
    lines = [
        f"{len(fnp.__all__)} public names: {len(public)} functions sampled, {len(NOT_SAMPLED)} listed without sample, "
        f"{len(fnp.__all__) - len(public) - len(NOT_SAMPLED)} types, constants and modules",
        f"{len(through_numpy())} functions called as numpy.<name> on traced values",
        f"{sum(len(further(d)) for d in FURTHER_DTYPES)} cells of {len(FURTHER_DTYPES)} further dtypes, eager and "
        f"compiled; {len(FURTHER_EXCEPTIONS)} exceptions",
        f"{len(every)} cells, {len(listed)} of them exceptions ({len(EXCEPTIONS)} entries)",
    ]
    for mode in MODES:
        of_mode = [c for c in every if c.mode == mode]
        bad = sum(excepted(c) is not None for c in of_mode)
        names = len({c.name for c in of_mode if not excepted(c)})
        lines.append(f"  {mode:6s} {len(of_mode) - bad:5d} hold, {bad:3d} exceptions; {names} functions")
    return "\n".join(lines)
