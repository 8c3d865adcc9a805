"""What the packages know of Splunk besides a source's mapping: `mappings/targets/splunk.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sigmagen.mapping.documents import load_checked


@dataclass(frozen=True, slots=True)
class Entity:
    """What Enterprise Security makes of a field: its name there, and the types of its risk and threat objects."""

    cim: str | None = None
    risk_object: str | None = None
    threat_object: str | None = None


@dataclass(frozen=True)
class SplunkTarget:
    """The settings of props.conf that act where data is parsed, and the entities by field."""

    parse_time: frozenset[str]
    entities: Mapping[str, Entity]

    @classmethod
    def load(cls, mappings: Path) -> SplunkTarget:
        """The target of a mappings folder. Raises SigmagenError when the file can't be read."""
        data = load_checked(mappings / "targets" / "splunk.yml", "target", mappings)
        entities = {name: Entity(**entry) for name, entry in data.get("entities", {}).items()}
        return cls(frozenset(data.get("parse_time", ())), entities)
