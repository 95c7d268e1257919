"""Record the losses of tests/loss_cases.py and their gradients, as optax computes them, in float64.

    python tests/reference/make_optax_losses.py        (an environment with jax and optax; the tests need neither)

Writes optax_losses.json next to this file: {case: [values, gradient]}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1]))
import loss_cases as cases  # noqa: E402


def main() -> None:
    found = {}
    for name, (f, x) in cases.CASES.items():
        x = jnp.asarray(x)
        values, gradient = jax.jit(lambda x, f=f: (f(optax.losses, x), jax.grad(cases.weighted(f, optax.losses))(x)))(x)
        found[name] = [values.tolist(), gradient.tolist()]
        print(name, flush=True)
    lines = [f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in found.items()]
    Path(__file__).with_name("optax_losses.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
