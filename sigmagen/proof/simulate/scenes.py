"""The cases of a test file, one after the other in time, so that one query over one data set judges them all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sigmagen.proof.simulate.cases import calls
from sigmagen.rules.testfile import Case, TestFile
from sigmagen.sources import render
from sigmagen.sources.call import Call

EPOCH = 1_786_439_643_217
"""When the first case starts: 2026-08-11T09:14:03.217Z, on no boundary of anything."""

MARGIN = 600_000


@dataclass(frozen=True)
class Scene:
    """One case, or the first calls of one, from `start` on; windows that see it end by `end`. Epoch milliseconds.

    `prefix` is None for the whole case, else how many of its calls are played.
    """

    case: Case
    prefix: int | None
    calls: tuple[Call, ...]
    start: int
    end: int

    def sees(self, window_end: int) -> bool:
        """Whether a window that ends then holds calls of this scene, and of no other."""
        return self.start < window_end <= self.end


def lay_out(test: TestFile, source: str, *, reach: int, start: int = EPOCH, prefixes: bool = True) -> list[Scene]:
    """The scenes of a test file for one source, in order of time.

    `reach` is how long after an event a window can still see it, in milliseconds; scenes are further apart than that.
    An attack is played whole and, with `prefixes`, up to just before and just after the call that crosses the
    threshold.
    """
    scenes: list[Scene] = []
    for case in test.cases:
        if case.sources is not None and source not in case.sources:
            continue
        lengths: list[int | None] = [None]
        for alert in case.alerts if prefixes else ():
            lengths += [alert.after, *([alert.after - 1] if alert.after > 1 else [])]
        made = calls(test, case, 0)
        for prefix in dict.fromkeys(lengths):
            # The same call in two scenes is two events; within a scene, equal ids are a repeated delivery.
            number = len(scenes)
            played = [replace(call, id=f"{call.id}-{number}", time=start + call.time) for call in made[:prefix]]
            end = (played[-1].time if played else start) + reach
            scenes.append(Scene(case, prefix, tuple(played), start, end))
            # An odd distance, so that scenes don't all lie alike on the panes.
            start = end + 61_379
    return scenes


def records(scenes: Iterable[Scene], source: str) -> list[dict[str, Any]]:
    """The native records of all scenes, in order; calls that the source doesn't log are left out."""
    rendered = (render(source, call) for scene in scenes for call in scene.calls)
    return [record for record in rendered if record is not None]


def span(scenes: Sequence[Scene]) -> tuple[int, int]:
    """From well before the first call, as a source may keep whole seconds or several rows, to the last window."""
    return scenes[0].start - MARGIN, scenes[-1].end + 1
