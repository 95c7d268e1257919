"""`funcgrad.nn`: values and gradients against JAX's, tails against mpmath, edges, masks, and initializers."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import funcgrad as fg
from funcgrad import nn, random
from funcgrad.api.compilation import jit
from funcgrad.test_util import check_grads

X = np.array([-3.7, -0.4, 0.3, 1.6, 7.2])
WEIGHTS = np.arange(1.0, 6.0)
FUNCTIONS: dict[str, Any] = {
    name: getattr(nn, name)
    for name in [
        "relu",
        "relu6",
        "leaky_relu",
        "hard_tanh",
        "sigmoid",
        "tanh",
        "softplus",
        "log_sigmoid",
        "silu",
        "mish",
        "gelu",
        "elu",
        "selu",
        "softmax",
        "log_softmax",
        "logsumexp",
        "standardize",
        "squareplus",
        "sparse_plus",
        "sparse_sigmoid",
        "hard_sigmoid",
        "hard_silu",
        "soft_sign",
        "logmeanexp",
        "identity",
    ]
}
FUNCTIONS["celu"] = lambda x: nn.celu(x, 1.7)
FUNCTIONS["gelu exact"] = lambda x: nn.gelu(x, approximate=False)

# Values at X, and gradients weighted by WEIGHTS: jax 0.10.2 with jax_enable_x64.
EXPECTED: dict[str, Any] = {
    "relu": ([0.0, 0.0, 0.3, 1.6, 7.2], [0.0, 0.0, 3.0, 4.0, 5.0]),
    "relu6": ([0.0, 0.0, 0.3, 1.6, 6.0], [0.0, 0.0, 3.0, 4.0, 0.0]),
    "leaky_relu": ([-0.037000000000000005, -0.004, 0.3, 1.6, 7.2], [0.01, 0.02, 3.0, 4.0, 5.0]),
    "hard_tanh": ([-1.0, -0.4, 0.3, 1.0, 1.0], [0.0, 2.0, 3.0, 0.0, 0.0]),
    "sigmoid": (
        [0.024127021417669196, 0.401312339887548, 0.574442516811659, 0.8320183851339245, 0.9992539711661633],
        [0.02354490825518053, 0.4805214914830583, 0.7333749350722376, 0.5590551677322441, 0.003727361374078802],
    ),
    "tanh": (
        [-0.9987782412811311, -0.37994896225522495, 0.29131261245159085, 0.9216685544064712, 0.9999988852198829],
        [0.002442024743370519, 1.7112775721623554, 2.7454108854798878, 0.6021083032731425, 1.1147794957389518e-05],
    ),
    "softplus": (
        [0.024422845933779157, 0.5130152523999525, 0.854355244468527, 1.783900740888339, 7.200746307251828],
        [0.024127021417669203, 0.8026246797750961, 1.7233275504349774, 3.328073540535698, 4.996269855830816],
    ),
    "log_sigmoid": (
        [-3.724422845933779, -0.9130152523999525, -0.554355244468527, -0.18390074088833883, -0.0007463072518276663],
        [0.975872978582331, 1.1973753202249042, 1.2766724495650232, 0.671926459464302, 0.003730144169183484],
    ),
    "silu": (
        [-0.08926997924537602, -0.1605249359550192, 0.1723327550434977, 1.3312294162142793, 7.194628592396376],
        [-0.06298913912649876, 0.6104160831818727, 1.9433400309566484, 4.2225618089072885, 5.023106857724184],
    ),
    "mish": (
        [-0.09034656750081306, -0.1889164823935146, 0.20800137234811503, 1.5121810268488909, 7.199991985554557],
        [-0.06479876184871605, 0.6951455980582083, 2.3484818986533913, 4.348946896597124, 5.000074519032673],
    ),
    "gelu": (
        [-0.0002718060213919182, -0.13783883057264382, 0.18537092354275922, 1.5121369621443617, 7.199999999999997],
        [-0.0011567272357868533, 0.39468233115887724, 2.1968863549164057, 4.492402052367151, 5.000000000000176],
    ),
    "elu": (
        [-0.9752764735296606, -0.3296799539643606, 0.3, 1.6, 7.2],
        [0.024723526470339374, 1.3406400920712787, 3.0, 4.0, 5.0],
    ),
    "celu": (
        [-1.507149950407695, -0.3564247829314531, 0.3, 1.6, 7.2],
        [0.11344120564253235, 1.5806767259629964, 3.0, 4.0, 5.0],
    ),
    "selu": (
        [-1.7146329252564503, -0.5796101097553359, 0.31521029620664415, 1.6811215797687689, 7.565047108959459],
        [0.04346641559092632, 2.3569784621840815, 3.1521029620664414, 4.202803949421922, 5.253504936777402],
    ),
    "softmax": (
        [
            1.8362299084273465e-05,
            0.0004978503848250334,
            0.0010025475603566297,
            0.003678644422346387,
            0.9948025953333877,
        ],
        [
            -7.331605608258031e-05,
            -0.0014899413708286697,
            -0.001997825909121878,
            -0.003651971528477911,
            0.007213054864511292,
        ],
    ),
    "log_softmax": (
        [-10.905210958156625, -7.605210958156626, -6.9052109581566254, -5.605210958156625, -0.005210958156624646],
        [0.9997245655137359, 1.9925322442276245, 2.9849617865946505, 3.9448203336648042, -9.922038930000816],
    ),
    "logsumexp": (
        7.205210958156625,
        [0.00027543448626410203, 0.007467755772375501, 0.015038213405349448, 0.05517966633519581, 14.922038930000816],
    ),
    "standardize": (
        [-1.32051597408955, -0.39334518377135524, -0.19667259188567762, 0.16857650733058085, 1.7419572424160021],
        [-0.06573830976056849, -0.13316154047056072, 0.0738996525402037, 0.2176182862307935, -0.09261808853986786],
    ),
    "gelu exact": (
        [-0.0003988590138663365, -0.13783130335587032, 0.18537342665668577, 1.5123211332807074, 7.199999999997832],
        [-0.0014638872675603923, 0.394540404536693, 2.196983300481329, 4.490696175150283, 5.000000000077982],
    ),
    "squareplus": (
        [0.2529740844813091, 0.8198039027185571, 1.161187420807834, 2.08062484748657, 7.336308338453881],
        [0.060146743211936485, 0.803883864861816, 1.7225106793953668, 3.2493900951088484, 4.908794774074852],
    ),
    "sparse_plus": ([0.0, 0.09, 0.42250000000000004, 1.6, 7.2], [0.0, 0.6, 1.9500000000000002, 4.0, 5.0]),
    "sparse_sigmoid": ([0.0, 0.3, 0.65, 1.0, 1.0], [0.0, 1.0, 1.5, 0.0, 0.0]),
    "hard_sigmoid": (
        [0.0, 0.43333333333333335, 0.55, 0.7666666666666666, 1.0],
        [0.0, 0.3333333333333333, 0.5, 0.6666666666666666, 0.0],
    ),
    "hard_silu": (
        [0.0, -0.17333333333333334, 0.165, 1.2266666666666666, 7.2],
        [0.0, 0.7333333333333334, 1.8, 4.133333333333333, 5.0],
    ),
    "soft_sign": (
        [-0.7872340425531915, -0.28571428571428575, 0.23076923076923075, 0.6153846153846154, 0.878048780487805],
        [0.045269352648257155, 1.020408163265306, 1.7751479289940826, 0.5917159763313609, 0.07436049970255798],
    ),
    "logmeanexp": (
        5.595773045722525,
        [0.00027543448626410203, 0.007467755772375501, 0.015038213405349448, 0.05517966633519581, 14.922038930000816],
    ),
    "identity": ([-3.7, -0.4, 0.3, 1.6, 7.2], [1.0, 2.0, 3.0, 4.0, 5.0]),
}


def weighted(f: Any) -> Any:
    return lambda x: (f(x) * WEIGHTS).sum()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_same_as_jax(name: str) -> None:
    f, (value, gradient) = FUNCTIONS[name], EXPECTED[name]
    np.testing.assert_allclose(f(X), value, rtol=2e-14, atol=1e-15)
    np.testing.assert_allclose(fg.grad(weighted(f))(X), gradient, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(fg.jvp(weighted(f), (X,), (X,))[1], np.dot(gradient, X), rtol=1e-12, atol=1e-14)
    value, gradient = jit(fg.value_and_grad(weighted(f)))(X)
    np.testing.assert_allclose(gradient, EXPECTED[name][1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_dtypes_numbers_and_batches(name: str) -> None:
    f = FUNCTIONS[name]
    assert f(X.astype(np.float32)).dtype == np.float32
    assert f(np.array([1, -2, 3])).dtype == np.float64
    batch = np.stack([X, X[::-1], X / 3])
    np.testing.assert_allclose(fg.vmap(f)(batch), [f(row) for row in batch], rtol=1e-13)
    gradients = fg.vmap(fg.grad(weighted(f)))(batch)
    np.testing.assert_allclose(gradients, [fg.grad(weighted(f))(row) for row in batch], rtol=1e-12, atol=1e-16)
    if name not in ("softmax", "log_softmax", "logsumexp", "logmeanexp", "standardize"):
        assert isinstance(f(0.5), np.float64)
        with np.errstate(invalid="ignore"):  # numpy.logaddexp(nan, 0) warns
            assert np.isnan(f(np.nan))


# --- tails and edges --------------------------------------------------------------------------------------------------

EXACT: dict[str, Any] = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "gelu exact": lambda x: x * mpmath.ncdf(x),
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "tanh": mpmath.tanh,
    "squareplus": lambda x: (x + mpmath.sqrt(x * x + 4)) / 2,
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("compiled", [False, True])
def test_tails_are_accurate(name: str, compiled: bool) -> None:
    """Values and first derivatives keep their digits where others round to 0 or 1."""
    points = np.array([-30.0, -12.5, -3.0, -1e-3, 1e-3, 3.0, 12.5, 30.0])

    def both(x: Any) -> Any:
        return fg.jvp(FUNCTIONS[name], (x,), (np.ones(8),))

    values, slopes = (jit(both) if compiled else both)(points)
    with mpmath.workdps(60):
        exact = [(EXACT[name](mpmath.mpf(p)), mpmath.diff(EXACT[name], mpmath.mpf(p))) for p in points]
    np.testing.assert_allclose(values, [float(v) for v, _ in exact], rtol=1e-13)
    np.testing.assert_allclose(slopes, [float(s) for _, s in exact], rtol=1e-12)


def test_derivatives_at_kinks() -> None:
    kinks = {"relu": (0.0, 0), "relu6": (6.0, 0), "leaky_relu": (0.0, 1), "hard_tanh": (1.0, 1), "elu": (0.0, 1)}
    for name, (point, slope) in kinks.items():
        assert fg.grad(FUNCTIONS[name])(point) == slope, name
    assert fg.grad(nn.sparse_plus)(-1.0) == 0 and fg.grad(nn.sparse_plus)(1.0) == 1
    assert fg.grad(nn.sparse_sigmoid)(-1.0) == 0 and fg.grad(nn.sparse_sigmoid)(1.0) == 0
    assert fg.grad(nn.relu6)(0.0) == 0 and fg.grad(nn.hard_tanh)(-1.0) == 1


SLOPES_AT_ZERO = {
    "sigmoid": 0.25, "tanh": 1, "softplus": 0.5, "log_sigmoid": 0.5, "silu": 0.5, "mish": 0.6, "gelu": 0.5,
    "gelu exact": 0.5, "squareplus": 0.5, "sparse_plus": 0.5, "sparse_sigmoid": 0.5, "soft_sign": 1, "hard_silu": 0.5,
    "hard_sigmoid": 1 / 6, "elu": 1, "celu": 1, "identity": 1,
}  # fmt: skip


def test_slopes_at_zero_and_second_derivatives() -> None:
    away_from_kinks = np.array([-2.3, -0.6, 0.4, 2.2])
    for name, slope in SLOPES_AT_ZERO.items():
        np.testing.assert_allclose(fg.grad(FUNCTIONS[name])(0.0), slope, rtol=1e-13, err_msg=name)
        check_grads(FUNCTIONS[name], (away_from_kinks,), order=2)
    check_grads(nn.log1mexp, (np.array([0.3, 2.0]),), order=2)
    for f in (nn.squareplus, nn.silu, nn.mish, nn.gelu, nn.softplus):  # smooth at 0, too
        check_grads(f, (np.array([0.0]),), order=2)


def test_branches_not_taken_contribute_nothing() -> None:
    """exp overflows at 1000; the derivative there is still exactly that of the line."""
    for f in (nn.elu, nn.celu, lambda x: nn.selu(x) / 1.0507009873554805, nn.softplus, nn.silu, nn.mish, nn.gelu):
        assert fg.grad(f)(1000.0) == 1
        assert fg.grad(fg.grad(f))(1000.0) == 0
        assert np.isfinite(fg.grad(f)(-1000.0))


def test_ends_of_the_number_line() -> None:
    far = np.array([-np.inf, -1e200, 1e200, np.inf])
    np.testing.assert_array_equal(nn.soft_sign(far), [-1, -1, 1, 1])
    np.testing.assert_array_equal(fg.vmap(fg.grad(nn.soft_sign))(far), np.zeros(4))
    np.testing.assert_allclose(nn.squareplus(far[1:3]), [1e-200, 1e200], rtol=1e-15)
    np.testing.assert_array_equal(nn.squareplus(np.array([-2.0, 0.0, 3.0]), 0), [0, 0, 3])
    np.testing.assert_array_equal(fg.vmap(fg.grad(nn.squareplus))(far[1:3]), [0, 1])


@pytest.mark.parametrize("compiled", [False, True])
def test_log1mexp_keeps_its_digits(compiled: bool) -> None:
    points = np.array([1e-300, 1e-20, 1e-3, 0.69, 0.7, 3.0, 40.0, 700.0])

    def both(x: Any) -> Any:
        return fg.jvp(nn.log1mexp, (x,), (np.ones(8),))

    values, slopes = (jit(both) if compiled else both)(points)
    with mpmath.workdps(600):
        exact = [mpmath.log(-mpmath.expm1(-mpmath.mpf(p))) for p in points]
        slope = [1 / mpmath.expm1(mpmath.mpf(p)) for p in points]
    np.testing.assert_allclose(values, [float(v) for v in exact], rtol=1e-14)
    np.testing.assert_allclose(slopes, [float(v) for v in slope], rtol=1e-14)


def test_logsumexp_with_factors_and_signs() -> None:
    from scipy import special

    x, b = np.array([[1.0, 2.0, -1.0], [0.5, 800.0, 3.0]]), np.array([2.0, -1.0, 0.0])
    value, sign = nn.logsumexp(x, axis=1, b=b, return_sign=True)
    expected, expected_sign = special.logsumexp(x, axis=1, b=b, return_sign=True)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_array_equal(sign, expected_sign)
    check_grads(lambda x, b: nn.logsumexp(x, axis=1, b=b, return_sign=True)[0], (x[:1], b[:2].tolist() + [0.5]), 2)
    assert nn.logsumexp(np.array([np.inf, 1.0]), b=np.array([0.0, 1.0])) == 1
    value, sign = nn.logsumexp(x, keepdims=True, return_sign=True)
    assert value.shape == sign.shape == (1, 1) and sign == 1


def test_glu_and_its_error() -> None:
    x = np.arange(12.0).reshape(2, 6) / 7
    np.testing.assert_allclose(nn.glu(x), x[:, :3] / (1 + np.exp(-x[:, 3:])))
    np.testing.assert_allclose(nn.glu(x, 0), x[:1] / (1 + np.exp(-x[1:])))
    check_grads(nn.glu, (x,), order=2)
    with pytest.raises(ValueError, match=r"glu: axis 1 of shape \(2, 3\) has an odd number of elements"):
        nn.glu(x[:, :3])


def test_logsumexp_of_nothing_and_of_everything() -> None:
    nothing = np.full(3, -np.inf)
    for transform in (lambda f: f, jit):
        assert transform(nn.logsumexp)(nothing) == -np.inf
        np.testing.assert_array_equal(transform(fg.grad(nn.logsumexp))(nothing), np.zeros(3))
        np.testing.assert_array_equal(transform(nn.softmax)(nothing), np.zeros(3))
        masked = np.array([1.0, -np.inf, 1.0])
        np.testing.assert_allclose(transform(fg.grad(nn.logsumexp))(masked), [0.5, 0, 0.5])
        np.testing.assert_allclose(transform(nn.softmax)(masked), [0.5, 0, 0.5])
    assert nn.logsumexp(np.array([-np.inf, 2.0])) == 2 and nn.logsumexp(np.array([np.inf, 2.0])) == np.inf
    assert np.isnan(nn.logsumexp(np.array([np.nan, 2.0]))) and np.isnan(nn.softmax(np.array([np.nan, 2.0]))).all()
    assert nn.logsumexp(np.zeros(0)) == -np.inf
    np.testing.assert_allclose(nn.logsumexp(np.array([-1e300, -1e300])), -1e300)


def test_hessian_of_logsumexp_is_that_of_softmax() -> None:
    x = np.array([0.3, -1.0, 2.0])
    p = nn.softmax(x)
    for k in range(3):
        row = fg.grad(lambda x, k=k: fg.grad(nn.logsumexp)(x)[k])(x)
        np.testing.assert_allclose(row, p[k] * ((np.arange(3) == k) - p), rtol=1e-13)


def test_axes_masks_and_kept_dimensions() -> None:
    x = np.arange(24.0).reshape(2, 3, 4) / 7
    np.testing.assert_allclose(nn.logsumexp(x, (0, -1)), np.log(np.exp(x).sum((0, 2))))
    assert nn.logsumexp(x, 1, keepdims=True).shape == (2, 1, 4) and nn.logsumexp(x, keepdims=True).shape == (1, 1, 1)
    np.testing.assert_allclose(nn.softmax(x, (0, 2)).sum((0, 2)), np.ones(3))
    np.testing.assert_allclose(np.exp(nn.log_softmax(x, 1)), nn.softmax(x, 1))
    keep = np.array([True, False, True, True])
    np.testing.assert_allclose(nn.softmax(x, where=keep)[..., keep], nn.softmax(x[..., keep]))
    assert (nn.softmax(x, where=keep)[..., 1] == 0).all() and (nn.log_softmax(x, where=keep)[..., 1] == -np.inf).all()
    np.testing.assert_allclose(nn.logsumexp(x, -1, where=keep), nn.logsumexp(x[..., keep], -1))
    np.testing.assert_allclose(nn.logmeanexp(x, -1, where=keep), np.log(np.exp(x[..., keep]).mean(-1)))
    assert nn.logmeanexp(x, (0, 1), keepdims=True).shape == (1, 1, 4)
    np.testing.assert_allclose(nn.standardize(x, where=keep)[..., keep], nn.standardize(x[..., keep]))


def test_one_hot() -> None:
    labels = np.array([[2, 0], [1, -1]], np.int32)
    expected = np.zeros((2, 2, 3), np.float32)
    expected[0, 0, 2] = expected[0, 1, 0] = expected[1, 0, 1] = 1
    for f in (lambda x: nn.one_hot(x, 3, dtype=np.float32), jit(lambda x: nn.one_hot(x, 3, dtype=np.float32))):
        np.testing.assert_array_equal(f(labels), expected)
        assert f(labels).dtype == np.float32
    np.testing.assert_array_equal(nn.one_hot(labels, 3, axis=0), np.moveaxis(expected, -1, 0))


def test_standardize_with_given_statistics() -> None:
    np.testing.assert_allclose(nn.standardize(X, mean=1.0, variance=4.0, epsilon=0.0), (X - 1) / 2)
    np.testing.assert_allclose(nn.standardize(1e8 + X), nn.standardize(X), rtol=1e-6)
    np.testing.assert_allclose(nn.standardize(np.stack([X, 2 * X]), axis=(0, 1)).mean(), 0, atol=1e-15)


# --- initializers -----------------------------------------------------------------------------------------------------

VARIANCES = {
    "glorot_normal": 2 / 500, "glorot_uniform": 2 / 500, "he_normal": 2 / 200, "he_uniform": 2 / 200,
    "lecun_normal": 1 / 200, "lecun_uniform": 1 / 200, "kaiming_normal": 2 / 200, "xavier_uniform": 2 / 500,
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANCES)
def test_initializers_scale_with_the_fan(name: str) -> None:
    init = getattr(nn.initializers, name)()
    w = init(random.key(1), (200, 300), np.float32)
    assert w.dtype == np.float32 and w.shape == (200, 300)
    np.testing.assert_allclose(w.var(), VARIANCES[name], rtol=0.03)
    assert abs(w.mean()) < 5 * np.sqrt(VARIANCES[name] / w.size)
    np.testing.assert_allclose(jit(lambda k: init(k, (200, 300), np.float32))(random.key(1)), w, rtol=1e-5, atol=1e-9)


def test_same_numbers_as_jax_for_uniform_fans() -> None:
    """glorot_uniform and lecun_uniform of jax.nn.initializers, jax 0.10.2 with jax_enable_x64, key PRNGKey(42)."""
    np.testing.assert_allclose(nn.initializers.glorot_uniform()(random.key(42), (2, 2)), GLOROT, rtol=1e-14)
    np.testing.assert_allclose(nn.initializers.lecun_normal()(random.key(42), (2, 2)), LECUN, rtol=1e-10)


GLOROT = [[-0.17948007391981177, -1.1879778600753634], [0.18161599112954088, 0.5629390306656379]]
LECUN = [[-0.14165649467936764, -1.43544201006416], [0.14336016699490525, 0.46700764292797425]]


def test_fans_of_convolution_kernels() -> None:
    w = nn.initializers.he_normal()(random.key(0), (3, 3, 50, 20))
    np.testing.assert_allclose(w.var(), 2 / (9 * 50), rtol=0.05)
    swapped = nn.initializers.variance_scaling(1.0, "fan_out", "normal", in_axis=0, out_axis=1)
    np.testing.assert_allclose(swapped(random.key(0), (100, 200)).var(), 1 / 200, rtol=0.05)


def test_plain_initializers() -> None:
    key, shape = random.key(3), (1000,)
    np.testing.assert_array_equal(nn.initializers.zeros(key, shape), np.zeros(1000))
    assert nn.initializers.ones(key, shape, np.float32).dtype == np.float32
    assert nn.initializers.constant(2.5)(key, (2,))[1] == 2.5
    np.testing.assert_allclose(nn.initializers.normal(0.1)(key, shape).std(), 0.1, rtol=0.1)
    assert nn.initializers.uniform(0.1)(key, shape).min() >= 0 and nn.initializers.uniform(0.1)(key, shape).max() < 0.1
    assert abs(nn.initializers.truncated_normal(0.1)(key, shape)).max() < 0.2


ORTHOGONAL = [
    [-0.3323982541017758, -0.9177473674466865],
    [0.3364001079140078, 0.0999507874571032],
    [0.8811051969348128, -0.3843821140888083],
]


def test_orthogonal_is_orthogonal_and_that_of_jax() -> None:
    """jax.nn.initializers.orthogonal, jax 0.10.2 with jax_enable_x64, key PRNGKey(42)."""
    np.testing.assert_allclose(nn.initializers.orthogonal()(random.key(42), (3, 2)), ORTHOGONAL, rtol=1e-9)
    turned = nn.initializers.orthogonal(2.0, 0)(random.key(42), (2, 3))
    np.testing.assert_allclose(turned, 2 * np.transpose(ORTHOGONAL), rtol=1e-9)
    for init in (nn.initializers.orthogonal(), lambda k, s: jit(lambda k: nn.initializers.orthogonal()(k, s))(k)):
        w = init(random.key(0), (2, 3, 20))  # 6 rows of 20 columns: orthonormal rows
        np.testing.assert_allclose(w.reshape(6, 20) @ w.reshape(6, 20).T, np.eye(6), atol=1e-14)
    w = nn.initializers.orthogonal(dtype=np.float32)(random.key(1), (40, 40))
    assert w.dtype == np.float32
    np.testing.assert_allclose(w.T @ w, np.eye(40), atol=2e-6)
    assert nn.initializers.orthogonal()(random.key(1), (0, 4)).shape == (0, 4)


def test_delta_orthogonal_keeps_the_norm() -> None:
    w = nn.initializers.delta_orthogonal()(random.key(0), (3, 4, 2, 5))
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 2))
    y = fg.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    np.testing.assert_allclose(np.linalg.norm(y), np.linalg.norm(x), rtol=1e-13)
    with pytest.raises(ValueError, match="no more inputs than outputs"):
        nn.initializers.delta_orthogonal()(random.key(0), (3, 5, 2))


def test_geometric_mean_of_fans() -> None:
    w = nn.initializers.variance_scaling(1.0, "fan_geo_avg", "normal")(random.key(0), (400, 100))
    np.testing.assert_allclose(w.var(), 1 / 200, rtol=0.03)


def test_initializer_errors() -> None:
    with pytest.raises(ValueError, match=r"orthogonal: shape .* fewer than two axes"):
        nn.initializers.orthogonal()(random.key(0), (3,))
    with pytest.raises(ValueError, match="fewer than two axes"):
        nn.initializers.he_normal()(random.key(0), (3,))
    with pytest.raises(ValueError, match="mode must be"):
        nn.initializers.variance_scaling(1.0, "fan", "normal")
    with pytest.raises(ValueError, match="distribution must be"):
        nn.initializers.variance_scaling(1.0, "fan_in", "cauchy")
