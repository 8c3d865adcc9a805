"""Allow-lists as watchlists, and the rules in a variant that reads them, for tenants who keep such lists in Sentinel.

The rules are loaded once more with a marker in place of each list, and in the converted text the marker's values give
way to `_GetWatchlist`. A watchlist holds exact values: no wildcards, and of an address no second spelling.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sigmagen.convert import Converter
from sigmagen.packages.content import PREFIX, Detection
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
    """The watchlists that are read, and the rules in the variant that reads them."""

    lists: tuple[Watchlist, ...]
    rules: tuple[AnalyticsRule, ...]


def watched(
    converter: Converter,
    detections: Sequence[Detection],
    rules: Mapping[str, AnalyticsRule],
    lists: AllowLists,
    facts: Facts,
) -> Watched:
    """The variant of each rule (by detection id) that excludes a list's values; the others have none."""
    names = sorted(lists)
    used: dict[str, None] = {}
    variants = []
    marked = _marked_bases(converter, detections, names)
    for detection in detections:
        rule = _with_bases(detection.rule, marked)
        try:
            text = converter.convert(rule, detection.source, "sentinel", "alert").text
        except SigmagenError:
            continue
        read = [names[int(number)] for number in _LIST.findall(text)]
        text = _LIST.sub(lambda found: f'(_GetWatchlist("{alias(names[int(found[1])])}") | project {COLUMN})', text)
        # A marker that is left stands where a watchlist can't be read, such as inside a pattern.
        if not read or _OPEN in text:
            continue
        used.update(dict.fromkeys(read))
        query = Enrichment.of(rule, detection.alert.columns, facts).complete(text)
        variants.append(replace(rules[detection.id], query=query))
    return Watched(tuple(Watchlist(alias(name), name, lists[name]) for name in sorted(used)), tuple(variants))


def alias(name: str) -> str:
    """The alias of a list's watchlist."""
    return f"{PREFIX}_" + re.sub(r"[^A-Za-z0-9_]", "_", name)


Place = tuple[str, int]
"""File and line of a rule."""


def _marked_bases(converter: Converter, detections: Iterable[Detection], names: list[str]) -> dict[Place, BaseRule]:
    """The detections' base rules with two markers in place of every list's values."""
    files = {Path(base.file) for detection in detections for base in base_rules(detection.rule)}
    marks = {name: (f"{_OPEN}{number}{_CLOSE}a", f"{_OPEN}{number}{_CLOSE}b") for number, name in enumerate(names)}
    if not files:
        return {}
    loaded = load_rules(
        sorted(files), rules_folder=converter.mappings, mappings_folder=converter.mappings, allow_lists=marks
    )
    documents = (rule for file in loaded.files for rule in file.documents)
    return {(rule.file, rule.line): rule for rule in documents if isinstance(rule, BaseRule)}


def _with_bases(rule: Correlation, bases: Mapping[Place, BaseRule]) -> Correlation:
    """The correlation as the tenant has tuned it, over other base rules."""
    parts = (
        _with_bases(part, bases) if isinstance(part, Correlation) else bases.get((part.file, part.line), part)
        for part in rule.rules
    )
    return replace(rule, rules=tuple(parts))
