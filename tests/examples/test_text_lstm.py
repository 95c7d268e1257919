"""examples/text_lstm.py: its texts, one step of each network, and what arrives of a gradient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from example_scripts import is_png, load, run

from funcgrad import random
from funcgrad.test_util import check_grads


def test_short_texts_are_remembered(tmp_path: Path) -> None:
    lines = run("text_lstm", tmp_path, "--length", "12", "--steps", "300", "--out", "picture.png")
    accuracies = [float(line.split(": ")[1].rstrip("%")) for line in lines if "test accuracy" in line]
    assert len(accuracies) == 2 and accuracies[1] > 60  # 25 by chance
    assert is_png(tmp_path / "picture.png")


def test_a_text_has_one_capital_near_its_beginning_and_that_is_its_label() -> None:
    example = load("text_lstm")
    texts, labels = example.make_texts(random.key(0), 200, 30)
    capitals = texts < len(example.CAPITALS)
    assert np.all(capitals.sum(axis=1) == 1) and not capitals[:, 8:].any() and capitals[:, :8].any(axis=0).all()
    np.testing.assert_array_equal(texts[capitals], labels)
    assert set(labels) == {0, 1, 2, 3}


def test_one_step_of_the_lstm_is_the_textbook_formula() -> None:
    example, rng = load("text_lstm"), np.random.default_rng(1)
    params = example.lstm_parameters(rng, 20)
    hidden, memory = rng.normal(size=(2, 3, example.WIDTH))
    letter = np.array([0, 5, 11])
    take, keep, show, new = (
        params["letters"][letter][:, k] + hidden @ params["state"][:, k] + params["bias"][k] for k in range(4)
    )
    logistic = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    expected = logistic(keep) * memory + logistic(take) * np.tanh(new)
    found = example.lstm(params, (hidden, memory), letter)
    np.testing.assert_allclose(found[1], expected, rtol=1e-12)
    np.testing.assert_allclose(found[0], logistic(show) * np.tanh(expected), rtol=1e-12)


@pytest.mark.parametrize("name", ["Elman network", "LSTM"])
def test_the_gradient_at_nudges_is_what_moving_them_does(name: str) -> None:
    example = load("text_lstm")
    params = example.NETWORKS[name][0](np.random.default_rng(2), 5)
    texts, labels = example.make_texts(random.key(3), 2, 5)
    nudges = np.zeros((5, example.NETWORKS[name][2], 2, example.WIDTH))
    check_grads(lambda n: example.loss(name, params, texts, labels, n), (nudges,), order=1, modes=("rev",))
    assert example.loss(name, params, texts, labels, nudges) == example.loss(name, params, texts, labels)


def test_the_gradient_vanishes_in_one_network_only() -> None:
    example = load("text_lstm")
    texts, labels = example.make_texts(random.key(4), 50, 60)
    first = {
        name: example.arriving(name, make(np.random.default_rng(0), 60), texts, labels)[0]
        for name, (make, _, _) in example.NETWORKS.items()
    }
    assert first["Elman network"] < 1e-6 and first["LSTM"] > 1e-2
