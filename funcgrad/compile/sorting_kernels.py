"""Kernels that sort lines along an axis: stable, NaN last, values or positions.

    key      an unsigned integer in the order of the elements: of a float, its bits, negative ones inverted
    short    the place of a key is the number of smaller keys, and of equal ones before it: a loop that vectorizes
    long     radix sort, one stable pass for each digit of the key, the least significant first

A digit that is the same in all keys takes a copy instead of a pass. Of 64-bit keys the four upper digits are sorted
first; almost always they decide, and if neighbours turn out to differ in the lower ones only, all six are sorted.
Zeros of either sign are equal, and all NaN are: where values are put together again from their keys, zeros are written
once more in their order.

Reference: D. Knuth, The Art of Computer Programming, volume 3, section 5.2.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import scalar as sc
from ..core.program import Eqn
from .kernel import Accumulate, Assign, Declare, If, Kernel, Store, Update, nest
from .lower import INDEX, Builder
from .schedule import Schedule

SHORT = 96  # elements up to which places are counted
NARROW = 1024  # elements up to which digits have 8 bits, so that their counts are few
ZERO = sc.const(0, INDEX)
SLOT = np.dtype(np.uint32)  # of positions on their way: lines of 2^32 elements would need 100 GB


def key_type(dtype: np.dtype) -> np.dtype:
    """The unsigned integers of a dtype's width."""
    return np.dtype(f"u{dtype.itemsize}")


def key_of(x: sc.Expr) -> sc.Expr:
    """An unsigned integer that is smaller where the element is; all NaN are the greatest, both zeros are equal."""
    unsigned = key_type(x.dtype)
    if x.dtype.kind in "bu":
        return sc.convert(x, unsigned)
    top = sc.const(1 << 8 * unsigned.itemsize - 1, unsigned)
    if x.dtype.kind == "i":
        return sc.bitcast(x, unsigned) ^ top
    bits, ones = sc.bitcast(x + 0.0, unsigned), sc.const(np.iinfo(unsigned).max, unsigned)
    return sc.select(sc.ne(x, x), ones, bits ^ sc.select(sc.eq(bits & top, top), ones, top))


def value_of(key: sc.Expr, dtype: np.dtype) -> sc.Expr:
    """The element with a key."""
    if dtype.kind in "bu":
        return sc.convert(key, dtype)
    top = sc.const(1 << 8 * key.dtype.itemsize - 1, key.dtype)
    if dtype.kind == "i":
        return sc.bitcast(key ^ top, dtype)
    ones = sc.const(np.iinfo(key.dtype).max, key.dtype)
    return sc.bitcast(key ^ sc.select(sc.eq(key & top, top), top, ones), dtype)


class SortLowering(Builder):
    """Lowers one equation; see the module's docstring."""

    def __init__(self, plan: Schedule, eqn: Eqn) -> None:
        super().__init__(plan)
        (self.x,), (self.out,) = eqn.inputs, eqn.outs
        self.positions = eqn.prim.lower.positions
        self.axis, self.shape = eqn.params["axis"], self.x.aval.shape
        self.length, self.dtype = self.shape[self.axis], self.x.aval.dtype
        self.unsigned = key_type(self.dtype)
        self.width = 8 if self.length <= NARROW or self.dtype.itemsize < 4 else 11
        self.index = tuple(sc.sym(f"i{k}", INDEX) for k in range(len(self.shape)))
        self.step = self.index[self.axis]

    def run(self) -> tuple[Kernel, list[Any]]:
        if 0 in self.shape:
            return self.kernel([])
        line = self.short() if self.length <= SHORT else self.long()
        index = (*self.index[: self.axis], *self.index[self.axis + 1 :])
        counts = (*self.shape[: self.axis], *self.shape[self.axis + 1 :])
        return self.kernel(nest(index, counts, line))

    # -- pieces

    def at(self, place: sc.Expr) -> tuple:
        return (*self.index[: self.axis], place, *self.index[self.axis + 1 :])

    def read(self, place: sc.Expr) -> sc.Expr:
        return self.element(self.x, self.at(place))

    def buffer(self, dtype: Any, *shape: int) -> str:
        """The name of a new buffer."""
        return self.own(shape, np.dtype(dtype)).name

    def along(self, body: list[Any], count: int | None = None) -> list[Any]:
        """A loop of the line's own symbol."""
        return nest((self.step,), (self.length if count is None else count,), body)

    # -- short lines

    def short(self) -> list[Any]:
        keys, other = self.buffer(self.unsigned, self.length), sc.sym("k", INDEX)
        mine, theirs = (sc.load(keys, (i,), self.unsigned) for i in (self.step, other))
        before = (theirs < mine) | (sc.eq(theirs, mine) & (other < self.step))
        place = sc.sym("place", INDEX)
        count = nest((other,), (self.length,), [Update("place", "add", sc.convert(before, INDEX))])
        # Values are read again rather than made from their keys: that keeps the signs of zeros.
        value = self.step if self.positions else self.read(self.step)
        store = Store(self.param(self.out, out=True).name, self.at(place), value)
        return [*self.along([Store(keys, (self.step,), key_of(self.read(self.step)))]),
                *self.along([Declare("place", ZERO), *count, store])]  # fmt: skip

    # -- long lines

    def long(self) -> list[Any]:
        digits = -(-8 * self.unsigned.itemsize // self.width)
        self.keys = self.buffer(self.unsigned, 2, self.length)
        self.places = self.buffer(SLOT, 2, self.length) if self.positions else ""
        body: list[Any] = [Declare("lead", key_of(self.read(ZERO)))]
        if digits == 6:
            body += self.passes(2, 4)
            body += [Declare("wrong", ZERO), *self.along([Update("wrong", "add", self.descends())], self.length - 1)]
            body.append(If(sc.sym("wrong", INDEX) > 0, self.passes(0, 6)))
        else:
            body += self.passes(0, digits)
        last = sc.const(digits % 2, INDEX)
        value = sc.convert(self.place(last), INDEX) if self.positions else value_of(self.key(last), self.dtype)
        body += self.along([Store(self.param(self.out, out=True).name, self.at(self.step), value)])
        return body + (self.zeros_again() if self.dtype.kind == "f" and not self.positions else [])

    def key(self, half: sc.Expr, at: sc.Expr | None = None) -> sc.Expr:
        """A key in one of the two halves that passes write in turn."""
        return sc.load(self.keys, (half, self.step if at is None else at), self.unsigned)

    def place(self, half: sc.Expr) -> sc.Expr:
        """Where the element of a key was."""
        return sc.load(self.places, (half, self.step), SLOT)

    def descends(self) -> sc.Expr:
        """1 where a sorted key is greater than the next."""
        return sc.convert(self.key(ZERO) > self.key(ZERO, self.step + 1), INDEX)

    def digit(self, key: sc.Expr, number: sc.Expr) -> sc.Expr:
        mask = sc.const((1 << min(self.width, 8 * self.unsigned.itemsize)) - 1, self.unsigned)
        return sc.convert((key >> sc.convert(number * self.width, self.unsigned)) & mask, INDEX)

    def passes(self, first: int, count: int) -> list[Any]:
        """Sort by some digits, from the first half of the buffers to the half of the parity of `count`."""
        bins, key, counts = 1 << self.width, key_of(self.read(self.step)), self.buffer(INDEX, count, 1 << self.width)
        number, one = sc.sym("pass", INDEX), sc.const(1, INDEX)
        each, bin_ = [sc.const(k, INDEX) for k in range(count)], sc.sym("bin", INDEX)
        begin = [Store(self.keys, (ZERO, self.step), key)]
        begin += [Store(self.places, (ZERO, self.step), sc.convert(self.step, SLOT))] if self.positions else []
        begin += [Accumulate(counts, (k, self.digit(key, k + first)), "add", one) for k in each]
        half = sc.rem(number, 2)
        at = (number, self.digit(self.key(half), number + first))
        lead = sc.load(counts, (number, self.digit(sc.sym("lead", self.unsigned), number + first)), INDEX)
        same = sc.eq(lead, sc.const(self.length, INDEX))
        move = [*self.move(half, sc.load(counts, at, INDEX)), Accumulate(counts, at, "add", one)]
        sort = If(sc.eq(sc.sym("same", INDEX), ZERO), [*self.starts(counts, number, bin_, bins), *self.along(move)])
        copy = If(sc.sym("same", INDEX) > 0, self.along(self.move(half, self.step)))
        return [
            *nest((number, bin_), (count, bins), [Store(counts, (number, bin_), ZERO)]),
            *self.along(begin),
            *nest((number,), (count,), [Declare("same", sc.convert(same, INDEX)), sort, copy]),
        ]

    def starts(self, counts: str, number: sc.Expr, bin_: sc.Expr, bins: int) -> list[Any]:
        """Counts become the places where their elements begin."""
        start, following = sc.sym("start", INDEX), sc.sym("following", INDEX)
        more = following + sc.load(counts, (number, bin_), INDEX)
        return [Declare("start", ZERO), Declare("following", ZERO),
                *nest((bin_,), (bins,), [Assign(("start", "following"), (following, more)),
                                         Store(counts, (number, bin_), start)])]  # fmt: skip

    def move(self, half: sc.Expr, place: sc.Expr) -> list[Any]:
        """The element at the present step goes to a place in the other half."""
        stores = [Store(self.keys, (1 - half, place), self.key(half))]
        return stores + ([Store(self.places, (1 - half, place), self.place(half))] if self.positions else [])

    def zeros_again(self) -> list[Any]:
        """Zeros in the order and with the signs they had."""
        x, at, negative = self.read(self.step), sc.sym("at", INDEX), sc.sym("negative", INDEX)
        is_zero = sc.eq(x, sc.const(0, self.dtype))
        minus = sc.bitcast(sc.const(-0.0, self.dtype), self.unsigned)
        signed = is_zero & sc.eq(sc.bitcast(x, self.unsigned), minus)
        count = [Update("negative", "add", sc.convert(signed, INDEX)), Update("at", "add", sc.convert(x < 0, INDEX))]
        write = If(is_zero, [Store(self.param(self.out, out=True).name, self.at(at), x)])
        again = self.along([write, Assign(("at",), (at + sc.convert(is_zero, INDEX),))])
        return [Declare("negative", ZERO), Declare("at", ZERO), *self.along(count), If(negative > 0, again)]


def lower_sort(plan: Schedule, eqn: Eqn) -> tuple[Kernel, list[Any]]:
    """The kernel of a Sort."""
    return SortLowering(plan, eqn).run()
