# ruff: noqa: E501
"""`funcgrad.image`: values that `jax.image` 0.10.2 gives, derivatives, batches, compiled code, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import image
from funcgrad.test_util import check_grads

X = np.array([[0.3, 1.2, -0.7, 2.0], [1.5, 0.1, 0.9, -1.1], [0.4, 2.2, -0.3, 0.8]])
SCALE, SHIFT = np.array([1.3, 0.8]), np.array([0.4, -0.3])
EXPECTED: dict[str, list] = {
    "linear True 2 7": [[0.75, 0.7633928571, 0.7848214286, 0.34375, -0.03303571429, 0.5026785714, 0.8375], [0.8125, 1.026785714, 1.369642857, 0.78125, 0.1455357143, 0.1098214286, 0.0875]],
    "linear False 2 7": [[0.6, 0.7160714286, 0.9017857143, 0.3125, -0.1910714286, 0.6803571429, 1.225], [0.675, 1.032142857, 1.603571429, 0.8375, 0.02321428571, 0.2089285714, 0.325]],
    "cubic True 2 7": [[0.7666806859, 0.7854237922, 0.7576001795, 0.2591593098, -0.07511160236, 0.5263845425, 0.9128565255], [0.7864246358, 1.057888144, 1.432413718, 0.8501504815, 0.1382621225, 0.01589014253, -0.002997283615]],
    "lanczos3 False 5 3": [[0.3772600558, -0.05601213216, 1.915644885], [0.8123262851, 0.1400423147, 0.6626731326], [1.298091884, 0.5857142857, -0.8284637268], [0.9857903961, 0.9582568733, -0.1376294351], [0.61826087, 1.080766961, 0.8037516573]],
    "lanczos5 True 2 7": [[0.7730681281, 0.8504082131, 0.6967066489, 0.09648016961, -0.008377094034, 0.4795628537, 0.9056605562], [0.7755394373, 1.093539182, 1.377051517, 0.9948663254, 0.1728774156, -0.1132789204, -0.1049166985]],
    "nearest True 5 3": [[0.3, -0.7, 2], [0.3, -0.7, 2], [1.5, 0.9, -1.1], [0.4, -0.3, 0.8], [0.4, -0.3, 0.8]],
    "st cubic": [[0.8227987883, -0.2043764281, 1.922493348, 0, 0], [0.7914945401, 0.09185366105, 0.8581382747, 0, 0], [0.8415197201, 0.6216027753, -0.8464651958, 0, 0], [1.334582747, 0.5099661106, 0.457124426, 0, 0]],
}  # fmt: skip


def call(name: str) -> Callable[[Any], Any]:
    method, *rest = name.split()
    if method == "st":
        return lambda x: image.scale_and_translate(x, (4, 5), (0, 1), SCALE, SHIFT, rest[0])
    return lambda x: image.resize(x, (int(rest[1]), int(rest[2])), method, rest[0] == "True")


@pytest.mark.parametrize("name", EXPECTED)
def test_values_of_jax(name: str) -> None:
    f = call(name)
    for run in (f, fg.jit(f)):
        np.testing.assert_allclose(run(X), EXPECTED[name], atol=1e-8)
        assert run(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(fg.vmap(f)(np.stack([X, 2 * X])), [f(X), 2 * f(X)], atol=1e-12)
    check_grads(f, (X,), order=1)


def test_integers_and_axes_that_do_not_change() -> None:
    whole = np.arange(6).reshape(2, 3)
    assert image.resize(whole, (4, 3), "nearest").dtype == whole.dtype
    assert image.resize(whole, (4, 3), "linear").dtype == np.float64
    np.testing.assert_array_equal(image.resize(X, X.shape, "cubic"), X)


def test_scale_and_translation_have_derivatives() -> None:
    f = lambda x, s, t: image.scale_and_translate(x, (4, 5), (0, 1), s, t, "cubic")  # noqa: E731
    check_grads(f, (X, SCALE + 0.05, SHIFT - 0.07), order=2)  # no element at a knot of the kernel
    np.testing.assert_allclose(fg.jit(f)(X, SCALE, SHIFT), f(X, SCALE, SHIFT), rtol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda x: image.resize(x, (2,), "linear"), r"an image with axes \(3, 4\) cannot have the shape \(2,\)"),
        (lambda x: image.resize(x, (2, 2), "sharp"), "unknown method 'sharp'; there are linear"),
        (lambda x: image.scale_and_translate(x, (2, 4), (1,), SCALE, SHIFT, "linear"), "1 axes need as many scales"),
        (
            lambda x: image.scale_and_translate(x, (2, 4), (1,), SCALE[:1], SHIFT[:1], "linear"),
            "only the axes .* may change",
        ),
    ],
)
def test_errors(wrong: Callable, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        fg.jit(wrong)(X)
