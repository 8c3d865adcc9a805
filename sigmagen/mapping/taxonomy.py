"""The canonical fields: `mappings/taxonomy.yml`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sigmagen.expr.tree import Type
from sigmagen.mapping.checks import check_taxonomy
from sigmagen.mapping.documents import load_checked
from sigmagen.problems import SigmagenError


@dataclass(frozen=True, slots=True)
class Field:
    """A canonical field. `derive` is an expression over other canonical fields. With a `unit`, it is never negative.

    The caller chooses the text of a `free` field, which may have any length.
    """

    name: str
    type: Type
    categories: tuple[str, ...]
    meaning: str
    lower: bool = False
    private: bool = False
    derive: Any = None
    unit: str | None = None
    free: bool = False

    @property
    def length(self) -> int:
        """A rank of the length of its values: 0 bounded, 1 a name, 2 text chosen by the caller, 3 a prompt."""
        if self.private:
            return 3
        return 2 if self.free else int(self.type in ("string", "text", "json"))


@dataclass(frozen=True)
class Taxonomy:
    """All canonical fields by name."""

    fields: dict[str, Field]

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def __getitem__(self, name: str) -> Field:
        return self.fields[name]


@lru_cache(maxsize=4)
def load_taxonomy(mappings: Path) -> Taxonomy:
    """Load the taxonomy of a mappings folder. Raises SigmagenError with all its problems."""
    data = load_checked(mappings / "taxonomy.yml", "taxonomy", mappings, check_taxonomy)
    return Taxonomy(
        {
            name: Field(
                name=name,
                type=entry["type"],
                categories=tuple(entry["category"]),
                meaning=entry["meaning"],
                lower=entry.get("case") == "lower",
                private=bool(entry.get("private")),
                derive=entry.get("derive"),
                unit=entry.get("unit"),
                free=bool(entry.get("free")),
            )
            for name, entry in data["fields"].items()
        }
    )


def known_fields(mappings: Path) -> Collection[str] | None:
    """Return the names of the canonical fields; None if the taxonomy is invalid, which is reported separately."""
    try:
        return load_taxonomy(mappings).fields
    except SigmagenError:
        return None
