"""`funcgrad.optim`: one suite for every optimizer, reference numbers of optax, schedules, and the links one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import optim, tree
from funcgrad.api.compilation import jit

# Parameters after five steps in float64 from the gradients of `gradients_at`, and schedules at STEPS: optax 0.2.8 with
# jax 0.10.2 and jax_enable_x64.
SPECS: dict[str, Any] = {
    "sgd": lambda o: o.sgd(0.1),
    "sgd momentum": lambda o: o.sgd(0.05, momentum=0.9),
    "sgd nesterov": lambda o: o.sgd(0.05, momentum=0.8, nesterov=True),
    "adam": lambda o: o.adam(0.1),
    "adam eps_root": lambda o: o.adam(0.1, b1=0.8, b2=0.95, eps=1e-4, eps_root=1e-3),
    "nadam": lambda o: o.adam(0.1, nesterov=True),
    "adamw": lambda o: o.adamw(0.1, weight_decay=0.05),
    "adamw mask": lambda o: o.adamw(0.1, weight_decay=0.3, mask={"w": True, "b": False}),
    "rmsprop": lambda o: o.rmsprop(0.05),
    "rmsprop centered": lambda o: o.rmsprop(0.02, decay=0.8, eps=1e-3, centered=True, momentum=0.5, nesterov=True),
    "rmsprop corrected": lambda o: o.rmsprop(0.05, eps_in_sqrt=False, initial_scale=0.1, bias_correction=True),
    "adagrad": lambda o: o.adagrad(0.5),
    "clip chain": lambda o: o.chain(o.clip_by_global_norm(0.5), o.clip(0.3), o.add_decayed_weights(0.1), o.scale(-0.2)),
    "schedule": lambda o: o.adam(o.cosine_decay_schedule(0.2, 10)),
}
EXPECTED: dict[str, Any] = {
    "sgd": [0.08267732856593775, -1.2630298800631496, 1.5840737511798633, 0.8049915718265173],
    "sgd momentum": [-0.053997175232140426, -1.1749577009410148, 1.5203407010675796, 0.8537759259936467],
    "sgd nesterov": [-0.04163159858652808, -1.1883182850909084, 1.4616472148682085, 0.9496642624316309],
    "adam": [0.002819153015253789, -1.1924712746355828, 1.6511698028419137, 0.7367401039966645],
    "adam eps_root": [0.0030988837257478197, -1.2154760302024301, 1.6561337286097226, 0.7461528418519211],
    "nadam": [-0.048393249372356145, -1.186876202334795, 1.6112098601855187, 0.8693770541858121],
    "adamw": [-0.004073513390731642, -1.1620727405179638, 1.608673420865339, 0.7256029704754758],
    "adamw mask": [-0.03475011825352786, -1.0079990764922429, 1.415496619789016, 0.7367401039966645],
    "rmsprop": [0.01588363800219779, -1.2611290157737647, 1.6504426517631745, 0.8959469833923195],
    "rmsprop centered": [0.09541481544888267, -1.3441779074025322, 1.7885473537638887, 0.6966820355663704],
    "rmsprop corrected": [0.27317264482386433, -1.3920749184138628, 1.8590895353357615, 0.5030967002234522],
    "adagrad": [0.15972891245228654, -0.041291580561490626, 1.1561039791372911, 1.308751082229433],
    "clip chain": [0.22737479700656776, -1.2639358791757305, 1.6557490872323537, 0.46997584872262127],
    "schedule": [-0.16760868377294208, -0.8615956237724287, 1.4392414400795746, 1.1029072233344495],
}
SCHEDULES: dict[str, Any] = {
    "constant": lambda o: o.constant_schedule(0.3),
    "exponential": lambda o: o.exponential_decay(0.5, 4, 0.7, transition_begin=2),
    "staircase": lambda o: o.exponential_decay(0.5, 4, 0.7, staircase=True, end_value=0.2),
    "growing": lambda o: o.exponential_decay(0.5, 4, 1.7, end_value=1.5),
    "cosine": lambda o: o.cosine_decay_schedule(0.8, 11, alpha=0.1, exponent=1.5),
    "linear": lambda o: o.linear_schedule(0.1, 0.9, 9, 3),
    "polynomial": lambda o: o.polynomial_schedule(1.0, 0.1, 2.5, 10),
    "warmup": lambda o: o.warmup_cosine_decay_schedule(0.0, 1.0, 4, 14, 0.05),
    "join": lambda o: o.join_schedules([o.linear_schedule(0.0, 1.0, 5), o.exponential_decay(1.0, 3, 0.5)], [5]),
    "piecewise": lambda o: o.piecewise_constant_schedule(2.0, {3: 0.5, 9: 0.1}),
}
STEPS = (0, 1, 4, 5, 9, 20)
EXPECTED_SCHEDULES: dict[str, Any] = {
    "constant": [0.3, 0.3, 0.3, 0.3, 0.3, 0.3],
    "exponential": [0.5, 0.5, 0.4183300132670378, 0.3826427898751827, 0.26784995291262786, 0.10044103618541574],
    "staircase": [0.5, 0.5, 0.35, 0.35, 0.24499999999999997, 0.2],
    "growing": [0.5, 0.5709291727177133, 0.85, 0.9705795936201125, 1.5, 1.5],
    "cosine": [
        0.8,
        0.7782373377795171,
        0.5086602368396466,
        0.39078942300929187,
        0.09610065731060558,
        0.08000000000000002,
    ],
    "linear": [
        0.09999999999999998,
        0.09999999999999998,
        0.18888888888888888,
        0.2777777777777778,
        0.6333333333333333,
        0.9,
    ],
    "polynomial": [1.0, 0.7915901242788246, 0.3509693208342406, 0.2590990257669732, 0.10284604989415154, 0.1],
    "warmup": [0.0, 0.25, 1.0, 0.976751845240198, 0.525, 0.05],
    "join": [0.0, 0.19999999999999996, 0.8, 1.0, 0.3968502629920499, 0.03125],
    "piecewise": [2.0, 2.0, 1.0, 1.0, 0.1, 0.1],
}


def start(dtype: Any = np.float64) -> Any:
    return {"w": np.array([0.5, -1.5, 2.0], dtype), "b": np.array(0.25, dtype)}


def gradients_at(t: Any, p: Any) -> Any:
    """Some smooth field that is not symmetric in the parameters."""
    return {"w": np.sin(t * p["w"]) + 0.3 * p["w"], "b": p["b"] ** 3 - 0.4 * t}


def step(optimizer: Any, t: Any, params: Any, state: Any) -> Any:
    updates, state = optimizer.update(gradients_at(t, params), state, params)
    return optim.apply_updates(params, updates), state


def types_of(values: Any) -> Any:
    return tree.tree_map(lambda v: (np.shape(v), np.asarray(v).dtype), values)


@pytest.mark.parametrize("name", SPECS)
def test_same_numbers_as_optax(name: str) -> None:
    optimizer, params = SPECS[name](optim), start()
    state = optimizer.init(params)
    for t in range(1, 6):
        params, state = step(optimizer, t, params, state)
    np.testing.assert_allclose([*params["w"], params["b"]], EXPECTED[name], rtol=1e-13)


@pytest.mark.parametrize("name", SPECS)
def test_compiled_keeps_types_and_does_not_retrace(name: str) -> None:
    """float32 stays float32, the state keeps its structure, and the second call finds the first one's code."""
    optimizer, params = SPECS[name](optim), start(np.float32)
    state = optimizer.init(params)
    compiled = jit(lambda t, p, s: step(optimizer, t, p, s))
    eager_params, eager_state = params, state
    for t in (1.0, 2.0, 3.0):
        new_params, new_state = compiled(t, params, state)
        eager_params, eager_state = step(optimizer, t, eager_params, eager_state)
        assert tree.tree_structure(new_state) == tree.tree_structure(state) == tree.tree_structure(eager_state)
        for new in ((new_params, new_state), (eager_params, eager_state)):
            assert tree.tree_leaves(types_of(new)) == tree.tree_leaves(types_of((params, state)))
        params, state = new_params, new_state
    assert compiled.cache_size() == 1
    for a, b in zip(tree.tree_leaves((params, state)), tree.tree_leaves((eager_params, eager_state))):
        np.testing.assert_allclose(a, b, rtol=3e-6)


def parabola(p: Any) -> Any:
    return ((p - np.array([1.0, -2.0, 3.0])) ** 2).sum()


def rosenbrock(p: Any) -> Any:
    return ((1 - p[:-1]) ** 2 + 100 * (p[1:] - p[:-1] ** 2) ** 2).sum()


OPTIMIZERS = {
    "sgd": (lambda: optim.sgd(0.1), lambda: optim.sgd(1e-3, momentum=0.9)),
    "nesterov": (lambda: optim.sgd(0.03, 0.9, nesterov=True), lambda: optim.sgd(5e-4, 0.9, nesterov=True)),
    "adam": (lambda: optim.adam(0.05), lambda: optim.adam(0.02)),
    "nadam": (lambda: optim.adam(0.05, nesterov=True), lambda: optim.adam(0.02, nesterov=True)),
    "adamw": (lambda: optim.adamw(0.05, weight_decay=1e-5), lambda: optim.adamw(0.02, weight_decay=1e-6)),
    "rmsprop": (
        lambda: optim.rmsprop(optim.exponential_decay(0.05, 100, 0.8)),
        lambda: optim.rmsprop(optim.exponential_decay(0.01, 1000, 0.5), centered=True, eps=1e-3),
    ),
    "adagrad": (lambda: optim.adagrad(1.0), lambda: optim.adagrad(0.5)),
    "clipped": (
        lambda: optim.chain(optim.clip_by_global_norm(1.0), optim.sgd(0.1)),
        lambda: optim.chain(optim.clip(1.0), optim.adam(0.02)),
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("problem", [parabola, rosenbrock])
def test_converges(name: str, problem: Any) -> None:
    """A whole run is one compiled scan."""
    optimizer = OPTIMIZERS[name][problem is rosenbrock]()
    target = np.array([1.0, -2.0, 3.0]) if problem is parabola else np.ones(3)
    begin = np.array([-1.0, 10.0, 1.0]) if problem is parabola else np.array([-1.0, 1.5, 0.5])

    def one(carry: Any, _: Any) -> Any:
        params, state = carry
        updates, state = optimizer.update(fg.grad(problem)(params), state, params)
        return (optim.apply_updates(params, updates), state), None

    run = jit(lambda p, s: fg.lax.scan(one, (p, s), length=1000 if problem is parabola else 20000)[0][0])
    np.testing.assert_allclose(run(begin, optimizer.init(begin)), target, rtol=0.02, atol=0.02)


def test_gradient_of_a_run_with_respect_to_the_learning_rate() -> None:
    def after(rate: Any) -> Any:
        optimizer, p = optim.adam(rate, eps_root=1e-3), start()
        state = optimizer.init(p)
        for t in (1, 2, 3):
            p, state = step(optimizer, t, p, state)
        return p["w"].sum() + p["b"]

    slope = fg.grad(after)(0.1)
    np.testing.assert_allclose(slope, (after(0.1 + 1e-6) - after(0.1 - 1e-6)) / 2e-6, rtol=1e-7)


def test_vmap_over_learning_rates() -> None:
    def one(rate: Any) -> Any:
        optimizer = optim.sgd(rate, momentum=0.9)
        return step(optimizer, 1.0, start(), optimizer.init(start()))[0]["w"]

    rates = np.array([0.1, 0.2])
    np.testing.assert_allclose(fg.vmap(one)(rates), [one(r) for r in rates])


# --- schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name: str) -> None:
    schedule = SCHEDULES[name](optim)
    expected = EXPECTED_SCHEDULES[name]
    np.testing.assert_allclose([schedule(t) for t in STEPS], expected, rtol=1e-14)
    np.testing.assert_allclose([schedule(np.int32(t)) for t in STEPS], expected, rtol=1e-14)
    compiled = jit(lambda t: schedule(t) + 0.0 * t)
    np.testing.assert_allclose([compiled(np.int32(t)) for t in STEPS], expected, rtol=1e-14)


def test_schedules_do_not_widen_the_parameters() -> None:
    """A learning rate of float64, from a schedule or as an array, meets float32 parameters."""
    for rate in (np.float64(0.1), np.array(0.1), optim.linear_schedule(1.0, 0.0, 10)):
        optimizer = optim.adamw(rate, weight_decay=np.float64(0.1))
        params, _ = step(optimizer, 1, start(np.float32), optimizer.init(start(np.float32)))
        assert params["w"].dtype == params["b"].dtype == np.float32


def test_constant_where_nothing_changes() -> None:
    assert optim.linear_schedule(0.5, 0.1, 0)(7) == 0.5
    assert optim.exponential_decay(0.5, 0, 0.1)(7) == optim.exponential_decay(0.5, 3, 0)(7) == 0.5


def test_bad_schedules_are_refused() -> None:
    with pytest.raises(ValueError, match="decay_steps must be positive"):
        optim.cosine_decay_schedule(1.0, 0)
    with pytest.raises(ValueError, match="2 schedules need 1 boundaries, got 0"):
        optim.join_schedules([optim.constant_schedule(1.0)] * 2, [])
    with pytest.raises(ValueError, match="must not be negative"):
        optim.piecewise_constant_schedule(1.0, {3: -1.0})


# --- links ------------------------------------------------------------------------------------------------------------


def test_global_norm_clips_all_leaves_by_one_factor() -> None:
    big = {"w": np.array([3.0, 0.0]), "b": np.array(4.0)}
    clipped, _ = optim.clip_by_global_norm(2.5).update(big, optim.EmptyState())
    np.testing.assert_allclose(clipped["w"], [1.5, 0.0])
    np.testing.assert_allclose(optim.global_norm(clipped), 2.5)
    kept, _ = optim.clip_by_global_norm(6.0).update(big, optim.EmptyState())
    np.testing.assert_array_equal(kept["w"], big["w"])
    assert np.isnan(optim.global_norm({"w": np.array([np.nan, 1.0])}))
    zero, _ = optim.clip_by_global_norm(1.0).update(np.zeros(2), optim.EmptyState())
    np.testing.assert_array_equal(zero, np.zeros(2))


def test_gradient_of_the_norm_at_zero_is_zero() -> None:
    np.testing.assert_array_equal(fg.grad(optim.global_norm)(np.zeros(3)), np.zeros(3))
    np.testing.assert_array_equal(jit(fg.grad(optim.global_norm))(np.zeros(3)), np.zeros(3))


def test_step_count_does_not_wrap_around() -> None:
    link = optim.scale_by_schedule(lambda count: 1.0)
    last = optim.ScaleByScheduleState(np.array(np.iinfo(np.int32).max, np.int32))
    assert link.update(1.0, last)[1].count == last.count
    assert link.update(1.0, link.init(0.0))[1].count.dtype == np.int32


def test_moments_can_have_another_dtype() -> None:
    optimizer = optim.adam(0.1, mu_dtype=np.float32)
    params, state = step(optimizer, 1, start(), optimizer.init(start()))
    assert state[0].mu["w"].dtype == np.float32 and state[0].nu["w"].dtype == params["w"].dtype == np.float64
    optimizer = optim.sgd(0.1, momentum=0.9, accumulator_dtype=np.float64)
    params, state = step(optimizer, 1, start(np.float32), optimizer.init(start(np.float32)))
    assert state[0].trace["w"].dtype == np.float64 and params["w"].dtype == np.float32


def test_mask_may_be_a_prefix_or_a_function() -> None:
    params = {"layer": {"w": np.ones(2), "b": np.ones(2)}, "scale": np.ones(2)}
    zeros = tree.tree_map(np.zeros_like, params)
    prefix = optim.add_decayed_weights(0.5, mask={"layer": True, "scale": False})
    by_rank = optim.add_decayed_weights(0.5, mask=lambda p: tree.tree_map(lambda leaf: leaf.ndim == 1, p))
    decayed = prefix.update(zeros, prefix.init(params), params)[0]
    assert decayed["layer"]["b"][0] == 0.5 and decayed["scale"][0] == 0
    assert by_rank.update(zeros, by_rank.init(params), params)[0]["scale"][0] == 0.5
    scheduled = optim.add_decayed_weights(optim.linear_schedule(1.0, 0.0, 2))
    state = scheduled.init(params)
    _, state = scheduled.update(zeros, state, params)
    assert scheduled.update(zeros, state, params)[0]["scale"][0] == 0.5


def test_extra_arguments_reach_every_link() -> None:
    seen = []
    link = optim.GradientTransformation(lambda p: (), lambda u, s, p=None, **extra: (seen.append(extra) or u, s))
    both = optim.chain(optim.scale(2.0), link)
    both.update(1.0, both.init(0.0), 0.0, value=3.0)
    assert seen == [{"value": 3.0}]


def test_errors() -> None:
    with pytest.raises(ValueError, match="the update needs the parameters"):
        optim.adamw(0.1).update(1.0, optim.adamw(0.1).init(1.0))
    with pytest.raises(ValueError, match="a state of 3 parts for 1 transformations"):
        optim.chain(optim.scale(1.0)).update(1.0, ((), (), ()))


def test_frozen_parameters_stay() -> None:
    frozen = optim.set_to_zero()
    np.testing.assert_array_equal(frozen.update({"w": np.ones(2)}, frozen.init(None))[0]["w"], np.zeros(2))
