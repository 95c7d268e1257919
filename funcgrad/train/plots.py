"""Pictures of a run, by matplotlib, which is loaded only here: `pip install funcgrad[plots]`."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import tree
from .finding import RateTrial


def _figure(where: str, rows: int = 1) -> tuple[Any, Any]:
    """A figure outside of pyplot, which would keep it alive, and its axes."""
    try:
        figure = importlib.import_module("matplotlib.figure").Figure(figsize=(7, 3.2 * rows), layout="constrained")
    except ImportError:
        raise ImportError(
            f"{where} draws with matplotlib, which is not installed.\nFix: pip install matplotlib"
        ) from None
    return figure, figure.subplots(rows, 1, squeeze=False)[:, 0]


def _finish(figure: Any, path: str | os.PathLike | None) -> Any:
    if path is not None:
        figure.savefig(path)
    return figure


def plot_history(
    history: Mapping[str, Sequence[Any]],
    names: Sequence[str] | None = None,
    *,
    path: str | os.PathLike | None = None,
    x: str | None = None,
    smooth: int = 1,
    log: bool = False,
) -> Any:
    """Draw metrics over steps, those whose names end alike (`loss`, `test_loss`) in one picture.

    Args:
        history: lists of numbers by name, such as a `History`.
        names: which; None for all but x.
        path: a file to save to, by its ending in any format that matplotlib has.
        x: the name of the list that is the horizontal axis; None for the number of the row.
        smooth: how many neighbours to take the mean of; the raw values stay visible.
        log: whether the vertical axes are logarithmic.

    Returns:
        A matplotlib Figure.

    Raises:
        ImportError: without matplotlib.
        KeyError: for a name that the history does not have.

    Example:
        >>> from funcgrad import train
        >>> figure = train.plot_history({"loss": [3.0, 2.0, 1.5], "test_loss": [3.1, 2.5, 2.4]})
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['loss']
    """
    names = [name for name in history if name != x] if names is None else list(names)
    missing = [name for name in [*names, *([x] if x else [])] if name not in history]
    if missing:
        raise KeyError(f"plot_history: there is no {missing[0]!r}; there are {sorted(history)}")
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.rsplit("_", 1)[-1], []).append(name)
    figure, axes = _figure("plot_history", max(1, len(groups)))
    for place, (title, members) in zip(axes, groups.items()):
        for name in members:
            _curve(place, history, name, x, smooth)
        place.set(xlabel=x or "step", ylabel=title, yscale="log" if log else "linear")
        place.legend()
    return _finish(figure, path)


def _curve(axes: Any, history: Mapping[str, Sequence[Any]], name: str, x: str | None, smooth: int) -> None:
    rows = [i for i, v in enumerate(history[name]) if v is not None]
    across = np.array([history[x][i] for i in rows] if x else rows, float)
    values = np.array([history[name][i] for i in rows], float)
    width = min(smooth, len(values))
    if width <= 1:
        axes.plot(across, values, label=name)
        return
    (line,) = axes.plot(across, values, alpha=0.3)
    mean = np.convolve(values, np.ones(width) / width, "valid")
    axes.plot(across[width - 1 :], mean, color=line.get_color(), label=f"{name}, mean of {width}")


def plot_gradient_norms(gradients: Any, *, path: str | os.PathLike | None = None) -> Any:
    """Draw the norm of the gradient of every parameter, first layer first: vanishing and exploding ones show at once.

    Args:
        gradients: a pytree of gradients, or a sequence of such trees, one for each step, of which the range is drawn.
        path: a file to save to.

    Returns:
        A matplotlib Figure with one bar for each leaf, on a logarithmic axis.

    Raises:
        ImportError: without matplotlib.

    Example:
        >>> import numpy as np
        >>> from funcgrad import train
        >>> figure = train.plot_gradient_norms({"first": np.full(4, 1e-6), "last": np.ones(2)})
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ["['first']", "['last']"]
    """
    names, norms = _norms(gradients)
    figure, (axes,) = _figure("plot_gradient_norms")
    middle = np.median(norms, axis=0)
    places = np.arange(len(names))
    # A zero has no logarithm; it is drawn as the shortest bar.
    floor = np.min(norms[norms > 0], initial=1.0) / 10
    axes.barh(places, np.maximum(middle, floor), color=["tab:red" if m == 0 else "tab:blue" for m in middle])
    if len(norms) > 1:
        axes.hlines(places, np.maximum(norms.min(axis=0), floor), np.maximum(norms.max(axis=0), floor), color="black")
    axes.set(xscale="log", xlabel="norm of the gradient", xlim=(floor / 2, None))
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    return _finish(figure, path)


def _norms(gradients: Any) -> tuple[list[str], np.ndarray]:
    """Names of leaves, and norms [trees, leaves]."""
    trees = gradients if isinstance(gradients, (list, tuple)) and not hasattr(gradients, "_fields") else [gradients]
    if len({tree.tree_structure(t) for t in trees}) > 1:
        trees = [gradients]  # the layers of one network, not the gradients of many steps
    paths = tree.tree_leaves_with_path(trees[0])
    names = [tree.keystr(path) or "parameter" for path, _ in paths]
    return names, np.array([[np.linalg.norm(np.ravel(leaf)) for leaf in tree.tree_leaves(t)] for t in trees])


def plot_learning_rates(trial: RateTrial, *, path: str | os.PathLike | None = None) -> Any:
    """Draw what `learning_rate_finder` found: the loss over the rate, and the suggestion.

    Raises:
        ImportError: without matplotlib.
    """
    figure, (axes,) = _figure("plot_learning_rates")
    axes.plot(trial.rates, trial.losses, alpha=0.3, label="loss")
    axes.plot(trial.rates, trial.smooth, label="running mean")
    axes.axvline(trial.suggestion, ls=":", color="gray", label=f"suggestion {trial.suggestion:.1e}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
    axes.legend()
    return _finish(figure, path)
