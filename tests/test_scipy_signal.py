"""`funcgrad.scipy.signal`: SciPy's values for every mode and parity, derivatives, compiled code, errors."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.signal

import funcgrad as fg
from funcgrad.scipy import signal
from funcgrad.test_util import check_grads

_rng = np.random.default_rng(3)
SHAPES = [((5,), (3,)), ((4,), (2,)), ((3,), (5,)), ((2,), (5,)), ((1,), (3,)), ((4, 5), (2, 3)), ((3, 4), (3, 5))]


def operands(shapes: tuple, complex_: bool = False) -> list[np.ndarray]:
    return [_rng.normal(size=s) + (1j * _rng.normal(size=s) if complex_ else 0) for s in shapes]


def traced(f: Any, *args: Any) -> Any:
    return fg.jvp(f, args, args)[0]


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("shapes", SHAPES)
def test_values(shapes: tuple, mode: str) -> None:
    for complex_ in (False, True):
        x, y = operands(shapes, complex_)
        for name, methods in (("convolve", ("direct", "fft", "auto")), ("correlate", ("direct", "fft"))):
            expected = getattr(scipy.signal, name)(x, y, mode)
            for method in methods:
                got = traced(lambda x, y, n=name, m=method: getattr(signal, n)(x, y, mode, m), x, y)
                np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
        got = traced(lambda x, y: signal.fftconvolve(x, y, mode), x, y)
        np.testing.assert_allclose(got, scipy.signal.fftconvolve(x, y, mode), rtol=1e-12, atol=1e-13)


SOME_AXES: list[tuple] = [(1, ((3, 4), (3, 2))), ((0, 2), ((4, 1, 3), (2, 5, 3))), (-1, ((1, 4), (2, 3)))]


@pytest.mark.parametrize(("axes", "shapes"), SOME_AXES)
def test_transforms_over_some_axes(axes: Any, shapes: tuple) -> None:
    x, y = operands(shapes)
    for mode in ("full", "same"):
        got = traced(lambda x, y, m=mode: signal.fftconvolve(x, y, m, axes), x, y)
        np.testing.assert_allclose(got, scipy.signal.fftconvolve(x, y, mode, axes), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("f", [
    lambda x, y: signal.convolve(x, y, "same", "direct"), lambda x, y: signal.correlate(x, y, "valid"),
    lambda x, y: signal.fftconvolve(x, y),
])  # fmt: skip
def test_derivatives_batches_and_compiled_code(f: Any) -> None:
    x, y = operands(((4, 3), (2, 2)))
    check_grads(lambda x, y: np.sum(f(x, y) ** 3), (x, y), order=2)
    batch = np.stack([x, 2 * x])
    np.testing.assert_allclose(fg.vmap(f, in_axes=(0, None))(batch, y), [f(x, y), f(2 * x, y)], rtol=1e-12, atol=1e-13)

    def loss(x: Any, y: Any) -> Any:
        return np.sum(f(x, y) ** 2)

    for got, expected in zip(fg.jit(fg.grad(loss, argnums=(0, 1)))(x, y), fg.grad(loss, argnums=(0, 1))(x, y)):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)


def test_complex_derivatives() -> None:
    x, y = operands(((4,), (3,)), complex_=True)
    for f in (signal.convolve, signal.correlate, signal.fftconvolve):
        check_grads(lambda x, y, f=f: np.sum(np.abs(f(x, y, mode="same")) ** 2), (x, y), order=1)


def test_dtypes() -> None:
    x, y = np.arange(4), np.arange(1, 3)
    got = fg.jit(signal.convolve)(x, y)
    assert got.dtype == np.int64 and list(got) == list(np.convolve(x, y))
    assert list(fg.jit(lambda x, y: signal.convolve(x, y, method="fft"))(x, y)) == list(np.convolve(x, y))
    single = traced(signal.fftconvolve, *(v.astype(np.float32) for v in operands(((4,), (3,)))))
    assert single.dtype == np.float32


def test_the_cheaper_method_is_chosen() -> None:
    names = {}
    for n in (8, 4000):
        program = fg.make_program(lambda x: signal.convolve(x, x))(np.ones(n))
        names[n] = {e.prim.name for e in program.eqns}
    assert "windows" in names[8] and "circular_convolve" in names[4000]


@pytest.mark.parametrize(
    ("shapes", "options", "text"),
    [
        (((3,), (3, 1)), {}, "the same number of axes, got 1 and 2"),
        (((3,), (3,)), {"mode": "middle"}, "mode must be 'full', 'same' or 'valid'"),
        (((3, 1), (2, 2)), {"mode": "valid"}, "at least as large as the other"),
        (((3,), (3,)), {"method": "slow"}, "method must be"),
        (((0,), (3,)), {}, "an operand is empty"),
    ],
)
def test_errors(shapes: tuple, options: dict, text: str) -> None:
    x, y = operands(shapes)
    with pytest.raises(ValueError, match=text):
        traced(lambda x, y: signal.convolve(x, y, **options), x, y)


def test_lengths_of_transforms() -> None:
    for n, k in itertools.product(range(1, 60), (0, 240)):
        fast = signal.fast_length(n + k)
        assert fast >= n + k and scipy.fft.next_fast_len(n + k, real=True) <= fast < 1.2 * (n + k) + 1


@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("shapes", [((4, 5), (2, 3)), ((3, 4), (3, 2)), ((2, 2), (3, 3))])
def test_planes_that_go_on_beyond_their_edges(shapes: tuple, mode: str, boundary: str) -> None:
    x, y = operands(shapes)
    for name in ("convolve2d", "correlate2d"):
        f = lambda x, y, n=name: getattr(signal, n)(x, y, mode, boundary, fillvalue=0.5)  # noqa: E731
        expected = getattr(scipy.signal, name)(x, y, mode, boundary, fillvalue=0.5)
        np.testing.assert_allclose(traced(f, x, y), expected, rtol=1e-12, atol=1e-13)
    check_grads(f, (x, y), order=1)
    if boundary == "symm":
        np.testing.assert_allclose(fg.jit(f)(x, y), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("options", [{}, {"type": "constant"}, {"bp": [2, 4]}, {"axis": 0}])
def test_trends(options: dict) -> None:
    (x,) = operands(((3, 7),))
    f = lambda x: signal.detrend(x, **options)  # noqa: E731
    for a, rtol in ((x, 1e-12), (x.astype(np.float32), 1e-4)):
        expected = scipy.signal.detrend(a, **options)
        got = fg.jit(f)(a)
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol)
        assert got.dtype == expected.dtype
    np.testing.assert_allclose(fg.vmap(f)(np.stack([x, 2 * x])), [f(x), f(2 * x)], atol=1e-12)
    check_grads(f, (x,), order=1)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: signal.convolve2d(x, x, boundary="open"), "boundary must be 'fill', 'wrap' or 'symm'"),
        (lambda x: signal.convolve2d(x[0], x[0]), "needs matrices"),
        (lambda x: signal.detrend(x, type="square"), "type must be 'linear' or 'constant'"),
        (lambda x: signal.detrend(x, bp=9), "breakpoints must be at most 2"),
    ],
)
def test_errors_of_planes_and_trends(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        fg.linearize(call, np.ones((2, 2)))
