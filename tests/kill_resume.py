"""Kill a training run at random moments, resume it, and compare its end with that of a run left alone.

    python tests/kill_resume.py --kills 20

The children train a small network by plain `funcgrad`, and save parameters, optimizer state, key, position in the data
and step after every step. Each is killed by SIGKILL at a random step and a random fraction of its time, which is often
in the middle of saving. The last one runs to the end; every bit of its checkpoint must be that of the undisturbed run.
"""

from __future__ import annotations

import argparse
import os
import random as python_random
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the process forks

import numpy as np

import funcgrad as fg
from funcgrad import checkpointing, data, optim, random, tree

X = np.linspace(-2, 2, 40)[:, None]
Y = np.sin(2 * X)
OPTIMIZER = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(1e-2))


def loss(params: Any, key: Any, batch: Any) -> Any:
    """Squared error of a network of one hidden layer with noise on its inputs."""
    x = batch["x"] + 0.05 * random.normal(key, batch["x"].shape)
    hidden = np.tanh(x @ params["hidden"]["w"] + params["hidden"]["b"])
    return np.mean((hidden @ params["out"] - batch["y"]) ** 2)


def beginning() -> dict[str, Any]:
    """The state before the first step."""
    keys = random.split(random.key(0), 3)
    params = {"hidden": {"w": random.normal(keys[0], (1, 8)), "b": np.zeros(8)}, "out": random.normal(keys[1], (8, 1))}
    first = data.epochs({"x": X, "y": Y}, 8, key=random.key(1)).state
    return {"params": params, "opt": OPTIMIZER.init(params), "key": keys[2], "data": first, "step": 0}


def train(directory: Path, steps: int, report: Any = lambda: None) -> None:
    """Train to the given step from wherever the directory is."""
    manager = checkpointing.Manager(directory, keep=2)
    state = beginning()
    if manager.latest() is not None:
        state = manager.restore(like=state)
    run = data.epochs({"x": X, "y": Y}, 8, key=random.key(1), start=state["data"])
    while state["step"] < steps:
        batch = next(run)
        key, now = random.split(state["key"])
        gradient = fg.grad(loss)(state["params"], now, batch)
        updates, opt = OPTIMIZER.update(gradient, state["opt"], state["params"])
        params = optim.apply_updates(state["params"], updates)
        state = {"params": params, "opt": opt, "key": key, "data": run.state, "step": state["step"] + 1}
        report()
        manager.save(state["step"], state)


def killed_run(directory: Path, dice: python_random.Random) -> None:
    """Train without end in a child, and kill it after a few steps and a part of one."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            train(directory, 10**9, lambda: os.write(writing, b"."))
        finally:
            os._exit(1)
    os.close(writing)
    for _ in range(dice.randint(1, 5)):
        os.read(reading, 1)
    time.sleep(dice.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError("the child failed before it was killed")


def main() -> None:
    """Run, kill, resume, compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dice, halves = python_random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as name:
        alone, disturbed = Path(name) / "alone", Path(name) / "disturbed"
        for _ in range(options.kills):
            killed_run(disturbed, dice)
            halves += any(entry.suffix == ".tmp" for entry in disturbed.glob(".*"))
        steps = (checkpointing.Manager(disturbed).latest() or 0) + 5
        for directory in (alone, disturbed):
            train(directory, steps)
        ends = [checkpointing.Manager(d).restore(steps, like=beginning()) for d in (alone, disturbed)]
        first, second = (tree.tree_leaves_with_path(end) for end in ends)
        for (path, a), (_, b) in zip(first, second, strict=True):
            if np.asarray(a).tobytes() != np.asarray(b).tobytes():
                raise SystemExit(f"{tree.keystr(path)} differs: {a} and {b}")
    print(f"killed {options.kills} times in {steps} steps, {halves} times while saving: all bits are equal")


if __name__ == "__main__":
    main()
