"""Component and index templates that map every field a query reads, so that no column is unknown to ES|QL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sigmagen.convert.converter import Converter
from sigmagen.mapping.elastic_template import build_properties, collect_field_types
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.packages.elastic.target import ElasticTarget, Integration
from sigmagen.problems import Problem, SigmagenError
from sigmagen.targets.elastic.values import INGESTED

OWNER = "sigmagen package"
WITHDRAWN = "withdrawn"
"""In `_meta` of a `@custom` template: the fields that an earlier package put there and that are to go."""

OWN_PRIORITY = 510
"""Above 500, that of the template of `sigmagen normalize`, which says the same."""

FALLBACK_PRIORITY = 150
"""Below 200, that of Elastic's integrations, which stay in charge where they are; above Elasticsearch's own."""

LONGEST_IN_INTEGRATIONS = 1024
"""Up to how many characters the integrations' keywords hold, unless one says otherwise."""

_ECS = (
    *("@timestamp", "cloud", "error", "event", "http", "organization"),
    *("service", "source", "tls", "url", "user", "user_agent"),
)

Template = dict[str, Any]


def mappings_name(source: Source) -> str:
    """The name of a source's component template."""
    return f"sigmagen-{source.name}@mappings"


def component_templates(
    source: Source, taxonomy: Taxonomy, target: ElasticTarget, sources: Iterable[Source] = ()
) -> Iterator[tuple[str, Template]]:
    """Name and body of each component template of a source.

    A data stream of an integration may hold records of several of `sources`: its template has the fields of all.
    Raises SigmagenError: see `integration_problems`.
    """
    types = collect_field_types(source, taxonomy) | dict(target.lost_columns.get(source.name, {})) | {INGESTED: "date"}
    name = mappings_name(source)
    yield name, _component(name, [source], {"dynamic": False, **build_properties(types)})
    for integration in target.integrations_of(source.name):
        if problems := integration_problems(source, taxonomy, integration):
            raise SigmagenError(problems)
        sharing = _by_name(source, (each for each in sources if integration.custom in _customs(each, target)))
        own = {name: kind for each in sharing for name, kind in lacking(each, taxonomy, integration).items()}
        withdrawn = [
            name
            for each in sharing
            for other in target.integrations_of(each.name)
            if other.custom == integration.custom
            for name in other.withdrawn
        ]
        properties = build_properties(own, longest_keyword=LONGEST_IN_INTEGRATIONS)
        body = _component(integration.custom, sharing, properties)
        yield integration.custom, {**body, "_meta": {**body["_meta"], WITHDRAWN: withdrawn}}


def _customs(source: Source, target: ElasticTarget) -> set[str]:
    return {integration.custom for integration in target.integrations_of(source.name)}


def _by_name(source: Source, others: Iterable[Source]) -> list[Source]:
    return sorted({each.name: each for each in (*others, source)}.values(), key=lambda each: each.name)


def lacking(source: Source, taxonomy: Taxonomy, integration: Integration) -> dict[str, str]:
    """The fields that the integration, or an older version of it, does not map, with their types.

    The integration maps ECS, which is left to it; a field that no index maps is an unknown column.
    """
    return {
        name: kind
        for name, kind in collect_field_types(source, taxonomy).items()
        if name not in integration.mapped and name.split(".")[0] not in _ECS
    }


def integration_problems(source: Source, taxonomy: Taxonomy, integration: Integration) -> list[Problem]:
    """The columns of a source that the integration maps with another type.

    Indices made with our templates and with the integration's would then have one field in two types.
    """
    known = {**integration.mapped, **integration.newer}
    return [
        Problem(
            "mapping-against-integration",
            f"{name} is {kind} here and {' or '.join(known[name])} in Elastic's integration {integration.package}",
            file=f"mappings/sources/{source.name}.yml",
            hint=f"write `{name}: {known[name][0]}` under targets.elastic.columns",
        )
        for name, kind in collect_field_types(source, taxonomy).items()
        if name in known and kind not in known[name]
    ]


def against_integrations(converter: Converter) -> list[Problem]:
    """The same of every source of a mappings folder. Raises SigmagenError when a file can't be read."""
    if not (converter.mappings / "targets" / "elastic.yml").exists():
        return []
    target = ElasticTarget.load(converter.mappings)
    return [
        problem
        for source in converter.sources.values()
        if "elastic" in source.stored
        for integration in target.integrations_of(source.name)
        for problem in integration_problems(source, converter.taxonomy, integration)
    ]


def with_sharing(sources: Iterable[Source], every: Iterable[Source]) -> list[Source]:
    """The sources with those of `every` that share an index pattern with one of them, by name."""
    found = {source.name: source for source in sources}
    patterns = {pattern for source in found.values() for pattern in _patterns(source)}
    found |= {each.name: each for each in every if "elastic" in each.stored and patterns & {*_patterns(each)}}
    return sorted(found.values(), key=lambda each: each.name)


def index_templates(sources: Sequence[Source], target: ElasticTarget) -> Iterator[tuple[str, Template]]:
    """Name and body of the index template of each source.

    Elasticsearch accepts one template for a pattern. Of sources that share one, the first by name has it, with the
    fields of all of them; a source that has no pattern of its own has no template.
    """
    ordered = sorted(sources, key=lambda each: each.name)
    taken: set[str] = set()
    for source in ordered:
        patterns = [pattern for pattern in _patterns(source) if pattern not in taken]
        taken |= {*patterns}
        if patterns:
            sharing = [each for each in ordered if {*patterns} & {*_patterns(each)}]
            yield _index_template(source, patterns, sharing, target)


def _index_template(
    source: Source, patterns: list[str], sharing: list[Source], target: ElasticTarget
) -> tuple[str, Template]:
    name, fallback = f"sigmagen-{source.name}", source.name in target.integrations
    body = {
        "index_patterns": patterns,
        "priority": FALLBACK_PRIORITY if fallback else OWN_PRIORITY,
        "composed_of": [mappings_name(each) for each in sharing],
        "data_stream": {},
        "_meta": _meta(name, [source]),
    }
    return name, body


def _patterns(source: Source) -> list[str]:
    return source.stored["elastic"].location.split(",")


def _component(name: str, sources: Sequence[Source], mappings: dict[str, Any]) -> Template:
    return {"template": {"mappings": mappings}, "_meta": _meta(name, sources)}


def _meta(name: str, sources: Sequence[Source]) -> dict[str, str]:
    """Who made a template, and its name: a copy has another name, and is not ours."""
    return {"created_by": OWNER, "name": name, "source": ", ".join(source.name for source in sources)}
