"""Every misuse: the right class of exception, and a text that names the function, the argument, the types, and the fix."""

# ruff: noqa: E501  (the table reads best with one misuse on each line)
from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import errors, lax

X = np.array([1.0, 2.0, 3.0])


def loss(params: dict, x: Any) -> Any:
    return fnp.sum((params["w"] @ x + params["b"]) ** 2)


def vector(x: Any) -> Any:
    return x * 2


def params(**changes: Any) -> dict:
    return {"w": np.ones((2, 3)), "b": np.zeros(2)} | changes


def python_if(x: Any) -> Any:
    if x > 0:
        return x
    return -x


def python_while(x: Any) -> Any:
    while x < 10:
        x = x * 2
    return x


LEAKED: list[Any] = []


def leak(x: Any) -> Any:
    LEAKED.append(x)
    return x * 1.0


def use_leaked_value(transform: Callable) -> Any:
    """Use after the function that made it has returned."""
    LEAKED.clear()
    transform(leak)(1.0)
    return LEAKED[0] + 1.0


def leak_into_another_trace() -> Any:
    LEAKED.clear()
    fg.jit(leak)(1.0)
    return fg.jit(lambda y: y + LEAKED[0])(2.0)


def write_into_array(x: Any) -> Any:
    buffer = np.zeros(3)
    buffer[0] = x
    return buffer.sum()


def unmatched_branches(x: Any) -> Any:
    return lax.scan(lambda c, w: (c * np.ones(2), None), x, X)[0]


def unfinished_vjp(x: Any) -> Any:
    return fg.custom_vjp(vector)(x)


# (what is wrong, the call, the class, words of the text)
MISUSES: list[tuple[str, Callable[[], Any], type[Exception], list[str]]] = [
    ("grad of an array result", lambda: fg.grad(vector)(X), TypeError, ["grad of vector", "float64[3]", "single real number", "jacrev"]),
    ("grad of a dict result", lambda: fg.grad(lambda x: {"a": x})(1.0), TypeError, ["single real number", "PyTreeDef"]),
    ("grad of an integer result", lambda: fg.grad(lambda x: fnp.argmax(x))(X), TypeError, ["int64[]", "single real number"]),
    ("grad of a boolean result", lambda: fg.grad(lambda x: x > 0)(1.0), TypeError, ["bool[]"]),
    ("grad of None", lambda: fg.grad(lambda x: None)(1.0), TypeError, ["single real number"]),
    ("grad at an integer", lambda: fg.grad(vector)(3), TypeError, ["grad of vector", "argument 0", "int64[]", "3.0 instead of 3"]),
    ("grad at a boolean", lambda: fg.grad(vector)(True), TypeError, ["argument 0", "bool[]"]),
    ("grad at an integer leaf", lambda: fg.grad(loss)(params(b=np.zeros(2, int)), X), TypeError, ["grad of loss", "argument 0, at ['b']", "int64[2]"]),
    ("argnums out of range", lambda: fg.grad(loss, argnums=2)(params(), X), TypeError, ["grad of loss", "argnums=2", "2 positional arguments"]),
    ("value_and_grad of an array", lambda: fg.value_and_grad(vector)(X), TypeError, ["value_and_grad of vector", "float64[3]"]),
    ("has_aux without a pair", lambda: fg.grad(loss, has_aux=True)(params(), X), TypeError, ["has_aux=True", "(value, aux)"]),
    ("holomorphic at a real number", lambda: fg.grad(vector, holomorphic=True)(X), TypeError, ["grad of vector", "holomorphic=True needs complex", "argument 0", "float64[3]"]),
    ("holomorphic with a real result", lambda: fg.grad(fnp.abs, holomorphic=True)(1j), TypeError, ["grad of absolute", "holomorphic=True needs complex", "the result", "float64[]"]),
    ("grad of a complex result", lambda: fg.grad(fnp.sin)(1j), TypeError, ["grad of sin", "complex128[]", "must be real", "holomorphic=True", "vjp"]),
    ("shapes that do not broadcast", lambda: fg.grad(loss)(params(b=np.zeros(3)), X), (TypeError, ValueError), ["(2,)", "(3,)"]),
    ("matrix shapes that do not fit", lambda: fg.jit(loss)(params(w=np.ones((2, 4))), X), (TypeError, ValueError), ["4", "3"]),
    ("reshape of the wrong size", lambda: fg.jit(lambda x: fnp.reshape(x, (2, 2)))(X), (TypeError, ValueError), ["3", "(2, 2)"]),
    ("axis out of range", lambda: fg.jit(lambda x: fnp.sum(x, axis=1))(X), (TypeError, ValueError), ["axis"]),
    ("concatenate of different ranks", lambda: fg.jit(lambda x: fnp.concatenate([x, x[None]]))(X), (TypeError, ValueError), ["concatenate", "(3,)", "(1, 3)"]),
    ("string argument of jit", lambda: fg.jit(vector)("abc"), TypeError, ["jit of vector", "argument 0", "'abc'", "static"]),
    ("string leaf of grad", lambda: fg.grad(loss)(params(w="no"), X), TypeError, ["grad of loss", "argument 0, at ['w']", "'no'"]),
    ("object array", lambda: fg.jit(vector)(np.array([1, None], dtype=object)), TypeError, ["argument 0", "object"]),
    ("long double array", lambda: fg.jit(vector)(np.zeros(2, np.longdouble)), TypeError, ["argument 0", "float128"]),
    ("datetime array", lambda: fg.jit(vector)(np.zeros(2, "datetime64[s]")), TypeError, ["argument 0", "datetime64"]),
    ("a set as argument", lambda: fg.grad(vector)({1.0, 2.0}), TypeError, ["argument 0", "set"]),
    ("an output that is no array", lambda: fg.jit(lambda x: (x, "text"))(1.0), TypeError, ["output", "'text'"]),
    ("jvp without tuples", lambda: fg.jvp(vector, 1.0, 1.0), TypeError, ["jvp", "tuples", "float"]),
    ("jvp with too few tangents", lambda: fg.jvp(loss, (params(), X), (params(),)), TypeError, ["jvp", "structure"]),
    ("jvp tangent of the wrong shape", lambda: fg.jvp(vector, (X,), (np.ones(2),)), TypeError, ["tangent", "float64[2]", "float64[3]"]),
    ("jvp tangent of the wrong dtype", lambda: fg.jvp(vector, (X,), (np.ones(3, np.float32),)), TypeError, ["tangent", "float32[3]", "float64[3]"]),
    ("vjp cotangent of the wrong structure", lambda: fg.vjp(vector, X)[1]((X, X)), TypeError, ["vjp", "cotangents have structure"]),
    ("vjp cotangent of the wrong shape", lambda: fg.vjp(vector, X)[1](np.ones(4)), TypeError, ["cotangent", "float64[4]", "float64[3]"]),
    ("linearize tangent of the wrong shape", lambda: fg.linearize(vector, X)[1](np.ones(4)), TypeError, ["linearize", "float64[4]"]),
    ("Python if under jit", lambda: fg.jit(python_if)(1.0), errors.TracerBoolConversionError, ["jit of python_if", "if x > 0", "bool[]", "static_argnums", "where"]),
    ("Python while under vmap", lambda: fg.vmap(python_while)(X), errors.TracerBoolConversionError, ["vmap of python_while", "while x < 10"]),
    ("and of traced values", lambda: fg.jit(lambda x: x > 0 and x < 2)(1.0), errors.TracerBoolConversionError, ["Fix:"]),
    ("float under jit", lambda: fg.jit(lambda x: float(x) * 2)(1.0), errors.ConcretizationError, ["float64[]", "static"]),
    ("int under jit", lambda: fg.jit(lambda x: int(x))(1), errors.ConcretizationError, ["int64[]"]),
    ("range of a traced value", lambda: fg.jit(lambda n: sum(range(n)))(3), errors.ConcretizationError, ["int64[]"]),
    ("a shape that is traced", lambda: fg.jit(lambda n: fnp.zeros(n))(3), (errors.ConcretizationError, TypeError), ["int64[]"]),
    ("boolean mask under jit", lambda: fg.jit(lambda x: x[x > 1])(X), (errors.ConcretizationError, TypeError, IndexError), ["mask"]),
    ("math.sin under jit", lambda: fg.jit(lambda x: math.sin(x))(1.0), errors.ConcretizationError, ["float64[]"]),
    ("math.sin under grad", lambda: fg.grad(lambda x: math.sin(x) * x)(1.0), (errors.ConcretizationError, TypeError), ["float"]),
    ("np.asarray under jit", lambda: fg.jit(lambda x: np.asarray(x) * 2)(X), errors.TracerArrayConversionError, ["float64[3]", "funcgrad.numpy"]),
    ("np.array of traced numbers", lambda: fg.jit(lambda x: np.array([x, 2.0]))(1.0), (errors.ConcretizationError, TypeError), ["Fix"]),
    ("np.full of a traced number", lambda: fg.jit(lambda x: np.full((2,), x))(1.0), (errors.ConcretizationError, TypeError), ["full"]),
    ("assignment into an array", lambda: fg.grad(write_into_array)(1.0), ValueError, ["buffer[0] = x", "Fix", "fnp.at"]),
    ("assignment into a traced array", lambda: fg.jit(lambda x: x.__setitem__(0, 1.0))(X), TypeError, [".at["]),
    ("in-place addition to an array", lambda: fg.grad(lambda x: np.add(np.zeros(3), x, out=np.zeros(3)).sum())(X), TypeError, ["add", "Fix"]),
    ("an unsupported NumPy function", lambda: fg.jit(lambda x: np.convolve(x, x, "bad"))(X), (TypeError, ValueError), ["convolve"]),
    ("np.linalg function without a rule", lambda: fg.jit(lambda x: np.linalg.qr(x, "raw"))(np.eye(2)), TypeError, ["linalg.qr", "raw"]),
    ("an unknown name", lambda: fnp.reducesum, AttributeError, ["reducesum", "nearest"]),
    ("an unknown name of the package", lambda: fg.gradient, AttributeError, ["gradient", "grad"]),
    ("an unknown method", lambda: fg.jit(lambda x: x.relu())(X), AttributeError, ["relu"]),
    ("a float as an index", lambda: fg.jit(lambda x: x[0.5])(X), (TypeError, IndexError), ["indices", "0.5"]),
    ("an index out of range", lambda: fg.jit(lambda x: x[5])(X), IndexError, ["5", "3"]),
    ("a leaked value, used later", lambda: use_leaked_value(fg.grad), errors.LeakedTracerError, ["grad of leak", "float64[]", "return the value"]),
    ("a leaked value after jit", lambda: use_leaked_value(fg.jit), errors.LeakedTracerError, ["jit of leak"]),
    ("a leaked value after vmap", lambda: use_leaked_value(lambda f: lambda x: fg.vmap(f)(X)), errors.LeakedTracerError, ["vmap of leak"]),
    ("a leaked value in another function", leak_into_another_trace, errors.LeakedTracerError, ["jit of leak", "has_aux"]),
    ("vmap over a scalar", lambda: fg.vmap(vector)(1.0), ValueError, ["vmap of vector", "argument 0", "float64[]", "in_axes"]),
    ("vmap sizes that differ", lambda: fg.vmap(fnp.add)(X, np.ones(2)), ValueError, ["argument 0: 3", "argument 1: 2"]),
    ("vmap without a batch", lambda: fg.vmap(vector, in_axes=None)(X), ValueError, ["no argument is batched", "axis_size"]),
    ("vmap in_axes of the wrong length", lambda: fg.vmap(vector, in_axes=(0, 0))(X), ValueError, ["in_axes has 2 entries"]),
    ("vmap axis out of range", lambda: fg.vmap(vector, in_axes=3)(X), ValueError, ["no axis 3"]),
    ("vmap out_axes out of range", lambda: fg.vmap(vector, out_axes=5)(X), ValueError, ["out_axes=5"]),
    ("vmap out_axes None for a batch", lambda: fg.vmap(vector, out_axes=None)(X), ValueError, ["out_axes is None"]),
    ("vmap in_axes of the wrong structure", lambda: fg.vmap(loss, in_axes=({"w": 0}, 0))(params(), X), ValueError, ["in_axes is not a prefix"]),
    ("static argument that is a list", lambda: fg.jit(lambda x, n: x, static_argnums=1)(1.0, [1]), errors.NonHashableStaticArgumentError, ["list", "tuple"]),
    ("static_argnames unknown", lambda: fg.jit(vector, static_argnames="n"), ValueError, ["'n'", "not a parameter", "x"]),
    ("custom_jvp without a rule", lambda: fg.grad(fg.custom_jvp(vector))(1.0), AttributeError, ["defjvp", "vector"]),
    ("custom_vjp without rules", lambda: fg.grad(unfinished_vjp)(1.0), AttributeError, ["defvjp", "vector"]),
    ("scan carry that changes type", lambda: fg.jit(unmatched_branches)(1.0), TypeError, ["scan", "carry", "float64[2]"]),
    ("scan lengths that differ", lambda: lax.scan(lambda c, x: (c, x[0]), 0.0, (X, np.ones(2))), (TypeError, ValueError), ["scan", "3", "2"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "words"), [pytest.param(*row[1:], id=row[0]) for row in MISUSES])
def test_misuse(call: Callable[[], Any], kind: type[Exception], words: list[str]) -> None:
    with pytest.raises(kind) as caught:
        call()
    text = f"{caught.value}\n{caught.value.__cause__ or ''}"  # NumPy wraps what happens inside an assignment
    missing = [w for w in words if w not in text]
    assert not missing, f"{missing} not in:\n{text}"


@pytest.mark.parametrize(("call", "kind", "words"), [pytest.param(*row[1:], id=row[0]) for row in MISUSES])
def test_a_misuse_leaves_nothing_behind(call: Callable[[], Any], kind: type[Exception], words: list[str]) -> None:
    """No Trace stays open, so the next call works."""
    with pytest.raises(kind):
        call()
    assert fg.grad(lambda x: x * x)(3.0) == 6.0 and fg.jit(vector)(2.0) == 4.0


def test_a_wrong_custom_rule_names_itself() -> None:
    f = fg.custom_vjp(vector)
    f.defvjp(lambda x: (x * 2, x), lambda saved, ct: (ct, ct))
    with pytest.raises(TypeError, match="custom_vjp vector: bwd must return a tuple with one cotangent"):
        fg.grad(f)(1.0)
    f.defvjp(lambda x: (x * 2, x), lambda saved, ct: (np.ones(3),))
    with pytest.raises(TypeError, match=r"custom_vjp vector: bwd: the cotangent of argument 0 has type float64\[3\]"):
        fg.grad(f)(1.0)
    g = fg.custom_jvp(vector)
    g.defjvp(lambda primals, tangents: primals[0])
    with pytest.raises(TypeError, match="custom_jvp vector: the rule must return"):
        fg.grad(g)(1.0)


def test_the_line_is_the_users_where_numpy_stands_between() -> None:
    table = np.arange(5.0)
    with pytest.raises(errors.TracerArrayConversionError, match=r"test_errors.py:\d+ in .*\n    .*np.take\(table, i\)"):
        fg.jit(lambda i: np.take(table, i))(np.array([1, 2]))


def test_the_users_line_is_shown() -> None:
    with pytest.raises(errors.TracerBoolConversionError) as caught:
        fg.jit(python_if)(1.0)
    line = python_if.__code__.co_firstlineno + 1
    assert f"test_errors.py:{line} in python_if" in str(caught.value)


@pytest.mark.parametrize("transform", [fg.grad, fg.jit])
@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("scipy.special.logsumexp", lambda x: scipy.special.logsumexp(x)),
        ("scipy.linalg.solve", lambda x: scipy.linalg.solve(np.eye(2), x)[0]),
        ("scipy.linalg.cholesky", lambda x: scipy.linalg.cholesky(np.outer(x, x))[0, 0]),  # SciPy loops over batches
        ("scipy.linalg.expm", lambda x: scipy.linalg.expm(np.outer(x, x))[0, 0]),
        ("scipy.stats", lambda x: scipy.stats.norm.logpdf(x)[0]),
    ],
)
def test_functions_of_scipy_that_cannot_be_followed_name_ours(transform: Any, name: str, f: Any) -> None:
    with pytest.raises(errors.TracerArrayConversionError) as caught:
        transform(f)(np.array([1.0, 2.0]))
    text = str(caught.value)
    assert (
        f": {name} was given a traced value" in text and f"use funcgrad.{name}," in text and "test_errors.py:" in text
    )


def test_a_value_used_in_another_thread_is_refused() -> None:
    caught: list[BaseException] = []

    def f(x: Any) -> Any:
        def work() -> None:
            try:
                caught.append(x + 1.0)  # type: ignore[arg-type]
            except errors.LeakedTracerError as e:
                caught.append(e)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return x

    fg.jit(f)(1.0)
    assert isinstance(caught[0], errors.LeakedTracerError) and "another thread" in str(caught[0])


def test_classes_can_be_caught_by_their_bases() -> None:
    for kind in (
        errors.ConcretizationError,
        errors.TracerBoolConversionError,
        errors.LeakedTracerError,
        errors.ProgramError,
    ):
        assert issubclass(kind, errors.FuncgradError)
    assert issubclass(errors.TracerBoolConversionError, TypeError)
