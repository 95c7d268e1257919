"""examples/learning_representations.py: the families are those of the paper, and the units learn what it reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from example_scripts import is_png, load, number_after, run


def test_all_three_networks_learn(tmp_path: Path) -> None:
    lines = run("learning_representations", tmp_path, "--out", "picture.png")
    assert number_after("symmetry: error", lines) < 0.01 and "100.0% of 64 rows right" in lines[1]
    assert "8 of 8 patterns" in lines[0]
    assert "right: 100 of 100 facts shown" in lines[4]
    assert is_png(tmp_path / "picture.png")


def test_the_104_facts_of_two_families_of_one_shape() -> None:
    example = load("learning_representations")
    names, facts = example.kin()
    said = {(names[who], example.RELATIONS[what]): {names[p] for p in whom} for who, what, whom in facts}
    assert len(names) == 24 and len(said) == 104
    assert said["Colin", "aunt"] == {"Margaret", "Jennifer"} and said["Colin", "sister"] == {"Charlotte"}
    assert said["Charlotte", "uncle"] == {"Arthur", "Charles"} and said["Arthur", "niece"] == {"Charlotte"}
    assert said["Margaret", "nephew"] == {"Colin"} and said["Victoria", "brother"] == {"Arthur"}
    assert ("Colin", "wife") not in said and ("Christopher", "father") not in said
    translated = dict(zip(names[:12], names[12:]))
    for (who, what), whom in list(said.items()):
        if who in translated:
            assert said[translated[who], what] == {translated[p] for p in whom}


def test_weights_of_the_symmetry_network_mirror_each_other() -> None:
    weights, errors, right = load("learning_representations").symmetry(1, 4000)
    assert right == 1.0 and errors[-1] < 0.01
    np.testing.assert_allclose(weights["w"], -weights["w"][::-1], atol=0.2)
    sizes = np.sort(np.abs(weights["w"][:3, 0]))
    np.testing.assert_allclose(sizes / sizes[0], [1, 2, 4], rtol=0.05)
    assert np.all(np.sign(weights["w"][:, 0]) == -np.sign(weights["w"][:, 1]))


def test_a_sweep_is_the_rule_of_the_paper() -> None:
    example = load("learning_representations")
    x, y = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0], [0.0]])
    params = {"w": np.array([[0.2], [0.1]]), "b": np.zeros(1)}
    trained, errors = example.train(example.units, params, (x, y), 22, ((0.5, 0.5), (0.5, 0.9)), decay=0.01, margin=0.2)
    w, b, past = params["w"], params["b"], None
    for sweep in range(22):
        momentum = 0.5 if sweep < 20 else 0.9
        past = None if sweep in (0, 20) else past
        answer = 1 / (1 + np.exp(-(x @ w + b)))
        excess = np.sign(answer - y) * np.maximum(np.abs(answer - y) - 0.2, 0)
        np.testing.assert_allclose(errors[sweep], np.sum(excess**2) / 2, rtol=1e-12)
        back = excess * answer * (1 - answer)
        gradient = (x.T @ back, back.sum(axis=0))
        past = gradient if past is None else tuple(momentum * p + g for p, g in zip(past, gradient))
        w, b = 0.99 * w - 0.5 * past[0], 0.99 * b - 0.5 * past[1]
    np.testing.assert_allclose(trained["w"], w, rtol=1e-10)
