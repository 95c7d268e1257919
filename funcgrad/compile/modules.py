"""Modules: the functions of a plan dealt out to a few LLVM modules, which threads compile beside each other.

    kernel_0, kernel_1 (calls exp), kernel_2, entry          ->   entry, kernel_2  |  exp, kernel_0, kernel_1

Every module gets the declarations and the shared definitions that it refers to; a kernel of another module is declared.
How functions are dealt out follows from their text alone, so that the text remains a key for the cache on disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..records import record
from .generator import NEXT_MODULE

LEAST_LINES = 48  # of a module: LLVM takes about 2 ms for any; it has more where it may have to repeat definitions
MOST = 4
_MADE = re.compile(r"^(?:declare|define)\b[^@\n]*@([\w.$]+)|^(@[\w.$]+|![0-9]+) =", re.M)
_NAMED = re.compile(r"@[\w.$]+|![0-9]+")


@record(eq=False)
class KernelText:
    """A kernel as a function. inlined: it has to be in the module that calls it. signature: name and parameters."""

    text: str
    signature: str
    inlined: bool

    @property
    def lines(self) -> int:
        """How long LLVM has to work on it, about."""
        return self.text.count("\n")


def deal(shared: Mapping[str, str], kernels: Sequence[KernelText], callers: Sequence[str]) -> str:
    """The text of the modules.

    Args:
        shared: declarations and definitions that any function may refer to.
        kernels: functions of which those that are not inlined may be in any module.
        callers: the remaining functions.

    Returns:
        One module, or several with `NEXT_MODULE` in between.
    """
    home = [k for k in kernels if k.inlined]
    apart = sorted((k for k in kernels if not k.inlined), key=lambda k: -k.lines)
    repeated = sum(text.count("\n") for text in shared.values())
    count = min(MOST, sum(k.lines for k in kernels) // max(LEAST_LINES, repeated), len(apart) + bool(home))
    if count < 2:
        return "\n".join([*shared.values(), *(k.text for k in kernels), *callers])
    dealt = [home, *([] for _ in range(count - 1))]
    weights = [sum(k.lines for k in home), *[0] * (count - 1)]
    for kernel in apart:
        lightest = weights.index(min(weights))
        dealt[lightest].append(kernel)
        weights[lightest] += kernel.lines
    abroad = [k for part in dealt[1:] for k in part]
    first = [*(f"declare void {k.signature} nounwind" for k in abroad), *(k.text for k in dealt[0]), *callers]
    others = [[k.text.replace("define internal", "define", 1) for k in part] for part in dealt[1:]]
    return NEXT_MODULE.join("\n".join([*_needed(shared, texts), *texts]) for texts in [first, *filter(None, others)])


def _needed(shared: Mapping[str, str], texts: Iterable[str]) -> list[str]:
    """Those of the shared definitions that some text refers to, and those that they refer to.

    With a function its vector forms are needed (`@sin.v8`), which are named in an attribute of its calls only.
    """
    keys = {name: key for key, text in shared.items() for name in _names(text)}
    forms: dict[str, list[str]] = {}
    for name in keys:
        forms.setdefault(re.sub(r"\.v\d+$", "", name), []).append(name)
    needed: set[str] = set()
    waiting = [name for text in texts for name in _NAMED.findall(text)]
    while waiting:
        name = waiting.pop()
        for form in forms.get(name, (name,)):
            key = keys.get(form)
            if key is not None and key not in needed:
                needed.add(key)
                waiting += _NAMED.findall(shared[key])
    return [text for key, text in shared.items() if key in needed]


def _names(text: str) -> list[str]:
    return [f"@{function}" if function else other for function, other in _MADE.findall(text)]
