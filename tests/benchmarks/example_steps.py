"""The compiled step of every script in examples/, with funcgrad and with JAX and optax: rows E of the benchmarks.

    python tests/benchmarks/example_steps.py --peer-python PATH --json examples.json --rounds 4
    python tests/benchmarks/example_steps.py E/cnn E/lstm --peer-python PATH     only these

Takes the options of `run.py`, whose machinery it is; two libraries, fewer rounds and shorter turns make a run of all
rows short.
"""

from __future__ import annotations

import sys

import run

SHORT = ["--libraries", "funcgrad", "jax", "--rounds", "4", "--lives", "2", "--turn", "0.1"]


def main() -> None:
    """`run.py` with these rows and the short options, which those of the command line replace."""
    words = sys.argv[1:]
    named = [word for word in words if word.startswith("E/")]
    rest = [word for word in words if word not in named]
    sys.argv[1:] = [*(named or ["E"]), *SHORT, *rest]
    run.main()


if __name__ == "__main__":
    main()
