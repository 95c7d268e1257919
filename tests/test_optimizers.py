"""Every optimizer: the steps of optax, types kept, one compilation, convergence, and gradients through a whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import optimizer_cases as cases
import pytest

import funcgrad as fg
from funcgrad import lax, optim, tree
from funcgrad import numpy as fnp
from funcgrad.api.compilation import jit

EXPECTED = json.loads((Path(__file__).parent / "reference" / "optax_trajectories.json").read_text())
PROBLEMS = cases.problems(fnp)


def ravel(leaves: list[Any]) -> Any:
    return fnp.concatenate([fnp.ravel(leaf) for leaf in leaves])


def beginning(optimizer: Any, kind: str, start: Any, dtype: Any = np.float64) -> tuple[Any, Any]:
    params = tree.tree_map(lambda p: p.astype(dtype), start)
    params = optim.LookaheadParams.init_synced(params) if kind == "fast" else params
    return params, optimizer.init(params)


def history(name: str, problem: str, length: int, params: Any, state: Any) -> Any:
    """The parameters after each step, as one scan."""
    make, kind = cases.CASES[name]
    optimizer, f = make(optim), PROBLEMS[problem][0]

    def one(carry: Any, _: Any) -> Any:
        carry = cases.step(optim, optimizer, kind, fg.value_and_grad, f, *carry)
        return carry, cases.flat(carry[0], kind, ravel)

    return lax.scan(one, (params, state), length=length)[1]


def types_of(values: Any) -> list[Any]:
    return [(np.shape(v), np.asarray(v).dtype) for v in tree.tree_leaves(values)]


def test_every_optimizer_has_a_trajectory() -> None:
    assert set(cases.CASES) == set(EXPECTED)


# Around the optimum their steps do not shrink with the gradient, or depend on comparisons of values that are equal up
# to rounding, so that differences of rounding grow from step to step: after 10 steps they are compared loosely.
RESTLESS = {"adafactor", "fromage", "fromage schedule", "mechanize", "zoom", "lbfgs"}
RESTLESS |= {"rmsprop", "rmsprop centered", "rmsprop corrected"}


@pytest.mark.parametrize("name", cases.CASES)
def test_same_steps_as_optax(name: str) -> None:
    """A hundred steps on three problems, in one compilation."""
    make, kind = cases.CASES[name]
    starts = {p: beginning(make(optim), kind, start) for p, (_, start) in PROBLEMS.items()}
    run = jit(lambda starts: {p: history(name, p, max(cases.STEPS), *start) for p, start in starts.items()})
    for problem, found in run(starts).items():
        steps, expected = found[np.array(cases.STEPS) - 1], np.array(EXPECTED[name][problem])
        exact = 3 if name in RESTLESS else len(expected)
        np.testing.assert_allclose(steps[:exact], expected[:exact], rtol=1e-9, atol=1e-11, err_msg=problem)
        atol = 5e-2 if name == "mechanize" else 5e-3  # which chooses among six scales
        np.testing.assert_allclose(steps[exact:], expected[exact:], rtol=1e-2, atol=atol, err_msg=problem)


def test_rprop_is_that_of_the_paper() -> None:
    """Element by element: grow while the sign stays, else shrink and leave out a step. (optax is a step late.)"""
    gradient = fg.grad(lambda p: ((p - np.array([1.0, -2.0, 0.0])) ** 2).sum())
    x, sizes, last = np.array([0.3, 1.0, 0.0]), [0.1] * 3, [0.0] * 3
    optimizer, y = optim.rprop(0.1), x
    state = optimizer.init(y)
    for _ in range(30):
        updates, state = optimizer.update(gradient(y), state)
        y = y + updates
        g, new = gradient(x), list(x)
        for i in range(3):
            agree = g[i] * last[i]
            sizes[i] = min(max(sizes[i] * (1.2 if agree > 0 else 0.5), 1e-6), 50.0) if agree else sizes[i]
            last[i] = 0.0 if agree < 0 else float(g[i])
            new[i] -= sizes[i] * np.sign(last[i])
        x = np.array(new)
        np.testing.assert_allclose(y, x, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(y, [1, -2, 0], atol=1e-2)


@pytest.mark.parametrize("name", cases.CASES)
def test_types_stay_and_nothing_is_traced_again(name: str) -> None:
    """float32 stays float32, the state keeps its structure, and later calls find the code of the first."""
    make, kind = cases.CASES[name]
    optimizer, (f, start) = make(optim), PROBLEMS["quadratic"]
    params, state = beginning(optimizer, kind, start, np.float32)
    first = params, state

    def step(params: Any, state: Any) -> Any:
        return cases.step(optim, optimizer, kind, fg.value_and_grad, f, params, state)

    eager, compiled = first, jit(step)
    for _ in range(3):
        eager, (params, state) = step(*eager), compiled(params, state)
        assert tree.tree_structure((params, state)) == tree.tree_structure(first) == tree.tree_structure(eager)
        assert types_of((params, state)) == types_of(first) == types_of(eager)
    assert compiled.cache_size() == 1
    for a, b in zip(tree.tree_leaves(params), tree.tree_leaves(eager[0])):
        np.testing.assert_allclose(a, b, rtol=2e-3 if kind == "search" else 2e-4, atol=2e-5)


# --- convergence ------------------------------------------------------------------------------------------------------

CONVERGING: dict[str, tuple[Any, str]] = {
    "adamax": (lambda: optim.adamax(0.1), ""),
    "amsgrad": (lambda: optim.amsgrad(0.1), ""),
    "adabelief": (lambda: optim.adabelief(0.05), ""),
    "adadelta": (lambda: optim.adadelta(1.0, rho=0.9, eps=1e-2), ""),
    "adafactor": (lambda: optim.adafactor(optim.exponential_decay(0.3, 100, 0.7)), ""),
    "adan": (lambda: optim.adan(0.1), ""),
    "ademamix": (lambda: optim.ademamix(0.05, b3=0.95, alpha=1.0), ""),
    "adopt": (lambda: optim.adopt(0.1), ""),
    "fromage": (lambda: optim.fromage(optim.exponential_decay(0.1, 100, 0.6)), ""),
    "lamb": (lambda: optim.lamb(optim.exponential_decay(0.1, 100, 0.6)), ""),
    "lars": (lambda: optim.lars(optim.exponential_decay(1.0, 100, 0.6), trust_coefficient=0.05, momentum=0.5), ""),
    "lion": (lambda: optim.lion(optim.exponential_decay(0.05, 100, 0.6), weight_decay=0.0), ""),
    "madgrad": (lambda: optim.madgrad(0.05), ""),
    "nadamw": (lambda: optim.nadamw(0.1, weight_decay=0.0), ""),
    "novograd": (lambda: optim.novograd(optim.exponential_decay(0.1, 100, 0.6)), ""),
    "optimistic": (lambda: optim.optimistic_gradient_descent(0.05), ""),
    "radam": (lambda: optim.radam(0.05), ""),
    "rprop": (lambda: optim.rprop(0.1), ""),
    "sign_sgd": (lambda: optim.sign_sgd(optim.exponential_decay(0.1, 100, 0.6)), ""),
    "signum": (lambda: optim.signum(optim.exponential_decay(0.1, 100, 0.6)), ""),
    "sm3": (lambda: optim.sm3(1.0), ""),
    "yogi": (lambda: optim.yogi(0.1), ""),
    "dog": (lambda: optim.dog(), ""),
    "dowg": (lambda: optim.dowg(), ""),
    "prodigy": (lambda: optim.prodigy(), ""),
    "dadapt_adamw": (lambda: optim.dadapt_adamw(), ""),
    "mechanize": (lambda: optim.mechanize(optim.sgd(0.1), weight_decay=0.0), ""),
    "muon": (lambda: optim.muon(optim.exponential_decay(0.2, 50, 0.6)), ""),
    "noisy_sgd": (lambda: optim.noisy_sgd(0.1, eta=1e-6, key=0), ""),
    "schedule_free_sgd": (lambda: optim.schedule_free_sgd(0.2), ""),
    "schedule_free_adamw": (lambda: optim.schedule_free_adamw(0.2), ""),
    "lookahead": (lambda: optim.lookahead(optim.sgd(0.1), 5, 0.5), "fast"),
    "polyak_sgd": (lambda: optim.polyak_sgd(), "value"),
    "sam": (lambda: optim.sam(optim.sgd(0.1), optim.sgd(0.01)), ""),
    "backtracking": (lambda: optim.chain(optim.sgd(1.0), optim.scale_by_backtracking_linesearch(20)), "search"),
    "lbfgs": (lambda: optim.lbfgs(), "search"),
}


def parabola(p: Any) -> Any:
    return ((p["w"] - np.array([[1.0, -2.0], [0.5, 1.5]])) ** 2).sum() + ((p["b"] - 2.0) ** 2).sum()


def test_all_converge_on_a_parabola() -> None:
    """Five hundred steps each, all in one compilation."""
    start = {"w": np.array([[2.0, 1.0], [-1.0, 0.3]]), "b": np.array([0.5])}

    def last(make: Any, kind: str, start: Any) -> Any:
        optimizer = make()

        def one(carry: Any, _: Any) -> Any:
            return cases.step(optim, optimizer, kind, fg.value_and_grad, parabola, *carry), None

        (params, state), _ = lax.scan(one, beginning(optimizer, kind, start), length=500)
        if isinstance(state, optim.ScheduleFreeState):
            params = optim.schedule_free_eval_params(state, params)
        return parabola(params.slow if kind == "fast" else params)

    found = jit(lambda start: {name: last(*case, start) for name, case in CONVERGING.items()})(start)
    assert {name: value for name, value in found.items() if not value < 1e-2} == {}


def test_line_searches_solve_rosenbrock_in_few_steps() -> None:
    """L-BFGS in 50 steps; the value and gradient that the search left are used again."""

    def f(x):
        return ((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2).sum()

    optimizer, x = optim.lbfgs(), np.array([-1.2, 1.0, 0.7])
    value_and_grad = optim.value_and_grad_from_state(f)

    def one(carry: Any, _: Any) -> Any:
        x, state = carry
        value, grad = value_and_grad(x, state=state)
        updates, state = optimizer.update(grad, state, x, value=value, grad=grad, value_fn=f)
        return (optim.apply_updates(x, updates), state), value

    (x, state), values = jit(lambda x: lax.scan(one, (x, optimizer.init(x)), length=50))(x)
    np.testing.assert_allclose(x, 1, atol=1e-8)
    assert (np.diff(values) <= 1e-12).all()
    assert optim.tree.get(state, "value") == f(x)


# --- gradients through runs -------------------------------------------------------------------------------------------

SMOOTH: dict[str, Any] = {
    "sgd": lambda r: optim.sgd(r * 0.1, momentum=0.9),
    "adam": lambda r: optim.adam(r, eps_root=1e-3),
    "adabelief": lambda r: optim.adabelief(r, eps_root=1e-3),
    "adadelta": lambda r: optim.adadelta(r, eps=1e-2),
    "adafactor": lambda r: optim.adafactor(r, 2),
    "adamax": lambda r: optim.adamax(r),
    "adan": lambda r: optim.adan(r, eps_root=1e-3),
    "fromage": lambda r: optim.fromage(r),
    "lamb": lambda r: optim.lamb(r, eps_root=1e-3),
    "lars": lambda r: optim.lars(r, trust_coefficient=0.1),
    "lion": lambda r: optim.chain(optim.scale_by_lion(mode="smooth"), optim.scale(-r)),
    "madgrad": lambda r: optim.madgrad(r),
    "muon": lambda r: optim.muon(r),
    "novograd": lambda r: optim.novograd(r),
    "radam": lambda r: optim.radam(r, b2=0.9, eps_root=1e-3),
    "yogi": lambda r: optim.yogi(r),
    "prodigy": lambda r: optim.prodigy(r, estim_lr0=0.1),
    "dog": lambda r: optim.dog(r, ("distance", 0.1)),
    "schedule_free": lambda r: optim.schedule_free_sgd(r * 0.1),
    "mechanize": lambda r: optim.mechanize(optim.sgd(r), s_init=1e-2),
    "multi steps": lambda r: optim.MultiSteps(optim.adam(r, eps_root=1e-3), 2).gradient_transformation(),
    "clipped": lambda r: optim.chain(optim.adaptive_grad_clip(0.1), optim.clip_by_global_norm(1.0), optim.scale(-r)),
    "injected": lambda r: optim.inject_hyperparams(optim.adamw)(r, eps_root=1e-3, weight_decay=0.1),
}


def test_gradients_with_respect_to_the_learning_rate() -> None:
    """Through six steps in a scan, against central differences, all in one compilation."""
    f, start = PROBLEMS["quadratic"]

    def after(make: Any, rate: Any) -> Any:
        optimizer = make(rate)

        def one(carry: Any, _: Any) -> Any:
            return cases.step(optim, optimizer, "", fg.value_and_grad, f, *carry), None

        return f(lax.scan(one, (start, optimizer.init(start)), length=6)[0][0])

    def both(rate: Any, h: float = 1e-5) -> Any:
        return {
            name: (
                fg.grad(lambda r, make=make: after(make, r))(rate),
                (after(make, rate + h) - after(make, rate - h)) / (2 * h),
            )
            for name, make in SMOOTH.items()
        }

    for name, (slope, difference) in jit(both)(0.05).items():
        assert abs(slope) > 1e-6, name
        np.testing.assert_allclose(slope, difference, rtol=1e-5, err_msg=name)


def test_gradients_with_respect_to_hyperparameters_in_the_state() -> None:
    """What inject_hyperparams keeps are leaves: rates, decays and epsilons have gradients, eager and in a scan."""
    f, start = PROBLEMS["quadratic"]
    optimizer = optim.inject_hyperparams(optim.adam)(0.05, eps_root=1e-3)
    state = optimizer.init(start)
    assert set(state.hyperparams) == {"learning_rate", "b1", "b2", "eps", "eps_root"}

    def after(hyperparams: Any) -> Any:
        carry = start, state._replace(hyperparams=hyperparams)

        def one(carry, _):
            return (cases.step(optim, optimizer, "", fg.value_and_grad, f, *carry), None)

        return f(lax.scan(one, carry, length=4)[0][0])

    slopes = fg.grad(after)(state.hyperparams)
    for name, h in (("learning_rate", 1e-6), ("b1", 1e-6), ("b2", 1e-7), ("eps_root", 1e-7)):
        sides = [after(state.hyperparams | {name: state.hyperparams[name] + d}) for d in (h, -h)]
        np.testing.assert_allclose(slopes[name], (sides[0] - sides[1]) / (2 * h), rtol=1e-4)


def test_vmap_over_learning_rates() -> None:
    f, start = PROBLEMS["quadratic"]

    def last(rate: Any) -> Any:
        optimizer = optim.prodigy(rate)
        return cases.step(optim, optimizer, "", fg.value_and_grad, f, start, optimizer.init(start))[0]["w"]

    rates = np.array([0.5, 1.0])
    np.testing.assert_allclose(fg.vmap(last)(rates), [last(r) for r in rates], rtol=1e-13)


@pytest.mark.parametrize("shape", [(0, 2), (2, 0)])
def test_muon_leaves_empty_matrices_empty(shape: tuple[int, int]) -> None:
    params = {"empty": np.zeros(shape), "w": np.ones((2, 3))}
    optimizer = optim.muon(0.1)
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    assert updates["empty"].shape == shape and np.isfinite(updates["w"]).all()


EMPTY_LEAVES = {
    "adafactor": optim.adafactor(), "centralize": optim.centralize(), "clip_by_block_rms": optim.clip_by_block_rms(0.1),
    "param_block_rms": optim.scale_by_param_block_rms(), "sm3": optim.sm3(0.1),
    "adam": optim.adam(0.1), "lamb": optim.lamb(0.1),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY_LEAVES)
@pytest.mark.parametrize("jit", [False, True])
def test_leaves_without_elements_change_nothing_and_warn_of_nothing(name: str, jit: bool) -> None:
    full = {"w": np.linspace(0.5, 1.5, 6).reshape(3, 2)}
    holes = {"a": np.zeros(0), "b": np.zeros((0, 4)), "c": np.zeros((2, 0, 3))}
    optimizer = EMPTY_LEAVES[name]
    update = fg.jit(optimizer.update) if jit else optimizer.update
    alone, together = optimizer.init(full), optimizer.init({**full, **holes})
    for _ in range(2):
        expected, alone = update(full, alone, full)
        updates, together = update({**full, **holes}, together, {**full, **holes})
        np.testing.assert_allclose(updates["w"], expected["w"], rtol=1e-14)
        assert {k: updates[k].shape for k in holes} == {k: v.shape for k, v in holes.items()}
    assert all(np.isfinite(leaf).all() for leaf in fg.tree.tree_leaves(together))
