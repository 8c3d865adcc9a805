"""What the package knows of Elastic besides a source's mapping: `mappings/targets/elastic.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sigmagen.mapping.documents import load_checked


@dataclass(frozen=True, slots=True)
class Integration:
    """Elastic's own integration for a source. `custom` is the component template that it leaves to its users.

    `mapped` are the fields that every supported version maps, `newer` those that only newer versions do, each with its
    possible types; `withdrawn` are the fields of `custom` that an earlier package put there and this one does not.
    """

    package: str
    integration: str
    version: str
    custom: str
    mapped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    newer: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    withdrawn: tuple[str, ...] = ()


@dataclass(frozen=True)
class ElasticTarget:
    """By source: its integrations, one for each product that writes it, and columns that only conditions for a lost
    prompt read."""

    integrations: Mapping[str, tuple[Integration, ...]] = field(default_factory=dict)
    lost_columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, mappings: Path) -> ElasticTarget:
        """The target of a mappings folder. Raises SigmagenError when the file can't be read."""
        data = load_checked(mappings / "targets" / "elastic.yml", "target", mappings)
        facts, withdrawn = _facts(mappings), data.get("withdrawn", {})
        integrations = {
            name: tuple(
                Integration(**entry, **_mapped(facts, entry), withdrawn=tuple(withdrawn.get(name, ())))
                for entry in (entries if isinstance(entries, list) else [entries])
            )
            for name, entries in data.get("integrations", {}).items()
        }
        return cls(integrations, data.get("lost_columns", {}))

    def integrations_of(self, source: str) -> tuple[Integration, ...]:
        """The integrations of a source, none where Elastic has none."""
        return self.integrations.get(source, ())


def _facts(mappings: Path) -> Mapping[str, Any]:
    """What the integrations map, by data stream; empty where a mappings folder does not say."""
    path = mappings / "targets" / "elastic_integrations.yml"
    return load_checked(path, "elastic-integrations", mappings) if path.exists() else {}


def _mapped(facts: Mapping[str, Any], entry: Mapping[str, str]) -> dict[str, Any]:
    """The fields of one integration with their possible types: of all its versions, and of newer ones."""
    known = facts.get(f"{entry['package']}.{entry['integration']}", {})
    types = {name: (kind,) if isinstance(kind, str) else tuple(kind) for name, kind in known.get("fields", {}).items()}
    newer = set(known.get("newer", ()))
    return {
        "mapped": {name: kinds for name, kinds in types.items() if name not in newer},
        "newer": {name: kinds for name, kinds in types.items() if name in newer},
    }
