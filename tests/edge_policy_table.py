# ruff: noqa: E501
"""The edge policy: what derivatives are at kinks and singular points. Each row is code, a point, and the derivative there.

`test_edge_policy.py` holds every row in every mode; `write_edge_policy.py` makes docs/edge_policy.md of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as special

import funcgrad as fg

NAMES = {"np": np, "special": special, "fg": fg, "W": np.array([1.0, 2.0, 4.0])}


def value_of(text: str) -> Any:
    """A point or a derivative, as an array or a number."""
    return np.asarray(eval(text, NAMES), float)[()]


def function_of(code: str) -> Callable:
    """The function of x."""
    return eval(f"lambda x: {code}", NAMES)


# name, code, point, gradient
ROWS = [
    ("abs at 0", "np.abs(x)", "0.0", "0.0"),
    ("relu at 0, a tie", "np.maximum(x, 0.0)", "0.0", "0.5"),
    ("maximum at a tie", "np.maximum(x, 2.0)", "2.0", "0.5"),
    ("maximum at a tie, other side", "np.maximum(2.0, x)", "2.0", "0.5"),
    ("minimum at a tie", "np.minimum(x, -1.0)", "-1.0", "0.5"),
    ("maximum of x and x", "np.maximum(x, x)", "1.3", "1.0"),
    ("max of equal elements", "np.max(x)", "np.array([2.0, 1.0, 2.0])", "np.array([0.5, 0.0, 0.5])"),
    ("min of equal elements", "np.min(x)", "np.array([1.0, 1.0, 1.0, 2.0])", "np.array([1, 1, 1, 0]) / 3"),
    ("sqrt at 0", "np.sqrt(x)", "0.0", "np.inf"),
    ("cbrt at 0", "np.cbrt(x)", "0.0", "np.inf"),
    ("log at 0", "np.log(x)", "0.0", "np.inf"),
    ("hypot at the origin", "np.hypot(x[0], x[1])", "np.zeros(2)", "np.zeros(2)"),
    ("std of equal values", "np.std(x)", "np.full(4, 2.5)", "np.zeros(4)"),
    ("arctan2 at the origin", "np.arctan2(x[0], x[1])", "np.zeros(2)", "np.zeros(2)"),
    ("sign at 0", "np.sign(x)", "0.0", "0.0"),
    ("floor at an integer", "np.floor(x)", "2.0", "0.0"),
    ("where with sqrt at 0", "np.where(x > 0, np.sqrt(x), 0.0)", "0.0", "0.0"),
    ("xlogy(x, 2) at 0", "special.xlogy(x, 2.0)", "0.0", "np.log(2.0)"),
    ("xlog1py(x, 2) at 0", "special.xlog1py(x, 2.0)", "0.0", "np.log(3.0)"),
    ("xlogy(0, y) in y", "special.xlogy(0.0, x)", "0.0", "0.0"),
    ("xlogy(x, x) at 0", "np.sum(special.xlogy(x, x))", "np.array([0.0])", "np.array([-np.inf])"),
    ("power(0, y) in y", "np.power(0.0, x)", "2.0", "0.0"),
    ("power(0, y) in y at 0", "np.power(0.0, x)", "0.0", "0.0"),
    ("power(x, 0) in x at 0", "np.power(x, 0.0)", "0.0", "0.0"),
    ("x ** 0 at 0", "x ** 0", "0.0", "0.0"),
    ("x ** 1 at 0", "x ** 1", "0.0", "1.0"),
    ("x ** 2 at 0", "x ** 2", "0.0", "0.0"),
    ("power(x, 2.0) at 0", "np.power(x, 2.0)", "0.0", "0.0"),
    ("prod with one zero", "np.prod(x)", "np.array([2.0, 0.0, 3.0])", "np.array([0.0, 6.0, 0.0])"),
    ("prod with two zeros", "np.prod(x)", "np.array([0.0, 0.0, 3.0])", "np.zeros(3)"),
    ("sigmoid at 40", "special.expit(x)", "40.0", "4.248354255291589e-18"),
    ("expm1 at -40", "np.expm1(x)", "-40.0", "4.248354255291589e-18"),
    ("tanh at 20", "np.tanh(x)", "20.0", "1.699341702116635e-17"),
    ("logaddexp at a tie", "np.logaddexp(x, 1.0)", "1.0", "0.5"),
    ("logaddexp of -inf and -inf", "np.logaddexp(x, -np.inf)", "-np.inf", "0.5"),
    ("clip at a bound", "np.clip(x, -1.0, 1.0)", "1.0", "0.5"),
    ("sort of equal elements", "np.sort(x) @ W", "np.array([3.0, 1.0, 3.0])", "np.array([2.0, 1.0, 4.0])"),
]  # fmt: skip

# name, code, point, second derivative: a stabilized form must not hide a constant
SECOND = [
    ("logaddexp at a tie", "np.logaddexp(x, 1.0)", "1.0", "0.25"),
    ("hypot at |x| == |y|", "np.hypot(x, 2.0)", "2.0", "4 / 8 ** 1.5"),
    ("hypot at |x| == |y|, small", "np.hypot(x, 0.001)", "0.001", "1e-06 / 2e-06 ** 1.5"),
    ("sigmoid at 0", "special.expit(x)", "0.0", "0.0"),
    ("tanh at 0", "np.tanh(x)", "0.0", "0.0"),
    ("sinc at 0", "np.sinc(x)", "0.0", "-np.pi ** 2 / 3"),
    ("softplus at 0", "np.logaddexp(x, 0.0)", "0.0", "0.25"),
    ("prod with one zero", "np.prod(x * np.array([1.0, 0.0, 2.0]) + np.array([0.0, 1.0, 1.0]))", "0.5", "4.0"),
]  # fmt: skip

# name, code, point: an untaken branch contributes exactly nothing
UNTAKEN = [
    ("sqrt of 0", "np.where(x > 0, np.sqrt(x), 0.0)", "0.0"),
    ("sqrt of a negative number", "np.where(x > 0, np.sqrt(x), 0.0)", "-1.0"),
    ("log of 0", "np.where(x > 0, np.log(x), 0.0)", "0.0"),
    ("log of a negative number", "np.where(x > 0, np.log(x), 0.0)", "-2.0"),
    ("log2", "np.where(x > 0, np.log2(x), 0.0)", "0.0"),
    ("log10", "np.where(x > 0, np.log10(x), 0.0)", "0.0"),
    ("log1p at -1", "np.where(x > -1, np.log1p(x), 0.0)", "-1.0"),
    ("1 / x at 0", "np.where(x != 0, 1.0 / x, 0.0)", "0.0"),
    ("reciprocal at 0", "np.where(x != 0, np.reciprocal(x), 0.0)", "0.0"),
    ("x / x at 0", "np.where(x != 0, x / x, 0.0)", "0.0"),
    ("sin(x) / x at 0", "np.where(x != 0, np.sin(x) / x, 1.0)", "0.0"),
    ("negative power at 0", "np.where(x != 0, x ** (-2), 0.0)", "0.0"),
    ("fractional power at 0", "np.where(x > 0, x ** 0.5, 0.0)", "0.0"),
    ("fractional power of a negative number", "np.where(x > 0, np.power(x, 1.5), 0.0)", "-1.0"),
    ("x to the x at 0", "np.where(x > 0, np.power(x, x), 0.0)", "0.0"),
    ("cbrt at 0", "np.where(x > 0, np.cbrt(x), 0.0)", "0.0"),
    ("arcsin at 1", "np.where(x < 1, np.arcsin(x), 0.0)", "1.0"),
    ("arccos outside", "np.where(np.abs(x) < 1, np.arccos(x), 0.0)", "1.5"),
    ("arccosh at 1", "np.where(x > 1, np.arccosh(x), 0.0)", "1.0"),
    ("arctanh at 1", "np.where(np.abs(x) < 1, np.arctanh(x), 0.0)", "1.0"),
    ("norm at 0", "np.where(x > 0, np.sqrt(x * x), 0.0)", "0.0"),
    ("log of a norm", "np.where(x > 0, np.log(np.sqrt(x * x + x)), 0.0)", "0.0"),
    ("exp that overflows", "np.where(x < 100, np.exp(x), 0.0)", "1000.0"),
    ("exp of exp", "np.where(x < 5, np.exp(np.exp(x)), 0.0)", "50.0"),
    ("square that overflows", "np.where(x < 1e+100, x * x, 0.0)", "1e+200"),
    ("cosh that overflows", "np.where(x < 100, np.cosh(x), 0.0)", "1000.0"),
    ("erfinv at 1", "np.where(x < 1, special.erfinv(x), 0.0)", "1.0"),
    ("a chain through log and division", "np.where(x > 0, 1.0 / np.log(np.sqrt(x)), 0.0)", "0.0"),
    ("select", "np.select([x > 1, x > 0], [np.log(x), np.sqrt(x)], 0.0)", "0.0"),
    ("division by a difference", "np.where(x != 1, (x ** 3 - 1) / (x - 1), 3.0)", "1.0"),
    ("x log x by xlogy", "np.where(x > 0, special.xlogy(x, x), 0.0)", "0.0"),
    ("softplus, the naive form", "np.where(x > 30, 0.0, np.log1p(np.exp(x)))", "1000.0"),
    ("reduced", "np.sum(np.where(x > 0, np.sqrt(x * np.ones(3)), 0.0))", "0.0"),
    ("integer power of an overflow", "np.where(x < 10, x ** 7, 0.0)", "1e+150"),
    ("hypot", "np.where(x > 0, np.hypot(x, x), 0.0)", "0.0"),
    ("arctan2", "np.where(x > 0, np.arctan2(x, x), 0.0)", "0.0"),
]  # fmt: skip

# name, code, point, gradient: arrays some of whose elements are singular
ARRAYS = [
    ("masked sqrt", "np.sum(np.where(x > 0, np.sqrt(x), 0.0))", "[0.0, 4.0, -1.0]", "[0.0, 0.25, 0.0]"),
    ("masked log", "np.sum(np.where(x > 0, np.log(x), 0.0))", "[0.0, 2.0, -1.0]", "[0.0, 0.5, 0.0]"),
    ("masked division", "np.sum(np.where(x != 0, 1 / x, 0.0))", "[0.0, 2.0]", "[0.0, -0.25]"),
    ("masked log with the double where", "np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0))", "[0.0, 2.0, -1.0]", "[0.0, 0.5, 0.0]"),
    ("masked cbrt", "np.sum(np.where(x > 0, np.cbrt(x), 0.0))", "[0.0, 8.0]", "[0.0, 1 / 12]"),
    ("masked exp(-1/x)", "np.sum(np.where(x > 0, np.exp(-1 / x), 0.0))", "[0.0, 1.0, -1.0]", "[0.0, np.exp(-1.0), 0.0]"),
    ("masked arccos", "np.sum(np.where(np.abs(x) < 1, np.arccos(x), 0.0))", "[0.0, 1.0, -3.0]", "[-1.0, 0.0, 0.0]"),
    ("norm at 0", "np.linalg.norm(x)", "[0.0, 0.0, 0.0]", "[0.0, 0.0, 0.0]"),
    ("norms of rows", "np.sum(np.linalg.norm(x, axis=1))", "[[0.0, 0.0], [3.0, 4.0]]", "[[0.0, 0.0], [0.6, 0.8]]"),
    ("1-norm at 0", "np.linalg.norm(x, ord=1)", "[0.0, -2.0]", "[0.0, -1.0]"),
    ("hypot at the origin", "np.sum(np.hypot(x[0], x[1]))", "[[0.0, 3.0], [0.0, 4.0]]", "[[0.0, 0.6], [0.0, 0.8]]"),
    ("arctan2 at the origin", "np.sum(np.arctan2(x[0], x[1]))", "[[0.0, 1.0], [0.0, 1.0]]", "[[0.0, 0.5], [0.0, -0.5]]"),
    ("std of equal values", "np.std(x)", "[2.0, 2.0, 2.0]", "[0.0, 0.0, 0.0]"),
    ("std by rows, one of equal values", "np.sum(np.std(x, axis=1))", "[[2.0, 2.0], [1.0, 3.0]]", "[[0.0, 0.0], [-0.5, 0.5]]"),
    ("power of base 0 in the base", "np.sum(x**2.5 + x**0.0 + x**1.0)", "[0.0, 1.0]", "[1.0, 3.5]"),
    ("power of base 0 in the exponent", "np.sum(np.power(np.array([0.0, 2.0]), x))", "[1.0, 1.0]", "[0.0, 2 * np.log(2.0)]"),
    ("|x|^1.5 at 0", "np.sum(np.abs(x) ** 1.5)", "[0.0, 4.0]", "[0.0, 3.0]"),
    ("prod with zeros", "np.prod(x)", "[0.0, 2.0, 3.0]", "[6.0, 0.0, 0.0]"),
    ("logsumexp with -inf", "fg.nn.logsumexp(x)", "[-np.inf, 0.0, -np.inf]", "[0.0, 1.0, 0.0]"),
    ("logsumexp of -inf alone", "fg.nn.logsumexp(x)", "[-np.inf, -np.inf]", "[0.0, 0.0]"),
    ("logaddexp of -inf", "np.sum(np.logaddexp(x, -np.inf))", "[-np.inf, 1.0]", "[0.5, 1.0]"),
    ("softplus far out", "np.sum(np.logaddexp(x, 0.0))", "[-1000.0, 0.0, 1000.0]", "[0.0, 0.5, 1.0]"),
    ("softmax under a mask", "fg.nn.softmax(np.where(np.array([True, False, True]), x, -np.inf))[0]", "[0.0, 5.0, 0.0]", "[0.25, 0.0, -0.25]"),
    ("xlogy at 0 in y", "np.sum(special.xlogy(np.array([0.0, 2.0]), x))", "[0.0, 4.0]", "[0.0, 0.5]"),
    ("clip of log", "np.sum(np.clip(np.log(x), -5.0, 5.0))", "[0.0, 2.0]", "[0.0, 0.5]"),
    ("maximum over sqrt", "np.sum(np.maximum(np.sqrt(x), 0.1))", "[0.0, 4.0]", "[0.0, 0.25]"),
    ("arcsin of clip", "np.sum(np.arcsin(np.clip(x, -1.0, 1.0)))", "[0.0, 1.5]", "[1.0, 0.0]"),
    ("sqrt of clip", "np.sum(np.sqrt(np.clip(x, 0.0, None)))", "[-1.0, 4.0]", "[0.0, 0.25]"),
    ("sqrt of relu", "np.sum(np.sqrt(fg.nn.relu(x)))", "[-1.0, 4.0]", "[0.0, 0.25]"),
    ("piecewise", "np.sum(np.piecewise(x, [x > 0], [np.log, lambda t: 0.0 * t]))", "[0.0, 2.0]", "[0.0, 0.5]"),
    ("select", "np.sum(np.select([x > 1, x > 0], [np.log(x), np.sqrt(x)], 0.0))", "[0.0, 2.0, 0.25]", "[0.0, 0.5, 1.0]"),
    ("nan_to_num of log", "np.sum(np.nan_to_num(np.log(x)))", "[0.0, 2.0, -1.0]", "[0.0, 0.5, 0.0]"),
    ("nanmean", "np.nanmean(x)", "[1.0, np.nan, 3.0]", "[0.5, 0.0, 0.5]"),
    ("nanstd of equal values", "np.nanstd(x)", "[2.0, np.nan, 2.0]", "[0.0, 0.0, 0.0]"),
    ("sinc at 0", "np.sum(np.sinc(x))", "[0.0, 1.0]", "[0.0, -1.0]"),
    ("sigmoid far out", "np.sum(special.expit(x))", "[-800.0, 0.0, 800.0]", "[0.0, 0.25, 0.0]"),
    ("a unit vector, guarded", "np.sum(x / np.maximum(np.linalg.norm(x), 1.0))", "[0.0, 0.0]", "[1.0, 1.0]"),
    ("max with -inf", "np.max(x)", "[-np.inf, 1.0]", "[0.0, 1.0]"),
]  # fmt: skip

# name, code, point, what to write instead: reverse mode gives NaN, as in other libraries
UNDEFINED = [
    ("the root of a sum of squares at 0", "np.sqrt(np.sum(x * x))", "[0.0, 0.0]", "np.linalg.norm(x)"),
    ("the root of a variance of 0", "np.sqrt(np.var(x))", "[2.0, 2.0]", "np.std(x)"),
    ("a product with a NaN that is masked afterwards", "np.sum(np.where(np.isnan(x), 0.0, x * x))", "[np.nan, 2.0]", "np.sum(np.where(np.isnan(x), 0.0, x) ** 2)"),
]  # fmt: skip
