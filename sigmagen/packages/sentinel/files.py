"""A package's files: YAML for people and the community's repository, ARM templates for deployment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sigmagen.packages.sentinel import arm, workbook
from sigmagen.packages.sentinel.community import function_document, hunt_document, rule_document, to_yaml
from sigmagen.packages.sentinel.formatting import file_name
from sigmagen.packages.sentinel.package import Package
from sigmagen.packages.sentinel.readme import readme


def write_package(package: Package, folder: Path, overlaid: Mapping[str, Any]) -> None:
    """Write all files below a folder."""
    for part in package.parts:
        for rule in part.rules:
            _yaml(folder / "yaml" / "analytic-rules" / f"{file_name(rule.name)}.yaml", rule_document(rule))
        for hunt in part.hunts:
            _yaml(folder / "yaml" / "hunting-queries" / f"{file_name(hunt.name)}.yaml", hunt_document(hunt))
        for function in part.functions:
            _yaml(folder / "yaml" / "parsers" / f"{file_name(function.name)}.yaml", function_document(function))
        for query in part.readiness:
            _text(folder / "readiness" / f"{file_name(query.name)}.kql", f"// {query.title}\n{query.query}\n")
    _watchlists(package, folder)
    document = workbook.workbook_text(package.workbook)
    _text(folder / "workbook" / "model-extraction.json", document)
    for path, resources in package.templates().items():
        _text(folder / path, arm.template(resources, package.version))
    _text(folder / "README.md", readme(package))
    _text(folder / "package.json", _manifest(package, overlaid))


def _watchlists(package: Package, folder: Path) -> None:
    """The lists, and apart from them the variants of the rules, which need the lists to be there."""
    if not package.watched.lists:
        return
    for item in package.watched.lists:
        _text(folder / "watchlists" / f"{file_name(item.alias)}.csv", item.csv)
    for part in package.parts:
        for rule in package.watched.rules:
            if rule.source == part.source.name:
                _yaml(folder / "yaml" / "with-watchlists" / f"{file_name(rule.name)}.yaml", rule_document(rule))


def _manifest(package: Package, overlaid: Mapping[str, Any]) -> str:
    """What is in the package and why the rest isn't, for machines."""
    document = {
        "version": package.version,
        "siem": "sentinel",
        "overlay": dict(overlaid),
        "rules": [
            {"id": rule.id, "name": rule.name, "source": rule.source, "title": rule.title}
            for part in package.parts
            for rule in part.rules
        ],
        "notes": list(package.watched.notes),
        "watchlists": [item.alias for item in package.watched.lists],
        "left_out": [problem.message for problem in (*package.left_out, *package.refused)],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _yaml(path: Path, document: dict[str, Any]) -> None:
    _text(path, to_yaml(document))


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
