# ruff: noqa: E501, SIM905
"""NumPy's protocols, conversions to Python, attributes, and the texts of errors."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
from numpy_modes import assert_same, eager, staged

import funcgrad.numpy as fnp
from funcgrad import errors
from funcgrad.core.avals import aval_of
from funcgrad.core.tracing import Trace, Tracer

V = np.array([0.4, 0.7, 0.2])
LINEAR_LIST = (  # the names that client code uses most, by a census of public repositories
    "array ndarray where zeros asarray sum arange sqrt exp ones float32 mean shape concatenate int32 log abs reshape pi broadcast_to eye "
    "expand_dims zeros_like einsum inf dot maximum square stack clip result_type max linspace ndim matmul power float64 moveaxis sin minimum "
    "finfo newaxis argmax diag cos full issubdtype outer logical_and isnan all ones_like pad allclose transpose take tensordot swapaxes "
    "floating bool_ squeeze any repeat tile amax diagonal nan log1p dtype cumsum isfinite meshgrid sign std vstack size min isclose equal "
    "split multiply invert var tanh argsort mod uint32 atleast_1d roll append reciprocal floor inexact hstack logical_or astype sort identity "
    "conj atleast_2d count_nonzero prod take_along_axis expm1 isinf arctan2 empty integer iscomplexobj full_like column_stack isscalar ravel "
    "int64 block broadcast_shapes trace logaddexp logical_not unique searchsorted vdot promote_types flip diff cross argwhere percentile "
    "complex64 polyval amin diag_indices triu broadcast_arrays not_equal arccos tril uint8 divide copy argmin real tril_indices ceil add iinfo "
    "nan_to_num cumprod complexfloating kron arctan quantile nanmax cov negative sinc histogram interp hypot nanmean round"
).split()


@pytest.mark.parametrize("name", LINEAR_LIST)
def test_names_in_use_exist(name: str) -> None:
    assert name in fnp.__all__ and hasattr(fnp, name)


def test_the_documentation_lists_every_name() -> None:
    page = (Path(__file__).parents[2] / "docs" / "numpy.md").read_text()
    assert [name for name in fnp.__all__ if f"`{name}`" not in page] == []


def test_every_exported_name_exists_and_is_numpys() -> None:
    for name in fnp.__all__:
        assert hasattr(fnp, name)
        if name not in ("at", "bool", "float_", "complex_", "ComplexWarning"):
            assert hasattr(np, name) or name in ("matvec", "vecmat", "row_stack"), name
    assert len(fnp.__all__) == len(set(fnp.__all__)) > 400


def test_missing_names_are_explained() -> None:
    with pytest.raises(
        AttributeError, match=r"funcgrad.numpy has no 'tensordott'; the nearest names are tensordot.*docs/numpy.md"
    ):
        _ = fnp.tensordott


def test_without_traced_values_numpy_runs() -> None:
    assert type(fnp.sum(V)) is np.float64 and type(fnp.sin(0.5)) is np.float64 and type(fnp.zeros(3)) is np.ndarray
    out = np.zeros(3)
    assert fnp.add(V, 1, out=out) is out
    assert fnp.sum(V, where=[True, False, True]) == pytest.approx(0.6)


# --- through NumPy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    ["np.sin(x)", "np.add(x, V)", "np.add(V, x)", "V * x", "V @ x", "np.sum(x)", "np.dot(V, x)", "np.where(x > 0.3, x, V)", "np.concatenate([x, V])",
     "np.add.reduce(x)", "np.multiply.outer(x, V)", "np.maximum.accumulate(x)", "np.add.accumulate(x)", "np.linalg.matmul(x, V)", "np.float64(2) * x"],
)  # fmt: skip
def test_numpy_functions_accept_traced_values(expression: str) -> None:
    def f(x: Any) -> Any:
        return eval(expression, {"np": np, "V": V, "x": x})

    try:
        expected = f(V)
        for run in (eager, staged):
            assert_same(run(f, [V]), expected, expression)
    except TypeError as error:
        assert expression == "np.linalg.matmul(x, V)" and "nearest supported: matmul" in str(error)


@pytest.mark.parametrize(
    "name",
    ["expit", "erf", "erfc", "erfinv", "logit", "log_expit", "ndtr", "entr", "expm1", "log1p", "exp2", "exp10", "cbrt"],
)
def test_scipy_special_functions(name: str) -> None:
    ufunc = getattr(scipy.special, name)
    for run in (eager, staged):
        assert_same(run(ufunc, [V]), ufunc(V), name, rtol=1e-13)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
def test_scipy_special_products(name: str) -> None:
    ufunc = getattr(scipy.special, name)
    x, y = np.array([0.0, 0.5, 0.0, 2.0]), np.array([0.0, 0.3, np.nan, 1.5])
    for run in (eager, staged):
        assert_same(run(ufunc, [x, y]), ufunc(x, y), name)


ERRORS = {
    "lacking function": (lambda t: np.min_scalar_type(t), r"numpy\.min_scalar_type does not work on traced values: (.|\n)*custom_vjp"),
    "lacking ufunc": (lambda t: np.isnat(t), r"numpy\.isnat does not work on traced values"),
    "reduce": (lambda t: np.subtract.reduce(t), r"numpy\.subtract\.reduce is not supported"),
    "accumulate": (lambda t: np.subtract.accumulate(t), r"numpy\.subtract\.accumulate is not supported"),
    "reduceat": (lambda t: np.add.reduceat(t, [0, 1]), r"numpy\.add\.reduceat is not supported"),
    "ufunc.at": (lambda t: np.add.at(t, 0, 1.0), r"changes its first operand in place"),
    "out=": (lambda t: fnp.sum(t, out=np.zeros(())), r"sum: out= is not supported on traced values"),
    "ufunc out=": (lambda t: fnp.sin(t, out=np.zeros(3)), r"sin: out= is not supported|cannot be written"),
    "where=": (lambda t: np.sin(t, where=[True, False, True]), r"sin: where= is not supported on traced values; choose with funcgrad"),
    "in place": (lambda t: V.copy().__iadd__(t), r"cannot be written into an existing NumPy array"),
    "copyto": (lambda t: np.copyto(np.zeros(3), t), r"numpy\.copyto writes(.|\n)*Fix: "),
    "sort in place": (lambda t: t.sort(), r"Fix: y = funcgrad\.numpy\.sort\(x\)"),
    "fill": (lambda t: t.fill(1.0), r"full_like"),
    "pickle": (lambda t: pickle.dumps(t), r"cannot be pickled"),
    "array": (lambda t: np.array([t, t]), r"would drop its derivative|used as a NumPy array"),
    "axis": (lambda t: fnp.sum(t, axis=3), r"axis 3 is out of bounds"),
    "duplicate axis": (lambda t: fnp.sum(t[None], axis=(0, 0)), r"duplicate value in axis"),
    "broadcast": (lambda t: t + np.ones(4), r"add: operands of shapes \(3,\), \(4,\) cannot be broadcast together"),
    "reshape": (lambda t: t.reshape(2, 2), r"cannot reshape array of size 3 into shape \(2, 2\)"),
    "matmul": (lambda t: t @ np.ones((4, 2)), r"matmul: shapes \(3,\) and \(4, 2\) not aligned"),
    "concatenate": (lambda t: fnp.concatenate([t, t[None]]), r"concatenate: shapes .* differ outside axis 0"),
    "stack": (lambda t: fnp.stack([t, t[:2]]), r"stack: all input arrays must have the same shape"),
    "string operand": (lambda t: fnp.add(t, "a"), r"cannot be traced"),
    "None operand": (lambda t: fnp.where(t > 0, t, None), r"cannot be traced|NoneType"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ERRORS))
@pytest.mark.parametrize("run", [eager, staged])
def test_error_texts(name: str, run: Any) -> None:
    f, text = ERRORS[name]
    with pytest.raises((TypeError, ValueError), match=text):
        run(f, [V])


def test_operators_with_foreign_objects() -> None:
    class Foreign:
        def __radd__(self, other: Any) -> str:
            return "foreign"

    def f(t: Any) -> Any:
        assert t + Foreign() == "foreign"
        assert (t == None) is False and (t != "a") is True  # noqa: E711
        with pytest.raises(TypeError, match="unsupported operand"):
            t + None
        return t

    eager(f, [V])


# --- conversions ------------------------------------------------------------------------------------------------------


def test_eager_values_convert_when_asked() -> None:
    def f(t: Any, i: Any) -> Any:
        assert float(t[0]) == 0.4 and int(t[0] * 10) == 4 and bool(t[0] > 0.3) and complex(t[0]) == 0.4
        assert (
            t[0].item() == 0.4 and t.tolist() == [0.4, 0.7, 0.2] and f"{t[0]:.1f}" == "0.4" and "%.1f" % t[0] == "0.4"  # noqa: UP031
        )
        assert list(range(i)) == [0, 1] and [10, 20, 30][i] == 30 and V[i] == 0.2 and np.asarray(i).dtype == np.int64
        assert "Traced<float64[3], value=" in f"{t}" and hash(t) == hash(t) and copy.deepcopy(t) is t
        assert round(t[1], 1).value == 0.7 and (0.4 in t) and t.nbytes == 24 and t.itemsize == 8
        return t

    eager(f, [V, np.int64(2)])


MODULE_LEVEL_FLOAT = "def f(t):\n    a = [float(t), float(t + t), max(1.0, float(t)), float(x=t) if False else float(t * 2.0 ** (3 - 1))]\n    return t"


def test_explicit_float_is_recognised_without_source() -> None:
    scope: dict[str, Any] = {}
    exec(compile(MODULE_LEVEL_FLOAT, "<no file>", "exec"), scope)
    eager(scope["f"], [np.float64(0.4)])


@pytest.mark.parametrize(
    "take",
    [
        lambda t: math.sin(t),
        lambda t: math.hypot(1.0, t),
        lambda t: list(map(math.exp, [t])),
        lambda t: 1.0 + math.sqrt(t),
    ],
)
def test_silent_conversions_raise(take: Any) -> None:
    with pytest.raises(errors.ConcretizationError, match=r"would drop its derivative(.|\n)*fnp.sin for math.sin"):
        eager(take, [np.float64(0.4)])


@pytest.mark.parametrize(
    ("use", "cls", "text"),
    [(lambda t: bool(t[0] > 0), errors.TracerBoolConversionError, "funcgrad.numpy.where"), (lambda t: float(t[0]), errors.ConcretizationError, r"for float\(\.\.\.\)"),
     (lambda t: int(t[0]), errors.ConcretizationError, r"for int\(\.\.\.\)"), (lambda t: np.asarray(t), errors.TracerArrayConversionError, "as a NumPy array"),
     (lambda t: t.item(), errors.ConcretizationError, r"item\(\)"), (lambda t: t.tolist(), errors.ConcretizationError, r"tolist\(\)"),
     (lambda t: f"{t[0]:.2f}", errors.ConcretizationError, "for formatting"), (lambda t: fnp.zeros(fnp.argmax(t)), errors.ConcretizationError, "a shape or size in zeros"),
     (lambda t: fnp.unique(t), errors.ConcretizationError, r"unique, whose result has a size that depends on data; use funcgrad.numpy.where"),
     (lambda t: t[: fnp.argmax(t)], errors.ConcretizationError, "funcgrad.lax.dynamic_slice"), (lambda t: V[fnp.argmax(t)], errors.ConcretizationError, "an index")],
)  # fmt: skip
def test_staged_values_have_no_number(use: Any, cls: type, text: str) -> None:
    with pytest.raises(cls, match=text) as caught:
        staged(use, [V])
    assert "test_protocols.py" in str(caught.value), "the error shows the user's line"


def test_leaked_values_say_so() -> None:
    box: list[Any] = []
    eager(lambda t: box.append(t) or t, [V])
    for use in (lambda t: bool(t[0]), lambda t: t + 1, lambda t: np.asarray(t), lambda t: float(t.sum())):
        with pytest.raises(errors.LeakedTracerError, match="has_aux"):
            use(box[0])


def test_ndarray_is_the_type_of_arrays_and_traced_values() -> None:
    assert isinstance(V, fnp.ndarray) and not isinstance(1.0, fnp.ndarray) and issubclass(np.ndarray, fnp.ndarray)
    with Trace() as trace:
        assert isinstance(trace.input(aval_of(V)), fnp.ndarray)
    assert fnp.ndarray((2, 3)).shape == (2, 3)


# --- staging of constants ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [lambda: fnp.zeros((50, 40)), lambda: fnp.ones(1000), lambda: fnp.full((30, 30), 2.5), lambda: fnp.arange(1000), lambda: fnp.arange(2, 90, 3),
             lambda: fnp.eye(30), lambda: fnp.tri(30, k=1), lambda: fnp.identity(20), lambda: fnp.arange(10, dtype=float), lambda: fnp.tril(fnp.ones((20, 20)))]
)  # fmt: skip
def test_large_constants_become_equations(make: Any) -> None:
    expected = make()
    with Trace(purpose="jit") as trace:
        value = make()
        assert type(value) is Tracer
        program, captures = trace.program([], [value])
    assert not captures and all(np.size(a.value) == 1 for e in program.eqns for a in e.inputs if hasattr(a, "value"))
    from funcgrad.core.program import as_function

    assert_same(as_function(program)()[0], expected, "constant")
