"""The saved searches of a detection: alert, hunt and events, their texts and names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sigmagen.content.detections import PackageContent, SourceDetection
from sigmagen.convert.converter import Converter, Query
from sigmagen.mapping.source import Source
from sigmagen.packages.splunk.conf import name_part, prose, unwritable
from sigmagen.packages.splunk.macros import ListMacros, by_macro
from sigmagen.plan.model import Mode
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.model import LEVELS, BaseRule, Correlation, base_rules

TITLE = "Sigmagen"


GROUP_HASH = "group_hash"
"""The column of an alert that stands for its group."""


@dataclass(frozen=True)
class Packaged:
    """A detection with the names and texts of its saved searches."""

    detection: SourceDetection
    key: str
    alert: Query
    hunt: Query
    events: Query

    @property
    def rule(self) -> Correlation:
        """The rule."""
        return self.detection.rule

    @property
    def source(self) -> Source:
        """The source that it looks at."""
        return self.detection.source

    @property
    def title(self) -> str:
        """What people read."""
        return prose(self.detection.title)

    @property
    def level(self) -> str:
        """The rule's level; one that Sigma does not have counts as medium."""
        return self.rule.level if self.rule.level in LEVELS else "medium"

    @property
    def columns(self) -> list[str]:
        """The columns of the group-by fields."""
        return list(self.alert.columns)

    @property
    def group_hash(self) -> str | None:
        """The group's values as one hash: a drill-down can carry it whatever an attacker put into the values."""
        hashes = [f'md5({column}."")' for column in self.columns]
        return f"md5({'.'.join(hashes)})" if len(hashes) > 1 else next(iter(hashes), None)

    @property
    def alert_name(self) -> str:
        """The stanza of the alert; Enterprise Security expects names that end so."""
        return f"{TITLE} - {self.key} - Rule"

    @property
    def hunt_name(self) -> str:
        """The stanza of the hunt."""
        return f"{TITLE} - {self.key} - Hunt"

    @property
    def events_name(self) -> str:
        """The stanza of the events that the rule looks at."""
        return f"{TITLE} - {self.key} - Events"

    @property
    def readiness_name(self) -> str:
        """The stanza of the readiness search."""
        return f"{TITLE} - {self.key} - Readiness"


def packaged(content: PackageContent, converter: Converter, lists: ListMacros) -> tuple[list[Packaged], list[Problem]]:
    """Every detection that a .conf file can hold, and why another one is left out."""
    through_macros = by_macro(converter)
    found, left_out = [], []
    for detection, key in zip(content.detections, _keys(content.detections), strict=True):
        try:
            queries = [_query(through_macros, detection, mode, lists) for mode in _MODES]
        except SigmagenError as error:
            left_out += error.problems
            continue
        found.append(Packaged(detection, key, *queries))
    return found, left_out


_MODES: tuple[Mode, ...] = ("alert", "hunt", "events")


def _query(converter: Converter, detection: SourceDetection, mode: Mode, lists: ListMacros) -> Query:
    rule = detection.rule
    source = next(source for source in converter.feeding(rule) if source.name == detection.source.name)
    query = converter.convert(rule, source, "splunk", mode)
    text = lists.put(query.text, [base.detections for base in base_rules(rule)])
    if fault := unwritable(text):
        message = f"{rule.title}: its search can't be kept in savedsearches.conf: {fault}"
        raise SigmagenError(Problem("not-packageable", message, file=rule.file, line=rule.line))
    return replace(query, text=text)


def _keys(detections: Iterable[SourceDetection]) -> Iterator[str]:
    """`call_count.litellm` for each; a name that can't be kept as it is, or is there already, gets part of the id."""
    taken: set[str] = set()
    for detection in detections:
        key = name_part(detection.name)
        if key != detection.name or key in taken:
            key = f"{key}-{detection.id[:8]}"
        taken.add(key)
        yield key


def framework_ids(rule: BaseRule | Correlation, story: str) -> dict[str, list[str]]:
    """The frameworks' ids that a rule names; ATLAS and OWASP beside ATT&CK, which Enterprise Security knows."""
    tags = rule.raw.get("tags") or []
    attack = [
        tag.removeprefix("attack.").upper()
        for tag in tags
        if isinstance(tag, str) and tag.lower().startswith("attack.t")
    ]
    named = rule.frameworks if isinstance(rule, Correlation) else {}
    found = {
        "mitre_attack": attack,
        "mitre_atlas": list(named.get("atlas", ())),
        "owasp_llm": list(named.get("owasp_llm", ())),
        "analytic_story": [story],
    }
    return {name: [prose(text) for text in ids] for name, ids in found.items() if ids}
