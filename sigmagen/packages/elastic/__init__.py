"""What Kibana and Elasticsearch import: detection rules, Discover sessions, dashboards, templates.

The same content gives the same bytes: nothing is taken from a clock, and ids are derived from the rules' own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sigmagen
from sigmagen.content.detections import PackageContent
from sigmagen.content.investigate.pivots import load_playbook
from sigmagen.convert.converter import Converter
from sigmagen.mapping.source import load_sources
from sigmagen.packages.elastic.formatting import plain
from sigmagen.packages.elastic.investigation import pivots_of
from sigmagen.packages.elastic.readme import readme
from sigmagen.packages.elastic.rules import detection_rule, silent_rule
from sigmagen.packages.elastic.saved_objects import saved_objects
from sigmagen.packages.elastic.target import ElasticTarget
from sigmagen.packages.elastic.templates import component_templates, index_templates, with_sharing
from sigmagen.packages.elastic.threat import Frameworks
from sigmagen.problems import Problem, SigmagenError

RULES = "rules.ndjson"
SAVED_OBJECTS = "saved_objects.ndjson"
COMPONENT_TEMPLATES = "templates/component"
INDEX_TEMPLATES = "templates/index"
MANIFEST = "manifest.json"

TARGET = "elastic"
KEEPS_LISTS_APART = False


def write(content: PackageContent, folder: Path, converter: Converter, overlaid: Mapping[str, Any]) -> list[Problem]:
    """Write the package into an empty folder. `overlaid` is what a tenant changed, recorded in the manifest.

    Returns why a detection could not become a rule. Raises SigmagenError where a rule would not be importable.
    """
    usual = load_sources(converter.mappings)
    target, frameworks = ElasticTarget.load(converter.mappings), Frameworks.load(converter.mappings)
    book = load_playbook(converter.mappings)
    pivots = {detection.id: pivots_of(converter, detection) for detection in content.detections}
    rules: list[dict[str, Any]] = []
    refused: list[Problem] = []
    for detection in content.detections:
        try:
            asked = bool(pivots[detection.id])
            rules.append(detection_rule(detection, converter.taxonomy, target, frameworks, book, dashboard=asked))
        except SigmagenError as error:
            if any(problem.code != "not-schedulable" for problem in error.problems):
                raise
            refused += error.problems
    left_out = [*content.left_out, *refused]
    rules += [silent_rule(source, converter.taxonomy) for source in content.sources]
    _lines(folder / RULES, rules)
    _lines(folder / SAVED_OBJECTS, saved_objects(content, converter, pivots, book))
    every = converter.sources.values()
    sources = with_sharing(content.sources, every)
    for source in sources:
        for name, body in component_templates(source, converter.taxonomy, target, every):
            _document(folder / COMPONENT_TEMPLATES / f"{name}.json", body)
    # A tenant's own index has its own template: ours would make a data stream of the next one.
    unmoved = [
        source
        for source in sources
        if source.stored["elastic"].location == usual[source.name].stored["elastic"].location
    ]
    for name, body in index_templates(unmoved, target):
        _document(folder / INDEX_TEMPLATES / f"{name}.json", body)
    _document(folder / MANIFEST, _manifest(content, rules, left_out, overlaid))
    (folder / "README.md").write_text(
        readme(content, rules, left_out, converter.taxonomy, target, sum(map(bool, pivots.values()))),
        encoding="utf-8",
        newline="\n",
    )
    return refused


def _manifest(
    content: PackageContent, rules: list[dict[str, Any]], left_out: list[Problem], overlaid: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "package": "elastic",
        "version": sigmagen.__version__,
        "overlay": dict(overlaid),
        "rules": [{"rule_id": rule["rule_id"], "name": rule["name"]} for rule in rules],
        "detections": [
            {"name": item.name, "id": item.id, "rule": item.rule.name, "source": item.source.name}
            for item in content.detections
        ],
        "left_out": [{"code": problem.code, "message": plain(problem.message)} for problem in left_out],
    }


def _lines(file: Path, documents: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n" for document in documents)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


def _document(file: Path, document: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8", newline="\n")
