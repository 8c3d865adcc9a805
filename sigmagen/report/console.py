"""The console that commands print to."""

from __future__ import annotations

from typing import NoReturn

import rich.console


class Console(rich.console.Console):
    """Leaves a pipe that its reader has closed to the command line, where rich would end the process with 1."""

    def on_broken_pipe(self) -> NoReturn:
        """Say it as Python does."""
        raise BrokenPipeError
