"""Colours on a terminal, as its user wants them: https://no-color.org and https://force-color.org."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sigmagen.report.console import Console


def colour() -> bool | None:
    """Whether to write colours: False with NO_COLOR or a dumb terminal, True with FORCE_COLOR, None for what fits.

    An empty variable counts as not set. NO_COLOR wins over FORCE_COLOR.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def console(*, stderr: bool = False) -> Console:
    """A console for tables and progress. Without colours it writes no bold or dim text either."""
    from sigmagen.report.console import Console

    if colour() is False:
        return Console(stderr=stderr, highlight=False, color_system=None)
    return Console(stderr=stderr, highlight=False, force_terminal=colour())
