"""Records behave as dataclasses do, where the library relies on it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from funcgrad.records import field, record, replace


@record(frozen=True)
class Point:
    x: float
    y: float = 0.0


@record
class Bag:
    name: str
    items: list = field(default_factory=list)
    size: int = 3


@record(eq=False)
class Thing:
    a: Any


@record(frozen=True)
class Checked:
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", self.text.upper())


def test_fields_come_from_positions_names_and_defaults() -> None:
    assert (Point(1.0).y, Point(1.0, 2.0).y, Point(x=1.0, y=3.0).y) == (0.0, 2.0, 3.0)
    assert Bag("b", size=4) == Bag("b", [], 4)
    assert Bag("b").items is not Bag("b").items
    assert Checked("a").text == "A"
    assert repr(Bag("b")) == "Bag(name='b', items=[], size=3)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Point(), "field 'x' is missing"),
        (lambda: Point(1.0, 2.0, 3.0), "has 2 fields, and 3 values"),
        (lambda: Point(1.0, x=2.0), "field 'x' is given twice"),
        (lambda: Point(1.0, 2.0, y=2.0), "field 'y' is given twice"),
        (lambda: Point(1.0, z=2.0), "field 'z' is unknown"),
        (lambda: Point(y=1.0), "field 'x' is missing"),
        (lambda: replace(Point(1.0), z=1.0), "field 'z' is unknown"),
    ],
)
def test_wrong_arguments_are_named(make: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_equality_and_hash() -> None:
    assert Point(1.0) == Point(1.0, 0.0) and hash(Point(1.0)) == hash(Point(1.0, 0.0)) and Point(1.0) != Point(2.0)
    assert Point(1.0) != (1.0, 0.0)
    assert Thing(1) != Thing(1) and len({Thing(1), Thing(1)}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Bag("b"))


def test_frozen_records_keep_their_fields() -> None:
    with pytest.raises(AttributeError, match="Point is frozen: its field 'x' cannot be set"):
        Point(1.0).x = 2.0
    with pytest.raises(AttributeError, match="frozen"):
        del Point(1.0).x


def test_replace_copies_and_checks() -> None:
    bag = Bag("b", [1])
    other = replace(bag, name="c")
    assert (other.name, other.items is bag.items, bag.name) == ("c", True, "b")
    assert replace(Checked("a"), text="b").text == "B"


def test_copies_and_pickles() -> None:
    for made in Point(1.0, 2.0), Bag("b", [1]), Checked("a"):
        assert copy.copy(made) == made == copy.deepcopy(made) == pickle.loads(pickle.dumps(made))
