"""The two training loops of docs/training.md, run as they stand there, from the same weights on the same data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import losses, nn, optim

ROOT = Path(__file__).resolve().parents[1]
EPOCHS = 3


def loop(name: str) -> str:
    """The text of a loop in the page."""
    page = (ROOT / "docs" / "training.md").read_text()
    found = re.search(rf"<!-- loop: {name} -->\n\n```python\n(.*?)```", page, re.DOTALL)
    assert found
    return found[1]


def batches() -> list[tuple[np.ndarray, np.ndarray]]:
    with np.load(ROOT / "examples" / "data" / "digits.npz") as data:
        x, y = data["images"].reshape(-1, 64).astype(np.float32) / 16, data["labels"].astype(np.int64)
    return [(x[k : k + 100], y[k : k + 100]) for k in range(0, 1000, 100)]


def run_ours(params: Any, capsys: pytest.CaptureFixture[str]) -> list[str]:
    names = {"np": np, "fg": fg, "nn": nn, "optim": optim, "losses": losses, "epochs": EPOCHS}
    exec(loop("funcgrad"), {**names, "batches": batches(), "params": params})
    return capsys.readouterr().out.splitlines()


def test_our_loop_learns(capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    params = [
        {"weights": random.normal(0, 0.1, (n, m)).astype(np.float32), "bias": np.zeros(m, np.float32)}
        for n, m in ((64, 32), (32, 10))
    ]
    printed = [float(line.split()[-1]) for line in run_ours(params, capsys)]
    assert len(printed) == EPOCHS and printed[-1] < 0.95 * printed[0]


def test_both_loops_print_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    start: list[Any] = []
    linear = torch.nn.Linear

    class Noted(linear):  # the loop makes its own layers; their first weights are noted for ours
        def __init__(self, n: int, m: int) -> None:
            super().__init__(n, m)
            start.append({"weights": self.weight.detach().numpy().T.copy(), "bias": self.bias.detach().numpy().copy()})

    tensors = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn, "Linear", Noted)
        exec(loop("PyTorch"), {"torch": torch, "batches": tensors, "epochs": EPOCHS})
    theirs = capsys.readouterr().out.splitlines()
    assert run_ours(start, capsys) == theirs and len(theirs) == EPOCHS
