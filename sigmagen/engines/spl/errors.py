"""Errors in SPL, with their position."""

from __future__ import annotations

from typing import NoReturn

from sigmagen.problems import Problem, SigmagenError


class SplError(Exception):
    """The SPL is malformed, not supported, or has no meaning in Splunk's documentation.

    `position` counts characters of the search from 0.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position

    def located(self, text: str) -> SigmagenError:
        """Return an error with line and column in `text`, and the line itself."""
        before = text[: self.position]
        line = before.count("\n") + 1
        column = self.position - (before.rfind("\n") + 1) + 1
        shown = text.splitlines()[line - 1].strip() if text.splitlines()[line - 1 :] else ""
        return SigmagenError(
            Problem(
                "spl-refused",
                f"SPL line {line}, column {column}: {self.message}",
                hint=f"in `{shown[:200]}`" if shown else None,
            )
        )


def refuse(message: str, position: int) -> NoReturn:
    """Raise SplError."""
    raise SplError(message, position)
