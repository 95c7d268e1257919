"""Format strings of `debug.print`, checked when they are given."""

from __future__ import annotations

import string
from typing import Any


class FormatCheck(string.Formatter):
    """Goes through a format string without formatting, to see that it fits its arguments."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return ""

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return value

    def check_unused_args(self, used_args: Any, args: Any, kwargs: Any) -> None:
        unused = [i for i in range(len(args)) if i not in used_args] + [k for k in kwargs if k not in used_args]
        if unused:
            raise ValueError(
                f"debug.print: the format string does not use the arguments {unused}.\n"
                "Fix: name them in the string as {} or {name}; an f-string is formatted too early."
            )
