"""Values of ops known from elsewhere: where NumPy's meaning of an op is written in this package, and its compiled form
shares that text, a comparison of the two says nothing.
"""

from __future__ import annotations

import numpy as np
import pytest

from funcgrad.ops import linalg, random_bits

# (counter, key, result) from the known-answer file of Random123, the authors' own implementation: "threefry2x32 20".
THREEFRY = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("counter", "key", "result"), THREEFRY)
def test_threefry(counter: tuple[int, int], key: tuple[int, int], result: tuple[int, int]) -> None:
    words = random_bits.threefry2x32(*map(np.uint32, key), *map(np.uint32, counter))
    assert tuple(map(int, words)) == result


def test_triangular_solve_passes_nan_through() -> None:
    a, b = np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([[np.nan], [1.0]])
    assert np.all(np.isnan(linalg.triangular_solve(a, b, lower=True, trans=False)))
    assert np.all(np.isnan(linalg.triangular_solve(a, b, lower=False, trans=False)) == [[True], [False]])
