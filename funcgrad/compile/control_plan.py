"""Planning of equations that hold programs: loops, branches, and loops whose length is data.

What these functions have in common: operands are in memory, the inputs and outputs of a body are mapped to buffers, and
carried state lives in pairs of buffers, the state and what follows it. Small pairs are copied, large ones trade places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import lowering
from ..core.program import Eqn, Program, Var
from ..core.tracing import retrace
from ..ops import while_lanes
from .prepare import prepare
from .steps import Branch, Buffer, LanePool, Loop, Moves, TapeLoop, While

POOL_WIDTH = 32  # lanes that run in step: enough vectors to hide the latency of a chain of arithmetic
POOL_BYTES = 1024  # of one buffer of the pool; larger ones would not stay on the stack
LEAST_WIDTH = 4  # lanes; fewer are not worth changing places


def _operands(planner: Any, eqn: Eqn, env: dict) -> list[Buffer]:
    """The operands of an equation, in memory."""
    return [planner.in_memory(planner.buffer(a, env) if a.aval.ndim or type(a) is Var else a) for a in eqn.inputs]


def _state(planner: Any, v: Var, before: list[Any], initial: Buffer) -> Buffer:
    """A buffer for carried state, with its first value put there before the loop."""
    state = planner.temporary(v.aval.shape, v.aval.dtype)
    before += planner.copy(initial, state)
    return state


def _following(planner: Any, state: Buffer, moves: Moves) -> Buffer:
    """The buffer for the next value of carried state."""
    following = planner.temporary(state.shape, state.dtype)
    moves.append((state, following))
    if not state.stack:
        state.swaps, following.swaps = following, state
    return following


def _after(planner: Any, states: Sequence[Buffer], eqn: Eqn, env: dict) -> list[Any]:
    """Copies of the last state to the results."""
    return [step for state, v in zip(states, eqn.outs) for step in planner.copy(state, planner.buffer(v, env))]


def plan_scan(planner: Any, eqn: Eqn, env: dict) -> list[Any]:
    """A scan as a native loop: xs and ys are slices of the whole arrays."""
    p = eqn.params
    body, consts, carries = p["body"], p["consts"], p["carries"]
    loop = Loop(planner.next_loop(), p["length"], p["reverse"])
    operands, results = _operands(planner, eqn, env), [planner.buffer(v, env) for v in eqn.outs]
    planner.depth += 1
    before: list[Any] = []
    inner: dict[Any, Buffer] = dict(zip(body.inputs, operands[:consts]))
    carry = body.inputs[consts : consts + carries]
    states = [_state(planner, v, before, b) for v, b in zip(carry, operands[consts:])]
    inner.update(zip(carry, states))
    for v, b in zip(body.inputs[consts + carries :], operands[consts + carries :]):
        inner[v] = Buffer("slice", 0, v.aval.shape, v.aval.dtype, base=b, loop=loop)
    for k, v in enumerate(body.outputs):
        if k < carries:
            inner[v] = _following(planner, states[k], loop.moves)
        else:
            inner[v] = Buffer("slice", 0, v.aval.shape, v.aval.dtype, base=results[k], loop=loop)
    loop.body = planner.sequence(body, inner)
    planner.depth -= 1
    return [*before, *([loop] if loop.length else []), *_after(planner, states, eqn, env)]


def plan_branch(planner: Any, eqn: Eqn, env: dict) -> list[Any]:
    """A switch: all branches write to the buffers of the results."""
    index, *operands = _operands(planner, eqn, env)
    results = [planner.buffer(v, env) for v in eqn.outs]
    bodies = [
        planner.sequence(branch, {**dict(zip(branch.inputs, operands)), **dict(zip(branch.outputs, results))})
        for branch in eqn.params["branches"]
    ]
    return [Branch(index, bodies)]


def plan_while(planner: Any, eqn: Eqn, env: dict) -> list[Any]:
    """A loop whose condition is evaluated before every iteration."""
    p = eqn.params
    before: list[Any] = []
    planner.depth += 1
    loop, states = _while(planner, p["cond"], p["body"], _operands(planner, eqn, env), p, before)
    planner.depth -= 1
    return [*before, loop, *_after(planner, states, eqn, env)]


def _while(
    planner: Any, cond: Program, body: Program, operands: list[Buffer], p: dict, before: list[Any]
) -> tuple[While, list[Buffer]]:
    n_cond, n_body = p["cond_consts"], p["body_consts"]
    fixed, consts, carry = operands[:n_cond], operands[n_cond : n_cond + n_body], operands[n_cond + n_body :]
    number = planner.next_loop()
    states = [_state(planner, v, before, b) for v, b in zip(body.inputs[n_body:], carry)]
    return While(number, *_turn(planner, cond, body, fixed, consts, states)), states


def _turn(
    planner: Any, cond: Program, body: Program, fixed: list[Buffer], consts: list[Buffer], states: list[Buffer]
) -> tuple[list[Any], Buffer, list[Any], Moves]:
    """One turn of a loop: steps that test, where they leave the outcome, steps of the body, moves of the states."""
    going = planner.temporary(cond.outputs[0].aval.shape, bool)
    test = planner.sequence(cond, {**dict(zip(cond.inputs, [*fixed, *states])), cond.outputs[0]: going})
    moves: Moves = []
    following = [_following(planner, state, moves) for state in states]
    inner = {**dict(zip(body.inputs, [*consts, *states])), **dict(zip(body.outputs, following))}
    return test, going, planner.sequence(body, inner), moves


def plan_lanes(planner: Any, eqn: Eqn, env: dict) -> list[Any]:
    """A pool of lanes when they are small and only compute; otherwise a scan over lanes of a loop."""
    p = eqn.params
    width = _pool_width(eqn)
    if width < LEAST_WIDTH:
        return _one_lane_at_a_time(planner, eqn, env)
    test, body = (prepare(program) for program in while_lanes.pool_programs(p, width))
    operands, results = _operands(planner, eqn, env), [planner.buffer(v, env) for v in eqn.outs]
    n_cond, first = p["cond_consts"], p["cond_consts"] + p["body_consts"]
    planner.depth += 1
    avals = [v.aval for v in (*test.inputs[:n_cond], *body.inputs)]
    pool = [planner.temporary(a.shape, a.dtype) if on else b for a, b, on in zip(avals, operands, p["on"])]
    loads = [(b, place) for b, place, on in zip(operands, pool, p["on"]) if on]
    turn = _turn(planner, test, body, pool[:n_cond], pool[n_cond:first], pool[first:])
    planner.depth -= 1
    ends = list(zip(pool[first:], results))
    return [LanePool(planner.next_loop(), p["size"], width, *turn, loads, ends)]


def _pool_width(eqn: Eqn) -> int:
    """How many lanes run at a time: as many as fit on the stack, where all programs are plain arithmetic, else none."""
    p = eqn.params
    plain = (lowering.Scalar, lowering.IndexMap, lowering.Reduce)
    arithmetic = all(isinstance(e.prim.lower, plain) for program in (p["cond"], p["body"]) for e in program.eqns)
    largest = max([v.aval.nbytes for program in (p["cond"], p["body"]) for v in program.inputs], default=1)
    return min(p["size"], POOL_WIDTH, POOL_BYTES // max(largest, 1)) if arithmetic else 0


def _one_lane_at_a_time(planner: Any, eqn: Eqn, env: dict) -> list[Any]:
    params = {k: v for k, v in eqn.params.items() if k not in ("size", "on")}
    size, on = eqn.params["size"], eqn.params["on"]
    avals = [a.aval for a in eqn.inputs]
    program = prepare(retrace(lambda *args: while_lanes.one_by_one(size, on, list(args), params), avals))
    results = [planner.buffer(v, env) for v in eqn.outs]
    inner = {**dict(zip(program.inputs, _operands(planner, eqn, env))), **dict(zip(program.outputs, results))}
    return planner.sequence(program, inner)


def plan_while_backward(planner: Any, eqn: Eqn, env: dict) -> list[Any]:
    """The loop with a tape of its carries, then the loop over the tape."""
    p = eqn.params
    cond, body, pull = (prepare(x) for x in (p["cond"], p["body"], eqn.prim.lower.step(p)))
    operands = _operands(planner, eqn, env)
    count = p["cond_consts"] + len(p["body"].inputs)
    consts, cts = operands[p["cond_consts"] : p["cond_consts"] + p["body_consts"]], operands[count:]
    before: list[Any] = []
    planner.depth += 1
    forward, states = _while(planner, cond, body, operands[:count], p, before)
    loop = TapeLoop(planner.next_loop(), forward, states, [], [], [], [])
    loop.taped = _record(loop, states)
    n_flow = len(pull.outputs)
    flow = pull.inputs[len(consts) + len(states) :]
    n_sums = n_flow - len(cts)
    flowing = [_cleared(planner, v, loop.between) for v in flow[:n_sums]]
    flowing += [_state(planner, v, loop.between, b) for v, b in zip(flow[n_sums:], cts)]
    inner = dict(zip(pull.inputs, [*consts, *loop.taped, *flowing]))
    inner.update(zip(pull.outputs, [_following(planner, state, loop.moves) for state in flowing]))
    loop.pull = planner.sequence(pull, inner)
    planner.depth -= 1
    planner.plan.tapes = True
    return [*before, loop, *_after(planner, flowing, eqn, env)]


def _record(loop: TapeLoop, states: list[Buffer]) -> list[Buffer]:
    """The places of carries in the record of one iteration, 16 bytes aligned."""
    taped, offset = [], 0
    for k, state in enumerate(states):
        taped.append(Buffer("taped", k, state.shape, state.dtype, loop=loop, offset=offset))
        offset += -(-state.nbytes // 16) * 16
    return taped


def _cleared(planner: Any, v: Var, before: list[Any]) -> Buffer:
    """A buffer for a running sum, zero at first."""
    state = planner.temporary(v.aval.shape, v.aval.dtype)
    before += planner.clear(state)
    return state


def plan_barrier(planner: Any, eqn: Eqn, env: dict) -> list[Any]:
    """No step at all: the results are the operands, except where a result has a buffer already."""
    steps: list[Any] = []
    for v, b in zip(eqn.outs, _operands(planner, eqn, env)):
        if v in env:
            steps += planner.copy(b, env[v])
        else:
            env[v] = b
    return steps


CONTROL: dict[type, Callable[[Any, Eqn, dict], list[Any]]] = {
    lowering.Loop: plan_scan,
    lowering.Branch: plan_branch,
    lowering.While: plan_while,
    lowering.WhileBackward: plan_while_backward,
    lowering.Lanes: plan_lanes,
    lowering.Barrier: plan_barrier,
}
