"""Templates deployed to a real Elasticsearch, which writes them back in its own way."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.deploy.custom_template import list_fields
from sigmagen.deploy.deployment import Found, Item, ObjectSet, apply, plan_deployment
from sigmagen.deploy.elastic import Templates
from sigmagen.net.client import Client
from sigmagen.packages.elastic.target import ElasticTarget
from sigmagen.packages.elastic.templates import component_templates, index_templates

pytestmark = pytest.mark.elasticsearch

CONVERTER = Converter.load(mappings_folder())
TARGET = ElasticTarget.load(mappings_folder())
RUN = f"dep{uuid4().hex[:12]}"


class Mine(Templates):
    """Templates of this run alone: other tests on the server have their own."""

    def found(self, keys: Collection[str]) -> dict[str, Found]:
        return {key: found for key, found in super().found(keys).items() if key.startswith(RUN)}


def mine(name: str, body: dict[str, Any]) -> Item:
    """A template under a name of this run."""
    own = f"{RUN}-{name}"
    return Item(own, name, {**body, "_meta": {**body["_meta"], "name": own}})


@pytest.fixture
def parts(elasticsearch_url: str) -> Iterator[list[ObjectSet]]:
    client = Client(elasticsearch_url, {})
    components, indices = Mine(client, "component"), Mine(client, "index")
    component_items: dict[str, Item] = {}
    index_items = []
    sources = [source for source in CONVERTER.sources.values() if "elastic" in source.stored]
    for source in sources:
        for name, body in component_templates(source, CONVERTER.taxonomy, TARGET, sources):
            component_items[name] = mine(name, body)
    for name, body in index_templates(sources, TARGET):
        body = {**body, "composed_of": [f"{RUN}-{part}" for part in body["composed_of"]]}
        body["index_patterns"] = [f"{RUN}-{pattern}" for pattern in body["index_patterns"]]
        index_items.append(mine(name, body))
    try:
        yield [ObjectSet(components, [*component_items.values()]), ObjectSet(indices, index_items)]
    finally:
        for part in (ObjectSet(indices, index_items), ObjectSet(components, [*component_items.values()])):
            for item in part.items:
                part.store.delete(Found(item.key, item.title, {}, True))
        client.close()


def actions(parts: list[ObjectSet], *, prune: bool = False) -> set[str]:
    return {change.action for change in plan_deployment(parts, prune=prune)}


def test_redeployed_template_is_unchanged(parts: list[ObjectSet]) -> None:
    assert actions(parts) == {"create"}
    assert apply(plan_deployment(parts)) == []
    assert actions(parts) == {"unchanged"}


def test_added_and_removed_fields_are_updates(parts: list[ObjectSet]) -> None:
    apply(plan_deployment(parts))
    first, *rest = parts[0].items
    for changed in (
        {"dynamic": False, "properties": {"new": {"type": "keyword"}}},
        {"dynamic": False, "properties": {"@timestamp": {"type": "date"}}},
    ):
        body = {**first.body, "template": {"mappings": changed}}
        newer = [replace(parts[0], items=[replace(first, body=body), *rest]), parts[1]]
        assert [change.action for change in plan_deployment(newer)].count("update") == 1
        apply(plan_deployment(newer))
        assert actions(newer) == {"unchanged"}


def test_foreign_template_is_not_changed(parts: list[ObjectSet]) -> None:
    client = parts[0].store.client  # type: ignore[attr-defined]
    name = parts[0].items[0].key
    theirs = {"template": {"mappings": {}}, "_meta": {"created_by": "them"}}
    client.send("PUT", f"/_component_template/{name}", body=theirs)
    plan = plan_deployment(parts, prune=True)
    assert [change.key for change in plan.foreign] == [name]
    apply(plan)
    assert parts[0].store.found({name})[name].body["_meta"] == {"created_by": "them"}


def test_a_template_that_appears_after_the_plan_is_not_overwritten(parts: list[ObjectSet]) -> None:
    plan = plan_deployment(parts)
    client = parts[0].store.client  # type: ignore[attr-defined]
    name = parts[0].items[0].key
    client.send("PUT", f"/_component_template/{name}", body={"template": {}, "_meta": {"created_by": "them"}})
    assert [change.key for change in apply(plan)] == [name]
    assert parts[0].store.found({name})[name].ours is False


def test_index_templates_are_deleted_before_components(parts: list[ObjectSet]) -> None:
    apply(plan_deployment(parts))
    nothing = [replace(part, items=[]) for part in parts]
    assert actions(nothing) == {"obsolete"}
    apply(plan_deployment(nothing, prune=True))
    assert list(plan_deployment(nothing)) == []


CUSTOM: dict[str, Any] = {"dynamic": "strict", "properties": {"mine": {"properties": {"id": {"type": "keyword"}}}}}


def custom_of(parts: list[ObjectSet]) -> list[ObjectSet]:
    """The parts with one template to merge: CloudTrail's, under a name of this run that ends in `@custom`."""
    (item,) = [item for item in parts[0].items if item.key.endswith("aws.cloudtrail@custom")]
    return [replace(parts[0], items=[item])]


def put(parts: list[ObjectSet], name: str, body: dict[str, Any]) -> None:
    parts[0].store.client.send("PUT", f"/_component_template/{name}", body=body)  # type: ignore[attr-defined]


def body_of(parts: list[ObjectSet], name: str) -> dict[str, Any]:
    return parts[0].store.found({name})[name].body


def test_merge_adds_missing_fields_to_user_template(parts: list[ObjectSet]) -> None:
    parts = custom_of(parts)
    (item,) = parts[0].items
    theirs = {"template": {"mappings": CUSTOM, "settings": {"index": {"refresh_interval": "5s"}}}, "version": 7}
    put(parts, item.key, theirs)
    (change,) = plan_deployment(parts)
    lacks = ("aws.cloudtrail.session_credential_from_console",)
    assert (change.action, change.fields) == ("foreign", lacks)
    apply(plan_deployment(parts))
    assert body_of(parts, item.key) == theirs

    (change,) = plan = plan_deployment(parts, merge=True)
    assert (change.action, change.fields) == ("merge", lacks)
    assert apply(plan) == []
    after = body_of(parts, item.key)
    assert after["template"]["settings"] == theirs["template"]["settings"]  # type: ignore[index]
    assert after["version"] == 7
    assert "_meta" not in after
    mappings = after["template"]["mappings"]
    assert mappings["dynamic"] == "strict"
    assert set(list_fields({"template": {"mappings": mappings}})) == {"mine.id", *lacks}
    assert actions(parts) == {"unchanged"}


def test_user_mapping_of_field_is_preserved(parts: list[ObjectSet]) -> None:
    parts = custom_of(parts)
    (item,) = parts[0].items
    put(parts, item.key, {"template": {"mappings": {"properties": {"aws": {"type": "flattened"}}}}})
    (change,) = plan_deployment(parts, merge=True)
    assert change.action == "unchanged"


def test_custom_template_update_preserves_user_fields(parts: list[ObjectSet]) -> None:
    parts = custom_of(parts)
    (item,) = parts[0].items
    earlier = {"aws": {"properties": {"cloudtrail": {"properties": {"error_code": {"type": "keyword"}}}}}}
    meta = {"created_by": "sigmagen package", "name": item.key, "source": "cloudtrail"}
    put(parts, item.key, {"template": {"mappings": {"properties": {**earlier, **CUSTOM["properties"]}}}, "_meta": meta})
    assert actions(parts) == {"update"}
    apply(plan_deployment(parts))
    assert set(list_fields(body_of(parts, item.key))) == {"mine.id", "aws.cloudtrail.session_credential_from_console"}
    assert actions(parts) == {"unchanged"}
