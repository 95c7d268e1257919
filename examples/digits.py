"""Learn to read handwritten digits: 1797 images of 8 x 8 pixels, a network of three layers, a few seconds.

    python examples/digits.py                    train, test, and draw the loss
    python examples/digits.py --epochs 5         sooner done, less sure
    python examples/digits.py --no-jit           the same functions on plain NumPy

The whole training step is one pure function: move the images a little, take the gradient of the loss, let Adam turn it
into new weights. `jit` compiles that function to machine code, and the loop around it does nothing but count.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

# Products of matrices this small gain nothing from a second BLAS thread, and on a busy machine they wait for it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import funcgrad as fg
from funcgrad import losses, nn, optim, random

DATA = Path(__file__).parent / "data" / "digits.npz"
LAYERS = (64, 256, 128, 10)
BATCH = 64


def load(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, test images and labels; pixels go from 0 to 1."""
    with np.load(DATA) as data:
        images, labels = data["images"].astype(np.float32) / 16, data["labels"].astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]  # by digit, so that every fifth is a fair share of each
    test = np.arange(len(order)) % 5 == 0
    return images[order[~test]], labels[order[~test]], images[order[test]], labels[order[test]]


def initial_parameters(seed: int) -> list[dict[str, np.ndarray]]:
    """Weights of variance 2 / inputs keep the size of a signal through layers of ReLU (He et al. 2015)."""
    rng = np.random.default_rng(seed)
    return [
        {
            "weights": rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs)).astype(np.float32),
            "bias": np.zeros(outputs, np.float32),
        }
        for inputs, outputs in pairwise(LAYERS)
    ]


def predict(params: Any, images: Any) -> Any:
    """Ten scores for every image; the largest is the answer."""
    x = images.reshape(-1, 64)
    for layer in params[:-1]:
        x = nn.relu(x @ layer["weights"] + layer["bias"])
    return x @ params[-1]["weights"] + params[-1]["bias"]


def loss(params: Any, images: Any, labels: Any) -> Any:
    """Cross-entropy with a tenth of each label spread over all digits, so that no score has to grow without end."""
    targets = losses.smooth_labels(nn.one_hot(labels, 10, dtype=np.float32), 0.1)
    return np.mean(losses.softmax_cross_entropy(predict(params, images), targets))


def shift(image: Any, offset: Any) -> Any:
    """One image moved by a fraction of a pixel: each row, then each column, becomes a blend with its neighbour."""

    def blend(d: Any) -> Any:
        here, before, after = (np.eye(8, k=k, dtype=np.float32) for k in (0, 1, -1))
        return (1 - np.abs(d)) * here + np.maximum(d, 0) * before + np.maximum(-d, 0) * after

    return blend(offset[0]) @ image @ blend(offset[1]).T


def make_step(optimizer: optim.GradientTransformation) -> Callable:
    """One step of training, from weights and optimizer state to new ones."""

    def step(params: Any, state: Any, key: Any, images: Any, labels: Any) -> tuple[Any, Any, Any]:
        # People do not write in the exact middle: shifted by up to half a pixel, no image comes twice.
        offsets = random.uniform(key, (len(images), 2), np.float32, -0.5, 0.5)
        value, gradient = fg.value_and_grad(loss)(params, fg.vmap(shift)(images, offsets), labels)
        updates, state = optimizer.update(gradient, state, params)
        return optim.apply_updates(params, updates), state, value

    return step


def train(images: np.ndarray, labels: np.ndarray, epochs: int, seed: int, compiled: bool) -> tuple[Any, list[float]]:
    """Trained parameters, and the loss of every step."""
    batches = len(images) // BATCH
    optimizer = optim.adam(optim.cosine_decay_schedule(3e-3, epochs * batches))
    params = initial_parameters(seed)
    state, key, history = optimizer.init(params), random.key(seed), []
    step = make_step(optimizer)
    if compiled:
        step = fg.jit(step, donate_argnums=(0, 1))  # the old weights and state are overwritten, not copied
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        for batch in rng.permutation(len(images))[: batches * BATCH].reshape(batches, BATCH):
            key, now = random.split(key)
            params, state, value = step(params, state, now, images[batch], labels[batch])
            history.append(float(value))
        show_progress(epoch + 1, epochs, float(np.mean(history[-batches:])))
    return params, history


def show_progress(done: int, total: int, value: float) -> None:
    """A bar that redraws itself on a terminal, one line per epoch in a file."""
    text = f"epoch {done:{len(str(total))}}/{total}   loss {value:.4f}"
    if sys.stdout.isatty():
        filled = 30 * done // total
        print(f"\r[{'#' * filled}{'.' * (30 - filled)}] {text}", end="\n" if done == total else "", flush=True)
    else:
        print(text)


def plot(history: list[float], path: Path) -> None:
    """The loss of every step, and its running mean, as a PNG file."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    width = min(20, len(history))
    running_mean = np.convolve(history, np.ones(width) / width, "valid")
    axes.plot(history, color="lightgray", label="each step")
    axes.plot(np.arange(width - 1, len(history)), running_mean, label=f"mean of {width} steps")
    axes.axhline(-(0.91 * np.log(0.91) + 9 * 0.01 * np.log(0.01)), ls=":", color="gray", label="least possible")
    axes.set(xlabel="step", ylabel="cross-entropy", ylim=(0, None), title="Learning to read handwritten digits")
    axes.legend()
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Train, test and draw; the test accuracy is returned."""
    parser = argparse.ArgumentParser(description="train a classifier of handwritten digits")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-jit", action="store_true", help="run every step on plain NumPy")
    parser.add_argument("--out", type=Path, default=Path("digits-loss.png"), help="where to draw the loss")
    options = parser.parse_args(argv)

    images, labels, test_images, test_labels = load(options.seed)
    start = time.perf_counter()
    params, history = train(images, labels, options.epochs, options.seed, not options.no_jit)
    print(f"trained on {len(images)} images in {time.perf_counter() - start:.1f} s")
    accuracy = float(np.mean(predict(params, test_images).argmax(axis=1) == test_labels))
    plot(history, options.out)
    print(f"test accuracy: {accuracy:.1%}")
    print(f"loss curve: {options.out}")
    return accuracy


if __name__ == "__main__":
    main()
