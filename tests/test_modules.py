"""Modules as pytrees, trees taken apart and together, transformations of functions of more than arrays, edits, text."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import modules, nn, random, tree
from funcgrad.modules import field, module
from funcgrad.test_util import check_grads


@module
class Linear:
    weights: Any
    bias: Any
    name: str = field(static=True, default="linear")

    def __call__(self, x: Any) -> Any:
        return x @ self.weights + self.bias


@module
class Network:
    layers: list[Linear]
    activation: Callable[[Any], Any]
    depth: int

    def __init__(self, key: Any, sizes: list[int], activation: Callable[[Any], Any] = nn.relu) -> None:
        keys = random.split(key, len(sizes) - 1)
        self.layers = [
            Linear(random.normal(k, (a, b)), np.zeros(b)) for k, a, b in zip(keys, sizes[:-1], sizes[1:], strict=True)
        ]
        self.activation = activation
        self.depth = len(self.layers)

    def __call__(self, x: Any) -> Any:
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)

    def loss(self, x: Any, y: Any) -> Any:
        return ((self(x) - y) ** 2).mean()


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))
LINEAR = Linear(RNG.normal(size=(3, 2)), RNG.normal(size=2))
NETWORK = Network(random.key(0), [3, 4, 2])


# --- classes ----------------------------------------------------------------------------------------------------------


def test_fields_are_children_and_static_fields_are_structure() -> None:
    assert len(tree.leaves(LINEAR)) == 2
    assert [tree.keystr(path) for path, _ in tree.leaves_with_path(NETWORK)][:2] == [
        ".layers[0].weights",
        ".layers[0].bias",
    ]
    assert tree.structure(LINEAR) != tree.structure(dataclasses.replace(LINEAR, name="other"))
    doubled = tree.map(lambda x: 2 * x, LINEAR)
    assert type(doubled) is Linear and doubled.name == "linear"
    np.testing.assert_array_equal(doubled.bias, 2 * LINEAR.bias)


def test_methods_under_all_transformations() -> None:
    expected = X @ LINEAR.weights + LINEAR.bias
    call = lambda m, x: m(x)  # noqa: E731
    np.testing.assert_allclose(fg.jit(call)(LINEAR, X), expected, rtol=1e-14)
    np.testing.assert_allclose(fg.vmap(call, (None, 0))(LINEAR, X), expected, rtol=1e-14)
    gradient = fg.grad(lambda m: (m(X) ** 2).sum())(LINEAR)
    np.testing.assert_allclose(gradient.bias, 2 * expected.sum(0), rtol=1e-13)
    tangent = fg.jvp(lambda m: m(X), (LINEAR,), (LINEAR,))[1]
    np.testing.assert_allclose(tangent, expected, rtol=1e-13)
    check_grads(call, (LINEAR, X), order=2)
    stacked = tree.map(lambda x: np.stack([x, 2 * x]), LINEAR)
    np.testing.assert_allclose(fg.vmap(call, (0, None))(stacked, X)[1], 2 * expected, rtol=1e-13)


def test_modules_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot set 'bias' of a Linear: modules do not change"):
        LINEAR.bias = 0
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete 'bias'"):
        del LINEAR.bias
    with pytest.raises(dataclasses.FrozenInstanceError):
        NETWORK.depth = 3
    assert LINEAR == LINEAR and copy.copy(LINEAR) != LINEAR
    assert modules.tree_equal(LINEAR, copy.deepcopy(LINEAR), pickle.loads(pickle.dumps(LINEAR)))


def test_constructors() -> None:
    @module
    class Forgetful:
        a: Any
        b: Any

        def __init__(self) -> None:
            self.a = 1

    with pytest.raises(TypeError, match=r"Forgetful.__init__ did not set b.\nFix: set every declared field"):
        Forgetful()

    @module
    class Mistyped:
        a: Any

        def __init__(self) -> None:
            self.aa = 1

    with pytest.raises(AttributeError, match="Mistyped has no field 'aa'; it has a"):
        Mistyped()

    @module
    class Checked:
        a: Any = field(converter=np.asarray)

        def __post_init__(self) -> None:
            if self.a == 0:
                raise ValueError("zero")

    assert isinstance(Checked(1.0).a, np.ndarray)
    with pytest.raises(ValueError, match="zero"):
        Checked(0.0)


def test_subclasses() -> None:
    @module
    class Base:
        a: Any

        def __init__(self, a: Any) -> None:
            self.a = a

    @module
    class Same(Base):
        pass

    @module
    class More(Base):
        b: Any

        def __init__(self, a: Any, b: Any) -> None:
            super().__init__(a)
            self.b = b

    assert tree.leaves(Same(1)) == [1] and tree.leaves(More(1, 2)) == [1, 2]

    @module
    class Scaled(Linear):
        scale: Any = 3.0

    assert tree.leaves(Scaled(1.0, 2.0)) == [1.0, 2.0, 3.0]


# --- taken apart and together -----------------------------------------------------------------------------------------


def test_partition_and_combine() -> None:
    mixed = {"w": np.ones(2), "n": 3, "f": np.sin, "none": None, "i": np.array([1])}
    for test in (modules.is_array, modules.is_inexact_array, lambda _: True):
        assert modules.tree_equal(modules.combine(*modules.partition(mixed, test)), mixed)
    arrays, rest = modules.partition(mixed, modules.is_inexact_array)
    assert list(tree.leaves(arrays)) == [mixed["w"]] and rest["w"] is None and rest["n"] == 3
    chosen = modules.filter(mixed, {"w": True, "n": False, "f": callable, "none": None, "i": modules.is_array})
    assert chosen["n"] is None and chosen["f"] is np.sin and chosen["i"] is mixed["i"]
    assert modules.filter([1, "a"], modules.is_array_like, inverse=True, replace=0) == [0, "a"]
    with pytest.raises(ValueError, match="filter: at the root expected a list of length 1"):
        modules.filter([1, 2], [True])
    with pytest.raises(TypeError, match="filter: the filter holds 1"):
        modules.filter([1, 2], 1)
    with pytest.raises(ValueError, match="combine"):
        modules.combine([1, None], [None])


def test_kinds_of_leaves() -> None:
    kinds = modules.is_array, modules.is_array_like, modules.is_inexact_array, modules.is_inexact_array_like
    table = [
        (np.float64(1), (1, 1, 1, 1)),
        (np.int32(1), (1, 1, 0, 0)),
        (1.0, (0, 1, 0, 1)),
        (1, (0, 1, 0, 0)),
        ("a", (0, 0, 0, 0)),
    ]
    for value, row in table:
        assert tuple(int(kind(value)) for kind in kinds) == row
    seen = []
    fg.grad(lambda x: seen.append([kind(x) for kind in kinds]) or x)(1.0)
    assert seen == [[True] * 4]


# --- transformations --------------------------------------------------------------------------------------------------


def test_filter_grad_of_a_network_with_an_activation_in_it() -> None:
    value, gradient = modules.filter_value_and_grad(Network.loss)(NETWORK, X, Y)
    assert type(gradient) is Network and gradient.activation is None and gradient.depth is None
    params = [layer.weights for layer in NETWORK.layers]

    def plain(params: Any) -> Any:
        return ((nn.relu(X @ params[0]) @ params[1] - Y) ** 2).mean()

    np.testing.assert_allclose(value, plain(params), rtol=1e-13)
    for layer, expected in zip(gradient.layers, fg.grad(plain)(params)):
        np.testing.assert_allclose(layer.weights, expected, rtol=1e-12)
    again, aux = modules.filter_grad(lambda m: (m.loss(X, Y), "text"), has_aux=True)(NETWORK)
    assert aux == "text" and modules.tree_equal(again, gradient)
    with pytest.raises(TypeError, match="needs a first argument"):
        modules.filter_grad(lambda: 1.0)()


def test_filter_jit() -> None:
    traces = []

    @modules.filter_jit
    def loss(model: Any, x: Any, scale: Any) -> Any:
        traces.append(1)
        return {"loss": model.loss(x, Y) * scale, "name": "loss", "model": model}

    out = loss(NETWORK, X, 2)
    np.testing.assert_allclose(out["loss"], 2 * NETWORK.loss(X, Y), rtol=1e-13)
    assert out["name"] == "loss" and out["model"].activation is nn.relu
    loss(tree.map(lambda x: 2 * x if modules.is_array(x) else x, NETWORK), X, 2)
    assert len(traces) == 1
    for other in (3, 2.0):  # another number, and an equal one of another type
        np.testing.assert_allclose(loss(NETWORK, X, other)["loss"], other * NETWORK.loss(X, Y), rtol=1e-13)
    loss(Network(random.key(0), [3, 4, 2], nn.tanh), X, 2)
    assert len(traces) == 4
    with pytest.raises(TypeError, match="filter_jit of loss: leaves of type set are neither arrays nor hashable"):
        loss(NETWORK, X, {1})


def test_filter_jit_of_modules_and_bound_methods_takes_their_arrays_as_arguments() -> None:
    compiled = modules.filter_jit(NETWORK.loss)
    np.testing.assert_allclose(compiled(X, Y), NETWORK.loss(X, Y), rtol=1e-13)
    np.testing.assert_allclose(modules.filter_jit(NETWORK)(X), NETWORK(X), rtol=1e-13)

    @module
    class Counted:
        w: Any

        @modules.filter_jit
        def __call__(self, x: Any) -> Any:
            return self.w * x

    assert Counted(np.float64(2.0))(np.float64(3.0)) == 6
    step = modules.filter_jit(lambda m, g: modules.apply_updates(m, g), donate="all")
    moved = step(tree.map(np.copy, LINEAR), LINEAR)
    np.testing.assert_allclose(moved.bias, 2 * LINEAR.bias)
    with pytest.raises(ValueError, match="donate must be"):
        modules.filter_jit(step, donate="some")


def test_training_with_filters_and_an_optimizer() -> None:
    optimizer = fg.optim.adam(1e-2)

    @modules.filter_jit
    def step(model: Any, state: Any) -> Any:
        value, gradient = modules.filter_value_and_grad(Network.loss)(model, X, Y)
        updates, state = optimizer.update(gradient, state)
        return modules.apply_updates(model, updates), state, value

    model, state, values = NETWORK, optimizer.init(modules.filter(NETWORK, modules.is_inexact_array)), []
    for _ in range(100):
        model, state, value = step(model, state)
        values.append(float(value))
    assert values[-1] < 0.3 * values[0] and model.depth == 2


def test_filter_vmap() -> None:
    np.testing.assert_allclose(modules.filter_vmap(NETWORK)(X), NETWORK(X), rtol=1e-13)
    ensemble = modules.filter_vmap(lambda key: Network(key, [3, 4, 2]))(random.split(random.key(0), 6))
    assert ensemble.layers[0].weights.shape == (6, 3, 4) and ensemble.depth == 2
    for axes in ((modules.if_array(0), None), (modules.if_array(0), {"x": None})):
        x = X if axes[1] is None else {"x": X}
        out = modules.filter_vmap(lambda m, x: m(x["x"] if isinstance(x, dict) else x), in_axes=axes)(ensemble, x)
        assert out.shape == (6, 5, 2)
    third = tree.map(lambda w: w[2] if modules.is_array(w) else w, ensemble)
    np.testing.assert_allclose(out[2], third(X), rtol=1e-13)
    np.testing.assert_allclose(modules.filter_vmap(lambda x, n: x * n, out_axes=1)(X, 2), 2 * X.T)


def test_filter_eval_shape() -> None:
    shapes = modules.filter_eval_shape(Network, random.key(0), [3, 4, 2])
    assert shapes.layers[0].weights.shape == (3, 4) and shapes.activation is nn.relu


# --- edits ------------------------------------------------------------------------------------------------------------


def test_tree_at() -> None:
    changed = modules.tree_at(lambda m: m.layers[0].bias, NETWORK, np.ones(4))
    assert (changed.layers[0].bias == 1).all() and (NETWORK.layers[0].bias == 0).all()
    assert changed.layers[1].weights is NETWORK.layers[1].weights
    both = modules.tree_at(lambda m: [layer.weights for layer in m.layers], NETWORK, replace_fn=lambda w: w.shape)
    assert [layer.weights for layer in both.layers] == [(3, 4), (4, 2)]
    whole = modules.tree_at(lambda m: m.layers, NETWORK, [LINEAR])
    assert whole.layers == [LINEAR]
    assert modules.tree_at(lambda t: t[1], [1, None], 5, is_leaf=lambda x: x is None) == [1, 5]
    assert modules.tree_at(lambda t: t["a"], {"a": 7, "b": 7}, 8) == {"a": 8, "b": 7}  # equal leaves are not confused


def test_tree_at_errors() -> None:
    with pytest.raises(ValueError, match="where returns 3, which is found nowhere in the tree"):
        modules.tree_at(lambda t: 3, [1, 2], 0)
    with pytest.raises(ValueError, match="where returns None, which is found twice or more"):
        modules.tree_at(lambda t: t[1], [1, None, None], 0)
    with pytest.raises(ValueError, match="found nowhere"):
        modules.tree_at(lambda t: (t[0], t[0][0]), [[1], 2], (0, 0))
    with pytest.raises(ValueError, match="where returns 2 nodes, but replace has 1"):
        modules.tree_at(lambda t: (t[0], t[1]), [1, 2], (0,))
    for arguments in ({}, {"replace": 1, "replace_fn": abs}):
        with pytest.raises(TypeError, match="give either replace or replace_fn"):
            modules.tree_at(lambda t: t[0], [1], **arguments)


def test_tree_equal() -> None:
    equal = modules.tree_equal
    a = {"w": np.ones(2), "n": 1, "f": abs}
    assert equal(a, {**a, "w": np.ones(2)}) and equal() and equal(a)
    for other in (np.zeros(2), np.ones(3), np.ones(2, np.float32), [1.0, 1.0], None):
        assert equal(a, {**a, "w": other}) is False
    assert equal(a, {**a, "n": 1.0}) is False and equal(a, {**a, "n": True}) is False
    assert equal(a, {**a, "w": 1 + 1e-9 * np.ones(2)}) is False
    assert equal(a, {**a, "w": 1 + 1e-9 * np.ones(2)}, rtol=1e-6)
    assert equal(np.float64(1), np.array(1.0)) and not equal(np.float64(1), np.array(1.0), typematch=True)
    compiled = fg.jit(lambda x, y: equal([x, x], [y, x]))
    assert compiled(np.ones(2), np.ones(2)) and not compiled(np.ones(2), np.array([1.0, 2.0]))


def test_apply_updates_keeps_dtypes() -> None:
    single = tree.map(lambda x: x.astype(np.float32), LINEAR)
    moved = modules.apply_updates(single, LINEAR)
    assert moved.weights.dtype == np.float32


# --- text -------------------------------------------------------------------------------------------------------------


def test_tree_pformat() -> None:
    text = modules.tree_pformat(NETWORK)
    assert (
        text
        == """\
Network(
  layers=[
    Linear(weights=f64[3,4], bias=f64[4]),
    Linear(weights=f64[4,2], bias=f64[2])
  ],
  activation=<function relu>,
  depth=2
)"""
    )
    assert modules.tree_pformat(LINEAR, hide_defaults=False).endswith("name='linear')")
    value = (np.float32(1), np.array([True]), np.array([1], np.uint8), (1,), {}, None, int)
    assert modules.tree_pformat(value) == "(f32[], bool[1], u8[1], (1,), {}, None, <class int>)"
    assert modules.tree_pformat([np.array([1.5])], short_arrays=False) == "[array([1.5])]"
    seen = []
    fg.jit(lambda x: seen.append(modules.tree_pformat({"x": x})) or x)(np.ones(3))
    assert seen == ["{'x': f64[3]}"]
