"""Handwritten digits once more, with a network that looks at neighbourhoods: three convolutions, a pool, one matrix.

    python examples/digits_cnn.py                train, test, and draw the filters and the hardest images
    python examples/digits_cnn.py --epochs 5     sooner done, less sure

examples/digits.py hands its network 64 numbers in no order: it has to learn that neighbouring pixels belong together.
A convolution is told so. The same 3 x 3 weights look at every place of the image, so that what was learnt about a
stroke in one corner holds in every other. Both examples are tested on the same fifth of the images.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax, losses, nn, optim, random, tree
from funcgrad.nn import initializers

DATA = Path(__file__).parent / "data" / "digits.npz"
CHANNELS = (1, 24, 48, 48)  # of the image, and after each convolution
BATCH = 64
LAYOUT = ("NHWC", "HWIO", "NHWC")  # images, kernels, results: which axis is which


def load(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, test images and labels, as examples/digits.py divides them; pixels from 0 to 1."""
    with np.load(DATA) as data:
        images, labels = data["images"].astype(np.float32) / 16, data["labels"].astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]  # by digit, so that every fifth is a fair share of each
    test = np.arange(len(order)) % 5 == 0
    return images[order[~test]], labels[order[~test]], images[order[test]], labels[order[test]]


def initial_parameters(key: Any) -> dict[str, Any]:
    """Three kernels of 3 x 3, a matrix, and a bias for each; variance 2 / inputs suits ReLU (He et al. 2015)."""
    he, params = initializers.he_normal(dtype=np.float32), {}
    for k, (inputs, outputs) in enumerate(pairwise(CHANNELS), start=1):
        params[f"kernel{k}"] = he(random.fold_in(key, k), (3, 3, inputs, outputs))
        params[f"bias{k}"] = np.zeros(outputs, np.float32)
    params["weights"] = he(random.fold_in(key, 0), (4 * 4 * CHANNELS[-1], 10))
    params["bias"] = np.zeros(10, np.float32)
    return params


def convolve(x: Any, kernel: Any, bias: Any) -> Any:
    """At every place the product of its 3 x 3 neighbourhood with each filter, then ReLU; outside there are zeros."""
    return nn.relu(lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=LAYOUT) + bias)


def predict(params: Any, images: Any) -> Any:
    """Ten scores for every image; the largest is the answer."""
    x = images[..., None]  # (images, 8, 8, 1): one channel
    x = convolve(x, params["kernel1"], params["bias1"])
    x = convolve(x, params["kernel2"], params["bias2"])
    x = nn.max_pool(x, (2, 2), (2, 2))  # of four neighbours the strongest: (images, 4, 4, channels)
    x = convolve(x, params["kernel3"], params["bias3"])
    return x.reshape(len(images), -1) @ params["weights"] + params["bias"]


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


def train(images: np.ndarray, labels: np.ndarray, epochs: int, seed: int) -> tuple[Any, list[float]]:
    """Trained parameters, and the loss of every step."""
    batches = len(images) // BATCH
    optimizer = optim.adamw(optim.cosine_decay_schedule(3e-3, epochs * batches), weight_decay=1e-3)

    def step(params: Any, state: Any, key: Any, images: Any, labels: Any) -> tuple[Any, Any, Any]:
        offsets = random.uniform(key, (len(images), 2), np.float32, -1.0, 1.0)  # no image comes twice
        value, gradient = fg.value_and_grad(loss)(params, fg.vmap(shift)(images, offsets), labels)
        updates, state = optimizer.update(gradient, state, params)
        return optim.apply_updates(params, updates), state, value

    fast, key, rng, history = fg.jit(step, donate_argnums=(0, 1)), random.key(seed), np.random.default_rng(seed), []
    params = initial_parameters(key)
    state = optimizer.init(params)
    for epoch in range(epochs):
        for batch in rng.permutation(len(images))[: batches * BATCH].reshape(batches, BATCH):
            now = random.fold_in(key, len(history) + 4)  # 0 to 3 made the parameters
            params, state, value = fast(params, state, now, images[batch], labels[batch])
            history.append(float(value))
        if epoch % 5 == 4 or epoch == epochs - 1:
            print(f"epoch {epoch + 1:2}/{epochs}   loss {np.mean(history[-batches:]):.4f}")
    return params, history


def draw(params: Any, images: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """The filters of the first convolution, and the test images whose label is least probable to the network."""
    from matplotlib.figure import Figure  # only drawing needs it

    answers = predict(params, images)
    chances = nn.softmax(answers)[np.arange(len(labels)), labels]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    figure.suptitle("Filters of the first convolution; the test images of least certain label (red: misread)")
    grid = figure.subplots(5, 8).ravel()
    for axes, kernel in zip(grid, np.moveaxis(params["kernel1"][:, :, 0], -1, 0)):
        axes.imshow(kernel, cmap="RdBu", vmin=-1, vmax=1)
    for axes, k in zip(grid[24:], np.argsort(chances)):
        axes.imshow(images[k], cmap="gray_r")
        color = "black" if answers[k].argmax() == labels[k] else "red"
        axes.set_title(f"{labels[k]}: {chances[k]:.0%}", fontsize=8, color=color)
    for axes in grid:
        axes.set_axis_off()
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Train, test and draw; the test accuracy is returned."""
    parser = argparse.ArgumentParser(description="train a convolutional network on handwritten digits")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("digits-cnn.png"), help="where to draw")
    options = parser.parse_args(argv)

    images, labels, test_images, test_labels = load(options.seed)
    start = time.perf_counter()
    params, _ = train(images, labels, options.epochs, options.seed)
    count = sum(np.size(leaf) for leaf in tree.tree_leaves(params))
    print(f"trained {count} weights on {len(images)} images in {time.perf_counter() - start:.1f} s")
    answers = predict(params, test_images).argmax(axis=1)
    draw(params, test_images, test_labels, options.out)
    accuracy = float(np.mean(answers == test_labels))
    print(f"test accuracy: {accuracy:.1%} ({np.sum(answers != test_labels)} of {len(answers)} misread)")
    print(f"picture: {options.out}")
    return accuracy


if __name__ == "__main__":
    main()
