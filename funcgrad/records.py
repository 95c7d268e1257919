"""Classes that hold fields: what `dataclasses` offers, without writing code at import.

`dataclasses.dataclass` writes, compiles and runs the text of up to six methods for each class, 0.35 ms together. For
the classes inside this library that was 12 ms of every import, and 13 ms of every first compilation. Here one set of
methods serves all classes; making an object takes 0.4 us instead of 0.3.

    @record                       compared by value, may be changed
    @record(frozen=True)          the same, hashable, and its fields may not be set
    @record(eq=False)             compared by identity
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, dataclass_transform, overload

__all__ = ["field", "record", "replace"]

T = TypeVar("T")
C = TypeVar("C", bound=type)


class _Factory:
    """The default of a field that every object gets a new one of."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], Any]) -> Any:
    """A field whose default is made anew for each object.

    Args:
        default_factory: makes the default.

    Returns:
        What to write behind the field's name in the class.

    Example:
        >>> @record
        ... class Bag:
        ...     items: list = field(default_factory=list)
        >>> Bag().items is Bag().items
        False
    """
    return _Factory(default_factory)


@overload
def record(cls: C, /) -> C: ...
@overload
def record(*, frozen: bool = False, eq: bool = True) -> Callable[[C], C]: ...
@dataclass_transform(field_specifiers=(field,))
def record(cls: Any = None, /, *, frozen: bool = False, eq: bool = True) -> Any:
    """A class of objects with the fields that are annotated in its body.

    Args:
        cls: the class, when used without arguments.
        frozen: whether fields may not be set once the object is made; with `eq` it is then hashable.
        eq: whether objects are equal when their fields are, instead of when they are the same object.

    Returns:
        The class itself, with `__init__`, `__repr__`, `__eq__` and `__hash__`. `__post_init__` is called if it exists.

    Raises:
        TypeError: on making an object with a field missing, unknown or given twice.

    Example:
        >>> @record(frozen=True)
        ... class Point:
        ...     x: float
        ...     y: float = 0.0
        >>> Point(1.0), Point(1.0) == Point(1.0, y=0.0)
        (Point(x=1.0, y=0.0), True)
        >>> Point(1.0).x = 2.0
        Traceback (most recent call last):
        AttributeError: Point is frozen: its field 'x' cannot be set
    """
    if cls is None:
        return lambda cls: record(cls, frozen=frozen, eq=eq)  # type: ignore[call-overload]
    names = dict.fromkeys(getattr(cls, "__match_args__", ()))  # the fields of a record that this one extends
    names.update(dict.fromkeys(cls.__annotations__))
    cls.__match_args__ = tuple(names)
    cls.__init__ = _init_and_check if hasattr(cls, "__post_init__") else _init
    cls._defaults, cls._factories = _defaults(cls, names)
    if "__repr__" not in cls.__dict__:
        cls.__repr__ = _repr
    if eq:
        cls.__eq__ = _eq
        cls.__hash__ = _hash if frozen else None
    if frozen:
        cls.__setattr__ = cls.__delattr__ = _refuse
    return cls


def replace(old: T, /, **changes: Any) -> T:
    """A copy of a record in which some fields are others.

    Args:
        old: the record.
        changes: new values by the names of the fields.

    Returns:
        A record of the same class.

    Raises:
        TypeError: there is no such field.

    Example:
        >>> @record
        ... class Point:
        ...     x: float
        ...     y: float
        >>> replace(Point(1.0, 2.0), y=3.0)
        Point(x=1.0, y=3.0)
    """
    return type(old)(**{name: getattr(old, name) for name in old.__match_args__} | changes)  # type: ignore[attr-defined]


def _defaults(cls: type, names: Iterable[str]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]]]:
    """The fields that may be left out: their values, and what makes them."""
    found = {name: getattr(cls, name) for name in names if hasattr(cls, name)}
    factories = {name: value.make for name, value in found.items() if isinstance(value, _Factory)}
    return {name: value for name, value in found.items() if name not in factories}, factories


def _init(self: Any, *args: Any, **named: Any) -> None:
    names, fields = self.__match_args__, self.__dict__
    if len(args) < len(names):
        fields.update(self._defaults)
        for name, make in self._factories.items():
            fields[name] = make()
    fields.update(zip(names, args))
    fields.update(named)
    if len(fields) != len(names) or len(args) > len(names) or named and not named.keys().isdisjoint(names[: len(args)]):
        raise TypeError(_complaint(type(self).__name__, names, args, named, fields))


def _init_and_check(self: Any, *args: Any, **named: Any) -> None:
    _init(self, *args, **named)
    self.__post_init__()


def _complaint(name: str, names: tuple[str, ...], args: tuple, named: dict[str, Any], fields: dict[str, Any]) -> str:
    """What is wrong with the arguments of a record."""
    if len(args) > len(names):
        return f"{name} has {len(names)} fields, and {len(args)} values were given"
    for field in named:
        if field not in names or field in names[: len(args)]:
            return f"{name}: field {field!r} " + ("is unknown" if field not in names else "is given twice")
    return f"{name}: field {next(field for field in names if field not in fields)!r} is missing"


def _values(self: Any) -> tuple:
    return tuple([getattr(self, name) for name in self.__match_args__])


def _repr(self: Any) -> str:
    fields = ", ".join(f"{name}={value!r}" for name, value in zip(self.__match_args__, _values(self)))
    return f"{type(self).__name__}({fields})"


def _eq(self: Any, other: object) -> Any:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _refuse(self: Any, name: str, *value: Any) -> None:
    raise AttributeError(f"{type(self).__name__} is frozen: its field {name!r} cannot be set")
