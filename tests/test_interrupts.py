"""Ctrl-C at any function call: the exception arrives, and the next call works as if nothing had been.

CPython looks for signals when a function is entered, so a trace function that raises at the k-th entry stands for an
interrupt at any of these places.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import lax
from funcgrad.api.recording import forget_all
from funcgrad.core.program import context
from funcgrad.core.tracing import current_trace

X = np.linspace(0.1, 1.0, 5)


def loss(x: Any) -> Any:
    carry, ys = lax.scan(lambda c, v: (np.sin(c) + v, c * v), 0.1, x)
    total = fg.vmap(lambda v: v / lax.psum(v, "i"), axis_name="i")(x)
    return lax.cond(carry > 0, lambda y: np.sum(y * y), lambda y: -np.sum(y), ys) + np.sum(total**3)


TASKS: dict[str, Callable[[], Any]] = {
    "eager gradient": lambda: fg.grad(loss)(X),
    "compiled gradient": lambda: fg.jit(fg.grad(loss))(X),
    "hessian": lambda: fg.hessian(loss)(X),
    "batch": lambda: fg.vmap(fg.grad(loss))(np.stack([X, X + 1.0])),
}


class Interrupt(BaseException):
    """Stands for KeyboardInterrupt."""


def interrupted_at(entry: int, task: Callable[[], Any]) -> bool:
    """Whether the task was still running when its `entry`-th function was entered, where it was interrupted.

    Python only prints an exception that comes while it closes a generator; the task then goes on.
    """
    left = entry

    def tracer(frame: Any, event: str, _: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0 and frame.f_code.co_name not in ("__del__", "remove"):  # there Python only prints exceptions
            raise Interrupt

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        task()
    except Interrupt:
        pass
    finally:
        sys.settrace(before)
    return left <= 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in finalizers Python only prints it
@pytest.mark.parametrize("name", TASKS)
def test_an_interrupt_anywhere_leaves_nothing_behind(name: str) -> None:
    task, reached = TASKS[name], 0
    expected = task()
    step = 53 if name == "compiled gradient" else 29  # prime, so that the places vary from one task to the next
    for entry in range(1, 100_000, step):
        forget_all()
        if not interrupted_at(entry, task):
            break
        reached += 1
        assert current_trace() is None and context.axis is None, f"interrupted at the function call {entry}"
        assert gc.isenabled(), f"interrupted at the function call {entry}"
        with pytest.raises(NameError):
            lax.axis_index("i")
    assert reached > 20
    np.testing.assert_array_equal(task(), expected)


FORK_BESIDE_COMPILATION = """
import gc, os, threading
import numpy as np, funcgrad as fg

inside, done = threading.Event(), threading.Event()


def slow(x):
    inside.set()
    done.wait(20)
    return x + 1.0


thread = threading.Thread(target=lambda: fg.jit(slow)(np.ones(2)))
thread.start()
inside.wait()
if os.fork() == 0:
    os._exit(0 if gc.isenabled() else 1)
child = os.wait()[1]
done.set()
thread.join()
assert child == 0 and gc.isenabled()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_garbage_is_collected_in_a_process_forked_while_a_thread_compiles() -> None:
    subprocess.run([sys.executable, "-c", FORK_BESIDE_COMPILATION], check=True, timeout=60)
