"""Every example runs as a reader would run it, in a short form, and says and draws what it promises."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import tree

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(p.stem for p in (ROOT / "examples").glob("*.py"))
PNG = b"\x89PNG\r\n\x1a\n"


def run(name: str, directory: Path, *arguments: str) -> list[str]:
    """The lines an example prints when it is run as a script in another directory."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    result = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.splitlines()


def load(name: str) -> ModuleType:
    """An example as a module, to test its functions."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    with patch.dict(os.environ):  # what a script sets for itself must not stay for other tests
        spec.loader.exec_module(module)
    return module


def test_every_example_has_a_test() -> None:
    tested = re.findall(r"\b(?:run|load)\(\"(\w+)\"", Path(__file__).read_text())
    assert set(EXAMPLES) == set(tested)


# --- digits -----------------------------------------------------------------------------------------------------------


def test_digits_reaches_its_accuracy_and_draws(tmp_path: Path) -> None:
    lines = run("digits", tmp_path)
    accuracy = re.fullmatch(r"test accuracy: (\d+\.\d)%", lines[-2])
    assert accuracy and float(accuracy[1]) >= 97.5
    assert lines[-1] == "loss curve: digits-loss.png"
    assert (tmp_path / "digits-loss.png").read_bytes().startswith(PNG)


def test_digits_learns_the_same_with_and_without_jit() -> None:
    digits = load("digits")
    images, labels, _, _ = digits.load(3)
    compiled, plain = (digits.train(images[:256], labels[:256], 2, 3, compiled)[1] for compiled in (True, False))
    np.testing.assert_allclose(compiled, plain, rtol=2e-3)
    assert compiled[-1] < 0.9 * compiled[0]


def test_digits_splits_every_digit_alike() -> None:
    images, labels, test_images, test_labels = load("digits").load(0)
    assert (len(images), len(test_images)) == (len(labels), len(test_labels)) == (1437, 360)
    shares = np.bincount(test_labels) / (np.bincount(labels) + np.bincount(test_labels))
    np.testing.assert_allclose(shares, 0.2, atol=0.01)
    together = np.concatenate([images, test_images]).reshape(1797, 64)
    with np.load(ROOT / "examples" / "data" / "digits.npz") as data:
        whole = data["images"].reshape(1797, 64)
    assert sorted(map(bytes, (together * 16).astype(np.uint8))) == sorted(map(bytes, whole))


def test_digits_shifts_by_fractions_of_a_pixel() -> None:
    digits, image = load("digits"), np.random.default_rng(0).uniform(size=(8, 8)).astype(np.float32)
    expected = 0.75 * image
    expected[:-1] += 0.25 * image[1:]
    np.testing.assert_allclose(digits.shift(image, np.float32([0.25, 0])), expected, rtol=1e-6)
    expected = 0.6 * image
    expected[:, 1:] += 0.4 * image[:, :-1]
    np.testing.assert_allclose(digits.shift(image, np.float32([0, -0.4])), expected, rtol=1e-6)


def test_progress_is_plain_lines_in_a_file_and_a_bar_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = load("digits")
    digits.show_progress(1, 2, 0.5)
    assert capsys.readouterr().out == "epoch 1/2   loss 0.5000\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    digits.show_progress(1, 2, 0.5)
    digits.show_progress(2, 2, 0.25)
    half, full = capsys.readouterr().out.lstrip("\r").split("\r")
    assert half == f"[{'#' * 15}{'.' * 15}] epoch 1/2   loss 0.5000"
    assert full == f"[{'#' * 30}] epoch 2/2   loss 0.2500\n"


# --- xor --------------------------------------------------------------------------------------------------------------


def test_xor_learns_both_ways(tmp_path: Path) -> None:
    lines = run("xor", tmp_path, "--steps", "2000")
    differences = [float(line.split()[-1]) for line in lines if "differ" in line]
    assert len(differences) == 2 and differences[0] < 1e-6 and differences[1] < 1e-4
    for line, expected in zip(lines[-4:], (0, 1, 1, 0), strict=True):
        assert abs(float(line.split()[-1]) - expected) < 0.1


def test_nudging_takes_one_run_more_than_there_are_weights() -> None:
    xor, runs = load("xor"), []
    params = xor.initial_parameters(5, 0)

    def counted(params: dict[str, np.ndarray]) -> float:
        runs.append(1)
        return xor.loss(params)

    nudged = xor.nudged_gradient(counted, params)
    assert len(runs) == 1 + sum(value.size for value in params.values())
    assert xor.largest_difference(nudged, fg.grad(xor.loss)(params)) < 1e-6


# --- micrograd --------------------------------------------------------------------------------------------------------


def test_moons_are_told_apart_and_drawn(tmp_path: Path) -> None:
    lines = run("micrograd_moons", tmp_path, "--out", "picture.png")
    accuracy = re.fullmatch(r"accuracy: (\d+\.\d)%", lines[-2])
    assert accuracy and float(accuracy[1]) >= 98
    assert lines[-1] == "decision boundary: picture.png"
    assert (tmp_path / "picture.png").read_bytes().startswith(PNG)


def test_values_and_adjoints_beside_each_node() -> None:
    """By hand: f = e + c = 1.5, so dg/df = 2 f = 3; c enters f directly and through d; a enters c and d."""
    moons = load("micrograd_moons")
    rows = [line.rsplit(maxsplit=2) for line in moons.explain(moons.expression, 3.0, -0.25).splitlines()[1:]]
    found = {text.split()[0]: (float(value), float(adjoint)) for text, value, adjoint in rows}
    assert found == {
        "a": (3.0, 1.5), "b": (-0.25, 18.0), "c": (-0.75, 6.0), "d": (2.25, 3.0), "e": (2.25, 3.0), "f": (1.5, 3.0),
        "g": (2.25, 1.0),
    }  # fmt: skip
    gradient = fg.grad(moons.expression, argnums=(0, 1))(3.0, -0.25)
    assert gradient == (1.5, 18.0)


def test_numbers_and_arrays_have_the_same_gradient() -> None:
    moons, rng = load("micrograd_moons"), np.random.default_rng(1)
    points, labels = moons.moons(3, rng)
    layers = moons.initial_layers(rng)
    numbers = tree.tree_map(np.ndarray.tolist, layers)
    slow = fg.grad(moons.loss_by_numbers)(numbers, points.tolist(), labels.tolist())
    fast = fg.grad(moons.loss_by_arrays)(layers, points, labels)
    vector = np.concatenate([np.ravel(g) for g in tree.tree_leaves(fast)])
    np.testing.assert_allclose(np.array(tree.tree_leaves(slow)), vector, rtol=1e-12, atol=1e-15)


# --- pendulum ---------------------------------------------------------------------------------------------------------


def test_a_pendulum_is_measured_and_drawn(tmp_path: Path) -> None:
    lines = run("pendulum", tmp_path, "--out", "picture.png")
    rows = [re.fullmatch(r"(\w+) +(-?\d+\.\d+) \+- (\d+\.\d+) +(-?\d+\.\d+)", line).groups() for line in lines[1:5]]
    assert [name for name, *_ in rows] == ["friction", "length", "angle", "speed"]
    for _, fitted, deviation, truth in rows:
        assert 0 < float(deviation) < 0.1 and abs(float(fitted) - float(truth)) < 3 * float(deviation)
    assert lines[-1] == "picture: picture.png"
    assert (tmp_path / "picture.png").read_bytes().startswith(PNG)
