"""Record the first hundred steps of every optimizer of tests/optimizer_cases.py, as optax makes them, in float64.

    python tests/reference/make_optax_trajectories.py [cases]     (needs jax and optax, which the tests do not)

Writes optax_trajectories.json next to this file: {case: {problem: [parameters after each of STEPS]}}; with names of
cases only those are recorded again. Counts are made int64 in the place of int32, since JAX computes what depends on an
int32 (schedules, decays that change with time) in float32.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402

jnp.int32, jnp.float32 = jnp.int64, jnp.float64

import optax  # noqa: E402
import optax.contrib  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1]))
import optimizer_cases as cases  # noqa: E402


class Names:
    """The names of optax, wherever it keeps them."""

    def __getattr__(self, name: str) -> Any:
        for module in (optax, optax.transforms, optax.contrib):
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(name)


OPTAX = Names()


def ravel(leaves: list[Any]) -> Any:
    return jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])


def trajectory(make: Any, kind: str, f: Any, start: Any) -> list[list[float]]:
    optimizer = make(OPTAX)
    params = jax.tree.map(jnp.asarray, start)
    params = optax.LookaheadParams.init_synced(params) if kind == "fast" else params

    def one(carry: Any, _: Any) -> Any:
        carry = cases.step(OPTAX, optimizer, kind, jax.value_and_grad, f, *carry)
        return carry, cases.flat(carry[0], kind, ravel)

    run = jax.jit(lambda p, s: jax.lax.scan(one, (p, s), length=max(cases.STEPS))[1])
    history = run(params, optimizer.init(params))
    return [history[step - 1].tolist() for step in cases.STEPS]


def main() -> None:
    path = Path(__file__).with_name("optax_trajectories.json")
    wanted = sys.argv[1:] or list(cases.CASES)
    found = json.loads(path.read_text()) if sys.argv[1:] else {}
    for name in wanted:
        make, kind = cases.CASES[name]
        problems = cases.problems(jnp)
        found[name] = {p: trajectory(make, kind, f, start) for p, (f, start) in problems.items()}
        print(name, found[name]["quadratic"][-1][:2], flush=True)
    kept = {name: found[name] for name in cases.CASES}
    lines = [f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in kept.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
