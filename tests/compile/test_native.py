"""LLVM text to machine code: compiling, linking, looking, storing and reloading."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading

import llvmlite
import numpy as np
import pytest

from funcgrad.compile import native

LOOP = """
define void @{name}(ptr noalias %x, ptr noalias %y) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %x.at = getelementptr double, ptr %x, i64 %i
  %value = load double, ptr %x.at
  %scaled = fmul double %value, {factor:e}
  %y.at = getelementptr double, ptr %y, i64 %i
  store double %scaled, ptr %y.at
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, {count}
  br i1 %done, label %exit, label %loop
exit:
  ret void
}}
"""


def loop(name: str = "entry", count: int = 1003, factor: float = 3.0) -> str:
    return LOOP.format(name=name, count=count, factor=factor)


def scale(library: native.Library, name: str = "entry", count: int = 1003) -> np.ndarray:
    x, y = np.arange(float(count)), np.full(count, np.nan)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(library.address(name))
    function(x.ctypes.data, y.ctypes.data)
    return y


@pytest.mark.parametrize("pipeline", ["full", "light"])
def test_compiles_and_runs(pipeline: native.Pipeline) -> None:
    np.testing.assert_array_equal(scale(native.compile_text(loop(), pipeline)), 3.0 * np.arange(1003))


def test_several_functions_and_internal_ones() -> None:
    text = loop("first", factor=2.0) + loop("second", factor=5.0)
    text += loop("hidden").replace("void @hidden", "internal void @hidden")
    library = native.compile_text(text)
    np.testing.assert_array_equal(scale(library, "first"), 2.0 * np.arange(1003))
    np.testing.assert_array_equal(scale(library, "second"), 5.0 * np.arange(1003))
    for name in ("hidden", "absent"):
        with pytest.raises(KeyError, match=name):
            library.address(name)


def test_full_pipeline_vectorizes_and_light_does_not() -> None:
    assert "x double>" in native.optimized(loop())
    assert "x double>" not in native.optimized(loop(), "light")


def test_assembly_is_for_this_module() -> None:
    text = native.assembly(loop("a_name_to_find"))
    assert "a_name_to_find:" in text and "mul" in text


def test_vector_constants_are_found_relative_to_the_code() -> None:
    # What the small code model is chosen for: no 64-bit address is moved into a register to load a constant.
    text = "define double @entry(double %x) { %y = fmul double %x, 1.2345e+00 ret double %y }"
    assert "movabs" not in native.assembly(text)
    library = native.compile_text(text)  # kept in a variable: the code goes with the library
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(library.address("entry"))(2.0) == 2.469


def test_memory_and_math_functions_of_the_c_library_resolve() -> None:
    text = """
    declare double @llvm.tan.f64(double)
    declare double @llvm.pow.f64(double, double)
    declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
    define double @entry(double %x, ptr %p, i64 %count) {
      call void @llvm.memset.p0.i64(ptr %p, i8 7, i64 %count, i1 0)
      %y = call double @llvm.pow.f64(double %x, double %x)
      %z = call double @llvm.tan.f64(double %y)
      ret double %z
    }"""
    library = native.compile_text(text)
    prototype = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_void_p, ctypes.c_int64)
    memory = np.zeros(10, np.uint8)
    result = prototype(library.address("entry"))(1.5, memory.ctypes.data, 6)
    assert result == pytest.approx(np.tan(1.5**1.5), rel=1e-15)
    assert memory.tolist() == [7] * 6 + [0] * 4


def test_object_code_reloads() -> None:
    data = native.compile_object(loop())
    assert isinstance(data, bytes) and len(data) > 100
    np.testing.assert_array_equal(scale(native.load_object(data)), 3.0 * np.arange(1003))
    other = native.load_object(native.compile_object(loop("other", factor=7.0)), ["other"])
    np.testing.assert_array_equal(scale(other, "other"), 7.0 * np.arange(1003))


def test_object_code_reloads_in_another_process() -> None:
    symbol = "declare i64 @funcgrad_test_far()\ndefine i64 @entry() { %x = call i64 @funcgrad_test_far() ret i64 %x }"
    code = (
        "import sys, ctypes; from funcgrad.compile import native\n"
        "far = ctypes.CFUNCTYPE(ctypes.c_int64)(lambda: 1234)\n"
        "native.define_symbols({'funcgrad_test_far': ctypes.cast(far, ctypes.c_void_p).value})\n"
        "library = native.load_object(sys.stdin.buffer.read())\n"
        "print(ctypes.CFUNCTYPE(ctypes.c_int64)(library.address('entry'))(), native.target_key())\n"
    )
    data = native.compile_object(symbol)
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, timeout=60, check=True)
    assert done.stdout.decode().strip() == f"1234 {native.target_key()}"
    assert done.stderr == b""


def test_symbols_bind_to_addresses_far_away() -> None:
    answer = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(lambda x: x + 1)
    native.define_symbols({"funcgrad_test_increment": ctypes.cast(answer, ctypes.c_void_p).value or 0})
    library = native.compile_text(
        "declare i64 @funcgrad_test_increment(i64)\n"
        "define i64 @entry(i64 %x) { %y = call i64 @funcgrad_test_increment(i64 %x) ret i64 %y }"
    )
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(library.address("entry"))(41) == 42
    with pytest.raises(ValueError, match="null"):
        native.define_symbols({"nowhere": 0})


BROKEN = [
    "define void @entry( { ret void }",
    "define void @entry() { ret i32 0 }",
    "define i32 @entry(i32 %x) { %y = add i64 %x, 1 ret i32 %y }",
    "define void @entry() {\na:\n br i1 true, label %b, label %c\nb:\n %x = add i32 1, 2\n br label %c\nc:\n"
    " %y = add i32 %x, 1\n ret void }",
]


@pytest.mark.parametrize("text", BROKEN)
def test_invalid_text_raises(text: str) -> None:
    for function in (native.compile_text, native.compile_object, native.assembly, native.optimized):
        with pytest.raises(RuntimeError):
            function(text)


def test_unknown_symbols_and_broken_objects_raise() -> None:
    text = "declare void @funcgrad_test_absent()\ndefine void @entry() { call void @funcgrad_test_absent() ret void }"
    with pytest.raises(RuntimeError):
        native.compile_text(text)
    data = native.compile_object(text)
    for broken in (data, b"", b"nonsense", data[: len(data) // 2]):
        with pytest.raises(RuntimeError):
            native.load_object(broken)
    with pytest.raises(RuntimeError):
        native.load_object(native.compile_object(loop("elsewhere")))
    np.testing.assert_array_equal(scale(native.compile_text(loop())), 3.0 * np.arange(1003))


def test_target_key_names_what_matters() -> None:
    key = native.target_key()
    assert llvmlite.__version__ in key and "\n" not in key and len(key.split()) >= 6


def test_threads_compile_at_once() -> None:
    results: dict[int, np.ndarray] = {}

    def work(seed: int) -> None:
        for _ in range(4):
            results[seed] = scale(native.compile_text(loop(factor=float(seed))))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(1, 7):
        np.testing.assert_array_equal(results[seed], seed * np.arange(1003.0))


def test_libraries_are_freed_and_outlive_their_linker() -> None:
    data = native.compile_object(loop())
    kept = [native.load_object(data) for _ in range(3)]

    def repeat(count: int) -> int:
        for _ in range(count):
            native.load_object(data)
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4

    before = repeat(200)
    assert repeat(1000) - before < 3000  # a shared linker alone would keep 9 MB
    for library in kept:
        np.testing.assert_array_equal(scale(library), 3.0 * np.arange(1003))


def test_compiling_keeps_no_memory() -> None:
    def repeat(count: int) -> int:
        for k in range(count):
            native.compile_object(loop(factor=float(k)))
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4

    before = repeat(40)
    assert repeat(60) - before < 60 * 40  # pass managers that are not freed keep 85 kB each


FORK = """
import os, signal, threading
from funcgrad.compile import generator, native

held, done = threading.Event(), threading.Event()


def compile_long(at_work):
    with at_work:
        held.set()
        done.wait(0.5)


for at_work in generator.at_work(), native._lock:
    threading.Thread(target=compile_long, args=(at_work,)).start()
    held.wait()
    if os.fork() == 0:
        signal.alarm(20)
        native.compile_text("define i64 @three() { ret i64 3 }")
        os._exit(0)
    assert os.wait()[1] == 0
    held.clear()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_may_fork_while_a_thread_compiles() -> None:
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=120)


FORKS_BESIDE_LINKING = """
import os, threading
from funcgrad.compile import native

code = native.compile_object("define i64 @three() { ret i64 3 }")
done = False


def link():
    while not done:
        native.load_object(code, ["three"])


for _ in range(2):
    threading.Thread(target=link, daemon=True).start()
for _ in range(50):
    if os.fork() == 0:
        os._exit(0)
    assert os.wait()[1] == 0
done = True
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_forks_and_threads_that_link_do_not_wait_for_each_other() -> None:
    subprocess.run([sys.executable, "-c", FORKS_BESIDE_LINKING], check=True, timeout=60)
