"""What Sentinel and the checks of its community repository ask of content: mappings/targets/sentinel_package.yml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.yaml import load_data


@dataclass(frozen=True)
class Facts:
    """Enumerations, limits and tables, as the file has them."""

    severities: Mapping[str, str]
    limits: Mapping[str, int]
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
                limits=data["limits"],
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
