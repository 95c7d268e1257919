"""Convolutions and window reductions with values that JAX gave for them.

`python tests/convolution_cases.py` writes `convolution_values.json` anew; it needs an interpreter that has JAX. The
tests read the file alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

VALUES = Path(__file__).with_name("convolution_values.json")
LAST = ("NWC", "WIO", "NWC")
IMAGES = ("NHWC", "HWIO", "NHWC")
ODD = ("CHWN", "OHWI", "HWNC")

# name -> shapes of input and kernel, positional arguments after them, keyword arguments
CONVOLUTIONS: dict[str, tuple[tuple, tuple, list, dict]] = {
    "plain": ((2, 3, 5), (4, 3, 2), [(1,), "VALID"], {}),
    "same": ((1, 5, 4, 2), (3, 2, 2, 3), [(1, 1), "SAME"], dict(dimension_numbers=IMAGES)),
    "same with strides": ((1, 5, 6, 2), (3, 3, 2, 2), [(2, 3), "SAME"], dict(dimension_numbers=IMAGES)),
    "same, lower": ((1, 5, 6, 1), (2, 2, 1, 2), [(1, 2), "SAME_LOWER"], dict(dimension_numbers=IMAGES)),
    "odd order of axes": ((2, 4, 3, 1), (3, 2, 2, 2), [(1, 2), "SAME"], dict(dimension_numbers=ODD)),
    "both dilations": ((1, 4, 2), (2, 2, 3), [(2,), [(2, 1)]],
                       dict(lhs_dilation=(3,), rhs_dilation=(2,), dimension_numbers=LAST)),
    "negative padding": ((1, 6, 5, 1), (2, 2, 1, 1), [(1, 2), [(-1, 2), (1, -2)]], dict(dimension_numbers=IMAGES)),
    "negative padding of a dilated input": ((1, 4, 1), (2, 1, 1), [(1,), [(-2, -1)]],
                                            dict(lhs_dilation=(2,), dimension_numbers=LAST)),
    "groups of channels": ((1, 4, 4, 4), (2, 2, 2, 6), [(1, 1), "SAME"],
                           dict(feature_group_count=2, dimension_numbers=IMAGES)),
    "channel by channel": ((1, 4, 3, 3), (2, 2, 1, 3), [(1, 2), "SAME"],
                           dict(feature_group_count=3, dimension_numbers=IMAGES)),
    "channels multiplied": ((1, 4, 2), (2, 1, 4), [(1,), "VALID"], dict(feature_group_count=2, dimension_numbers=LAST)),
    "groups of examples": ((4, 4, 2), (2, 2, 4), [(1,), "SAME"], dict(batch_group_count=2, dimension_numbers=LAST)),
    "three axes": ((1, 1, 3, 4, 3), (2, 1, 2, 2, 2), [(1, 2, 1), "SAME"], {}),
    "window larger than the input": ((1, 2, 1), (3, 1, 1), [(1,), "VALID"], dict(dimension_numbers=LAST)),
}  # fmt: skip
TRANSPOSED: dict[str, tuple[tuple, tuple, list, dict]] = {
    "transposed, same": ((1, 3, 2), (3, 2, 2), [(2,), "SAME"], {}),
    "transposed, valid": ((1, 3, 2, 1), (2, 3, 1, 2), [(2, 1), "VALID"], {}),
    "transposed, small kernel": ((1, 3, 1), (2, 1, 1), [(3,), "VALID"], {}),
    "transposed, dilated": ((1, 3, 1), (2, 1, 1), [(2,), "SAME"], dict(rhs_dilation=(2,))),
    "transposed kernel": ((1, 3, 3, 2), (3, 2, 1, 2), [(2, 2), "SAME"], dict(transpose_kernel=True)),
    "transposed, pairs": ((1, 3, 1), (3, 1, 1), [(2,), [(1, 0)]], {}),
}
# name -> shape, name of the computation, initial value, arguments after them
WINDOWS: dict[str, tuple[tuple, str, float, list]] = {
    "max": ((2, 4, 6, 1), "max", -np.inf, [(1, 2, 2, 1), (1, 2, 2, 1), "VALID"]),
    "max, overlapping": ((1, 5, 5, 2), "max", -np.inf, [(1, 3, 3, 1), (1, 2, 2, 1), "SAME"]),
    "min": ((7,), "min", np.inf, [(3,), (2,), [(1, 2)]]),
    "sum": ((1, 4, 5, 1), "add", 0.0, [(1, 2, 3, 1), (1, 1, 2, 1), "SAME"]),
    "sum, dilated": ((4, 5), "add", 0.0, [(2, 2), (1, 2), [(1, 0), (0, 2)], (2, 1), (1, 3)]),
    "sum, same padding of a dilated operand": ((5,), "add", 0.0, [(2,), (2,), "SAME", (2,), (2,)]),
}


def operands(name: str, *shapes: tuple) -> list[np.ndarray]:
    """Multiples of 1/4, in which equal elements occur, the same for a name everywhere."""
    rng = np.random.default_rng(list(name.encode()))
    return [np.asarray(rng.integers(-8, 9, shape) / 4.0) for shape in shapes]


def cotangent(shape: tuple) -> np.ndarray:
    """What is pulled back: different small integers."""
    return np.arange(np.prod(shape), dtype=float).reshape(shape) % 7 - 2


def functions(lax: Any) -> dict[str, tuple[Any, list[np.ndarray]]]:
    """Every case as a function of arrays, with its operands."""
    found: dict[str, tuple[Any, list[np.ndarray]]] = {}
    for table, apply in ((CONVOLUTIONS, lax.conv_general_dilated), (TRANSPOSED, lax.conv_transpose)):
        for name, (x, w, args, kwargs) in table.items():
            found[name] = (lambda x, w, apply=apply, args=args, kwargs=kwargs: apply(x, w, *args, **kwargs),
                           operands(name, x, w))  # fmt: skip
    for name, (shape, kind, init, args) in WINDOWS.items():
        call = lambda x, kind=kind, init=init, args=args: lax.reduce_window(x, init, getattr(lax, kind), *args)  # noqa: E731
        found[name] = (call, operands(name, shape))
    return found


def record() -> None:
    """Values and pulled-back cotangents of every case, by JAX."""
    import jax

    jax.config.update("jax_enable_x64", True)
    out = {}
    for name, (function, args) in functions(jax.lax).items():
        value, pullback = jax.vjp(function, *args)
        arrays = [value, *pullback(jax.numpy.asarray(cotangent(value.shape)))]
        out[name] = [[list(a.shape), np.round(np.asarray(a, float), 9).ravel().tolist()] for a in arrays]
    lines = (f"{json.dumps(name)}: {json.dumps(arrays)}" for name, arrays in out.items())
    VALUES.write_text("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    record()
