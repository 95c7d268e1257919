"""A small transformer learns a language letter by letter, and can be compared with the language itself.

    python examples/character_transformer.py                  train, measure, write, and draw
    python examples/character_transformer.py --text FILE      the same on a text of your own (some 100 kB)

The text is made by a little grammar of English sentences with three habits that reach far: a verb agrees with a noun
that may stand several words before it, `she` and `he` with a name, and a clause must be finished. As the probability of
every sentence is known, so is the loss that no model can beat; and whether a sentence that the network writes is one of
the language is decided by a parser. With --text only the losses and the sample remain.
"""

from __future__ import annotations

import argparse
import math
import time
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax, losses, nn, optim, random, tree
from funcgrad import numpy as fnp

# Capital names stand for one of their alternatives, each as likely as the others; everything else is written as it is.
GRAMMAR = {
    "SENTENCE": ["ONE ACTS .", "MANY ACT .", "HER says that she ACTS .", "HIM says that he ACTS ."],
    "ONE": ["THIS NOUN", "THIS KIND NOUN", "THIS NOUN that ACTS", "HER", "HIM"],
    "MANY": ["THESE NOUN s", "THESE KIND NOUN s", "THESE NOUN s that ACT"],
    "ACTS": ["MOVE s", "MEET s ONE", "MEET s MANY"],
    "ACT": ["MOVE", "MEET ONE", "MEET MANY"],
    "THIS": ["the", "a", "every", "this"],
    "THESE": ["the", "two", "many", "these"],
    "KIND": ["small", "old", "grey", "quiet"],
    "NOUN": ["dog", "cat", "bird", "fox", "horse", "farmer", "king", "painter"],
    "HER": ["anna", "maria", "judith"],
    "HIM": ["tom", "peter", "oscar"],
    "MOVE": ["run", "sleep", "sing", "wait"],
    "MEET": ["see", "follow", "greet", "know"],
}
LETTERS = 60_000
CONTEXT, WIDTH, HEADS, LAYERS, BATCH = 64, 64, 4, 2, 32


# --- the language -----------------------------------------------------------------------------------------------------


def derive(symbol: str, rng: np.random.Generator) -> tuple[list[str], float]:
    """Words that a symbol may become, and the logarithm of the probability of the choices made."""
    if symbol not in GRAMMAR:
        return [symbol], 0.0
    parts = GRAMMAR[symbol][rng.integers(len(GRAMMAR[symbol]))].split()
    words, chances = zip(*(derive(part, rng) for part in parts))
    return list(chain.from_iterable(words)), sum(chances) - math.log(len(GRAMMAR[symbol]))


def write_text(letters: int, rng: np.random.Generator) -> tuple[str, float]:
    """Sentences of so many letters, and the loss per letter of one who knows the grammar."""
    text, log_probability = "", 0.0
    while len(text) < letters:
        words, log_chance = derive("SENTENCE", rng)
        text += spell(words) + " "
        log_probability += log_chance
    return text, -log_probability / len(text)


def spell(words: list[str]) -> str:
    """Words as a line of text; endings and stops belong to the word before."""
    return " ".join(words).replace(" s ", "s ").replace(" .", ".")


def ends(symbol: str, words: tuple[str, ...], start: int) -> list[int]:
    """Every place up to which `words`, from `start` on, can be read as the symbol; twice where there are two ways."""
    if symbol not in GRAMMAR:
        return [start + 1] if words[start : start + 1] == (symbol,) else []
    found = []
    for alternative in GRAMMAR[symbol]:
        places = [start]
        for part in alternative.split():
            places = [end for place in places for end in ends(part, words, place)]
        found += places
    return found


def readings(sentence: str) -> int:
    """In how many ways the grammar makes this sentence; 0 when it does not."""
    known = {word for alternatives in GRAMMAR.values() for line in alternatives for word in line.split()}
    words = []
    for word in sentence.removesuffix(".").split(" "):
        words += [word] if word in known or not word.endswith("s") else [word[:-1], "s"]
    return ends("SENTENCE", (*words, "."), 0).count(len(words) + 1)


# --- the network ------------------------------------------------------------------------------------------------------


def initial_parameters(key: Any, letters: int) -> dict[str, Any]:
    """Weights of variance 1 / inputs; what a layer adds to the stream starts smaller the more layers there are."""
    keys = iter(random.split(key, 3 + 4 * LAYERS))

    def weights(*shape: int, scale: float = 1.0, inputs: int = WIDTH) -> Any:
        return random.normal(next(keys), shape, np.float32) * np.float32(scale / math.sqrt(inputs))

    def gain() -> np.ndarray:
        return np.ones(WIDTH, np.float32)

    def layer() -> dict[str, Any]:
        small = 1 / math.sqrt(2 * LAYERS)
        return {
            "attention_gain": gain(),
            "queries_keys_values": weights(3, WIDTH, HEADS, WIDTH // HEADS),
            "together": weights(HEADS, WIDTH // HEADS, WIDTH, scale=small),
            "hidden_gain": gain(),
            "hidden": weights(WIDTH, 4 * WIDTH),
            "back": weights(4 * WIDTH, WIDTH, scale=small, inputs=4 * WIDTH),
        }

    return {
        "letters": weights(letters, WIDTH, inputs=1) * np.float32(0.1),
        "places": weights(CONTEXT, WIDTH, inputs=1) * np.float32(0.1),
        "layers": [layer() for _ in range(LAYERS)],
        "gain": gain(),
        "scores": weights(WIDTH, letters),
    }


def attention(x: Any, layer: Any) -> tuple[Any, Any]:
    """Each place asks itself and all places before it, and takes a mean of what they say, weighted by how they fit.

    `x` has shape (texts, places, width); the weights come back as (texts, heads, asking place, asked place).
    """
    q, k, v = np.einsum("btd,cdhe->cbhte", x, layer["queries_keys_values"])
    fit = np.einsum("bhte,bhse->bhts", q, k) / np.float32(math.sqrt(WIDTH // HEADS))
    past = np.tri(x.shape[1], dtype=bool)  # no place may look at what it is to predict
    weights = nn.softmax(np.where(past, fit, np.float32(-1e9)))
    return np.einsum("bhts,bhse,hed->btd", weights, v, layer["together"]), weights


def predict(params: Any, text: Any) -> tuple[Any, list[Any]]:
    """For each place the scores of the next letter, and the attention of every layer; `text` is (texts, places)."""
    x, seen = params["letters"][text] + params["places"][: text.shape[1]], []
    for layer in params["layers"]:
        # Normalized is what a layer reads, not what it adds to: the gradient passes all layers unhindered.
        change, weights = attention(nn.standardize(x) * layer["attention_gain"], layer)
        x = x + change
        x = x + nn.gelu(nn.standardize(x) * layer["hidden_gain"] @ layer["hidden"]) @ layer["back"]
        seen.append(weights)
    return nn.standardize(x) * params["gain"] @ params["scores"], seen


def loss(params: Any, text: Any) -> Any:
    """Mean of -log probability of each next letter, in nats."""
    scores, _ = predict(params, text[:, :-1])
    return np.mean(losses.softmax_cross_entropy_with_integer_labels(scores, text[:, 1:]))


# --- training and writing ---------------------------------------------------------------------------------------------


def windows(text: Any, starts: Any) -> Any:
    """Pieces of CONTEXT + 1 letters: what is read, and one more to predict."""
    return fnp.take(text, starts[:, None] + np.arange(CONTEXT + 1))


def train(text: np.ndarray, test: np.ndarray, letters: int, steps: int, seed: int) -> tuple[Any, np.ndarray]:
    """Trained parameters, and rows of (step, training loss, validation loss)."""
    schedule = optim.warmup_cosine_decay_schedule(0.0, 3e-3, steps // 16, steps)
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(schedule, weight_decay=0.01))
    every = max(1, steps // 20)

    def step(carry: Any, key: Any) -> tuple[Any, Any]:
        params, state = carry
        starts = random.randint(key, (BATCH,), 0, len(text) - CONTEXT)
        value, gradient = fg.value_and_grad(loss)(params, windows(text, starts))
        updates, state = optimizer.update(gradient, state, params)
        return (optim.apply_updates(params, updates), state), value

    some_steps = fg.jit(lambda carry, keys: lax.scan(step, carry, keys), donate_argnums=0)
    validate, history = fg.jit(validation_loss), []
    keys = random.split(random.key(seed), steps + 1)
    params = initial_parameters(keys[0], letters)
    carry = params, optimizer.init(params)
    for k in range(every, steps + 1, every):
        carry, values = some_steps(carry, keys[k - every + 1 : k + 1])
        history.append((k, float(values.mean()), float(validate(carry[0], test))))
        if len(history) % 5 == 0:
            print("step {:4}   training loss {:.3f}   validation loss {:.3f}".format(*history[-1]))
    return carry[0], np.array(history)


def validation_loss(params: Any, test: Any) -> Any:
    """The loss over all of the test text, counting only letters that have at least half a context before them."""
    pieces = windows(test, np.arange(0, len(test) - CONTEXT, CONTEXT // 2))
    scores, _ = predict(params, pieces[:, :-1])
    each = losses.softmax_cross_entropy_with_integer_labels(scores, pieces[:, 1:])
    return np.mean(each[:, CONTEXT // 2 :])


def write(params: Any, start: Any, letters: int, key: Any) -> Any:
    """Continue pieces of CONTEXT letters, drawing one letter after the other from its probabilities."""

    def step(context: Any, key: Any) -> tuple[Any, Any]:
        scores, _ = predict(params, context)
        letter = random.categorical(key, scores[:, -1])
        return np.concatenate([context[:, 1:], letter[:, None]], axis=1), letter

    return lax.scan(step, start, random.split(key, letters))[1].T


def judge(texts: list[str]) -> tuple[int, int]:
    """How many whole sentences there are in the texts, and how many of them belong to the language."""
    sentences = [sentence.strip() for text in texts for sentence in text.split(".")[1:-1]]
    return len(sentences), sum(readings(sentence + ".") == 1 for sentence in sentences)


def draw(history: np.ndarray, floor: float | None, text: str, weights: np.ndarray, path: Path) -> None:
    """The losses, and which letters the last layer looks at when it predicts the letter after each."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(history[:, 0], history[:, 1], label="training")
    left.plot(history[:, 0], history[:, 2], label="validation")
    if floor is not None:
        left.axhline(floor, ls=":", color="gray", label="who knows the grammar")
    left.set(xlabel="step", ylabel="nats per letter", ylim=(0, None), title="Loss")
    left.legend()
    right.imshow(weights, cmap="Blues", vmax=0.5)
    right.set_xticks(range(len(text)), list(text), fontsize=6)
    right.set_yticks(range(len(text)), list(text), fontsize=6)
    right.set(xlabel="looks at", ylabel="after", title="Attention of the last layer, largest of all heads")
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Train, measure, write and draw; the last validation loss is returned."""
    parser = argparse.ArgumentParser(description="train a character transformer")
    parser.add_argument("--text", type=Path, help="a text to learn instead of the little language")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("transformer.png"), help="where to draw")
    options = parser.parse_args(argv)

    rng, floor = np.random.default_rng(options.seed), None
    if options.text:
        text = options.text.read_text(encoding="utf-8")
        train_text, test_text = text[: len(text) * 9 // 10], text[len(text) * 9 // 10 :]
    else:
        train_text, _ = write_text(LETTERS * 9 // 10, rng)
        test_text, floor = write_text(LETTERS // 10, rng)
    alphabet = sorted({*train_text, *test_text})
    train_codes, test_codes = (np.array([alphabet.index(c) for c in part]) for part in (train_text, test_text))
    start = time.perf_counter()
    params, history = train(train_codes, test_codes, len(alphabet), options.steps, options.seed)
    count = sum(np.size(leaf) for leaf in tree.tree_leaves(params))
    print(f"trained {count} weights on {len(train_text)} letters in {time.perf_counter() - start:.1f} s")

    pieces = windows(test_codes, np.arange(16) * (len(test_codes) // 20))[:, :-1]
    written = fg.jit(write, static_argnums=2)(params, pieces, 400, random.key(options.seed))
    texts = ["".join(alphabet[code] for code in row) for row in written]
    print(f"\nit reads    ...{''.join(alphabet[c] for c in pieces[0])}\nand writes  {texts[0]}\n")
    _, seen = predict(params, pieces[:1])
    draw(history, floor, "".join(alphabet[c] for c in pieces[0]), seen[-1][0].max(axis=0), options.out)
    if floor is not None:
        print("of {} sentences it wrote, {} belong to the language".format(*judge(texts)))
        print(f"loss of one who knows the grammar: {floor:.3f} nats per letter")
    print(f"training loss: {history[-1, 1]:.3f}\nvalidation loss: {history[-1, 2]:.3f}")
    print(f"picture: {options.out}")
    return float(history[-1, 2])


if __name__ == "__main__":
    main()
