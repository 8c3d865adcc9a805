"""What an alert carries besides its name: entities and custom details from the columns of the result.

Only columns can be mapped, so what is the same for every alert of a rule, its ATLAS techniques, becomes a column by one
line after the query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.formatting import cut_bytes
from sigmagen.rules.model import Correlation

ATLAS_COLUMN = "atlas"
_RESULT = {"Value": "value", "WindowStart": "window_start", "WindowEnd": "window_end", "Groups": "groups"}


@dataclass(frozen=True)
class Enrichment:
    """Entities as (type, identifier, column), custom details as key -> column, and what incidents are grouped by."""

    entities: tuple[tuple[str, str, str], ...]
    details: Mapping[str, str]
    group_entities: tuple[str, ...]
    group_details: tuple[str, ...]
    group_columns: tuple[str, ...]
    atlas: tuple[str, ...] = ()

    @classmethod
    def of(cls, rule: Correlation, columns: Mapping[str, str], facts: Facts, *, alert: bool = True) -> Enrichment:
        """The enrichment of a result whose group-by columns are `columns` (column -> field)."""
        entities: list[tuple[str, str, str]] = []
        keys: dict[str, str] = {}
        detailed = []
        for column, name in columns.items():
            key = detail_key(name, facts.limits["custom_detail_key"], taken=[*keys, *_RESULT, "Atlas"])
            keys[key] = column
            entity = _entity(rule, name, facts)
            if entity is not None and len(entities) < facts.limits["entity_mappings"]:
                entities.append((*entity, column))
            else:
                detailed.append(key)
        atlas = rule.frameworks.get("atlas", ())
        details = keys | _RESULT | ({"Atlas": ATLAS_COLUMN} if atlas else {})
        types = tuple(dict.fromkeys(kind for kind, _, _ in entities))
        return cls(tuple(entities), details if alert else {}, types, tuple(detailed), tuple(columns), atlas)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the result that may be mapped or named."""
        return tuple(dict.fromkeys((*self.group_columns, *self.details.values())))

    def complete(self, text: str) -> str:
        """The query text, with the ATLAS techniques as a column."""
        if not self.atlas:
            return text
        ids = ", ".join(re.sub(r"[^A-Za-z0-9.:_-]", "_", name) for name in self.atlas)
        return f'{text}\n| extend {ATLAS_COLUMN} = "{ids}"'

    def headline(self, title: str, facts: Facts) -> str:
        """The alert's name: the rule's, and who it is about."""
        named = self.group_columns[: facts.limits["placeholders"]]
        about = ", ".join(f"{{{{{column}}}}}" for column in named)
        if not about:
            return cut_bytes(title, facts.limits["alert_name_bytes"])
        return f"{cut_bytes(title, facts.limits['alert_name_bytes'] - len(about) - 2)}: {about}"

    def summary(self, description: str, facts: Facts) -> str:
        """The alert's description: how much and when, then what the rule looks for."""
        seen = "Value {{value}}, in windows from {{window_start}} to {{window_end}} (UTC). "
        return seen + cut_bytes(description, facts.limits["alert_description_bytes"] - len(seen))


def _entity(rule: Correlation, name: str, facts: Facts) -> tuple[str, str] | None:
    """(type, identifier) of a group-by field; of an alias, if it stands for the same kind of thing everywhere."""
    fields = {called[name] for called in rule.aliases if name in called} or {name}
    found = [facts.entities.get(field) for field in fields]
    kinds = {(entity["type"], entity["identifier"]) if entity else None for entity in found}
    return kinds.pop() if len(kinds) == 1 else None


def detail_key(field: str, longest: int, taken: Sequence[str]) -> str:
    """A custom detail's key for a field: its last words that fit, in Pascal case.

    >>> detail_key("gen_ai.prompt.head.hash", 20, []), detail_key("userIdentity.accessKeyId", 20, [])
    ('PromptHeadHash', 'AccessKeyId')
    """
    words = [word for word in re.split(r"[^A-Za-z0-9]+", field.removeprefix("gen_ai.")) if word]
    words = [word[0].upper() + word[1:] for word in words] or ["Field"]
    while len(words) > 1 and len("".join(words)) > longest:
        words.pop(0)
    key = "".join(words)[:longest]
    if not key[0].isalpha():
        key = f"F{key}"[:longest]
    number = 2
    unique = key
    while unique in taken:
        unique = f"{key[: longest - len(str(number))]}{number}"
        number += 1
    return unique
