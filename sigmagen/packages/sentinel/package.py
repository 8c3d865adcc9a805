"""All parts of a package for Sentinel, before a file is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sigmagen import __version__
from sigmagen.convert import Converter
from sigmagen.mapping.source import Source
from sigmagen.packages.content import Content
from sigmagen.packages.sentinel import arm
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.function import Function, parser_function
from sigmagen.packages.sentinel.hunt import HuntingQuery, hunting_query
from sigmagen.packages.sentinel.lint import lint
from sigmagen.packages.sentinel.readiness import CATEGORY, ReadinessQuery, readiness
from sigmagen.packages.sentinel.rule import AnalyticsRule, analytics_rule
from sigmagen.packages.sentinel.silence import silence_rules
from sigmagen.packages.sentinel.watchlist import Watched, watched
from sigmagen.packages.sentinel.workbook import workbook
from sigmagen.problems import Problem, SigmagenError


@dataclass(frozen=True)
class Part:
    """What belongs to one log source, or to rules across several; deployed where that log is."""

    source: Source
    rules: tuple[AnalyticsRule, ...]
    hunts: tuple[HuntingQuery, ...]
    functions: tuple[Function, ...]
    readiness: tuple[ReadinessQuery, ...]

    def resources(self) -> list[tuple[str, str, arm.Resource]]:
        """(kind, name, resource) of everything, what others may call first."""
        return [
            *(("parsers", item.name, arm.function_resource(item)) for item in self.functions),
            *(("readiness", item.name, _readiness_resource(item)) for item in self.readiness),
            *(("hunting-queries", item.name, arm.hunt_resource(item)) for item in self.hunts),
            *(("analytics-rules", item.name, arm.rule_resource(item)) for item in self.rules),
        ]


@dataclass(frozen=True)
class Package:
    """A package: its parts by source, and what they share."""

    version: str
    parts: tuple[Part, ...]
    watched: Watched
    workbook: dict[str, Any]
    left_out: tuple[Problem, ...]

    @classmethod
    def of(cls, content: Content, converter: Converter, version: str = __version__) -> Package:
        """The package of the content. Raises SigmagenError with every limit that it breaks."""
        facts = Facts.load(converter.mappings)
        rules = {item.id: analytics_rule(item, facts, version) for item in content.detections}
        everything = [*rules.values(), *silence_rules(converter, content.detections, facts, version)]
        hunts = [hunting_query(item, rules[item.id], facts) for item in content.detections]
        found = [parser_function(converter, source, version) for source in content.sources]
        functions = [function for function in found if function is not None]
        ready = readiness(converter, content.detections)
        variants = watched(converter, content.detections, rules, facts)
        parts = tuple(
            Part(
                source,
                tuple(item for item in everything if item.source == source.name),
                tuple(item for item in hunts if item.source == source.name),
                tuple(item for item in functions if item.source == source.name),
                tuple(item for item in ready if item.source == source.name),
            )
            for source in _sources(content)
        )
        problems = lint(everything, hunts, facts) + lint(variants.rules, [], facts) + lint_templates(parts, facts)
        if problems:
            raise SigmagenError(list(dict.fromkeys(problems)))
        document = workbook(everything, functions, [query for query in ready if query.whole])
        return cls(version, parts, variants, document, content.left_out)


def _sources(content: Content) -> list[Source]:
    """The sources that detections read, joined ones besides their parts, by name."""
    found = {source.name: source for source in content.sources}
    found |= {item.source.name: item.source for item in content.detections}
    return [found[name] for name in sorted(found)]


def lint_templates(parts: Sequence[Part], facts: Facts) -> list[Problem]:
    """Whether Azure takes each part as one template."""
    problems = []
    for part in parts:
        resources = [resource for _, _, resource in part.resources()]
        size = len(json.dumps(resources).encode())
        if len(resources) > facts.limits["template_resources"] or size > facts.limits["template_bytes"]:
            message = f"the template of {part.source.name} is too large: {len(resources)} resources, {size:,} bytes"
            problems.append(Problem("sentinel-limit", message, hint="package fewer rules at a time"))
    return problems


def _readiness_resource(query: ReadinessQuery) -> arm.Resource:
    return arm.search_resource(query.id, CATEGORY, query.title, query.query, {})
