"""Which arguments of a function a derivative is taken with respect to, by position or by name.

With this module a derivative operator turns its `argnums` and `argnames` into a `Choice`, once, and every call's
arguments into the chosen values and a function that puts other values in their place.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any

from .. import errors, tree
from ..core.tracing import Tracer, check_array
from . import recording as rec

COMPLEX = "c"  # the kind of dtype of the arguments and results of holomorphic functions
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_COLLECTORS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Choice:
    """The arguments that `argnums` or `argnames` choose.

    `keys` are positions or names; `single`: one argument was asked for, hence one derivative and not a tuple.
    """

    def __init__(self, purpose: str, fun: Callable, argnums: Any, argnames: Any = None) -> None:
        if not callable(fun):
            raise TypeError(
                f"{purpose}: expected a function, got {fun!r}.\n"
                f"Fix: transform the function and call the result, {purpose}(f)(x), not {purpose}(f(x))."
            )
        if argnames is not None and argnums != 0:
            raise TypeError(
                f"{purpose} of {rec.name_of(fun)}: both argnums={argnums!r} and argnames={argnames!r} were given.\n"
                "Fix: give one of them; argnames may name positional arguments too."
            )
        self.purpose, self.fun = purpose, fun
        given = argnums if argnames is None else argnames
        self.single = isinstance(given, str) or hasattr(given, "__index__")
        entries = (given,) if self.single else tuple(given)
        self.keys = tuple(self._number(i) for i in entries) if argnames is None else tuple(map(self._name, entries))
        self.is_usual = self.keys == (0,) and self.single
        self._parameters: dict[str, inspect.Parameter] | None = None

    def __call__(self, args: tuple, kwargs: dict) -> tuple[tuple, Callable]:
        """The chosen values of a call, and a function from replacements to (args, kwargs)."""
        if self.is_usual and args:
            return args[:1], lambda values: ((values[0], *args[1:]), kwargs)
        kwargs = dict(kwargs)
        keys = [self._position(k, args) if isinstance(k, int) else self._locate(k, args, kwargs) for k in self.keys]

        def replace(values: Sequence[Any]) -> tuple[list, dict]:
            new_args, new_kwargs = list(args), dict(kwargs)
            for key, value in zip(keys, values):
                (new_args if isinstance(key, int) else new_kwargs)[key] = value  # type: ignore[index]
            return new_args, new_kwargs

        return tuple([args[k] if isinstance(k, int) else kwargs[k] for k in keys]), replace

    def flatten(self, values: tuple, kinds: str = "f") -> tuple[list[Any], Any]:
        """The leaves of the chosen values, whose dtypes must be of these kinds."""
        leaves, treedef = tree.tree_flatten(values)
        for i, leaf in enumerate(leaves):
            if type(leaf) is not Tracer:
                where = rec.LazyText(lambda i=i: f"{self._title()}: {self._path(treedef, i)}")
                leaves[i] = check_array(leaf, where)
            aval = rec.abstract(leaf)
            if aval.dtype.kind not in kinds:
                text = errors.complex_argument if aval.dtype.kind == "c" else errors.not_differentiable
                text = errors.complex_needed if kinds == COMPLEX else text
                raise TypeError(text(self.purpose, rec.name_of(self.fun), self._path(treedef, i), aval))
        return leaves, treedef

    def tree(self, treedef: Any) -> Any:
        """The structure of a derivative, given that of the tuple of chosen values."""
        chosen = tree.tree_unflatten(treedef, range(treedef.num_leaves))
        return tree.tree_structure(chosen[0] if self.single else chosen)

    def _title(self) -> str:
        return f"{self.purpose} of {rec.name_of(self.fun)}"

    def _path(self, treedef: Any, position: int) -> str:
        path = tree.tree_leaves_with_path(tree.tree_unflatten(treedef, range(treedef.num_leaves)))[position][0]
        rest = tree.keystr(path[1:])
        return f"argument {self.keys[path[0].idx]!r}" + (f", at {rest}" if rest else "")

    def _number(self, i: Any) -> int:
        if not hasattr(i, "__index__"):
            fix = f"argnames={i!r}" if isinstance(i, str) else "an integer, or a tuple of integers"
            raise TypeError(f"{self._title()}: argnums contains {i!r}, which is no position.\nFix: pass {fix}.")
        return operator.index(i)

    def _name(self, name: Any) -> str:
        if not isinstance(name, str):
            raise TypeError(
                f"{self._title()}: argnames contains {name!r}, which is no name.\nFix: positions go into argnums."
            )
        return name

    def _position(self, given: int, args: tuple) -> int:
        i = given + len(args) if given < 0 else given
        if not 0 <= i < len(args):
            raise TypeError(
                f"{self._title()}: argnums={given}, but it was called with {len(args)} positional arguments.\n"
                "Fix: pass the argument by position, choose argnums within range, or name it with argnames."
            )
        return i

    def _locate(self, name: str, args: tuple, kwargs: dict) -> int | str:
        """Where the argument of this name is; a parameter left to its default joins `kwargs`."""
        if name in kwargs:
            return name
        parameters = self._signature()
        parameter = parameters.get(name)
        if parameter is None or parameter.kind in _COLLECTORS:
            raise TypeError(self._unknown(name, parameters))
        position = list(parameters).index(name)
        if parameter.kind in _BY_POSITION and position < len(args):
            return position
        if parameter.default is parameter.empty or parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise TypeError(f"{self._title()}: argument {name!r} was not passed.\nFix: call it with {name}=...")
        kwargs[name] = parameter.default
        return name

    def _signature(self) -> dict[str, inspect.Parameter]:
        if self._parameters is None:
            try:
                self._parameters = dict(inspect.signature(self.fun).parameters)
            except (TypeError, ValueError):  # ufuncs and other functions written in C have none
                raise TypeError(
                    f"{self._title()}: its parameters have no known names.\nFix: use argnums instead of argnames."
                ) from None
        return self._parameters

    def _unknown(self, name: str, parameters: dict[str, inspect.Parameter]) -> str:
        names = [n for n, p in parameters.items() if p.kind not in _COLLECTORS]
        import difflib

        near = difflib.get_close_matches(name, names, 1)
        fix = f"did you mean {near[0]!r}?" if near else "use one of these names, or argnums."
        return f"{self._title()}: it has no parameter {name!r}; it has {', '.join(names) or 'none'}.\nFix: {fix}"


def reverse_kinds(holomorphic: bool, allow_int: bool = False) -> str:
    """Kinds of dtype that arguments may have in reverse mode."""
    return COMPLEX if holomorphic else "fcbiu" if allow_int else "fc"
