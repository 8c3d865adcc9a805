"""Limits of Azure Resource Manager and of each resource's properties, over all templates before they are written.

Which property has which limit, and who says so, is in mappings/targets/sentinel_package.yml.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sigmagen.packages.sentinel.arm import Resource
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.problems import Problem

_STEP = re.compile(r"(?P<key>[^.\[\]{}]+)|(?P<items>\[\])|(?P<keys>\{\})")

MEASURES: Mapping[str, Callable[[Any], int]] = {
    "characters": len,
    "items": len,
    "bytes": lambda text: len(text.encode()),
    "line_characters": lambda text: max(map(len, text.splitlines()), default=0),
}
"""What a limit can count."""


def lint_templates(templates: Mapping[str, Sequence[Resource]], facts: Facts) -> list[Problem]:
    """Every limit that a template, one of its resources or a property breaks, each reported once."""
    problems = []
    for path, resources in templates.items():
        problems += _whole(path, resources, facts)
        for resource in resources:
            problems += lint_resource(resource, facts)
    return list(dict.fromkeys(problems))


def lint_resource(resource: Resource, facts: Facts) -> list[Problem]:
    """Every limit that a resource breaks. The problem names its type, its title and the property."""
    kind = resource["type"].rpartition("/")[2]
    title = resource["properties"].get("displayName", resource["name"])
    found = []
    size, longest = _size(resource), facts.limits["resource_bytes"]
    if size > longest:
        found.append(_broken(f"{kind} '{title}': the resource has {size:,} bytes; {longest:,} are allowed"))
    for limit in facts.properties.get(kind, ()):
        for value in values_at(resource, limit.property):
            number = MEASURES[limit.of](value)
            if number > limit.longest:
                what = limit.of.replace("_", " ")
                message = f"{limit.property} has {number:,} {what}; {limit.longest:,} are allowed"
                found.append(_broken(f"{kind} '{title}': {message}", f"see {limit.source}"))
    return found


def values_at(value: Any, path: str) -> list[Any]:
    """What stands at a path of keys; `[]` is every item (or value), `{}` every key. What is not there is left out.

    >>> values_at({"tags": [{"value": "a"}, {"value": "b"}]}, "tags[].value")
    ['a', 'b']
    """
    found = [value]
    for step in _STEP.finditer(path):
        found = [below for item in found for below in _below(item, step)]
    return found


def _below(value: Any, step: re.Match[str]) -> Iterator[Any]:
    if step["items"]:
        yield from value.values() if isinstance(value, Mapping) else value
    elif step["keys"]:
        yield from value
    elif step["key"] in value:
        yield value[step["key"]]


def _whole(path: str, resources: Sequence[Resource], facts: Facts) -> list[Problem]:
    """Whether Azure takes the resources as one template."""
    size, limits = _size(resources), facts.limits
    if len(resources) <= limits["template_resources"] and size <= limits["template_bytes"]:
        return []
    message = f"the template {path} is too large: {len(resources)} resources, {size:,} bytes"
    return [_broken(message, "package fewer rules at a time")]


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def _broken(message: str, hint: str | None = None) -> Problem:
    return Problem("sentinel-limit", message, hint=hint)
