"""What local detection could not see: records without what the rules need, and rules without records.

A log whose prompts can't be read looks like a quiet one, unless this is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sigmagen.display import format_count
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.mapping.documents import load_checked
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import ViewBuilder
from sigmagen.plan.build import build_view
from sigmagen.plan.model import Plan
from sigmagen.rules.model import BaseRule, Correlation, base_rules
from sigmagen.targets.registry import REFERENCE

if TYPE_CHECKING:
    from sigmagen.local.detection import NotRun

Rule = BaseRule | Correlation
Kind = Literal["unreadable", "reused-id", "no-log", "not-run", "broken-rules"]

_OUTCOME = "event.outcome"


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """One thing that could not be seen: `count` of `total` records that lack what is `missing`, or so many rules."""

    kind: Kind
    source: str | None
    missing: str | None
    count: int
    total: int | None
    rules: tuple[str, ...]
    message: str

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Need:
    """Something that rules need, the fields that hold it, and whether only answered calls have it."""

    name: str
    fields: tuple[str, ...]
    answered: bool


@lru_cache(maxsize=4)
def load_needs(mappings: Path) -> tuple[Need, ...]:
    """What `blind-spots.yml` of a mappings folder lists; nothing without the file. Raises SigmagenError."""
    path = mappings / "blind-spots.yml"
    if not path.exists():
        return ()
    return tuple(
        Need(entry["name"], tuple(entry["fields"]), bool(entry.get("answered")))
        for entry in load_checked(path, "blind-spots", mappings)["needs"]
    )


@dataclass(frozen=True)
class View:
    """What is counted over the records of one log source that a source feeds.

    `asked` are the needs, each with the fields that hold it here; `plan` has these fields as columns.
    """

    source: Source
    asked: tuple[tuple[Need, tuple[str, ...]], ...]
    fields_of: Mapping[str, set[str]]
    outcome: bool
    plan: Plan


def views(source: Source, rules: Iterable[Rule], needs: Sequence[Need], taxonomy: Taxonomy) -> Iterator[View]:
    """What to count of a source's records for rules, log source by log source."""
    wanted: dict[int, list[Rule]] = {}
    entries: dict[int, LogsourceEntry] = {}
    for rule in rules:
        for base in base_rules(rule):
            entry = source.entry_for(base.logsource)
            if entry is not None and entry.logsource.category is not None:
                entries[id(entry)] = entry
                wanted.setdefault(id(entry), []).append(rule)
    for key, entry in entries.items():
        yield from _view(source, entry, list(dict.fromkeys(wanted[key])), needs, taxonomy)


def _view(
    source: Source, entry: LogsourceEntry, rules: Sequence[Rule], needs: Sequence[Need], taxonomy: Taxonomy
) -> Iterator[View]:
    builder = ViewBuilder(source, source.stored[REFERENCE], taxonomy, entry)
    fields_of = {rule.name: needed_fields(rule) for rule in rules}
    read = set().union(*fields_of.values())
    asked = []
    for need in needs:
        fields = [name for name in need.fields if name in read]
        fields = [name for name in fields if name in taxonomy and not taxonomy[name].private and builder.carries(name)]
        if fields:
            asked.append((need, tuple(fields)))
    if asked:
        columns = dict.fromkeys([_OUTCOME, *(name for _, fields in asked for name in fields)])
        plan = build_view(source, REFERENCE, taxonomy, list(columns), entry)
        yield View(source, tuple(asked), fields_of, builder.carries(_OUTCOME), plan)


def unreadable(engine: DuckDBEngine, found: Iterable[View], text: Callable[[Plan], str]) -> Iterator[BlindSpot]:
    """The records that lack what a rule needs. `text` prints a plan as SQL over the engine's tables."""
    for view in found:
        covered = engine.range(view.source)
        if covered is not None:
            engine.select(view.source, *covered)
            yield from _counted(engine, view, text(view.plan))


def _counted(engine: DuckDBEngine, view: View, text: str) -> Iterator[BlindSpot]:
    columns = ["count(*)"]
    for need, fields in view.asked:
        missing = " AND ".join(f"{_quoted(name)} IS NULL" for name in fields)
        answered = f" AND {_quoted(_OUTCOME)} IS DISTINCT FROM 'failure'" if need.answered and view.outcome else ""
        columns.append(f"count(*) FILTER (WHERE {missing}{answered})")
    total, *counts = engine.connection.execute(f"SELECT {', '.join(columns)} FROM ({text})").fetchone() or (0,)
    name = view.source.name
    for (need, fields), count in zip(view.asked, counts, strict=True):
        if count:
            names = tuple(rule for rule, fields_there in view.fields_of.items() if set(fields) & fields_there)
            verb = "has" if count == 1 else "have"
            message = f"{count:,} of {format_count(total, f'{name} record')} {verb} no {need.name}"
            yield BlindSpot("unreadable", name, need.name, count, total, names, message)


def needed_fields(rule: Rule) -> set[str]:
    """The fields without which a record can't count for a rule: what it groups by, measures, or asks for.

    A field that only stands under a NOT is not needed: a record without it passes.
    """
    found = {name for base in base_rules(rule) for name in _asked_for(base.condition)}
    return found.union(_correlated(rule))


def _correlated(rule: Rule) -> Iterator[str]:
    """The group-by fields and the measured ones of all correlations of a rule, as the rules below call them."""
    if isinstance(rule, BaseRule):
        return
    measured = rule.threshold.fields if rule.threshold else ()
    for position, part in enumerate(rule.rules):
        yield from (rule.field_in(position, name) for name in (*rule.group_by, *measured))
        yield from _correlated(part)


def _asked_for(node: Any) -> Iterator[str]:
    from sigma.conditions import ConditionNOT

    if isinstance(node, ConditionNOT):
        return
    if hasattr(node, "args"):
        for part in node.args:
            yield from _asked_for(part)
    elif hasattr(node, "field"):
        yield node.field


def reused_ids(counts: Mapping[str, int]) -> list[BlindSpot]:
    """Ids that records with different content have, by source: a caller may choose an id, so all of them are kept."""
    found = []
    for source, count in counts.items():
        if count:
            belongs = "belongs" if count == 1 else "belong"
            message = f"{format_count(count, f'{source} id')} {belongs} to records with different content"
            found.append(BlindSpot("reused-id", source, None, count, None, (), message))
    return found


def in_one_line(spots: Sequence[BlindSpot]) -> str:
    """All blind spots in a sentence; what records of one source lack is said together."""
    by_source: dict[tuple[str | None, int | None], list[BlindSpot]] = {}
    for spot in spots:
        if spot.kind == "unreadable":
            by_source.setdefault((spot.source, spot.total), []).append(spot)
    parts = []
    for (source, total), found in by_source.items():
        first, *others = (f"{spot.count:,} {{}}no {spot.missing}" for spot in found)
        lacks = [first.format("has " if found[0].count == 1 else "have "), *(text.format("") for text in others)]
        parts.append(f"of {format_count(total or 0, f'{source} record')}, {', '.join(lacks)}")
    return "; ".join([*parts, *(spot.message for spot in spots if spot.kind != "unreadable")])


def unseen_rules(not_run: Iterable[NotRun], broken: int = 0) -> list[BlindSpot]:
    """Rules that no log is here for, that could not look at a source, and (`broken` of them) that can't be used."""
    without_log: list[str] = []
    reasons: dict[str, dict[str, str]] = {}  # source -> rule -> why
    for item in not_run:
        if item.source is None:
            without_log.append(item.rule.name)
        else:
            # What follows the colon is why the source is like that, which -v and the report tell.
            reason = item.reason.removeprefix("not convertible to duckdb: ")
            reasons.setdefault(item.source, {})[item.rule.name] = reason.partition(": ")[0]
    found = []
    if without_log:
        message = f"no log for {_rules(without_log)}"
        found.append(BlindSpot("no-log", None, None, len(without_log), None, tuple(without_log), message))
    for source, why in reasons.items():
        said = set(why.values())
        message = f"{_rules(list(why))} not run on {source} ({said.pop() if len(said) == 1 else '-v says why'})"
        found.append(BlindSpot("not-run", source, None, len(why), None, tuple(why), message))
    if broken:
        message = f"{format_count(broken, 'broken rule')} not run"
        found.append(BlindSpot("broken-rules", None, None, broken, None, (), message))
    return found


def _rules(names: Sequence[str]) -> str:
    """Few rules by name, many by number."""
    return ", ".join(names) if len(names) < 3 else format_count(len(names), "rule")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
