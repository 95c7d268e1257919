# ruff: noqa: E501, E731
"""Derivatives of composed functions: reverse mode against forward mode against finite differences, and the edge table."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy_modes import ARRAYS, arguments, function_of

import funcgrad as fg
import funcgrad.numpy as fnp

SMOOTH = """
m.sum(A * v, axis=0) | m.mean(A, axis=1) | m.var(A, axis=0, ddof=1) | m.std(A) | m.std(T, axis=(0, 2)) | m.prod(A, axis=1) | m.max(A, axis=1) | m.min(A) | m.cumsum(A, axis=0) | m.cumprod(A, axis=1) | m.average(A, axis=1, weights=v) | m.ptp(A, axis=0)
m.power(A, w) | A ** 3 | A ** -1 | A ** 0.5 | 2.0 ** A | A ** v | P ** 12 | A / v | m.mod(w, 0.7) | m.float_power(A, 2.5) | m.ldexp(A, 3) | m.modf(B)[0] | m.logaddexp2(A, v) | m.hypot(A, v) | m.arctan2(w, v) | m.sinc(B) | m.deg2rad(B) | m.heaviside(B, 0.5) | m.fmax(A, v) | m.copysign(A, w)
m.where(C, A, v) | m.clip(B, -1, 1) | m.select([A > .7, A > .4], [A, A * A], 3.) | m.nan_to_num(A) | m.polyval(v, A) | m.interp(x, [0.1, 1., 2., 4.], [3., 5., -1., 2.]) | m.interp(A, [0., 1.], v[:2]) | m.round(B)
m.reshape(A, (4, 3), order='F') | m.ravel(A, order='F') | m.moveaxis(T, 0, 2) | m.concatenate([A, B.T]) | m.stack([v, w], 1) | m.block([[S, S], [S, S]]) | m.split(A, 2, axis=1)[1] | m.array_split(v, 3)[0] | m.repeat(A, 2, axis=1) | m.repeat(v, [1, 0, 2, 1]) | m.tile(A, (2, 2)) | m.flip(A, 0) | m.roll(A, (1, -1), (0, 1)) | m.rot90(A, 3) | m.tril(S) | m.vander(v) | m.pad(A, 2, mode='reflect') | m.pad(A, ((1, 0), (0, 2))) | m.diff(A, axis=1) | m.gradient(A, 0.5, axis=0) | m.trapezoid(A, v)
m.take(A, k, axis=0) | m.take_along_axis(A, m.argsort(A, axis=1), axis=1) | m.sort(A, axis=1) | m.median(A, axis=0) | m.quantile(A, 0.3) | m.quantile(A, s) | m.percentile(A, [10, 60], axis=1) | m.unique(A) | m.delete(v, 1) | m.insert(v, 1, s) | m.compress(b, A, axis=1)
m.dot(A, B) | m.dot(T, B) | A @ v | m.matmul(T, T.swapaxes(1, 2)) | m.matmul(A, T.swapaxes(1, 2)) | m.vdot(v, w) | m.vecdot(A, v) | m.inner(A, v) | m.outer(v, w) | m.tensordot(T, A, ([1, 2], [0, 1])) | m.kron(v, w) | m.cross(S, S[::-1]) | m.trace(T, 1, 1, 2) | m.diag(v, 1) | m.diag(A, -1) | m.diagonal(T)
m.einsum('ij,jk->ik', A, B) | m.einsum('ij,ij->', A, A) | m.einsum('ii->i', S) | m.einsum('i,j,k->kij', v, w, v) | m.einsum('aij,ji', T, B) | m.einsum('...i,i->...', T, v)
A[1] | A[:, ::-2] | A[..., None, 1] | A[k] | A[k, [0, 1, 3]] | A[:, None, k] | T[k[1:], :, [0, 1]] | A[A > 0.5] | m.linspace(s, v, 3) | m.full((2, 2), s) | m.meshgrid(v, w)[1] | m.logspace(s, 1., 3) | m.geomspace(s, 2., 3) | fnp.nanmean(N * s)
fnp.at(A)[0].set(v) | fnp.at(A)[k].add(A) | fnp.at(v)[[0, 0, 1]].multiply(2.) | fnp.at(v)[[0, 0, 1]].multiply(w[:3]) | fnp.at(A)[:, 1].divide(s) | fnp.at(v)[1:].power(2.5) | fnp.at(v)[k].max(s) | fnp.at(v)[[1, 1]].min(w[:2]) | fnp.at(A)[::2, 1:3].set(s) | fnp.at(v)[k].apply(fnp.sin) | fnp.at(v)[[5, 1]].get(mode='fill', fill_value=0.)
m.maximum.accumulate(A, axis=1) if m is np else fnp.cumsum(A) | np.maximum.accumulate(A, axis=1) | np.minimum.accumulate(w) | np.multiply.outer(v, w) | np.add.reduce(A, axis=(0, 1)) | np.logaddexp(A, v) | np.multiply.reduce(A, axis=1)
"""
EXPRESSIONS = [call.strip() for line in SMOOTH.strip().splitlines() for call in line.split(" | ")]


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_modes_and_differences_agree(expression: str) -> None:
    names = [a for a in arguments(expression) if np.asarray(ARRAYS[a]).dtype == np.float64 and a not in ("N",)]
    fixed = {a: ARRAYS[a] for a in arguments(expression) if a not in names}
    f, order = function_of(expression), arguments(expression)
    rng = np.random.default_rng(1)
    directions = [rng.standard_normal(np.shape(ARRAYS[a])) for a in names]
    weights = rng.standard_normal(np.shape(f(fnp, *[ARRAYS[a] for a in order])))

    def loss(*values: Any) -> Any:
        given = dict(zip(names, values)) | fixed
        return fnp.sum(f(fnp, *[given[a] for a in order]) * weights)

    point = [ARRAYS[a] for a in names]
    gradients = fg.grad(loss, argnums=tuple(range(len(names))), allow_unused=True)(*point)
    reverse = sum(np.sum(g * d) for g, d in zip(gradients, directions))
    _, forward = fg.jvp(loss, tuple(point), tuple(np.asarray(d)[()] for d in directions))
    step = 1e-6
    ends = [loss(*[p + sign * step * d for p, d in zip(point, directions)]) for sign in (1, -1)]
    np.testing.assert_allclose(reverse, forward, rtol=1e-11, atol=1e-12, err_msg=expression)
    np.testing.assert_allclose(forward, (ends[0] - ends[1]) / (2 * step), rtol=3e-6, atol=1e-7, err_msg=expression)


EDGES = {
    "abs at 0": (lambda x: fnp.abs(x), 0.0, 0.0), "maximum tie": (lambda x: fnp.maximum(x, 1.0), 1.0, 0.5), "sqrt at 0": (lambda x: fnp.sqrt(x), 0.0, np.inf),
    "std of equal values": (lambda x: fnp.std(fnp.stack([x, x * 1.0, x])), 2.0, 0.0), "arctan2 at the origin": (lambda x: fnp.arctan2(x, x), 0.0, 0.0),
    "where over sqrt": (lambda x: fnp.where(x > 0, fnp.sqrt(x), 0.0), 0.0, 0.0), "where over log": (lambda x: fnp.where(x > 0, fnp.log(x), 0.0), 0.0, 0.0),
    "hypot at the origin": (lambda x: fnp.hypot(x, x), 0.0, 0.0), "power 0": (lambda x: x**0, 0.0, 0.0), "power with y": (lambda y: fnp.power(0.0, y), 2.0, 0.0),
    "sinc at 0": (lambda x: fnp.sinc(x), 0.0, 0.0), "prod with a zero": (lambda x: fnp.prod(fnp.stack([x, 2.0 + x, 3.0 + x])), 0.0, 6.0),
    "cumprod with a zero": (lambda x: fnp.cumprod(fnp.stack([x, 2.0 + x, 3.0 + x]))[2], 0.0, 6.0), "clip at the bound": (lambda x: fnp.clip(x, 0.0, 1.0), 1.0, 0.5),
    "max of equal values": (lambda x: fnp.max(fnp.stack([x, x * 2.0 - 1.0])), 1.0, 1.5), "logaddexp of -inf": (lambda x: fnp.logaddexp(x, x), -np.inf, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(EDGES))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_edge_table(name: str) -> None:
    f, point, expected = EDGES[name]
    assert fg.grad(f)(point) == expected


def test_second_derivative_of_std_and_sinc() -> None:
    f = lambda x: fnp.std(fnp.stack([x, x * x, 1.0 + x]))
    h = 1e-5
    numeric = (fg.grad(f)(0.7 + h) - fg.grad(f)(0.7 - h)) / (2 * h)
    np.testing.assert_allclose(fg.grad(fg.grad(f))(0.7), numeric, rtol=1e-6)
    np.testing.assert_allclose(fg.grad(fg.grad(fnp.sinc))(0.0), -(np.pi**2) / 3, rtol=1e-12)


def test_no_warnings_in_a_plain_gradient() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        g = fg.grad(lambda x: np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0)))(np.array([0.0, 2.0]))
    np.testing.assert_array_equal(g, [0.0, 0.5])
