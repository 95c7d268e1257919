"""What a swinging pendulum tells about itself: parameters of a differential equation from noisy measurements.

    python examples/pendulum.py                       fit, with error bars, and draw
    python examples/pendulum.py --out picture.png     draw to this file

The angle obeys  angle'' = -g / length sin(angle) - friction angle'.  Length, friction and the way it was let go are
unknown; the angle was read every tenth of a second, each time a little wrong.

    least_squares   SciPy's, with the Jacobian of all readings with respect to all unknowns through the solver
    the inverse     of J^T J: how sure the fit is
    grad            of the fitted length with respect to the readings: which of them decide it
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad.scipy.integrate import odeint
from funcgrad.scipy.optimize import least_squares

GRAVITY = 9.81
NOISE = 0.05
TRUTH = {"length": 1.3, "friction": 0.25, "start": {"angle": 2.0, "speed": 0.0}}
GUESS = {"length": 1.0, "friction": 0.1, "start": {"angle": 1.8, "speed": 0.1}}
TIMES = np.arange(0.0, 6.0, 0.1)


def swing(state: Any, t: Any, params: Any) -> Any:
    """The rates of change of angle and speed."""
    pull = -GRAVITY / params["length"] * np.sin(state["angle"]) - params["friction"] * state["speed"]
    return {"angle": state["speed"], "speed": pull}


def angles(params: Any) -> Any:
    """The angle at all times."""
    return odeint(swing, params["start"], TIMES, params)["angle"]


def fitted(readings: Any) -> Any:
    """The parameters that explain the readings best."""
    return least_squares(lambda params: angles(params) - readings, GUESS).x


def error_bars(params: Any) -> Any:
    """Standard deviations of the parameters, from the noise of one reading."""
    jacobian = fg.jit(fg.jacfwd(angles))(params)
    leaves, treedef = fg.tree.flatten(jacobian)
    columns = np.stack(leaves, axis=1)
    deviations = NOISE * np.sqrt(np.diag(np.linalg.inv(columns.T @ columns)))
    return fg.tree.unflatten(treedef, list(deviations))


def draw(path: Path, readings: np.ndarray, params: Any, influence: np.ndarray) -> None:
    """The readings, the fitted curve, and what each reading says about the length."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, sharex=True, figsize=(7, 5))
    above.plot(TIMES, readings, "o", markersize=3, label="read")
    above.plot(TIMES, angles(params), label="fitted")
    above.set_ylabel("angle")
    above.legend()
    below.bar(TIMES, influence, width=0.07)
    below.set_ylabel("d length / d reading")
    below.set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main(argv: list[str] | None = None) -> Any:
    """Measure, fit, and say how sure the fit is; the fitted parameters are returned."""
    parser = argparse.ArgumentParser(description="parameters of a pendulum from noisy angles")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pendulum.png"), help="where to draw")
    options = parser.parse_args(argv)

    noise = np.random.default_rng(options.seed).normal(size=TIMES.size)
    readings = angles(TRUTH) + NOISE * noise
    params = fitted(readings)
    print("             fitted              truth")
    rows = zip(fg.tree.leaves_with_path(params), fg.tree.leaves(error_bars(params)), fg.tree.leaves(TRUTH))
    for (path, value), deviation, truth in rows:
        print(f"{path[-1].key:10} {value:8.4f} +- {deviation:.4f}   {truth:8.4f}")
    influence = fg.grad(lambda readings: fitted(readings)["length"])(readings)
    print(f"the reading that says most about the length: at {TIMES[np.argmax(np.abs(influence))]:.1f} s")
    draw(options.out, readings, params, influence)
    print(f"picture: {options.out}")
    return params


if __name__ == "__main__":
    main()
