"""Convolutions by the interface of `jax.lax`: any layout, strides, dilations of both operands, groups, transposed.

    conv_general_dilated  =  transpose to [batch, space, channels], pad, cut windows, contract, transpose back

Each step is an op with all its rules; in compiled code the transposes and the padding are address arithmetic of the
pass that writes the windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..numpy import promotion
from ..ops import contraction, convolution, elementwise, layout, reduction
from . import recording as rec
from .windows import Ints, Pairs, padded, padding_pairs, per_axis, widths_of


class ConvDimensionNumbers(NamedTuple):
    """Where the axes of a convolution are: (batch, channels, space...) of the input and the output, and (output
    channels, input channels, space...) of the kernel.
    """

    lhs_spec: Ints
    rhs_spec: Ints
    out_spec: Ints


def conv_dimension_numbers(
    lhs_shape: Sequence[int], rhs_shape: Sequence[int], dimension_numbers: Any
) -> ConvDimensionNumbers:
    """Positions of axes from letters such as ("NHWC", "HWIO", "NHWC"); None means that they stand in order.

    Example:
        >>> conv_dimension_numbers((1, 8, 8, 3), (3, 3, 3, 5), ("NHWC", "HWIO", "NHWC"))
        ConvDimensionNumbers(lhs_spec=(0, 3, 1, 2), rhs_spec=(3, 2, 0, 1), out_spec=(0, 3, 1, 2))

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.conv_dimension_numbers.html
    """
    where, ndim = "conv_general_dilated", len(lhs_shape)
    if len(rhs_shape) != ndim or ndim < 3:
        raise ValueError(
            f"{where}: the input has shape {tuple(lhs_shape)} and the kernel {tuple(rhs_shape)}.\n"
            "Fix: both need a batch or output-channel axis, a channel axis, and the same one or more axes of space."
        )
    if dimension_numbers is None:
        return ConvDimensionNumbers(*[tuple(range(ndim))] * 3)
    specs = tuple(dimension_numbers)
    if len(specs) == 3 and all(isinstance(s, str) for s in specs):
        lhs, rhs, out = specs
        space = [c for c in rhs if c not in "OI"]
        specs = tuple(_positions(spec, first, space, ndim) for spec, first in ((lhs, "NC"), (rhs, "OI"), (out, "NC")))
    if len(specs) != 3 or any(sorted(spec) != list(range(ndim)) for spec in specs):
        raise ValueError(
            f"{where}: dimension_numbers={dimension_numbers!r} do not name the {ndim} axes of each array once.\n"
            'Fix: give three texts such as ("NHWC", "HWIO", "NHWC"), with the same letters of space in each.'
        )
    return ConvDimensionNumbers(*[tuple(int(d) for d in spec) for spec in specs])


def _positions(spec: str, first: str, space: list[str], ndim: int) -> Ints:
    """The places of the two special letters, then of those of space; empty where the text does not have them all."""
    letters = [*first, *space]
    return tuple(spec.index(c) for c in letters) if sorted(spec) == sorted(letters) and len(spec) == ndim else ()


def conv_general_dilated(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Any,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """A convolution as neural networks define it: `out[n, p, o] = sum over k, c of lhs[n, p s + k d, c] rhs[k, c, o]`.

    Args:
        lhs: inputs, by default of shape (batch, channels, space...), of one, two, three or more axes of space.
        rhs: kernel, by default of shape (output channels, input channels / feature_group_count, space...).
        window_strides: s, one for each axis of space.
        padding: "SAME", "SAME_LOWER", "VALID", or (before, after) for each axis of space; negative numbers cut.
        lhs_dilation: distances between neighbours of the input, with zeros between: a transposed convolution.
        rhs_dilation: d, the distances between neighbours of the kernel.
        dimension_numbers: where the axes are, as three texts: ("NHWC", "HWIO", "NHWC").
        feature_group_count: the channels in so many groups, each with output channels of its own.
        batch_group_count: the batch in so many groups, each with output channels of its own.
        precision: accepted for compatibility with JAX; products are always computed in the operands' precision.
        preferred_element_type: dtype of the result.

    Returns:
        An array whose axes are those of `lhs` in the order the third text gives.

    Raises:
        ValueError: shapes, strides, dilations, padding or groups do not fit each other.
        TypeError: the dtypes differ, or are not those of numbers.

    Example:
        >>> import numpy as np
        >>> image, kernel = np.arange(16.0).reshape(1, 4, 4, 1), np.ones((2, 2, 1, 1))
        >>> conv_general_dilated(image, kernel, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))[0, :, :, 0]
        array([[10., 18.],
               [42., 50.]])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.conv_general_dilated.html, whose interface this
    follows; V. Dumoulin, F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """
    del precision
    where = "conv_general_dilated"
    x, w = (promotion.array_operand(v, where) for v in (lhs, rhs))
    if x.dtype != w.dtype or x.dtype.kind not in "iufc":
        raise TypeError(
            f"{where}: cannot multiply {rec.abstract(x)} with {rec.abstract(w)}.\n"
            "Fix: convert both to one dtype of numbers."
        )
    numbers = conv_dimension_numbers(x.shape, w.shape, dimension_numbers)
    groups = _check_groups(x, w, numbers, feature_group_count, batch_group_count)
    space = x.ndim - 2
    strides = per_axis(where, "window_strides", window_strides, space)
    base = per_axis(where, "lhs_dilation", lhs_dilation, space)
    dilations = per_axis(where, "rhs_dilation", rhs_dilation, space)
    if isinstance(padding, str) and max(base) > 1:
        raise ValueError(
            f"{where}: padding={padding!r} has no meaning with lhs_dilation={base}.\n"
            "Fix: give pairs of numbers, or use conv_transpose."
        )
    extents, sizes = (tuple(v.shape[d] for d in spec[2:]) for v, spec in ((x, numbers[0]), (w, numbers[1])))
    pairs = padding_pairs(where, padding, extents, widths_of(sizes, dilations), strides)
    images = _ordered(x, (numbers.lhs_spec[0], *numbers.lhs_spec[2:], numbers.lhs_spec[1]))
    kernel = _ordered(w, (*numbers.rhs_spec[2:], numbers.rhs_spec[1], numbers.rhs_spec[0]))
    windows = dict(axes=tuple(range(1, space + 1)), sizes=sizes, strides=strides, dilations=dilations)
    if max(base) > 1 == max(strides) and groups == (1, 1) and min(extents) > 0:
        out = _spread_products(images, kernel, dict(windows, strides=base), pairs)
    else:
        images = _edged(images, pairs, tuple(b - 1 for b in base))
        out = _windows_times_kernel(images, kernel, windows, *groups)
    back = [0] * x.ndim
    for position, axis in zip((numbers.out_spec[0], *numbers.out_spec[2:], numbers.out_spec[1]), range(x.ndim)):
        back[position] = axis
    out = _ordered(out, tuple(back))
    return out if preferred_element_type is None else promotion.convert(out, np.dtype(preferred_element_type))


def _edged(images: Any, pairs: Pairs, interior: Ints) -> Any:
    """[n, space, c] with zeros between neighbours, and as many around them as the pairs say."""
    low, high = ((0, *(p[k] for p in pairs), 0) for k in (0, 1))
    return padded(images, elementwise.zeros_like_scalar(images), low, high, (0, *interior, 0))


def _spread_products(images: Any, kernel: Any, windows: dict[str, Ints], pairs: Pairs) -> Any:
    """A convolution of images with zeros between neighbours, without the products of those zeros: each element times
    the kernel, added where it reaches.
    """
    axes, sizes, strides, dilations = windows.values()
    space = len(axes)
    flipped = layout.flip(kernel, axes=tuple(range(space)))
    products = contraction.dot_general(images, flipped, contract=((space + 1,), (space,)), batch=((), ()))
    widths = widths_of(sizes, dilations)
    extents = tuple((images.shape[a] - 1) * s + k for a, s, k in zip(axes, strides, widths))
    whole = convolution.overlap(products, extents=extents, **windows)
    return _edged(whole, tuple((lo - k + 1, hi - k + 1) for (lo, hi), k in zip(pairs, widths)), (0,) * space)


def _ordered(x: Any, axes: Ints) -> Any:
    return x if axes == tuple(range(x.ndim)) else layout.transpose(x, axes=axes)


def _check_groups(x: Any, w: Any, numbers: ConvDimensionNumbers, features: Any, batches: Any) -> tuple[int, int]:
    """The numbers of groups of channels and of examples, when the shapes allow them."""
    where = "conv_general_dilated"
    features, batches = (promotion.static_int(n, where) for n in (features, batches))
    channels, examples = x.shape[numbers.lhs_spec[1]], x.shape[numbers.lhs_spec[0]]
    outputs, inputs = w.shape[numbers.rhs_spec[0]], w.shape[numbers.rhs_spec[1]]
    arrays = f"the input {rec.abstract(x)} has {channels} channels and {examples} examples, the kernel {rec.abstract(w)} takes {inputs} channels and gives {outputs}"  # noqa: E501
    if features < 1 or batches < 1 or features > 1 < batches:
        raise ValueError(
            f"{where}: feature_group_count={features} and batch_group_count={batches} cannot be together.\n"
            "Fix: both must be positive, and one of them 1."
        )
    if channels != inputs * features:
        raise ValueError(
            f"{where}: {arrays}, feature_group_count={features}.\n"
            f"Fix: the kernel must take {channels} / {features} channels; check dimension_numbers, too."
        )
    if outputs % (features * batches) or examples % batches:
        raise ValueError(
            f"{where}: {arrays}; they do not divide into feature_group_count={features}, batch_group_count={batches}.\n"
            "Fix: the output channels, and with batch groups the examples, must be multiples of the number of groups."
        )
    return features, batches


def _windows_times_kernel(images: Any, kernel: Any, windows: dict[str, Ints], features: int, batches: int) -> Any:
    """[n, space, c] and [space, c / groups, o] to [n, space, o]: every window times the kernel, group by group."""
    space, cuts = len(windows["axes"]), _windows(images, **windows)
    groups, outputs = features * batches, kernel.shape[-1]
    inner = tuple(range(space))
    if groups == 1:
        over = tuple(range(space + 1, 2 * space + 2))
        return contraction.dot_general(cuts, kernel, contract=(over, (*inner, space)), batch=((), ()))
    if features == images.shape[-1] == outputs:
        return _channel_by_channel(cuts, kernel, space)
    grouped = layout.reshape(kernel, shape=(*kernel.shape[:-1], groups, outputs // groups))
    if features > 1:
        grouped_cuts = layout.reshape(cuts, shape=(*cuts.shape[:-1], features, cuts.shape[-1] // features))
        over, at = (*range(space + 1, 2 * space + 1), 2 * space + 2), 2 * space + 1
    else:
        grouped_cuts = layout.reshape(cuts, shape=(batches, cuts.shape[0] // batches, *cuts.shape[1:]))
        over, at = tuple(range(space + 2, 2 * space + 3)), 0
    contract, batch = (over, (*inner, space)), ((at,), (space + 1,))
    out = layout.move_axis(contraction.dot_general(grouped_cuts, grouped, contract=contract, batch=batch), 0, space + 1)
    return layout.reshape(out, shape=(*out.shape[:-2], outputs))


def _windows(images: Any, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> Any:
    """The windows of images; of one element each, they are the images themselves."""
    if max((*sizes, *strides)) == 1:
        return layout.reshape(images, shape=(*images.shape[:-1], *sizes, images.shape[-1]))
    return convolution.windows(images, axes=axes, sizes=sizes, strides=strides, dilations=dilations)


def _channel_by_channel(cuts: Any, kernel: Any, space: int) -> Any:
    """As many groups as channels, one output each: a product and a sum, without a contraction of one channel."""
    inner = tuple(range(space + 1, 2 * space + 1))
    weights = layout.reshape(kernel, shape=(*kernel.shape[:space], kernel.shape[-1]))
    spread = layout.broadcast(weights, shape=tuple(cuts.shape), dims=(*inner, 2 * space + 1))
    return reduction.reduce_sum(elementwise.mul(cuts, spread), axes=inner)


def conv(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Any,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """`conv_general_dilated` without dilation or groups, of (batch, channels, space...) and (out, in, space...).

    Example:
        >>> import numpy as np
        >>> conv(np.ones((1, 1, 4)), np.ones((1, 1, 2)), (2,), "VALID")
        array([[[2., 2.]]])
    """
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, precision=precision, preferred_element_type=preferred_element_type
    )


def conv_with_general_padding(
    lhs: Any, rhs: Any, window_strides: Sequence[int], padding: Any, lhs_dilation: Any, rhs_dilation: Any,
    precision: Any = None, preferred_element_type: Any = None,
) -> Any:  # fmt: skip
    """`conv_general_dilated` without groups, of (batch, channels, space...) and (out, in, space...).

    Example:
        >>> import numpy as np
        >>> conv_with_general_padding(np.ones((1, 1, 3)), np.ones((1, 1, 2)), (1,), [(1, 1)], (2,), (1,))
        array([[[1., 1., 1., 1., 1., 1.]]])
    """
    return conv_general_dilated(
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        precision=precision,
        preferred_element_type=preferred_element_type,
    )


def conv_transpose(
    lhs: Any,
    rhs: Any,
    strides: Sequence[int],
    padding: Any,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    transpose_kernel: bool = False,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:
    """A convolution with fractional strides: the input with `strides - 1` zeros between neighbours, convolved.

    Args:
        lhs: inputs, by default of shape (batch, space..., channels).
        rhs: kernel, by default of shape (space..., input channels, output channels).
        strides: how much larger the result is along each axis of space.
        padding: "SAME" (size times stride), "VALID" (every product that touches the input), or pairs of numbers, which
            pad the dilated input.
        rhs_dilation: distances between neighbours of the kernel.
        dimension_numbers: where the axes are; None means channels last, with one, two or three axes of space.
        transpose_kernel: flip the kernel and exchange its channels, which makes this the transpose (the gradient with
            respect to its input) of `conv_general_dilated` with the same kernel, strides and padding.

    Returns:
        An array with the axes of `lhs`.

    Raises:
        ValueError, TypeError: as `conv_general_dilated`.

    Example:
        >>> import numpy as np
        >>> x, kernel = np.array([1.0, 2.0]).reshape(1, 2, 1), np.array([1.0, 10.0]).reshape(2, 1, 1)
        >>> conv_transpose(x, kernel, (2,), "VALID")[0, :, 0]
        array([10.,  1., 20.,  2.])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.conv_transpose.html, whose interface this follows.
    """
    where, x, w = "conv_transpose", *(promotion.array_operand(v, "conv_transpose") for v in (lhs, rhs))
    space = x.ndim - 2
    if dimension_numbers is None:
        if not 1 <= space <= 3:
            raise ValueError(f"{where}: {rec.abstract(x)} has {space} axes of space.\nFix: give dimension_numbers.")
        letters = "HWD"[:space]
        dimension_numbers = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    numbers = conv_dimension_numbers(x.shape, w.shape, dimension_numbers)
    steps = per_axis(where, "strides", strides, space)
    dilations = per_axis(where, "rhs_dilation", rhs_dilation, space)
    widths = widths_of(tuple(w.shape[d] for d in numbers.rhs_spec[2:]), dilations)
    if isinstance(padding, str):
        padding = [_transposed_padding(k, s, padding) for k, s in zip(widths, steps)]
    if transpose_kernel:
        w = layout.flip(w, axes=tuple(sorted(numbers.rhs_spec[2:])))
        numbers = numbers._replace(rhs_spec=(numbers.rhs_spec[1], numbers.rhs_spec[0], *numbers.rhs_spec[2:]))
    return conv_general_dilated(
        x, w, (1,) * space, padding, steps, dilations, numbers, preferred_element_type=preferred_element_type
    )


def _transposed_padding(width: int, stride: int, padding: str) -> tuple[int, int]:
    """The padding of the dilated input that makes up for what a convolution with this padding loses."""
    if padding.upper() == "SAME":
        total = width + stride - 2
        low = width - 1 if stride > width - 1 else -(-total // 2)
    elif padding.upper() == "VALID":
        total, low = width + stride - 2 + max(width - stride, 0), width - 1
    else:
        raise ValueError(f"conv_transpose: there is no padding {padding!r}.\nFix: use SAME, VALID or pairs of numbers.")
    return low, total - low


__all__ = [
    "ConvDimensionNumbers",
    "conv",
    "conv_dimension_numbers",
    "conv_general_dilated",
    "conv_transpose",
    "conv_with_general_padding",
]
