"""Scripts as users of other libraries write them, on plain NumPy: gradients are right, and fits converge."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import tree

PORTED = Path(__file__).parent / "ported"


def load(name: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(f"ported_{name}", PORTED / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MIXTURE, PROCESS, WEIBULL = map(load, ("gaussian_mixture", "gaussian_process", "weibull"))


def assert_gradient(f: Callable, params: Any) -> None:
    """Eager and compiled gradients equal central differences along every coordinate."""
    leaves, treedef = tree.tree_flatten(params)
    sizes = np.cumsum([np.size(leaf) for leaf in leaves])[:-1]
    point = np.concatenate([np.ravel(leaf) for leaf in leaves])

    def flat(vector: Any) -> Any:
        parts = [np.reshape(p, np.shape(leaf)) for p, leaf in zip(np.split(vector, sizes), leaves)]
        return f(tree.tree_unflatten(treedef, parts))

    step = 1e-6
    numeric = [(flat(point + step * e) - flat(point - step * e)) / (2 * step) for e in np.eye(point.size)]
    for gradient in (fg.grad(flat), fg.jit(fg.grad(flat))):
        np.testing.assert_allclose(gradient(point), numeric, rtol=1e-6, atol=1e-8)
    structured = fg.grad(f)(params)
    np.testing.assert_allclose(
        np.concatenate([np.ravel(g) for g in tree.tree_leaves(structured)]), numeric, rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("name", ["gaussian_mixture", "gaussian_process", "weibull"])
def test_scripts_use_plain_numpy(name: str) -> None:
    text = (PORTED / f"{name}.py").read_text()
    assert "import numpy as np" in text and "funcgrad.numpy" not in text


def test_gaussian_mixture() -> None:
    points, centres = MIXTURE.make_data()
    params = MIXTURE.initial(points, 3)
    params["factors"] = 0.3 * np.random.default_rng(2).normal(size=(3, 2, 2))
    assert_gradient(lambda p: MIXTURE.negative_log_likelihood(p, points[:40]), params)
    found, value = MIXTURE.fit(points, 3)
    distances = np.linalg.norm(found["means"][:, None] - centres, axis=2)
    assert np.all(distances.min(axis=0) < 0.3) and sorted(distances.argmin(axis=0)) == [0, 1, 2]
    assert value < MIXTURE.negative_log_likelihood(params, points) - 0.5
    assert np.linalg.norm(MIXTURE.pack(fg.grad(lambda p: MIXTURE.negative_log_likelihood(p, points))(found))) < 1e-3


def test_gaussian_process() -> None:
    x, y = PROCESS.make_data()
    assert_gradient(lambda p: PROCESS.negative_log_likelihood(p, x, y), np.array([0.3, -0.2, -1.1]))
    result = PROCESS.fit(x, y)
    assert np.linalg.norm(result.jac) < 1e-4
    amplitude, lengthscale, noise = np.exp(result.x)
    assert 0.05 < noise < 0.2 and 0.5 < lengthscale < 4 and amplitude > 0.4
    new = np.linspace(-3, 3, 9)[:, None]
    mean, deviation = PROCESS.predict(result.x, x, y, new)
    assert np.all(np.abs(mean - np.sin(new[:, 0])) < 4 * deviation + 0.05)
    slope = fg.vmap(fg.grad(lambda t: PROCESS.predict(result.x, x, y, t[None, :])[0][0]))(new)
    assert np.max(np.abs(slope[:, 0] - np.cos(new[:, 0]))) < 0.4


def test_weibull() -> None:
    data = WEIBULL.make_data()
    assert 0.1 < 1 - data[2].mean() < 0.7
    assert_gradient(lambda p: WEIBULL.negative_log_likelihood(p, *data), np.array([1.0, 0.2, -0.1, 0.3]))
    result, errors = WEIBULL.fit(*data)
    assert np.linalg.norm(result.jac) < 1e-4
    truth = np.array([*WEIBULL.BETA, np.log(WEIBULL.RHO)])
    assert np.all(np.abs(result.x - truth) < 4 * errors) and np.all(errors < 0.2)
    assert np.all(np.isfinite(WEIBULL.mean_time(result.x, data[0])))
