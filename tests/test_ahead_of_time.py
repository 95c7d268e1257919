"""`jit(f).lower(*args).compile()`: calls, errors, memory, pickles, and C functions."""

from __future__ import annotations

import copy
import ctypes
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.integrate

import funcgrad as fg
from funcgrad.api.compilation import Jitted

X = np.linspace(-1.0, 2.0, 6)


def compiled(f: Callable, *args: Any, **options: Any) -> Any:
    return fg.jit(f, **options).lower(*args).compile()


# --- calls ----------------------------------------------------------------------------------------------------------


def affine(p: Any, x: Any, *, scale: Any = 1.0) -> Any:
    return {"y": p["w"] * x + p["b"], "z": (x * scale, x[0])}


def test_it_computes_what_jit_computes() -> None:
    p = {"w": X, "b": 2.0}
    f = compiled(affine, p, X)
    got, expected = f(p, X * 2), fg.jit(affine)(p, X * 2)
    np.testing.assert_array_equal(got["y"], expected["y"])
    assert list(got) == list(expected) and got["z"][1] == expected["z"][1]
    named = fg.jit(affine).lower(p, X, scale=2.0).compile()
    np.testing.assert_array_equal(named(p, X, scale=3.0)["z"][0], X * 3)


def test_flat_arguments_take_the_short_way() -> None:
    f = compiled(lambda x, y: x - y, X, 1.0)
    np.testing.assert_array_equal(f(X, 2.0), X - 2.0)
    np.testing.assert_array_equal(f(X[::-1], 2.0), X[::-1] - 2.0)  # not contiguous: copied
    assert f(X, 2.0).flags.owndata


def test_stand_ins_for_arrays_are_enough() -> None:
    f = compiled(lambda x: x + 1, fg.ShapeDtypeStruct((6,), "float32"))
    assert f(X.astype(np.float32)).dtype == np.float32


def test_static_arguments_are_left_out_of_the_call() -> None:
    f = compiled(lambda x, n, y: x**n + y, X, 3, X, static_argnums=1)
    np.testing.assert_allclose(f(X, X), X**3 + X)
    with pytest.raises(TypeError, match="Static arguments are left out"):
        f(X, 3, X)
    g = fg.jit(lambda x, mode: x * 2 if mode == "a" else x, static_argnames="mode").lower(X, mode="a").compile()
    np.testing.assert_array_equal(g(X), X * 2)


def test_donated_arguments_are_overwritten() -> None:
    f = compiled(lambda x, y: x * 2 + y, X, X, donate_argnums=0)
    x = X.copy()
    assert f(x, X) is x
    np.testing.assert_allclose(x, 3 * X)


@pytest.mark.parametrize("number", [3.0, 3, np.float64(3.0), np.array(3.0)])
def test_donated_numbers_are_numbers(number: object) -> None:
    f = fg.jit(lambda x, y: x + y, donate_argnums=0)
    for _ in range(2):
        result = f(number, 4.0)
        assert result == 7.0 and type(result) is np.float64 and number == 3.0


def test_closed_over_arrays_are_frozen() -> None:
    w = np.ones(6)
    f = compiled(lambda x: x * w, X)
    w[:] = 5
    np.testing.assert_array_equal(f(X), X)


def call_under_grad(f: Any) -> Any:
    return fg.grad(lambda x: f(x).sum())(X)


def lowered_under_jit(f: Any) -> Any:
    return fg.jit(lambda x: f(x))(X)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda f: f(), "structure PyTreeDef(((), {})), but it was compiled for PyTreeDef(((*,), {}))"),
        (lambda f: f((X,)), "the arguments have the structure"),
        (lambda f: f(X, X), "the arguments have the structure"),
        (lambda f: f(X=X), "the arguments have the structure"),
        (lambda f: f(X.astype("f4")), "argument 0 is float32[6], but it was compiled for float64[6]"),
        (lambda f: f(X[:3]), "argument 0 is float64[3], but it was compiled for float64[6]"),
        (lambda f: f(1.0), "argument 0 is a Python float, but it was compiled for float64[6]"),
        (lambda f: f("text"), "compiled function double: argument 0"),
        (call_under_grad, "argument 0 is being traced, and machine code cannot be"),
        (lowered_under_jit, "argument 0 is being traced, and machine code cannot be"),
    ],
)  # fmt: skip
def test_other_arguments_are_refused_by_name(call: Callable, text: str) -> None:
    def double(x: Any) -> Any:
        return x * 2

    with pytest.raises(TypeError) as error:
        call(compiled(double, X))
    assert text in str(error.value)


def test_a_python_number_is_not_an_array_without_axes() -> None:
    f = compiled(lambda x: x + 1, np.float64(1))
    assert f(np.array(2.0)) == f(np.float64(2.0)) == 3.0
    with pytest.raises(TypeError, match="a Python float, but it was compiled for float64"):
        f(2.0)
    assert compiled(lambda x: x + 1, 1.0)(2.0) == 3.0


# --- memory ---------------------------------------------------------------------------------------------------------


def test_sizes_are_those_of_the_arrays() -> None:
    w = np.ones((50, 50))
    f = fg.jit(lambda x, y: (np.exp(x @ w) @ w, x * 2 + y), donate_argnums=1).lower(w, w)
    sizes = f.memory_analysis()
    assert sizes.argument_size_in_bytes == sizes.output_size_in_bytes == 2 * w.nbytes
    assert sizes.alias_size_in_bytes == sizes.constant_size_in_bytes == w.nbytes
    assert w.nbytes <= sizes.temp_size_in_bytes <= 2 * w.nbytes + 128
    assert sizes.peak_memory_in_bytes == 4 * w.nbytes + sizes.temp_size_in_bytes
    assert sizes.generated_code_size_in_bytes is None
    after = f.compile().memory_analysis()
    assert after.peak_memory_in_bytes == sizes.peak_memory_in_bytes
    assert after.generated_code_size_in_bytes > 1000


PEAK = """
import numpy as np, funcgrad as fg

def status(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024

def f(x, w):
    y = np.tanh(x @ w) @ w
    return y @ w, np.sin(x * 2)

rows, w = 40_000, np.ones((300, 300))
np.ones((rows, 300)) @ w  # BLAS allocates up to 50 MB, once, for itself
compiled = fg.jit(f).lower(fg.ShapeDtypeStruct((rows, 300), float), w).compile()
before = status("VmRSS:")
x = np.ones((rows, 300))
out = compiled(x, w)
print(compiled.memory_analysis().peak_memory_in_bytes, status("VmHWM:") - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_peak_of_a_process_is_as_announced() -> None:
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    announced, measured = map(int, done.stdout.split())
    assert announced > 250e6
    assert abs(measured - announced) < 0.1 * announced


# --- pickles --------------------------------------------------------------------------------------------------------


def in_new_process(code: str, data: bytes = b"", **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        input=data,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


RUN = """
import pickle, sys, numpy as np
f = pickle.loads(sys.stdin.buffer.read())
value, slopes = f({"w": np.arange(12.0).reshape(3, 4)}, np.ones((2, 3)))
print(repr(float(value)), repr(slopes["w"].sum().item()))
print("funcgrad.compile.pipeline" in sys.modules, f.memory_analysis().peak_memory_in_bytes, f.cost_analysis())
try:
    f.as_text()
except ValueError as e:
    print(e)
"""


def test_another_process_runs_it_without_tracing_or_compiling() -> None:
    shift = np.linspace(0, 1, 4)

    def loss(p: Any, x: Any) -> Any:
        return np.sum(np.sort(np.tanh(x @ p["w"] / 9) + shift, axis=0)[0])

    p, x = {"w": np.arange(12.0).reshape(3, 4)}, np.ones((2, 3))
    f = compiled(fg.value_and_grad(loss), p, x)
    lines = in_new_process(RUN, pickle.dumps(f), FUNCGRAD_CACHE="0").splitlines()
    value, slopes = f(p, x)
    assert lines[0] == f"{float(value)!r} {slopes['w'].sum().item()!r}"
    assert lines[1] == f"False {f.memory_analysis().peak_memory_in_bytes} {f.cost_analysis()}"
    assert "carries machine code, no other stage" in lines[2]


def test_a_pickle_of_a_pickle() -> None:
    f = compiled(lambda x: x @ X.reshape(6, 1) * 2.0, X.reshape(1, 6))
    for _ in range(2):
        f = pickle.loads(pickle.dumps(f))
    np.testing.assert_allclose(f(X.reshape(1, 6)), X.reshape(1, 6) @ X.reshape(6, 1) * 2)


def test_machine_code_of_another_kind_of_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from funcgrad.compile import native, sources

    data = pickle.dumps(compiled(lambda x: x * 2, X))
    monkeypatch.setattr(native, "target_key", lambda: "a processor from the future")
    with pytest.raises(RuntimeError, match=r"was compiled by or for .*, and this process has a processor from the fut"):
        pickle.loads(data)
    monkeypatch.setattr(sources, "source_digest", lambda: "edited")
    with pytest.raises(RuntimeError, match="compiled by or for another version of funcgrad"):
        pickle.loads(data)


def test_functions_of_numba_stay_where_they_are() -> None:
    import numba

    op = fg.njit_op(numba.njit(lambda x: x * 2.0))
    with pytest.raises(pickle.PicklingError, match="cannot be pickled: it calls functions that Numba compiled"):
        pickle.dumps(compiled(op, X))


SPAWN = """
import multiprocessing as mp
import numpy as np
import funcgrad as fg

@fg.jit
def decorated(x):
    return np.sum(np.sin(x) * 2)

def plain(x, n):
    return x ** n

powered = fg.jit(plain, static_argnums=1)

class Model:
    @fg.jit
    def method(x):
        return x + 1

if __name__ == "__main__":
    x = np.linspace(0, 1, 4)
    with mp.get_context("spawn").Pool(1) as pool:
        assert pool.apply(decorated, (x,)) == decorated(x)
        assert (pool.apply(powered, (x, 3)) == powered(x, 3)).all()
        assert (pool.apply(Model.method, (x,)) == x + 1).all()
        compiled = decorated.lower(x).compile()
        assert pool.map(compiled, [x, 2 * x]) == [compiled(x), compiled(2 * x)]
    print("done")
"""


def test_spawned_processes_get_jitted_functions_by_name(tmp_path: Path) -> None:
    script = tmp_path / "spawning.py"
    script.write_text(SPAWN)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")


@fg.jit
def module_level(x: Any) -> Any:
    return x * 2


def test_a_jitted_function_is_pickled_as_its_name_or_as_jit_of_a_name() -> None:
    assert pickle.loads(pickle.dumps(module_level)) is module_level
    assert copy.deepcopy(module_level) is module_level
    other = pickle.loads(pickle.dumps(fg.jit(affine, static_argnames="scale", donate_argnums=1)))
    assert other.fun is affine and other.static_argnames == ("scale",) and other.donate_argnums == (1,)
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(fg.jit(lambda x: x))


CLOUDPICKLE = """
import funcgrad as fg

@fg.jit
def decorated(x):
    return x * 2

scope = {"__name__": "joblib.externals.cloudpickle.cloudpickle"}
exec("def dump(f): return f.__reduce__()", scope)
print(decorated.__reduce__(), scope["dump"](decorated)[1][1][0] is decorated.fun)
"""


def test_cloudpickle_gets_the_function_where_no_worker_knows_its_name() -> None:
    assert in_new_process(CLOUDPICKLE) == "decorated True\n"


def test_workers_of_joblib() -> None:
    joblib = pytest.importorskip("joblib")
    assert joblib.Parallel(n_jobs=2)(joblib.delayed(module_level)(k) for k in (1.0, 2.0)) == [2.0, 4.0]


# --- C functions ----------------------------------------------------------------------------------------------------


def bump(x: Any) -> Any:
    return np.exp(-x * x) * np.sin(3 * x)


def test_quadrature_of_a_function_and_of_its_derivative() -> None:
    f, slope = (compiled(g, 1.0).as_c_function() for g in (bump, fg.grad(bump)))
    assert (f(0.3), slope(0.3)) == (fg.jit(bump)(0.3), fg.jit(fg.grad(bump))(0.3))
    by_pointer, by_python = (scipy.integrate.quad(g, -1.0, 2.0) for g in (scipy.LowLevelCallable(f), bump))
    assert abs(by_pointer[0] - by_python[0]) < 1e-12
    area, _ = scipy.integrate.quad(scipy.LowLevelCallable(slope), -1.0, 2.0)
    assert abs(area - (bump(2.0) - bump(-1.0))) < 1e-12


def test_quadrature_in_several_dimensions_and_with_parameters() -> None:
    volume = lambda x, y, a: np.exp(-a * x) * np.cos(y)  # noqa: E731
    f = scipy.LowLevelCallable(compiled(volume, 1.0, 1.0, 1.0).as_c_function())
    assert f.signature == "double (int, double *)"
    ranges = [(0.0, 1.0), (0.0, 0.5)]
    expected = (1 - np.exp(-2.0)) / 2 * np.sin(0.5)
    assert abs(scipy.integrate.nquad(f, ranges, args=(2.0,))[0] - expected) < 1e-9


def test_a_vector_is_its_elements_and_a_wrong_number_gives_nan() -> None:
    w = np.array([1.0, 2.0, 3.0])
    f = compiled(lambda x, y: np.sum(x * w) - y, w, 1.0).as_c_function()
    numbers = (ctypes.c_double * 4)(1, 10, 100, 1000)
    assert f(4, numbers) == 1 + 20 + 300 - 1000
    assert np.isnan(f(3, numbers))


def test_many_results() -> None:
    f = compiled(fg.value_and_grad(lambda x: np.sum(bump(x))), X).as_c_function()
    x, y = (ctypes.c_double * 6)(*X), (ctypes.c_double * 7)()
    f(x, y)
    value, slopes = fg.jit(fg.value_and_grad(lambda x: np.sum(bump(x))))(X)
    assert list(y) == [value, *slopes]


def test_large_workspaces_and_many_threads() -> None:
    w = np.random.default_rng(0).standard_normal((120, 120)) / 11
    f = compiled(lambda x: np.sum(np.tanh(np.tanh(x * w @ w) @ w)), 1.0)
    assert f.memory_analysis().temp_size_in_bytes > 1 << 16
    c = f.as_c_function()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(c, [0.5] * 40)) == {f(0.5)}


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: compiled(lambda x: x * 2, np.float32(1)).as_c_function(), "float64 numbers only, and this one has fl"),
        (lambda: compiled(lambda x: x * 2, X, donate_argnums=0).as_c_function(), "no donated arguments"),
        (lambda: compiled(lambda x: fg.pure_callback(np.sort, x, x), X).as_c_function(), "calls back into Python"),
        (lambda: compiled(np.linalg.inv, np.eye(2)).as_c_function(), "may raise an exception"),
        (lambda: compiled(bump, X).as_c_function("double (double)"), "there are 'void (double *, double *)'"),
        (lambda: compiled(bump, 1.0).as_c_function("double f(double)"), "no C function 'double f(double)'"),
    ],
)
def test_what_has_no_c_function_says_so(make: Callable, text: str) -> None:
    with pytest.raises(TypeError) as error:
        make()
    assert text in str(error.value)


# --- forgetting -----------------------------------------------------------------------------------------------------


def test_clear_caches_forgets_all_compiled_signatures() -> None:
    f, g = fg.jit(lambda x: x + 1), compiled(lambda x: x + 2, 1.0)
    f(1.0)
    fg.clear_caches()
    assert f.cache_size() == 0
    assert (f(1.0), g(1.0)) == (2.0, 3.0)


class Counted(Jitted):
    """A compiled function that is made of other arguments than `Jitted` is, and has an attribute."""

    def __init__(self, fun: Any, unit: str) -> None:
        super().__init__(fun, (), ("scale",), (1,))
        self.unit = unit


def test_copies_of_a_subclass_are_of_the_subclass() -> None:
    f = Counted(affine, "m")
    for other in (copy.copy(f), copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert type(other) is Counted and other.unit == "m" and other.fun is affine and other is not f
        assert other.static_argnames == ("scale",) and other.donate_argnums == (1,)
        p = {"w": 2.0, "b": 1.0}
        np.testing.assert_array_equal(other(p, X.copy(), scale=2.0)["y"], affine(p, X)["y"])
        assert other.cache_size() == 1 and f.cache_size() == 0
