"""`funcgrad.checkpointing`: every bit comes back, damage and malice are found, files are whole, runs resume."""

from __future__ import annotations

import dataclasses
import json
import os
import random as python_random
import subprocess
import sys
import zlib
from collections import OrderedDict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import checkpointing, optim, tree
from funcgrad.checkpointing import CheckpointError, files, load, save

Pair = namedtuple("Pair", "left right")
DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]


@tree.register_dataclass
@dataclasses.dataclass
class Layer:
    w: Any
    name: str = dataclasses.field(default="a", metadata={"static": True})


@pytest.fixture(autouse=True)
def quick_disk(request: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Waiting for the disk is tested once; elsewhere it only costs time. The calls are counted."""
    calls: list[int] = []
    monkeypatch.setattr(files.os, "fsync", calls.append)
    return calls


def same(a: Any, b: Any) -> None:
    assert type(a) is type(b), (a, b)
    if isinstance(a, (np.ndarray, np.generic)):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    elif isinstance(a, float):
        assert a.hex() == b.hex()
    else:
        assert a == b


def everything() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    arrays = {d: np.frombuffer(rng.bytes(24), d if d != "?" else "u1") for d in DTYPES}
    arrays["?"] = arrays["?"] > 100
    return {
        "arrays": arrays,
        "complex": [np.array([1 + 2j, complex("nan")]), np.array([[1j]], np.complex64), np.complex128(3 - 1j)],
        "scalars": (np.float32(0.1), np.int8(-3), np.bool_(True), np.uint64(2**64 - 1), np.float16(-0.0)),
        "empty": [np.zeros((0, 3)), np.zeros((2, 0), np.int8), [], (), {}],
        "shapes": [np.array(3.0), np.ones((2, 3), order="F"), np.arange(10)[::-2], np.array([1, 2], ">i4")],
        "python": [0, -(10**40), True, False, 0.1, float("inf"), -0.0, float("nan"), "ä\n\ud800"[:2], "", 1 - 2j, None],
        "keys": {1: "one", True + 1: "two", -7: {"": 1.5, "a'b\"c/../d": np.ones(1)}},
    }


def test_every_bit_comes_back(tmp_path: Path) -> None:
    before = everything()
    save(tmp_path / "a", before)
    for after in (load(tmp_path / "a"), load(str(tmp_path / "a"), like=before)):
        assert tree.structure(after) == tree.structure(before)
        for a, b in zip(tree.leaves(before), tree.leaves(after)):
            same(np.asarray(a).astype(a.dtype.newbyteorder("="), order="C") if isinstance(a, np.ndarray) else a, b)
        assert set(after["keys"]) == {1, 2, -7}
        assert all(a.flags.writeable for a in tree.leaves(after) if isinstance(a, np.ndarray))
    assert list(load(tmp_path / "a")["keys"]) == [1, 2, -7]
    for leaf in (np.ones(2), 3, None, "text", np.float32(1)):
        save(tmp_path / "leaf", leaf)
        after = load(tmp_path / "leaf")
        same(leaf, after) if leaf is not None else None
        assert (after is None) == (leaf is None)


def test_classes_come_back_by_like(tmp_path: Path) -> None:
    params = {"w": np.ones(3), "b": Layer(np.zeros(2), "name")}
    state = (params, optim.adam(0.1).init(params), Pair(1, OrderedDict(b=1.0, a=2.0)))
    save(tmp_path / "a", state)
    template = tree.map(lambda v: v * 0, state)
    after = load(tmp_path / "a", like=template)
    assert tree.structure(after) == tree.structure(state) and after[0]["b"].name == "name"
    for a, b in zip(tree.leaves(state), tree.leaves(after)):
        same(a, b)
    shapes = tree.map(lambda v: fg.ShapeDtypeStruct(v.shape, v.dtype) if hasattr(v, "shape") else v, state)
    assert tree.structure(load(tmp_path / "a", like=shapes)) == tree.structure(state)
    with pytest.raises(
        CheckpointError, match=r"\[0\]\['b'\] is of class Layer, which a file cannot make.\nFix: pass like="
    ):
        load(tmp_path / "a")


@pytest.mark.parametrize(
    ("like", "message"),
    [
        ({"w": np.ones(3), "n": [1]}, r"\['w'\] is float64\[2\] in the file, and float64\[3\] in like"),
        ({"w": np.ones(2, np.float32), "n": [1]}, r"\['w'\] is float64\[2\] in the file, and float32\[2\] in like"),
        ({"w": np.ones(2)}, r"is a dict with the keys \['w', 'n'\] in the file, and a dict with the keys \['w'\]"),
        ({"w": np.ones(2), "n": [1, 2]}, r"\['n'\] is a list of length 1 in the file, and a list of length 2 in like"),
        ({"w": np.ones(2), "n": (1,)}, r"\['n'\] is a list of length 1 in the file, and a tuple of length 1 in like"),
        ({"w": np.ones(2), "n": Pair(1, 2)}, r"and of class Pair with .left, .right in like"),
        ({"w": np.ones(2), "n": 1}, r"\['n'\] is a list of length 1 in the file, and a leaf \(int\) in like"),
        ({"w": None, "n": [1]}, r"\['w'\] is a leaf \(array\) in the file, and None in like"),
        ({"w": np.ones(2), "n": ["a"]}, r"\['n'\]\[0\] is a leaf \(int\) in the file, and a leaf \(str\) in like"),
        ({"w": 1.0, "n": [1]}, r"\['w'\] is a leaf \(array\) in the file, and a leaf \(float\) in like"),
    ],
)  # fmt: skip
def test_differences_from_like_are_named(tmp_path: Path, like: Any, message: str) -> None:
    save(tmp_path / "a", {"w": np.ones(2), "n": [1]})
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path / "a", like=like)


def test_what_cannot_be_saved_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    save(tmp_path / "a", {"x": 1})
    for leaf, message in (
        ({"x": [np.array(["text"])]}, r"\['x'\]\[0\] has dtype <U4, which the format does not have"),
        ({"x": np.longdouble(1)}, r"\['x'\] has dtype (float128|float64|longdouble)"),
        ({"x": object()}, r"\['x'\] has type object, which cannot be saved.\nFix: save arrays"),
        ({1.5: 1}, "keys of dicts must be texts or integers, got 1.5"),
        ({"x": np.array([None])}, "has dtype object"),
        ({"x": np.ma.array([1.0, 2.0], mask=[False, True])}, r"\['x'\] has type MaskedArray, which cannot be saved"),
    ):
        with pytest.raises(CheckpointError, match=message):
            save(tmp_path / "a", leaf)
    with pytest.raises(CheckpointError, match=r"is a traced value. Fix: save outside of jit"):
        fg.jit(lambda x: save(tmp_path / "a", x))(1.0)
    assert load(tmp_path / "a") == {"x": 1} and os.listdir(tmp_path) == ["a"]


# --- files ------------------------------------------------------------------------------------------------------------


def test_files_are_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_disk: list[int]) -> None:
    path = tmp_path / "a"
    save(path, {"w": np.ones(1000)})
    assert len(quick_disk) == 2  # the file, then its directory
    for name in ("fsync", "replace"):
        with monkeypatch.context() as m:
            m.setattr(files.os, name, lambda *args: (_ for _ in ()).throw(OSError("the disk is full")))
            with pytest.raises(OSError, match="the disk is full"):
                save(path, {"w": np.zeros(1000)})
        assert load(path)["w"].all() and os.listdir(tmp_path) == ["a"]
    with pytest.raises(FileNotFoundError):
        save(tmp_path / "missing" / "a", 1)


def test_the_layout_is_that_of_safetensors(tmp_path: Path) -> None:
    """Read by the words of the format's description, and a file made by these words is read as a dict of arrays."""
    save(tmp_path / "a", {"w": np.arange(3.0), "n": np.int8([7])})
    raw = (tmp_path / "a").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    assert size % 8 == 0 and header["['w']"] == {"dtype": "F64", "shape": [3], "data_offsets": [0, 24]}
    assert header["['n']"]["data_offsets"] == [24, 25] and raw[8 + size :] == np.arange(3.0).tobytes() + b"\x07"
    assert all(isinstance(v, str) for v in header["__metadata__"].values())
    foreign = json.dumps({"x": {"dtype": "I16", "shape": [2, 1], "data_offsets": [0, 4]}, "__metadata__": {"a": "b"}})
    (tmp_path / "b").write_bytes(len(foreign).to_bytes(8, "little") + foreign.encode() + b"\1\0\2\0")
    assert load(tmp_path / "b")["x"].tolist() == [[1], [2]]
    with pytest.raises(CheckpointError, match=r"a file of another program has no structure.\nFix: leave out like="):
        load(tmp_path / "b", like={"x": 1})


def test_every_flipped_bit_and_every_cut_is_found(tmp_path: Path) -> None:
    tree_ = {"w": np.arange(3.0), "flag": np.array([True]), "n": [1, 0.5, "text", None, Pair(2, 3)]}
    path = tmp_path / "a"
    save(path, tree_)
    raw = path.read_bytes()
    for at in range(len(raw)):
        damaged = bytearray(raw)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        try:
            after = load(path, like=tree_)
        except CheckpointError as error:
            assert str(path) in str(error)
        else:  # only blanks between header and arrays say nothing
            assert json.loads(damaged[8 : 8 + int.from_bytes(raw[:8], "little")].decode())
            assert all(np.array_equal(a, b) for a, b in zip(tree.leaves(tree_), tree.leaves(after)))
    for length in range(0, len(raw), 3):
        path.write_bytes(raw[:length])
        with pytest.raises(CheckpointError):
            load(path, like=tree_)
    path.write_bytes(raw + b"\0")
    with pytest.raises(CheckpointError, match="the arrays take 25 bytes, but the file holds 26"):
        load(path, like=tree_)
    damaged = bytearray(raw)
    damaged[-20] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match=r"leaf \['w'\] does not fit its checksum"):
        load(path, like=tree_)


def forged(path: Path, header: Any, body: bytes = b"", signed: bool = True) -> Path:
    """A file whose header has a right checksum, as an attacker would make it."""
    if signed and isinstance(header, dict):
        metadata = header.setdefault("__metadata__", {})
        if isinstance(metadata, dict):
            header["__metadata__"] = {"format": "funcgrad checkpoint", "version": "1", "checksums": "{}", **metadata}
            header["__metadata__"][files.CHECKSUM] = str(files._header_crc(header))
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def entry(dtype: Any = "U8", shape: Any = (1,), offsets: Any = (0, 1)) -> Any:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{}" * 3, "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": 1, "a": 2}', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
        ([1], "no table of arrays"),
        ({"__metadata__": [1]}, "no table of arrays"),
        ({"a": 3}, "has no dtype, shape and data_offsets"),
        ({"a": {**entry(), "code": "import os"}}, "has no dtype, shape and data_offsets"),
        ({"a": entry("O")}, "has the dtype 'O'; those known are F64"),
        ({"a": entry(["U8"])}, "has the dtype"),
        ({"a": entry(shape=(-1,))}, r"has the shape \[-1\]"),
        ({"a": entry(shape=(1.0,))}, r"has the shape \[1.0\]"),
        ({"a": entry(shape=(True,))}, r"has the shape \[True\]"),
        ({"a": entry(shape=(1,) * 65)}, "has the shape"),
        ({"a": entry(shape=(2**62, 2**62))}, "does not fill the bytes"),
        ({"a": entry(shape=(2**62, 2**62, 0), offsets=(0, 0)), "b": entry()}, "which no array can have"),
        ({"a": entry(offsets=(0, 2**40), shape=(2**40,))}, "the arrays take"),
        ({"a": entry(offsets=(1, 2))}, "begins at byte 1, and the one before ends at 0"),
        ({"a": entry(), "b": entry()}, "begins at byte 0, and the one before ends at 1"),
        ({"a": entry(offsets=(1, 0), shape=())}, "does not fill the bytes"),
        ({"a": entry(), "__metadata__": {"checksums": "[]"}}, "the checksums are missing"),
        ({"a": entry(), "__metadata__": {"checksums": "{"}}, "the checksums are missing"),
        ({"a": entry()}, "leaf a does not fit its checksum"),
        ({"a": entry("BOOL"), "__metadata__": {"checksums": f'{{"a": {zlib.crc32(b"x")}}}'}}, "other than 0 and 1"),
    ],
)  # fmt: skip
def test_forged_headers(tmp_path: Path, header: Any, message: str) -> None:
    path = forged(tmp_path / "a", json.loads(json.dumps(header)) if isinstance(header, dict) else header, b"x")
    with pytest.raises(CheckpointError, match=message):
        load(path)


@pytest.mark.parametrize(
    "structure",
    [
        "", "3", "{}", "[]", "[[]]", '["array"]', '["array", "b"]', '["array", ["a"]]', '["scalar", "a"]',
        '["pickle", "a"]',
        '["complex array", "a"]', '["int", "x"]', '["int", 3]', '["float", "0x1p99999"]', '["bool", 1]', '["str", 1]',
        '["list"]', '["list", 3]', '["tuple", [3]]', '["dict", [3]]', '["dict", [[null, null]]]', '["complex", "1"]',
        '["dict", [[["str", 1], null]]]', '["class", "os.system", []]', '["class"]', '["list", [' * 5000 + "]]" * 5000,
    ],
)  # fmt: skip
def test_forged_structures(tmp_path: Path, structure: str) -> None:
    header = {"a": entry(shape=(2,), offsets=(0, 2)), "__metadata__": {"structure": structure}}
    header["__metadata__"]["checksums"] = json.dumps({"a": zlib.crc32(b"xy")})
    path = forged(tmp_path / "a", header, b"xy")
    for like in (None, {"w": np.ones(2)}, [1], Pair(1, 2), np.ones(2), 3):
        with pytest.raises(CheckpointError):
            load(path, like=like)


def test_random_damage_gives_only_checkpoint_errors(tmp_path: Path) -> None:
    """Random edits of a header whose checksum is then made right again: the reader's own checks must hold."""
    tree_ = {"w": np.arange(3.0), "n": [1, Pair(2, 3)]}
    save(tmp_path / "a", tree_)
    raw, dice = (tmp_path / "a").read_bytes(), python_random.Random(0)
    size = int.from_bytes(raw[:8], "little")
    text, body, loaded = raw[8 : 8 + size].decode(), raw[8 + size :], 0
    for _ in range(300):
        edited = list(text)
        for _ in range(dice.randint(1, 3)):
            edited[dice.randrange(len(edited))] = dice.choice('0123456789[]{}",:-aF\\ ')
        try:
            header = json.loads("".join(edited))
        except ValueError:
            continue
        path = forged(tmp_path / "b", header, body)
        try:
            load(path, like=tree_ if dice.random() < 0.5 else None)
            loaded += 1
        except CheckpointError:
            pass
    assert os.listdir(tmp_path) in (["a", "b"], ["b", "a"])


def test_versions_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"the file has version 2, and this funcgrad reads 1.\nFix: update funcgrad"
    ):
        load(forged(tmp_path / "a", {"__metadata__": {"version": "2", "structure": "null"}}))
    with pytest.raises(CheckpointError, match="this is no checkpoint of funcgrad"):
        load(forged(tmp_path / "a", {"__metadata__": {"format": "other", "structure": "null"}}))
    np.savez(tmp_path / "b.npz", x=np.ones(3))
    with pytest.raises(CheckpointError, match="the length of the header does not fit the file"):
        load(tmp_path / "b.npz")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing")


# --- directories ------------------------------------------------------------------------------------------------------


def test_manager_keeps_the_last_ones(tmp_path: Path) -> None:
    manager = checkpointing.Manager(tmp_path / "deep" / "run", keep=2, keep_every=10)
    assert manager.latest() is None and manager.steps() == []
    with pytest.raises(CheckpointError, match=r"there is no checkpoint.\nFix: ask latest"):
        manager.restore()
    for step in (5, 10, 15, np.int64(20), 25):
        manager.save(step, {"step": step})
    assert manager.steps() == [10, 20, 25] and manager.latest() == 25
    assert manager.restore() == {"step": 25} and manager.restore(10, like={"step": 0}) == {"step": 10}
    with pytest.raises(CheckpointError, match=r"no checkpoint of step 5; there are \[10, 20, 25\]"):
        manager.restore(5)
    manager.save(12, {"step": 12})  # a run that went back to step 10 and on from there
    assert manager.restore(12) == {"step": 12} and manager.steps() == [10, 12, 20, 25]
    manager.save(13, {"step": 13})
    assert manager.steps() == [10, 13, 20, 25]
    manager.path(13).unlink()
    (manager.directory / "step-0000000099.safetensors.bak").write_text("")
    assert checkpointing.Manager(manager.directory).latest() == 25
    for wrong in (dict(keep=0), dict(keep_every=0)):
        with pytest.raises(ValueError, match="must be at least 1 or None, got 0"):
            checkpointing.Manager(tmp_path, **wrong)
    with pytest.raises(ValueError, match="steps must not be negative"):
        manager.save(-1, 0)
    with pytest.raises(TypeError):
        manager.save("../../evil", 0)


def test_manager_removes_what_killed_processes_left(tmp_path: Path) -> None:
    finished = subprocess.Popen([sys.executable, "-S", "-c", ""])
    finished.wait()
    dead = tmp_path / f".step-0000000003.safetensors.{finished.pid}.0.tmp"
    mine = tmp_path / f".step-0000000003.safetensors.{os.getpid()}.0.tmp"
    for path in (dead, mine, tmp_path / ".other.tmp"):
        path.write_text("")
    checkpointing.Manager(tmp_path)
    assert not dead.exists() and mine.exists() and (tmp_path / ".other.tmp").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the script forks its children")
def test_a_killed_run_resumes_bit_for_bit() -> None:
    script = Path(__file__).parent / "kill_resume.py"
    done = subprocess.run([sys.executable, script, "--kills", "20"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("killed 20 times") and int(done.stdout.split()[4]) > 20
