"""Limits of Azure's properties: nothing that is written breaks one, and a text that would is named."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from sigmagen.packages.sentinel import arm
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.formatting import cut_bytes, opening
from sigmagen.packages.sentinel.lint_templates import MEASURES, lint_resource, lint_templates, values_at
from sigmagen.packages.sentinel.package import Package
from tests.packages.sentinel.conftest import Documents


def kind(resource: dict[str, Any]) -> str:
    return str(resource["type"]).rpartition("/")[2]


def resource_of(templates: Documents, wanted: str) -> dict[str, Any]:
    """A resource of a type that is written, to spoil."""
    return copy.deepcopy(
        next(item for document in templates.values() for item in document["resources"] if kind(item) == wanted)
    )


def test_every_type_of_resource_that_is_written_has_limits(templates: Documents, facts: Facts) -> None:
    written = {kind(resource) for document in templates.values() for resource in document["resources"]}
    assert written == set(facts.properties)


def test_nothing_that_is_written_breaks_a_limit(package: Package, templates: Documents, facts: Facts) -> None:
    assert lint_templates(package.templates(), facts) == []
    assert set(package.templates()) >= {path for path in templates if "with-watchlists" not in path}
    for document in templates.values():
        assert [problem for item in document["resources"] for problem in lint_resource(item, facts)] == []


def test_the_description_of_a_hunting_query_fits_its_tag_and_the_yaml_has_all_of_it(
    package: Package, templates: Documents, hunt_files: Documents
) -> None:
    tags = [
        value
        for document in templates.values()
        for resource in document["resources"]
        if kind(resource) == "savedSearches" and resource["properties"]["category"] == "Hunting Queries"
        for value in values_at(
            [tag for tag in resource["properties"]["tags"] if tag["name"] == "description"], "[].value"
        )
    ]
    hunts = [hunt for part in package.parts for hunt in part.hunts]
    assert len(tags) == 2 * len(hunts) > 60
    assert 40 < min(map(len, tags)) <= max(map(len, tags)) <= 255
    for hunt in hunts:
        document = hunt_files[hunt.name]
        assert len(document["description"]) <= 255
        assert document["description-detailed"].startswith(document["description"].rstrip("\u2026"))


def spoiled(templates: Documents, wanted: str, path: str, value: Any) -> dict[str, Any]:
    resource = resource_of(templates, wanted)
    *parents, last = path.split(".")
    node = resource
    for parent in parents:
        node = node[parent]
    node[last] = value
    return resource


@pytest.mark.parametrize(
    ("wanted", "path", "value", "said"),
    [
        ("alertRules", "properties.displayName", "x" * 257, "has 257 characters; 256 are allowed"),
        ("alertRules", "properties.description", "x" * 5001, "has 5,001 characters; 5,000 are allowed"),
        ("alertRules", "properties.query", "x" * 10_001, "has 10,001 characters; 10,000 are allowed"),
        ("alertRules", "properties.templateVersion", "1" * 21, "has 21 characters; 20 are allowed"),
        ("alertRules", "properties.entityMappings", [{}] * 11, "has 11 items; 10 are allowed"),
        ("alertRules", "properties.entityMappings", [{"fieldMappings": [{}] * 4}], "has 4 items; 3 are allowed"),
        ("alertRules", "properties.customDetails", {str(n): "" for n in range(21)}, "has 21 items; 20 are allowed"),
        ("alertRules", "properties.customDetails", {"x" * 21: ""}, "has 21 characters; 20 are allowed"),
        (
            "alertRules",
            "properties.alertDetailsOverride.alertDisplayNameFormat",
            "\u00e4" * 129,
            "has 258 bytes; 256 are allowed",
        ),
        (
            "alertRules",
            "properties.alertDetailsOverride.alertDescriptionFormat",
            "\u00e4" * 2501,
            "has 5,002 bytes; 5,000 are allowed",
        ),
        ("savedSearches", "properties.tags", [{"value": ""}] * 16, "has 16 items; 15 are allowed"),
        ("savedSearches", "properties.tags", [{"value": "x" * 256}], "has 256 characters; 255 are allowed"),
        ("savedSearches", "properties.query", "x" * 1_000_000, "bytes; 1,000,000 are allowed"),
        ("watchlists", "properties.rawContent", "x" * 10_241, "has 10,241 line characters; 10,240 are allowed"),
        ("watchlists", "properties.rawContent", "x\n" * 1_900_001, "has 3,800,002 bytes; 3,800,000 are allowed"),
        ("workbooks", "tags", {"x" * 513: ""}, "has 513 characters; 512 are allowed"),
        ("workbooks", "tags", {"x": "x" * 257}, "has 257 characters; 256 are allowed"),
        ("workbooks", "tags", {str(n): "" for n in range(51)}, "has 51 items; 50 are allowed"),
    ],
)
def test_a_property_beyond_its_limit_is_named(
    templates: Documents, facts: Facts, wanted: str, path: str, value: Any, said: str
) -> None:
    found = lint_resource(spoiled(templates, wanted, path, value), facts)
    assert any(said in problem.message and wanted in problem.message for problem in found), found


def test_every_limit_of_a_property_has_a_source_and_a_measure(facts: Facts) -> None:
    limits = [limit for limits in facts.properties.values() for limit in limits]
    assert len(limits) > 15
    assert all(limit.source.startswith("https://") and limit.of in MEASURES for limit in limits)


def test_a_template_of_too_many_resources_is_named(facts: Facts) -> None:
    small = replace(facts, limits={**facts.limits, "template_resources": 1})
    resource = arm.search_resource("id", "c", "t", "q", {})
    (problem,) = lint_templates({"arm/x.json": [resource, resource]}, small)
    assert problem.message.startswith("the template arm/x.json is too large: 2 resources")


@pytest.mark.parametrize("longest", range(3, 40))
@pytest.mark.parametrize("text", ["\u00e4\u20ac\U0001f600" * 5, "plain text of one sentence. Another."])
def test_a_cut_text_fits(text: str, longest: int) -> None:
    assert len(cut_bytes(text, longest).encode()) <= longest
    assert 0 < len(opening(text, longest)) <= longest
