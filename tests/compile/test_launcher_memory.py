"""The warm-call path: workspaces, threads, references, collection and the end of the process."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from launcher_programs import program, resident_kilobytes

from funcgrad.compile import launcher_native, native
from funcgrad.compile.launcher import InputSpec, OutputSpec
from funcgrad.compile.launcher_native import make_native_launcher
from funcgrad.compile.launcher_portable import make_portable_launcher

F64, I64 = np.dtype(np.float64), np.dtype(np.int64)


@pytest.fixture(params=[make_native_launcher, make_portable_launcher], ids=["native", "portable"])
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    assert launcher_native.native_refusal() is None
    return request.param


WORKSPACE_TEXT = """
define void @entry(ptr %p) {
entry:
  %x = load ptr, ptr %p
  %out.at = getelementptr ptr, ptr %p, i64 1
  %out = load ptr, ptr %out.at
  %w.at = getelementptr ptr, ptr %p, i64 2
  %w = load ptr, ptr %w.at
  %value = load i64, ptr %x
  br label %fill
fill:
  %i = phi i64 [ 0, %entry ], [ %i.next, %fill ]
  %at = getelementptr i64, ptr %w, i64 %i
  store volatile i64 %value, ptr %at
  %i.next = add i64 %i, 1
  %fill.more = icmp ult i64 %i.next, 1000
  br i1 %fill.more, label %fill, label %sum
sum:
  %j = phi i64 [ 0, %fill ], [ %j.next, %sum ]
  %total = phi i64 [ 0, %fill ], [ %total.next, %sum ]
  %from = getelementptr i64, ptr %w, i64 %j
  %part = load volatile i64, ptr %from
  %total.next = add i64 %total, %part
  %j.next = add i64 %j, 1
  %sum.more = icmp ult i64 %j.next, 1000
  br i1 %sum.more, label %sum, label %done
done:
  store i64 %total.next, ptr %out
  %address = ptrtoint ptr %w to i64
  %address.at = getelementptr i64, ptr %out, i64 1
  store i64 %address, ptr %address.at
  ret void
}
"""


def summing(make: Callable[..., Any], release_gil: bool) -> Callable[..., Any]:
    library = native.compile_text(WORKSPACE_TEXT)
    inputs, outputs = [InputSpec((1,), I64)], [OutputSpec((2,), I64)]
    return make(library.address("entry"), inputs, outputs, [], 8000, release_gil, library)


def test_workspace_is_aligned_and_reused(make: Callable[..., Any]) -> None:
    launch = summing(make, False)
    addresses = {int(launch(np.array([k]))[0][1]) for k in range(50)}
    assert len(addresses) == 1 and addresses.pop() % 64 == 0


def test_eight_threads_share_a_launcher(make: Callable[..., Any]) -> None:
    launch = summing(make, True)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        for k in range(2000 if make is make_native_launcher else 500):
            value = seed * 10_000 + k
            answer = launch(np.array([value]))
            if answer is None or answer[0][0] != 1000 * value:
                wrong.append((value, answer))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_concurrent_calls_never_share_a_workspace() -> None:
    # The program hands control to another thread's call through a barrier written in Python, without the GIL.
    barrier, seen = threading.Barrier(2, timeout=20), []

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    def entry(pointers: int) -> None:
        seen.append((ctypes.c_void_p * 1).from_address(pointers)[0])
        barrier.wait()

    address = ctypes.cast(entry, ctypes.c_void_p).value
    for make in (make_native_launcher, make_portable_launcher):
        launch = make(address, [], [], [], 64, True, entry)
        threads = [threading.Thread(target=launch) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        first, second = seen[-2:]
        assert abs(first - second) >= 64


def test_nothing_leaks_per_call(make: Callable[..., Any]) -> None:
    library = program([(2, 0, 800)])
    inputs = [InputSpec((100,), F64), InputSpec((), I64, "pyint")]
    outputs = [OutputSpec((100,), F64), OutputSpec((), F64), OutputSpec((100,), F64, 0)]
    launch = make(library.address("entry"), inputs, outputs, [], 4096, True, library)
    x, number = np.ones(100), 10**15
    watched = (x, number, F64, I64, np.ndarray, np.float64, launch)

    def repeat(count: int) -> None:
        for _ in range(count):
            launch(x, number)
            launch(x, 1.5)

    repeat(1000)
    counts, before = [sys.getrefcount(w) for w in watched], resident_kilobytes()
    repeat(100_000 if make is make_native_launcher else 5000)
    assert [sys.getrefcount(w) for w in watched] == counts
    assert resident_kilobytes() - before < 2000


def test_launchers_are_freed_with_workspace_constants_and_code(make: Callable[..., Any]) -> None:
    library = program([])
    constant = np.zeros(10)
    count = sys.getrefcount(constant), sys.getrefcount(library)

    def build() -> None:
        launch = make(library.address("entry"), [], [], [constant], 2**20, False, library)
        launch()

    build()
    before = resident_kilobytes()
    for _ in range(200):
        build()
    gc.collect()
    assert resident_kilobytes() - before < 20_000  # 200 workspaces would be 200 MB
    assert (sys.getrefcount(constant), sys.getrefcount(library)) == count


def test_memory_error_propagates(make: Callable[..., Any]) -> None:
    library = program([])
    too_large = make(library.address("entry"), [], [OutputSpec((2**45,), F64)], [], 0, False, library)
    with pytest.raises(MemoryError):
        too_large()
    kept = InputSpec((2,), F64)
    workspace = make(library.address("entry"), [kept], [OutputSpec((2,), F64)], [], 2**55, False, library)
    x = np.zeros(2)
    count = sys.getrefcount(x)
    for _ in range(3):
        with pytest.raises(MemoryError):
            workspace(x)
    assert sys.getrefcount(x) == count


def test_exit_of_the_interpreter_is_clean() -> None:
    # A compiled Numba function keeps the globals of __main__ until those of all modules have been cleared.
    code = (
        "import numba\n"
        "from funcgrad.compile import native\n"
        "from funcgrad.compile.launcher import *\n"
        "f = numba.njit(lambda x: x + 1); f(1)\n"
        "library = native.compile_text('define void @entry(ptr %p) { ret void }')\n"
        "launch = make_launcher(library.address('entry'), [], [], [], 100, True, library)\n"
        "launch(); launch.__self__.cycle = launch\n"
        "late = make_launcher(library.address('entry'), [], [], [], 100, True, library)\n"
        "late(); print('ok')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


def test_a_launcher_in_a_cycle_is_collected(make: Callable[..., Any]) -> None:
    class Holder:
        pass

    library = program([])
    holder = Holder()
    holder.launch = make(library.address("entry"), [], [], [], 0, False, (library, holder))
    count = sys.getrefcount(library)
    del holder
    gc.collect()
    assert sys.getrefcount(library) == count - 1
