"""`optim.projections`: only the nearest point is as near; `optim.perturbations` against means that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import optim, random, tree
from funcgrad.optim import perturbations
from funcgrad.optim import projections as p
from funcgrad.test_util import check_grads

RNG = np.random.default_rng(3)
TREE = {"a": RNG.normal(size=(2, 3)) * 2, "b": np.array(0.4)}
OTHER = {"a": RNG.normal(size=(2, 3)), "b": np.array(-0.7)}


def flat(values: Any) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in tree.tree_leaves(values)])


def in_ball(order: float, radius: float) -> Any:
    return lambda v: np.linalg.norm(v, order) <= radius + 1e-12


# projection, membership, and points of the set to compare distances with: random ones, moved into it.
SETS: dict[str, tuple[Any, Any, Any]] = {
    "non_negative": (p.projection_non_negative, lambda v: np.all(v >= 0), np.abs),
    "box": (
        lambda t: p.projection_box(t, -0.5, {"a": np.full((2, 3), 1.0), "b": 1.0}),
        lambda v: np.all((v >= -0.5) & (v <= 1)),
        lambda v: np.clip(v, -0.5, 1),
    ),
    "hypercube": (
        lambda t: p.projection_hypercube(t, 0.7),
        lambda v: np.all((v >= 0) & (v <= 0.7)),
        lambda v: np.clip(v, 0, 0.7),
    ),
    "simplex": (
        lambda t: p.projection_simplex(t, 2.5),
        lambda v: np.all(v >= 0) and abs(v.sum() - 2.5) < 1e-12,
        lambda v: 2.5 * np.abs(v) / np.abs(v).sum(),
    ),
    "l1_ball": (lambda t: p.projection_l1_ball(t, 1.5), in_ball(1, 1.5), lambda v: v * 1.5 / np.abs(v).sum()),
    "l1_sphere": (
        lambda t: p.projection_l1_sphere(t, 1.5),
        lambda v: abs(np.abs(v).sum() - 1.5) < 1e-12,
        lambda v: v * 1.5 / np.abs(v).sum(),
    ),
    "l2_ball": (lambda t: p.projection_l2_ball(t, 0.8), in_ball(2, 0.8), lambda v: v * 0.8 / np.linalg.norm(v)),
    "l2_sphere": (
        lambda t: p.projection_l2_sphere(t, 0.8),
        lambda v: abs(np.linalg.norm(v) - 0.8) < 1e-12,
        lambda v: v * 0.8 / np.linalg.norm(v),
    ),
    "linf_ball": (lambda t: p.projection_linf_ball(t, 0.6), in_ball(np.inf, 0.6), lambda v: np.clip(v, -0.6, 0.6)),
    "hyperplane": (
        lambda t: p.projection_hyperplane(t, OTHER, 0.3),
        lambda v: abs(v @ flat(OTHER) - 0.3) < 1e-12,
        lambda v: v + (0.3 - v @ flat(OTHER)) / (flat(OTHER) @ flat(OTHER)) * flat(OTHER),
    ),
    "halfspace": (
        lambda t: p.projection_halfspace(t, OTHER, -1.0),
        lambda v: v @ flat(OTHER) <= -1 + 1e-12,
        lambda v: v + min(0, (-1 - v @ flat(OTHER)) / (flat(OTHER) @ flat(OTHER))) * flat(OTHER),
    ),
    "vector": (
        lambda t: p.projection_vector(t, OTHER),
        lambda v: abs(abs(v @ flat(OTHER)) - np.linalg.norm(v) * np.linalg.norm(flat(OTHER))) < 1e-12,
        lambda v: v[0] * flat(OTHER),
    ),
}


def test_every_projection_has_a_case() -> None:
    assert {f"projection_{name}" for name in SETS} == set(p.__all__)


@pytest.mark.parametrize("name", SETS)
def test_the_projection_is_the_nearest_point(name: str) -> None:
    project, member, into = SETS[name]
    found = project(TREE)
    assert tree.tree_structure(found) == tree.tree_structure(TREE)
    point, start = flat(found), flat(TREE)
    assert member(point)
    distance = np.linalg.norm(point - start)
    others = [into(start + RNG.normal(size=7)) for _ in range(200)]
    others += [into(point + 1e-3 * RNG.normal(size=7)) for _ in range(200)]
    assert all(member(other) for other in others)
    assert all(np.linalg.norm(other - start) >= distance - 1e-12 for other in others)
    for leaf, again in zip(tree.tree_leaves(found), tree.tree_leaves(project(found))):
        np.testing.assert_allclose(again, leaf, rtol=1e-12, atol=1e-12)  # a point of the set stays
    if name in ("hyperplane", "halfspace", "vector"):
        return  # the normal vector has a precision of its own
    single = project(tree.tree_map(np.float32, TREE))
    assert all(leaf.dtype == np.float32 for leaf in tree.tree_leaves(single))


@pytest.mark.parametrize("name", SETS)
def test_projections_compile_and_have_derivatives(name: str) -> None:
    project, _, _ = SETS[name]
    compiled = fg.jit(project)(TREE)
    for a, b in zip(tree.tree_leaves(compiled), tree.tree_leaves(project(TREE))):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    check_grads(project, (TREE,), order=2, eps=1e-4, atol=1e-5, rtol=1e-5)


def test_simplex_at_its_ends() -> None:
    np.testing.assert_array_equal(p.projection_simplex(np.array([5.0])), [1.0])
    np.testing.assert_array_equal(p.projection_simplex(np.array([9.0, -9.0, 0.0])), [1.0, 0.0, 0.0])
    np.testing.assert_allclose(p.projection_simplex(np.zeros(4)), np.full(4, 0.25))
    gradient = fg.grad(lambda x: p.projection_simplex(x)[0])(np.array([0.5, 0.4, -3.0]))
    np.testing.assert_allclose(gradient, [0.5, -0.5, 0.0])
    with pytest.raises(ValueError, match="projection_simplex: the tree has no entries"):
        p.projection_simplex({})
    with pytest.raises(TypeError, match="projection_box: its formulas are for real numbers"):
        p.projection_box(np.array([1j]), 0.0, 1.0)


def test_projected_gradient_descent_finds_the_best_mixture() -> None:
    columns = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 2.0]])
    goal = np.array([0.4, 0.6])

    @fg.jit
    def step(weights: Any) -> Any:
        gradient = fg.grad(lambda w: np.sum((columns @ w - goal) ** 2))(weights)
        return p.projection_simplex(weights - 0.05 * gradient)

    weights = np.full(3, 1 / 3)
    for _ in range(300):
        weights = step(weights)
    np.testing.assert_allclose(weights, [0.4, 0.6, 0.0], atol=1e-6)


# --- perturbations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("baseline", [True, False])
def test_steps_get_the_slopes_of_their_means(baseline: bool) -> None:
    """The mean of a step at x + s z is the normal distribution function of x / s: its derivatives are known."""
    smooth = perturbations.make_perturbed_fun(
        lambda x: {"up": np.where(x["x"] > 0, 1.0, 0.0)}, 40_000, 0.5, perturbations.Normal(), baseline
    )
    key, x = random.key(1), {"x": 0.3}
    value = fg.jit(lambda x: smooth(key, x)["up"])(x)
    first = fg.jit(fg.grad(lambda x: smooth(key, x)["up"]))(x)["x"]
    second = fg.jit(fg.grad(lambda v: fg.grad(lambda x: smooth(key, {"x": x})["up"])(v)))(0.3)
    density = np.exp(-0.18) / np.sqrt(2 * np.pi) / 0.5
    assert abs(value - 0.72575) < 0.01 and abs(first - density) < 0.03 and abs(second + 0.6 / 0.5 * density) < 0.15


def test_gumbel_noise_makes_the_largest_a_softmax() -> None:
    scores = np.array([0.5, 0.0, -0.4])
    choose = lambda x: np.where(np.arange(3) == np.argmax(x), 1.0, 0.0)  # noqa: E731
    smooth = perturbations.make_perturbed_fun(choose, 20_000, 1.0)
    expected = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(smooth(random.key(0), scores), expected, atol=0.02)
    slopes = fg.jit(fg.jacrev(lambda x: smooth(random.key(2), x)))(scores)
    np.testing.assert_allclose(slopes, np.diag(expected) - np.outer(expected, expected), atol=0.03)
    assert smooth(random.key(0), np.float32([0.5, 0.0])[:1]).shape == (3,)


def test_bad_arguments_of_perturbations() -> None:
    with pytest.raises(ValueError, match="num_samples must be positive, got 0"):
        perturbations.make_perturbed_fun(np.sum, 0)
    with pytest.raises(TypeError, match="make_perturbed_fun: its formulas are for real numbers"):
        perturbations.make_perturbed_fun(np.sum)(random.key(0), np.array([1j]))


def test_sophia_and_momo_say_what_they_need() -> None:
    x = np.ones(2)
    with pytest.raises(
        ValueError, match=r"the update needs the loss .*\nFix: update\(gradient, state, params, obj_fn="
    ):
        optim.sophia(0.1).update(x, optim.sophia(0.1).init(x), x)
    for make in (optim.momo, optim.momo_adam):
        with pytest.raises(ValueError, match=rf"{make.__name__}: the update needs the value of the loss"):
            make().update(x, make().init(x), x)


def test_complex_numbers_are_refused_with_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"projection_simplex: .* complex.\nFix: project real and imaginary parts"):
        p.projection_simplex(np.array([1j, 2.0]))
