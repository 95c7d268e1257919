"""The native launcher: when it is trusted, and how its code is stored."""

from __future__ import annotations

import subprocess
import sys
import sysconfig

import numpy as np
import pytest
from launcher_programs import program

from funcgrad.compile import launcher, launcher_native
from funcgrad.compile.launcher import InputSpec, OutputSpec, make_launcher

F64 = np.dtype(np.float64)


def test_native_is_in_force_here() -> None:
    assert launcher.launcher_kind() == "native"


def test_self_test_refuses_a_wrong_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    right = launcher_native._layout()
    assert launcher_native._layout_refusal(right) is None
    for field in ("type", "data", "ndim", "dtype", "flags"):
        wrong = right._replace(**{field: getattr(right, field) - 8})
        refusal = launcher_native._layout_refusal(wrong)
        assert refusal is not None and field in refusal
    monkeypatch.setattr(launcher_native, "BINARY_INTERFACE", 1)
    assert "binary interface" in (launcher_native._layout_refusal(right) or "")


def test_make_launcher_uses_the_portable_one_where_native_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    library = program([(1, 0, 8)])
    parts = ([InputSpec((), F64)], [OutputSpec((), F64)], [], 0, False, library)
    fast = make_launcher(library.address("entry"), *parts)
    monkeypatch.setattr(launcher, "native_refusal", lambda: "a test")
    slow = make_launcher(library.address("entry"), *parts)
    assert type(fast) is type(len) and type(slow) is not type(len)
    assert fast(np.float64(3.0)) == slow(np.float64(3.0)) == (3.0,)


def test_unknown_interpreters_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = launcher_native.native_refusal.__wrapped__
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: name == "Py_GIL_DISABLED")
    monkeypatch.setattr(launcher_native.sys, "version_info", (3, 13))
    assert "free-threaded" in refusal()
    monkeypatch.setattr(launcher_native.sys, "implementation", type("Implementation", (), {"name": "pypy"}))
    assert "pypy" in refusal()


def test_stored_code_serves_another_process() -> None:
    code = (
        "import sys, numpy as np\n"
        "from funcgrad.compile import launcher_native, native\n"
        "native.compile_text = None  # whatever compiles now fails\n"
        "launcher_native.preload_launcher(sys.stdin.buffer.read())\n"
        "print(launcher_native.native_refusal(), hash(launcher_native.launcher_key()) != 0)\n"
    )
    data = launcher_native.launcher_object()
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"None True\n", b"")


def test_key_follows_the_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    key_of, layout = launcher_native.launcher_key.__wrapped__, launcher_native._layout()
    key = key_of()
    monkeypatch.setattr(launcher_native, "_layout", lambda: layout._replace(flags=layout.flags + 8))
    assert key_of() != key
