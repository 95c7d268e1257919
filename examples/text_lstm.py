"""Which capital stood near the beginning of a text? An Elman network forgets it, an LSTM does not.

    python examples/text_lstm.py                 train both, test, and draw what reaches the first letters
    python examples/text_lstm.py --length 10     short texts, on which both succeed

Both networks keep a state and change it with every letter; after the last one they answer. In an Elman network (1990)
the whole state goes through a matrix and a tanh at every step, and so does the gradient on its way back: after some
dozens of steps nothing is left of it. An LSTM (Hochreiter, Schmidhuber 1997) multiplies its memory by a gate near 1 and
adds what is new, so that the gradient, too, passes almost unchanged.

How much arrives is measured: a nudge of zero is added to the state after every letter, and the gradient with respect to
the nudges says how much the answer would change from there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax, losses, nn, optim, random
from funcgrad import numpy as fnp

CAPITALS, SMALL = "ABCD", "abcdefgh"
LETTERS = CAPITALS + SMALL
WIDTH, BATCH = 32, 64


def make_texts(key: Any, count: int, length: int) -> tuple[Any, Any]:
    """Texts as rows of codes: small letters, and a capital among the first eight. The label is which capital."""
    small, capital, place = random.split(key, 3)
    letters = random.randint(small, (count, length), len(CAPITALS), len(LETTERS))
    labels = random.randint(capital, (count,), 0, len(CAPITALS))
    here = np.arange(length) == random.randint(place, (count, 1), 0, min(8, length))
    return fnp.where(here, labels[:, None], letters), labels


# --- two networks -----------------------------------------------------------------------------------------------------


def elman_parameters(rng: np.random.Generator, length: int) -> dict[str, np.ndarray]:
    """What each letter says, how the state turns into the next one, and how it is asked at the end."""
    return {
        "letters": rng.normal(0, 0.5, (len(LETTERS), WIDTH)),
        "state": rng.normal(0, 1 / np.sqrt(WIDTH), (WIDTH, WIDTH)),
        "bias": np.zeros(WIDTH),
        "answer": rng.normal(0, 1 / np.sqrt(WIDTH), (WIDTH, len(CAPITALS))),
    }


def elman(params: Any, state: Any, letter: Any) -> Any:
    """The next state; there is no other memory."""
    (hidden,) = state
    return (np.tanh(fnp.take(params["letters"], letter, axis=0) + hidden @ params["state"] + params["bias"]),)


def lstm_parameters(rng: np.random.Generator, length: int) -> dict[str, np.ndarray]:
    """Four of everything. By their biases memories last from 1 letter to the whole text (Tallec, Ollivier 2018)."""
    bias = np.zeros((4, WIDTH))
    bias[1] = np.log(rng.uniform(1, length, WIDTH))
    bias[0] = -bias[1]
    return {
        "letters": rng.normal(0, 0.5, (len(LETTERS), 4, WIDTH)),
        "state": rng.normal(0, 1 / np.sqrt(WIDTH), (WIDTH, 4, WIDTH)),
        "bias": bias,
        "answer": rng.normal(0, 1 / np.sqrt(WIDTH), (WIDTH, len(CAPITALS))),
    }


def lstm(params: Any, state: Any, letter: Any) -> Any:
    """The next output and memory: gates say what is taken in, what is kept, and what is shown."""
    hidden, memory = state
    sums = fnp.take(params["letters"], letter, axis=0) + np.tensordot(hidden, params["state"], 1) + params["bias"]
    take, keep, show = (nn.sigmoid(sums[..., k, :]) for k in range(3))
    memory = keep * memory + take * np.tanh(sums[..., 3, :])
    return show * np.tanh(memory), memory


NETWORKS: dict[str, tuple[Callable, Callable, int]] = {  # parameters, one step, arrays of the state
    "Elman network": (elman_parameters, elman, 1),
    "LSTM": (lstm_parameters, lstm, 2),
}


def read(name: str, params: Any, texts: Any, nudges: Any = None) -> Any:
    """Scores of the capitals after the last letter; `nudges`, if any, of shape (length, arrays, texts, width)."""
    _, cell, arrays = NETWORKS[name]

    def step(state: Any, now: Any) -> tuple[Any, None]:
        letter, nudge = now
        state = cell(params, state, letter)
        return tuple(part if nudge is None else part + nudge[k] for k, part in enumerate(state)), None

    start = (np.zeros((len(texts), WIDTH)),) * arrays
    (hidden, *_), _ = lax.scan(step, start, (np.transpose(texts), nudges))
    return hidden @ params["answer"]


def loss(name: str, params: Any, texts: Any, labels: Any, nudges: Any = None) -> Any:
    """Cross-entropy."""
    return np.mean(losses.softmax_cross_entropy_with_integer_labels(read(name, params, texts, nudges), labels))


def arriving(name: str, params: Any, texts: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The norm of the gradient with respect to the state after each letter, as a part of that after the last."""
    nudges = np.zeros((texts.shape[1], NETWORKS[name][2], len(texts), WIDTH))
    gradient = fg.jit(fg.grad(loss, argnums=4), static_argnums=0)(name, params, texts, labels, nudges)
    norms = np.sqrt(np.sum(gradient**2, axis=(1, 2, 3)))
    return norms / norms[-1]


# --- training ---------------------------------------------------------------------------------------------------------


def train(name: str, length: int, steps: int, seed: int) -> tuple[Any, Any, np.ndarray]:
    """Parameters before and after training, and the loss of every step. Each step makes up new texts.

    Where a gradient grows on its way back instead of vanishing, the limit to its norm keeps the step from growing, too.
    """
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(optim.cosine_decay_schedule(5e-3, steps)))

    def step(carry: Any, key: Any) -> tuple[Any, Any]:
        params, state = carry
        value, gradient = fg.value_and_grad(loss, argnums=1)(name, params, *make_texts(key, BATCH, length))
        updates, state = optimizer.update(gradient, state, params)
        return (optim.apply_updates(params, updates), state), value

    params = NETWORKS[name][0](np.random.default_rng(seed), length)
    run = fg.jit(lambda carry, keys: lax.scan(step, carry, keys))  # all of training is one loop of machine code
    (trained, _), history = run((params, optimizer.init(params)), random.split(random.key(seed), steps))
    return params, trained, history


def draw(results: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """The losses, and what arrives of the gradient at every letter, before and after training."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, result in results.items():
        width = min(20, len(result["history"]))
        (line,) = left.plot(np.convolve(result["history"], np.ones(width) / width, "valid"), label=name)
        right.semilogy(result["before"], ls="--", color=line.get_color(), label=f"{name}, at the start")
        right.semilogy(result["after"], color=line.get_color(), label=f"{name}, trained")
    left.axhline(np.log(len(CAPITALS)), ls=":", color="gray", label="guessing")
    left.set(xlabel="step", ylabel="cross-entropy", ylim=(0, None), title="Which capital stood at the beginning?")
    right.set(xlabel="letter", ylabel="norm, relative to the last letter", ylim=(1e-9, 1e2))
    right.set_title("Gradient that arrives at the state after each letter")
    for axes in (left, right):
        axes.legend(fontsize=8)
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Train and test both networks, and draw; the accuracy of the LSTM is returned."""
    parser = argparse.ArgumentParser(description="an Elman network and an LSTM remember a letter")
    parser.add_argument("--length", type=int, default=60, help="letters of each text")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("lstm.png"), help="where to draw")
    options = parser.parse_args(argv)

    texts, labels = make_texts(random.key(options.seed + 1), 1000, options.length)
    for text, label in zip(texts[:3], labels):
        print("".join(LETTERS[code] for code in text), "->", CAPITALS[label])
    results, accuracy = {}, 0.0
    for name in NETWORKS:
        start = time.perf_counter()
        params, trained, history = train(name, options.length, options.steps, options.seed)
        before, after = (arriving(name, p, texts[:100], labels[:100]) for p in (params, trained))
        results[name] = {"history": history, "before": before, "after": after}
        print(f"\n{name}: {options.steps} steps in {time.perf_counter() - start:.1f} s")
        print(f"  gradient at the first letter, relative to the last: {before[0]:.0e} before training")
        accuracy = float(np.mean(read(name, trained, texts).argmax(axis=1) == labels))
        print(f"  test accuracy: {accuracy:.1%}")
    draw(results, options.out)
    print(f"picture: {options.out}")
    return accuracy


if __name__ == "__main__":
    main()
