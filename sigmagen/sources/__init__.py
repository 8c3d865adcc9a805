"""Log sources in code, one folder each beside its mapping file: how a log writes calls, and what SIEMs keep of them."""

from sigmagen.sources.discovery import (
    AtRest,
    MissingCodeError,
    Naming,
    Renderer,
    examples,
    missing,
    named,
    render,
    source_names,
    stored_rows,
)

__all__ = [
    "AtRest",
    "MissingCodeError",
    "Naming",
    "Renderer",
    "examples",
    "missing",
    "named",
    "render",
    "source_names",
    "stored_rows",
]
