"""What the type rules of ops refuse: operands that do not fit, before anything is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from registry_cases import REGISTRY, make_case

from funcgrad.ops import (
    banded,
    contraction,
    cumulative,
    decompositions,
    elementwise,
    fourier,
    indexing,
    layout,
    least_squares,
    linalg,
    matrix_functions,
    random_bits,
    reduction,
    sorting,
)

ONE, ROW, MATRIX = np.float64(1), np.ones(3), np.ones((3, 3))
SINGLE, BOOLS, PLACES = np.ones(3, np.float32), np.ones(3, bool), np.zeros(2, np.int64)
ALONG, KEYS = dict(axis=0, reverse=False), np.ones(3, np.uint32)
PRODUCT = dict(contract=((0,), (0,)), batch=((), ()))

REFUSED: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (elementwise.add, (ROW, SINGLE), {}),
    (elementwise.add, (ROW, np.ones(2)), {}),
    (elementwise.clamp, (ROW, ROW, SINGLE), {}),
    (elementwise.add, (BOOLS, BOOLS), {}),
    (elementwise.sin, (PLACES,), {}),
    (elementwise.strong_product, (ROW, SINGLE), {}),
    (elementwise.strong_product, (PLACES, PLACES), {}),
    (elementwise.select, (ROW, ROW, ROW), {}),
    (elementwise.select, (BOOLS, ROW, SINGLE), {}),
    (elementwise.select, (np.True_, ROW, ROW), {}),
    (reduction.reduce_sum, (BOOLS,), dict(axes=(0,))),
    (reduction.reduce_prod, (BOOLS,), dict(axes=(0,))),
    (reduction.reduce_max, (BOOLS,), dict(axes=(0,))),
    (reduction.reduce_and, (ROW,), dict(axes=(0,))),
    (reduction.argmax, (np.ones((2, 0)),), dict(axis=1)),
    (reduction.argmin, (np.ones((2, 0)),), dict(axis=1)),
    (cumulative.cummax, (BOOLS,), ALONG),
    (cumulative.cummin, (BOOLS,), ALONG),
    (sorting.sort, (ROW,), dict(axis=1)),
    (sorting.argsort, (ROW,), dict(axis=-1)),
    (sorting.sort, (ROW + 1j,), dict(axis=0)),
    (contraction.dot_general, (ROW, SINGLE), PRODUCT),
    (contraction.dot_general, (ROW, np.ones(2)), PRODUCT),
    (contraction.dot_general, (BOOLS, BOOLS), PRODUCT),
    (contraction.dot_general, (MATRIX, np.ones((2, 3))), dict(contract=((1,), (1,)), batch=((0,), (0,)))),
    (layout.broadcast, (ROW,), dict(shape=(2, 4), dims=(1,))),
    (layout.broadcast, (ROW,), dict(shape=(2, 3), dims=())),
    (layout.broadcast, (MATRIX,), dict(shape=(3, 3), dims=(1, 0))),
    (layout.reshape, (ROW,), dict(shape=(4,))),
    (layout.transpose, (MATRIX,), dict(axes=(0, 0))),
    (layout.concatenate, (ROW, ROW, SINGLE), dict(axis=0)),
    (layout.concatenate, (MATRIX, np.ones((3, 2))), dict(axis=0)),
    (layout.concatenate, (MATRIX, np.ones((2, 3))), dict(axis=1)),
    (layout.pad, (ROW, np.float32(1)), dict(low=(0,), high=(0,), interior=(0,))),
    (layout.pad, (ROW, ONE), dict(low=(-1,), high=(0,), interior=(0,))),
    (layout.pad, (ROW, ONE), dict(low=(0,), high=(-1,), interior=(0,))),
    (layout.pad, (ROW, ONE), dict(low=(0,), high=(0,), interior=(-1,))),
    (layout.pad, (ROW, ONE), dict(low=(0, 0), high=(0,), interior=(0,))),
    (layout.slice_, (ROW,), dict(start=(0,), stop=(4,), step=(1,))),
    (layout.slice_, (ROW,), dict(start=(-1,), stop=(3,), step=(1,))),
    (layout.slice_, (ROW,), dict(start=(2,), stop=(1,), step=(1,))),
    (layout.slice_, (ROW,), dict(start=(0,), stop=(3,), step=(0,))),
    (layout.dynamic_slice, (ROW, np.int64(0)), dict(sizes=(4,))),
    (layout.dynamic_slice, (ROW, ONE), dict(sizes=(2,))),
    (layout.dynamic_slice, (ROW,), dict(sizes=(2,))),
    (layout.dynamic_update_slice, (ROW, np.ones(4), np.int64(0)), {}),
    (layout.dynamic_update_slice, (ROW, np.ones(2, np.float32), np.int64(0)), {}),
    (layout.dynamic_update_slice, (ROW, np.ones((1, 1)), np.int64(0)), {}),
    (layout.dynamic_update_slice, (ROW, np.ones(2), PLACES), {}),
    (indexing.gather, (ROW, ROW), dict(axes=(0,))),
    (indexing.gather, (ROW,), dict(axes=())),
    (indexing.gather, (ROW, PLACES), dict(axes=(1,))),
    (indexing.gather, (MATRIX, PLACES, np.zeros(3, np.int64)), dict(axes=(0, 1))),
    (indexing.gather, (MATRIX, PLACES, PLACES), dict(axes=(0, 0))),
    (indexing.scatter, (ROW, np.ones(3), PLACES), dict(axes=(0,))),
    (indexing.scatter, (ROW, np.ones(2, np.float32), PLACES), dict(axes=(0,))),
    (indexing.scatter_add, (MATRIX, np.ones(2), PLACES), dict(axes=(0,))),
    (indexing.scatter_add, (ROW, np.ones(2), np.ones(2)), dict(axes=(0,))),
    *[(op, (np.ones((2, 3)),), {}) for op in (linalg.inv, linalg.det, linalg.slogdet, linalg.cofactors)],
    *[(op, (MATRIX.astype(int),), {}) for op in (linalg.inv, linalg.det, linalg.cholesky, linalg.eigh)],
    (linalg.cholesky, (ROW,), {}),
    (linalg.eigh, (ROW,), {}),
    (linalg.solve, (MATRIX, ROW), dict(trans=False)),
    (linalg.solve, (np.ones((2, 3)), MATRIX[:2]), dict(trans=False)),
    (linalg.solve, (MATRIX, MATRIX[:2]), dict(trans=False)),
    (linalg.solve, (MATRIX, np.ones((3, 2), np.float32)), dict(trans=False)),
    (linalg.triangular_solve, (MATRIX, ROW), dict(trans=False, lower=True)),
    (linalg.triangular_solve, (MATRIX, MATRIX[:2]), dict(trans=False, lower=True)),
    (decompositions.qr, (ROW,), dict(complete=True)),
    (decompositions.svd, (MATRIX.astype(int),), dict(full=True)),
    (decompositions.singular_values, (ROW,), {}),
    (decompositions.lu, (ROW,), {}),
    (decompositions.pivots_to_permutation, (ROW,), dict(size=3)),
    (decompositions.pivots_to_permutation, (PLACES,), dict(size=1)),
    (decompositions.eig, (MATRIX[:2],), {}),
    (least_squares.pinv, (ROW,), dict(rcond=0.1)),
    (least_squares.lstsq, (MATRIX, MATRIX[:2]), dict(rcond=0.1)),
    (least_squares.lstsq, (MATRIX, np.ones((3, 1), np.float32)), dict(rcond=0.1)),
    (matrix_functions.expm, (MATRIX[:2],), {}),
    (matrix_functions.expm, (MATRIX.astype(np.float16),), {}),
    (matrix_functions.expm_tangent, (MATRIX, MATRIX.astype(np.float32)), {}),
    (matrix_functions.sqrtm, (ROW,), {}),
    (matrix_functions.sylvester, (MATRIX, MATRIX, MATRIX[:2]), {}),
    (matrix_functions.sylvester, (MATRIX[:2], MATRIX, MATRIX), {}),
    (banded.banded_solve, (MATRIX, MATRIX), dict(lower=1, upper=0)),
    (banded.banded_solve, (MATRIX, ROW), dict(lower=1, upper=1)),
    (banded.definite_banded_solve, (MATRIX, MATRIX[:2]), {}),
    (fourier.fft, (ROW,), dict(axes=(0,), inverse=False, norm="backward")),
    (fourier.fft, (ROW + 1j,), dict(axes=(1,), inverse=False, norm="backward")),
    (fourier.fft, (ROW + 1j,), dict(axes=(0,), inverse=False, norm="best")),
    (fourier.rfft, (ROW + 1j,), dict(norm="backward")),
    (fourier.irfft, (ROW + 1j,), dict(n=8, norm="backward")),
    (fourier.circular_convolve, (ROW, SINGLE), dict(axes=(0,))),
    (fourier.circular_convolve, (ROW, ROW), dict(axes=())),
    (random_bits.threefry2x32, (KEYS, KEYS, KEYS, KEYS[:2]), {}),
    (random_bits.threefry2x32, (KEYS, KEYS, KEYS), {}),
    (random_bits.threefry2x32, (PLACES,) * 4, {}),
]


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c[0].name}-{i}") for i, c in enumerate(REFUSED)])
def test_operands_that_do_not_fit_are_refused(case: tuple[Any, tuple[Any, ...], dict[str, Any]]) -> None:
    prim, args, params = case
    with pytest.raises(
        (TypeError, ValueError), match=prim.name.replace("cummax", "running").replace("cummin", "running")
    ):
        make_case(prim, 0, list(args), params, False)


@pytest.mark.parametrize("name", ["custom_jvp_call", "custom_vjp_call", "compiled_call"])
def test_operands_of_a_program_are_of_its_types(name: str) -> None:
    prim = REGISTRY[name]
    sample = next(iter(prim.samples()))
    with pytest.raises(TypeError, match="do not fit"):
        make_case(prim, 0, [np.float32(a) for a in sample.args], sample.params, False)


def test_a_slice_states_every_axis() -> None:
    with pytest.raises((TypeError, ValueError)):
        make_case(layout.slice_, 0, [ROW], dict(start=(0, 0), stop=(1, 1), step=(1, 1)), False)


@pytest.mark.parametrize("op", [reduction.reduce_max, reduction.reduce_min])
def test_nothing_has_no_extreme(op: Any) -> None:
    with pytest.raises(ValueError, match="zero-size axis"):
        op.impl(np.ones((2, 0)), axes=(1,))
    assert op.impl(np.ones((0, 2)), axes=(1,)).shape == (0,)
