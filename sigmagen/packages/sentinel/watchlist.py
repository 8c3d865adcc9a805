"""Allow-lists as watchlists, and the rules in a variant that reads them, for tenants who keep such lists in Sentinel.

The rules are loaded once more with a marker in place of each list, and in the converted text the marker's values give
way to `_GetWatchlist`. A watchlist holds exact values: no wildcards, and of an address no second spelling.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sigmagen.convert import Converter
from sigmagen.packages.content import PREFIX, Detection
from sigmagen.packages.sentinel.enrich import Enrichment
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.rule import AnalyticsRule
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import BaseRule, Correlation
from sigmagen.rules.placeholders import load_allow_lists

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
    converter: Converter, detections: Iterable[Detection], rules: Mapping[str, AnalyticsRule], facts: Facts
) -> Watched:
    """The variant of each rule (by detection id) that excludes a list's values; the others stay as they are."""
    lists, _ = load_allow_lists(converter.mappings)
    names = sorted(lists)
    used: dict[str, None] = {}
    variants = []
    detections = list(detections)
    marked = _marked(detections, names)
    for detection in detections:
        rule = marked.get((detection.rule.file, detection.rule.line))
        if rule is None:
            continue
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


def _marked(detections: Iterable[Detection], names: list[str]) -> dict[tuple[str, int], Correlation]:
    """The detections' rules with two markers in place of every list's values, by file and line."""
    files = {Path(file) for detection in detections for file in _files(detection.rule)}
    with tempfile.TemporaryDirectory() as folder:
        lists = {name: [f"{_OPEN}{number}{_CLOSE}{end}" for end in "ab"] for number, name in enumerate(names)}
        Path(folder, "allow-lists.yml").write_text(json.dumps(lists), encoding="utf-8")
        loaded = load_rules(sorted(files), rules_folder=Path(folder), mappings_folder=Path(folder))
    return {
        (rule.file, rule.line): rule
        for file in loaded.files
        for rule in file.documents
        if isinstance(rule, Correlation)
    }


def _files(rule: BaseRule | Correlation) -> list[str]:
    below = rule.rules if isinstance(rule, Correlation) else ()
    return [rule.file, *(file for part in below for file in _files(part))]
