"""Hunts in a lake: rules over a table of canonical events, run where the table is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from sigmagen.convert.converter import Converter, Query
from sigmagen.engines.alert import Alert
from sigmagen.local.campaigns import merged
from sigmagen.local.detection import Detection, NotRun, Rule
from sigmagen.mapping.source import Source
from sigmagen.plan.result import alerts_on_low_values
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.rules.model import Correlation

CANONICAL = "canonical"
_TABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}", re.ASCII)


class LakeClient(Protocol):
    """Where hunts run."""

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        """Return the alerts in [start, end), epoch milliseconds. Raises SigmagenError."""

    def close(self) -> None:
        """Release all resources."""


def find_table_fault(table: str) -> str | None:
    """Return why a text is not the name of a table, or None. It is written into queries unchanged."""
    if _TABLE.fullmatch(table):
        return None
    return f"'{table}' is not the name of a table: letters, digits and _, with catalog and schema before dots"


def locate(converter: Converter, target: str, table: str) -> Source:
    """Return the source of canonical events that is kept in a table. Raises SigmagenError for an unusable name."""
    if fault := find_table_fault(table):
        raise SigmagenError(Problem("location", fault), EXIT_USAGE)
    source = converter.source(CANONICAL)
    return replace(source, stored={**source.stored, target: replace(source.stored[target], location=table)})


def hunt(
    client: LakeClient,
    converter: Converter,
    rules: Sequence[Rule],
    source: Source,
    target: str,
    covered: tuple[int, int],
    step: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Detection], list[NotRun]]:
    """Run rules over the table of a source in [start, end), epoch milliseconds.

    Returns the detections in order of time, without events, and the rules that were not run with the reason. `step` is
    told how many rules are done.
    """
    found: list[Detection] = []
    not_run: list[NotRun] = []
    for number, rule in enumerate(rules):
        step(number, len(rules))
        if not isinstance(rule, Correlation):
            not_run.append(NotRun(rule, source.name, "rules on single events are not run in a lake"))
            continue
        try:
            query = converter.convert(rule, source, target)
            alerts = merged(client.run(query, *covered), least=alerts_on_low_values(rule))
        except SigmagenError as error:
            if error.exit_code == EXIT_USAGE:  # the lake can't be reached
                raise
            not_run.append(NotRun(rule, source.name, error.problems[0].message.removeprefix(f"{rule.title}: ")))
        else:
            tick = query.windows[-1].tick
            found += [
                Detection(rule, source.name, item.window_start, item.window_end, item.group, item.value, (), (), tick)
                for item in alerts
            ]
    return sorted(found, key=lambda item: (item.window_start or 0, item.rule.name, item.group)), not_run
