"""Complex parameters: every optimizer either treats them by their absolute values or says what to do instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import optimizer_cases as cases
import pytest

import funcgrad as fg
from funcgrad import optim, tree

CENTRE = {"w": np.array([[1.0, -2.0], [0.5, 3.0]]), "b": np.array([0.7, -0.4])}
START = {"w": np.array([[0.5, -0.3], [1.2, 0.4]]), "b": np.array([0.3, -0.6])}
# Their formulas order numbers, or know them as real.
REFUSED = {
    "madgrad", "sm3", "prodigy", "prodigy safe", "dadapt_adamw", "mechanize", "lbfgs", "lbfgs memory", "lbfgs alone",
    "backtracking", "backtracking stored", "zoom", "zoom bounded", "clip chain", "nonnegative",
    "galore", "galore wide", "cocob", "cocob decay",
    "momo", "momo bound", "momo_adam", "momo_adam bound", "sophia", "sophia often",
    "muon", "muon dion", "muon schatten", "muon aol",
}  # fmt: skip


def distance(centre: Any) -> Any:
    def f(p: Any) -> Any:
        parts = tree.tree_map(lambda x, c: np.sum(np.abs(x - c) ** 2), p, centre)
        return 1.5 * parts["w"] + parts["b"]

    return f


def run(optimizer: Any, kind: str, f: Any, params: Any, steps: int = 6) -> Any:
    """The parameters after some steps, from conjugated gradients."""

    def value_and_grad(f: Any) -> Any:
        def both(p: Any) -> Any:
            value, gradient = fg.value_and_grad(f)(p)
            return value, tree.tree_map(np.conj, gradient)

        return both

    params = optim.LookaheadParams.init_synced(params) if kind == "fast" else params
    state = optimizer.init(params)
    for _ in range(steps):
        params, state = cases.step(optim, optimizer, kind, value_and_grad, f, params, state)
    return params.slow if kind == "fast" else params


def turned(values: Any, factor: complex) -> Any:
    return tree.tree_map(lambda x: x * factor, values)


@pytest.mark.parametrize("name", cases.CASES)
def test_real_numbers_kept_as_complex_ones_take_the_same_steps(name: str) -> None:
    make, kind = cases.CASES[name]
    if name in REFUSED:
        with pytest.raises(TypeError, match=r"a leaf is complex.\nFix: wrap .* split_real_and_imaginary"):
            run(make(optim), kind, distance(CENTRE), turned(START, 1 + 0j))
        return
    expected = run(make(optim), kind, distance(CENTRE), START)
    found = run(make(optim), kind, distance(CENTRE), turned(START, 1 + 0j))
    for name, leaf in found.items():
        assert leaf.dtype == np.complex128
        np.testing.assert_allclose(leaf, expected[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "name",
    ["sgd nesterov", "adam", "nadamw", "adamax", "amsgrad", "adabelief", "adadelta", "adafactor factored", "adagrad"]
    + ["adan", "ademamix", "adopt", "fromage", "lamb", "lars", "lion", "novograd", "radam", "rmsprop centered"]
    + ["dog", "polyak_sgd", "schedule_free_adamw", "sam", "block rms", "adaptive clip", "normalized", "signum"],
)
def test_a_turn_of_the_plane_turns_the_steps(name: str) -> None:
    """Sizes come from absolute values: what a factor of absolute value 1 does to start and goal, it does to the way."""
    make, kind = cases.CASES[name]
    turn = np.exp(0.9j)
    goal = {"w": CENTRE["w"] + 0.3j, "b": CENTRE["b"] - 1j}
    way = run(make(optim), kind, distance(goal), turned(START, 1 - 0.5j))
    other = run(make(optim), kind, distance(turned(goal, turn)), turned(START, (1 - 0.5j) * turn))
    for leaf in way:
        np.testing.assert_allclose(other[leaf], way[leaf] * turn, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["adam", "prodigy", "sm3", "muon", "nonnegative"])
def test_split_into_parts_is_the_optimizer_on_both_parts(name: str) -> None:
    make, kind = cases.CASES[name]
    start = {"w": START["w"] * (1 + 0.5j), "b": START["b"]}  # one leaf stays real
    goal = {"w": CENTRE["w"] - 2j, "b": CENTRE["b"]}
    found = run(optim.split_real_and_imaginary(make(optim)), kind, distance(goal), start)

    def of_parts(p: Any) -> Any:
        real = distance(tree.tree_map(np.real, goal))({"w": p["w"].real, "b": p["b"]})
        return real + 1.5 * np.sum((p["w"].imaginary - goal["w"].imag) ** 2)

    parts = {"w": optim.SplitRealAndImaginaryArrays(start["w"].real, start["w"].imag), "b": start["b"]}
    expected = run(make(optim), kind, of_parts, parts)
    np.testing.assert_allclose(found["w"].real, expected["w"].real, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found["w"].imag, expected["w"].imaginary, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found["b"], expected["b"], rtol=1e-10, atol=1e-13)
    assert found["w"].dtype == np.complex128 and found["b"].dtype == np.float64


def test_split_keeps_single_precision_and_passes_arguments_on() -> None:
    optimizer = optim.split_real_and_imaginary(optim.polyak_sgd())
    z = np.array([3 + 4j], np.complex64)
    updates, _ = optimizer.update(2 * z, optimizer.init(z), z, value=np.float32(25.0))
    assert updates.dtype == np.complex64
    np.testing.assert_allclose(updates, -0.25 * 2 * z, rtol=1e-6)


@pytest.mark.parametrize("name", ["flatten", "adam", "acprop", "sam"])
def test_real_leaves_beside_complex_ones_stay_real_and_compiled_steps_are_the_same(name: str) -> None:
    make, kind = cases.CASES[name]
    start, goal = {"w": START["w"] * (1 - 0.5j), "b": START["b"]}, {"w": CENTRE["w"] + 0.3j, "b": CENTRE["b"]}
    found = run(make(optim), kind, distance(goal), start, 3)
    assert found["w"].dtype == np.complex128 and found["b"].dtype == np.float64
    compiled = fg.jit(lambda p: run(make(optim), kind, distance(goal), p, 3))(start)
    for leaf in found:
        assert compiled[leaf].dtype == found[leaf].dtype
        np.testing.assert_allclose(compiled[leaf], found[leaf], rtol=1e-10, atol=1e-13)
