"""Avals, programs and traces: interning, structural equality, the two evaluators, captures, and what an open Trace
refuses."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import errors
from funcgrad.core.avals import aval_of, is_supported, promote_dtypes, shaped
from funcgrad.core.primitive import REGISTRY, Primitive
from funcgrad.core.program import Program, as_function, evaluate
from funcgrad.core.tracing import Trace, bind, current_trace, retrace, run, trace
from funcgrad.ops import elementwise, layout, reduction
from funcgrad.ops.control import scan

SCALAR, VECTOR = shaped((), np.float64), shaped((3,), np.float64)


# --- avals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "<f8", ">f8", np.dtype("f8").newbyteorder("="), float, np.float64])
def test_equal_types_are_one_object_with_numpys_own_dtype(dtype: Any) -> None:
    assert shaped((2,), dtype) is shaped((np.int64(2),), "float64")
    assert shaped((2,), dtype).dtype is np.dtype(np.float64)


def test_types_survive_pickling() -> None:
    assert pickle.loads(pickle.dumps(VECTOR)) is VECTOR and repr(VECTOR) == "float64[3]" and VECTOR.nbytes == 24


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "uint64", "bool", "complex64", "complex128"]
)
def test_supported_types(dtype: str) -> None:
    assert is_supported(np.dtype(dtype))


@pytest.mark.parametrize("dtype", ["longdouble", "clongdouble", "object", "U3", "datetime64[s]", "V4"])
def test_unsupported_types(dtype: str) -> None:
    assert not is_supported(np.dtype(dtype))


@pytest.mark.parametrize("number", [True, 2, 2.0, 2j])
@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int64", "uint64", "float16", "float32", "float64", "complex64"]
)
def test_promotion_with_python_numbers_is_numpys(dtype: str, number: Any) -> None:
    expected = np.result_type(np.zeros(2, dtype), number)
    if type(number) is bool:
        assert promote_dtypes([np.dtype(dtype), np.dtype(bool)], []) == expected
    else:
        assert promote_dtypes([np.dtype(dtype)], [type(number)]) == expected


@pytest.mark.parametrize(
    "array",
    [
        pickle.loads(pickle.dumps(np.ones(3))),
        np.ones(3, np.dtype("f8").newbyteorder("=")),
        np.ones(3, ">f8"),
        np.ones(3, np.longlong),
    ],
)
def test_arrays_with_a_dtype_object_of_their_own_are_compiled(array: Any) -> None:
    """An unpickled array's dtype equals float64 but is another object."""
    f = fg.jit(lambda x: x * 2)
    for _ in range(3):
        np.testing.assert_array_equal(f(array), [2, 2, 2])


# --- programs -------------------------------------------------------------------------------------------------------


def make(factor: float = 2.0) -> Program:
    return retrace(lambda x: [reduction.reduce_sum(elementwise.sin(x) * factor, axes=(0,)), x], [VECTOR])


def test_programs_are_equal_by_structure() -> None:
    assert make() == make() and hash(make()) == hash(make()) and make() != make(3.0)
    assert make() != retrace(lambda x: [reduction.reduce_sum(elementwise.cos(x) * 2.0, axes=(0,)), x], [VECTOR])


def test_programs_that_differ_only_in_the_sign_of_a_zero_are_different() -> None:
    assert make(0.0) != make(-0.0)


def test_both_evaluators_give_the_same_bits() -> None:
    x = np.array([0.1, 0.2, 0.3])
    for a, b in zip(
        as_function(make())(x), evaluate(make(), [x], lambda p, args, params: p.impl(*args, **params)), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_the_text_of_a_program() -> None:
    assert str(make()) == (
        "{ lambda a:float64[3] .\n    b:float64[3] = sin a\n    c:float64[3] = broadcast[dims=(), shape=(3,)] 2.0\n"
        "    d:float64[3] = mul b c\n    e:float64[] = reduce_sum[axes=(0,)] d\n  in (e, a) }"
    )


def test_primitives_are_pickled_by_name_and_declared_once() -> None:
    assert pickle.loads(pickle.dumps(REGISTRY["sin"])) is REGISTRY["sin"]
    with pytest.raises(ValueError, match="sin is declared twice"):
        Primitive("sin")
    with pytest.raises(TypeError, match="unknown rules"):
        Primitive("a test", gradient=None)
    assert "a test" not in REGISTRY


# --- traces ---------------------------------------------------------------------------------------------------------


def test_without_a_trace_primitives_compute() -> None:
    assert current_trace() is None and elementwise.sin(np.float64(0.5)) == np.sin(0.5)


def test_what_is_closed_over_becomes_an_input() -> None:
    w = np.arange(3.0)
    program, captures = trace(lambda x: [x * w, x + w], [VECTOR], hoist=True)
    assert len(captures) == 1 and len(program.inputs) == 2
    np.testing.assert_array_equal(captures[0], w)


def test_an_eager_trace_captures_numbers_too_so_that_its_structure_does_not_depend_on_them() -> None:
    def record(step: float) -> Program:
        with Trace(eager=True, hoist=True) as t:
            x = t.input(SCALAR, 2.0)
            return t.program([x], [x * np.float64(step)])[0]

    assert record(0.1) == record(0.2)


def test_a_rule_may_not_capture_a_tracer() -> None:
    with Trace() as t, pytest.raises(TypeError, match="captured"):
        outer = t.input(SCALAR)
        retrace(lambda x: [x * outer], [SCALAR])


def test_traces_of_different_threads_are_separate() -> None:
    seen: list[Any] = []
    with Trace():
        thread = threading.Thread(target=lambda: seen.append(current_trace()))
        thread.start()
        thread.join()
    assert seen == [None] and current_trace() is None


def test_an_exception_closes_the_trace() -> None:
    with pytest.raises(ZeroDivisionError), Trace():
        raise ZeroDivisionError
    assert current_trace() is None


def test_a_closed_trace_refuses_its_values() -> None:
    with Trace(purpose="a test") as t:
        x = t.input(SCALAR)
    with pytest.raises(errors.LeakedTracerError, match="a test"):
        elementwise.sin(x)


def test_operands_that_are_no_arrays_are_refused() -> None:
    with pytest.raises(TypeError, match="operand 1 is 'a'"):
        bind(elementwise.add, [np.float64(1), "a"], {})


def test_python_numbers_pass_through_programs_as_numpy_numbers() -> None:
    """A carry that the loop hands on unchanged arrives as it was given; implementations and records need its dtype."""
    body = retrace(lambda c, k, x: [c + x, k], [SCALAR, SCALAR, SCALAR])
    program = retrace(
        lambda c, k, xs: scan(c, k, xs, body=body, consts=0, carries=2, length=3, reverse=False),
        [SCALAR, SCALAR, VECTOR],
    )
    assert all(hasattr(v, "dtype") for v in run(program, [1.0, 2.0, np.ones(3)]))
    with Trace(eager=True, hoist=True) as t:
        x = t.input(SCALAR, 1.0)
        assert run(program, [x, 2.0, np.ones(3)])[1].dtype == np.float64


def test_the_users_line_is_recorded() -> None:
    program = fg.make_program(lambda x: fnp.sin(x) + 1)(1.0)
    assert {eqn.source[0] for eqn in program.eqns} == {__file__}


def test_aval_of_values() -> None:
    assert aval_of(1.0) is SCALAR and aval_of(True).dtype == bool and aval_of(np.float32(1)).dtype == np.float32
    assert aval_of(layout.fill(1, (3,), np.float64)) is VECTOR
