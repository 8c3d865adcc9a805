"""Differences that are known and not mended yet: a case file for each, and which pairs they may spoil meanwhile.

A case that is mended fails, too: then its `open:` goes, and so does its line here.
"""

from __future__ import annotations

from collections.abc import Callable

from sigmagen.rules.model import Correlation
from tests.fuzz.judge import Outcome
from tests.fuzz.levels import levels

# Case -> (engines or none for all, what a level of the rule looks like there).
OPEN: dict[str, tuple[tuple[str, ...], Callable[[Correlation], bool]]] = {}


def is_open(outcome: Outcome) -> bool:
    """Whether a difference may be one of the known ones."""
    return any(
        (not engines or outcome.engine in engines) and any(map(looks_so, levels(outcome.pair.rule)))
        for engines, looks_so in OPEN.values()
    )
