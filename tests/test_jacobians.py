"""Jacobians, Hessians, products with them, transposes of linear functions: against analysis, differences, and each
other.
"""

# ruff: noqa: E501  (the table of misuses reads best with one on each line)
from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import lax

X = np.array([0.3, -0.7, 1.1])
A = np.array([[0.5, -0.3, 0.2], [0.1, 0.8, -0.6], [-0.7, 0.4, 0.9], [0.2, 0.2, -0.1]])
PARAMS = {"w": A[:2], "b": np.array([0.1, -0.2])}


# --- functions of a vector --------------------------------------------------------------------------------------------


def scanned(x: Any) -> Any:
    last, ys = lax.scan(lambda c, w: (fnp.tanh(c * w + x[0]), c @ x), x, A)
    return fnp.concatenate([last, ys])


@fg.custom_jvp
def with_jvp(x: Any) -> Any:
    return fnp.sin(x) * x[::-1]


with_jvp.defjvp(
    lambda p, t: (fnp.sin(p[0]) * p[0][::-1], fnp.cos(p[0]) * p[0][::-1] * t[0] + fnp.sin(p[0]) * t[0][::-1])
)


@fg.custom_vjp
def with_vjp(x: Any) -> Any:
    return fnp.sum(x**2) * A[:, 0]


with_vjp.defvjp(lambda x: (fnp.sum(x**2) * A[:, 0], x), lambda x, ct: (2 * x * (ct @ A[:, 0]),))

FUNCTIONS: dict[str, Callable] = {
    "linear": lambda x: A @ x,
    "elementwise": lambda x: fnp.exp(x) * fnp.sin(x),
    "mixed": lambda x: fnp.tanh(A @ x) * x[0],
    "scalar": lambda x: fnp.sum(x) ** 3,
    "matrix": lambda x: fnp.outer(x, fnp.cos(x)),
    "sorting": lambda x: fnp.sort(x) * fnp.max(x),
    "cumulative": lambda x: fnp.cumsum(x**2) / fnp.sum(x**2),
    "indexing": lambda x: x[np.array([2, 0, 2, 1])] * x.at[1].set(x[0] ** 2)[0],
    "where": lambda x: fnp.where(x > 0, x**2, fnp.exp(x)),
    "softmax": lambda x: fnp.exp(x) / fnp.sum(fnp.exp(x)),
    "scan": scanned,
    "custom_jvp": with_jvp,
    "custom_vjp": with_vjp,
    "inner gradient": lambda x: fg.grad(lambda y: fnp.sum(fnp.sin(y) * x) ** 2)(x),
    "jit inside": fg.jit(lambda x: fnp.sin(A @ x)),
    "constant": lambda x: fnp.zeros(2) + 1.0,
    "partly constant": lambda x: fnp.stack([x[0] * x[1], x[0] * 0 + 2.0]),
}


def differences(f: Callable, x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """The Jacobian by central differences, input axes last."""
    columns = [
        (np.asarray(f(x + h * e)) - np.asarray(f(x - h * e))) / (2 * h) for e in np.eye(x.size).reshape(-1, *x.shape)
    ]
    return np.stack(columns, axis=-1).reshape(*columns[0].shape, *x.shape)


def concrete(f: Callable, x: np.ndarray) -> np.ndarray:
    return np.asarray(fg.jit(f)(x))


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_forward_and_reverse_agree_with_each_other_and_with_differences(name: str) -> None:
    f = FUNCTIONS[name]
    forward, reverse = fg.jacfwd(f)(X), fg.jacrev(f)(X)
    assert forward.shape == reverse.shape and forward.dtype == reverse.dtype == np.float64
    np.testing.assert_allclose(forward, reverse, rtol=0, atol=1e-12)
    np.testing.assert_allclose(forward, differences(lambda x: concrete(f, x), X), rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_jit_and_vmap(name: str) -> None:
    f, batch = FUNCTIONS[name], np.stack([X, X[::-1] * 1.3])
    for operator in (fg.jacfwd, fg.jacrev):
        np.testing.assert_allclose(fg.jit(operator(f))(X), operator(f)(X), rtol=0, atol=1e-13)
        for mapped in (fg.vmap(operator(f)), fg.jit(fg.vmap(operator(f)))):
            np.testing.assert_allclose(mapped(batch), [operator(f)(x) for x in batch], rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_hessians_agree_with_differences_of_jacobians(name: str) -> None:
    f = FUNCTIONS[name]
    hessian = fg.hessian(f)(X)
    np.testing.assert_allclose(hessian, np.swapaxes(hessian, -1, -2), rtol=0, atol=1e-12)
    np.testing.assert_allclose(hessian, differences(fg.jacrev(f), X), rtol=0, atol=1e-7)
    np.testing.assert_allclose(fg.jit(fg.hessian(f))(X), hessian, rtol=0, atol=1e-12)
    other = fg.jacrev(fg.jacrev(f))(X)
    np.testing.assert_allclose(other, hessian, rtol=0, atol=1e-12)


def test_analytic_jacobians() -> None:
    np.testing.assert_allclose(fg.jacfwd(lambda x: A @ x)(X), A, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(fg.jacrev(lambda x: x**3)(X), np.diag(3 * X**2))
    s = np.exp(X) / np.sum(np.exp(X))
    np.testing.assert_allclose(fg.jacrev(FUNCTIONS["softmax"])(X), np.diag(s) - np.outer(s, s), rtol=0, atol=1e-15)
    quadratic = fg.hessian(lambda x: x @ (A[:3] @ x))(X)
    np.testing.assert_allclose(quadratic, A[:3] + A[:3].T, rtol=0, atol=1e-14)


def test_derivative_of_a_matrix_function_has_the_axes_of_output_then_input() -> None:
    """d (M^-1)[i, j] / d M[k, l] = -M^-1[i, k] M^-1[l, j]"""
    m = A[:3] + 2 * np.eye(3)
    inverse = np.linalg.inv(m)
    expected = -np.einsum("ik,lj->ijkl", inverse, inverse)
    for operator in (fg.jacfwd, fg.jacrev):
        np.testing.assert_allclose(operator(fnp.linalg.inv)(m), expected, rtol=0, atol=1e-13)


def test_third_derivatives() -> None:
    third = fg.jacfwd(fg.hessian(lambda x: x[0] ** 2 * x[1] * x[2] + x[2] ** 3))(X)
    expected = np.zeros((3, 3, 3))
    for i, j, k, value in ((0, 0, 1, 2 * X[2]), (0, 0, 2, 2 * X[1]), (0, 1, 2, 2 * X[0])):
        for p in ((i, j, k), (i, k, j), (j, i, k), (j, k, i), (k, i, j), (k, j, i)):
            expected[p] = value
    expected[2, 2, 2] = 6
    np.testing.assert_allclose(third, expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(
        fg.jacrev(fg.hessian(FUNCTIONS["scan"]))(X), fg.jacfwd(fg.hessian(FUNCTIONS["scan"]))(X), rtol=0, atol=1e-12
    )


def test_derivatives_of_jacobians_nest_in_grad_and_jvp() -> None:
    f = FUNCTIONS["mixed"]
    for operator in (fg.jacfwd, fg.jacrev):
        g = lambda x: fnp.sum(operator(f)(x) ** 2)  # noqa: B023, E731
        np.testing.assert_allclose(fg.grad(g)(X), differences(g, X), rtol=0, atol=1e-8)
        assert abs(fg.jvp(g, (X,), (X,))[1] - fg.grad(g)(X) @ X) < 1e-12


# --- structure --------------------------------------------------------------------------------------------------------


def network(params: dict, x: Any) -> dict:
    h = fnp.tanh(params["w"] @ x + params["b"])
    return {"hidden": h, "rest": (fnp.sum(h**2), np.ones(4))}


@pytest.mark.parametrize("operator", [fg.jacfwd, fg.jacrev])
def test_pytrees_in_and_out(operator: Callable) -> None:
    jacobian = operator(network, argnums=(1, 0))(PARAMS, X)
    assert set(jacobian) == {"hidden", "rest"} and len(jacobian["rest"]) == 2
    for block, out in ((jacobian["hidden"], (2,)), (jacobian["rest"][0], ()), (jacobian["rest"][1], (4,))):
        assert type(block) is tuple and block[0].shape == (*out, 3)
        assert {k: v.shape for k, v in block[1].items()} == {"w": (*out, 2, 3), "b": (*out, 2)}
    s = 1 - np.tanh(A[:2] @ X + PARAMS["b"]) ** 2
    np.testing.assert_allclose(jacobian["hidden"][0], s[:, None] * A[:2], rtol=0, atol=1e-15)
    np.testing.assert_allclose(
        jacobian["hidden"][1]["w"], np.einsum("i,ij,k->ijk", s, np.eye(2), X), rtol=0, atol=1e-15
    )
    assert not np.any(jacobian["rest"][1][1]["w"])


def test_hessian_of_a_pytree_is_a_tree_of_blocks() -> None:
    blocks = fg.hessian(lambda p, x: network(p, x)["rest"][0], argnums=(0, 1))(PARAMS, X)
    assert blocks[0]["w"][0]["b"].shape == (2, 3, 2) and blocks[1][1].shape == (3, 3)
    np.testing.assert_allclose(blocks[0]["w"][1], np.moveaxis(blocks[1][0]["w"], 0, -1), rtol=0, atol=1e-12)


def test_one_argnum_and_a_tuple_of_one() -> None:
    assert fg.jacfwd(lambda x, y: x * y, argnums=1)(2.0, 3.0) == 2.0
    assert fg.jacrev(lambda x, y: x * y, argnums=(-1,))(2.0, 3.0) == (2.0,)
    assert fg.jacobian is fg.jacrev


def test_dtypes_are_those_of_outputs_forward_and_of_arguments_in_reverse() -> None:
    f = lambda x: {"a": x["wide"].astype(np.float32) * x["narrow"]}  # noqa: E731
    x = {"wide": np.ones(2), "narrow": np.float32(3)}
    assert {k: v.dtype.name for k, v in fg.jacfwd(f)(x)["a"].items()} == {"wide": "float32", "narrow": "float32"}
    assert {k: v.dtype.name for k, v in fg.jacrev(f)(x)["a"].items()} == {"wide": "float64", "narrow": "float32"}


def test_empty_arrays_and_trees() -> None:
    for operator in (fg.jacfwd, fg.jacrev):
        assert operator(lambda x: x)(np.zeros(0)).shape == (0, 0)
        assert operator(lambda x: fnp.ones(3))({}) == {}
        assert operator(lambda x: None)(1.0) is None
        assert operator(lambda x: {"e": x["e"] * 2, "s": x["s"]})({"e": np.zeros(0), "s": 2.0})["s"]["s"] == 1.0


def test_results_are_arrays_of_their_own() -> None:
    x = np.ones(2)
    for operator in (fg.jacfwd, fg.jacrev):
        j = operator(lambda x: (x, {"again": x}))(x)
        j[0][0, 0] = 7.0
        assert j[1]["again"][0, 0] == 1.0 and x[0] == 1.0
        assert j[0].flags.writeable and j[0].flags.c_contiguous


@pytest.mark.parametrize("operator", [fg.grad, fg.jacfwd, fg.jacrev, fg.hessian])
def test_has_aux(operator: Callable) -> None:
    def f(x: Any) -> Any:
        return fnp.sum(x**3), {"square": x**2, "count": 3}

    for transform in (lambda g: g, fg.jit):
        result, aux = transform(operator(f, has_aux=True))(X)
        np.testing.assert_allclose(result, operator(lambda x: f(x)[0])(X), rtol=0, atol=1e-15)
        np.testing.assert_array_equal(aux["square"], X**2)
        assert aux["count"] == 3


@pytest.mark.parametrize("operator", [fg.grad, fg.jacfwd, fg.jacrev])
@pytest.mark.parametrize("wrap", [lambda f: f, fg.jit])
def test_auxiliary_data_can_be_differentiated_from_outside(operator: Callable, wrap: Callable) -> None:
    g = lambda x: operator(lambda y: (fnp.sum(y) ** 2, y**3), has_aux=True)(x)  # noqa: E731
    total = lambda x: fnp.sum(g(x)[0]) + fnp.sum(g(x)[1])  # noqa: E731
    np.testing.assert_allclose(wrap(fg.grad(total))(X), 6 + 3 * X**2, rtol=0, atol=1e-13)


def test_the_function_runs_once_and_its_auxiliary_data_is_not_differentiated() -> None:
    program = str(fg.make_program(fg.grad(lambda x: (x * x, fnp.sin(x) * x), has_aux=True))(2.0))
    assert program.count(" sin ") == 1 and " cos " not in program
    program = str(fg.make_program(fg.jacfwd(lambda x: fnp.exp(A @ x)))(X))
    assert program.count(" exp ") == 1


def test_per_example_gradients() -> None:
    def loss(w: Any, x: Any, y: Any) -> Any:
        return (fnp.tanh(w @ x) - y) ** 2

    w, ys = X, np.array([0.5, -1.0, 0.0, 2.0])
    got = fg.vmap(fg.grad(loss), in_axes=(None, 0, 0))(w, A, ys)
    np.testing.assert_allclose(got, [fg.grad(loss)(w, x, y) for x, y in zip(A, ys)], rtol=0, atol=1e-15)
    whole = fg.jacrev(lambda w: fg.vmap(loss, in_axes=(None, 0, 0))(w, A, ys))(w)
    np.testing.assert_allclose(got, whole, rtol=0, atol=1e-14)


# --- arguments by name ------------------------------------------------------------------------------------------------


def scaled(x: Any, y: Any = 2.0, *, scale: Any = 3.0, **others: Any) -> Any:
    return x * y * scale + sum(v**2 for v in others.values())


@pytest.mark.parametrize("operator", [fg.grad, fg.jacfwd, fg.jacrev])
def test_argnames(operator: Callable) -> None:
    assert operator(scaled, argnames="x")(5.0) == 6.0
    assert operator(scaled, argnames="x")(x=5.0) == 6.0
    assert operator(scaled, argnames="y")(5.0, 1.0) == 15.0
    assert operator(scaled, argnames="y")(5.0, y=1.0) == 15.0
    assert operator(scaled, argnames="y")(5.0) == 15.0
    assert operator(scaled, argnames="scale")(5.0, 2.0) == 10.0
    assert operator(scaled, argnames="extra")(5.0, extra=4.0) == 8.0
    assert operator(scaled, argnames=("scale", "x"))(5.0, scale=1.0) == (10.0, 2.0)
    assert operator(scaled, argnames=["x"])(5.0) == (6.0,)
    assert operator(fg.jit(scaled), argnames="scale")(5.0, scale=1.0) == 10.0
    assert fg.jit(operator(scaled, argnames="scale"))(5.0, scale=1.0) == 10.0


def test_argnames_of_value_and_grad_and_hessian() -> None:
    assert fg.value_and_grad(scaled, argnames=("y",))(5.0) == (30.0, (15.0,))
    f = lambda a, *, b: a**2 * b**3  # noqa: E731
    assert fg.hessian(f, argnames=("b", "a"))(2.0, b=3.0) == ((72.0, 108.0), (108.0, 54.0))
    assert fg.hessian(f, argnames="b")(2.0, b=3.0) == 72.0


def test_integers_are_accepted_on_request() -> None:
    f = lambda n, x: x["v"] * n * x["k"]  # noqa: E731
    x = {"v": 2.0, "k": np.int32(3)}
    for make in (fg.grad, fg.jacrev):
        by_n, by_x = make(f, argnums=(0, 1), allow_int=True)(True, x)
        assert by_n.dtype == by_x["k"].dtype == np.dtype([("float0", "V")]) and by_n.shape == ()
        assert by_x["v"] == 3.0
    value, by_n = fg.value_and_grad(f, allow_int=True)(4, x)
    assert value == 24.0 and by_n.dtype.names == ("float0",)
    block = fg.jacrev(lambda n: fnp.outer(n, n) * 1.0, allow_int=True)(np.arange(3))
    assert block.shape == (3, 3, 3) and block.dtype.names == ("float0",)


# --- products with second derivatives ---------------------------------------------------------------------------------


def rosenbrock(x: Any) -> Any:
    return fnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("wrap", [lambda f: f, fg.jit])
def test_hvp_is_the_hessian_times_the_vector(wrap: Callable) -> None:
    v = np.array([1.0, -2.0, 0.5])
    (got,) = wrap(lambda x, v: fg.hvp(rosenbrock, (x,), (v,)))(X, v)
    np.testing.assert_allclose(got, fg.hessian(rosenbrock)(X) @ v, rtol=0, atol=1e-11)


def test_hvp_of_pytrees_several_arguments_and_aux() -> None:
    f = lambda p, x: (network(p, x)["rest"][0], x)  # noqa: E731
    direction = fg.tree.tree_map(lambda a: np.cos(a + 1), (PARAMS, X))
    product, aux = fg.hvp(f, (PARAMS, X), direction, has_aux=True)
    np.testing.assert_array_equal(aux, X)
    h = fg.hessian(lambda p, x: f(p, x)[0], argnums=(0, 1))(PARAMS, X)
    expected = (
        np.tensordot(h[1][0]["w"], direction[0]["w"], 2) + h[1][0]["b"] @ direction[0]["b"] + h[1][1] @ direction[1]
    )
    np.testing.assert_allclose(product[1], expected, rtol=0, atol=1e-12)
    assert product[0]["w"].shape == (2, 3)


@pytest.mark.parametrize("wrap", [lambda f: f, fg.jit])
def test_gauss_newton_product(wrap: Callable) -> None:
    model, loss = lambda x: {"y": fnp.tanh(A @ x)}, lambda out: fnp.sum(fnp.exp(out["y"])) ** 2
    v = np.array([1.0, -2.0, 0.5])
    (got,) = wrap(lambda x, v: fg.gauss_newton_vp(model, loss, (x,), (v,)))(X, v)
    j = fg.jacrev(model)(X)["y"]
    h = fg.hessian(loss)(model(X))["y"]["y"]
    np.testing.assert_allclose(got, j.T @ h @ j @ v, rtol=0, atol=1e-12)


def test_gauss_newton_is_the_hessian_for_a_linear_model() -> None:
    loss = lambda y: fnp.sum(fnp.cos(y))  # noqa: E731
    (got,) = fg.gauss_newton_vp(lambda x: A @ x, loss, (X,), (X,))
    np.testing.assert_allclose(got, fg.hvp(lambda x: loss(A @ x), (X,), (X,))[0], rtol=0, atol=1e-14)


def test_elementwise_grad() -> None:
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    np.testing.assert_allclose(fg.elementwise_grad(np.tanh)(x), 1 - np.tanh(x) ** 2, rtol=0, atol=1e-15)
    np.testing.assert_allclose(fg.elementwise_grad(lambda a, x: a * x**3, 1)(2.0, x), 6 * x**2, rtol=0, atol=1e-15)
    second = fg.jit(fg.elementwise_grad(fg.elementwise_grad(np.sin)))
    np.testing.assert_allclose(second(x), -np.sin(x), rtol=0, atol=1e-15)
    assert fg.elementwise_grad(np.sin)(0.0) == 1.0
    np.testing.assert_array_equal(fg.elementwise_grad(lambda x: x * 0 + 1)(x), np.zeros((2, 3)))


# --- linear functions -------------------------------------------------------------------------------------------------


LINEAR: dict[str, Callable] = {
    "matrix": lambda x: A @ x,
    "cumulative": lambda x: fnp.cumsum(x) * 2.0,
    "gather": lambda x: x[np.array([0, 2, 2, 1])] - x[0],
    "scatter": lambda x: fnp.at(np.zeros(5))[np.array([1, 1, 3])].add(x),
    "scan": lambda x: lax.scan(lambda c, v: (c * 0.5 + v, c), 0.0, x)[1],
    "jit": fg.jit(lambda x: x[::-1] * 3.0),
    "closure": lambda x: fnp.exp(X) * x,
    "unused": lambda x: fnp.zeros(2),
}


@pytest.mark.parametrize("name", list(LINEAR))
def test_linear_transpose_is_the_adjoint(name: str) -> None:
    f = LINEAR[name]
    y = np.cos(np.arange(np.size(f(X))))
    transpose = fg.linear_transpose(f, fg.ShapeDtypeStruct((3,), "float64"))
    for apply in (transpose, fg.jit(transpose)):
        (got,) = apply(y)
        assert got.shape == (3,)
        np.testing.assert_allclose(got @ X, y @ f(X), rtol=0, atol=1e-13)


def test_linear_transpose_of_pytrees_and_of_a_transpose() -> None:
    f = lambda p, x: {"a": A @ p["x"] - x, "b": fnp.sum(x)}  # noqa: E731
    transpose = fg.linear_transpose(f, {"x": X}, np.ones(4))
    by_p, by_x = transpose({"a": np.ones(4), "b": 2.0})
    np.testing.assert_allclose(by_p["x"], A.T @ np.ones(4), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(by_x, np.ones(4))
    twice = fg.linear_transpose(lambda ct: transpose(ct)[0]["x"], {"a": np.ones(4), "b": 1.0})
    np.testing.assert_allclose(twice(X)[0]["a"], A @ X, rtol=0, atol=1e-15)


def test_linear_transpose_inside_a_derivative() -> None:
    f = lambda s: fnp.sum(fg.linear_transpose(lambda x: s**2 * x, X)(np.ones(3))[0])  # noqa: E731
    assert abs(fg.grad(f)(2.0) - 12.0) < 1e-14 and abs(fg.jit(fg.grad(f))(2.0) - 12.0) < 1e-14


def test_closure_convert_makes_hidden_values_visible_to_custom_rules() -> None:
    @fg.custom_vjp
    def root(f: Callable, guess: Any, *hidden: Any) -> Any:
        x = guess
        for _ in range(30):
            x = x - f(x, *hidden) / fg.grad(f)(x, *hidden)
        return x

    root.nondiff_argnums = (0,)

    def forward(f: Callable, guess: Any, *hidden: Any) -> Any:
        x = root(f, guess, *hidden)
        return x, (x, hidden)

    def backward(f: Callable, saved: Any, ct: Any) -> Any:
        x, hidden = saved
        slopes = fg.grad(f, argnums=tuple(range(1 + len(hidden))))(x, *hidden)
        return (None, *(-ct * s / slopes[0] for s in slopes[1:]))

    root.defvjp(forward, backward)

    def square_root(a: Any) -> Any:
        converted, hidden = fg.closure_convert(lambda x: x**2 - a, 1.0)
        assert len(hidden) == 1
        return root(converted, 1.0, *hidden)

    assert abs(fg.grad(square_root)(4.0) - 0.25) < 1e-12
    assert abs(fg.jit(fg.grad(square_root))(4.0) - 0.25) < 1e-12


def test_closure_convert_without_hidden_values() -> None:
    table = np.arange(3.0)
    converted, hidden = fg.closure_convert(lambda p, x: {"y": p["w"] * x + table}, {"w": 2.0}, X)
    assert hidden == []
    np.testing.assert_array_equal(converted({"w": 3}, X)["y"], 3 * X + table)
    assert converted == fg.closure_convert(lambda q, z: {"y": q["w"] * z + table}, {"w": 2.0}, X)[0]


# --- memory -----------------------------------------------------------------------------------------------------------


def test_the_backward_pass_holds_only_what_it_needs() -> None:
    """Of the five values of a layer the derivative needs one; partial derivatives are computed one at a time."""
    layers, n = 20, 50_000

    def chain(x: Any) -> Any:
        for _ in range(layers):
            x = fnp.sin(x) * 1.5 + 0.5 - x
        return fnp.sum(x)

    x = np.linspace(0, 1, n)
    pullback = fg.vjp(chain, x)[1]
    pullback(1.0), fg.grad(chain)(x)
    gc.collect()
    tracemalloc.start()
    pullback = fg.vjp(chain, x)[1]
    held = tracemalloc.get_traced_memory()[0] / (8 * n)
    tracemalloc.reset_peak()
    pullback(1.0)
    backward = tracemalloc.get_traced_memory()[1] / (8 * n) - held
    tracemalloc.reset_peak()
    fg.grad(chain)(x)
    gradient = tracemalloc.get_traced_memory()[1] / (8 * n) - held
    tracemalloc.stop()
    assert held < layers + 3 and backward < 8 and gradient < 4 * layers + 8


# --- misuse -----------------------------------------------------------------------------------------------------------


def vector(x: Any) -> Any:
    return x * 2


MISUSES: list[tuple[str, Callable[[], Any], list[str]]] = [
    ("jacfwd at an integer", lambda: fg.jacfwd(vector)(3), ["jacfwd of vector", "argument 0", "int64[]", "3.0 instead of 3"]),
    ("jacrev at an integer leaf", lambda: fg.jacrev(vector, argnums=-1)({"a": 1}), ["jacrev of vector", "['a']", "int64[]"]),
    ("hessian at an integer", lambda: fg.hessian(vector)(np.arange(3)), ["hessian of vector", "int64[3]", "astype"]),
    ("jacfwd of an integer result", lambda: fg.jacfwd(lambda x: {"n": fnp.argmax(x)})(X), ["jacfwd of <lambda>", "['n']", "int64[]", "has_aux=True"]),
    ("jacrev of a boolean result", lambda: fg.jacrev(lambda x: x > 0)(X), ["jacrev of <lambda>", "bool[3]", "astype(float)"]),
    ("jacfwd without aux", lambda: fg.jacfwd(vector, has_aux=True)(X), ["jacfwd of vector", "has_aux=True", "(value, aux)"]),
    ("argnums out of range", lambda: fg.jacfwd(vector, argnums=1)(X), ["jacfwd of vector", "argnums=1", "1 positional", "argnames"]),
    ("argnums that is a name", lambda: fg.jacrev(vector, argnums=("x",)), ["jacrev of vector", "'x'", "argnames='x'"]),
    ("argnames that is a position", lambda: fg.grad(vector, argnames=(0,)), ["grad of vector", "argnames contains 0", "argnums"]),
    ("both argnums and argnames", lambda: fg.grad(vector, argnums=1, argnames="x"), ["grad of vector", "argnums=1", "argnames='x'", "one of them"]),
    ("an unknown name", lambda: fg.grad(scaled, argnames="scales")(1.0), ["grad of scaled", "'scales'", "x, y, scale", "did you mean 'scale'"]),
    ("a collecting parameter", lambda: fg.grad(scaled, argnames="others")(1.0), ["grad of scaled", "no parameter 'others'"]),
    ("a name not passed", lambda: fg.grad(scaled, argnames="x")(y=1.0), ["grad of scaled", "'x' was not passed", "x=..."]),
    ("names of a ufunc", lambda: fg.grad(max, argnames="x")(1.0), ["grad of max", "no known names", "argnums"]),
    ("a named integer", lambda: fg.grad(scaled, argnames="y")(1.0, y=2), ["grad of scaled", "argument 'y'", "int64[]"]),
    ("not a function", lambda: fg.jacrev(vector(1.0)), ["jacrev: expected a function", "jacrev(f)(x)"]),
    ("holomorphic at a real array", lambda: fg.jacfwd(vector, holomorphic=True)(X), ["jacfwd of vector", "holomorphic=True needs complex", "float64[3]"]),
    ("holomorphic with a real result", lambda: fg.jacrev(fnp.abs, holomorphic=True)(X + 1j), ["jacrev of absolute", "holomorphic=True needs complex", "float64[3]"]),
    ("jacfwd at a complex array", lambda: fg.jacfwd(vector)(X + 1j), ["jacfwd of vector", "argument 0", "complex128[3]", "must be real", "holomorphic=True"]),
    ("jacrev of a complex result", lambda: fg.jacrev(vector)(X + 1j), ["jacrev of vector", "complex128[3]", "must be real", "vjp"]),
    ("hessian at a complex array", lambda: fg.hessian(fnp.linalg.norm)(X + 1j), ["hessian of norm", "argument 0", "complex128[3]", "jvp"]),
    ("elementwise_grad at a complex array", lambda: fg.elementwise_grad(fnp.abs)(X + 1j), ["elementwise_grad of absolute", "complex128[3]", "jacrev"]),
    ("hvp of an array result", lambda: fg.hvp(vector, (X,), (X,)), ["hvp of vector", "single real number", "float64[3]"]),
    ("hvp without tuples", lambda: fg.hvp(vector, X, X), ["hvp of vector", "tuples", "hvp(f, (x,), (v,))"]),
    ("hvp of a wrong tangent", lambda: fg.hvp(rosenbrock, (X,), (X[:2],)), ["hvp", "tangent", "float64[2]", "float64[3]"]),
    ("gauss_newton_vp with an array loss", lambda: fg.gauss_newton_vp(vector, vector, (X,), (X,)), ["gauss_newton_vp of vector", "single real number"]),
    ("elementwise_grad of a sum", lambda: fg.elementwise_grad(fnp.sum)(X), ["elementwise_grad of sum", "float64[3]", "float64[]", "jacrev"]),
    ("transpose of a nonlinear function", lambda: fg.linear_transpose(rosenbrock, X), ["linear_transpose of rosenbrock", "not linear", "depends on its argument", "vjp"]),
    ("transpose of an affine function", lambda: fg.linear_transpose(lambda x: x + 1.0, X), ["linear_transpose of <lambda>", "not linear", "zero", "vjp"]),
    ("transpose of an integer function", lambda: fg.linear_transpose(vector, 3), ["linear_transpose of vector", "int64[] -> int64[]", "astype"]),
    ("transpose of a string", lambda: fg.linear_transpose(vector, "x"), ["linear_transpose of vector", "argument 0", "'x'"]),
    ("transpose at a wrong cotangent", lambda: fg.linear_transpose(vector, X)(X[:2]), ["linear_transpose", "cotangent", "float64[2]", "float64[3]"]),
    ("converted, other structure", lambda: fg.closure_convert(vector, X)[0](X, X), ["closure_convert of vector", "structure"]),
    ("converted, other type", lambda: fg.closure_convert(vector, X)[0](X[:2]), ["closure_convert of vector", "float64[2]", "float64[3]"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), [pytest.param(*row[1:], id=row[0]) for row in MISUSES])
def test_misuse(call: Callable[[], Any], words: list[str]) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    missing = [w for w in words if w not in str(caught.value)]
    assert not missing, f"{missing} not in:\n{caught.value}"
