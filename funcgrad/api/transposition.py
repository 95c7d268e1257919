"""`linear_transpose`: a linear function backwards, without a point to linearize at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors, tree
from ..core.program import Eqn, Literal, Program, Var, as_function
from ..core.tracing import Tracer, concrete_value, run, trace
from ..transforms.simplify import dead_code_elimination
from ..transforms.transpose import pullback
from . import recording as rec
from .arguments import Choice
from .differentiation import matching


def linear_transpose(fun: Callable, *primals: Any) -> Callable:
    """The transpose of a linear function, the map ct -> A^T ct for fun(x) = A x.

    Args:
        fun: a linear function of pytrees of arrays to a pytree of arrays. It is evaluated once, at zero, to check
            that it is linear and not merely affine, unless it closes over traced values.
        primals: one for each argument, arrays or anything with a shape and a dtype (`ShapeDtypeStruct`); values do not
            matter.

    Returns:
        A function of cotangents, with the structure and types of the result of `fun`, to a tuple with the structure
        and types of `primals`.

    Raises:
        TypeError: if `fun` is not linear, or its arguments and results are not floating-point numbers.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> transpose = fg.linear_transpose(np.cumsum, fg.ShapeDtypeStruct((3,), "float64"))
        >>> transpose(np.array([1.0, 0.0, 2.0]))
        (array([3., 2., 2.]),)

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.linear_transpose.html, whose interface this follows.
    """
    Choice("linear_transpose", fun, 0)
    avals, weak, treedef = _types(fun, primals)
    title = f"linear_transpose of {rec.name_of(fun)}"
    program, captures, out_tree = _traced(title, fun, avals, weak, treedef)
    backward, parts = pullback(program, (*[False] * len(captures), *[True] * len(avals)), False)
    residual_program = _residual_program(title, program, parts, len(captures))
    _check_zero_at_zero(title, program, captures)
    residuals = rec.snapshot(run(residual_program, captures), captures)
    backward = rec.late(backward, sum(parts.active_outputs))

    def transposed(cotangents: Any) -> Any:
        """Apply the transpose to cotangents of the outputs."""
        cts = matching("linear_transpose", "cotangent", "output", cotangents, program.out_avals, out_tree)
        needed = [ct for ct, on in zip(cts, parts.active_outputs) if on]
        results = run(backward, [*residuals, *needed])
        return tree.tree_unflatten(treedef, rec.owned(results, [*residuals, *cts]))

    return transposed


def _types(fun: Callable, primals: tuple) -> tuple[list[Any], list[bool], Any]:
    """Types of the arguments, whether they are Python numbers, and their structure."""
    leaves, treedef = tree.tree_flatten(primals)
    # what has a shape and a dtype stands for an array of zeros, which takes no memory as a view
    arrays = [
        np.broadcast_to(np.zeros((), x.dtype), x.shape) if hasattr(x, "shape") and type(x) is not Tracer else x
        for x in leaves
    ]
    rec.check_leaves("linear_transpose", fun, tree.tree_unflatten(treedef, arrays))
    return [rec.abstract(x) for x in arrays], [rec._weak(x) for x in arrays], treedef


def _traced(
    title: str, fun: Callable, avals: Sequence[Any], weak: Sequence[bool], treedef: Any
) -> tuple[Program, list[Any], Any]:
    structure: list[Any] = []

    def flat(*inputs: Any) -> list[Any]:
        outs, out_tree = tree.tree_flatten(fun(*tree.tree_unflatten(treedef, inputs)))
        structure.append(out_tree)
        return [rec.check_output(o, title, out_tree, i) for i, o in enumerate(outs)]

    program, captures = trace(flat, avals, weak=weak, hoist=True, purpose=title)
    types = [*avals, *program.out_avals]
    if any(a.dtype.kind not in "fc" for a in types):
        arrow = f"{', '.join(map(str, avals))} -> {', '.join(map(str, program.out_avals))}"
        raise TypeError(
            f"{title}: arguments and results must be floating-point numbers, but the types are {arrow}.\n"
            "Fix: convert with astype(float), and close over values that are not part of the linear map."
        )
    return rec.canonical(program), captures, structure[0]


def _residual_program(title: str, program: Program, parts: Any, captured: int) -> Program:
    """Captures -> what the linear part reads. A linear function reads nothing that depends on its arguments."""
    residuals = parts.forward.outputs[len(program.outputs) :]
    needed = dead_code_elimination(Program(parts.forward.inputs, parts.forward.eqns, residuals))
    varying = set(needed.inputs[captured:])
    constant = []
    for eqn in needed.eqns:
        if any(type(a) is Var and a in varying for a in eqn.inputs):
            varying.update(eqn.outs)
        else:
            constant.append(eqn)
    inner = {v for v, r in zip(parts.linear.inputs, residuals) if type(r) is Var and r in varying}
    for eqn in parts.linear.eqns:
        if any(type(a) is Var and a in inner for a in _operands_read(eqn)):
            raise TypeError(
                f"{title}: the function is not linear: its derivative depends on its argument.\n"
                f"{errors.source_line(eqn.source)}\n"
                "Fix: use vjp, which linearizes at a point, or close over what is constant instead of passing it."
            )
    # what varies is handed to loops that ignore it: anything will do
    outputs = [_zeros(r.aval) if type(r) is Var and r in varying else r for r in needed.outputs]
    return dead_code_elimination(Program(needed.inputs[:captured], constant, outputs))


def _operands_read(eqn: Eqn) -> list[Any]:
    """The operands on which the results depend; the body of a loop may ignore some."""
    body = eqn.params.get("body")
    if not isinstance(body, Program) or len(body.inputs) != len(eqn.inputs):
        return list(eqn.inputs)
    body = dead_code_elimination(body)
    used = {a for e in body.eqns for a in e.inputs if type(a) is Var} | {a for a in body.outputs if type(a) is Var}
    return [a for a, v in zip(eqn.inputs, body.inputs) if v in used]


def _zeros(aval: Any) -> Literal:
    return Literal(np.broadcast_to(np.zeros((), aval.dtype), aval.shape))


def _check_zero_at_zero(title: str, program: Program, captures: Sequence[Any]) -> None:
    """A linear function of zeros is zero; closed-over values that are not known now cannot be checked."""
    values = [concrete_value(c) for c in captures]
    if any(v is None for v in values):
        return
    zeros = [np.zeros(v.aval.shape, v.aval.dtype)[()] for v in program.inputs[len(values) :]]
    with np.errstate(all="ignore"):
        outputs = as_function(program)(*values, *zeros)
    if any(np.any(o != 0) for o in outputs):
        raise TypeError(
            f"{title}: the function is not linear: its value at zero is not zero.\n"
            "Fix: leave the constant part out of the function, or use vjp, which ignores it."
        )


__all__ = ["linear_transpose"]
