"""Threads that run the chunks of long kernels: `@funcgrad_parallel(ptr body, ptr context, i64 chunks)`.

The call runs `body(context, chunk)` for every chunk and returns when all are done. Chunks are taken one after the other
by whoever is free: the caller, and workers that wait on a condition variable in between (they do not spin: on a busy
machine that costs more than it saves). One job runs at a time; a call that finds the pool taken, be it from inside a
chunk or from another Python thread, runs its chunks itself. What a chunk computes does not depend on who runs it.

How many threads take part is the smallest of `config.THREADS` and the number that the BLAS in use is set to, so that
OPENBLAS_NUM_THREADS and threadpoolctl apply here, too. After a fork the child has no workers until it compiles again,
and runs all chunks itself. Workers are POSIX threads; where there are none, everything runs on the caller.

Reference: B. Nichols et al., Pthreads Programming (1996), on condition variables.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from functools import cache

from .. import config
from . import native
from .blas_threads import thread_control
from .cache import compile_cached

SYMBOL = "funcgrad_parallel"

# %state: 0 mutex, 64 condition "there is work", 128 condition "a worker is done" (64 bytes hold each of them on the
# systems there are), then i64s: 192 taken, 200 open, 208 workers at work, 216 next chunk, 224 chunks, 232 limit,
# 240 body, 248 context, 256 limit of this job.
_FIELDS = ("taken", "open", "active", "next", "chunks", "limit", "body", "context", "most")
_EXPORTS = ("parallel", "pool_start", "pool_reset", "pool_state")
_SIZE = 192 + 8 * len(_FIELDS)
_TEXT = """\
@state = internal global [{size} x i8] zeroinitializer, align 64
declare i32 @pthread_create(ptr, ptr, ptr, ptr) nounwind
declare i32 @pthread_detach(i64) nounwind
declare i32 @pthread_mutex_init(ptr, ptr) nounwind
declare i32 @pthread_cond_init(ptr, ptr) nounwind
declare i32 @pthread_mutex_lock(ptr) nounwind
declare i32 @pthread_mutex_unlock(ptr) nounwind
declare i32 @pthread_cond_wait(ptr, ptr) nounwind
declare i32 @pthread_cond_signal(ptr) nounwind
declare i32 @pthread_cond_broadcast(ptr) nounwind
{blas_threads}

define internal ptr @at(i64 %offset) alwaysinline nounwind {{
  %p = getelementptr i8, ptr @state, i64 %offset
  ret ptr %p
}}

define ptr @pool_state() nounwind {{
  ret ptr @state
}}

define void @pool_reset() nounwind {{
  %fields = call ptr @at(i64 192)
  call void @llvm.memset.p0.i64(ptr %fields, i8 0, i64 40, i1 false)
  %work = call ptr @at(i64 64)
  %done = call ptr @at(i64 128)
  call i32 @pthread_mutex_init(ptr @state, ptr null)
  call i32 @pthread_cond_init(ptr %work, ptr null)
  call i32 @pthread_cond_init(ptr %done, ptr null)
  ret void
}}

define i32 @pool_start() nounwind {{
  %id = alloca i64
  %failed = call i32 @pthread_create(ptr %id, ptr null, ptr @worker, ptr null)
  %ok = icmp eq i32 %failed, 0
  br i1 %ok, label %detach, label %end
detach:
  %thread = load i64, ptr %id
  call i32 @pthread_detach(i64 %thread)
  br label %end
end:
  ret i32 %failed
}}

define internal void @run_chunks(ptr %body, ptr %context, i64 %chunks) noinline nounwind {{
start:
  %next = call ptr @at(i64 216)
  br label %head
head:
  %chunk = atomicrmw add ptr %next, i64 1 acq_rel
  %more = icmp ult i64 %chunk, %chunks
  br i1 %more, label %run, label %end
run:
  call void %body(ptr %context, i64 %chunk)
  br label %head
end:
  ret void
}}

define internal ptr @worker(ptr %unused) noinline nounwind {{
start:
  %work = call ptr @at(i64 64)
  %done = call ptr @at(i64 128)
  %open.at = call ptr @at(i64 200)
  %active.at = call ptr @at(i64 208)
  %next.at = call ptr @at(i64 216)
  %chunks.at = call ptr @at(i64 224)
  %most.at = call ptr @at(i64 256)
  %body.at = call ptr @at(i64 240)
  %context.at = call ptr @at(i64 248)
  call i32 @pthread_mutex_lock(ptr @state)
  br label %look
look:
  %open = load i64, ptr %open.at
  %active = load i64, ptr %active.at
  %next = load atomic i64, ptr %next.at monotonic, align 8
  %chunks = load i64, ptr %chunks.at
  %most = load i64, ptr %most.at
  %is.open = icmp ne i64 %open, 0
  %left = icmp ult i64 %next, %chunks
  %others = add i64 %active, 1
  %room = icmp ult i64 %others, %most
  %may.0 = and i1 %is.open, %left
  %may = and i1 %may.0, %room
  br i1 %may, label %join, label %wait
wait:
  call i32 @pthread_cond_wait(ptr %work, ptr @state)
  br label %look
join:
  store i64 %others, ptr %active.at
  %body = load ptr, ptr %body.at
  %context = load ptr, ptr %context.at
  call i32 @pthread_mutex_unlock(ptr @state)
  call void @run_chunks(ptr %body, ptr %context, i64 %chunks)
  call i32 @pthread_mutex_lock(ptr @state)
  %now = load i64, ptr %active.at
  %fewer = sub i64 %now, 1
  store i64 %fewer, ptr %active.at
  %last = icmp eq i64 %fewer, 0
  br i1 %last, label %tell, label %look
tell:
  call i32 @pthread_cond_signal(ptr %done)
  br label %look
}}

define void @parallel(ptr %body, ptr %context, i64 %chunks) noinline nounwind {{
start:
  %limit.at = call ptr @at(i64 232)
  %limit.own = load atomic i64, ptr %limit.at monotonic, align 8
  %alone.0 = icmp ult i64 %limit.own, 2
  br i1 %alone.0, label %alone, label %ask
ask:
  %blas.32 = call i32 @funcgrad_pool_blas_threads()
  %blas = sext i32 %blas.32 to i64
  %alone.1 = icmp ult i64 %blas, 2
  br i1 %alone.1, label %alone, label %take
take:
  %taken.at = call ptr @at(i64 192)
  %taken = atomicrmw xchg ptr %taken.at, i64 1 acq_rel
  %free = icmp eq i64 %taken, 0
  br i1 %free, label %share, label %alone
alone:
  %c = phi i64 [ 0, %start ], [ 0, %ask ], [ 0, %take ], [ %c.next, %alone ]
  call void %body(ptr %context, i64 %c)
  %c.next = add i64 %c, 1
  %c.more = icmp ult i64 %c.next, %chunks
  br i1 %c.more, label %alone, label %end
share:
  %work = call ptr @at(i64 64)
  %done = call ptr @at(i64 128)
  %open.at = call ptr @at(i64 200)
  %active.at = call ptr @at(i64 208)
  %next.at = call ptr @at(i64 216)
  %chunks.at = call ptr @at(i64 224)
  %body.at = call ptr @at(i64 240)
  %context.at = call ptr @at(i64 248)
  %most.at = call ptr @at(i64 256)
  %fewer = icmp ult i64 %blas, %limit.own
  %most = select i1 %fewer, i64 %blas, i64 %limit.own
  call i32 @pthread_mutex_lock(ptr @state)
  store i64 %most, ptr %most.at
  store atomic i64 0, ptr %next.at monotonic, align 8
  store i64 %chunks, ptr %chunks.at
  store ptr %body, ptr %body.at
  store ptr %context, ptr %context.at
  store i64 1, ptr %open.at
  call i32 @pthread_cond_broadcast(ptr %work)
  call i32 @pthread_mutex_unlock(ptr @state)
  call void @run_chunks(ptr %body, ptr %context, i64 %chunks)
  call i32 @pthread_mutex_lock(ptr @state)
  store i64 0, ptr %open.at
  br label %look
look:
  %active = load i64, ptr %active.at
  %busy = icmp ne i64 %active, 0
  br i1 %busy, label %wait, label %finish
wait:
  call i32 @pthread_cond_wait(ptr %done, ptr @state)
  br label %look
finish:
  call i32 @pthread_mutex_unlock(ptr @state)
  store atomic i64 0, ptr %taken.at release, align 8
  br label %end
end:
  ret void
}}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""
_ALONE = """\
define void @parallel(ptr %body, ptr %context, i64 %chunks) noinline nounwind {
start:
  br label %head
head:
  %c = phi i64 [ 0, %start ], [ %next, %head ]
  call void %body(ptr %context, i64 %c)
  %next = add i64 %c, 1
  %more = icmp ult i64 %next, %chunks
  br i1 %more, label %head, label %end
end:
  ret void
}
"""
_POSIX = hasattr(signal, "pthread_sigmask")
_lock = threading.RLock()
_workers = 0


def threads() -> int:
    """How many threads take part in a long kernel, the caller included."""
    return max(1, int(config.THREADS.value))


@cache
def _library() -> native.Library:
    """The pool, compiled once in a process and never freed: its workers are inside."""
    if not _POSIX:
        return compile_cached(_ALONE, {}, ("parallel",))
    control = thread_control()
    name = "@funcgrad_pool_blas_threads()"
    asked = f"declare i32 {name} nounwind" if control else f"define internal i32 {name} {{\n  ret i32 1024\n}}"
    symbols = {"funcgrad_pool_blas_threads": control[0]} if control else {}
    library = compile_cached(_TEXT.format(size=_SIZE, blas_threads=asked), symbols, _EXPORTS)
    _function(library, "pool_reset")()
    os.register_at_fork(after_in_child=_forget_workers)
    config.THREADS.watch(_adjust)
    return library


def _function(library: native.Library, name: str) -> ctypes._CFuncPtr:
    return ctypes.CFUNCTYPE(ctypes.c_int)(library.address(name))


def _forget_workers() -> None:
    """Only the thread that forked lives on in the child."""
    global _workers, _lock
    _workers, _lock = 0, threading.RLock()
    _function(_library(), "pool_reset")()


def prepare() -> None:
    """Make `@funcgrad_parallel` known to the linker, and start workers; before code that calls it is linked."""
    with _lock:
        native.define_symbols({SYMBOL: _library().address("parallel")})
        _adjust()


def _adjust() -> None:
    """Let the value of `config.THREADS` hold for the next call."""
    if not _POSIX:
        return
    with _lock:
        library = _library()
        _start_workers(library)
        state = ctypes.CFUNCTYPE(ctypes.c_void_p)(library.address("pool_state"))()
        ctypes.c_int64.from_address(state + 192 + 8 * _FIELDS.index("limit")).value = min(threads(), _workers + 1)


def _start_workers(library: native.Library) -> None:
    """Workers inherit a mask under which no signal is theirs: Python's handlers run where they did."""
    global _workers
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        while _workers < threads() - 1:
            if _function(library, "pool_start")():
                return  # the system has no more threads to give: fewer do the work
            _workers += 1
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
