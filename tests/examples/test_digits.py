"""examples/digits.py reaches its accuracy, with and without jit, and splits and shifts its images rightly."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from example_scripts import ROOT, is_png, load, run


def test_digits_reaches_its_accuracy_and_draws(tmp_path: Path) -> None:
    lines = run("digits", tmp_path)
    accuracy = re.fullmatch(r"test accuracy: (\d+\.\d)%", lines[-2])
    assert accuracy and float(accuracy[1]) >= 97.5
    assert lines[-1] == "loss curve: digits-loss.png"
    assert is_png(tmp_path / "digits-loss.png")


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
