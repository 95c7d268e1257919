"""Where the first NaN or infinity of a result came from: the operation, the line, and, in loops, the iteration.

With this module one can follow a value that is not finite back to the equation whose operands still were
(`first_nonfinite`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import tree
from ..api.compilation import trace_flat
from ..core import lowering
from ..core.program import Eqn, Program, Var, as_function
from ..errors import source_line


class NonFinite(NamedTuple):
    """Where a value that is not finite arose; `print` says it in words.

    Args:
        kind: "nan" or "inf": what the operation returned.
        operation: its name, or "argument" where an argument was not finite, "constant" for a literal.
        source: (file, line, function) of the user's code, or None.
        operands: what the operation got, in words.
        inside: the loops and branches around it, the outermost first, such as "scan, iteration 3 of 10".
        result: which leaf of the result was followed.
        cause: for a NaN made of an infinity (0 * inf, inf - inf), where that arose.
    """

    kind: str
    operation: str
    source: tuple[str, int, str] | None
    operands: tuple[str, ...]
    inside: tuple[str, ...]
    result: str
    cause: NonFinite | None = None

    def __str__(self) -> str:
        if self.operation == "argument":
            return f"{self.result} is not finite because {self.operands[0]} is {self.kind}"
        lines = [f"{self.result} is not finite: the first {self.kind} came out of {self.operation}", *self._place()]
        if self.cause:
            known = self.cause.operation == "argument"
            origin = f"is that of {self.cause.operands[0]}" if known else f"came out of {self.cause.operation}"
            lines += [f"the {self.cause.kind} in it {origin}", *([] if known else self.cause._place())]
        return "\n".join(lines)

    def _place(self) -> list[str]:
        """Line, loops, operands."""
        lines = [source_line(self.source)] if self.source else []
        lines += [f"  in {place}" for place in self.inside]
        return lines + [f"  operand {i}: {text}" for i, text in enumerate(self.operands)]


def first_nonfinite(fun: Callable[..., Any]) -> Callable[..., NonFinite | None]:
    """A function of the same arguments that says where the first NaN or infinity of the result arose; None for none.

    It runs the program of `fun` equation by equation on NumPy, then goes back from the result: to the equation whose
    operands were finite, or, for a NaN, were not NaN. Values that are not finite but do not reach the result, as on the
    side of a `where` that is not taken, do not count. For the backward pass give it the gradient:
    `first_nonfinite(grad(loss))(params)`. The body of a `while_loop` is one operation to it; `scan`, `cond` and nested
    programs are entered.

    Args:
        fun: a function of pytrees of arrays; not one that was compiled for donated arguments.

    Returns:
        A function that returns a `NonFinite` or None.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> def entropy(p):
        ...     return -np.sum(p * np.log(p))
        >>> found = fg.debug.first_nonfinite(entropy)(np.array([0.5, 0.5, 0.0]))
        >>> found.kind, found.operation, found.operands[1]
        ('nan', 'mul', 'float64[3] with 1 inf, other values from -0.693 to -0.693')
        >>> found.cause.operation, found.cause.operands
        ('log', ('float64[3] from 0 to 0.5',))
        >>> print(fg.debug.first_nonfinite(np.log)(np.array([0.5, 0.0])))
        the result is not finite: the first inf came out of log
        ...
          operand 0: float64[2] from 0 to 0.5
    """

    @functools.wraps(fun, updated=())
    def searched(*args: Any, **kwargs: Any) -> NonFinite | None:
        leaves, treedef = tree.tree_flatten((args, kwargs))
        program, captures, out_tree = trace_flat(fun, leaves, treedef, "first_nonfinite", lambda given: given)
        values = [*captures, *[np.asarray(x)[()] for x in leaves]]
        with np.errstate(all="ignore"):
            for i, value in enumerate(as_function(program)(*values)):
                if _kind(value):
                    trail: Trail = []
                    number = _origin(program, values, i, (), trail)
                    if number is not None:
                        place = number - len(captures)
                        name = _leaf_name("argument", treedef, place) if place >= 0 else "a value from outside"
                        trail.append(NonFinite(_kind(values[number]), "argument", None, (name,), (), ""))
                    cause = trail[1] if len(trail) > 1 else None
                    return trail[0]._replace(result=_leaf_name("the result", out_tree, i), cause=cause)
        return None

    return searched


def _leaf_name(what: str, treedef: Any, position: int) -> str:
    """A leaf of the result, or of (args, kwargs), in words."""
    paths = tree.tree_leaves_with_path(tree.tree_unflatten(treedef, range(treedef.num_leaves)))
    path = paths[position][0]
    if what != "argument":
        return what + tree.keystr(path)
    named = path[0].idx == 1
    head = f"argument {path[1].key!r}" if named else f"argument {path[1].idx}"
    return head + tree.keystr(path[2:])


def _kind(value: Any) -> str:
    """'nan', 'inf', or '' for values that are finite, or no numbers."""
    array = np.asarray(value)
    if array.dtype.kind not in "fc" or np.isfinite(array).all():
        return ""
    return "nan" if np.isnan(array).any() else "inf"


def _described(value: Any) -> str:
    """A value in few words."""
    array = np.asarray(value)
    name = f"{array.dtype}{list(array.shape)}"
    if array.dtype.kind not in "fiu" or not array.size:
        return name
    counts = [f"{n} {what}" for n, what in ((np.isnan(array).sum(), "nan"), (np.isinf(array).sum(), "inf")) if n]
    finite = array[np.isfinite(array)]
    span = f"from {finite.min():.3g} to {finite.max():.3g}" if finite.size else ""
    if not counts:
        return f"{name} {span}" if array.ndim else f"{name} {array:.6g}"
    return f"{name} with {' and '.join(counts)}" + (f", other values {span}" if span else "")


Trail = list[NonFinite]  # where the value arose, and, behind it, where the infinity in it did


def _origin(
    program: Program, values: Sequence[Any], position: int, inside: tuple[str, ...], trail: Trail
) -> int | None:
    """Follow output number `position` back and enter what is found; the number of an input where it goes on outside."""
    env: dict[Any, Any] = dict(zip(program.inputs, values))
    made: dict[Any, tuple[Eqn, int]] = {}

    def read(atom: Any) -> Any:
        return env[atom] if type(atom) is Var else atom.value

    for eqn in program.eqns:
        outs = eqn.prim.impl(*map(read, eqn.inputs), **eqn.params)
        for k, (var, out) in enumerate(zip(eqn.outs, outs if eqn.prim.multiple_results else (outs,))):
            env[var], made[var] = out, (eqn, k)
    atom = program.outputs[position]
    while atom in made:
        eqn, k = made[atom]
        number = _inside(eqn, [read(a) for a in eqn.inputs], k, _kind(env[atom]), inside, trail)
        if number is None:
            return None
        atom = eqn.inputs[number]
    if type(atom) is Var:
        return program.inputs.index(atom)
    trail.append(NonFinite(_kind(atom.value), "constant", None, (_described(atom.value),), inside, ""))
    return None


def _inside(eqn: Eqn, operands: list[Any], k: int, kind: str, inside: tuple[str, ...], trail: Trail) -> int | None:
    """Enter where output k of an equation arose; the number of the operand to follow, or None where that is all."""
    form = eqn.prim.lower
    if isinstance(form, lowering.Call):
        return _origin(form.program(eqn.params), operands, k, inside, trail)
    if isinstance(form, lowering.Branch):
        branches = eqn.params["branches"]
        chosen = min(max(int(operands[0]), 0), len(branches) - 1)
        place = (*inside, f"branch {chosen} of {len(branches)}")
        number = _origin(branches[chosen], operands[1:], k, place, trail)
        return None if number is None else number + 1
    if isinstance(form, lowering.Loop):
        return _in_scan(eqn.params, operands, k, inside, trail)
    kinds = [_kind(value) for value in operands]
    if kind in kinds:
        return kinds.index(kind)
    trail.append(NonFinite(kind, eqn.prim.name, eqn.source, tuple(map(_described, operands)), inside, ""))
    return kinds.index("inf") if kind == "nan" and "inf" in kinds and len(trail) == 1 else None


def _in_scan(params: dict, operands: list[Any], k: int, inside: tuple[str, ...], trail: Trail) -> int | None:
    """Run the loop, then go from the first iteration with such an output back through the carried values."""
    body, consts, carries, length = (params[name] for name in ("body", "consts", "carries", "length"))
    order = list(reversed(range(length))) if params["reverse"] else list(range(length))
    fixed, carry, stacked = operands[:consts], operands[consts : consts + carries], operands[consts + carries :]
    states: list[list[Any]] = []
    first = -1
    for step, t in enumerate(order):
        states.append([*fixed, *carry, *[x[t] for x in stacked]])
        outs = as_function(body)(*states[-1])
        carry = outs[:carries]
        if k >= carries and first < 0 and _kind(outs[k]):
            first = step
    position, step = k, first if k >= carries else length - 1
    while step >= 0:
        place = (*inside, f"scan, iteration {order[step] + 1} of {length}")
        number = _origin(body, states[step], position, place, trail)
        if number is None or not consts <= number < consts + carries:
            return number
        position, step = number - consts, step - 1
    return consts + position
