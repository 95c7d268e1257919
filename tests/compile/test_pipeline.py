"""The compiler's decisions: what passes do to programs, which equations share a kernel, how much workspace there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import small_programs as p

import funcgrad as fg
from funcgrad import lax
from funcgrad.compile import emit
from funcgrad.compile.kernel import For, Kernel, expressions, statements, structure, walk
from funcgrad.compile.pipeline import Compiled, safe_donations
from funcgrad.compile.plan import Call, Multiply
from funcgrad.compile.prepare import canonical_contractions, distinct_outputs, inline_calls, prepare
from funcgrad.compile.source import run_source
from funcgrad.core.check import check
from funcgrad.core.program import Program, evaluate
from funcgrad.core.tracing import bind


def lowered(fun: Any, *args: Any) -> Compiled:
    return fg.jit(fun).lower(*args)._lowered()


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape)


def names(program: Program) -> list[str]:
    return [eqn.prim.name for eqn in program.eqns]


def loops(compiled: Compiled, kernel: int = 0) -> int:
    return sum(isinstance(s, For) for s in statements(compiled.plan.kernels[kernel][0].body))


# --- passes ---------------------------------------------------------------------------------------------------------


@fg.custom_jvp
def tripled(x: Any) -> Any:
    return 3.0 * np.sin(x)


tripled.defjvp(lambda primals, tangents: (3.0 * np.sin(*primals), tangents[0]))


def test_calls_are_inlined() -> None:
    program = fg.make_program(lambda x: tripled(tripled(x)) + 1.0)(1.0)
    flat = inline_calls(program)
    assert names(program).count("custom_jvp_call") == 2 and names(flat) == ["sin", "mul", "sin", "mul", "add"]
    assert inline_calls(flat) is flat
    check(flat)
    assert evaluate(flat, [0.3], bind) == evaluate(program, [0.3], bind)


@pytest.mark.parametrize(
    ("subscripts", "transposes"),
    [
        ("ij,jk->ik", 0),
        ("ji,jk->ik", 0),
        ("ij,kj->ik", 0),
        ("bij,bjk->bik", 0),
        ("ibj,bjk->bik", 0),
        ("ibj,kbj->bik", 0),
        ("jbi,kbj->bik", 0),
        ("ijb,bjk->bik", 1),
    ],
)
def test_contractions_take_transposes_only_where_blas_cannot(subscripts: str, transposes: int) -> None:
    sizes = {"i": 3, "j": 4, "k": 5, "b": 2}
    operands = [
        np.random.default_rng(0).standard_normal([sizes[c] for c in part])
        for part in subscripts.split("->")[0].split(",")
    ]
    program = prepare(fg.make_program(lambda x, y: np.einsum(subscripts, x, y))(*operands))
    canonical = canonical_contractions(program)
    assert canonical is program and names(program).count("transpose") == transposes
    np.testing.assert_allclose(evaluate(check(program), operands, bind)[0], np.einsum(subscripts, *operands))


def test_outputs_become_distinct() -> None:
    program = fg.make_program(lambda x: (x, x, x + 1.0, 2.0))(zeros(2))
    distinct = check(distinct_outputs(program))
    assert len(set(distinct.outputs)) == 4 and not set(distinct.outputs) & set(distinct.inputs)
    assert distinct_outputs(distinct) is distinct


def test_a_prepared_program_means_the_same() -> None:
    args = [np.random.default_rng(1).standard_normal(s) for s in [(4, 8), (8,), (2, 4), (2, 8)]]
    program = fg.make_program(p.layer_gradient)(*args)
    for a, b in zip(evaluate(program, args, bind), evaluate(check(prepare(program)), args, bind)):
        np.testing.assert_allclose(a, b, rtol=1e-13)


# --- schedule -------------------------------------------------------------------------------------------------------


def test_softmax_is_one_kernel_of_three_passes_over_a_row() -> None:
    compiled = lowered(p.softmax, zeros(40, 30))
    assert len(compiled.plan.kernels) == len(compiled.plan.steps) == 1
    assert loops(compiled) == 4 and compiled.plan.workspace <= 30 * 8 + 64
    assert compiled.llvm.count("fdiv") >= 1


@pytest.mark.parametrize("shape", [(4, 3), (1, 3), (3, 1), (1, 1)])
def test_a_reduced_row_is_taken_from_the_right_row(shape: tuple[int, int]) -> None:
    """A result of another row, or of an axis of length 1, was once read from memory nobody had written."""
    x = np.random.default_rng(0).standard_normal(shape)
    for fun in (
        lambda x: np.flip(np.sum(x, axis=1)),
        lambda x: np.sum(x, axis=1)[::-1, None] - x,
        lambda x: np.roll(np.max(x, axis=1), 1) * 2.0,
        lambda x: np.reshape(np.sum(np.reshape(np.sum(x, axis=1), (-1, 1)), axis=1), (-1, 1, 1)),
        p.softmax,
    ):
        np.testing.assert_allclose(fg.jit(fun)(x), fun(x), rtol=1e-14)


def test_an_axis_of_length_one_is_read_at_its_symbol_only_inside_the_loop() -> None:
    """A value hoisted out of the loop was once taken from what the loop remembered, with the loop's symbol in it."""

    def f(x: Any) -> Any:
        return np.sqrt(np.var(np.max(x, axis=1), axis=0) + 0.2)

    x, t = np.array([[-1.25, -0.5, -1.5]]), np.ones((1, 3))
    product = lambda x: fg.hvp(f, (x,), (t,))  # noqa: E731
    np.testing.assert_allclose(fg.jit(product)(x), product(x), atol=1e-15)


def test_a_hoisted_value_does_not_hold_the_symbol_of_the_loop() -> None:
    """An element of a longer vector was once taken from what the loop over an axis of length 1 remembered of it."""

    def slope(z: Any, a: Any, b: Any) -> Any:
        def f(y: Any, a: Any, b: Any) -> Any:
            u, v = y[:1], np.reshape(y[1:2], ())
            meet = b * v * u
            return np.concatenate([meet - u, np.reshape(a * v - meet[0] + 0.1, (1,))])

        dy, pull = fg.vjp(f, z[:2], a, b)
        return np.concatenate([dy, *(-np.reshape(c, (-1,)) for c in pull(z[2:4]))])

    def step(z: Any, k: Any, h: Any, a: Any, b: Any) -> Any:
        return slope(z + h * (0.075 * k + 0.225 * slope(z + h * k, a, b)), a, b)

    args = np.linspace(0.1, 1.0, 6), np.linspace(0.2, 0.9, 6), 0.1, 1.1, np.array([0.4])
    np.testing.assert_allclose(fg.jit(step)(*args), step(*args), rtol=1e-13)


def test_layer_norm_is_one_kernel() -> None:
    assert len(lowered(p.layer_norm, zeros(40, 30), zeros(30), zeros(30)).plan.kernels) == 1


def test_layer_norm_with_its_gradient_is_one_kernel_that_keeps_one_value_in_a_row_buffer() -> None:
    def loss(x: Any, gain: Any, bias: Any) -> Any:
        return np.sum(np.tanh(p.layer_norm(x, gain, bias)))

    args = np.random.default_rng(0).standard_normal((6, 30)), np.linspace(0.5, 1.5, 30), np.linspace(-1.0, 1.0, 30)
    compiled = lowered(fg.value_and_grad(loss, (0, 1, 2)), *args)
    (group,) = [item for s in compiled.plan.schedules for item in s.items]
    assert len(compiled.plan.kernels) == len(group.kept) == 1
    for a, b in zip(fg.jit(fg.grad(loss, (0, 1, 2)))(*args), fg.grad(loss, (0, 1, 2))(*args)):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("update", ["add", "set"])
@pytest.mark.parametrize("axis", [0, 1])
def test_one_update_in_each_line_is_a_choice(update: str, axis: int) -> None:
    """As in cross-entropy with integer labels: nothing is scattered. Positions out of range are dropped."""

    def change(x: Any, labels: Any, values: Any) -> Any:
        lines = np.arange(5)
        index = (lines, labels) if axis else (labels, lines)
        return getattr(fg.numpy.at(x)[index], update)(values)

    x = np.random.default_rng(0).standard_normal((5, 7) if axis else (7, 5))
    x[0, 0], values = -0.0, np.array([-0.0, 1.0, np.nan, -2.0, 3.0])
    for labels in (np.array([0, 3, 6, 3, 1]), np.array([0, -2, 9, -9, 6])):
        program = lowered(change, x, labels, values).prepared
        assert "select" in names(program) and not any(name.startswith("scatter") for name in names(program))
        found, expected = (
            fg.jit(change)(x, labels, values),
            fg.vmap(change, (0, None, None))(x[None], labels, values)[0],
        )
        assert found.tobytes() == expected.tobytes()


def test_cross_entropy_of_labels_with_its_gradient_scatters_nothing() -> None:
    def loss(logits: Any, labels: Any) -> Any:
        shifted = logits - np.max(logits, axis=1, keepdims=True)
        return np.mean(np.log(np.sum(np.exp(shifted), axis=1)) - shifted[np.arange(len(labels)), labels])

    logits, labels = np.random.default_rng(0).standard_normal((30, 11)), np.arange(30) % 11
    compiled = lowered(fg.value_and_grad(loss), logits, labels)
    assert not any(name.startswith("scatter") for name in names(compiled.prepared))
    assert not any(b.shape == (30, 11) for b in compiled.plan.temporaries)
    for found, expected in zip(
        fg.jit(fg.value_and_grad(loss))(logits, labels), fg.value_and_grad(loss)(logits, labels)
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_distances_of_all_pairs_are_never_in_memory() -> None:
    def entropy(x: Any) -> Any:
        squared = np.sum((x[:, None] - x[None]) ** 2, axis=-1)
        return np.sum(np.log(np.sum(np.exp(-squared), axis=1)))

    x = np.random.default_rng(0).standard_normal((250, 3))
    compiled = lowered(fg.value_and_grad(entropy), x)
    assert not any(b.shape[:2] == (250, 250) for b in compiled.plan.temporaries)
    np.testing.assert_allclose(fg.jit(fg.grad(entropy))(x), fg.grad(entropy)(x), rtol=1e-12, atol=1e-14)


def test_the_gradient_of_cross_entropy_is_a_few_kernels() -> None:
    compiled = lowered(fg.value_and_grad(p.cross_entropy), zeros(64, 10), zeros(64, 10))
    assert len(compiled.plan.steps) <= 2


def test_the_bias_gradient_is_fused_with_the_mask() -> None:
    plan = lowered(p.layer_gradient, zeros(16, 32), zeros(32), zeros(8, 16), zeros(8, 32)).plan
    assert [type(s) for s in plan.steps] == [Multiply, Call, Multiply]
    assert all(isinstance(s, Call) or s.out.kind == "output" or s is plan.steps[0] for s in plan.steps)


def deep(params: Any, x: Any) -> Any:
    for w, b in params:
        x = np.tanh(x @ w + b)
    return np.sum(x)


def deep_arguments(layers: int) -> tuple[Any, Any]:
    return [(zeros(32, 32), zeros(32))] * layers, zeros(16, 32)


def test_layers_of_equal_shape_share_kernels() -> None:
    few, many = (lowered(fg.value_and_grad(deep), *deep_arguments(n)).plan for n in (4, 9))
    assert len(few.kernels) == len(many.kernels) and len(few.steps) < len(many.steps)
    assert len({structure(k) for k, _ in many.kernels}) == len(many.kernels)


def test_a_broadcast_value_is_not_computed_again_for_every_reader() -> None:
    """exp(x) of 1000 numbers, broadcast over 500 rows: 1000 exponentials, not 500000."""
    compiled = lowered(lambda x, y: y * np.exp(x), zeros(1000), zeros(500, 1000))
    (kernel,) = (k for k, _ in compiled.plan.kernels if "exp" in operations(k))
    assert [s.count for s in statements(kernel.body) if isinstance(s, For)] == [1000]


def operations(kernel: Kernel) -> set[str]:
    return {e.op for s in statements(kernel.body) for root in expressions(s) for e in walk(root)}


def test_cheap_broadcasts_and_views_cost_no_kernel() -> None:
    compiled = lowered(lambda x, y: (x.T[:, ::-1] + y[:, None]).reshape(-1) * 2.0, zeros(3, 4), zeros(4))
    assert len(compiled.plan.steps) == 1 and compiled.plan.workspace == 0


@pytest.mark.parametrize("subscripts", ["bthd,bshd->bhts", "bhts,bshd->bhtd", "tbd,sbd->bts", "abcd,abed->abce"])
@pytest.mark.parametrize("size", [2, 20])
def test_batches_of_products_read_matrices_where_they_lie(subscripts: str, size: int) -> None:
    """Few products one after the other, many of them shared among threads."""
    sizes = dict(zip("abcdehts", (3, size, 24, 28, 20, 4, 40, 24)))
    rng = np.random.default_rng(0)
    operands = [rng.standard_normal([sizes[c] for c in part]) for part in subscripts.split("->")[0].split(",")]
    fun = lambda x, y: np.einsum(subscripts, x, y)  # noqa: E731
    compiled = lowered(fun, *operands)
    assert [type(s) for s in compiled.plan.steps] == [Multiply]
    np.testing.assert_allclose(fg.jit(fun)(*operands), fun(*operands), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(run_source(compiled.plan, operands)[0], fun(*operands), rtol=1e-12, atol=1e-12)


def test_small_products_are_loops_and_large_ones_blas() -> None:
    assert [type(s) for s in lowered(np.matmul, zeros(3, 3), zeros(3, 3)).plan.steps] == [Call]
    assert [type(s) for s in lowered(np.matmul, zeros(64, 64), zeros(64, 64)).plan.steps] == [Multiply]


# --- buffers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [4, 16])
def test_a_chain_of_products_needs_two_temporaries(length: int) -> None:
    def chain(x: Any, ws: Any) -> Any:
        for w in ws:
            x = np.tanh(x @ w)
        return x

    plan = lowered(chain, zeros(64, 64), [zeros(64, 64)] * length).plan
    assert plan.workspace <= 2 * 64 * 64 * 8


def test_temporaries_alive_together_do_not_overlap() -> None:
    plan = lowered(fg.value_and_grad(deep), *deep_arguments(5)).plan
    placed = [b for b in plan.temporaries if b.offset >= 0]
    assert len(placed) > 5 and all(b.offset % 64 == 0 and b.offset + b.nbytes <= plan.workspace for b in placed)
    uses = {
        b: [t for t, s in enumerate(plan.steps) if b in (s.args if isinstance(s, Call) else (s.x, s.y, s.out))]
        for b in placed
    }
    for a in placed:
        for b in placed:
            together = max(min(uses[a]), min(uses[b])) <= min(max(uses[a]), max(uses[b]))
            disjoint = a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
            assert a is b or not together or disjoint


def donations(fun: Any, *args: Any) -> dict[int, int]:
    return safe_donations(lowered(fun, *args).plan, range(len(args)))


DONATIONS: list[tuple[Any, tuple[int, ...], dict[int, int]]] = [
    (lambda x, y: x + 1.0, (0, 1), {0: 0}),
    (lambda x, y: (x + y, x * y), (0, 1), {0: 0, 1: 1}),  # both stores depend on all reads
    (lambda x, y: x - np.sum(x), (0,), {0: 0}),  # the sum is finished before the first store
    (lambda x, y: x[::-1] * 2.0, (0,), {}),  # reads elements that are overwritten already
    (lambda x, y: x[::-1] * 2.0, (0, 1), {0: 1}),  # nothing reads y
    (lambda x, y: (x * 2.0, x - np.sum(x)), (0,), {1: 0}),  # the first store would change what the second loop reads
    (lambda x, y: (y, x), (0,), {1: 0}),  # in out0, x would be overwritten before it is read
    (lambda x, y: (y, x), (0, 1), {0: 1, 1: 0}),  # each array stays where it is
    (lambda x, y: x.astype(np.float32), (0,), {}),
    (lambda x, y: np.roll(x, 1) + y, (0, 1), {0: 1}),
]


@pytest.mark.parametrize("k", range(len(DONATIONS)))
def test_donation_only_where_no_later_read_sees_the_output(k: int) -> None:
    fun, donated, want = DONATIONS[k]
    assert safe_donations(lowered(fun, zeros(40), zeros(40)).plan, donated) == want


@pytest.mark.parametrize("n", [1, 5, 100])
def test_donated_programs_give_the_same_values(n: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal(n), rng.standard_normal(n)
    for fun in (
        lambda x, y: (x[::-1] + y, y - x),
        lambda x, y: (np.cumsum(x), x + y),
        lambda x, y: (x - np.sum(x), y * np.max(x)),
        lambda x, y: (y, x),
        lambda x, y: (x * 2.0, x - np.sum(x)),
        lambda x, y: (np.roll(x, 1), np.sort(y)),
    ):
        want = fun(x, y)
        got = fg.jit(fun, donate_argnums=(0, 1))(x.copy(), y.copy())
        for a, b in zip(want, got):
            np.testing.assert_allclose(b, a, rtol=1e-13, atol=1e-13)


def test_small_kernels_are_inlined_up_to_a_number_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derivatives of derivatives of loops have thousands of small kernels: LLVM took 13 s for one with all inlined."""

    def gradient(x: Any) -> Any:
        step = lambda _, c: np.sin(np.cumsum(c)) + np.sum(c) * c  # noqa: E731
        return fg.grad(lambda x: np.sum(lax.fori_loop(0, 5, step, x)))(x)

    x, found = np.linspace(0.1, 0.3, 6), []
    for most in (emit.MOST_INLINED, 100, 0):
        monkeypatch.setattr(emit, "MOST_INLINED", most)
        found.append(lowered(gradient, x).llvm.count("nounwind alwaysinline {\nentry"))
    assert found[0] > found[1] > found[2] == 0
