# ruff: noqa: E501
"""Complex numbers under every transformation: JAX's conventions, holomorphic functions, what is refused.

Cotangents are paired with tangents by Re(ct * t). Every op by itself is checked in `tests/ops`; here are the transformations,
NumPy's functions, and values taken from JAX.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import lax
from funcgrad.test_util import check_grads

Z = 1.2 - 0.7j
W = np.array([0.5 + 1j, -1.3 + 0.2j, 2 - 0.4j])
A = np.array([[1 + 1j, 2 - 0.5j], [0.3j, 1.5]])
B = np.array([0.4 - 0.3j, 1 + 2j])
X = np.array([0.3, -1.2, 0.8])

HOLOMORPHIC = (
    "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh exp exp2 expm1 log log2 log10 log1p sqrt "
    "square reciprocal negative positive"
)


def close(actual: Any, expected: Any, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-14)


# --- holomorphic functions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOLOMORPHIC.split())
def test_elementary_functions_satisfy_the_cauchy_riemann_equations(name: str) -> None:
    f, points = getattr(np, name), np.array([1.2 - 0.7j, -0.4 + 0.3j, 0.1 + 0.2j, -2.5 - 1.5j])
    h, along = 1e-5, {}
    for direction in (1, 1j):
        moved = f(points + h * direction) - f(points - h * direction)
        along[direction] = fg.jvp(f, (points,), (np.full(4, direction, complex),))[1]
        np.testing.assert_allclose(along[direction], moved / (2 * h), rtol=1e-8, atol=1e-9)
    close(along[1j], 1j * along[1])  # df/dy = i df/dx
    for k, z in enumerate(points):
        close(fg.grad(f, holomorphic=True)(z), along[1][k])
        assert fg.grad(f, holomorphic=True)(np.complex64(z)).dtype == np.complex64


@pytest.mark.parametrize(
    ("name", "z"), [("sin", 1000j), ("tanh", 400 + 1j), ("tanh", -400 + 1j), ("arcsinh", 1e200 + 1j)]
)
def test_derivatives_far_out(name: str, z: complex) -> None:
    """Where something overflows the derivative is right, or nothing is made of nothing."""
    f = getattr(np, name)
    with np.errstate(all="ignore"):
        assert fg.jvp(f, (z,), (0j,))[1] == 0
        slope = fg.grad(f, holomorphic=True)(z)
    if name == "tanh":
        assert slope == 0 or abs(slope) < 1e-300
    if name == "arcsinh":
        close(slope, 1 / z)


def test_powers() -> None:
    for n in (-3, -1, 0, 1, 2, 3, 0.5, 1.7, 2 - 1j, 1j):
        slope = fg.grad(lambda z, n=n: z**n, holomorphic=True)(Z)
        close(slope, n * Z ** (n - 1))
    assert fg.grad(lambda z: z**3, holomorphic=True)(0j) == 0
    check_grads(fnp.power, (Z, 0.3 + 0.9j), order=2)
    check_grads(lambda x: x ** (0.5 + 1j), (1.7,), order=2)
    close(fg.grad(lambda z: fnp.float_power(z, 2), holomorphic=True)(Z), 2 * Z)


def test_holomorphic_matrices_of_derivatives() -> None:
    def f(z: Any) -> Any:
        return fnp.stack([z[0] * z[1], fnp.sin(z[1]), z[0] ** 2])

    z = W[:2]
    expected = np.array([[z[1], z[0]], [0, np.cos(z[1])], [2 * z[0], 0]])
    for jacobian in (fg.jacfwd, fg.jacrev):
        close(jacobian(f, holomorphic=True)(z), expected)
    by_parts = fg.hessian(lambda z: fnp.prod(z) * fnp.sin(z[0]), holomorphic=True)(z)
    close(by_parts, [[z[1] * (2 * np.cos(z[0]) - z[0] * np.sin(z[0])), np.sin(z[0]) + z[0] * np.cos(z[0])],
                     [np.sin(z[0]) + z[0] * np.cos(z[0]), 0]])  # fmt: skip
    value, slope = fg.value_and_grad(fnp.sum, holomorphic=True)(z)
    assert value == z.sum() and np.array_equal(slope, [1, 1]) and slope.dtype == complex
    third = fg.grad(fg.grad(fg.grad(lambda z: z**4, holomorphic=True), holomorphic=True), holomorphic=True)
    close(third(Z), 24 * Z)


# --- functions that are not holomorphic -----------------------------------------------------------------------------

NOT_HOLOMORPHIC: dict[str, Callable] = {
    "conjugate": fnp.conj,
    "real part": lambda z: z.real,
    "imaginary part": lambda z: fnp.imag(z),
    "modulus": fnp.abs,
    "argument": fnp.angle,
    "argument in degrees": lambda z: fnp.angle(z, deg=True),
    "z conj(z)": lambda z: z * z.conj(),
    "a product of both kinds": lambda z: fnp.exp(z) * z.conj() + abs(z),
    "from its parts": lambda z: lax.complex(z.imag, z.real**2),
    "variance": lambda z: fnp.var(z),
    "norm": lambda z: fnp.linalg.norm(z),
    "1-norm": lambda z: fnp.linalg.norm(z, 1),
    "3-norm": lambda z: fnp.linalg.norm(z, 3),
    "inner product": lambda z: fnp.vdot(z, z * 1j + 1),
    "covariance": lambda z: fnp.cov(z, z[::-1] * 1j),
    "correlation": lambda z: fnp.correlate(z, z * z, "full"),
    "real part by astype": lambda z: z.real.astype(complex) * z,
    "running sums": lambda z: fnp.cumsum(z.conj()) * fnp.cumprod(z),
    "sorted by modulus": lambda z: z[fnp.argsort(fnp.abs(z))] * fnp.arange(3.0),
    "a choice": lambda z: fnp.where(z.real > 0, z, z.conj() * 2),
}


@pytest.mark.parametrize("name", NOT_HOLOMORPHIC)
def test_against_differences_in_all_directions(name: str) -> None:
    check_grads(NOT_HOLOMORPHIC[name], (W,), order=2)


@pytest.mark.parametrize("name", NOT_HOLOMORPHIC)
def test_values_are_those_of_numpy(name: str) -> None:
    f = NOT_HOLOMORPHIC[name]
    close(fg.vjp(f, W)[0], np.asarray(f(W)))
    single = W.astype(np.complex64)
    out, pullback = fg.vjp(f, single)
    assert np.asarray(f(single)).dtype == out.dtype
    assert pullback(np.ones(out.shape, out.dtype))[0].dtype == np.complex64


def test_the_gradient_of_a_real_function_is_df_dx_minus_i_df_dy() -> None:
    def f(x: Any, y: Any) -> Any:
        return fnp.sin(x) * y**2 + x * y

    dx, dy = fg.grad(f, argnums=(0, 1))(1.2, -0.7)
    close(fg.grad(lambda z: f(z.real, z.imag))(Z), dx - 1j * dy)
    close(fg.grad(lambda z: (z * z.conj()).real)(Z), 2 * np.conj(Z))
    close(fg.grad(lambda z: fnp.exp(z).real)(Z), np.exp(Z))
    close(fg.grad(fnp.abs)(W[0]), np.conj(W[0]) / abs(W[0]))


def test_the_origin() -> None:
    for f in (fnp.abs, fnp.angle, lambda z: fnp.linalg.norm(fnp.stack([z, z]))):
        gradient = fg.grad(f)(0j)
        assert gradient == 0 and gradient.dtype == complex
    assert fg.jvp(fnp.abs, (0j,), (1 + 1j,))[1] == 0


def test_steepest_descent_goes_along_the_conjugate() -> None:
    """Complex least squares: the minimum is reached by w - rate * conj(gradient)."""
    target = A @ B

    def loss(w: Any) -> Any:
        return fnp.sum(fnp.abs(fnp.dot(A, w) - target) ** 2)

    close(fg.grad(loss)(W[:2]), 2 * A.T @ np.conj(A @ W[:2] - target))
    w = np.zeros(2, complex)
    for _ in range(300):
        w = w - 0.1 * np.conj(fg.grad(loss)(w))
    close(w, B, rtol=1e-6)


# --- linear maps ----------------------------------------------------------------------------------------------------


def test_a_discrete_fourier_transform_by_einsum() -> None:
    n = 8
    k = np.arange(n)
    matrix = np.exp(-2j * np.pi * np.outer(k, k) / n)
    x = np.sin(k * 1.3) + 0.2 * k

    def spectrum(x: Any) -> Any:
        return fnp.einsum("kn,n->k", matrix, x)

    close(fg.vjp(spectrum, x)[0], np.fft.fft(x))
    close(fg.jacfwd(spectrum)(x), matrix)
    energy = fg.grad(lambda x: fnp.sum(fnp.abs(spectrum(x)) ** 2) / n)(x)
    close(energy, 2 * x)  # Parseval
    assert energy.dtype == np.float64
    ct = np.exp(1j * k)
    close(fg.vjp(spectrum, x)[1](ct)[0], (ct @ matrix).real)
    close(fg.linear_transpose(spectrum, np.zeros(n, complex))(ct)[0], ct @ matrix)


def test_real_and_complex_arguments_together() -> None:
    def f(x: Any, z: Any) -> Any:
        return fnp.sum((x * z).imag * x)

    x_gradient, z_gradient = fg.grad(f, argnums=(0, 1))(X, W)
    close(x_gradient, 2 * X * W.imag)
    close(z_gradient, -1j * X**2)
    assert x_gradient.dtype == np.float64 and z_gradient.dtype == complex
    check_grads(lambda x, z: x * z + fnp.exp(1j * x), (X, W), order=2)
    check_grads(lambda x, z: fnp.concatenate([x, z]) ** 2, (X, W), order=2)
    single = fg.grad(lambda x, z: abs(x * z) ** 2, argnums=(0, 1))(np.float32(2), np.complex64(1j))
    assert [g.dtype for g in single] == [np.float32, np.complex64]
    mixed = fg.grad(lambda x, z: abs(x * z) ** 2, argnums=(0, 1))(2.0, np.complex64(1j))
    assert [g.dtype for g in mixed] == [np.float64, np.complex64]


def test_conversions_are_linear() -> None:
    out, pullback = fg.vjp(lambda x: x.astype(complex), X)
    assert np.array_equal(out, X.astype(complex)) and np.array_equal(pullback(W)[0], W.real)
    assert fg.jvp(lambda x: x.astype(np.complex64), (X,), (X,))[1].dtype == np.complex64
    with pytest.warns(np.exceptions.ComplexWarning, match="discards the imaginary part"):
        out, pullback = fg.vjp(lambda z: z.astype(np.float32), W)
    assert out.dtype == np.float32
    gradient = pullback(np.float32(X))[0]  # does not warn again
    assert gradient.dtype == complex and np.array_equal(gradient, np.float32(X))
    with pytest.warns(np.exceptions.ComplexWarning):
        assert fg.grad(lambda z: fnp.astype(z, float) ** 2)(Z) == 2.4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fg.vjp(lambda z: z.astype(bool), W)[0].all()


def test_pairing_of_cotangents_and_tangents() -> None:
    def f(z: Any) -> Any:
        return fnp.conj(z) * fnp.sin(z), fnp.abs(z) * X

    tangent, cts = W[::-1] * 1j, (W * (1 - 2j), X * 2)
    pushed = fg.jvp(f, (W,), (tangent,))[1]
    (pulled,) = fg.vjp(f, W)[1](cts)
    left = sum(np.sum(c * t).real for c, t in zip(cts, pushed))
    assert abs(left - np.sum(pulled * tangent).real) < 1e-13 * abs(left)
    _, linear = fg.linearize(f, W)
    for a, b in zip(linear(tangent), pushed):
        close(a, b)
    i_times = linear(tangent * 1j)  # linear over the real numbers only
    assert not np.allclose(i_times[0], 1j * pushed[0])


# --- values of JAX 0.10 in double precision --------------------------------------------------------------------------

JAX: list[tuple[str, Callable[[], Any], Any]] = [
    ("abs", lambda: fg.grad(fnp.abs)(Z), 0.8637789008984333 + 0.5038710255240861j),
    ("angle", lambda: fg.grad(fnp.angle)(Z), 0.3626943005181347 - 0.6217616580310881j),
    ("Re exp", lambda: fg.grad(lambda z: fnp.exp(z).real)(Z), 2.539365489226066 - 2.1388780453240583j),
    ("Im log", lambda: fg.grad(lambda z: fnp.log(z).imag)(Z), 0.3626943005181347 - 0.6217616580310881j),
    ("sqrt", lambda: fg.grad(fnp.sqrt, holomorphic=True)(Z), 0.40950845668615055 + 0.11071025964065301j),
    ("tanh", lambda: fg.grad(fnp.tanh, holomorphic=True)(Z), 0.11857584366470988 + 0.3284815183581472j),
    ("arccosh", lambda: fg.grad(fnp.arccosh, holomorphic=True)(Z), 0.5372498982516846 + 0.5534773660731018j),
    ("power", lambda: fg.grad(fnp.power, argnums=(0, 1), holomorphic=True)(Z, 0.3 + 0.9j),
     (-0.40858360723921533 + 1.1412890728390166j, 0.7065530613044066 - 0.848607326879776j)),
    ("jvp", lambda: fg.jvp(lambda z: fnp.conj(z) * z**2, (Z,), (0.3 + 0.4j,))[1], 0.7709999999999997 + 0.6599999999999998j),
    ("vjp", lambda: fg.vjp(lambda z: fnp.conj(z) * z**2, Z)[1](0.3 + 0.4j)[0], 2.115 + 1.6679999999999997j),
    ("vjp from the real line", lambda: fg.vjp(lambda x: fnp.exp(1j * x), 0.3)[1](2 - 1j)[0], 0.3642960758029269),
    ("jacfwd to the plane", lambda: fg.jacfwd(lambda x: fnp.exp(1j * x) * x.sum())(np.array([0.3, 0.2])),
     [[0.8075763857949362 + 0.7731884512241425j, 0.955336489125606 + 0.29552020666133955j],
      [0.9800665778412416 + 0.19866933079506122j, 0.880731912443711 + 0.688702619715682j]]),
    ("jacrev from the plane", lambda: fg.jacrev(lambda z: fnp.abs(z) * z.real.sum())(W[:2]),
     [[0.7602631123499286 + 0.7155417527999327j, 1.118033988749895],
      [1.3152946437965904, 2.1059920019170844 + 0.12164574740315291j]]),
    ("hessian", lambda: fg.hessian(lambda z: fnp.prod(z) * fnp.sin(z[0]), holomorphic=True)(W[:2]),
     [[-3.9042809856573766 + 3.7709544527459724j, 1.9803040580392879 + 2.103805998343645j],
      [1.9803040580392879 + 2.103805998343645j, 0j]]),
    ("norm", lambda: fg.grad(fnp.linalg.norm)(W),
     [0.18712029714127995 - 0.3742405942825599j, -0.4865127725673279 - 0.07484811885651198j, 0.7484811885651198 + 0.14969623771302396j]),
    ("var", lambda: fg.grad(fnp.var)(W),
     [0.06666666666666668 - 0.4888888888888889j, -1.1333333333333333 + 0.04444444444444443j, 1.0666666666666667 + 0.4444444444444445j]),
    ("det", lambda: fg.grad(fnp.linalg.det, holomorphic=True)(A), [[1.5, -0.3j], [-2 + 0.5j, 1 + 1j]]),
    ("inv", lambda: fg.grad(lambda a: fnp.abs(fnp.linalg.inv(a)).sum())(A),
     [[-2.0654416172586334 + 1.2316898669589527j, 0.9314320725610391 + 0.6497338932901002j],
      [2.779172500998937 - 3.6734233024601957j, -2.162838949637571 - 0.5558345001997874j]]),
    ("solve", lambda: fg.grad(lambda a, b: fnp.abs(fnp.linalg.solve(a, b)).sum(), argnums=1)(A, W[:2]),
     [1.0491482386203805 + 0.0012511329144122008j, -2.050198029141203 + 0.4921032301918047j]),
    ("vdot", lambda: fg.grad(lambda a, b: fnp.vdot(a, b).real)(W, 1j * W + 1), [-0.5j, 0.8 + 1.3j, 1.4 - 2j]),
    ("prod", lambda: fg.grad(fnp.prod, holomorphic=True)(W), [-2.52 + 0.92j, 1.4 + 1.8j, -0.85 - 1.2j]),
    ("cumprod", lambda: fg.vjp(fnp.cumprod, W)[1](W)[0], [-2.522 + 3.328j, 2.67 + 1.84j, -2.18 - 2.06j]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), [pytest.param(*row[1:], id=row[0]) for row in JAX])
def test_values_of_jax(call: Callable[[], Any], expected: Any) -> None:
    close(call(), expected, rtol=1e-12)


# --- with the other transformations ---------------------------------------------------------------------------------


def test_vmap() -> None:
    rows = np.stack([W, W * 1j, W.conj()])
    close(fg.vmap(fg.grad(lambda z: (z * z.conj()).real))(W), 2 * W.conj())
    close(fg.vmap(fg.grad(lambda z: fnp.sum(fnp.abs(z)), 0), in_axes=1)(rows), np.conj(rows / abs(rows)).T)
    close(fg.vmap(fnp.vdot, in_axes=(0, None))(rows, W), np.conj(rows) @ W)
    close(fg.jacfwd(fg.vmap(lambda x: fnp.exp(1j * x)))(X), np.diag(1j * np.exp(1j * X)))
    close(fg.grad(lambda z: fnp.sum(fg.vmap(fnp.abs)(z)))(W), W.conj() / abs(W))
    assert fg.vmap(lambda z: z * 2)(W.astype(np.complex64)).dtype == np.complex64


def test_loops_and_branches() -> None:
    def recurrence(z: Any) -> Any:
        return lax.scan(lambda c, w: (c * c.conj() * 0.3 + w * z, c), 0j, W)[0]

    def expected(z: complex) -> complex:
        c = 0j
        for w in W:
            c = c * np.conj(c) * 0.3 + w * z
        return c

    close(fg.vjp(recurrence, Z)[0], expected(Z))
    check_grads(recurrence, (Z,), order=2)
    check_grads(lambda z: lax.fori_loop(0, 3, lambda _, c: c * z + 1, z), (Z,), order=2)
    check_grads(lambda z: lax.while_loop(lambda c: fnp.abs(c) < 5, lambda c: c * z + c.conj(), z), (Z,), order=1)
    check_grads(lambda z: lax.cond(z.real > 0, fnp.sin, fnp.conj, z), (Z,), order=2)
    check_grads(fg.checkpoint(lambda z: fnp.abs(fnp.sin(z)) * z), (W,), order=2)


def test_custom_rules() -> None:
    @fg.custom_jvp
    def modulus(z: Any) -> Any:
        return fnp.abs(z)

    modulus.defjvp(
        lambda primals, tangents: (abs(primals[0]), (primals[0].conj() * tangents[0]).real / abs(primals[0]))
    )
    check_grads(modulus, (W,), order=2)
    close(fg.grad(lambda z: fnp.sum(modulus(z)))(W), W.conj() / abs(W))

    @fg.custom_vjp
    def conjugate(z: Any) -> Any:
        return fnp.conj(z)

    conjugate.defvjp(lambda z: (fnp.conj(z), None), lambda _, ct: (ct.conj(),))
    check_grads(conjugate, (W,), order=2, modes=("rev",))
    close(fg.vmap(fg.grad(lambda z: conjugate(z).imag))(W), 1j * np.ones(3))


def test_an_infinite_derivative_times_zero_is_zero() -> None:
    for f in (fnp.sqrt, fnp.log, lambda z: 1 / z):
        gradient = fg.grad(lambda z, f=f: fnp.where(z == 0, 1.0, f(z)).real)
        with np.errstate(all="ignore"):
            assert gradient(0j) == 0
    for f, pole in ((fnp.arctan, 1j), (fnp.arcsinh, 1j), (fnp.arcsin, 1 + 0j), (fnp.arctanh, -1 + 0j)):
        with np.errstate(all="ignore"):
            assert fg.jvp(f, (pole,), (0j,))[1] == 0


# --- NumPy's functions ----------------------------------------------------------------------------------------------

SAME_AS_NUMPY: dict[str, Callable] = {
    "mean": lambda m, z: m.mean(z),
    "std": lambda m, z: m.std(z, ddof=1),
    "questions": lambda m, z: m.stack([m.isreal(z * [1, 0, 1j]), m.iscomplex(z * [1, 0, 1j]), m.isnan(z), m.isfinite(z), m.isinf(z)]),
    "equal": lambda m, z: m.stack([z == z[0], z != z.conj(), m.equal(z, z)]),
    "nansum": lambda m, z: m.nansum(z * [1, np.nan, 1]),
    "nan": lambda m, z: m.isnan(z * [1, np.nan, 1]),
    "isclose": lambda m, z: m.isclose(z, z + [1e-9, 1, 1e-9j]),
    "dot": lambda m, z: m.dot(z, z * 1j),
    "vecdot": lambda m, z: m.vecdot(z, z * 1j),
    "outer": lambda m, z: m.outer(z, z.conj()),
    "convolve": lambda m, z: m.convolve(z, z * 1j),
    "correlate": lambda m, z: m.correlate(z[:2], z, "full"),
    "where": lambda m, z: m.where([True, False, True], z, 0),
    "polyval": lambda m, z: m.polyval(z, 1j),
    "pad and roll": lambda m, z: m.roll(m.pad(z, 1), 2),
    "diff": lambda m, z: m.diff(z),
    "trapezoid": lambda m, z: m.trapezoid(z),
    "trace": lambda m, z: m.trace(m.diag(z)),
    "division": lambda m, z: (z / 2 + 1 / z - 3j * z) ** 2,
    "matrix_power": lambda m, z: m.linalg.matrix_power(m.stack([z, z * z, z.conj()]), -2),
    "0-norm": lambda m, z: m.linalg.norm(z, 0),
    "infinity norm": lambda m, z: m.linalg.norm(z, np.inf),
    "count_nonzero": lambda m, z: m.count_nonzero(z * [0, 1, 1]),
    "any": lambda m, z: m.any(z),
    "linspace": lambda m, z: m.linspace(z[0], z[1], 4),
    "geomspace": lambda m, z: m.geomspace(z[0], z[1], 4),
    "sign": lambda m, z: m.sign(m.append(z, [0, np.nan])),
    "maximum": lambda m, z: m.maximum(z, m.real(z) + 0.5j),
    "minimum": lambda m, z: m.minimum(z * [1, np.nan, 1], 1 - 3j),
    "fmax": lambda m, z: m.fmax(z * [1, np.nan, 1], 1 - 3j),
    "fmin": lambda m, z: m.fmin(1 - 3j, z * [1, np.nan, 1]),
    "clip": lambda m, z: m.clip(z, -1 + 1j, 1 - 2j),
    "max": lambda m, z: m.stack([m.max(z), m.max(z * [1, np.nan, 1]), m.max(m.real(z) * 0 + z.imag * 1j), m.max(z, initial=9j)]),
    "max of an axis": lambda m, z: m.max(m.stack([z, z.conj(), z * 1j]), axis=0, keepdims=True),
    "min": lambda m, z: m.stack([m.min(z), m.min(m.append(z, [z[1], np.inf])), m.ptp(z)]),
    "argmax": lambda m, z: m.stack([m.argmax(z), m.argmin(z), m.argmax(z * [1, np.nan, np.nan])]),
    "argmin of an axis": lambda m, z: m.argmin(m.stack([z, z.conj(), z]), axis=0),
    "median": lambda m, z: m.stack([m.median(z), m.median(z[:2]), m.median(z * [1, np.nan, 1])]),
    "median of an axis": lambda m, z: m.median(m.stack([z, z.conj(), z * 1j]), axis=1, keepdims=True),
    "corrcoef": lambda m, z: m.corrcoef(m.stack([z, z * z])),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME_AS_NUMPY)
def test_functions_of_numpy(name: str) -> None:
    f = SAME_AS_NUMPY[name]
    for z in (W, W.astype(np.complex64)):
        expected = np.asarray(f(np, z))
        actual = fg.vjp(lambda z: f(fnp, z), z)[0]
        np.testing.assert_allclose(actual, expected, rtol=1e-12 if z is W else 1e-5)
        assert np.asarray(actual).dtype == expected.dtype


@pytest.mark.parametrize("name", ["geomspace", "max of an axis", "median of an axis", "clip", "maximum", "corrcoef"])
def test_derivatives_of_functions_that_order(name: str) -> None:
    check_grads(lambda z: SAME_AS_NUMPY[name](fnp, z), (W,), order=2)


def test_ties_of_complex_numbers() -> None:
    real_part = lambda f: fg.grad(lambda z: fnp.real(f(z)))  # noqa: E731
    close(real_part(lambda z: fnp.maximum(z, W[0]))(W[0]), 0.5)
    z = np.array([2 + 1j, 2 + 1j, 2 - 1j, 2 + 1j])
    close(real_part(fnp.max)(z), [1 / 3, 1 / 3, 0, 1 / 3])
    assert fg.linearize(fnp.max, z)[0] == 2 + 1j
    close(real_part(fnp.sign)(0j), 0)
    check_grads(lambda z: np.sign(z), (W,), order=2)


def test_attributes_of_traced_values() -> None:
    def f(z: Any) -> Any:
        return z.real, z.imag, z.conj(), z.conjugate(), abs(z), -z, z.T, fnp.iscomplexobj(z), fnp.isrealobj(z.real)

    expected = W.real, W.imag, W.conj(), W.conj(), abs(W), -W, W, True, True
    for actual, wanted in zip(fg.vjp(f, W)[0], expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-15)
    assert fg.grad(lambda x: (x.real + x.imag) * abs(x.conj()))(3.0) == 6  # real numbers have these too
    assert lax.complex(np.float32(1), 2.0) == 1 + 2j and lax.complex(np.float32(1), 2.0).dtype == np.complex64
    assert fg.vjp(lambda x: lax.complex(x, np.inf), 1.0)[0] == complex(1, np.inf)


def test_python_numbers_adapt() -> None:
    z = np.complex64(1 + 1j)
    for f in (lambda z: z * 2, lambda z: 1j * z, lambda z: z + 0.5, lambda z: z**2, lambda z: 2 / z):
        assert fg.grad(f, holomorphic=True)(z).dtype == np.complex64
    assert fg.jvp(lambda x: x * 1j, (np.float32(2),), (np.float32(1),))[1].dtype == np.complex64
    assert fg.grad(lambda x: abs(x * 1j))(np.float32(2)).dtype == np.float32
    assert fg.jvp(fnp.sin, (1j,), (2,))[1] == 2 * np.cos(1j) and fg.vjp(fnp.sin, 1j)[1](2j)[0] == 2j * np.cos(1j)


# --- what is refused ------------------------------------------------------------------------------------------------

REFUSED: list[tuple[str, Callable[[], Any], list[str]]] = [
    ("floor", lambda: fg.vjp(fnp.floor, W), ["floor"]),
    ("interp", lambda: fg.vjp(lambda x: fnp.interp(x, [0.0, 1.0], W[:2]), 0.5), ["complex128", "imaginary part"]),
    ("a sum of real parts in passing", lambda: fg.vjp(lambda z: fnp.sum(z, dtype=float), W), ["complex128", "x.real"]),
    ("a complex number in a real array", lambda: fg.vjp(lambda x: x.at[0].set(np.complex128(1j)), X), ["complex128", "float64"]),
    ("a real tangent", lambda: fg.jvp(fnp.sin, (W,), (X,)), ["tangent", "float64[3]", "complex128[3]"]),
    ("a complex tangent", lambda: fg.jvp(fnp.sin, (X,), (W,)), ["tangent", "complex128[3]", "float64[3]"]),
    ("a complex number as tangent", lambda: fg.jvp(fnp.sin, (1.0,), (1j,)), ["tangent", "complex128[]", "float64[]"]),
    ("a complex cotangent", lambda: fg.vjp(fnp.abs, W)[1](W), ["cotangent", "complex128[3]", "float64[3]"]),
    ("parts of two types", lambda: lax.complex(X, np.float32(X)), ["complex", "float32"]),
    ("complex parts", lambda: lax.complex(W, W), ["complex", "complex128[3]"]),
    ("half parts", lambda: fg.vjp(lambda x: lax.complex(x, x), np.float16(1)), ["complex", "float16"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_what_is_refused(call: Callable[[], Any], words: list[str]) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    missing = [w for w in words if w not in str(caught.value)]
    assert not missing, f"{missing} not in:\n{caught.value}"


# --- compiled ---------------------------------------------------------------------------------------------------------


def energy(z: Any) -> Any:
    return fnp.sum(fnp.abs(z * z + fnp.exp(z)) ** 2)


COMPILED: dict[str, tuple[Callable[..., Any], tuple]] = {
    "a function": (lambda z: (z * z, z.real, fnp.conj(z) @ z), (W,)),
    "a gradient": (fg.grad(energy), (W,)),
    "a gradient of a compiled function": (fg.grad(fg.jit(energy)), (W,)),
    "a batch": (fg.vmap(fg.grad(energy)), (np.stack([W, W * 1j]),)),
    "a number": (lambda z: z + 1, (1j,)),
    "single precision": (lambda z: fnp.sum(z * 2), (W.astype(np.complex64),)),
    "real and complex": (lambda x, z: (x * z, fnp.sum(x * x), fnp.abs(z) + x), (X, W)),
    "a scan": (lambda z: lax.scan(lambda c, v: (c * v + 1, (c, abs(c))), 1j, z), (W,)),
    "a gradient of a scan": (fg.grad(lambda z: abs(lax.scan(lambda c, v: (c * v + 1, c), 1j, z)[0])), (W,)),
    "a while loop": (lambda z: lax.while_loop(lambda c: abs(c) < 10, lambda c: c * 2 + 1j, z), (Z,)),
    "a batch of while loops": (fg.vmap(lambda z: lax.while_loop(lambda c: abs(c) < 10, lambda c: c * 2 + 1j, z)), (W,)),
    "a branch": (lambda z: lax.cond(z.real > 0, lambda z: z * 2, lambda z: -z, z), (Z,)),
    "a loop": (lambda z: lax.fori_loop(0, 3, lambda i, c: c * z + i, z), (W,)),
    "eigenvalues": (lambda a: fnp.linalg.eig(a)[0], (np.array([[1.0, 2.0], [-3.0, 4.0]]),)),
    "a solution": (fg.grad(lambda b: fnp.sum(fnp.abs(fnp.linalg.solve(A, b)) ** 2)), (B,)),
    "moved parts": (lambda z: (fnp.concatenate([z, z[::-1]]), z[1:], fnp.roll(z, 1)), (W,)),
    "nothing": (lambda z: fnp.sum(z), (np.zeros(0, complex),)),
}


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_programs_leave_complex_numbers_to_numpy(name: str) -> None:
    f, args = COMPILED[name]
    expected, found = fg.tree.leaves(f(*args)), fg.tree.leaves(fg.jit(f)(*args))
    for x, y in zip(expected, found, strict=True):
        assert np.asarray(y).dtype == np.asarray(x).dtype and np.shape(y) == np.shape(x)
        np.testing.assert_allclose(y, x, rtol=1e-13, atol=1e-15)


def test_a_compiled_function_of_complex_numbers_can_be_kept_and_called_anywhere() -> None:
    compiled = fg.jit(energy)
    assert compiled(W) == pickle.loads(pickle.dumps(compiled))(W) == compiled.lower(W).compile()(W)
    text = compiled.lower(W).as_text("source")
    assert 'REGISTRY["abs"]' in text or "np.abs" in text


def test_real_parts_of_a_program_are_fused_beside_complex_ones() -> None:
    def f(x: Any, z: Any) -> Any:
        return fnp.sum(fnp.tanh(x) * x), z * z

    kernels = fg.jit(f).lower(X, W).as_text("source")
    assert kernels.count("def kernel_") == 1


def test_order_with_missing_parts_compiled() -> None:
    """NaN in one part, in both, beside infinities; ties of keys."""
    parts = np.array([1.0, np.nan, 2.0, -np.inf, np.inf, 0.0])
    z = np.random.default_rng(0).permutation((parts[:, None] + 0j).repeat(4, 1).ravel())
    z.imag = np.resize([0.0, np.nan, -1.0, np.inf, np.nan], z.shape)
    k = np.resize([1.0 + 1j, 1.0, 2.0, 1.0 - 1j], z.shape)
    sorted_, order, by_z, by_k = fg.jit(
        lambda z, k: (np.sort(z), np.argsort(z), np.lexsort((k, z)), np.lexsort((z, k)))
    )(z, k)
    np.testing.assert_array_equal(sorted_, np.sort(z))
    np.testing.assert_array_equal(order, np.argsort(z, kind="stable"))
    np.testing.assert_array_equal(by_z, np.lexsort((k, z)))
    np.testing.assert_array_equal(by_k, np.lexsort((z, k)))


def test_digitize_takes_real_numbers_only() -> None:
    with pytest.raises(TypeError, match="digitize: x may not be complex, as in NumPy; use searchsorted"):
        fg.jit(lambda z: np.digitize(z, np.arange(3.0)))(np.array([1 + 1j]))
