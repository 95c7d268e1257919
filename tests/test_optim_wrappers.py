"""Masks, partitions, conditions, accumulation, line searches, noise, privacy, parts of states; bad arguments."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import optim, random, tree
from funcgrad.api.compilation import jit

PARAMS = {"w": np.array([[1.0, -2.0], [0.5, 3.0]]), "b": np.array([0.3, -0.6])}
GRADS = {"w": np.array([[0.5, 1.0], [-2.0, 0.1]]), "b": np.array([4.0, -3.0])}


def one(optimizer: Any, grads: Any = GRADS, params: Any = PARAMS, **extra: Any) -> Any:
    return optimizer.update(grads, optimizer.init(params), params, **extra)


# --- masks and partitions ---------------------------------------------------------------------------------------------


def test_masked_leaves_pass_and_have_no_state() -> None:
    link = optim.masked(optim.trace(0.9), {"w": True, "b": False})
    updates, state = one(link)
    assert updates["b"] is GRADS["b"]
    assert len(tree.tree_leaves(state)) == 1 and isinstance(state.inner_state.trace["b"], optim.MaskedNode)
    by_rank = optim.masked(optim.scale(2.0), lambda p: tree.tree_map(lambda leaf: leaf.ndim == 2, p))
    updates, _ = jit(partial(one, by_rank))(GRADS, PARAMS)
    np.testing.assert_array_equal(updates["w"], 2 * GRADS["w"])
    np.testing.assert_array_equal(updates["b"], GRADS["b"])


def test_masks_of_extra_arguments() -> None:
    seen = []

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        seen.append(extra)
        return updates, state

    link = optim.GradientTransformationExtraArgs(lambda p: (), update)
    one(optim.masked(link, {"w": True, "b": False}, mask_compatible_extra_args=True), other=PARAMS, value=1.0)
    assert seen[0]["value"] == 1.0 and isinstance(seen[0]["other"]["b"], optim.MaskedNode)


def test_partition_uses_one_transformation_for_each_label() -> None:
    optimizer = optim.multi_transform({"a": optim.sgd(1.0), "z": optim.set_to_zero()}, {"w": "z", "b": "a"})
    updates, state = one(optimizer)
    np.testing.assert_array_equal(updates["w"], np.zeros((2, 2)))
    np.testing.assert_array_equal(updates["b"], -GRADS["b"])
    assert set(state.inner_states) == {"a", "z"}
    with pytest.raises(ValueError, match=r"the labels \['b'\] have no transformation"):
        optim.partition({"a": optim.sgd(1.0)}, {"w": "a", "b": "b"}).init(PARAMS)


def test_frozen_leaves() -> None:
    updates, _ = one(optim.chain(optim.sgd(1.0), optim.freeze({"w": True, "b": False})))
    assert not updates["w"].any() and updates["b"].any()
    updates, _ = one(optim.selective_transform(optim.sgd(1.0), freeze_mask={"w": False, "b": True}))
    assert updates["w"].any() and not updates["b"].any()


# --- conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [lambda f: f, jit], ids=["eager", "jit"])
def test_updates_that_are_not_finite_are_left_out(transform: Any) -> None:
    optimizer = optim.apply_if_finite(optim.adam(0.1), max_consecutive_errors=2)
    bad = GRADS | {"b": np.array([np.nan, 0.0])}
    update = transform(lambda g, s: optimizer.update(g, s, PARAMS))
    state = optimizer.init(PARAMS)
    for count in (1, 2):
        updates, state = update(bad, state)
        assert state.notfinite_count == state.total_notfinite == count and not state.last_finite
        assert state.inner_state[0].count == 0 and not any(u.any() for u in updates.values())
    updates, _ = update(bad, state)
    assert np.isnan(updates["b"][0])  # too often in a row
    updates, state = update(GRADS, state)
    assert state.notfinite_count == 0 and state.total_notfinite == 2 and state.inner_state[0].count == 1


def test_conditions_see_extra_arguments() -> None:
    link = optim.conditionally_transform(optim.scale(2.0), lambda step, go: go, forward_extra_args=True)
    assert [float(link.update(1.0, link.init(0.0), go=np.bool_(go))[0]) for go in (True, False)] == [2, 1]


def test_zero_nans_says_where() -> None:
    updates, state = one(optim.zero_nans(), GRADS | {"b": np.array([np.nan, 1.0])})
    assert state.found_nan == {"w": False, "b": True} and updates["b"].tolist() == [0, 1]


# --- accumulation -----------------------------------------------------------------------------------------------------


def test_many_small_batches_are_one_large_one() -> None:
    optimizer = optim.MultiSteps(optim.adam(0.1), every_k_schedule=3)
    grads = [tree.tree_map(lambda g, k=k: g * k, GRADS) for k in (1.0, 2.0, 6.0)]
    update, state = jit(optimizer.update), optimizer.init(PARAMS)
    for g in grads:
        assert not optimizer.has_updated(state)
        updates, state = update(g, state, PARAMS)
    expected, _ = one(optim.adam(0.1), tree.tree_map(lambda g: 3 * g, GRADS))
    np.testing.assert_allclose(updates["w"], expected["w"], rtol=1e-12)
    assert optimizer.has_updated(state) and state.gradient_step == 1 and state.mini_step == 0
    summed = optim.MultiSteps(optim.sgd(1.0), lambda step: 2, use_grad_mean=False)
    _, state = one(summed)
    np.testing.assert_allclose(summed.update(GRADS, state)[0]["b"], -2 * GRADS["b"])


@pytest.mark.parametrize(
    "skip", [optim.skip_not_finite, partial(optim.skip_large_updates, max_squared_norm=100.0)], ids=["finite", "large"]
)
def test_skipped_gradients_do_not_count(skip: Any) -> None:
    optimizer = optim.MultiSteps(optim.sgd(1.0), 2, should_skip_update_fn=skip)
    _, state = one(optimizer)
    bad = tree.tree_map(lambda g: g * (np.inf if skip is optim.skip_not_finite else 1e3), GRADS)
    updates, after = optimizer.update(bad, state)
    assert after.mini_step == 1 and after.skip_state["should_skip"] and not updates["b"].any()
    np.testing.assert_allclose(optimizer.update(GRADS, after)[0]["b"], -GRADS["b"])


def test_reduce_on_plateau() -> None:
    link = optim.reduce_on_plateau(factor=0.5, patience=2, cooldown=1)
    state, scales = link.init(PARAMS), []
    for value in (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5):
        _, state = link.update(GRADS, state, value=value)
        scales.append(float(state.scale))
    assert scales == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    for bad in (dict(factor=2.0), dict(rtol=0.0), dict(rtol=-1.0)):
        with pytest.raises(ValueError, match="reduce_on_plateau"):
            optim.reduce_on_plateau(**bad)


# --- links ------------------------------------------------------------------------------------------------------------


def test_zero_updates_have_no_direction() -> None:
    """No NaN from 0 / 0, in the value or in the derivative."""
    zeros = tree.tree_map(np.zeros_like, GRADS)
    for link in (optim.normalize(), optim.scale_by_trust_ratio(), optim.clip_by_block_rms(1.0), optim.polyak_sgd()):
        updates = one(link, zeros, value=0.0)[0]
        slope = fg.grad(lambda g, link=link: (one(link, g, value=0.0)[0]["w"] ** 2).sum())(zeros)
        assert not updates["w"].any() and not slope["w"].any()


def test_units_of_layers() -> None:
    x = np.arange(24.0).reshape(2, 3, 4) + 1
    np.testing.assert_allclose(optim.unitwise_norm(x)[0], np.linalg.norm(x, axis=0))
    np.testing.assert_allclose(optim.unitwise_norm(x[:, 0, 0]), np.full(2, np.linalg.norm(x[:, 0, 0])))
    np.testing.assert_allclose(optim.unitwise_norm(x, axis=(1, 2))[:, 0, 0], np.linalg.norm(x.reshape(2, -1), axis=1))
    np.testing.assert_allclose(optim.unitwise_norm(x[None])[0, 0, 0], np.linalg.norm(x.reshape(6, 4), axis=0))
    with pytest.raises(ValueError, match="which axes make a unit"):
        optim.unitwise_norm(np.zeros((2,) * 6))


def test_noise_falls_with_time_and_is_new_at_every_step() -> None:
    link = optim.add_noise(eta=1.0, gamma=1.0, key=random.key(3))
    zeros = np.zeros(4000)
    state, seen = link.init(zeros), []
    for _ in range(4):
        noise, state = link.update(zeros, state)
        seen.append(noise)
    np.testing.assert_allclose([n.std() for n in seen], 1 / np.sqrt([1, 2, 3, 4]), rtol=0.05)
    assert abs(np.corrcoef(seen[0], seen[1])[0, 1]) < 0.05
    for make in (lambda: optim.add_noise(1.0, 1.0), lambda: optim.noisy_sgd(0.1, key=0, seed=0)):
        with pytest.raises(ValueError, match="give a key"):
            make()


def test_gradients_of_single_examples_are_clipped() -> None:
    grads = {"w": np.array([[3.0, 0.0], [0.3, 0.0]]), "b": np.array([4.0, 0.4])}
    clipped, count = optim.per_example_global_norm_clip(grads, 1.0)
    np.testing.assert_allclose(clipped["w"], [0.9, 0])
    np.testing.assert_allclose(clipped["b"], 1.2)
    assert count == 1
    layers, counts = optim.per_example_layer_norm_clip(grads, np.sqrt(2.0))
    np.testing.assert_allclose([layers["w"][0], layers["b"]], [1.3, 1.4])
    assert counts == {"w": 1, "b": 1}
    private = optim.dpsgd(1.0, l2_norm_clip=1.0, noise_multiplier=2.0, seed=0, momentum=0.5)
    state = private.init(tree.tree_map(lambda g: g[0], grads))
    drawn = np.array([private.update(grads, state)[0]["w"]])
    np.testing.assert_array_equal(drawn, [private.update(grads, state)[0]["w"]])
    wide = {"w": np.zeros((2, 5000))}
    link = optim.differentially_private_aggregate(1.0, 2.0, key=1)
    np.testing.assert_allclose(link.update(wide, link.init(wide))[0]["w"].std(), 2.0 / 2, rtol=0.05)
    with pytest.raises(ValueError, match="the first axis of every gradient must be the examples"):
        optim.per_example_global_norm_clip({"w": np.zeros((2, 3)), "b": np.zeros(3)}, 1.0)


def test_averages_of_parameters() -> None:
    new, old = {"a": np.float32([1.0])}, {"a": np.float32([0.0])}
    assert optim.incremental_update(new, old, np.float64(0.25))["a"].dtype == np.float32
    update = jit(lambda n: optim.periodic_update(new, old, n, 3)["a"][0])
    assert [update(n) for n in (0, 1, 3)] == [1, 0, 1]


def test_extra_arguments_reach_those_who_take_them() -> None:
    plain = optim.GradientTransformation(lambda p: (), lambda u, s, p=None: (2 * u, s))
    assert optim.chain(plain, optim.scale_by_polyak()).update(1.0, ((), ()), value=1.0)[0] == 0.5
    named = optim.named_chain(("twice", plain), ("step", optim.sgd(0.5)))
    updates, state = named.update(1.0, named.init(1.0), value=1.0)
    assert updates == -1.0 and set(state) == {"twice", "step"}
    with pytest.raises(ValueError, match="the names must differ"):
        optim.named_chain(("a", plain), ("a", plain))


def test_measurements_are_kept_in_a_loop() -> None:
    measures = {"norm": optim.global_norm, "average": optim.measure_with_ema(optim.global_norm, 0.5)}
    optimizer = optim.chain(optim.monitor(measures), optim.snapshot("largest", optim.tree.max), optim.sgd(0.1))

    def one(state: Any, scale: Any) -> Any:
        updates, state = optimizer.update(tree.tree_map(lambda g: g * scale, GRADS), state)
        return state, updates["b"]

    state, updates = fg.lax.scan(one, optimizer.init(PARAMS), np.array([1.0, 3.0]))
    norm = optim.global_norm(GRADS)
    np.testing.assert_allclose(updates[1], -0.3 * GRADS["b"])
    assert optim.tree.get(state, "norm") == 3 * norm and optim.tree.get(state, "largest") == 12
    # The average begins anew with the state, which has measured the parameters once without counting them.
    np.testing.assert_allclose(optim.tree.get(state, "average"), norm * (0.25 + 1.5) / 0.75)


def test_second_derivatives_of_losses() -> None:
    x = np.array([1.0, 2.0])

    def loss(p: Any, inputs: Any, targets: Any) -> Any:
        return ((p["w"] @ inputs - targets + p["b"]) ** 4).sum()

    whole = fg.hessian(lambda flat: loss({"b": flat[:2], "w": flat[2:].reshape(2, 2)}, x, 0.5))
    flat = np.concatenate([PARAMS["b"], PARAMS["w"].ravel()])
    diagonal = optim.second_order.hessian_diag(loss, PARAMS, x, 0.5)
    np.testing.assert_allclose(diagonal, np.diag(whole(flat)), rtol=1e-12)
    product = optim.second_order.hvp(loss, np.arange(6.0), PARAMS, x, 0.5)
    np.testing.assert_allclose(product["w"].ravel(), (whole(flat) @ np.arange(6.0))[2:], rtol=1e-12)
    slope = fg.grad(loss)(PARAMS, x, 0.5)
    np.testing.assert_allclose(optim.second_order.fisher_diag(loss, PARAMS, x, 0.5)[:2], slope["b"] ** 2)


# --- hyperparameters in the state -------------------------------------------------------------------------------------


def test_hyperparameters_can_be_changed_between_steps_without_compiling() -> None:
    optimizer = optim.inject_hyperparams(optim.sgd)(0.1, momentum=0.5)
    update, state = jit(optimizer.update), optimizer.init(PARAMS)
    assert state.hyperparams.keys() == {"learning_rate", "momentum"}
    first, _ = update(GRADS, state)
    second, _ = update(GRADS, optim.tree.set(state, learning_rate=np.array(0.2)))
    np.testing.assert_allclose(second["w"], 2 * first["w"])
    assert update.cache_size() == 1


def test_schedules_are_followed_and_shown() -> None:
    optimizer = optim.inject_hyperparams(optim.adam, static_args="eps")(optim.linear_schedule(1.0, 0.0, 4), eps=1e-6)
    state, seen = optimizer.init(tree.tree_map(np.float32, PARAMS)), []
    for _ in range(3):
        _, state = optimizer.update(tree.tree_map(np.float32, GRADS), state)
        seen.append(float(state.hyperparams["learning_rate"]))
    assert seen == [1.0, 0.75, 0.5] and state.hyperparams["b1"].dtype == np.float32 and "eps" not in state.hyperparams
    with pytest.raises(ValueError, match=r"static_args names \['rate'\]"):
        optim.inject_hyperparams(optim.sgd, static_args="rate")


# --- line searches ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("search", [optim.scale_by_zoom_linesearch, optim.scale_by_backtracking_linesearch])
def test_line_searches_say_what_they_need(search: Any) -> None:
    optimizer = optim.chain(optim.sgd(1.0), search(10))
    with pytest.raises(TypeError, match=r"the update needs the keyword arguments \['value', 'grad', 'value_fn'\]"):
        one(optimizer)
    given = dict(value=1.0, grad=GRADS, value_fn=lambda p: (p["w"] ** 2).sum())
    with pytest.raises(TypeError, match=r"\['batch'\], which value_fn does not take"):
        one(optimizer, **given, batch=3)
    with pytest.raises(ValueError, match="the update needs the parameters"):
        optimizer.update(GRADS, optimizer.init(PARAMS), **given)


@pytest.mark.parametrize("search", [optim.scale_by_zoom_linesearch, optim.scale_by_backtracking_linesearch])
def test_steps_out_of_the_domain_are_shortened(search: Any) -> None:
    """log(x) with a first step far below 0; arguments of the function go through."""

    def f(x, scale):
        return scale * (x - np.log(x))

    x, optimizer = np.float64(0.3), optim.chain(optim.sgd(3.0), search(30))
    value, grad = fg.value_and_grad(f)(x, 2.0)
    for run in (optimizer.update, lambda *a, **k: jit(partial(optimizer.update, **k))(*a)):
        updates, state = run(grad, optimizer.init(x), x, value=value, grad=grad, value_fn=f, scale=2.0)
        assert x + updates > 0 and f(x + updates, 2.0) < value
        np.testing.assert_allclose(optim.tree.get(state, "value"), f(x + updates, 2.0))


def test_a_search_that_finds_nothing_stays() -> None:
    def f(x):
        return np.where(x == 1.0, 0.0, np.inf) * x

    for search in (optim.scale_by_zoom_linesearch(5), optim.scale_by_backtracking_linesearch(5)):
        link = optim.chain(optim.sgd(1.0), search)
        updates, state = link.update(1.0, link.init(1.0), 1.0, value=0.0, grad=1.0, value_fn=f)
        assert updates == 0 and optim.tree.get(state, "value") == 0


def test_verbose_searches_print(capsys: Any) -> None:
    for search in (optim.scale_by_zoom_linesearch, optim.scale_by_backtracking_linesearch):
        link = optim.chain(optim.sgd(1.0), search(9, verbose=True))
        jit(lambda x, link=link: link.update(2 * x, link.init(x), x, value=x**2, grad=2 * x, value_fn=np.square)[0])(
            1.0
        )
        assert "step size" in capsys.readouterr().out


def test_value_and_grad_from_state_needs_a_search() -> None:
    with pytest.raises(ValueError, match="the state has no value and gradient"):
        optim.value_and_grad_from_state(np.square)(1.0, state=optim.adam(0.1).init(1.0))


# --- other optimizers -------------------------------------------------------------------------------------------------


def test_muon_makes_singular_values_one() -> None:
    x = np.random.default_rng(0).normal(size=(3, 5))
    for kind in ("frobenius", "spectral", "aol", "schatten"):
        y = optim.orthogonalize_via_newton_schulz(x, np.array([2.0, -1.5, 0.5]), 25, kind)
        np.testing.assert_allclose(np.linalg.svd(y)[1], 1, rtol=1e-6)
    numbers = optim.MuonDimensionNumbers((0, 1), (2,))
    cube = np.random.default_rng(1).normal(size=(2, 2, 3))
    flat = optim.orthogonalize_via_newton_schulz(cube.reshape(4, 3), np.array([2.0, -1.5, 0.5]))
    whole = optim.orthogonalize_via_newton_schulz(cube, np.array([2.0, -1.5, 0.5]), dimension_numbers=numbers)
    np.testing.assert_allclose(whole.reshape(4, 3), flat, rtol=1e-12)


def test_muon_chooses_matrices() -> None:
    params = {"conv": np.ones((2, 2, 3)), "w": np.ones((2, 3)), "b": np.ones(3)}
    grads = tree.tree_map(lambda p: np.random.default_rng(p.size).normal(size=p.shape), params)
    numbers = {"conv": optim.MuonDimensionNumbers((0, 1), 2), "w": None, "b": None}
    optimizer = optim.muon(0.1, muon_weight_dimension_numbers=numbers)
    updates, _ = jit(partial(one, optimizer))(grads, params)
    adam, _ = one(optim.nadamw(0.1, weight_decay=0.0), grads, params)
    np.testing.assert_allclose(updates["w"], adam["w"], rtol=1e-12)
    assert np.linalg.svd(updates["conv"].reshape(4, 3))[1].min() > 0.05
    with pytest.raises(ValueError, match="which axes of shape"):
        optim.orthogonalize_via_newton_schulz(np.ones((2, 2, 2)), np.ones(3))
    for bad in (dict(preconditioning="none"), dict(ns_coeffs="fast")):
        with pytest.raises(ValueError, match="muon"):
            one(optim.muon(0.1, **bad))


def test_sam_in_one_update_is_sam_in_two() -> None:
    gradient = fg.grad(lambda p: (p["w"] ** 4).sum() + (p["b"] ** 2).sum())
    ascent = optim.chain(optim.normalize(), optim.sgd(0.1))
    whole, parts = (optim.sam(optim.adam(0.1), ascent, opaque_mode=opaque) for opaque in (True, False))
    one_state, two_state, a, b = whole.init(PARAMS), parts.init(PARAMS), PARAMS, PARAMS
    for _ in range(3):
        updates, one_state = whole.update(gradient(a), one_state, a, grad_fn=lambda p, i: gradient(p))
        a = optim.apply_updates(a, updates)
        for _ in range(2):
            updates, two_state = parts.update(gradient(b), two_state, b)
            b = optim.apply_updates(b, updates)
    np.testing.assert_allclose(a["w"], b["w"], rtol=1e-12)
    with pytest.raises(ValueError, match="needs a function of gradients"):
        one(whole)


def test_sam_averages_over_a_named_axis() -> None:
    """Examples under vmap make the step of the whole batch."""
    data, x = np.array([1.0, 2.0, 6.0]), np.float64(0.5)
    gradient = fg.grad(lambda x, d: (x - d) ** 4)
    ascent, whole = optim.sgd(0.01), fg.grad(lambda x: ((x - data) ** 4).mean())
    optimizer = optim.sam(optim.sgd(0.1), ascent, opaque_mode=True, batch_axis_name="batch")

    def one_example(d: Any) -> Any:
        mean = fg.lax.pmean(gradient(x, d), "batch")
        return optimizer.update(mean, optimizer.init(x), x, grad_fn=lambda p, i: gradient(p, d))[0]

    expected = -0.1 * whole(x + 0.01 * whole(x))
    np.testing.assert_allclose(fg.vmap(one_example, axis_name="batch")(data), np.full(3, expected), rtol=1e-12)


def test_lookahead_needs_two_copies() -> None:
    with pytest.raises(ValueError, match="must be LookaheadParams, got dict"):
        one(optim.lookahead(optim.sgd(0.1), 2, 0.5))
    with pytest.raises(ValueError, match="sync_period must be at least 1"):
        optim.lookahead(optim.sgd(0.1), 0, 0.5)
    optimizer = optim.lookahead(optim.adam(0.1), 1, 0.5, reset_state=True)
    params = optim.LookaheadParams.init_synced(PARAMS)
    updates, state = optimizer.update(GRADS, optimizer.init(params), params)
    assert state.fast_state[0].count == 0
    np.testing.assert_allclose(updates.fast["w"], updates.slow["w"], rtol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: one(optim.scale_by_dog(("guess", 1.0))),
        lambda: one(optim.scale_by_lion(mode="soft")),
        lambda: one(optim.scale_by_polyak(variant="sps-")),
        lambda: one(optim.scale_by_lbfgs(0)),
        lambda: one(optim.scale_by_sm3(), 1.0, 1.0),
        lambda: one(optim.scale_by_zoom_linesearch(3, initial_guess_strategy="two")),
        lambda: one(optim.sam(optim.sgd(1.0), optim.sgd(1.0), sync_period=0)),
        lambda: one(optim.scale_by_muon(ns_coeffs=np.ones((6, 3)))),
        lambda: optim.schedule_free_eval_params(optim.EmptyState(), PARAMS),
        lambda: optim.piecewise_interpolate_schedule("cubic", 1.0),
        lambda: optim.piecewise_interpolate_schedule("linear", 1.0, {1: -1.0}),
        lambda: optim.linear_onecycle_schedule(0, 1.0),
        lambda: optim.tree.norm(PARAMS, ord=3),
        lambda: optim.tree.dtype({"a": np.float32(1), "b": 1.0}),
        lambda: optim.tree.dtype(PARAMS, "least"),
    ],
)
def test_bad_arguments_are_named(make: Any) -> None:
    with pytest.raises(ValueError, match=r"^\w+: "):
        make()


NEED_PARAMS = [
    optim.adadelta(1.0),
    optim.adafactor(1.0),
    optim.adaptive_grad_clip(1.0),
    optim.chain(optim.scale_by_dog(("distance", 1.0))),
    optim.scale_by_dowg(),
    optim.keep_params_nonnegative(),
    optim.lamb(1.0),
    optim.scale_by_lbfgs(),
    optim.scale_by_madgrad(1.0),
    optim.mechanize(optim.sgd(1.0)),
    optim.scale_by_novograd(),
    optim.prodigy(),
    optim.dadapt_adamw(),
    optim.schedule_free_sgd(),
    optim.scale_by_param_block_norm(),
    optim.scale_by_param_block_rms(),
]


@pytest.mark.parametrize("optimizer", NEED_PARAMS)
def test_updates_that_need_parameters_ask_for_them(optimizer: Any) -> None:
    with pytest.raises(ValueError, match="the update needs the parameters"):
        optimizer.update(GRADS, optimizer.init(PARAMS))


# --- schedules --------------------------------------------------------------------------------------------------------

SCHEDULES: dict[str, Any] = {
    "warmup_constant": optim.warmup_constant_schedule(0.1, 1.0, 5),
    "warmup_exponential": optim.warmup_exponential_decay_schedule(
        0.0, 1.0, 4, 5, 0.5, transition_begin=2, end_value=0.2
    ),
    "linear_onecycle": optim.linear_onecycle_schedule(20, 2.0),
    "cosine_onecycle": optim.cosine_onecycle_schedule(20, 2.0),
    "sgdr": optim.sgdr_schedule(
        [dict(init_value=0.1, peak_value=p, decay_steps=9, warmup_steps=3) for p in (1.0, 0.5)]
    ),
    "cosine pieces": optim.piecewise_interpolate_schedule("cosine", 1.0, {4: 0.5, 9: 3.0}),
}
# At the steps 0, 2, 5, 9, 16, 25: optax 0.2.8 with jax_enable_x64.
EXPECTED_SCHEDULES: dict[str, Any] = {
    "warmup_constant": [0.09999999999999998, 0.45999999999999996, 1.0, 1.0, 1.0, 1.0],
    "warmup_exponential": [0.0, 0.5, 1.0, 0.6597539553864471, 0.25, 0.2],
    "linear_onecycle": [
        0.08,
        0.7199999999999999,
        1.6800000000000002,
        1.4763636363636365,
        0.25454545454545463,
        8.000000000000001e-06,
    ],
    "cosine_onecycle": [0.08000000000000007, 0.56, 1.8713843876330611, 1.7818323551421, 0.37651669210047395, 8e-06],
    "sgdr": [0.09999999999999998, 0.7, 0.75, 0.09999999999999998, 0.12500000000000006, 0.0],
    "cosine pieces": [1.0, 0.75, 0.5954915028125263, 1.5, 1.5, 1.5],
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name: str) -> None:
    steps, schedule = (0, 2, 5, 9, 16, 25), SCHEDULES[name]
    np.testing.assert_allclose([schedule(t) for t in steps], EXPECTED_SCHEDULES[name], rtol=1e-13)
    traced = fg.vmap(schedule)(np.array(steps, np.int32))
    np.testing.assert_allclose(traced, EXPECTED_SCHEDULES[name], rtol=1e-13)


# --- trees ------------------------------------------------------------------------------------------------------------


def test_parts_of_a_state_by_name() -> None:
    optimizer = optim.chain(
        optim.masked(optim.adam(optim.constant_schedule(0.1)), {"w": True, "b": False}), optim.ema(0.9)
    )
    state = optimizer.init(PARAMS)
    assert isinstance(optim.tree.get(state, "ScaleByAdamState"), optim.ScaleByAdamState)
    assert optim.tree.get(state, "nothing", default=3) == 3
    with pytest.raises(KeyError, match="several values are named 'count'"):
        optim.tree.get(state, "count")
    with pytest.raises(KeyError, match="no value is named 'nothing'"):
        optim.tree.set(state, nothing=1)

    def of_adam(path, value):
        return "Adam" in str(path[-1])

    assert optim.tree.get(state, "count", filtering=of_adam) == 0
    changed = optim.tree.set(state, of_adam, count=np.int32(5))
    assert [int(v) for _, v in optim.tree.get_all_with_path(changed, "count")] == [5, 0, 0]
    assert tree.tree_structure(changed) == tree.tree_structure(state)


def test_leaves_of_a_state_that_belong_to_parameters() -> None:
    for optimizer in (optim.adam(0.1), optim.inject_hyperparams(optim.adam)(0.1), optim.sgd(0.1, 0.9)):
        state = optimizer.init(PARAMS)
        marked = optim.tree.map_params(optimizer, lambda leaf, name: name, state, {"w": "W", "b": "B"})
        names = [leaf for leaf in tree.tree_leaves(marked) if isinstance(leaf, str)]
        assert sorted(set(names)) == ["B", "W"]
        assert tree.tree_structure(marked) == tree.tree_structure(state)


def test_arithmetic_of_trees() -> None:
    t, x = optim.tree, {"a": np.float32([1.0, -2.0]), "b": np.float32(3.0)}
    assert t.vdot(x, x) == 14 and t.sum(x) == 2 and t.max(x) == 3 and t.min(x) == -2 and t.size(x) == 3
    assert t.norm(x, squared=True) == 14 and t.norm(x, ord="inf") == 3 and t.norm(x, ord=1, squared=True) == 36
    assert t.scale(np.float64(2.0), x)["a"].dtype == t.add_scale(x, np.float64(2.0), x)["b"].dtype == np.float32
    assert t.dtype({"a": np.float32(1), "b": 1.0}, "highest") == t.dtype({"a": np.float32(1), "b": 1.0}, "promote")
    assert t.max({}) == -np.inf and t.min({}) == np.inf and t.sum({}) == 0 and t.dtype({}) == np.float64
    assert fg.grad(t.norm)(t.zeros_like(x))["a"].tolist() == [0, 0]
    assert t.vdot({"a": np.array([1j])}, {"a": np.array([1j])}) == 1 and t.norm({"a": np.array([3 + 4j])}) == 5
    drawn = t.random_like(random.key(0), x, random.uniform)
    assert drawn["a"].dtype == np.float32 and drawn["a"].shape == (2,)
