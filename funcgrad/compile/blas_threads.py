"""One BLAS thread for small products: `@blas_enter` and `@blas_leave` around a call, as LLVM text.

OpenBLAS wakes its threads for every product above a few thousand elements and spins until the last has answered.
Where another process has the second core, that wait is a time slice of the scheduler: a training step of 2 ms took 88
ms. So products run with one BLAS thread, and large ones are shared among threads of ours in parts (`products.py`): an
Adam step of 784-256-256-10, batch 128, takes 1.7 ms on one core, 1.27 on two, and on two that are busy no more than on
one, where with OpenBLAS's threads it took 1.2 to 1.5 ms and 3 to 28. Only products that cannot be divided, of at least
`LIMIT` multiplications, are left to OpenBLAS's threads.

OpenBLAS has one setting for the whole process; calls of several Python threads share a counter, the first saves and
lowers the setting, the last puts it back.

Reference: OpenBLAS, interface/openblas_set_num_threads.c
"""

from __future__ import annotations

import ctypes
from functools import cache

from . import native
from .library import blas_interface, numpy_address

LIMIT = 1 << 24  # multiplications: about half a millisecond of one core
SHARED = 1 << 23  # multiplications, of a batch or of a product, from which on its parts are shared among threads
PART = 1 << 22  # multiplications of a part, at least
_DECORATIONS = tuple(prefix + "openblas_{}_num_threads" + suffix for suffix in ("64_", "") for prefix in ("scipy_", ""))
_TEXT = """\
@funcgrad_blas_state = external global [3 x i64]
declare i32 @funcgrad_blas_get_threads() nounwind
declare void @funcgrad_blas_set_threads(i32) nounwind
define internal void @blas_lock() noinline nounwind {
entry:
  br label %try
try:
  %held = atomicrmw xchg ptr @funcgrad_blas_state, i64 1 acquire
  %free = icmp eq i64 %held, 0
  br i1 %free, label %done, label %try
done:
  ret void
}
define internal void @blas_enter() noinline nounwind {
  call void @blas_lock()
  %count.at = getelementptr i64, ptr @funcgrad_blas_state, i64 1
  %saved.at = getelementptr i64, ptr @funcgrad_blas_state, i64 2
  %count = load i64, ptr %count.at
  %more = add i64 %count, 1
  store i64 %more, ptr %count.at
  %first = icmp eq i64 %count, 0
  br i1 %first, label %lower, label %done
lower:
  %threads = call i32 @funcgrad_blas_get_threads()
  %wide = sext i32 %threads to i64
  store i64 %wide, ptr %saved.at
  call void @funcgrad_blas_set_threads(i32 1)
  br label %done
done:
  store atomic i64 0, ptr @funcgrad_blas_state release, align 8
  ret void
}
define internal void @blas_leave() noinline nounwind {
  call void @blas_lock()
  %count.at = getelementptr i64, ptr @funcgrad_blas_state, i64 1
  %saved.at = getelementptr i64, ptr @funcgrad_blas_state, i64 2
  %count = load i64, ptr %count.at
  %fewer = sub i64 %count, 1
  store i64 %fewer, ptr %count.at
  %last = icmp eq i64 %fewer, 0
  br i1 %last, label %restore, label %done
restore:
  %wide = load i64, ptr %saved.at
  %threads = trunc i64 %wide to i32
  call void @funcgrad_blas_set_threads(i32 %threads)
  br label %done
done:
  store atomic i64 0, ptr @funcgrad_blas_state release, align 8
  ret void
}
"""
_state = (ctypes.c_int64 * 3)()  # lock, callers inside, threads to put back


@cache
def thread_control() -> tuple[int, int] | None:
    """Addresses of the functions that read and set the number of threads, where the BLAS in use has them."""
    if blas_interface() == "fortran32":
        return None
    for pattern in _DECORATIONS:
        found = numpy_address(pattern.format("get")), numpy_address(pattern.format("set"))
        if found[0] and found[1]:
            return found  # type: ignore[return-value]
    return None


def prelude() -> str | None:
    """The text that defines `@blas_enter` and `@blas_leave`, its symbols made known; None for a BLAS without such a
    setting.
    """
    control = thread_control()
    if control is None:
        return None
    native.define_symbols(
        {
            "funcgrad_blas_state": ctypes.addressof(_state),
            "funcgrad_blas_get_threads": control[0],
            "funcgrad_blas_set_threads": control[1],
        }
    )
    return _TEXT
