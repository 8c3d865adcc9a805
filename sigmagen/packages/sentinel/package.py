"""All parts of a package for Sentinel, before a file is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sigmagen import __version__
from sigmagen.content.detections import PackageContent
from sigmagen.convert.converter import Converter
from sigmagen.mapping.source import Source
from sigmagen.packages.sentinel import arm
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.formatting import file_name
from sigmagen.packages.sentinel.function import Function, parser_function
from sigmagen.packages.sentinel.hunt import HuntingQuery, hunting_query
from sigmagen.packages.sentinel.investigation import investigations, pointer
from sigmagen.packages.sentinel.lint import lint
from sigmagen.packages.sentinel.lint_templates import lint_templates
from sigmagen.packages.sentinel.readiness import CATEGORY, ReadinessQuery, readiness
from sigmagen.packages.sentinel.rule import AnalyticsRule, analytics_rule
from sigmagen.packages.sentinel.silence import silence_rules
from sigmagen.packages.sentinel.watchlist import Watched, Watchlist, watched
from sigmagen.packages.sentinel.workbook import ID as WORKBOOK_ID
from sigmagen.packages.sentinel.workbook import TITLE as WORKBOOK_TITLE
from sigmagen.packages.sentinel.workbook import workbook
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.placeholders import merge_tenant_lists

WATCHLIST_TITLE = "sigmagen: {name}"
WATCHLIST_WORDS = "Values that detections of model extraction leave out. One exact value a line, no wildcards."


@dataclass(frozen=True)
class SourceResources:
    """What belongs to one log source, or to rules across several; deployed where that log is."""

    source: Source
    rules: tuple[AnalyticsRule, ...]
    hunts: tuple[HuntingQuery, ...]
    functions: tuple[Function, ...]
    readiness: tuple[ReadinessQuery, ...]
    pivots: tuple[Function, ...] = ()

    def resources(self) -> list[tuple[str, str, arm.Resource]]:
        """(kind, name, resource) of everything, what others may call first."""
        return [
            *(("parsers", item.name, arm.function_resource(item)) for item in self.functions),
            *(("readiness", item.name, _readiness_resource(item)) for item in self.readiness),
            *(("investigation", item.name, arm.function_resource(item)) for item in self.pivots),
            *(("hunting-queries", item.name, arm.hunt_resource(item)) for item in self.hunts),
            *(("analytics-rules", item.name, arm.rule_resource(item)) for item in self.rules),
        ]


@dataclass(frozen=True)
class Package:
    """A package: its parts by source, and what they share."""

    version: str
    parts: tuple[SourceResources, ...]
    watched: Watched
    workbook: dict[str, Any]
    left_out: tuple[Problem, ...]
    refused: tuple[Problem, ...] = ()
    """Why a detection is not in the package: a limit of Sentinel that it breaks."""

    @classmethod
    def of(
        cls,
        content: PackageContent,
        converter: Converter,
        overlaid: Mapping[str, Any] | None = None,
        version: str = __version__,
    ) -> Package:
        """The package of the content. Raises SigmagenError where nothing of it keeps to Sentinel's limits."""
        facts, overlaid = Facts.load(converter.mappings), overlaid or {}
        pivots = investigations(converter, content.detections, version)
        content, rules, hunts, refused = _within_limits(content, facts, version, pivots)
        asked = [function for item in content.detections for function in pivots[item.id]]
        lists = merge_tenant_lists(converter.mappings, overlaid.get("allow_lists", {}))
        filters = overlaid.get("filters")
        filters = filters if isinstance(filters, Mapping) else {}
        variants = watched(converter, content.detections, rules, lists, filters, facts)
        if overlaid.get("packages", {}).get("sentinel", {}).get("watchlists"):
            rules |= {rule.id: rule for rule in variants.rules}
            variants = replace(variants, rules=())
        everything = [*rules.values(), *silence_rules(converter, content.detections, facts, version)]
        found = [parser_function(converter, source, version) for source in content.sources]
        functions = [function for function in found if function is not None]
        ready = readiness(converter, content.detections)
        parts = tuple(
            SourceResources(
                source,
                tuple(item for item in everything if item.source == source.name),
                tuple(item for item in hunts if item.source == source.name),
                tuple(item for item in functions if item.source == source.name),
                tuple(item for item in ready if item.source == source.name),
                tuple(item for item in asked if item.source == source.name),
            )
            for source in _sources(content)
        )
        document = workbook(everything, functions, [query for query in ready if query.whole])
        package = cls(version, parts, variants, document, content.left_out, refused)
        problems = lint([*everything, *variants.rules], hunts, facts, asked)
        problems += lint_templates(package.templates(), facts)
        if problems:
            raise SigmagenError(list(dict.fromkeys(problems)))
        return package

    def templates(self) -> dict[str, list[arm.Resource]]:
        """The resources of every ARM template that is written, by its path in the package."""
        found: dict[str, list[arm.Resource]] = {}
        for part in self.parts:
            source, resources = file_name(part.source.name), part.resources()
            found[f"arm/{source}.json"] = [resource for _, _, resource in resources]
            for kind, name, resource in resources:
                found[f"repositories/{source}/{kind}/{file_name(name)}.json"] = [resource]
            rules = [rule for rule in self.watched.rules if rule.source == part.source.name]
            if self.watched.lists and rules:
                found[f"arm/with-watchlists/{source}.json"] = [arm.rule_resource(rule) for rule in rules]
        if self.watched.lists:
            found["arm/watchlists.json"] = [_watchlist_resource(item) for item in self.watched.lists]
        document = arm.workbook_resource(WORKBOOK_ID, WORKBOOK_TITLE, self.workbook)
        found["arm/workbook.json"] = found["repositories/workbooks/model-extraction.json"] = [document]
        return found


def _within_limits(
    content: PackageContent, facts: Facts, version: str, pivots: Mapping[str, Sequence[Function]]
) -> tuple[PackageContent, dict[str, AnalyticsRule], list[HuntingQuery], tuple[Problem, ...]]:
    """The detections that keep to the limits, with rules and hunts, and one problem for each of the others."""
    rules, hunts, kept, refused = {}, [], [], []
    for detection in content.detections:
        rule = analytics_rule(detection, facts, version, pointer(pivots[detection.id]))
        hunt = hunting_query(detection, rule, facts)
        if findings := lint([rule], [hunt], facts):
            message = "; ".join(problem.message for problem in findings)
            refused.append(replace(findings[0], message=f"{message}: left out of the package"))
            continue
        kept.append(detection)
        hunts.append(hunt)
        rules[detection.id] = rule
    if not kept:
        raise SigmagenError(refused or Problem("empty-package", "no detection can be packaged"))
    return replace(content, detections=tuple(kept)), rules, hunts, tuple(refused)


def _sources(content: PackageContent) -> list[Source]:
    """The sources that detections read, joined ones besides their parts, by name."""
    found = {source.name: source for source in content.sources}
    found |= {item.source.name: item.source for item in content.detections}
    return [found[name] for name in sorted(found)]


def _readiness_resource(query: ReadinessQuery) -> arm.Resource:
    return arm.search_resource(query.id, CATEGORY, query.title, query.query, {})


def _watchlist_resource(item: Watchlist) -> arm.Resource:
    title = WATCHLIST_TITLE.format(name=item.name)
    return arm.watchlist_resource(item.alias, title, WATCHLIST_WORDS, item.column, item.csv)
