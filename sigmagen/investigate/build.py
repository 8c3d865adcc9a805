"""The queries of an investigation: every pivot of a rule, over a source, in a SIEM's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sigmagen.backends.printer import NameClashError
from sigmagen.convert import PRINTERS, Converter
from sigmagen.investigate.pivots import Pivot, load_playbook
from sigmagen.investigate.plan import NoPivotError, plan_pivot
from sigmagen.investigate.subject import Subject
from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.source import Source
from sigmagen.plan.expr import UnsupportedDetectionError
from sigmagen.plan.window import DAY, HOUR, MINUTE, tick_length
from sigmagen.rules.model import BaseRule, Correlation

BUCKETS = 100
"""A time line has at most about this many rows in the alert's window."""

_ROUND = (MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, DAY)


@dataclass(frozen=True)
class PivotQuery:
    """One pivot's query. It looks at [start, end), epoch milliseconds, whatever longer range it is run over.

    `columns` maps the result's columns to the names in the pivot; `without` says which fields the source lacks.
    """

    pivot: Pivot
    source: Source
    siem: str
    text: str
    columns: dict[str, str]
    start: int
    end: int
    without: Mapping[str, str]


@dataclass(frozen=True)
class LeftOut:
    """A pivot that a source has no answer to, and why."""

    pivot: Pivot
    source: Source
    siem: str
    reason: str


def pivots_for(
    converter: Converter,
    rule: BaseRule | Correlation,
    source: Source,
    siem: str,
    subject: Subject,
    *,
    with_text: bool = False,
) -> tuple[list[PivotQuery], list[LeftOut]]:
    """The queries after an alert of `rule` over `source`, and the pivots left out with the reason, both in order.

    Of several sources that are read together, each gets its own. Raises SigmagenError when the pivots can't be read.
    """
    book = load_playbook(converter.mappings)
    queries: list[PivotQuery] = []
    left_out: list[LeftOut] = []
    bucket = bucket_of(rule, subject)
    for part in source.parts:
        known = replace(subject, group=canonical_group(part, subject.group))
        for pivot in book.pivots:
            try:
                planned = plan_pivot(
                    pivot, book, part, siem, converter.taxonomy, known, bucket=bucket, with_text=with_text
                )
                printer = PRINTERS[siem](planned.plan)
                text = printer.text()
            except UnavailableFieldError as error:
                reason = f"{part.name} in {siem} has no {error.name}: {error.reason}"
            except (NoPivotError, UnsupportedDetectionError, NameClashError) as error:
                reason = str(error)
            else:
                columns = {printer.name(name).strip('"`'): name for name in planned.columns}
                queries.append(
                    PivotQuery(pivot, part, siem, text, columns, planned.start, planned.end, planned.without)
                )
                continue
            left_out.append(LeftOut(pivot, part, siem, reason))
    return queries, left_out


def bucket_of(rule: BaseRule | Correlation, subject: Subject) -> int:
    """The rule's tick for the rows of a time line; for a long campaign, or a rule without one, a longer round time."""
    least = (subject.end - subject.start) // BUCKETS
    tick = tick_length(rule.timespan) if isinstance(rule, Correlation) else MINUTE
    return next((length for length in (tick, *_ROUND) if length >= max(tick, least)), DAY)


def canonical_group(source: Source, group: Mapping[str, str]) -> dict[str, str]:
    """The group under canonical names, where it has a source's own names; what has no canonical name stays.

    >>> from sigmagen.content import mappings_folder
    >>> from sigmagen.mapping.source import load_sources
    >>> canonical_group(load_sources(mappings_folder())["cloudtrail"], {"userIdentity.accessKeyId": "AKIAEXAMPLE"})
    {'gen_ai.api_key.id': 'AKIAEXAMPLE'}
    """
    native = {path: name for name, path in source.fields.items() if isinstance(path, str)}
    return {native.get(name, name) if name in source.native_fields else name: value for name, value in group.items()}


def stage_of(rule: BaseRule | Correlation) -> str:
    """The stage of a rule: its folder."""
    return Path(rule.file).resolve().parent.name
