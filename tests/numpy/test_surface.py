"""Every public function of funcgrad.numpy in every mode on every dtype; see `matrix.py`.

`pytest -s` prints the counts, as does `python tests/numpy/matrix_counts.py`.
"""

from __future__ import annotations

import matrix
import pytest
from matrix import Cell
from matrix_exceptions import EXCEPTIONS, FURTHER_EXCEPTIONS, NOT_SAMPLED
from matrix_table import FURTHER_DTYPES, TABLE

import funcgrad.numpy as fnp

HOLDING = [cell for cell in matrix.cells() if not matrix.excepted(cell)]
COMPILED = [cell for cell in HOLDING if cell.mode == "jit"]
CHUNKS = [COMPILED[i : i + matrix.CHUNK] for i in range(0, len(COMPILED), matrix.CHUNK)]
LARGER = 40  # functions that share one compilation where few are expected to fail


def test_every_public_function_is_sampled_or_listed() -> None:
    functions = [name for name in fnp.__all__ if matrix.is_function(name)]
    assert [name for name in functions if name not in TABLE] == [], "add a line to matrix_table.py"
    assert [name for name in TABLE if name not in functions] == [], "sampled, and listed or gone"
    assert [name for name in NOT_SAMPLED if name not in fnp.__all__] == []


@pytest.mark.parametrize("name", sorted(TABLE))
def test_function(name: str) -> None:
    for cell in HOLDING:
        if cell.name == name and cell.mode != "jit":
            matrix.check(cell)


@pytest.mark.parametrize("group", CHUNKS, ids=lambda g: f"{g[0].name}-{g[-1].name}")
def test_compiled(group: list[Cell]) -> None:
    matrix.check_jit(group)


@pytest.mark.parametrize("key", sorted(EXCEPTIONS), ids=" ".join)
def test_an_exception_is_one(key: tuple[str, ...]) -> None:
    found = [c for c in matrix.cells() if c[: len(key)] == key]
    assert found, f"{key} names no cell"
    for cell in found:
        with pytest.raises(Exception, match=r"\S"):
            matrix.check(cell)


@pytest.mark.parametrize("dtype", FURTHER_DTYPES)
def test_further_dtypes(dtype: str) -> None:
    for name in TABLE:
        if (name, dtype) in FURTHER_EXCEPTIONS:
            with pytest.raises(AssertionError):
                matrix.check_eager(name, dtype)
        else:
            matrix.check_eager(name, dtype)
    assert [key for key in FURTHER_EXCEPTIONS if key[1] == dtype and key[0] not in TABLE] == []


@pytest.mark.parametrize("dtype", FURTHER_DTYPES)
def test_further_dtypes_compiled(dtype: str) -> None:
    cells = matrix.further(dtype)
    for i in range(0, len(cells), LARGER):
        matrix.check_jit(cells[i : i + LARGER])


@pytest.mark.parametrize("key", sorted(FURTHER_EXCEPTIONS), ids=" ".join)
def test_an_exception_of_a_further_dtype_is_one(key: tuple[str, ...]) -> None:
    with pytest.raises(Exception, match=r"\S"):
        matrix.check_jit([Cell(key[0], "jit", key[1])])


def test_at_least_170_functions_are_called_by_their_numpy_names() -> None:
    names = set(matrix.through_numpy())
    for mode in ("grad", "jvp", "vmap", "jit"):
        held = {c.name for c in HOLDING if c.mode == mode and c.dtype == "float64"} & names
        assert len(held) >= 170, f"{mode}: {len(held)}"


def test_the_counts_are_printed(capsys: pytest.CaptureFixture) -> None:
    with capsys.disabled():
        print("\n" + matrix.counts(), end="")
    assert "public names" in matrix.counts()
