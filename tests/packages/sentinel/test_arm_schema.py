"""The templates under Microsoft's ARM schemas, with no key that these don't know.

The schemas are no part of the project. SIGMAGEN_ARM_SCHEMAS names a folder with files that are called
<api version>.Microsoft.SecurityInsights.json, which https://github.com/Azure/azure-resource-manager-schemas has below
schemas/<api version>/.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.packages.sentinel.conftest import Documents

VARIABLE = "SIGMAGEN_ARM_SCHEMAS"
NEEDED = f"needs Microsoft's ARM schemas: {VARIABLE} names a folder with <api>.Microsoft.SecurityInsights.json files"
VERSIONS = ("2025-09-01", "2025-07-01-preview")
COMMON = "https://schema.management.azure.com/schemas/common/definitions.json"
EXPRESSION = {"definitions": {"expression": {"type": "string", "pattern": r"^\[(.*)\]$"}}}
DEFINITIONS = {"alertRules": "ScheduledAlertRule", "watchlists": "WatchlistProperties"}


@pytest.fixture(params=VERSIONS)
def schema(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Microsoft's schema of one API version."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(NEEDED)
    found: dict[str, Any] = json.loads(
        Path(folder, f"{request.param}.Microsoft.SecurityInsights.json").read_text("utf-8")
    )
    return found


def validator(schema: dict[str, Any], definition: str) -> Draft4Validator:
    whole = {"$ref": f"#/definitions/{definition}", "definitions": schema["definitions"]}
    registry: Registry[Any] = Registry().with_resource(COMMON, Resource.from_contents(EXPRESSION, DRAFT4))
    return Draft4Validator(whole, registry=registry)


def insights(templates: Documents) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(where, definition, what is defined) of every resource of Sentinel."""
    for path, template in templates.items():
        for resource in template["resources"]:
            kind = resource["type"].rpartition("/")[2]
            if kind in DEFINITIONS:
                yield path, DEFINITIONS[kind], resource if kind == "alertRules" else resource["properties"]


def unknown(schema: dict[str, Any], part: dict[str, Any], value: Any, where: str) -> list[str]:
    """Keys that the schema doesn't list. It allows any, so that its validator finds none."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return unknown(schema, schema["definitions"].get(name, {}), value, where)
    if "oneOf" in part:
        return unknown(schema, part["oneOf"][0], value, where)
    if isinstance(value, list):
        return [found for item in value for found in unknown(schema, part.get("items", {}), item, where)]
    if not isinstance(value, dict) or "additionalProperties" in part:
        return []
    known = part.get("properties", {})
    extra = [f"{where}.{key}" for key in value if key not in known]
    below = (unknown(schema, known[key], item, f"{where}.{key}") for key, item in value.items() if key in known)
    return extra + [found for keys in below for found in keys]


def test_every_rule_and_watchlist_is_valid_under_the_schema(schema: dict[str, Any], templates: Documents) -> None:
    problems, checked = [], 0
    for path, definition, value in insights(templates):
        checked += 1
        problems += [
            f"{path}: {error.json_path} {error.message}" for error in validator(schema, definition).iter_errors(value)
        ]
    assert not problems
    assert checked > 80


def test_no_key_is_unknown_to_the_schema(schema: dict[str, Any], templates: Documents) -> None:
    envelope = {"type", "apiVersion", "name"}
    problems = []
    for path, definition, value in insights(templates):
        own = {key: item for key, item in value.items() if key not in envelope or definition != "ScheduledAlertRule"}
        problems += unknown(schema, {"$ref": f"#/definitions/{definition}"}, own, path)
    assert not problems


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"severity": "Critical"}, "severity"),
        ({"enabled": "no"}, "enabled"),
        ({"triggerOperator": "gt"}, "triggerOperator"),
        ({"tactics": ["collection"]}, "tactics"),
        ({"suppressionEnabled": None}, "suppressionEnabled"),
    ],
)
def test_a_fault_would_be_found(
    schema: dict[str, Any], templates: Documents, change: dict[str, Any], found: str
) -> None:
    rule = next(value for _, definition, value in insights(templates) if definition == "ScheduledAlertRule")
    properties = {key: value for key, value in (rule["properties"] | change).items() if value is not None}
    broken = {"kind": "Scheduled", "properties": properties}
    errors = list(validator(schema, "ScheduledAlertRule").iter_errors(broken))
    assert any(found in f"{error.json_path} {error.message}" for error in errors)


def test_an_unknown_key_would_be_found(schema: dict[str, Any], templates: Documents) -> None:
    rule = next(value for _, definition, value in insights(templates) if definition == "ScheduledAlertRule")
    broken = {"kind": "Scheduled", "properties": rule["properties"] | {"relevantTechniques": []}}
    assert unknown(schema, {"$ref": "#/definitions/ScheduledAlertRule"}, broken, "rule") == [
        "rule.properties.relevantTechniques"
    ]
