"""Functions dealt out to modules: all arrive, each with what it refers to, and the code computes the same."""

from __future__ import annotations

import ctypes
import re
import threading

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import config
from funcgrad.compile import generator, native
from funcgrad.compile.modules import LEAST_LINES, MOST, KernelText, deal

SHARED = {
    "@twice": "define internal double @twice(double %x) {\n  %y = fadd double %x, %x\n  ret double %y\n}",
    "@rare": "define weak_odr hidden double @rare(double %x) {\n  %y = call double @twice(double %x)\n"
    "  ret double %y\n}",
    "@rare.v4": "define weak_odr hidden double @rare.v4(double %x) {\n  ret double %x\n}",
    "@unused": "declare double @unused(double)",
    "!0": '!0 = distinct !{!0, !{!"llvm.loop.unroll.disable"}}',
}


def kernel(number: int, inlined: bool = False, lines: int = LEAST_LINES, call: str = "") -> KernelText:
    signature = f"@kernel_{number}(ptr %p)"
    body = "".join(f"  %v{k} = load double, ptr %p\n" for k in range(lines))
    return KernelText(f"define internal void {signature} nounwind {{\n{body}{call}  ret void\n}}\n", signature, inlined)


CALL = "  %r = call double @rare(double %v0)\n"
ENTRY = (
    "define void @entry(ptr %p) {\n"
    + "".join(f"  call void @kernel_{k}(ptr %p)\n" for k in range(6))
    + "  ret void\n}\n"
)


def dealt(kernels: list[KernelText]) -> list[str]:
    return deal(SHARED, kernels, [ENTRY]).split(generator.NEXT_MODULE)


def test_every_kernel_is_in_one_module_and_declared_in_the_first() -> None:
    modules = dealt([kernel(k, inlined=k == 2) for k in range(6)])
    assert len(modules) == MOST
    made = [re.findall(r"define [a-z ]*@(kernel_\d)", m) for m in modules]
    assert sorted(name for names in made for name in names) == [f"kernel_{k}" for k in range(6)]
    assert "kernel_2" in made[0] and "@entry(" in modules[0]
    declared = re.findall(r"declare void @(kernel_\d)", modules[0])
    assert sorted(declared + made[0]) == [f"kernel_{k}" for k in range(6)]


def test_modules_have_what_they_refer_to_and_no_more() -> None:
    modules = dealt([kernel(k, lines=LEAST_LINES, call=CALL if k == 0 else "") for k in range(6)])
    with_call = [m for m in modules if CALL in m]
    assert len(with_call) == 1
    for name in "@rare(", "@rare.v4(", "@twice(":
        assert name in with_call[0] and not any(name in m for m in modules if m is not with_call[0])
    assert not any("@unused" in m for m in modules)


@pytest.mark.parametrize(
    "kernels", [[kernel(0)], [kernel(k, lines=3) for k in range(6)], [kernel(0, inlined=True, lines=500)]]
)
def test_little_code_stays_in_one_module(kernels: list[KernelText]) -> None:
    modules = dealt(kernels)
    assert len(modules) == 1 and "@unused" in modules[0]


def test_text_does_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x):
        return [np.sort(x, axis=0).sum(0) * k + np.cumsum(x, axis=k % 2)[0] for k in range(4)]

    x = np.arange(200.0).reshape(10, 20)
    texts = []
    for threads in 1, 2:
        monkeypatch.setattr(config.THREADS, "value", threads)
        texts.append(fg.jit(f).lower(x).as_text("llvm"))
    assert texts[0] == texts[1]


def test_an_outlined_function_is_in_one_module_and_declared_in_the_others() -> None:
    lines = "".join(f"  %y{k} = fadd double %x, %x\n" for k in range(LEAST_LINES))
    forms = {
        f"@math.f{form}": f"define weak_odr hidden double @math.f{form}(double %x) noinline nounwind {{\n{lines}  "
        "ret double %x\n}"
        for form in ("", ".v4", ".v8")
    }
    kernels = [kernel(k, call="  %r = call double @math.f(double %v0)\n") for k in range(3)]
    modules = deal(forms, kernels, [ENTRY]).split(generator.NEXT_MODULE)
    made = [m for m in modules if "define hidden double @math.f(" in m]
    assert len(modules) > 2 and len(made) == 1 and "define hidden double @math.f.v4(" in made[0]
    others = [m for m in modules if m not in made and "@math.f" in m]
    assert others and all(m.count("declare double @math.f") == 3 for m in others)


@pytest.mark.parametrize("threads", [1, 3])
def test_several_modules_become_one_library(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = [kernel(k) for k in range(6)]
    monkeypatch.setattr(config.THREADS, "value", threads)
    code = native.compile_object(deal(SHARED, kernels, [ENTRY]), "light")
    assert code == native.compile_object(deal(SHARED, kernels, [ENTRY]), "light")  # in any order of threads
    number = ctypes.c_double(1.0)
    library = native.load_object(code)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(library.address("entry"))(ctypes.addressof(number))


def test_an_error_in_one_module_is_raised_and_the_next_compilation_works() -> None:
    good = "define i64 @three() { ret i64 3 }\n"
    with pytest.raises(RuntimeError, match="nowhere"):
        native.compile_object(good + generator.NEXT_MODULE + "define i64 @four() { ret i64 %nowhere }")
    assert native.load_object(native.compile_object(good), ["three"]).address("three")


def test_programs_of_several_modules_compute_what_numpy_does() -> None:
    def f(x):
        rows = np.exp(x - x.max(1, keepdims=True))
        return rows / rows.sum(1, keepdims=True), np.sort(x, axis=1)[:, ::-1], np.sin(x).T @ x, np.cumsum(x, 0)

    x = np.random.default_rng(0).normal(size=(30, 70))
    compiled = fg.jit(f)
    assert generator.NEXT_MODULE in compiled.lower(x).as_text("llvm")
    for found, expected in zip(compiled(x), f(x)):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_modules_compile_in_threads_of_callers_at_once() -> None:
    results: dict[int, np.ndarray] = {}
    x = np.random.default_rng(0).normal(size=(20, 40))

    def work(seed: int) -> None:
        results[seed] = fg.jit(lambda x: np.cumsum(np.sort(x * seed, axis=1), axis=0) @ np.exp(x.T - x.max()))(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, found in results.items():
        expected = np.cumsum(np.sort(x * seed, axis=1), axis=0) @ np.exp(x.T - x.max())
        np.testing.assert_allclose(found, expected, rtol=1e-10)
