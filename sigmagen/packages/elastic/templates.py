"""Component and index templates that map every field a query reads, so that no column is unknown to ES|QL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sigmagen.mapping.elastic_template import field_types, mappings_of
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.packages.elastic.readiness import INGESTED
from sigmagen.packages.elastic.target import ElasticTarget

OWNER = "sigmagen package"

OWN_PRIORITY = 510
"""Above 500, that of the template of `sigmagen normalize`, which says the same."""

FALLBACK_PRIORITY = 150
"""Below 200, that of Elastic's integrations, which stay in charge where they are; above Elasticsearch's own."""

_ECS = ("@timestamp", "cloud", "error", "event", "http", "organization", "source", "url", "user", "user_agent")

Template = dict[str, Any]


def mappings_name(source: Source) -> str:
    """The name of a source's component template."""
    return f"sigmagen-{source.name}@mappings"


def component_templates(source: Source, taxonomy: Taxonomy, target: ElasticTarget) -> Iterator[tuple[str, Template]]:
    """Name and body of each component template of a source."""
    types = field_types(source, taxonomy) | dict(target.lost_columns.get(source.name, {})) | {INGESTED: "date"}
    name = mappings_name(source)
    yield name, _component(name, source, {"dynamic": False, **mappings_of(types)})
    integration = target.integrations.get(source.name)
    if integration is not None:
        # The integration maps ECS itself, and more richly; a field of its own that it never saw is an unknown column.
        own = {name: kind for name, kind in field_types(source, taxonomy).items() if name.split(".")[0] not in _ECS}
        yield integration.custom, _component(integration.custom, source, mappings_of(own))


def index_template(source: Source, target: ElasticTarget) -> tuple[str, Template]:
    """Name and body of the index template of a source."""
    name, fallback = f"sigmagen-{source.name}", source.name in target.integrations
    body = {
        "index_patterns": source.targets["elastic"].location.split(","),
        "priority": FALLBACK_PRIORITY if fallback else OWN_PRIORITY,
        "composed_of": [mappings_name(source)],
        "data_stream": {},
        "_meta": _meta(name, source),
    }
    return name, body


def _component(name: str, source: Source, mappings: dict[str, Any]) -> Template:
    return {"template": {"mappings": mappings}, "_meta": _meta(name, source)}


def _meta(name: str, source: Source) -> dict[str, str]:
    """Who made a template, and its name: a copy has another name, and is not ours."""
    return {"created_by": OWNER, "name": name, "source": source.name}
