"""examples/hamiltonian_monte_carlo.py: the motion keeps what it must, the draws are right, and so are their judges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from example_scripts import is_png, load, number_after, run

import funcgrad as fg


def test_hamiltonian_draws_are_worth_more(tmp_path: Path) -> None:
    lines = run("hamiltonian_monte_carlo", tmp_path, "--draws", "400", "--out", "picture.png")
    walk, hamiltonian = (float(line.split()[-1]) for line in lines if "effective size" in line)
    assert hamiltonian > 3 * walk
    last = lines[next(k for k, line in enumerate(lines) if line.startswith("Hamiltonian")) :]
    assert number_after("R-hat ", last) < 1.1
    for quantity, exact in load("hamiltonian_monte_carlo").MOMENTS.items():
        assert abs(number_after(quantity, last) - exact) < 0.5
    assert is_png(tmp_path / "picture.png")


def test_the_motion_is_reversible_keeps_volume_and_nearly_keeps_energy() -> None:
    example, point, momentum = load("hamiltonian_monte_carlo"), np.array([0.4, 0.3]), np.array([1.0, -0.6])
    end, speed = example.leapfrog(point, momentum, 7, 0.1)
    back, turned = example.leapfrog(end, -speed, 7, 0.1)
    np.testing.assert_allclose([back, turned], [point, -momentum], atol=1e-12)

    def flow(state: np.ndarray) -> np.ndarray:
        return np.concatenate(example.leapfrog(state[:2], state[2:], 7, 0.1))

    jacobian = fg.jacfwd(flow)(np.concatenate([point, momentum]))
    np.testing.assert_allclose(np.linalg.det(jacobian), 1, rtol=1e-10)
    errors = [
        example.energy(*example.leapfrog(point, momentum, n, 0.7 / n)) - example.energy(point, momentum)
        for n in (14, 28)
    ]
    assert 3 < errors[0] / errors[1] < 5  # second order


def test_the_exact_moments_are_the_integrals() -> None:
    example = load("hamiltonian_monte_carlo")
    x, y = np.meshgrid(np.linspace(-6, 6, 601), np.linspace(-3, 40, 1721))
    density = np.exp(example.log_density(np.stack([x, y])))
    density /= density.sum()
    found = []
    for values in (x, y):
        mean = np.sum(values * density)
        found += [mean, np.sum((values - mean) ** 2 * density)]
    np.testing.assert_allclose(found, list(example.MOMENTS.values()), atol=1e-5)


def test_independent_draws_count_fully_and_slow_ones_by_their_correlation() -> None:
    example, rng = load("hamiltonian_monte_carlo"), np.random.default_rng(0)
    noise = rng.normal(size=(8, 4000))
    assert abs(example.effective_size(noise) / noise.size - 1) < 0.1
    slow = noise.copy()
    for t in range(1, 4000):
        slow[:, t] = 0.8 * slow[:, t - 1] + 0.6 * noise[:, t]
    assert abs(example.effective_size(slow) / noise.size - 0.2 / 1.8) < 0.02  # (1 - 0.8) / (1 + 0.8)


def test_r_hat_sees_chains_that_are_elsewhere_and_chains_that_drift() -> None:
    example, noise = load("hamiltonian_monte_carlo"), np.random.default_rng(1).normal(size=(4, 1000))
    assert abs(example.r_hat(noise) - 1) < 0.01
    assert example.r_hat(noise + np.arange(4)[:, None]) > 1.2
    assert example.r_hat(noise + np.linspace(0, 4, 1000)) > 1.2
