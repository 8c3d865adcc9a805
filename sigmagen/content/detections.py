"""What a package for one SIEM holds: each rule over each source that can feed it there, as an alert and as a hunt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID, uuid5

from sigmagen.convert.converter import Converter, Query
from sigmagen.mapping.source import Source
from sigmagen.overlay import Overlay
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.model import Correlation, RuleFile

NAMESPACE = UUID("3c0a3c5e-6f0b-5d0e-9d55-5b1f3c0b7a11")
"""Of the ids that packages derive: a rule keeps its id from one package to the next."""

PREFIX = "sigmagen"

NOBODY = "(nobody)"
"""What stands for the values of a list that has none, where a SIEM wants one: nothing is called so."""


@dataclass(frozen=True)
class SourceDetection:
    """One rule over one source in one SIEM."""

    file: RuleFile
    rule: Correlation
    source: Source
    alert: Query
    hunt: Query
    enabled: bool = False
    """Whether the tenant wants it turned on; a package turns on nothing by itself."""

    @property
    def name(self) -> str:
        """A name for files, stanzas and resources: `call_count.litellm`."""
        return f"{self.rule.name}.{self.source.name}"

    @property
    def title(self) -> str:
        """What people read: the rule's title, and of which log."""
        return f"{self.rule.title} ({self.source.title})"

    @cached_property
    def id(self) -> str:
        """The same in every package of this rule and source, whatever its title, threshold or version."""
        return str(uuid5(NAMESPACE, f"{self.rule.id or self.rule.name}/{self.source.name}/{self.alert.target}"))


@dataclass(frozen=True)
class PackageContent:
    """All detections of a package, in a stable order, and why a rule is not there for a source."""

    siem: str
    detections: tuple[SourceDetection, ...]
    left_out: tuple[Problem, ...] = field(default=())

    @property
    def sources(self) -> list[Source]:
        """The sources that the detections read, each once, by name."""
        found = {part.name: part for item in self.detections for part in item.source.parts}
        return [found[name] for name in sorted(found)]


def collect_content(
    converter: Converter,
    files: Iterable[RuleFile],
    siem: str,
    sources: Sequence[str] | None = None,
    overlay: Overlay | None = None,
) -> PackageContent:
    """The content for a SIEM; with `sources`, only over those. `overlay` says which detections are turned on."""
    detections: list[SourceDetection] = []
    left_out: list[Problem] = []
    for file in files:
        for rule in file.subjects:
            if not isinstance(rule, Correlation):
                continue
            for source in converter.feeding(rule):
                if sources is not None and source.name not in sources:
                    continue
                try:
                    alert, hunt = (converter.convert(rule, source, siem, mode) for mode in ("alert", "hunt"))
                except SigmagenError as error:
                    left_out += error.problems
                    continue
                enabled = overlay is not None and overlay.of(rule).get("enabled") is True
                detections.append(SourceDetection(file, rule, source, alert, hunt, enabled))
    return PackageContent(siem, tuple(sorted(detections, key=lambda item: item.name)), tuple(left_out))
