"""Counterparts of SciPy's modules."""

import importlib as _importlib
from types import ModuleType as _ModuleType

# Loaded at first use: some need SciPy's own, which take longer to load than the rest of the library.
__all__ = [
    "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse", "special", "stats",
]  # fmt: skip


def __getattr__(name: str) -> _ModuleType:
    if name in __all__:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'funcgrad.scipy' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
