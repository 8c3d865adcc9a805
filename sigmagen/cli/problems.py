"""Printing problems and JSON documents. Problems go to standard error unless they are the result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import click

from sigmagen.display import sanitize
from sigmagen.net.secrets import hide
from sigmagen.problems import EXIT_BROKEN_INPUT, EXIT_CLEAN, Problem
from sigmagen.report.colour import choose_colour

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def print_problems(problems: Iterable[Problem], *, err: bool = True) -> None:
    """Print each distinct problem with its location and hint."""
    for problem in dict.fromkeys(problems):
        safe = replace(
            problem,
            message=sanitize(hide(problem.message)),
            file=problem.file and sanitize(hide(problem.file)),
            hint=problem.hint and sanitize(hide(problem.hint)),
        )
        marker = f"{problem.severity}[{problem.code}]"
        styled = str(safe).replace(marker, click.style(marker, _COLOURS[problem.severity]), 1)
        click.echo(styled, err=err, color=choose_colour())


def print_json(document: Any) -> None:
    """Print a JSON document on standard output."""
    click.echo(json_bytes(document).decode(), nl=False)


def json_bytes(document: Any) -> bytes:
    """Return a JSON document as it is printed and written."""
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    try:
        return orjson.dumps(document, option=options)
    except TypeError:  # a lone surrogate, such as in a file name that is not UTF-8, or a very large integer
        import json

        return json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def broken(problems: Iterable[Problem]) -> int:
    """Return the exit code for input problems."""
    return EXIT_BROKEN_INPUT if any(problem.severity == "error" for problem in problems) else EXIT_CLEAN
