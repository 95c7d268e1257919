"""E: the function that each script of examples/ compiles and calls again and again, on the inputs it calls it with.

What runs is the text of the script: with JAX and optax in the place of funcgrad and its optimizers for the peer (see
`example_modules.py`). Nothing is donated, as the same inputs serve every call. Compared is the loss of two steps, the
second on what the first has made of the parameters, or the result itself where there is no loss.

Of the scripts only pendulum.py is missing: JAX's `odeint` has no forward mode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import example_modules
import numpy as np
from case import Case

Example = Any


@dataclass(frozen=True)
class ExampleCase(Case):
    """A case whose function and inputs are those of a script.

    Args:
        script: Name of the example.
        run: (module, seed) -> anything; calls the compiled function, which is where it is stopped.
        judged: result of a call -> what must agree between the libraries.
        again: (inputs, result) -> inputs of the next step; None where there is no next one.
        closed: The data are constants of the function; a second seed means inputs that are a tenth larger.
    """

    script: str = ""
    run: Callable[[Example, int], Any] = lambda module, seed: None
    judged: Callable[[Any], Any] = lambda result: result
    again: Callable[[Any, Any], tuple[Any, ...]] | None = None
    closed: bool = False

    def given(self, lib: Any, seed: int) -> tuple[Any, ...]:
        given = _captured(self.script, self.run, lib, seed).given
        return tree_plus(given, 0.1 * seed) if self.closed else given

    def outcome(self, function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        first = function(*given)
        if self.again is None:
            return self.judged(first)
        return [self.judged(first), self.judged(function(*self.again(given, first)))]


def _captured(script: str, run: Callable[[Example, int], Any], lib: Any, seed: int) -> example_modules.Captured:
    module = example_modules.load(script, lib)
    return example_modules.capture(lambda: run(module, seed))


def tree_plus(tree: Any, amount: float) -> Any:
    """Every number and array plus an amount."""
    if isinstance(tree, dict):
        return {name: tree_plus(value, amount) for name, value in tree.items()}
    return tuple(tree_plus(value, amount) for value in tree) if isinstance(tree, tuple) else tree + amount


def _carried(given: Any, result: Any) -> tuple[Any, ...]:
    """(params, state, ...) and (params, state, value): the next step of a training loop."""
    return (*result[:2], *given[2:])


def _scanned(given: Any, result: Any) -> tuple[Any, ...]:
    """(carry, ...) and (carry, losses)."""
    return (result[0], *given[1:])


def _last(result: Any) -> Any:
    return result[-1]


# --- how each script comes to its compiled function -------------------------------------------------------------------


def digits(module: Example, seed: int) -> None:
    images, labels, _, _ = _arrays(module.load(seed))
    module.train(images, labels, 30, seed, True)


def digits_cnn(module: Example, seed: int) -> None:
    images, labels, _, _ = _arrays(module.load(seed))
    module.train(images, labels, 30, seed)


def autoencoder(module: Example, seed: int) -> None:
    module.train(np.asarray(module.load(seed)[0]), 200, seed)


def transformer(module: Example, seed: int) -> None:
    text, _ = module.write_text(20_000, np.random.default_rng(seed))
    alphabet = sorted(set(text))
    codes = np.array([alphabet.index(letter) for letter in text])
    module.train(codes, codes[:2000], len(alphabet), 40, seed)


def gradient_descent(module: Example, seed: int) -> None:
    module.descend(*module.make_data(2000, np.random.default_rng(seed)), 1, 0.2)


def newton(module: Example, seed: int) -> None:
    module.newton(*module.make_data(2000, np.random.default_rng(seed)))


def uncertainty(module: Example, seed: int) -> None:
    module.train(*_arrays(module.make_data(400, np.random.default_rng(0))), 10, 20, seed)


def monte_carlo(module: Example, seed: int) -> None:
    module.WARM_UP = 10
    module.run(module.hamiltonian_step, 40, seed)


def neural_ode(module: Example, seed: int) -> None:
    rng = np.random.default_rng(seed)
    angle = np.linspace(0.0, 12.0, module.TIMES)
    spiral = np.exp(-angle / 12)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    module.train(2 * spiral + 0.02 * rng.normal(size=spiral.shape), 2000, seed)


def hypergradient(module: Example, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data, validation = (_arrays(module.make_data(count, rng)) for count in (40, 400))
    params = module.initial_parameters(seed)
    module.tune(lambda hyper: module.outcome(hyper, params, data, validation, 100), module.START, 40)


def deep(module: Example, seed: int) -> None:
    points, labels = _arrays(module.make_data(np.random.default_rng(seed)))
    module.train(module.NETWORKS[2], 30, points, labels, 5, seed)


def moons(module: Example, seed: int) -> None:
    rng = np.random.default_rng(seed)
    angle, labels = rng.uniform(0, np.pi, 100), np.where(np.arange(100) % 2 == 0, 1.0, -1.0)
    points = np.stack([labels * np.cos(angle), labels * np.sin(angle)], axis=1) + rng.normal(0, 0.1, (100, 2))
    module.train(module.initial_layers(rng), points + [0.5, 0.25], labels, 1)


def text_network(name: str) -> Callable[[Example, int], Any]:
    return lambda module, seed: module.train(name, 60, 4, seed)


def _arrays(values: Any) -> list[np.ndarray]:
    return [np.asarray(value) for value in values]


def xor(module: Example, seed: int) -> None:
    module.train_by_grad(module.initial_parameters(2, seed + 1), 1000)


def policy(module: Example, seed: int) -> None:
    module.train(1, seed)


# --- rows -------------------------------------------------------------------------------------------------------------


def row(name: str, script: str, title: str, run: Callable[[Example, int], Any], tolerance: float, **more: Any) -> Case:
    """One row; `more` are fields of ExampleCase."""
    return ExampleCase(
        name=f"E/{name}",
        title=title,
        build=lambda lib: _captured(script, run, lib, 0).function,
        inputs=lambda seed: (),
        target=1.0,
        tolerance=tolerance,
        peers=("jax",),
        script=script,
        run=run,
        **{"judged": lambda result: result[-1], **more},
    )


elman, lstm = text_network("Elman network"), text_network("LSTM")
step, loop = {"again": _carried}, {"again": _scanned}
SINGLE, DOUBLE, LONG = 1e-4, 1e-9, 1e-7  # the last where many steps follow each other

CASES = [
    row("digits", "digits", "digits, MLP with augmentation, Adam step", digits, SINGLE, **step),
    row("cnn", "digits_cnn", "digits, CNN with augmentation, AdamW step", digits_cnn, SINGLE, **step),
    row("elman", "text_lstm", "Elman network on 60 letters, 4 clipped Adam steps", elman, DOUBLE, **loop),
    row("lstm", "text_lstm", "LSTM on 60 letters, 4 clipped Adam steps", lstm, DOUBLE, **loop),
    row("transformer", "character_transformer", "character transformer, 2 AdamW steps", transformer, SINGLE, **loop),
    row("vae", "variational_autoencoder", "variational autoencoder, Adam step", autoencoder, SINGLE, **step),
    row("logistic", "logistic_regression", "logistic regression, value and gradient", gradient_descent, DOUBLE),
    row("newton", "logistic_regression", "logistic regression, step of Newton's method", newton, DOUBLE, closed=True),
    row("xor", "xor", "XOR, 1000 steps of gradient descent", xor, LONG, judged=lambda params: params),
    row("moons", "micrograd_moons", "two moons, hinge loss, step of gradient descent", moons, DOUBLE),
    row("uncertainty", "regression_with_uncertainty", "ensemble of 10 networks, 20 Adam steps", uncertainty, LONG),
    row("policy", "cart_pole", "policy gradient, 32 episodes of 500 steps, Adam step", policy, DOUBLE, **step),
    row(
        "hmc",
        "hamiltonian_monte_carlo",
        "HMC on a banana, 8 chains of 50 draws of 25 leaps",
        monte_carlo,
        LONG,
        judged=lambda result: result[0],
    ),
    row("ode", "neural_ode", "neural ODE, 109 pieces of 12 times, Adam step", neural_ode, DOUBLE, **step),
    row(
        "hyper",
        "learning_rate_by_gradient",
        "gradient through 100 steps of training",
        hypergradient,
        LONG,
        judged=lambda result: result,
        closed=True,
    ),
    row("deep", "vanishing_gradients", "30 normalized sigmoid layers, 5 momentum steps", deep, LONG),
]
