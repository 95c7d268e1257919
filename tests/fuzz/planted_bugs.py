"""Faults to plant in the library, of the kinds that programs, not single ops, bring to light.

Each is a context manager. `checks` names the comparisons that should notice; the test of the fuzzer runs only these.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from funcgrad.api.recording import forget_all
from funcgrad.core.program import as_function
from funcgrad.ops import branching, control, cumulative, elementwise, remat, while_loop

DERIVATIVES = ("modes", "wrappers", "difference")


@dataclass(frozen=True)
class Fault:
    """Something wrong: where, under which name, what stands there instead, and which checks should notice."""

    name: str
    owner: Any
    attribute: str
    wrong: Callable[[Any], Any]
    checks: tuple[str, ...] = DERIVATIVES

    @contextlib.contextmanager
    def planted(self) -> Iterator[None]:
        """The library with the fault; nothing derived before or after is shared."""
        right = getattr(self.owner, self.attribute)
        setattr(self.owner, self.attribute, self.wrong(right))
        forget_all()
        try:
            yield
        finally:
            setattr(self.owner, self.attribute, right)
            forget_all()


def with_globals(function: Any, **changes: Any) -> Any:
    """The same function, with other values of some global names."""
    scope = {**function.__globals__, **changes}
    return types.FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )  # fmt: skip


def _same_direction(transpose: Any) -> Any:
    """The backward loop of a scan goes forwards."""
    turned = lambda *args, **params: control.scan(*args, **{**params, "reverse": not params["reverse"]})  # noqa: E731
    wrong = with_globals(transpose, scan=turned)
    wrong.__kwdefaults__ = transpose.__kwdefaults__
    return wrong


def _shared_slot(_: Any) -> Any:
    """All residuals of a type in a branch go to the first slot of that type."""
    return lambda avals, slots: [next(k for k, s in enumerate(slots) if s is a) for a in avals]


def _short_tape(_: Any) -> Any:
    """The backward pass of a while loop forgets the first state."""

    def backward(*args: Any, cond: Any, body: Any, cond_consts: int, body_consts: int, mask: Any) -> list[Any]:
        fixed, consts, carry, cts = while_loop.split(args, cond_consts, body_consts, len(body.outputs))
        test, step = as_function(cond), as_function(body)
        pull, tape = as_function(while_loop.pull_step(body, mask, body_consts)), []
        while test(*fixed, *carry)[0]:
            tape.append(carry)
            carry = step(*consts, *carry)
        flowing = [*(np.zeros(np.shape(c), c.dtype)[()] for c, on in zip(consts, mask) if on), *cts]
        for state in reversed(tape[1:]):
            flowing = pull(*consts, *state, *flowing)
        return list(flowing)

    return backward


def _first_look(_: Any) -> Any:
    """A carry that gets its tangent in a later iteration is taken for a constant."""
    return lambda body, active, consts, carries: tuple(
        on and v.aval.dtype.kind == "f" for on, v in zip(active, body.inputs)
    )


def _other_direction(transpose: Any) -> Any:
    """Running sums are transposed to running sums of the same direction."""
    return lambda ct, x, *, axis, reverse: transpose(ct, x, axis=axis, reverse=not reverse)


def _swapped(choose: Any) -> Any:
    """Where a batched predicate holds, the value of the other branch."""
    return lambda condition, x, y: choose(condition, y, x)


def _never(_: Any) -> Any:
    """A rule that says no example of a batch has a loop length of its own."""
    return lambda *args: False


def _negated(barrier: Any) -> Any:
    """What is computed again starts from other operands."""
    turned = lambda x: elementwise.neg(x) if x.dtype.kind == "f" else x  # noqa: E731
    return lambda *args, count: [turned(x) for x in barrier(*args, count=count)]


FAULTS = [
    Fault("scan backwards in the same direction", control.scan, "transpose", _same_direction),
    Fault("residuals of a branch in one slot", branching, "_places", _shared_slot),
    Fault("a tape that is one state short", while_loop.while_backward, "impl", _short_tape),
    Fault("activity without a fixed point", control, "active_inputs", _first_look),
    Fault("running sums in the wrong direction", cumulative.cumsum, "transpose", _other_direction),
    Fault("a batched branch takes the other value", branching, "_choose", _swapped, ("vmap",)),
    Fault("batched loops of different lengths in step", while_loop, "_own_length", _never, ("vmap",)),
    Fault("maximum compiled as minimum", elementwise.maximum, "lower", lambda _: elementwise.minimum.lower, ("jit",)),
    Fault("values computed again from the wrong operands", remat, "barrier", _negated, ("wrappers",)),
]
