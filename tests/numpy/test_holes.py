# ruff: noqa: E501
"""What NumPy's protocols cannot follow: each works, or raises an error that names the replacement; none is a silent
constant and none gives an array of objects.
"""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.special
import scipy.stats

import funcgrad.numpy as fnp
from funcgrad import tree
from funcgrad.core.avals import aval_of
from funcgrad.core.tracing import Trace, Tracer

HOLES = {
    "np.array of a list": lambda t: np.array([t, t]), "np.asarray": lambda t: np.asarray(t), "np.full": lambda t: np.full((2,), t),
    "np.full with dtype": lambda t: np.full((2,), t, dtype=float), "setitem": lambda t: np.zeros(3).__setitem__(0, t),
    "slice setitem": lambda t: np.zeros(3).__setitem__(slice(0, 2), t), "in place add": lambda t: np.zeros(3).__iadd__(t),
    "np.float64": lambda t: np.float64(t), "np.fromiter": lambda t: np.fromiter([t, t], float), "out": lambda t: np.add(t, 1, out=np.zeros(())),
    "np.fill": lambda t: np.zeros(3).fill(t), "np.put": lambda t: np.put(np.zeros(3), [0], t), "np.copyto": lambda t: np.copyto(np.zeros(3), t),
    "map(math.sin)": lambda t: list(map(__import__("math").sin, [t])), "math.sqrt": lambda t: __import__("math").sqrt(t),
    "list to array method": lambda t: np.arange(3).astype(float).__class__([3], float).__setitem__(0, t), "np.bool": lambda t: np.array([[t]]),
    "np.array nested": lambda t: np.array([[1.0, t], [t, 2.0]]), "sum of list with start": lambda t: np.sum([t, 1.0]), "cmath": lambda t: __import__("cmath").exp(t),
    "random scale": lambda t: np.random.default_rng(0).normal(t), "array.dot": lambda t: np.ones(1).dot(t[None]), "np.ndarray.sum": lambda t: np.ones(2).searchsorted(t),
    "array module": lambda t: __import__("array").array("d", [t]), "np.ufunc.at": lambda t: np.add.at(np.zeros(2), 0, t),
    "np.linspace": lambda t: np.linspace(0.0, t, 3), "np.arange": lambda t: np.arange(t), "fsum": lambda t: __import__("math").fsum([t, t]),
    "np.fill_diagonal": lambda t: np.fill_diagonal(np.zeros((2,2)), t),
    "np.fill_diagonal tracer": lambda t: np.fill_diagonal(np.ones((2,2))*t, 0.),
    "scipy.linalg.solve": lambda t: scipy.linalg.solve(np.eye(2)*t, np.ones(2)),
    "scipy.linalg.expm": lambda t: scipy.linalg.expm(np.eye(2)*t),
    "scipy.linalg.cholesky": lambda t: scipy.linalg.cholesky(np.eye(2)*t),
    "scipy.linalg.cho_factor": lambda t: scipy.linalg.cho_factor(np.eye(2)*t),
    "scipy.linalg.norm": lambda t: scipy.linalg.norm(np.ones(2)*t),
    "scipy.linalg.solve_triangular": lambda t: scipy.linalg.solve_triangular(np.eye(2)*t, np.ones(2)),
    "scipy.linalg.block_diag": lambda t: scipy.linalg.block_diag(np.eye(2)*t, np.eye(2)),
    "scipy.linalg.toeplitz": lambda t: scipy.linalg.toeplitz(np.ones(2)*t),
    "np.random.normal": lambda t: np.random.normal(t, 1.0),
    "np.random.normal scale": lambda t: np.random.normal(0., t, size=3),
    "np.random.uniform": lambda t: np.random.uniform(0.0, t),
    "rng.normal": lambda t: np.random.default_rng(0).normal(t),
    "rng.normal arr": lambda t: np.random.default_rng(0).normal(t*np.ones(2)),
    "rng.permutation": lambda t: np.random.default_rng(0).permutation(t*np.ones(3)),
    "rng.choice": lambda t: np.random.default_rng(0).choice(t*np.ones(3)),
    "rng.shuffle": lambda t: np.random.default_rng(0).shuffle(t*np.ones(3)),
    "rng.choice p": lambda t: np.random.default_rng(0).choice(3, p=t*np.ones(3)/3),
    "rng.poisson": lambda t: np.random.default_rng(0).poisson(t),
    "rng.multivariate_normal": lambda t: np.random.default_rng(0).multivariate_normal(np.zeros(2), np.eye(2)*t),
    "rng.standard_gamma": lambda t: np.random.default_rng(0).standard_gamma(t),
    "np.random.seed": lambda t: np.random.seed(t),
    "np.random.shuffle": lambda t: np.random.shuffle(t*np.ones(3)),
    "scipy.stats.norm.logpdf": lambda t: scipy.stats.norm.logpdf(t),
    "scipy.special.logsumexp": lambda t: scipy.special.logsumexp(t*np.ones(3)),
    "scipy.special.softmax": lambda t: scipy.special.softmax(t*np.ones(3)),
    "scipy.interpolate": lambda t: scipy.interpolate.interp1d([0.,1],[0.,1])(t),
    "scipy.integrate.quad": lambda t: scipy.integrate.quad(lambda x: x*t, 0, 1),
    "ndarray[t]": lambda t: np.arange(3)[t],
    "ndarray.dot": lambda t: np.ones((2,2)).dot(t*np.ones(2)),
    "ndarray.sum where": lambda t: np.ones(2).sum(initial=t),
    "ndarray.clip": lambda t: np.ones(2).clip(t, None),
    "np.vectorize": lambda t: np.vectorize(math.sin)(t),
    "np.vectorize2": lambda t: np.vectorize(lambda v: v*2)(t*np.ones(2)),
    "np.apply": lambda t: np.frompyfunc(lambda a: a*2,1,1)(t),
    "np.poly1d": lambda t: np.poly1d([t, 1.0])(2.0),
    "np.poly1d call": lambda t: np.poly1d([1.0, 2.0])(t),
    "Polynomial": lambda t: np.polynomial.Polynomial([1.0,2.0])(t),
    "Polynomial2": lambda t: np.polynomial.Polynomial([t,2.0])(1.0),
    "list index assignment": lambda t: np.zeros(3).__setitem__([0,1], t),
    "np.isnat":lambda t: np.isnat(t),
    "np.format": lambda t: np.format_float_positional(t),
    "np.save": lambda t: np.save(io.BytesIO(), t),
    "np.savetxt": lambda t: np.savetxt(io.StringIO(), t * np.ones(2)),
    "fnp.copyto": lambda t: fnp.copyto(np.zeros(3), t),
    "fnp.putmask": lambda t: fnp.putmask(np.zeros(3), [True,False,True], t),
    "fnp.put": lambda t: fnp.put(np.zeros(3), [0], t),
    "np.putmask": lambda t: np.putmask(np.zeros(3), [True,False,True], t),
    "np.place": lambda t: np.place(np.zeros(3), [True,False,True], t),
    "np.put_along_axis": lambda t: np.put_along_axis(np.zeros(3), np.array([0]), t, 0),
    "np.require": lambda t: np.require(t*np.ones(2)),
    "np.asarray_chkfinite": lambda t: np.asarray_chkfinite(t),
    "np.min_scalar_type": lambda t: np.min_scalar_type(t),
}  # fmt: skip


def told(error: BaseException | None) -> str:
    """The text of an error and of what caused it."""
    return "" if error is None else f"{error}\n{told(error.__cause__)}"


@pytest.mark.parametrize("hole", sorted(HOLES))
@pytest.mark.parametrize("is_eager", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_holes_raise_or_stay_traced(hole: str, is_eager: bool) -> None:
    value = np.float64(0.4)
    with Trace(eager=is_eager, purpose="grad" if is_eager else "jit") as trace:
        t = trace.input(aval_of(value), value)
        try:
            result = HOLES[hole](t)
        except (TypeError, ValueError, RuntimeError) as error:
            assert "Fix:" in told(error), f"{hole}: {error}"
            return
        assert all(type(v) is Tracer for v in tree.tree_leaves(result)) and result is not None, (
            f"{hole} gave {result!r}"
        )
