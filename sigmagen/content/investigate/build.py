"""The queries of an investigation: every pivot of a rule, over a source, in a SIEM's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from sigmagen.content.investigate.pivot_plan import NoPivotError, plan_pivot
from sigmagen.content.investigate.pivots import Pivot, Range, load_playbook
from sigmagen.content.investigate.subject import Subject, SubjectTemplate
from sigmagen.convert.converter import Converter
from sigmagen.convert.render import render
from sigmagen.durations import DAY, HOUR, MINUTE
from sigmagen.expr.tree import UnsupportedDetectionError
from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.source import Source
from sigmagen.plan.window import tick_length
from sigmagen.rules.model import BaseRule, Correlation
from sigmagen.targets.printer import NameClashError

S = TypeVar("S", Subject, SubjectTemplate)

BUCKETS = 100
"""A time line has at most about this many rows in the alert's window."""

Value = TypeVar("Value")

_ROUND = (MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, DAY)


@dataclass(frozen=True)
class PivotQuery:
    """One pivot's query. It looks at [start, end), epoch milliseconds, whatever longer range it is run over.

    `columns` maps the result's columns to the names in the pivot; `without` says which fields the source lacks, `notes`
    what the language expresses only approximately.
    """

    pivot: Pivot
    source: Source
    target: str
    text: str
    columns: dict[str, str]
    start: int
    end: int
    without: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PivotTemplate:
    """One pivot's query, with a parameter for each value of the group and for the window that `range` is around."""

    pivot: Pivot
    source: Source
    target: str
    text: str
    columns: dict[str, str]
    range: Range
    without: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A pivot that a source has no answer to, and why."""

    pivot: Pivot
    source: Source
    target: str
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
    bucket = bucket_of(rule, subject)
    found, left_out = _asked(converter, rule, source, siem, subject, bucket, with_text=with_text)
    queries = [
        PivotQuery(
            item.pivot,
            item.source,
            siem,
            item.text,
            item.columns,
            *item.range.around(subject.start, subject.end),
            without=item.without,
            notes=item.notes,
        )
        for item in found
    ]
    return queries, left_out


def templates_for(
    converter: Converter, rule: BaseRule | Correlation, source: Source, siem: str, template: SubjectTemplate
) -> tuple[list[PivotTemplate], list[LeftOut]]:
    """The same with parameters in place of group and window, for content that a SIEM keeps.

    A time line has the rule's ticks, however long the window will be.
    """
    return _asked(converter, rule, source, siem, template, _tick(rule), with_text=False)


def _asked(
    converter: Converter,
    rule: BaseRule | Correlation,
    source: Source,
    siem: str,
    subject: S,
    bucket: int,
    *,
    with_text: bool,
) -> tuple[list[PivotTemplate], list[LeftOut]]:
    """Every pivot over each source that is read."""
    found: list[PivotTemplate] = []
    left_out: list[LeftOut] = []
    for part in source.parts:
        known = replace(subject, group=canonical_group(part, resolve_aliases(converter, rule, part, subject.group)))
        for item in _written(converter, part, siem, known, bucket, with_text=with_text):
            if isinstance(item, LeftOut):
                left_out.append(item)
            else:
                found.append(item)
    return found, left_out


def _written(
    converter: Converter,
    source: Source,
    siem: str,
    subject: Subject | SubjectTemplate,
    bucket: int,
    *,
    with_text: bool,
) -> Iterator[PivotTemplate | LeftOut]:
    """Every pivot over one source: its text, or why it has none."""
    book = load_playbook(converter.mappings)
    for pivot in book.pivots:
        try:
            planned = plan_pivot(
                pivot, book, source, siem, converter.taxonomy, subject, bucket=bucket, with_text=with_text
            )
            rendered = render(planned.plan, siem)
        except UnavailableFieldError as error:
            yield LeftOut(pivot, source, siem, f"{source.name} in {siem} has no {error.name}: {error.reason}")
        except (NoPivotError, UnsupportedDetectionError, NameClashError) as error:
            yield LeftOut(pivot, source, siem, str(error))
        else:
            around = book.ranges[pivot.range]
            columns = dict(rendered.columns)
            yield PivotTemplate(pivot, source, siem, rendered.text, columns, around, planned.without, rendered.notes)


def bucket_of(rule: BaseRule | Correlation, subject: Subject) -> int:
    """The rule's tick for the rows of a time line; for a long campaign, or a rule without one, a longer round time."""
    least = (subject.end - subject.start) // BUCKETS
    tick = _tick(rule)
    return next((length for length in (tick, *_ROUND) if length >= max(tick, least)), DAY)


def _tick(rule: BaseRule | Correlation) -> int:
    return tick_length(rule.timespan) if isinstance(rule, Correlation) else MINUTE


def resolve_aliases(
    converter: Converter, rule: BaseRule | Correlation, source: Source, group: Mapping[str, Value]
) -> dict[str, Value]:
    """The group with each alias under the name of a field that the source knows, if the alias stands for one there."""
    aliases = rule.aliases if isinstance(rule, Correlation) else ()
    named = {}
    for name, value in group.items():
        fields = [alias[name] for alias in aliases if name in alias]
        known = [field for field in fields if field in source.native_fields]
        known += [field for field in fields if field in converter.taxonomy]
        named[known[0] if known else name] = value
    return named


def canonical_group(source: Source, group: Mapping[str, Value]) -> dict[str, Value]:
    """The group under canonical names, where it has a source's own names; what has no canonical name stays.

    >>> from sigmagen.bundled import mappings_folder
    >>> from sigmagen.mapping.source import load_sources
    >>> canonical_group(load_sources(mappings_folder())["cloudtrail"], {"userIdentity.accessKeyId": "AKIAEXAMPLE"})
    {'gen_ai.api_key.id': 'AKIAEXAMPLE'}
    """
    native = {path: name for name, path in source.fields.items() if isinstance(path, str)}
    return {native.get(name, name) if name in source.native_fields else name: value for name, value in group.items()}


def stage_of(rule: BaseRule | Correlation) -> str:
    """The stage of a rule: its folder."""
    return Path(rule.file).resolve().parent.name
