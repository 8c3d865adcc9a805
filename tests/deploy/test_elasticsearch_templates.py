"""Templates deployed to a real Elasticsearch, which writes them back in its own way."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from sigmagen.content import mappings_folder
from sigmagen.convert import Converter
from sigmagen.deploy.elastic import Templates
from sigmagen.deploy.plan import Found, Item, Part, apply, make_plan
from sigmagen.net.client import Client
from sigmagen.packages.elastic.target import ElasticTarget
from sigmagen.packages.elastic.templates import component_templates, index_template

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
def parts(elasticsearch_url: str) -> Iterator[list[Part]]:
    client = Client(elasticsearch_url, {})
    components, indices = Mine(client, "component"), Mine(client, "index")
    component_items, index_items = [], []
    for source in CONVERTER.sources.values():
        for name, body in component_templates(source, CONVERTER.taxonomy, TARGET):
            component_items.append(mine(name, body))
        name, body = index_template(source, TARGET)
        body = {**body, "composed_of": [f"{RUN}-{part}" for part in body["composed_of"]]}
        body["index_patterns"] = [f"{RUN}-{pattern}" for pattern in body["index_patterns"]]
        index_items.append(mine(name, body))
    try:
        yield [Part(components, component_items), Part(indices, index_items)]
    finally:
        for part in (Part(indices, index_items), Part(components, component_items)):
            for item in part.items:
                part.store.delete(Found(item.key, item.title, {}, True))
        client.close()


def actions(parts: list[Part], *, prune: bool = False) -> set[str]:
    return {change.action for change in make_plan(parts, prune=prune)}


def test_what_elasticsearch_writes_back_is_unchanged(parts: list[Part]) -> None:
    assert actions(parts) == {"create"}
    assert apply(make_plan(parts)) == []
    assert actions(parts) == {"unchanged"}


def test_a_new_field_and_a_lost_one_are_updates(parts: list[Part]) -> None:
    apply(make_plan(parts))
    first, *rest = parts[0].items
    for changed in (
        {"dynamic": False, "properties": {"new": {"type": "keyword"}}},
        {"dynamic": False, "properties": {"@timestamp": {"type": "date"}}},
    ):
        body = {**first.body, "template": {"mappings": changed}}
        newer = [replace(parts[0], items=[replace(first, body=body), *rest]), parts[1]]
        assert [change.action for change in make_plan(newer)].count("update") == 1
        apply(make_plan(newer))
        assert actions(newer) == {"unchanged"}


def test_a_template_of_somebody_else_stays(parts: list[Part]) -> None:
    client = parts[0].store.client  # type: ignore[attr-defined]
    name = parts[0].items[0].key
    theirs = {"template": {"mappings": {}}, "_meta": {"created_by": "them"}}
    client.send("PUT", f"/_component_template/{name}", body=theirs)
    plan = make_plan(parts, prune=True)
    assert [change.key for change in plan.foreign] == [name]
    apply(plan)
    assert parts[0].store.found({name})[name].body["_meta"] == {"created_by": "them"}


def test_a_template_that_appears_after_the_plan_is_not_overwritten(parts: list[Part]) -> None:
    plan = make_plan(parts)
    client = parts[0].store.client  # type: ignore[attr-defined]
    name = parts[0].items[0].key
    client.send("PUT", f"/_component_template/{name}", body={"template": {}, "_meta": {"created_by": "them"}})
    assert [change.key for change in apply(plan)] == [name]
    assert parts[0].store.found({name})[name].ours is False


def test_index_templates_go_before_the_components_they_are_made_of(parts: list[Part]) -> None:
    apply(make_plan(parts))
    nothing = [replace(part, items=[]) for part in parts]
    assert actions(nothing) == {"obsolete"}
    apply(make_plan(nothing, prune=True))
    assert list(make_plan(nothing)) == []
