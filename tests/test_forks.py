"""The child of a fork compiles, whatever another thread was doing when it was made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, signal, sys, threading, time
import numpy as np, funcgrad as fg

thread = threading.Thread(target=lambda: fg.jit(lambda x: np.sin(x) * 3)(np.ones(3)))
thread.start()  # imports the compiler, makes the launcher, compiles
time.sleep(float(sys.argv[1]))
child = os.fork()
if child == 0:
    signal.alarm(30)
    os._exit(int(not np.array_equal(fg.jit(lambda x: np.cos(x) * 3)(np.zeros(3)), [3, 3, 3])))
assert os.waitpid(child, 0)[1] == 0
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("delay", [0.003, 0.02, 0.03, 0.04])
def test_a_fork_beside_the_first_compilation_of_a_process(delay: float, tmp_path: Path) -> None:
    environment = {**os.environ, "FUNCGRAD_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(delay)]
    subprocess.run(command, check=True, timeout=120, env=environment)
