"""Print what the matrix of functions, modes and dtypes covers: `python tests/numpy/matrix_counts.py`."""

from __future__ import annotations

from matrix import counts

if __name__ == "__main__":
    print(counts())
