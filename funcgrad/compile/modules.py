"""Modules: the functions of a plan dealt out to a few LLVM modules, which threads compile beside each other.

    exp, kernel_0, kernel_1 (calls exp), kernel_2, entry          ->   entry, kernel_2  |  kernel_0, kernel_1  |  exp

Kernels and outlined math functions are in one module each, and declared where they are called from others. Every module
gets the declarations and the shared definitions that it refers to. How functions are dealt out follows from their text
alone, so that the text remains a key for the cache on disk.
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
_OUTLINED = re.compile(r"define weak_odr hidden ([^@]+@math\.[^)]*\)) noinline ([^{]*)\{")


@record(eq=False)
class KernelText:
    """A kernel as a function. inlined: it has to be in the module that calls it. signature: name and parameters."""

    text: str
    signature: str
    inlined: bool


@record(eq=False)
class _Unit:
    """Functions that stay together: their text, and their declarations by name."""

    text: str
    declared: dict[str, str]

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
    home = [k.text for k in kernels if k.inlined]
    outlined = _outlined(shared)
    units = [*outlined.values(), *(_kernel_unit(k) for k in kernels if not k.inlined)]
    rest = {key: text for key, text in shared.items() if _base(key) not in outlined}
    weight = sum(text.count("\n") for text in home)
    repeated = sum(text.count("\n") for text in rest.values())
    lines = weight + sum(u.lines for u in units)
    count = min(MOST, lines // max(LEAST_LINES, repeated), len(units) + bool(home))
    if count < 2:
        return whole(shared, kernels, callers)
    parts: list[list[_Unit]] = [[] for _ in range(count)]
    weights = [weight] + [0] * (count - 1)
    for unit in sorted(units, key=lambda u: -u.lines):
        lightest = weights.index(min(weights))
        parts[lightest].append(unit)
        weights[lightest] += unit.lines
    declared = {name: text for unit in units for name, text in unit.declared.items()}
    own = [[*home, *callers], *([] for _ in parts[1:])]
    modules = [_module(rest, declared, part, texts) for part, texts in zip(parts, own)]
    return NEXT_MODULE.join(filter(None, modules))


def whole(shared: Mapping[str, str], kernels: Sequence[KernelText], callers: Sequence[str]) -> str:
    """The text of one module with all functions."""
    return "\n".join([*shared.values(), *(k.text for k in kernels), *callers])


def _kernel_unit(kernel: KernelText) -> _Unit:
    name = kernel.signature.partition("(")[0]
    text = kernel.text.replace("define internal", "define hidden", 1)
    return _Unit(text, {name: f"declare void {kernel.signature} nounwind"})


def _outlined(shared: Mapping[str, str]) -> dict[str, _Unit]:
    """The outlined functions by name, each with its vector forms."""
    found: dict[str, _Unit] = {}
    for key, text in shared.items():
        match = _OUTLINED.match(text)
        if match:
            before = found.get(_base(key), _Unit("", {}))
            declared = {**before.declared, key: f"declare {match[1]} {match[2]}"}
            found[_base(key)] = _Unit(before.text + text.replace("weak_odr hidden", "hidden", 1) + "\n", declared)
    return found


def _base(name: str) -> str:
    """The name of the function of which this is a vector form."""
    return re.sub(r"\.v\d+$", "", name)


def _module(shared: Mapping[str, str], declared: Mapping[str, str], units: Sequence[_Unit], own: Sequence[str]) -> str:
    texts = [*(u.text for u in units), *own]
    if not texts:
        return ""
    made = {name for u in units for name in u.declared}
    foreign = {name: text for name, text in declared.items() if name not in made}
    needed = _needed({**shared, **foreign}, texts)
    # Vector forms, which only the vectorizer will call: a mere declaration would be dropped before.
    forms = [name for name, text in foreign.items() if _base(name) != name and text in needed]
    used = ", ".join(f"ptr {name}" for name in forms)
    keep = f'@llvm.compiler.used = appending global [{len(forms)} x ptr] [{used}], section "llvm.metadata"'
    return "\n".join([*needed, *([keep] if forms else []), *texts])


def _needed(shared: Mapping[str, str], texts: Iterable[str]) -> list[str]:
    """Those of the shared definitions that some text refers to, and those that they refer to.

    With a function its vector forms are needed (`@sin.v8`), which are named in an attribute of its calls only.
    """
    keys = {name: key for key, text in shared.items() for name in _names(text)}
    forms: dict[str, list[str]] = {}
    for name in keys:
        forms.setdefault(_base(name), []).append(name)
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
