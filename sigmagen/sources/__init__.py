"""Calls as native log records: one module a source, loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Any, cast

from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.sources.call import Call

SOURCES = ("apim", "bedrock_invocation", "canonical", "cloudtrail", "litellm")

Renderer = Callable[[Call], dict[str, Any] | None]


def render(source: str, call: Call) -> dict[str, Any] | None:
    """The native record that `source` writes of the call; None where it doesn't log such a call.

    Raises SigmagenError for a source that nothing here can write.
    """
    return _renderer(source)(call)


@cache
def _renderer(source: str) -> Renderer:
    if source not in SOURCES:
        near = get_close_matches(source, SOURCES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SOURCES)}"
        raise SigmagenError(Problem("unknown-source", f"no renderer for the source {source!r}", hint=hint), EXIT_USAGE)
    return cast(Renderer, import_module(f"{__name__}.{source}").render)
