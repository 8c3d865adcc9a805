"""The console that commands print to."""

from __future__ import annotations

from typing import NoReturn

import rich.console


class Console(rich.console.Console):
    """Raises BrokenPipeError for the command line to handle; rich would exit with 1."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise BrokenPipeError, as Python does."""
        raise BrokenPipeError
