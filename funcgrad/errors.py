"""Exception classes and their texts: wrong code, reason, fix. Each text has a test.

With this module one can catch what funcgrad raises; the functions build the texts, so that wording lives in one place.
"""

from __future__ import annotations

import linecache
from typing import Any


class FuncgradError(Exception):
    """Base class of errors that are funcgrad's own."""


class ConcretizationError(FuncgradError, TypeError):
    """A traced value was used where a concrete number is needed."""


class TracerBoolConversionError(ConcretizationError):
    """A traced value was used as the condition of `if`, `while`, `and`, `or`, `not` or `assert`."""


class TracerArrayConversionError(ConcretizationError):
    """A traced value was handed to code that needs a real NumPy array."""


class LeakedTracerError(FuncgradError, RuntimeError):
    """A traced value outlived the function call that made it."""


class ProgramError(FuncgradError, ValueError):
    """A program broke the rules of its IR: a fault in a rule or a pass, not in user code."""


class NonHashableStaticArgumentError(FuncgradError, ValueError):
    """A static argument of `jit` cannot be hashed."""


class UnusedArgumentWarning(UserWarning):
    """A gradient was asked for in an argument on which the result does not depend."""


class KeyReuseError(FuncgradError, ValueError):
    """A random key was used for the second time, while `random.check_reuse` or FUNCGRAD_CHECK_KEY_REUSE was on."""


class CheckpointError(FuncgradError, ValueError):
    """A file is no checkpoint, is damaged, or does not fit what it is loaded into."""


def source_line(source: tuple[str, int, str] | None) -> str:
    """`file:line in function` and the text of that line, indented."""
    if source is None:
        return "  (source line unknown)"
    filename, line, function = source
    text = linecache.getline(filename, line).strip()
    return f"  {filename}:{line} in {function}" + (f"\n    {text}" if text else "")


_FIXES = {
    "bool": (
        TracerBoolConversionError,
        "the truth value of a traced array is not known while the function is traced",
        "for `if`, use lax.cond(condition, f, g, *args), which runs one of two functions, or\n"
        "funcgrad.numpy.where(condition, a, b), which chooses between values; for `while`, use lax.while_loop;\n"
        "or mark the argument static (static_argnums / static_argnames) if it is an ordinary Python value",
    ),
    "array": (
        TracerArrayConversionError,
        "code that needs a real NumPy array was given a traced one",
        "use the function of the same name in funcgrad.numpy, or keep this computation outside the transformed "
        "function",
    ),
    "an index": (
        ConcretizationError,
        "Python lists and NumPy arrays need a known integer as an index",
        "write funcgrad.numpy.take(array, i, axis=0) or funcgrad.numpy.at(array)[i].get(); traced arrays are "
        "indexed directly",
    ),
    "number": (
        ConcretizationError,
        "the value of a traced array is not known while the function is traced",
        "keep it an array, compute it outside the transformed function, or mark the argument static",
    ),
}


def concretization_error(wanted: str, aval: Any, source: Any, purpose: str) -> ConcretizationError:
    """The error for using an abstract value as a number (`wanted`: bool, array, or what the number was for)."""
    cls, reason, fix = _FIXES.get(wanted, _FIXES["number"])
    what = {"bool": "in a condition", "array": "as a NumPy array"}.get(wanted, f"for {wanted}")
    return cls(f"{purpose}: a traced value of type {aval} was used {what}.\n{source_line(source)}\n"
               f"Reason: {reason}.\nFix: {fix}.")  # fmt: skip


def refused_by_scipy(purpose: str, aval: Any, source: Any, called: str) -> str:
    """The text for a traced value in a function of SciPy that turns it into an array."""
    return (
        f"{purpose}: {called} was given a traced value of type {aval}, which it turns into a NumPy array.\n"
        f"{source_line(source)}\n"
        "Reason: the functions of SciPy that are written in Python do not ask their arguments how to compute.\n"
        f"Fix: use funcgrad.{called}, if there is one (docs/special.md, docs/linear_algebra.md and docs/solvers.md\n"
        "list them); else build it from functions of funcgrad.numpy, or give it a derivative with funcgrad.custom_jvp."
    )


def leaked_tracer(tracer: Any, source: Any, purpose: str) -> str:
    """The text for a Tracer used after its Trace has closed."""
    return (
        f"a traced value of type {tracer.aval} was used after the {purpose} that made it had finished.\n"
        f"{source_line(source)}\n"
        "Reason: it was stored outside the function (a global, an attribute, a list) or used in another thread.\n"
        "Fix: return the value from the transformed function (has_aux=True helps) instead of storing it."
    )


def not_an_array(where: str, kind: str) -> str:
    """The text for an argument that is no array."""
    return (
        f"{where} is {kind}, which cannot be traced.\n"
        "Fix: pass numbers or NumPy arrays of a bool, integer, float or complex dtype; mark other arguments of "
        "jit static\n"
        "(static_argnums / static_argnames), or close over them."
    )


def unused_argument(purpose: str, function: str, argument: Any) -> str:
    """The text for a gradient in an argument that does not matter."""
    return (
        f"{purpose} of {function}: the result does not depend on argument {argument!r}, so that its gradient is zero.\n"
        "Reason: no operation leads from the argument to the result; was another variable used in its place?\n"
        "Fix: leave the argument out of argnums, or pass allow_unused=True if zero is what you want."
    )


def other_array_class(where: str, name: str, meaning: str, instead: str) -> str:
    """The text for an array of a class that means something else than its numbers."""
    return f"{where} is a {name}, {meaning} while tracing.\nFix: pass {instead}."


def not_differentiable(purpose: str, function: str, where: str, aval: Any) -> str:
    """The text for differentiating with respect to integers or booleans."""
    return (
        f"{purpose} of {function}: {where} has type {aval}, and only floating-point numbers have derivatives.\n"
        f"Fix: pass floats (x.astype(float), 3.0 instead of 3), or leave this argument out of argnums."
    )


def complex_needed(purpose: str, function: str, where: str, aval: Any) -> str:
    """The text for real numbers where a holomorphic function has complex ones."""
    return (
        f"{purpose} of {function}: holomorphic=True needs complex arguments and results, but {where} has type {aval}.\n"
        "Fix: convert with astype(complex), or leave out holomorphic=True."
    )


def complex_argument(purpose: str, function: str, where: str, aval: Any) -> str:
    """The text for a complex argument of a derivative that is made of derivatives along real directions."""
    return (
        f"{purpose} of {function}: {where} has type {aval}, but the argument must be real.\n"
        "Fix: pass holomorphic=True if the function is holomorphic; otherwise differentiate with respect to real and "
        "imaginary part,\nor use jvp or vjp."
    )


def complex_result(purpose: str, function: str, where: str, aval: Any) -> str:
    """The text for the gradient of a complex result."""
    return (
        f"{purpose} of {function}: {where} has type {aval}, but it must be real.\n"
        "Fix: pass holomorphic=True if the function is holomorphic; otherwise return a real number (x.real, abs(x)),\n"
        "or use vjp."
    )


def not_scalar(purpose: str, function: str, aval: Any) -> str:
    """The text for the gradient of a function whose result is not a scalar."""
    return (
        f"{purpose} of {function}: the function must return a single real number, but it returned {aval}.\n"
        "Fix: reduce it (for example with .sum() or .mean()), or use jacrev, jacfwd or vjp for functions with "
        "array results;\n"
        "pass has_aux=True if the function returns (loss, auxiliary data)."
    )


def unhashable_static(function: str, name: Any, value: Any) -> str:
    """The text for a static argument that cannot be a key of the cache."""
    return (
        f"jit of {function}: static argument {name!r} has type {type(value).__name__}, which cannot be hashed.\n"
        "Fix: static arguments are compared to find the compiled code; pass a tuple instead of a list, or make "
        "it a traced argument."
    )


def compiled_structure(what: str, expected: object, found: object) -> str:
    """The arguments of a compiled function form another tree."""
    return (
        f"{what}: the arguments have the structure {found}, but it was compiled for {expected}. "
        "Static arguments are left out of the call; for other structures call the result of jit."
    )


def compiled_leaf(where: str, found: str, expected: str) -> str:
    """An argument of a compiled function has another type."""
    return f"{where} is {found}, but it was compiled for {expected}. For other types call the result of jit."


def compiled_traced(where: str) -> str:
    """A compiled function meets a traced value."""
    return (
        f"{where} is being traced, and machine code cannot be: differentiate, batch or compile the result of jit "
        "rather than that of .compile()."
    )


def compiled_foreign(name: str) -> str:
    """A compiled function cannot be pickled."""
    return (
        f"compiled function {name} cannot be pickled: it calls functions that Numba compiled in this process. "
        "Pickle the function itself, and compile it where it is used."
    )


def compiled_elsewhere(name: str, there: str, here: str) -> str:
    """Pickled machine code does not belong here."""
    return (
        f"compiled function {name} was compiled by or for {there}, and this process has {here}. "
        "Pickle the function itself (or the result of jit), and compile it where it is used."
    )


def key_reuse(who: str, source: Any, earlier: str, earlier_source: Any) -> str:
    """The text for a random key used twice."""
    return (
        f"{who}: this key was used before, by {earlier}.\n"
        f"first use:\n{source_line(earlier_source)}\nsecond use:\n{source_line(source)}\n"
        "Reason: results drawn with one key depend on each other.\n"
        "Fix: make a key for each use, as in `first, second = random.split(key)`; random.clone(key) if it is meant."
    )
