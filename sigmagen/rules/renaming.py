"""Renames the fields of a correlation as a processing pipeline renamed those of its rules."""

from __future__ import annotations

from dataclasses import replace

from sigmagen.rules.model import BaseRule, Correlation, base_rules
from sigmagen.rules.processing import ProcessingError


def rename_fields(rule: Correlation) -> Correlation:
    """Return the correlation over its processed rules. A field with different names in the rules becomes an alias.

    Raises ProcessingError if a field has several names in one rule, or if the pipeline puts rules of the same log
    source into different places.
    """
    if not any(base.processed for base in base_rules(rule)):
        return rule
    _require_one_place(rule)
    aliases: list[dict[str, str]] = [{} for _ in rule.rules]
    names = {name: _rename(rule, name, aliases) for name in (*rule.group_by, *_counted(rule), *rule.fields)}
    threshold = rule.threshold and replace(rule.threshold, fields=tuple(names[name] for name in rule.threshold.fields))
    return replace(
        rule,
        group_by=tuple(names[name] for name in rule.group_by),
        fields=tuple(names[name] for name in rule.fields),
        threshold=threshold,
        aliases=tuple(aliases) if any(aliases) else (),
    )


def _counted(rule: Correlation) -> tuple[str, ...]:
    return rule.threshold.fields if rule.threshold else ()


def _rename(rule: Correlation, name: str, aliases: list[dict[str, str]]) -> str:
    """Return the new name of a field, and add the rules with another name to `aliases`."""
    written = [rule.field_in(position, name) for position in range(len(rule.rules))]
    found = [_name_in(part, field) for part, field in zip(rule.rules, written, strict=True)]
    is_alias = any(field != name for field in written)
    new = name if is_alias or len(set(found)) > 1 else found[0]
    for position, field in enumerate(found):
        if field != new:
            aliases[position][new] = field
    return new


def _name_in(part: BaseRule | Correlation, name: str) -> str:
    """Return the name of a field in a processed rule."""
    if isinstance(part, Correlation):
        written = part.raw["correlation"].get("group-by", ())
        old: list[str] = [written] if isinstance(written, str) else list(written)
        renamed: dict[str, str] = dict(zip(old, part.group_by, strict=True))
        return renamed.get(name, name)
    names = part.processed.rename(name) if part.processed else (name,)
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise ProcessingError(f"a correlation needs one name for '{name}', but {part.title} has: {found}")
    return names[0]


def _require_one_place(rule: Correlation) -> None:
    """Raise ProcessingError if rules of the same log source have different locations: a query reads it once."""
    places: dict[object, dict[str, str]] = {}
    for base in base_rules(rule):
        found = dict(base.processed.locations) if base.processed else {}
        known = places.setdefault(base.logsource, found)
        if known != found:
            tables = " and ".join(sorted({*known.values(), *found.values()}))
            raise ProcessingError(f"the pipeline puts rules of one log source ({base.logsource}) into {tables}")
