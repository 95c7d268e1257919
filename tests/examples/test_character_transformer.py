"""examples/character_transformer.py: the language, its parser, and a network that does not look ahead."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from example_scripts import is_png, load, number_after, run

from funcgrad import random


def test_a_short_training_learns_words(tmp_path: Path) -> None:
    lines = run("character_transformer", tmp_path, "--steps", "40", "--out", "picture.png")
    floor, loss = number_after("who knows the grammar: ", lines), number_after("validation loss: ", lines)
    assert floor < loss < 2.3  # letters by their frequency alone would give 2.7
    assert is_png(tmp_path / "picture.png")


def test_every_sentence_of_the_language_has_one_reading() -> None:
    """Then the probability of a sentence is that of its choices, and the printed floor is right."""
    example, rng = load("character_transformer"), np.random.default_rng(0)
    for _ in range(300):
        words, _ = example.derive("SENTENCE", rng)
        assert example.readings(example.spell(words)) == 1


@pytest.mark.parametrize(
    "sentence",
    ["the dog run.", "two dogs runs.", "anna says that he runs.", "the dog that see tom runs.", "the dog sees.", "x."],
)
def test_other_sentences_have_none(sentence: str) -> None:
    assert load("character_transformer").readings(sentence) == 0


def test_the_probability_of_a_sentence_is_the_product_of_its_choices() -> None:
    example = load("character_transformer")
    seen = {}
    rng = np.random.default_rng(1)
    for _ in range(500):
        words, chance = example.derive("SENTENCE", rng)
        seen[example.spell(words)] = chance
    assert math.isclose(seen["anna runs."], math.log(1 / 4 / 5 / 3 / 3 / 4))
    assert example.judge(["cut. anna runs. two dog run. cut"]) == (2, 1)


def test_no_letter_is_predicted_from_later_ones() -> None:
    example, rng = load("character_transformer"), np.random.default_rng(2)
    params = example.initial_parameters(random.key(0), 9)
    text = rng.integers(0, 9, (1, 12))
    other = text.copy()
    other[0, 7:] = (other[0, 7:] + 1) % 9
    (before, seen), (after, _) = (example.predict(params, t) for t in (text, other))
    np.testing.assert_array_equal(before[0, :7], after[0, :7])
    assert np.all(np.any(before[0, 7:] != after[0, 7:], axis=-1))
    for weights in seen:
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
        assert np.all(np.triu(weights, 1) == 0)


def test_attention_is_the_formula_of_one_place() -> None:
    example = load("character_transformer")
    layer = example.initial_parameters(random.key(3), 9)["layers"][0]
    x = np.random.default_rng(4).normal(size=(1, 5, example.WIDTH)).astype(np.float32)
    result, _ = example.attention(x, layer)
    size, expected = example.WIDTH // example.HEADS, 0
    for head in range(example.HEADS):
        query, keys, values = (x[0] @ layer["queries_keys_values"][k, :, head] for k in range(3))
        fit = np.exp(keys @ query[4] / np.sqrt(size))
        expected = expected + fit @ values / fit.sum() @ layer["together"][head]
    np.testing.assert_allclose(result[0, 4], expected, rtol=1e-4, atol=1e-5)
