"""Allow-lists as watchlists, and the rules in a variant that reads them, for tenants who keep such lists in Sentinel.

The rules are loaded once more with a marker in place of each list, and in the converted text the marker's values give
way to `_GetWatchlist`. A watchlist holds exact values: no wildcards, and of an address no second spelling.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sigmagen.content.detections import NOBODY, PREFIX, SourceDetection
from sigmagen.convert.converter import Converter
from sigmagen.packages.sentinel.enrich import Enrichment
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.rule import AnalyticsRule
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import BaseRule, Correlation, base_rules
from sigmagen.rules.placeholders import AllowLists

COLUMN = "Value"
# Private-use characters: no rule writes them.
_OPEN, _CLOSE = "\ue001", "\ue002"
_LIST = re.compile(rf'\((?:"{_OPEN}(\d+){_CLOSE}[ab]"(?:, )?){{2,}}\)')


Place = tuple[str, int]
"""File and line of a rule."""


@dataclass(frozen=True)
class Watchlist:
    """A watchlist and its first items."""

    alias: str
    name: str
    items: tuple[str, ...]

    @property
    def column(self) -> str:
        """The only column, which is also the search key."""
        return COLUMN

    @property
    def csv(self) -> str:
        """The items under the column's name. What a spreadsheet would take for a formula stays as it is: it is data."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerows([[COLUMN], *([item] for item in self.items)])
        return text.getvalue()


@dataclass(frozen=True)
class Watched:
    """The watchlists that are read, the rules in the variant that reads them, and why a rule has none."""

    lists: tuple[Watchlist, ...]
    rules: tuple[AnalyticsRule, ...]
    notes: tuple[str, ...] = ()


def watched(
    converter: Converter,
    detections: Sequence[SourceDetection],
    rules: Mapping[str, AnalyticsRule],
    lists: AllowLists,
    filters: Mapping[str, str],
    facts: Facts,
) -> Watched:
    """The variant of each rule (by detection id) that leaves out a watchlist's values.

    `filters` are the texts of the Sigma filters that were joined to the rules. A rule without a list has no variant;
    one that can't be loaded again as it is, or whose list stands where a watchlist can't be read, is noted.
    """
    names = sorted(lists)
    marks = {name: (f"{_OPEN}{number}{_CLOSE}a", f"{_OPEN}{number}{_CLOSE}b") for number, name in enumerate(names)}
    same, marked = (_bases(converter, detections, values, filters) for values in (lists, marks))
    used: dict[str, None] = {}
    variants, notes = [], []
    for detection in detections:
        if not any("|expand" in str(base.raw) for base in base_rules(detection.rule)):
            continue
        text = _text(converter, detection, marked)
        read = [names[int(number)] for number in _LIST.findall(text)]
        text = _LIST.sub(lambda found: f'(_GetWatchlist("{alias(names[int(found[1])])}") | project {COLUMN})', text)
        # Loaded once more without markers it must be the rule that is packaged, and no marker may be left.
        if not read or _OPEN in text or _text(converter, detection, same) != detection.alert.text:
            notes.append(f"{detection.title}: its allow lists stay in its text, for a watchlist can't say the same")
            continue
        used.update(dict.fromkeys(read))
        query = Enrichment.of(detection.rule, detection.alert.columns, facts).complete(text)
        variants.append(replace(rules[detection.id], query=query))
    found = (Watchlist(alias(name), name, tuple(lists[name]) or (NOBODY,)) for name in sorted(used))
    return Watched(tuple(found), tuple(variants), tuple(notes))


def alias(name: str) -> str:
    """The alias of a list's watchlist."""
    return f"{PREFIX}_" + re.sub(r"[^A-Za-z0-9_]", "_", name)


def _text(converter: Converter, detection: SourceDetection, bases: Mapping[Place, BaseRule]) -> str:
    """A detection's query over other base rules; nothing, if it can't be said."""
    try:
        return converter.convert(_with_bases(detection.rule, bases), detection.source, "sentinel", "alert").text
    except SigmagenError:
        return ""


def _bases(
    converter: Converter, detections: Iterable[SourceDetection], lists: AllowLists, filters: Mapping[str, str]
) -> dict[Place, BaseRule]:
    """The detections' base rules, loaded once more with these lists and filters."""
    files = sorted({Path(base.file) for detection in detections for base in base_rules(detection.rule)})
    if not files:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(filters.values()):
            files.append(Path(folder, f"filter_{number}.yml"))
            files[-1].write_text(text, encoding="utf-8")
        loaded = load_rules(files, rules_folder=files[0], mappings_folder=converter.mappings, allow_lists=lists)
    documents = (rule for file in loaded.files for rule in file.documents)
    return {(rule.file, rule.line): rule for rule in documents if isinstance(rule, BaseRule)}


def _with_bases(rule: Correlation, bases: Mapping[Place, BaseRule]) -> Correlation:
    """The correlation as the tenant has tuned it, over other base rules."""
    parts = (
        _with_bases(part, bases) if isinstance(part, Correlation) else bases.get((part.file, part.line), part)
        for part in rule.rules
    )
    return replace(rule, rules=tuple(parts))
