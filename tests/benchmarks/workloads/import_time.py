"""import: time and memory of importing the library with its NumPy namespace, NumPy itself included."""

from __future__ import annotations

from case import Case

CASES = [Case("import", "import statements", build=lambda lib: lambda: [], inputs=lambda seed: (), kind="import")]
