"""Faults to plant into the rules of ops: every place in the source where a slip of the author is likely, and what
it would be.

With this module one can list the mutants of a module (`mutants`), each a small change of its syntax tree, and print
them.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMUTATIVE = {
    "add",
    "mul",
    "multiply",
    "equal",
    "not_equal",
    "maximum",
    "minimum",
    "eq",
    "ne",
    "and_",
    "or_",
    "xor",
    "hypot",
    "logaddexp",
    "add_any",
    "zip",
    "isinstance",
    "_dot",
    "max",
    "min",
    "and",
    "or",
    "hasattr",
    "getattr",
    "set",
    "dict",
    "enumerate",
}
PARTNERS = {
    "sin": "cos",
    "cos": "sin",
    "sinh": "cosh",
    "cosh": "sinh",
    "exp": "expm1",
    "log": "log1p",
    "floor": "ceil",
    "ceil": "floor",
    "lt": "gt",
    "gt": "lt",
    "le": "ge",
    "ge": "le",
    "eq": "ne",
    "ne": "eq",
    "maximum": "minimum",
    "minimum": "maximum",
    "mul": "add",
    "sub": "add",
    "cumsum": "flip",
    "trunc": "floor",
    "gather": "gather",
    "square": "neg",
    "sqrt": "square",
    "floor_divide": "div",
}
FLIPPED = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
SWAPPED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
SKIPPED_KEYWORDS = {"samples", "kinds", "name"}
TYPES = {"tuple", "list", "dict", "Callable"}


@dataclass
class Mutant:
    """One fault: where it is, its kind, the old and new text, its top-level statement, and the maker of the source."""

    path: Path
    line: int
    kind: str
    before: str
    after: str
    statement: int
    make: Callable[[], str]

    @property
    def source(self) -> str:
        """The text of the module with the fault."""
        return self.make()

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line} {self.kind}: {self.before}  ->  {self.after}"


Change = tuple[str, Callable[[Any], Any]]


def _replacements(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The faults of one node: (kind, the node to put in its place)."""
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPPED:
        yield "operator", ast.BinOp(node.left, SWAPPED[type(node.op)](), node.right)
        if isinstance(node.op, (ast.Mult, ast.Div)):
            yield "dropped factor", node.left
        if isinstance(node.op, (ast.Sub, ast.Div)):
            yield "swapped operands", ast.BinOp(node.right, node.op, node.left)
    elif isinstance(node, ast.UnaryOp):
        if isinstance(node.op, (ast.USub, ast.Not, ast.Invert)):
            yield "dropped sign" if isinstance(node.op, ast.USub) else "dropped not", node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield "comparison", ast.Compare(node.left, [FLIPPED[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.IfExp):
        yield "swapped branches", ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.BoolOp):
        yield "and/or", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.Call):
        yield from _call_faults(node)
    elif isinstance(node, ast.Constant):
        yield from _constant_faults(node)
    elif (
        isinstance(node, ast.Lambda)
        and not isinstance(node.body, (ast.Tuple, ast.Constant, ast.Lambda))
        and len(node.args.args) > 1
    ):
        first = [a.arg for a in node.args.args][1]
        if not (isinstance(node.body, ast.Name) and node.body.id == first):
            yield "wrong result", ast.Lambda(node.args, ast.Name(first, ast.Load()))
    elif isinstance(node, ast.keyword) and node.arg == "reverse" and isinstance(node.value, ast.Name):
        yield "reversed", ast.keyword(node.arg, ast.UnaryOp(ast.Not(), node.value))
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) == 2:
        if not any(isinstance(e, (ast.Starred, ast.Constant)) for e in node.elts):
            yield "swapped pair", ast.Tuple(node.elts[::-1], ast.Load())


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _call_faults(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    name = _name_of(node.func)
    plain = not any(isinstance(a, ast.Starred) for a in node.args)
    if name in ("mul", "strong_product", "product") and plain and len(node.args) >= 2:
        yield "dropped factor", node.args[0]
    if name in ("add", "add_any", "sub") and plain and len(node.args) == 2:
        yield "dropped term", node.args[0]
    if name in ("neg", "_inverse", "sign", "is_linear") and len(node.args) == 1:
        yield "dropped call", node.args[0] if name != "is_linear" else ast.UnaryOp(ast.Not(), node)
    named = any(
        isinstance(a, ast.Constant) and isinstance(a.value, str) for a in node.args
    )  # such a swap cannot even run
    if name not in COMMUTATIVE and plain and len(node.args) == 2 and not named and name != "Sample":
        yield "swapped arguments", ast.Call(node.func, node.args[::-1], node.keywords)
    partner = PARTNERS.get(name)
    if partner and partner != name:
        function = copy.deepcopy(node.func)
        if isinstance(function, ast.Attribute):
            function.attr = partner
        else:
            function = ast.Name(partner, ast.Load())
        yield "other function", ast.Call(function, node.args, node.keywords)


def _constant_faults(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node.value, bool):
        yield "flag", ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield "off by one", ast.Constant(node.value + 1)
    elif isinstance(node.value, float):
        yield "other number", ast.Constant(node.value * 2 if node.value else 1.0)


def _sites(tree: ast.Module) -> Iterator[tuple[int, ast.AST, str, Any]]:
    """(top-level statement, node, field, index) for every place a fault may go."""
    makers = _sample_makers(tree)
    for number, statement in enumerate(tree.body):
        if isinstance(statement, (ast.Import, ast.ImportFrom, ast.Expr, ast.ClassDef, ast.For)):
            continue
        if number in makers:
            continue
        yield from ((number, *site) for site in _walk(statement))


def _sample_makers(tree: ast.Module) -> set[int]:
    """Statements that only make operands that feed the checks, no rules: other operands would be as good.

    These are the functions of samples, and what nothing but they and the keyword `samples` mention.
    """
    makers = {i for i, statement in enumerate(tree.body) if _returns_samples(statement)}
    while True:
        rules = set().union(*(_mentions(s, samples=False) for i, s in enumerate(tree.body) if i not in makers))
        fed = set().union(*(_mentions(s, samples=True) for s in tree.body), *(_mentions(tree.body[i]) for i in makers))
        private = {i: getattr(s, "name", "") for i, s in enumerate(tree.body) if isinstance(s, ast.FunctionDef)}
        grown = makers | {i for i, name in private.items() if name.startswith(("_", "sample_")) and name in fed - rules}
        if grown == makers:
            return makers
        makers = grown


def _returns_samples(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef):
        return "list[Sample]" in (ast.unparse(statement.returns) if statement.returns else "")
    return isinstance(statement, ast.Assign) and ast.unparse(statement.value).startswith("lambda: [Sample(")


def _mentions(node: ast.AST, samples: bool | None = None) -> set[str]:
    """Names in a piece of text; those in the values of `samples=` only, or all but those, where `samples` says so."""
    if isinstance(node, ast.keyword) and node.arg == "samples" and samples is not None:
        return _mentions(node.value) if samples else set()
    here = {node.id} if isinstance(node, ast.Name) and not samples else set()
    return here.union(*(_mentions(child, samples) for child in ast.iter_child_nodes(node)))


def _walk(node: ast.AST) -> Iterator[tuple[ast.AST, str, Any]]:
    if isinstance(node, ast.Raise) or (isinstance(node, ast.If) and all(isinstance(s, ast.Raise) for s in node.body)):
        return  # what is refused is tested by the tests of errors
    if isinstance(node, ast.Call) and _name_of(node.func) == "Sample":
        return  # operands that feed the checks
    if isinstance(node, ast.Subscript) and _name_of(node.value) in TYPES:
        return  # the name of a type, which nothing evaluates
    if isinstance(node, ast.keyword) and node.arg in SKIPPED_KEYWORDS:
        return
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "args") and not isinstance(node, ast.Call):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _is_docstring(child):
                yield node, field, index
                yield from _walk(child)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def mutants(path: Path) -> list[Mutant]:
    """All mutants of a module."""
    text = path.read_text()
    tree = ast.parse(text)
    out: list[Mutant] = []
    for number, parent, field, index in _sites(tree):
        holder = getattr(parent, field)
        child = holder if index is None else holder[index]
        line = getattr(child, "lineno", getattr(parent, "lineno", 0))
        for kind, replacement in _replacements(child):
            before, after = ast.unparse(child), ast.unparse(replacement)
            if before != after:
                make = functools.partial(_with_fault, tree, parent, field, index, replacement)
                out.append(Mutant(path, line, kind, before, after, number, make))
    return out


def _with_fault(tree: ast.Module, parent: ast.AST, field: str, index: Any, replacement: ast.AST) -> str:
    """The text of a module with one node replaced; afterwards the tree is as before."""
    holder = getattr(parent, field)
    child = holder if index is None else holder[index]
    _put(parent, field, index, replacement)
    text = ast.unparse(ast.fix_missing_locations(tree))
    _put(parent, field, index, child)
    return text


def _put(parent: ast.AST, field: str, index: Any, value: ast.AST) -> None:
    if index is None:
        setattr(parent, field, value)
    else:
        getattr(parent, field)[index] = value
