"""torch behind the names of the other libraries, eager or through torch.compile.

Eager gradients are those of `torch.autograd.grad`, the quickest way there; compiled ones those of `torch.func`, which
torch.compile turns into one graph with the function itself. `lax.scan` is a Python loop, as in a torch program.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy
import torch
from libraries import map_nested
from torch.utils import _pytree


def namespace(compiled: bool) -> SimpleNamespace:
    """The names that workloads use."""
    return SimpleNamespace(
        name="torch.compile" if compiled else "torch",
        np=_array_names(),
        grad=torch.func.grad if compiled else lambda f: lambda *args: _value_and_grad(f)(*args)[1],
        value_and_grad=_functional_value_and_grad if compiled else _value_and_grad,
        jit=(lambda f: torch.compile(f, dynamic=False)) if compiled else lambda f: f,
        vmap=torch.func.vmap,
        jvp=torch.func.jvp,
        vjp=torch.func.vjp,
        hessian=torch.func.hessian,
        lax=SimpleNamespace(
            scan=_scan,
            cumlogsumexp=lambda x, axis: torch.logcumsumexp(x, axis),
            conv_general_dilated=_convolution,
            reduce_window=_pool,
            max=torch.maximum,
        ),
        erf=torch.erf,
        solve_triangular=lambda a, b: torch.linalg.solve_triangular(a, b[:, None], upper=False)[:, 0],
        stop_gradient=torch.Tensor.detach,
        tree_map=map_nested,
        array=lambda array: torch.from_numpy(numpy.array(array)),
        adopt=lambda array: torch.from_numpy(array),
        wait=lambda result: result,
    )


def _array_names() -> SimpleNamespace:
    same = ["sin", "cos", "exp", "log", "sqrt", "tanh", "mean", "sum", "stack", "ones_like", "eye", "diag", "cumsum"]
    return SimpleNamespace(
        **{name: getattr(torch, name) for name in same},
        dot=torch.matmul,
        reshape=torch.reshape,
        max=lambda x, axis, keepdims=False: torch.amax(x, axis, keepdim=keepdims),
        maximum=lambda x, bound: torch.clamp(x, min=bound),
        sort=lambda x, axis: torch.sort(x, axis).values,
        linalg=SimpleNamespace(cholesky=torch.linalg.cholesky),
    )


def _value_and_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    def run(first: Any, *rest: Any) -> tuple[Any, Any]:
        leaves, structure = _pytree.tree_flatten(first)
        leaves = [_variable(leaf) for leaf in leaves]
        value = f(_pytree.tree_unflatten(leaves, structure), *rest)
        grads = torch.autograd.grad(value, leaves)
        return value.detach(), _pytree.tree_unflatten(grads, structure)

    return run


def _variable(leaf: Any) -> Any:
    if isinstance(leaf, float):
        return torch.tensor(leaf, dtype=torch.float64, requires_grad=True)
    return leaf.detach().requires_grad_()


def _functional_value_and_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    gradient = torch.func.grad_and_value(f)

    def run(*args: Any) -> tuple[Any, Any]:
        grads, value = gradient(*args)
        return value, grads

    return run


def _convolution(x: Any, w: Any, strides: Any, padding: str, dimension_numbers: Any) -> Any:
    """Images with channels last, weights HWIO: torch names axes in another order and keeps this one in memory."""
    assert dimension_numbers == ("NHWC", "HWIO", "NHWC")
    out = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), None, strides, padding.lower())
    return out.permute(0, 2, 3, 1)


def _pool(x: Any, _start: float, _operation: Any, window: Any, strides: Any, _padding: str) -> Any:
    """The maximum of each window, channels last."""
    out = torch.nn.functional.max_pool2d(x.permute(0, 3, 1, 2), window[1:3], strides[1:3])
    return out.permute(0, 2, 3, 1)


def _scan(step: Callable[..., Any], carry: Any, xs: Any, length: int | None = None) -> tuple[Any, Any]:
    outputs = []
    for number in range(len(xs) if length is None else length):
        carry, output = step(carry, None if xs is None else xs[number])
        outputs.append(output)
    return carry, torch.stack(outputs)
