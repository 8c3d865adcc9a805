"""Detection content for model extraction, and the toolkit that converts, verifies and packages it.

The Python API is described in docs/python-api.md. Its names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sigmagen.api import (
        DetectionResult,
        convert_rule,
        detect,
        lake_schema,
        load_converter,
        load_rules,
        normalize_lines,
        verify,
    )
    from sigmagen.problems import Problem, SigmagenError

__version__ = "0.1.0"
__all__ = [
    "DetectionResult",
    "Problem",
    "SigmagenError",
    "__version__",
    "convert_rule",
    "detect",
    "lake_schema",
    "load_converter",
    "load_rules",
    "normalize_lines",
    "verify",
]

_EXPORTS = {
    "DetectionResult": "sigmagen.api",
    "Problem": "sigmagen.problems",
    "SigmagenError": "sigmagen.problems",
    "convert_rule": "sigmagen.api",
    "detect": "sigmagen.api",
    "lake_schema": "sigmagen.api",
    "load_converter": "sigmagen.api",
    "load_rules": "sigmagen.api",
    "normalize_lines": "sigmagen.api",
    "verify": "sigmagen.api",
}


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS])
