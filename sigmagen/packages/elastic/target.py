"""What the package knows of Elastic besides a source's mapping: `mappings/targets/elastic.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sigmagen.rules.yaml import load_data


@dataclass(frozen=True, slots=True)
class Integration:
    """Elastic's own integration for a source. `custom` is the component template that it leaves to its users."""

    package: str
    integration: str
    version: str
    custom: str


@dataclass(frozen=True)
class ElasticTarget:
    """By source: its integration, the conditions under which a prompt was lost, and columns that only those read."""

    integrations: Mapping[str, Integration] = field(default_factory=dict)
    lost: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lost_columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, mappings: Path) -> ElasticTarget:
        """The target of a mappings folder. Raises SigmagenError when the file can't be read."""
        data = load_data(mappings / "targets" / "elastic.yml")
        integrations = {name: Integration(**entry) for name, entry in data.get("integrations", {}).items()}
        return cls(integrations, data.get("lost", {}), data.get("lost_columns", {}))
