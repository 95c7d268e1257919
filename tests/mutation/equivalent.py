"""Changes that cannot be seen: mutants that mean the same as the program, each with the reason.

A mutant is listed by module, kind and a part of its text before the change; `reason_for` says whether it is in the
list.
"""

from __future__ import annotations

from typing import Any

# (module, kind or "", text that the code before the change contains, reason)
EQUIVALENT: list[tuple[str, str, str, str]] = []


def reason_for(mutant: Any) -> str | None:
    """Why a mutant is equivalent to the program, or None when it is not known to be."""
    for module, kind, text, reason in EQUIVALENT:
        if mutant.path.stem == module and kind in ("", mutant.kind) and text in mutant.before:
            return reason
    return None
