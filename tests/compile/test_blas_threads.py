"""Small products run with one BLAS thread, and the user's setting is as before afterwards, also under concurrent
calls.
"""

from __future__ import annotations

import ctypes
import threading

import numpy as np
import pytest

import funcgrad as fg
from funcgrad.compile import blas_threads


def control() -> tuple:
    addresses = blas_threads.thread_control()
    if addresses is None:
        pytest.fail("the BLAS of this NumPy has no thread control: extend blas_threads._DECORATIONS")
    get = ctypes.CFUNCTYPE(ctypes.c_int)(addresses[0])
    return get, ctypes.CFUNCTYPE(None, ctypes.c_int)(addresses[1])


def test_the_setting_is_put_back() -> None:
    get, put = control()
    before = get()
    try:
        put(2)
        wanted = get()
        x = np.ones((64, 64))
        f = fg.jit(lambda x: x @ x)
        np.testing.assert_array_equal(f(x), x @ x)
        assert get() == wanted
    finally:
        put(before)


def test_concurrent_calls_leave_the_setting_alone() -> None:
    get, put = control()
    before = get()
    x = np.random.default_rng(0).standard_normal((96, 96))
    f = fg.jit(lambda x: x @ x @ x)
    expected, wrong = f(x), []

    def work() -> None:
        for _ in range(300):
            if not np.array_equal(f(x), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and get() == before
    assert list(blas_threads._state)[:2] == [0, 0]
    put(before)


def test_large_products_that_cannot_be_divided_may_use_all_threads() -> None:
    n = 521
    text = fg.jit(lambda x: x @ x).lower(np.ones((n, n))).as_text("llvm")
    assert n**3 > blas_threads.LIMIT and "blas_enter" not in text and "funcgrad_parallel" not in text
    shared = fg.jit(lambda x: x @ x).lower(np.ones((512, 512))).as_text("llvm")
    assert "funcgrad_parallel" in shared and "call void @blas_enter()" in shared
    assert "call void @blas_enter()" in fg.jit(lambda x: x @ x).lower(np.ones((64, 64))).as_text("llvm")
