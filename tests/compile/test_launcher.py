"""The warm-call path: both launchers take, refuse, return and free exactly the same things."""

from __future__ import annotations

import gc
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from launcher_programs import identity, program

from funcgrad.compile import launcher_native
from funcgrad.compile.launcher import InputSpec, OutputSpec
from funcgrad.compile.launcher_native import make_native_launcher
from funcgrad.compile.launcher_portable import make_portable_launcher

F64, F32, I64 = np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.int64)


@pytest.fixture(params=[make_native_launcher, make_portable_launcher], ids=["native", "portable"])
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    assert launcher_native.native_refusal() is None
    return request.param


@pytest.mark.parametrize("dtype", list("?bhilBHILefdFD"))
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (2, 3), (2, 0, 3), (2, 1, 3, 2)])
def test_copies_every_dtype_and_shape(make: Callable[..., Any], dtype: str, shape: tuple[int, ...]) -> None:
    values = (np.arange(np.prod(shape, dtype=int)) + 1).reshape(shape).astype(dtype)
    (result,) = identity(make, InputSpec(shape, np.dtype(dtype)))(values)
    assert type(result) is (np.ndarray if shape else np.dtype(dtype).type)
    assert result.dtype is np.dtype(dtype) and result.shape == shape
    np.testing.assert_array_equal(result, values)
    if shape:
        assert result.flags.owndata and result.flags.c_contiguous and result.flags.writeable and result is not values


ACCEPTED = [
    ("array", F64, np.array(2.5)),
    ("array", F64, np.float64(2.5)),
    ("array", F32, np.float32(2.5)),
    ("array", np.dtype(np.bool_), np.True_),
    ("npscalar", F64, np.float64(2.5)),
    ("npscalar", np.dtype(np.complex128), np.complex128(1 + 2j)),
    ("npscalar", np.dtype(np.complex64), np.complex64(1 + 2j)),
    ("npscalar", np.dtype(np.int8), np.int8(-3)),
    ("pyfloat", F64, -0.0),
    ("pyfloat", F64, float("inf")),
    ("pyint", I64, 7),
    ("pyint", I64, 2**63 - 1),
    ("pyint", I64, -(2**63)),
    ("pybool", np.dtype(np.bool_), True),
    ("pybool", np.dtype(np.bool_), False),
    ("pycomplex", np.dtype(np.complex128), 3 - 4j),
]


@pytest.mark.parametrize(("kind", "dtype", "leaf"), ACCEPTED)
def test_takes_scalars(make: Callable[..., Any], kind: Any, dtype: np.dtype, leaf: Any) -> None:
    (result,) = identity(make, InputSpec((), dtype, kind))(leaf)
    assert type(result) is dtype.type
    assert result.tobytes() == np.array(leaf, dtype).tobytes()


class Matrix(np.ndarray):
    pass


class Real(float):
    pass


REFUSED = [
    ("pyfloat", (), F64, [1, True, np.float64(1.0), Real(1.0), np.array(1.0), "1", None, 1j]),
    ("pyint", (), I64, [1.0, True, np.int64(1), 2**63, -(2**63) - 1, 10**30, np.array(1)]),
    ("pybool", (), np.dtype(np.bool_), [1, 0, np.True_, None, np.array(True)]),
    ("pycomplex", (), np.dtype(np.complex128), [1.0, np.complex128(1), 1]),
    ("npscalar", (), F64, [1.0, np.float32(1), np.array(1.0), np.int64(1)]),
    ("array", (), F64, [1.0, 1, np.float32(1), np.array([1.0]), np.array(1, np.float32), Real(2.0)]),
    (
        "array",
        (2,),
        F64,
        [1.0, np.float64(1), np.zeros(3), np.zeros((2, 1)), np.zeros(()), [1.0, 2.0], (1.0, 2.0), None],
    ),
    ("array", (2,), F64, [np.zeros(2, np.float32), np.zeros(2, ">f8"), np.zeros(4)[::2], np.zeros(2)[::-1]]),
    ("array", (2,), F64, [np.zeros(2).view(Matrix), np.zeros(17, np.uint8)[1:].view(F64), np.zeros(2, np.longlong)]),
    ("array", (2, 3), F64, [np.zeros((3, 2)), np.zeros((3, 2)).T, np.zeros(6), np.zeros((2, 3), order="F")]),
]


@pytest.mark.parametrize(("kind", "shape", "dtype", "leaves"), REFUSED)
def test_refuses(make: Any, kind: Any, shape: tuple[int, ...], dtype: np.dtype, leaves: list[Any]) -> None:
    launch = identity(make, InputSpec(shape, dtype, kind))
    assert all(launch(leaf) is None for leaf in leaves)
    assert launch() is None and launch(leaves[0], leaves[0]) is None
    none_count = sys.getrefcount(None)
    for _ in range(1000):
        launch(leaves[0])
    assert abs(sys.getrefcount(None) - none_count) < 100


def test_refuses_an_equal_dtype_that_is_another_object_alike() -> None:
    array = pickle.loads(pickle.dumps(np.zeros(2, np.dtype(F64, metadata={"unit": "m"}))))
    spec = InputSpec((2,), F64)
    answers = [identity(make, spec)(array) is None for make in (make_native_launcher, make_portable_launcher)]
    assert answers == [array.dtype is not F64] * 2


def test_keyword_arguments_raise(make: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="keyword"):
        identity(make, InputSpec((), F64))(x=1.0)


def test_many_leaves_constants_and_outputs_in_order(make: Callable[..., Any]) -> None:
    constants = [np.arange(3.0), np.array([9], np.int32)]
    inputs = [InputSpec((3,), F64), InputSpec((), I64, "pyint"), InputSpec((), F32), InputSpec((), I64, "pyint")]
    outputs = [OutputSpec((), I64), OutputSpec((3,), F64), OutputSpec((1,), np.int32), OutputSpec((), F32)]
    outputs += [OutputSpec((3,), F64), OutputSpec((), I64)]
    library = program([(4, 1, 8), (5, 0, 24), (6, 11, 4), (7, 2, 4), (8, 10, 24), (9, 3, 8)])
    launch = make(library.address("entry"), inputs, outputs, constants, 0, True, library)
    del constants[:]
    gc.collect()
    x = np.array([4.0, 5.0, 6.0])
    a, b, c, d, e, f = launch(x, 17, np.float32(0.5), -4)
    assert (int(a), b.tolist(), c.tolist(), float(d)) == (17, [4.0, 5.0, 6.0], [9], 0.5)
    assert (e.tolist(), int(f)) == ([0.0, 1.0, 2.0], -4)


def donation(make: Callable[..., Any], constants: list[np.ndarray] | None = None) -> Callable[..., Any]:
    """(a, b) -> (b written over a)."""
    library = program([(2, 1, 16)])
    inputs, output = [InputSpec((2,), F64)] * 2, OutputSpec((2,), F64, donated_from=0)
    return make(library.address("entry"), inputs, [output], constants or [], 0, False, library)


def test_donated_leaf_is_overwritten_and_returned(make: Callable[..., Any]) -> None:
    a, b = np.zeros(2), np.array([1.0, 2.0])
    count = sys.getrefcount(a)
    (result,) = donation(make)(a, b)
    assert sys.getrefcount(a) == count + 1
    same = result is a
    del result
    assert sys.getrefcount(a) == count
    assert same
    assert a.tolist() == [1.0, 2.0]


def test_donated_zero_dimensional_leaf_stays_an_array(make: Callable[..., Any]) -> None:
    library = program([(2, 1, 8)])
    inputs, output = [InputSpec((), F64)] * 2, OutputSpec((), F64, donated_from=0)
    launch = make(library.address("entry"), inputs, [output], [], 0, False, library)
    a = np.array(1.0)
    assert launch(a, np.float64(5.0))[0] is a and float(a) == 5.0
    assert launch(np.float64(1.0), a) is None  # a NumPy scalar is immutable


def test_donation_refuses_read_only_and_overlapping_leaves(make: Callable[..., Any]) -> None:
    buffer, other = np.arange(8.0), np.array([1.0, 2.0])
    frozen = np.zeros(2)
    frozen.flags.writeable = False
    launch = donation(make, [buffer[6:8]])
    assert launch(frozen, other) is None
    assert launch(buffer[0:2], buffer[1:3]) is None
    assert launch(other, other) is None
    assert launch(buffer[6:8], other) is None  # overlaps the constant
    assert launch(buffer[5:7], other) is None
    assert buffer.tolist() == list(range(8)) and other.tolist() == [1.0, 2.0]
    assert launch(buffer[0:2], buffer[2:4])[0].tolist() == [2.0, 3.0]
    assert launch(other, frozen) is not None


@pytest.mark.parametrize("inputs", [2, 3, 4, 5, 9])
def test_overlap_is_found_between_any_two_leaves(make: Callable[..., Any], inputs: int) -> None:
    library = program([])
    specs = [InputSpec((2,), F64)] * inputs
    for donated in range(inputs):
        launch = make(
            library.address("entry"), specs, [OutputSpec((2,), F64, donated)], [np.zeros(0)], 0, False, library
        )
        leaves = [np.zeros(2) for _ in range(inputs)]
        assert launch(*leaves)[0] is leaves[donated]
        for other in range(inputs):
            if other != donated:
                assert launch(*[leaves[donated] if i == other else leaf for i, leaf in enumerate(leaves)]) is None


def test_specifications_that_contradict_raise(make: Callable[..., Any]) -> None:
    pair = [InputSpec((2,), F64)] * 2
    with pytest.raises(ValueError, match="donated to two outputs"):
        make(1, pair, [OutputSpec((2,), F64, 0)] * 2, [], 0, False)
    with pytest.raises(ValueError, match="cannot take the memory"):
        make(1, pair, [OutputSpec((3,), F64, 0)], [], 0, False)
    with pytest.raises(ValueError, match="cannot take the memory"):
        make(1, [InputSpec((), F64, "pyfloat")], [OutputSpec((), F64, 0)], [], 0, False)
    with pytest.raises(ValueError, match="not contiguous"):
        make(1, [], [], [np.zeros(4)[::2]], 0, False)
    with pytest.raises(ValueError, match="has dtype"):
        InputSpec((), F32, "pyfloat")
    with pytest.raises(ValueError, match="has shape"):
        InputSpec((1,), F64, "pyfloat")
    for dtype in (">f8", "O", "U3", "M8[s]", np.longdouble):
        with pytest.raises(ValueError, match="native"):
            InputSpec((), np.dtype(dtype))
