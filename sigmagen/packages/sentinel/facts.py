"""What Sentinel and the checks of its community repository ask of content: mappings/targets/sentinel_package.yml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sigmagen.mapping.documents import load_checked, make_value_problem
from sigmagen.problems import Problem
from sigmagen.rules.yaml import Document, KeyPath


@dataclass(frozen=True, slots=True)
class PropertyLimit:
    """What a property of a resource may hold at most; `of` says what is counted, `source` who says so."""

    property: str
    of: str
    longest: int
    source: str


@dataclass(frozen=True)
class Facts:
    """Enumerations, limits and tables, as the file has them."""

    severities: Mapping[str, str]
    limits: Mapping[str, int]
    properties: Mapping[str, tuple[PropertyLimit, ...]]
    """Limits of properties, by the last part of the resource's type."""
    tactics: tuple[str, ...]
    techniques: Mapping[str, tuple[str, ...]]
    entities: Mapping[str, Mapping[str, str]]
    identifiers: Mapping[str, Mapping[str, Any]]
    connectors: Mapping[str, tuple[str, ...]]

    @classmethod
    def load(cls, mappings: Path) -> Facts:
        """The facts of a mappings folder. Raises SigmagenError with everything that is wrong with the file."""
        path = mappings / "targets" / "sentinel_package.yml"
        data = load_checked(path, "sentinel-package", mappings, _check)
        return cls(
            severities=data["severities"],
            limits={name: limit["value"] for name, limit in data["limits"].items()},
            properties={
                kind: tuple(
                    PropertyLimit(item["property"], item["of"], item["longest"], data["sources"][item["source"]])
                    for item in items
                )
                for kind, items in data["properties"].items()
            },
            tactics=tuple(data["tactics"]),
            techniques={name: tuple(tactics) for name, tactics in data["techniques"].items()},
            entities=data["entities"],
            identifiers=data["identifiers"],
            connectors={name: tuple(ids) for name, ids in data["connectors"].items()},
        )


def _check(document: Document) -> Iterator[Problem]:
    """Every limit says where it is from."""
    data = document.data
    cited: list[tuple[KeyPath, str]] = [(("limits", name), limit["source"]) for name, limit in data["limits"].items()]
    for kind, items in data["properties"].items():
        cited += [(("properties", kind, position), item["source"]) for position, item in enumerate(items)]
    for path, source in cited:
        if source not in data["sources"]:
            hint = f"available: {', '.join(data['sources'])}"
            yield make_value_problem(document, f"unknown source '{source}'", (*path, "source"), hint)
