"""The decorator that makes a class of models: a frozen dataclass, registered as a pytree."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

from .. import tree

Class = TypeVar("Class", bound=type)

_OPEN = "__under_construction__"
_CUSTOM = "__has_init_of_its_own__"  # inherited by subclasses, which then inherit the __init__, too


def field(*, static: bool = False, converter: Callable[[Any], Any] | None = None, **kwargs: Any) -> Any:
    """A field of a module, as `dataclasses.field`.

    Args:
        static: part of the structure rather than a subtree: compared by ==, hashable, never traced.
        converter: applied to the value when the module is made.
        kwargs: those of `dataclasses.field`.

    Example:
        >>> import numpy as np
        >>> @module
        ... class Scale:
        ...     by: float = field(converter=np.float32)
        ...     name: str = field(static=True, default="scale")
        >>> Scale(2)
        Scale(by=np.float32(2.0), name='scale')
    """
    metadata = {**(kwargs.pop("metadata", None) or {}), "static": static}
    if converter is not None:
        metadata["converter"] = converter
    return dataclasses.field(metadata=metadata, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def module(cls: Class) -> Class:
    """Class decorator: instances are frozen dataclasses and pytrees, their fields subtrees or static.

    Fields are declared as in a dataclass. They can be set in an `__init__` of the class's own, if it has one, and not
    afterwards: a changed module is a new one (`tree_at`, `dataclasses.replace`). Methods are ordinary functions of
    `self`, so they can be differentiated with respect to it. Fields that are no arrays, such as an activation
    function, may be static, or leaves which the `filter_` transformations set aside.

    Two modules are equal when they are the same object; `tree_equal` compares what is in them.

    Args:
        cls: a class with annotated fields. A subclass of a module needs the decorator, too.

    Returns:
        The same class.

    Raises:
        TypeError: when made by an `__init__` that leaves fields unset.
        dataclasses.FrozenInstanceError: when a field is set later.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> @module
        ... class Line:
        ...     slope: float
        ...     offset: float
        ...     def __call__(self, x):
        ...         return self.slope * x + self.offset
        >>> fg.grad(lambda line: line(3.0) ** 2)(Line(2.0, 1.0))
        Line(slope=np.float64(42.0), offset=np.float64(14.0))

    Reference: P. Kidger, C. Garcia, Equinox: neural networks in JAX via callable PyTrees and filtered transformations,
    2021, whose modules these follow.
    """
    own_init = "__init__" in vars(cls) or getattr(cls, _CUSTOM, False)
    # Not frozen by dataclasses, because an __init__ of the class's own may set fields; __setattr__ refuses afterwards.
    cls = dataclasses.dataclass(eq=False, init=not own_init)(cls)
    setattr(cls, _CUSTOM, own_init)
    cls.__init__ = _closing(cls.__init__)  # type: ignore[misc]
    cls.__setattr__, cls.__delattr__ = _set, _delete  # type: ignore[method-assign, assignment]
    names = [f.name for f in dataclasses.fields(cls)]
    static = [f.name for f in dataclasses.fields(cls) if f.metadata.get("static")]
    data = [name for name in names if name not in static]

    def flatten(self: Any) -> tuple[tuple[Any, ...], Any]:
        return tuple([getattr(self, n) for n in data]), tuple([getattr(self, n) for n in static])

    def with_keys(self: Any) -> tuple[tuple[Any, ...], Any]:
        children, meta = flatten(self)
        return tuple(zip([tree.GetAttrKey(n) for n in data], children)), meta

    def unflatten(meta: tuple[Any, ...], children: tuple[Any, ...]) -> Any:
        self = object.__new__(cls)
        self.__dict__.update(zip(static, meta), **dict(zip(data, children)))
        return self

    tree.register_pytree_with_keys(cls, with_keys, unflatten, flatten)
    return cls


def _closing(init: Callable[..., None]) -> Callable[..., None]:
    """The constructor, which leaves the instance complete, converted and closed; inner constructors do not close it."""

    @functools.wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        outermost = _OPEN not in self.__dict__
        self.__dict__[_OPEN] = True
        try:
            init(self, *args, **kwargs)
        finally:
            if outermost:
                del self.__dict__[_OPEN]
        if outermost:
            _complete(self)

    return wrapped


def _complete(self: Any) -> None:
    fields = dataclasses.fields(self)
    missing = [f.name for f in fields if f.name not in self.__dict__ and not hasattr(self, f.name)]
    if missing:
        raise TypeError(
            f"{type(self).__name__}.__init__ did not set {', '.join(missing)}.\n"
            "Fix: set every declared field there, or give it a default."
        )
    for f in fields:
        if "converter" in f.metadata:
            self.__dict__[f.name] = f.metadata["converter"](getattr(self, f.name))


def _set(self: Any, name: str, value: Any) -> None:
    known = [f.name for f in dataclasses.fields(self)]
    if _OPEN not in self.__dict__:
        raise dataclasses.FrozenInstanceError(
            f"cannot set {name!r} of a {type(self).__name__}: modules do not change.\n"
            "Fix: make a new one with dataclasses.replace or modules.tree_at."
        )
    if name not in known:
        raise AttributeError(
            f"{type(self).__name__} has no field {name!r}; it has {', '.join(known) or 'none'}.\n"
            f"Fix: declare it in the class, as `{name}: Any`."
        )
    self.__dict__[name] = value


def _delete(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete {name!r} of a {type(self).__name__}: modules do not change.")
