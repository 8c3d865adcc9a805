"""What Sentinel and the checks of its community repository ask of content: mappings/targets/sentinel_package.yml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.yaml import load_data


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
        """The facts of a mappings folder. Raises SigmagenError when the file can't be read or lacks a part."""
        path = mappings / "targets" / "sentinel_package.yml"
        data = load_data(path)
        try:
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
        except (KeyError, TypeError, AttributeError) as error:
            hint = "compare with the built-in mappings folder"
            problem = Problem("mapping-malformed", f"this file is malformed: {error!r}", file=str(path), hint=hint)
            raise SigmagenError(problem) from None
