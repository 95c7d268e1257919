"""Recurrent layers: cells that take one step, and `lax.scan` over the steps of a sequence.

A cell is a function `step(params, state, x) -> (state, output)`, so it goes into `lax.scan` as it is. Sequences are
(batch..., time, features); cells take (batch..., features).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import lax, random, tree
from .. import numpy as fnp
from ..numpy import promotion
from ..ops import elementwise
from . import initializers
from .operands import real

Params = dict[str, Any]
Step = Callable[[Params, Any, Any], tuple[Any, Any]]


def _init(key: Any, inputs: int, size: int, gates: int, dtype: Any) -> Params:
    """Glorot weights for inputs, orthogonal ones for the state, gate by gate."""
    first, second = random.split(key)
    recurrent = [initializers.orthogonal()(k, (size, size), dtype) for k in random.split(second, gates)]
    return {
        "weights": initializers.glorot_uniform()(first, (inputs, gates * size), dtype),
        "state_weights": fnp.concatenate(recurrent, 1),
        "bias": np.zeros(gates * size, dtype),
    }


def _gates(where: str, params: Params, state: Any, x: Any) -> tuple[Any, Any]:
    """What inputs and state contribute, and a complaint when their shapes do not fit."""
    x, weights = real(x, where), params["weights"]
    size = params["state_weights"].shape[0]
    if x.ndim == 0 or x.shape[-1] != weights.shape[0] or state.ndim == 0 or state.shape[-1] != size:
        raise ValueError(
            f"{where}: x has shape {tuple(x.shape)}, the state {tuple(state.shape)} and the weights "
            f"{tuple(weights.shape)}.\nFix: x has {weights.shape[0]} features in its last axis, and the state {size}."
        )
    return x @ weights + params["bias"], state @ params["state_weights"]


# --- cells ------------------------------------------------------------------------------------------------------------


def init_rnn(key: Any, inputs: int, size: int, *, dtype: Any = np.float64) -> Params:
    """Parameters of `rnn_step` and `rnn`.

    Returns:
        `{"weights": (inputs, size), "state_weights": (size, size), "bias": (size,)}`.

    Example:
        >>> from funcgrad import random
        >>> init_rnn(random.key(0), 3, 4)["weights"].shape
        (3, 4)
    """
    return _init(key, inputs, size, 1, dtype)


def rnn_step(params: Params, state: Any, x: Any) -> tuple[Any, Any]:
    """The new state and output tanh(x W + state U + b), twice the same.

    Args:
        params: as made by `init_rnn`.
        state: (batch..., size).
        x: (batch..., inputs).

    Raises:
        ValueError: shapes do not fit.

    Example:
        >>> import numpy as np
        >>> params = {"weights": np.ones((1, 1)), "state_weights": np.ones((1, 1)), "bias": np.zeros(1)}
        >>> rnn_step(params, np.array([0.5]), np.array([-0.5]))[1]
        array([0.])

    Reference: J. Elman, Finding structure in time, Cognitive Science 14 (1990).
    """
    from_x, from_state = _gates("rnn_step", params, state, x)
    out = elementwise.tanh(from_x + from_state)
    return out, out


def init_lstm(key: Any, inputs: int, size: int, *, forget_bias: float = 1.0, dtype: Any = np.float64) -> Params:
    """Parameters of `lstm_step` and `lstm`; the forget gates start open, with a bias of 1.

    Returns:
        `{"weights": (inputs, 4 size), "state_weights": (size, 4 size), "bias": (4 size,)}`, in the order of the gates
        input, forget, cell, output.

    Example:
        >>> from funcgrad import random
        >>> init_lstm(random.key(0), 3, 2)["bias"]
        array([0., 0., 1., 1., 0., 0., 0., 0.])
    """
    params = _init(key, inputs, size, 4, dtype)
    return {**params, "bias": np.repeat(np.array([0, forget_bias, 0, 0], dtype), size)}


def lstm_step(params: Params, state: tuple[Any, Any], x: Any) -> tuple[tuple[Any, Any], Any]:
    """One step of a long short-term memory.

        i, f, g, o = split(x W + h U + b);   c' = sigmoid(f) c + sigmoid(i) tanh(g);   h' = sigmoid(o) tanh(c')

    Args:
        params: as made by `init_lstm`.
        state: h and c, each (batch..., size).
        x: (batch..., inputs).

    Returns:
        `((h', c'), h')`.

    Raises:
        ValueError: shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> state, output = lstm_step(init_lstm(random.key(0), 3, 2), (np.zeros(2), np.zeros(2)), np.ones(3))
        >>> output.shape
        (2,)

    Reference: S. Hochreiter, J. Schmidhuber, Long short-term memory, Neural Computation 9 (1997); F. Gers et al., 2000.
    """
    hidden, cell = state
    from_x, from_state = _gates("lstm_step", params, hidden, x)
    i, f, g, o = fnp.split(from_x + from_state, 4, -1)
    cell = elementwise.sigmoid(f) * cell + elementwise.sigmoid(i) * elementwise.tanh(g)
    hidden = elementwise.sigmoid(o) * elementwise.tanh(cell)
    return (hidden, cell), hidden


def init_gru(key: Any, inputs: int, size: int, *, dtype: Any = np.float64) -> Params:
    """Parameters of `gru_step` and `gru`.

    Returns:
        `{"weights": (inputs, 3 size), "state_weights": (size, 3 size), "bias": (3 size,), "state_bias": (size,)}`, in
        the order of the gates reset, update, new.

    Example:
        >>> from funcgrad import random
        >>> init_gru(random.key(0), 3, 2)["state_weights"].shape
        (2, 6)
    """
    return {**_init(key, inputs, size, 3, dtype), "state_bias": np.zeros(size, dtype)}


def gru_step(params: Params, state: Any, x: Any) -> tuple[Any, Any]:
    """One step of a gated recurrent unit, with the reset gate after the product, as in most libraries.

        r, z = sigmoid(x W + h U + b);   n = tanh(x W_n + b_n + r (h U_n + state_bias));   h' = (1 - z) n + z h

    Args:
        params: as made by `init_gru`.
        state: h, (batch..., size).
        x: (batch..., inputs).

    Returns:
        `(h', h')`.

    Raises:
        ValueError: shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> gru_step(init_gru(random.key(0), 3, 2), np.zeros(2), np.ones(3))[1].shape
        (2,)

    Reference: K. Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014.
    """
    from_x, from_state = _gates("gru_step", params, state, x)
    (reset_x, update_x, new_x), (reset_h, update_h, new_h) = (fnp.split(v, 3, -1) for v in (from_x, from_state))
    reset, update = elementwise.sigmoid(reset_x + reset_h), elementwise.sigmoid(update_x + update_h)
    new = elementwise.tanh(new_x + reset * (new_h + params["state_bias"]))
    out = (1 - update) * new + update * state
    return out, out


# --- sequences --------------------------------------------------------------------------------------------------------


def run_cell(
    step: Step, params: Params, xs: Any, state: Any, *, reverse: bool = False, lengths: Any = None
) -> tuple[Any, Any]:
    """A cell along a sequence, by `lax.scan`.

    Args:
        step: `step(params, state, x) -> (state, output)`.
        params: of the cell.
        xs: (batch..., time, features).
        state: the first state, a pytree of arrays (batch..., size).
        reverse: whether time runs backwards; outputs stand where their inputs do.
        lengths: integers of shape (batch...): steps beyond leave the state as it is and give 0.

    Returns:
        Outputs (batch..., time, size), and the last state.

    Raises:
        ValueError: shapes do not fit.

    Example:
        >>> import numpy as np
        >>> total = lambda params, state, x: (state + x, state + x)
        >>> run_cell(total, {}, np.ones((3, 1)), np.zeros(1))[0][:, 0]
        array([1., 2., 3.])
    """
    xs = real(xs, "run_cell")
    if xs.ndim < 2:
        raise ValueError(f"run_cell: xs has shape {tuple(xs.shape)}.\nFix: its axes are (batch..., time, features).")
    inside = None
    if lengths is not None:
        lengths = promotion.array_operand(lengths, "run_cell")
        if tuple(lengths.shape) != tuple(xs.shape[:-2]) or lengths.dtype.kind not in "iu":
            raise ValueError(
                f"run_cell: xs has shape {tuple(xs.shape)}, and lengths {lengths.dtype} of {tuple(lengths.shape)}.\n"
                f"Fix: lengths are integers of shape {tuple(xs.shape[:-2])}."
            )
        steps = fnp.reshape(np.arange(xs.shape[-2]), (-1, *(1,) * (lengths.ndim + 1)))
        inside = steps < lengths[..., None]

    def body(state: Any, now: tuple[Any, Any]) -> tuple[Any, Any]:
        x, within = now
        new, output = step(params, state, x)
        if lengths is None:
            return new, output
        kept = tree.tree_map(lambda a, b: fnp.where(within, a, b), new, state)
        return kept, fnp.where(within, output, 0)

    state, outputs = lax.scan(body, state, (fnp.moveaxis(xs, -2, 0), inside), reverse=reverse)
    return fnp.moveaxis(outputs, 0, -2), state


def _zeros(params: Params, xs: Any) -> Any:
    xs = real(xs, "a recurrent layer")
    dtype = promotion.result_dtype(xs, params["state_weights"])
    return fnp.zeros((*xs.shape[:-2], params["state_weights"].shape[0]), dtype)


def rnn(params: Params, xs: Any, state: Any = None, *, reverse: bool = False, lengths: Any = None) -> tuple[Any, Any]:
    """`rnn_step` along a sequence; see `run_cell`. The state is zero where not given.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> outputs, state = rnn(init_rnn(random.key(0), 3, 4), np.ones((2, 5, 3)))
        >>> outputs.shape, state.shape
        ((2, 5, 4), (2, 4))
    """
    state = _zeros(params, xs) if state is None else state
    return run_cell(rnn_step, params, xs, state, reverse=reverse, lengths=lengths)


def lstm(params: Params, xs: Any, state: Any = None, *, reverse: bool = False, lengths: Any = None) -> tuple[Any, Any]:
    """`lstm_step` along a sequence; see `run_cell`. The state (h, c) is zero where not given.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> outputs, (h, c) = lstm(init_lstm(random.key(0), 3, 4), np.ones((2, 5, 3)))
        >>> outputs.shape, c.shape
        ((2, 5, 4), (2, 4))
    """
    state = (_zeros(params, xs), _zeros(params, xs)) if state is None else state
    return run_cell(lstm_step, params, xs, state, reverse=reverse, lengths=lengths)


def gru(params: Params, xs: Any, state: Any = None, *, reverse: bool = False, lengths: Any = None) -> tuple[Any, Any]:
    """`gru_step` along a sequence; see `run_cell`. The state is zero where not given.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> outputs, state = gru(init_gru(random.key(0), 3, 4), np.ones((2, 5, 3)))
        >>> outputs.shape, state.shape
        ((2, 5, 4), (2, 4))
    """
    state = _zeros(params, xs) if state is None else state
    return run_cell(gru_step, params, xs, state, reverse=reverse, lengths=lengths)


def bidirectional(layer: Callable[..., Any], params: tuple[Params, Params], xs: Any, **kwargs: Any) -> tuple[Any, Any]:
    """A recurrent layer forwards and another backwards in time, their outputs side by side.

    Args:
        layer: `rnn`, `lstm` or `gru`.
        params: those for either direction.
        xs: (batch..., time, features).
        kwargs: `lengths`.

    Returns:
        Outputs (batch..., time, 2 size), and the two last states.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> params = tuple(init_gru(k, 3, 4) for k in random.split(random.key(0)))
        >>> bidirectional(gru, params, np.ones((2, 5, 3)))[0].shape
        (2, 5, 8)

    Reference: M. Schuster, K. Paliwal, Bidirectional recurrent neural networks, IEEE Trans. Signal Proc. 45 (1997).
    """
    forwards, last = layer(params[0], xs, **kwargs)
    backwards, first = layer(params[1], xs, reverse=True, **kwargs)
    return fnp.concatenate([forwards, backwards], -1), (last, first)
