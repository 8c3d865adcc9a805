"""Terminal colours, with support for https://no-color.org and https://force-color.org."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sigmagen.report.console import Console


def choose_colour() -> bool | None:
    """Return False with NO_COLOR or a dumb terminal, True with FORCE_COLOR, None to detect.

    An empty variable counts as not set. NO_COLOR has precedence over FORCE_COLOR.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def console(*, stderr: bool = False) -> Console:
    """Return a console for tables and progress. Without colours it doesn't use bold or dim text either."""
    from sigmagen.report.console import Console

    if choose_colour() is False:
        return Console(stderr=stderr, highlight=False, color_system=None)
    return Console(stderr=stderr, highlight=False, force_terminal=choose_colour())
