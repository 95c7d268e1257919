"""Preparation: passes over programs that bring them into the form the scheduler expects.

inline_calls               equations that mean a program (custom rules, compositions) become its equations
without_machine_types      equations between complex numbers are left to NumPy
canonical_contractions     operands of dot_general become batches of matrices as BLAS can read them
separate_windows           each contraction has its own copy of an operand that repeats a smaller array's elements
distinct_outputs           every output becomes the result of its own equation, so that each has a buffer of its own
"""

from __future__ import annotations

from typing import Any

from ..core import lowering
from ..core.program import Eqn, Literal, Program, Var, subprograms
from ..core.tracing import retrace
from ..ops import callback, contraction, elementwise, layout, reduction
from ..ops.identities import identities
from ..transforms.simplify import dead_code_elimination, simplify
from . import matrix_layout
from .blocks import LEAST_BYTES

MEANS_PROGRAM = (lowering.Call, lowering.Compose)
CONTROL = (lowering.Loop, lowering.Branch, lowering.While, lowering.Lanes, lowering.WhileBackward)


def prepare(program: Program) -> Program:
    """All passes of this module, and simplification, on a program and on the programs inside its equations."""
    program = inline_calls(program)
    program = without_machine_types(_inside(program))
    program = simplify(program, identities())
    program = separate_windows(canonical_contractions(program))
    return without_machine_types(distinct_outputs(dead_code_elimination(program)))  # the copies of outputs


def without_machine_types(program: Program) -> Program:
    """{ b:complex128[3] = mul a a }  -->  { b:complex128[3] = in_numpy[operation=mul, arguments=()] a a }

    Complex numbers and float16 have no machine code here: NumPy computes what touches them, operation by operation.
    Loops and branches stay; what is inside of them is prepared, too.
    """
    if all(map(has_machine_types, program.eqns)):
        return program
    eqns = []
    for eqn in program.eqns:
        if not has_machine_types(eqn) and not isinstance(eqn.prim.lower, (*CONTROL, lowering.Callback)):
            params = dict(operation=eqn.prim, arguments=tuple(sorted(eqn.params.items())))
            eqn = Eqn(callback.in_numpy, eqn.inputs, params, eqn.outs, eqn.source)
        eqns.append(eqn)
    return Program(program.inputs, eqns, program.outputs)


def has_machine_types(eqn: Eqn) -> bool:
    """Whether all that an equation reads and computes is of types that machine code is generated for."""
    return all(has_machine_type(a.aval.dtype) for a in (*eqn.inputs, *eqn.outs))


def has_machine_type(dtype: Any) -> bool:
    """Whether machine code is generated for numbers of a dtype."""
    return dtype.kind in "biuf" and dtype.itemsize <= 8 and dtype.char != "e"


def _inside(program: Program) -> Program:
    """Prepare the programs inside equations, too."""
    if not any(subprograms(eqn.params) for eqn in program.eqns):
        return program
    eqns = []
    for eqn in program.eqns:
        # Programs from which planning derives others (one iteration pulled back, a pool of lanes) stay as they are.
        if subprograms(eqn.params) and not isinstance(eqn.prim.lower, (lowering.WhileBackward, lowering.Lanes)):
            eqn = eqn.replace(params={k: _prepared(v) for k, v in eqn.params.items()})
        eqns.append(eqn)
    return Program(program.inputs, eqns, program.outputs)


def _prepared(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(prepare(v) if isinstance(v, Program) else v for v in value)
    return prepare(value) if isinstance(value, Program) else value


def inline_calls(program: Program) -> Program:
    """{ b = custom_jvp_call[program={ lambda x . y = sin x in (y,) }] a }  -->  { b = sin a }"""
    if not any(isinstance(eqn.prim.lower, MEANS_PROGRAM) for eqn in program.eqns):
        return program
    eqns: list[Eqn] = []
    rename: dict[Var, Any] = {}

    def renamed(atoms: Any, names: dict) -> list[Any]:
        return [names.get(a, a) if type(a) is Var else a for a in atoms]

    for eqn in program.eqns:
        inputs = renamed(eqn.inputs, rename)
        if not isinstance(eqn.prim.lower, MEANS_PROGRAM):
            eqns.append(eqn.replace(inputs=tuple(inputs)))
            continue
        body = inline_calls(_meaning(eqn))
        names: dict[Var, Any] = dict(zip(body.inputs, inputs))
        for inner in body.eqns:
            outs = tuple([Var(v.aval) for v in inner.outs])
            eqns.append(
                inner.replace(inputs=tuple(renamed(inner.inputs, names)), outs=outs, source=eqn.source or inner.source)
            )
            names.update(zip(inner.outs, outs))
        rename.update(zip(eqn.outs, renamed(body.outputs, names)))
    return Program(program.inputs, eqns, renamed(program.outputs, rename))


def _meaning(eqn: Eqn) -> Program:
    """The program that an equation stands for."""
    form = eqn.prim.lower
    if isinstance(form, lowering.Call):
        return form.program(eqn.params)

    def outputs(*operands: Any) -> list[Any]:
        out = form.fn(*operands, **eqn.params)
        return list(out) if eqn.prim.multiple_results else [out]

    return retrace(outputs, [a.aval for a in eqn.inputs])


def canonical_contractions(program: Program) -> Program:
    """Put transposes before contractions whose axes BLAS cannot take as they are."""
    eqns: list[Eqn] = []
    for eqn in program.eqns:
        if eqn.prim is contraction.dot_general:
            eqns += _canonical_contraction(eqn)
        else:
            eqns.append(eqn)
    return program if len(eqns) == len(program.eqns) else Program(program.inputs, eqns, program.outputs)


def _canonical_contraction(eqn: Eqn) -> list[Eqn]:
    made: list[Eqn] = []
    if _is_matrix_times_vector(eqn):
        return _sum_of_products(eqn)
    inputs, contract, batch = list(eqn.inputs), list(eqn.params["contract"]), list(eqn.params["batch"])
    order = sorted(range(len(contract[0])), key=lambda i: contract[0][i])
    contract = [tuple(axes[i] for i in order) for axes in contract]
    for side, place in enumerate(
        matrix_layout.operands(*(a.aval.shape for a in inputs), tuple(contract), tuple(batch))
    ):
        if place is not None:
            continue
        b, c = batch[side], contract[side]
        free = matrix_layout.free(inputs[side].aval.ndim, c, b)
        chosen = (*b, *c, *free) if side else (*b, *free, *c)
        v = Var(inputs[side].aval.update(shape=tuple(inputs[side].aval.shape[d] for d in chosen)))
        made.append(Eqn(layout.transpose, (inputs[side],), dict(axes=chosen), (v,), eqn.source))
        inputs[side] = v
        contract[side] = tuple(chosen.index(d) for d in c)
        batch[side] = tuple(range(len(b)))
    return [*made, eqn.replace(inputs=tuple(inputs), params=dict(contract=tuple(contract), batch=tuple(batch)))]


def _is_matrix_times_vector(eqn: Eqn) -> bool:
    """Whether one operand has no axes of its own: then there is nothing for BLAS to reuse, but much to fuse."""
    x, y = (a.aval for a in eqn.inputs)
    axes = [(*c, *b) for c, b in zip(eqn.params["contract"], eqn.params["batch"])]
    leading = all(b == tuple(range(len(b))) for b in eqn.params["batch"])
    return x.dtype.kind == "f" and leading and (len(axes[0]) == x.ndim or len(axes[1]) == y.ndim) and bool(axes[0])


def _sum_of_products(eqn: Eqn) -> list[Eqn]:
    """{ c = dot_general[contract=((1,), (0,))] a b }  -->  { d = broadcast b; e = mul a d; c = reduce_sum e }

    A product with a vector is bound by reading the matrix. As a sum it shares that reading with all else that is done
    to the rows: a linear model and its gradient are one pass.
    """
    (cx, cy), (bx, by) = eqn.params["contract"], eqn.params["batch"]
    x, y = eqn.inputs
    if len((*cx, *bx)) == x.aval.ndim:
        (x, cx, bx), (y, cy, by) = (y, cy, by), (x, cx, bx)
    dims = [0] * y.aval.ndim
    for of_x, of_y in zip((*cx, *bx), (*cy, *by)):
        dims[of_y] = of_x
    order = sorted(range(len(dims)), key=dims.__getitem__)
    made, wide, product = [], Var(x.aval), Var(x.aval)
    if order != list(range(len(order))):
        turned = Var(y.aval.update(shape=tuple(y.aval.shape[d] for d in order)))
        made.append(Eqn(layout.transpose, (y,), dict(axes=tuple(order)), (turned,), eqn.source))
        y = turned
    spread = dict(shape=x.aval.shape, dims=tuple(sorted(dims)))
    return [
        *made,
        Eqn(layout.broadcast, (y,), spread, (wide,), eqn.source),
        Eqn(elementwise.mul, (x, wide), {}, (product,), eqn.source),
        Eqn(reduction.reduce_sum, (product,), dict(axes=tuple(sorted(cx))), eqn.outs, eqn.source),
    ]


def separate_windows(program: Program) -> Program:
    """{ b = windows a; c = dot_general b d; e = dot_general b f }  -->  { ...; g = windows a; e = dot_general g f }

    Where b is large and a is not, b made twice within cache (`blocks`) costs less than b kept in memory.
    """
    made = {v: eqn for eqn in program.eqns for v in eqn.outs}
    read: set[Var] = set()
    eqns: list[Eqn] = []
    for eqn in program.eqns:
        inputs = list(eqn.inputs)
        for side, v in enumerate(inputs):
            if isinstance(eqn.prim.lower, lowering.Contract) and _repeats(v, made):
                if v in read:
                    inputs[side] = Var(v.aval)
                    eqns.append(made[v].replace(outs=(inputs[side],)))
                read.add(v)
        eqns.append(eqn.replace(inputs=tuple(inputs)) if inputs != list(eqn.inputs) else eqn)
    return program if len(eqns) == len(program.eqns) else Program(program.inputs, eqns, program.outputs)


def _repeats(v: Any, made: dict[Var, Eqn]) -> bool:
    """Whether a large value holds the elements of one at most half its size, moved."""
    source = v
    while source in made and isinstance(made[source].prim.lower, lowering.IndexMap) and len(made[source].inputs) == 1:
        source = made[source].inputs[0]
    return source is not v and v.aval.nbytes >= LEAST_BYTES and 2 * source.aval.size <= v.aval.size


def distinct_outputs(program: Program) -> Program:
    """{ lambda a . in (a, a) }  -->  { lambda a . b = copy a; c = copy a in (b, c) }"""
    taken: set[Var] = set(program.inputs)
    eqns, outputs = list(program.eqns), []
    for a in program.outputs:
        if type(a) is Literal and a.aval.ndim == 0 or a in taken or type(a) is Literal:
            v = Var(a.aval)
            eqns.append(Eqn(elementwise.copy, (a,), {}, (v,), None))
            a = v
        taken.add(a)
        outputs.append(a)
    return program if len(eqns) == len(program.eqns) else Program(program.inputs, eqns, outputs)
