"""What is compared for each program. A check raises `Mismatch`; any other exception is a finding, too.

reference     plain NumPy against the library's eager values
interpreted   the traced program, one equation at a time
source        the printed Python of the compiled plan
jit           machine code: values, equal bits at the second call, memory of its own
modes         values under vjp and jvp; reverse against forward mode by the dot product
difference    reverse mode against difference quotients of the reference
wrappers      the gradient against that of the program without jit, checkpoint and custom rules
jit_grad      jit(grad) against grad
hessian       symmetry of the second derivative, and jit(hvp) against hvp
vmap, vmap_jit, vmap_grad, vmap_jit_grad      against a Python loop
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from fuzz_generate import kinds, order, reference
from fuzz_guard import Guard, Void
from fuzz_reference import STEP as QUOTIENT_STEP
from fuzz_reference import flat
from fuzz_tree import PREAMBLE, Program, program_text

import funcgrad as fg
from funcgrad.compile.source import run_source
from funcgrad.core.program import evaluate
from funcgrad.core.tracing import bind

FLOAT_INPUTS = (0, 1, 2)
STEEP = 1e6  # derivatives larger than this are not compared
STEP = 1e-4


class Mismatch(AssertionError):
    """Two meanings of a program differ."""


def library_function(program: Program, strip: bool = False) -> Callable:
    """The program as a function of the library; with `strip`, without wrappers that keep values."""
    names: dict[str, Any] = {}
    exec(PREAMBLE, names)
    if strip:
        plain = types.SimpleNamespace(**{name: getattr(fg, name) for name in fg.__all__})
        plain.jit, plain.checkpoint = lambda f: f, lambda f, policy=None: f
        names.update(with_vjp=plain.jit, with_jvp=plain.jit, fg=plain)
    exec(program_text(program), names)
    return names["program"]


class Case:
    """A program with everything several checks need, computed once."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.f = library_function(program)
        self.inputs = tuple(_frozen(x) for x in program.inputs)
        self.kinds, self.order = kinds(program), order(program.block)
        variables = program_text(program)
        self.single = "f32" in variables or "float32" in str([x.dtype for x in program.inputs])
        self.rng = np.random.default_rng(program.seed + 10**6)
        self.weights = [self.rng.uniform(0.5, 1.5, np.shape(x)) for x in self.reference]

    @functools.cached_property
    def reference(self) -> list[Any]:
        return reference(self.program)[0]

    @functools.cached_property
    def eager(self) -> list[Any]:
        return flat(self.f(*self.inputs))

    @functools.cached_property
    def lowered(self) -> Any:
        return fg.jit(self.f).lower(*self.inputs)

    def loss(self, f: Callable | None = None) -> Callable:
        """The weighted sum of all floating-point results."""

        def weighted(*args: Any) -> Any:
            outs = flat((f or self.f)(*args))
            return sum(np.sum(w * o) for w, o in zip(self.weights, outs) if o.dtype.kind == "f")

        return weighted

    @functools.cached_property
    def gradient(self) -> list[Any]:
        """The eager gradient of the loss; programs with steep ones are void for derivatives."""
        found = self.gradients(*self.inputs)
        if any(np.max(np.abs(g), initial=0.0) > STEEP for g in found):
            raise Void("steep")
        return found

    @functools.cached_property
    def tangents(self) -> list[Any]:
        shapes = [np.shape(self.inputs[i]) for i in FLOAT_INPUTS]
        return [np.asarray(self.rng.standard_normal(s), self.inputs[i].dtype)[()] for i, s in enumerate(shapes)]

    def along(self, f: Callable) -> Callable:
        """A function of all arguments as one of the floating-point ones."""
        return lambda *xs: f(*xs, *self.inputs[3:])

    def values(self, *inputs: Any) -> list[Any]:
        """The results at other inputs."""
        return flat(self.f(*inputs))

    def gradients(self, *inputs: Any) -> list[Any]:
        """The gradient of the loss at other inputs."""
        return list(fg.grad(self.loss(), FLOAT_INPUTS)(*inputs))

    def close(
        self, what: str, found: Sequence[Any], expected: Sequence[Any], tolerance: float,
        oracle: Callable[..., list[Any]], point: Sequence[Any] | None = None,
    ) -> None:  # fmt: skip
        """Compare types and values of lists of arrays; `oracle(*point)` gave what is expected."""
        if len(found) != len(expected):
            raise Mismatch(f"{what}: {len(found)} results, expected {len(expected)}")
        tolerance = max(tolerance, 5e-4 if self.single else 0.0)
        pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(found, expected)]
        errors = [_error(f"{what}, result {k}", a, b) for k, (a, b) in enumerate(pairs)]
        if all(e <= tolerance for e in errors):
            return
        slack = [max(own, self.noise) for own in self.slack(oracle, point or self.inputs)]
        for k, (error, own) in enumerate(zip(errors, slack)):
            if not error <= max(tolerance, 100.0 * own):
                a, b = pairs[k]
                raise Mismatch(f"{what}, result {k}:\n{a!r}\nexpected\n{b!r}\n(error {error}, of rounding {own})")

    @functools.cached_property
    def noise(self) -> float:
        """How much the results move when every value on the way does in its last digits; 0 where that is unknown, as in
        difference quotients of difference quotients.
        """
        if self.order > 1:
            return 0.0
        size, moved = 1e-7 if self.single else 1e-16, []
        for seed in (1, 2):
            try:
                moved.append(reference(self.program, guard=Guard(0.0, size, seed))[0])
            except Void:
                return 0.0
        pairs = [(np.asarray(a), np.asarray(b)) for out in moved for a, b in zip(out, self.reference)]
        return max((_error("", a, b) for a, b in pairs if a.dtype.kind == "f"), default=0.0)

    def slack(self, oracle: Callable[..., list[Any]], point: Sequence[Any]) -> list[float]:
        """How much the results move when the inputs do in their last digits: some loops amplify every rounding."""
        base, eps, found = oracle(*point), 1e-7 if self.single else 2e-16, []
        for sign in (1.0, -1.0):
            moved = [np.asarray(x * (1 + sign * eps), x.dtype)[()] if x.dtype.kind == "f" else x for x in point]
            found.append([_error("", np.asarray(a), np.asarray(b)) for a, b in zip(oracle(*moved), base)])
        return [max(pair) for pair in zip(*found)]


def _error(what: str, a: np.ndarray, b: np.ndarray) -> float:
    """The difference relative to 1 + the largest element; infinite for other integers or booleans, or NaN."""
    if a.shape != b.shape or a.dtype != b.dtype:
        raise Mismatch(f"{what}: type {a.dtype}{a.shape}, expected {b.dtype}{b.shape}")
    if a.dtype.kind != "f":
        return 0.0 if np.array_equal(a, b) else np.inf
    scale = 1.0 + np.max(np.abs(b), initial=0.0)
    error = np.max(np.abs(a.astype(np.float64) - b), initial=0.0) / scale
    return float(np.nan_to_num(error, nan=np.inf))


def _frozen(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        x = x.copy()
        x.flags.writeable = False
    return x


def own_memory(what: str, outs: Sequence[Any], inputs: Sequence[Any]) -> None:
    """Results of transformations share no memory with arguments or each other."""
    arrays = [o for o in outs if isinstance(o, np.ndarray)]
    for k, a in enumerate(arrays):
        if any(np.shares_memory(a, b) for b in [*arrays[:k], *inputs] if isinstance(b, np.ndarray)):
            raise Mismatch(f"{what}: result {k} shares memory")


# --- the checks -------------------------------------------------------------------------------------------------------


def check_reference(case: Case) -> None:
    if case.order > 3:
        raise Void("difference quotients of difference quotients")
    loose = (1e-9, 1e-7, 1e-5, 1e-2)[case.order]  # their noise grows by 1 / STEP at each order
    try:
        case.close("eager against reference", case.eager, case.reference, loose, case.values)
    except Mismatch:
        if case.order and not _settled(case, loose):
            raise Void("the reference depends on the step of its difference quotients") from None
        raise


def _settled(case: Case, tolerance: float) -> bool:
    """Is the library far from a result of the reference that stays where it is with smaller steps of its quotients?"""
    finer = [reference(case.program, step=QUOTIENT_STEP / k)[0] for k in (2, 4)]
    off = [_error("", np.asarray(a), np.asarray(b)) for a, b in zip(case.eager, case.reference)]
    moved = [max(_error("", np.asarray(r[k]), np.asarray(b)) for r in finer) for k, b in enumerate(case.reference)]
    return any(m <= 0.1 * e for m, e in zip(moved, off) if e > tolerance)


def check_interpreted(case: Case) -> None:
    traced = case.lowered.traced
    out = evaluate(traced.program, [*traced.captures, *case.inputs], bind)
    case.close("interpreted against eager", out, case.eager, 1e-9, case.values)


def check_source(case: Case) -> None:
    out = run_source(case.lowered._lowered().plan, [*case.lowered.traced.captures, *case.inputs])
    case.close("printed source against eager", [np.asarray(o) for o in out], case.eager, 1e-9, case.values)


def check_jit(case: Case) -> None:
    jitted = fg.jit(case.f)
    first, second = flat(jitted(*case.inputs)), flat(jitted(*case.inputs))
    case.close("jit against eager", first, case.eager, 1e-9, case.values)
    if any(np.asarray(a).tobytes() != np.asarray(b).tobytes() for a, b in zip(first, second)):
        raise Mismatch("jit: two calls differ")
    own_memory("jit", [*first, *second], case.inputs)


def check_modes(case: Case) -> None:
    loss = case.along(case.loss())
    point = case.inputs[:3]
    value, pullback = fg.vjp(loss, *point)
    expected = [np.float64(case.loss(lambda *_: tuple(case.eager))())]
    pulled = list(pullback(np.float64(1.0)))
    own_memory("vjp", pulled, case.inputs)
    also, tangent = fg.jvp(loss, point, tuple(case.tangents))
    value_of = lambda *xs: [case.loss()(*xs)]  # noqa: E731
    case.close("value under vjp", [value], expected, 1e-9, value_of)
    case.close("value under jvp", [also], expected, 1e-9, value_of)
    case.close("vjp against grad", pulled, case.gradient, 1e-9, case.gradients)
    terms = [np.sum(t.astype(np.float64) * g) for t, g in zip(case.tangents, pulled)]
    size = sum(np.sum(np.abs(t * g)) for t, g in zip(case.tangents, pulled))
    if not abs(sum(terms) - tangent) <= (1e-3 if case.single else 1e-10) * (1.0 + size):
        tangent_at = lambda *xs: [np.asarray(fg.jvp(loss, xs[:3], tuple(case.tangents))[1])]  # noqa: E731
        backward, forward = max(case.slack(case.gradients, case.inputs)), max(case.slack(tangent_at, case.inputs))
        # Where a derivative is a difference of large terms, one mode may lose it in rounding and the other not.
        if not abs(sum(terms) - tangent) <= 100.0 * (backward * (1.0 + size) + forward * (1.0 + abs(tangent))):
            raise Mismatch(f"jvp against vjp: {tangent!r}, expected {sum(terms)!r}")


def check_difference(case: Case) -> None:
    base = reference(case.program, wide=True)
    if case.order > 2:
        raise Void("difference quotients of difference quotients")
    if case.kinds["stop_gradient"]:
        raise Void("stopped values move in a difference quotient")
    ts = [np.asarray(t, np.float64) for t in case.tangents]

    def at(s: float) -> Any:
        moved = [np.asarray(x + s * t)[()] for x, t in zip(case.program.inputs, ts)]
        outs, decisions = reference(case.program, [*moved, *case.program.inputs[3:]], wide=True)
        if decisions != base[1]:
            raise Void("a kink beside the point")
        return sum(np.sum(w * o) for w, o in zip(case.weights, outs) if o.dtype.kind == "f")

    def along(h: float) -> Any:
        return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)

    h = STEP * (10.0 if case.kinds["derivative"] else 1.0)
    quotient = along(h)
    exact = sum(np.sum(t * g) for t, g in zip(ts, case.gradient))
    size = sum(np.sum(np.abs(t * g)) for t, g in zip(ts, case.gradient))
    tolerance = 1e-3 if case.single or case.kinds["derivative"] else 1e-5
    if not abs(quotient - exact) <= tolerance * (1.0 + size):
        if abs(quotient - exact) <= 100.0 * max(case.slack(case.gradients, case.inputs)) * (1.0 + size):
            raise Void("the gradient is mostly rounding")
        if not all(abs(quotient - along(h / k)) <= 0.1 * abs(quotient - exact) for k in (4, 64)):
            raise Void("the difference quotient depends on its step")
        raise Mismatch(f"gradient against difference quotient: {exact!r}, expected {quotient!r}")


def check_wrappers(case: Case) -> None:
    plain = fg.grad(case.loss(library_function(case.program, strip=True)), FLOAT_INPUTS)(*case.inputs)
    case.close("gradient with wrappers against without", case.gradient, list(plain), 1e-8, case.gradients)


def check_jit_grad(case: Case) -> None:
    out = fg.jit(fg.grad(case.loss(), FLOAT_INPUTS))(*case.inputs)
    case.close("jit(grad) against grad", list(out), case.gradient, 1e-8, case.gradients)
    own_memory("jit(grad)", list(out), case.inputs)


def check_hessian(case: Case) -> None:
    if case.single:
        raise Void("float32")
    if case.order > 2:
        raise Void("derivatives of fifth order")
    case.gradient  # noqa: B018  (void where it is steep)
    loss, point = case.along(case.loss()), case.inputs[:3]
    us = case.tangents
    vs = [np.asarray(case.rng.standard_normal(np.shape(x)))[()] for x in point]
    hu, hv = (list(fg.hvp(loss, point, tuple(t))) for t in (us, vs))
    if any(np.max(np.abs(h), initial=0.0) > STEEP for h in [*hu, *hv]):
        raise Void("steep")
    products = lambda *xs: list(fg.hvp(loss, xs[:3], tuple(us)))  # noqa: E731
    left, right = (sum(np.sum(a * b) for a, b in zip(x, y)) for x, y in ((vs, hu), (us, hv)))
    size = sum(np.sum(np.abs(a * b)) for a, b in zip([*vs, *us], [*hu, *hv]))
    if not abs(left - right) <= 1e-8 * (1.0 + size):
        if not abs(left - right) <= 100.0 * max(case.slack(products, case.inputs)) * (1.0 + size):
            raise Mismatch(f"the Hessian is not symmetric: {left!r}, {right!r}")
    compiled = fg.jit(lambda *xs: fg.hvp(loss, xs, tuple(us)))(*point)
    case.close("jit(hvp) against hvp", list(compiled), hu, 1e-7, products)


# --- batches ----------------------------------------------------------------------------------------------------------


class Batch:
    """Several inputs of definite meaning, stacked along random axes; some are the same for all."""

    def __init__(self, case: Case) -> None:
        rng = self.rng = np.random.default_rng(case.program.seed + 2 * 10**6)
        shapes = [np.shape(x) for x in case.inputs]
        self.axes = tuple(None if rng.random() < 0.25 else int(rng.integers(len(s) + 1)) for s in shapes)
        self.axes = (0, *self.axes[1:]) if all(a is None for a in self.axes) else self.axes
        self.rows = [case.inputs, *(self._row(case) for _ in range(int(rng.integers(1, 3))))]
        columns = zip(zip(*self.rows), self.axes)
        self.args = tuple(c[0] if a is None else _frozen(np.stack(c, a)) for c, a in columns)

    def _row(self, case: Case) -> tuple:
        for attempt in range(6):
            drawn = [x if a is None else self._drawn(x, attempt) for x, a in zip(case.inputs, self.axes)]
            try:
                reference(case.program, drawn)
                return tuple(drawn)
            except (Void, IndexError):
                continue
        return case.inputs

    def _drawn(self, x: Any, attempt: int) -> Any:
        kind = x.dtype.kind
        if kind == "f":
            new = self.rng.uniform(-1.5, 1.5, x.shape) if attempt < 3 else x + self.rng.uniform(-0.1, 0.1, x.shape)
        elif kind == "b":
            new = self.rng.random(x.shape) < 0.5
        else:
            new = self.rng.integers(-1, 5, x.shape)
        return np.asarray(new, x.dtype)[()]


def _unstacked(outs: Sequence[Any], index: int) -> list[Any]:
    return [o[index] for o in outs]


def _compare_batch(case: Case, what: str, outs: Sequence[Any], f: Callable, batch: Batch, tolerance: float) -> None:
    own_memory(what, outs, batch.args)
    for i, row in enumerate(batch.rows):
        expected = f(*row)
        if any(np.max(np.abs(e), initial=0.0) > STEEP for e in expected):
            continue
        case.close(f"{what}, example {i}", _unstacked(outs, i), expected, tolerance, f, row)


def check_vmap(case: Case) -> None:
    batch = Batch(case)
    _compare_batch(case, "vmap against loop", flat(fg.vmap(case.f, batch.axes)(*batch.args)), case.values, batch, 1e-9)


def check_vmap_jit(case: Case) -> None:
    batch = Batch(case)
    outs = flat(fg.jit(fg.vmap(case.f, batch.axes))(*batch.args))
    _compare_batch(case, "jit(vmap) against loop", outs, case.values, batch, 1e-9)


def check_vmap_grad(case: Case) -> None:
    case.gradient  # noqa: B018  (void where it is steep)
    batch, gradient = Batch(case), fg.grad(case.loss(), FLOAT_INPUTS)
    outs = flat(fg.vmap(gradient, batch.axes)(*batch.args))
    _compare_batch(case, "vmap(grad) against loop", outs, case.gradients, batch, 1e-8)


def check_vmap_jit_grad(case: Case) -> None:
    case.gradient  # noqa: B018  (void where it is steep)
    batch, gradient = Batch(case), fg.grad(case.loss(), FLOAT_INPUTS)
    outs = flat(fg.jit(fg.vmap(gradient, batch.axes))(*batch.args))
    _compare_batch(case, "jit(vmap(grad)) against loop", outs, case.gradients, batch, 1e-8)


CHECKS: dict[str, Callable[[Case], None]] = {
    name.removeprefix("check_"): f for name, f in list(globals().items()) if name.startswith("check_")
}
EVERY = ("reference", "interpreted", "jit", "modes", "difference")  # for every program, even in the short run
ROTATING = tuple(name for name in CHECKS if name not in EVERY)


COMPILED = ("jit", "jit_grad", "hessian", "vmap_jit", "vmap_jit_grad")


def every(seed: int) -> tuple[str, ...]:
    """All checks."""
    return tuple(CHECKS)


def short(seed: int) -> tuple[str, ...]:
    """The checks of the test suite: those for every program, and one more."""
    return (*EVERY, ROTATING[seed % len(ROTATING)])


def rotating(seed: int) -> tuple[str, ...]:
    """All checks that compile nothing, which takes most of the time, and one of the others."""
    return (*(name for name in CHECKS if name not in COMPILED), COMPILED[seed % len(COMPILED)])
