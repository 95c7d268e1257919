"""`funcgrad.random`: JAX's numbers bit for bit, eagerly, compiled and vectorized; accuracy, derivatives, errors."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import funcgrad as fg
from funcgrad import random, tree
from funcgrad.api.compilation import jit

T = np.arange(10).reshape(2, 5)
P = np.array([0.1, 0.9, 0.5], np.float32)
Q = np.array([0.1, 0.2, 0.3, 0.4])
L = np.log(np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]))

CASES: dict[str, Any] = {
    "key": lambda r, k: [r.key(0), r.key(-5), r.key(2**40 + 3), k],
    "split": lambda r, k: [*r.split(k), *r.split(k, 3)],
    "split shape": lambda r, k: r.split(k, (2, 2)),
    "fold_in": lambda r, k: [r.fold_in(k, 0), r.fold_in(k, 2**31 + 7)],
    "bits64": lambda r, k: r.bits(k, (3,)),
    "bits32": lambda r, k: r.bits(k, (2, 2), "uint32"),
    "bits16": lambda r, k: r.bits(k, (4,), "uint16"),
    "bits8": lambda r, k: r.bits(k, (5,), "uint8"),
    "bits scalar": lambda r, k: r.bits(k),
    "uniform": lambda r, k: r.uniform(k, (3,)),
    "uniform32": lambda r, k: r.uniform(k, (2, 2), "float32"),
    "uniform scaled": lambda r, k: r.uniform(k, (4,), minval=-1.0, maxval=3.0),
    "randint": lambda r, k: r.randint(k, (6,), -3, 17),
    "randint32": lambda r, k: r.randint(k, (6,), 0, 10**9, "int32"),
    "randint all": lambda r, k: r.randint(k, (3,), -(2**63), 2**63 - 1),
    "randint8": lambda r, k: r.randint(k, (6,), 0, 256, "uint8"),
    "randint empty": lambda r, k: r.randint(k, (2,), 5, 5),
    "randint u32 all": lambda r, k: r.randint(k, (3,), 0, 2**32, "uint32"),
    "permutation": lambda r, k: r.permutation(k, 9),
    "permutation rows": lambda r, k: r.permutation(k, T, axis=1),
    "permutation independent": lambda r, k: r.permutation(k, T, axis=1, independent=True),
    "bernoulli": lambda r, k: r.bernoulli(k, 0.4, (8,)),
    "bernoulli32": lambda r, k: r.bernoulli(k, P),
    "choice": lambda r, k: r.choice(k, 10, (5,)),
    "choice without": lambda r, k: r.choice(k, T, (2,), replace=False, axis=1),
    "choice p": lambda r, k: r.choice(k, 4, (6,), p=Q),
    "choice p without": lambda r, k: r.choice(k, 4, (3,), replace=False, p=Q),
    "categorical": lambda r, k: r.categorical(k, L, axis=0),
    "categorical shape": lambda r, k: r.categorical(k, L, shape=(3, 2)),
    "normal": lambda r, k: r.normal(k, (4,)),
    "normal32": lambda r, k: r.normal(k, (4,), "float32"),
    "truncated": lambda r, k: r.truncated_normal(k, -0.5, 2.0, (4,)),
    "exponential": lambda r, k: r.exponential(k, (4,)),
    "gumbel": lambda r, k: r.gumbel(k, (4,)),
    "laplace": lambda r, k: r.laplace(k, (4,)),
}

# jax 0.10.2 with jax_enable_x64, for the key PRNGKey(42).
EXPECTED: dict[str, Any] = {
    "key": [[0, 0], [4294967295, 4294967291], [256, 3], [0, 42]],
    "split": [
        [1832780943, 270669613],
        [64467757, 2916123636],
        [1832780943, 270669613],
        [64467757, 2916123636],
        [2465931498, 255383827],
    ],
    "split shape": [
        [[1832780943, 270669613], [64467757, 2916123636]],
        [[2465931498, 255383827], [3134548294, 894150801]],
    ],
    "fold_in": [[1832780943, 270669613], [456327611, 898978002]],
    "bits64": [7871734211187709741, 276886910877598708, 10591095138341673235],
    "bits32": [[2098992034, 2919706841], [2646866425, 2409546199]],
    "bits16": [5026, 12505, 63993, 49623],
    "bits8": [162, 217, 249, 215, 21],
    "bits scalar": 7871734211187709741,
    "uniform": [0.4267275666499091, 0.015010069515314584, 0.5741444178995352],
    "uniform32": [[0.48870956897735596, 0.6797971725463867], [0.6162714958190918, 0.5610160827636719]],
    "uniform scaled": [0.7069102665996363, -0.9399597219387417, 1.2965776715981407, 1.9192755876185235],
    "randint": [2, 15, 0, 8, 2, 3],
    "randint32": [125294276, 383865362, 780371127, 127988417, 475579021, 870292843],
    "randint all": [4466307427195926069, 869870568124700350, -8118644187909895017],
    "randint8": [196, 18, 183, 193, 141, 107],
    "randint empty": [5, 5],
    "randint u32 all": [3125294276, 3383865362, 780371127],
    "permutation": [7, 4, 2, 5, 3, 6, 8, 0, 1],
    "permutation rows": [[4, 2, 3, 0, 1], [9, 7, 8, 5, 6]],
    "permutation independent": [[4, 2, 3, 0, 1], [7, 5, 6, 8, 9]],
    "bernoulli": [False, True, False, False, False, False, False, False],
    "bernoulli32": [False, True, False],
    "choice": [5, 8, 3, 1, 5],
    "choice without": [[4, 2], [9, 7]],
    "choice p": [2, 3, 2, 1, 2, 2],
    "choice p without": [3, 2, 0],
    "categorical": [1, 1, 0],
    "categorical shape": [[2, 0], [1, 0], [1, 0]],
    "normal": [-0.18471174528191162, -2.169824560397754, 0.18693555179382582, 0.6122653570510959],
    "normal32": [-0.02830461598932743, 0.4671318531036377, 0.2957029640674591, 0.15354591608047485],
    "truncated": [0.2375773078131765, -0.47168742449458445, 0.50287804147634, 0.829454746929316],
    "exponential": [0.5563942243855916, 0.015123860720489336, 0.8536549993431988, 1.30866279263241],
    "gumbel": [0.16062720630382138, -1.4348544993307841, 0.5890136500161952, 1.1553132453508888],
    "laplace": [0.15846230602649014, 3.5058868215207473, -0.16050781878325354, -0.6155156120724649],
}

BIT_FOR_BIT = {"uniform", "uniform32"}  # besides everything that is not floating-point


def assert_matches(name: str, actual: Any) -> None:
    """Equal bits, or for inverse distribution functions, of which JAX's lose digits, equal up to 1e-12."""
    actual = np.stack(actual) if isinstance(actual, list) else actual
    expected = np.array(EXPECTED[name], actual.dtype)
    assert actual.shape == expected.shape
    if actual.dtype.kind != "f" or name in BIT_FOR_BIT:
        np.testing.assert_array_equal(actual, expected)
    else:
        np.testing.assert_allclose(actual, expected, rtol=1e-12 if actual.dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("name", CASES)
def test_same_numbers_as_jax(name: str) -> None:
    assert_matches(name, CASES[name](random, random.key(42)))


@pytest.mark.parametrize(
    "name", ["split", "bits64", "uniform32", "randint", "permutation", "bernoulli", "choice p", "normal"]
)
def test_compiled(name: str) -> None:
    assert_matches(name, jit(lambda k: CASES[name](random, k))(random.key(42)))


@pytest.mark.parametrize("name", ["fold_in", "uniform", "randint8", "permutation independent", "categorical", "gumbel"])
def test_many_keys_at_once(name: str) -> None:
    keys = random.split(random.key(3), 3)

    def draw(k: Any) -> Any:
        return CASES[name](random, k)

    batch = fg.vmap(draw)(keys)
    for i, single in enumerate([draw(k) for k in keys]):
        for a, b in zip(tree.tree_leaves(batch), tree.tree_leaves(single)):
            np.testing.assert_array_equal(a[i], b)


def test_traced_seeds_and_numbers() -> None:
    for seed in (np.int64(-5), np.int64(2**40 + 3), np.int32(7), np.uint8(3)):
        np.testing.assert_array_equal(
            jit(random.key)(seed), random.key(int(seed) if seed.dtype.itemsize == 8 else seed)
        )
    folded = jit(lambda i: random.fold_in(random.key(1), i))(np.int32(9))
    np.testing.assert_array_equal(folded, random.fold_in(random.key(1), 9))


def test_traced_bounds_of_integers() -> None:
    key, high = random.key(5), np.array([3, 10**6, 2**62])
    low = np.array([-3, 7, -(2**62)])
    np.testing.assert_array_equal(
        jit(lambda a, b: random.randint(key, (4, 3), a, b))(low, high), random.randint(key, (4, 3), low, high)
    )
    narrow = jit(lambda b: random.randint(key, (50,), 0, b, "uint8"))(np.int64(256))
    np.testing.assert_array_equal(narrow, random.randint(key, (50,), 0, 256, "uint8"))


def test_uniform_stays_inside_and_its_ends_have_derivatives() -> None:
    key = random.key(0)
    x = random.uniform(key, (10000,), "float32", 1.0, 1.0000001)
    assert x.min() >= 1 and x.max() < np.float32(1.0000001) + 1e-7
    u = random.uniform(key, ())
    np.testing.assert_allclose(fg.grad(lambda a: random.uniform(key, (), minval=a, maxval=5.0))(1.0), 1 - u)


@pytest.mark.parametrize("compiled", [False, True])
def test_normal_is_accurate_to_4_ulp(compiled: bool) -> None:
    """The inverse error function against mpmath, where JAX is off by thousands of ulp near zero."""
    key = random.key(7)

    def draw(k: Any) -> Any:
        return random.normal(k, (4000,))

    x = (jit(draw) if compiled else draw)(key)
    lowest = np.nextafter(-1.0, 0.0)
    u = random.uniform(key, (4000,), minval=lowest, maxval=1.0)
    chosen = np.concatenate([np.argsort(np.abs(x))[:100], np.argsort(np.abs(x))[-100:]])
    with mpmath.workprec(120):
        exact = np.array([float(mpmath.sqrt(2) * mpmath.erfinv(mpmath.mpf(float(u[i])))) for i in chosen])
    assert np.max(np.abs(x[chosen] - exact) / np.spacing(np.abs(exact))) <= 4


def test_distributions_have_their_moments() -> None:
    keys, n = random.split(random.key(11), 8), 200_000
    for x, mean, variance in (
        (random.uniform(keys[0], (n,)), 1 / 2, 1 / 12),
        (random.normal(keys[1], (n,), "float32"), 0, 1),
        (random.exponential(keys[2], (n,)), 1, 1),
        (random.gumbel(keys[3], (n,)), np.euler_gamma, np.pi**2 / 6),
        (random.laplace(keys[4], (n,)), 0, 2),
        (random.truncated_normal(keys[5], 0.0, np.inf, (n,)), np.sqrt(2 / np.pi), 1 - 2 / np.pi),
        (random.bernoulli(keys[6], 0.3, (n,)), 0.3, 0.21),
        (random.categorical(keys[7], np.log(np.array([0.5, 0.25, 0.25])), shape=(n,)), 0.75, 0.6875),
    ):
        assert abs(x.mean() - mean) < 5 * np.sqrt(variance / n)
        assert abs(x.var() - variance) < 0.03 * variance


def test_permutations_are_equally_likely() -> None:
    orders = [tuple(random.permutation(k, 3)) for k in random.split(random.key(2), 1200)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 6 and ((counts - 200) ** 2 / 200).sum() < 20.5  # chi-squared, 5 degrees: p = 0.001


def test_choice_follows_its_probabilities() -> None:
    drawn = random.choice(random.key(9), 4, (20000,), p=Q)
    np.testing.assert_allclose(np.bincount(drawn) / 20000, Q, atol=0.015)
    assert len(set(random.choice(random.key(1), np.arange(50.0), (50,), replace=False))) == 50
    assert random.choice(random.key(1), T, (), axis=1).shape == (2,)


def test_shapes_may_be_empty_or_scalar() -> None:
    assert random.normal(random.key(0), (0, 3)).shape == (0, 3)
    assert random.uniform(random.key(0)).shape == () and random.uniform(random.key(0), 4).shape == (4,)
    assert random.randint(random.key(0), (), 0, 5).shape == ()
    np.testing.assert_array_equal(random.permutation(random.key(0), 1), [0])


def test_errors_name_the_fix() -> None:
    with pytest.raises(
        TypeError, match=r"must be one key, an array uint32\[2\], got 0\.\nFix: make a key with random.key"
    ):
        random.normal(0, (3,))
    with pytest.raises(TypeError, match=r"got uint32\[3, 2\]"):
        random.normal(random.split(random.key(0), 3), (3,))
    with pytest.raises(TypeError, match="the seed must be an integer"):
        random.key(0.5)
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got int64"):
        random.uniform(random.key(0), (3,), int)
    with pytest.raises(ValueError, match="unsigned integer type"):
        random.bits(random.key(0), (3,), "int32")
    with pytest.raises(TypeError, match="dtype must be an integer type"):
        random.randint(random.key(0), (3,), 0, 1, float)
    with pytest.raises(TypeError, match="probabilities must be floating"):
        random.bernoulli(random.key(0), 1)
    with pytest.raises(ValueError, match="cannot draw 3 of 2 without replacement"):
        random.choice(random.key(0), 2, (3,), replace=False)
    with pytest.raises(ValueError, match="nothing to draw from"):
        random.choice(random.key(0), np.zeros(0), (3,))
    with pytest.raises(ValueError, match=r"p must have shape \(2,\)"):
        random.choice(random.key(0), 2, (3,), p=np.ones(3))
    with pytest.raises(ValueError, match="must end with"):
        random.categorical(random.key(0), L, shape=(3,))
    with pytest.raises(TypeError, match="must be an integer or have at least one axis"):
        random.permutation(random.key(0), 2.5)
