"""Every query of the package over indices of a real Elasticsearch that Elastic's integrations made, alone and mixed.

An installation has backing indices of several ages: made by the integration alone, under the `@custom` templates that
earlier packages brought, and under today's. ES|QL refuses a field that they hold in several types, unless it is cast.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import BadRequestError, Elasticsearch
from elasticsearch.helpers import bulk

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.detections import SourceDetection, collect_content
from sigmagen.convert.converter import Converter
from sigmagen.deploy.custom_template import list_fields
from sigmagen.durations import iso
from sigmagen.mapping.elastic_template import build_properties, collect_field_types
from sigmagen.mapping.source import Source
from sigmagen.packages import elastic
from sigmagen.packages.elastic.target import ElasticTarget
from sigmagen.packages.elastic.templates import against_integrations, component_templates, integration_problems, lacking
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.simulate.scenes import lay_out, records, span
from sigmagen.rules.load import load_rules
from sigmagen.sources import stored_rows
from tests.packages.test_elastic_on_server import SETTINGS, arrived, on_own_streams

TARGET = ElasticTarget.load(mappings_folder())
CONVERTER = on_own_streams(Converter.load(mappings_folder()), f"gen{uuid4().hex[:12]}")
FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
CONTENT = collect_content(CONVERTER, FILES, "elastic")
INTEGRATIONS = [
    (name, number) for name in sorted(TARGET.integrations) for number in range(len(TARGET.integrations[name]))
]
"""Each source with each of its integrations, by number."""
GENERATIONS = ("integration", "newest", "earlier", "today")

# The types that earlier packages put into `@custom`, where they were not the integration's.
EARLIER = {
    "gen_ai.usage.prompt_tokens": "long",
    "gen_ai.usage.completion_tokens": "long",
    "gen_ai.request.max_tokens": "long",
    "gen_ai.request.temperature": "double",
    "gen_ai.request.top_p": "double",
}

Json = dict[str, Any]


def source_of(name: str) -> Source:
    return CONVERTER.sources[name]


def mapped(name: str, number: int, generation: str) -> dict[str, str]:
    """The fields of one generation of an integration's indices, with their types."""
    source, integration = source_of(name), TARGET.integrations[name][number]
    columns = collect_field_types(source, CONVERTER.taxonomy)
    which = -1 if generation == "newest" else 0
    found = {field: kinds[which] for field, kinds in integration.mapped.items()}
    # Of ECS, as the integration's own templates map it.
    found |= {field: kind for field, kind in columns.items() if field not in found and "." not in _vendor(field)}
    found |= {"event.ingested": "date"}
    if generation == "earlier":
        found |= {field: EARLIER.get(field, kind) for field, kind in columns.items()}
    else:
        # A field that an older version lacks is there with the newest version, or by our template.
        found |= lacking(source, CONVERTER.taxonomy, integration)
    return found


def _vendor(field: str) -> str:
    """A field of a vendor keeps its dots here, one of ECS has none."""
    ours = ("aws.", "gen_ai.", "azure.")
    return field if field.startswith(ours) else field.replace(".", "_")


@pytest.mark.parametrize(("name", "number"), INTEGRATIONS)
def test_no_custom_template_maps_what_the_integration_maps(name: str, number: int) -> None:
    integration = TARGET.integrations[name][number]
    templates = dict(component_templates(source_of(name), CONVERTER.taxonomy, TARGET, CONVERTER.sources.values()))
    custom = list_fields(templates[integration.custom])
    assert integration.mapped
    assert not custom.keys() & integration.mapped.keys()
    for field, definition in custom.items():
        assert definition["type"] in integration.newer.get(field, (definition["type"],))


@pytest.mark.parametrize(("name", "number"), INTEGRATIONS)
def test_no_column_has_another_type_than_in_the_integration(name: str, number: int) -> None:
    assert not integration_problems(source_of(name), CONVERTER.taxonomy, TARGET.integrations[name][number])


def test_another_type_than_the_integrations_is_a_problem_with_the_way_out() -> None:
    source = source_of("bedrock_invocation")
    target = source.stored["elastic"]
    target = replace(target, columns={**target.columns, "gen_ai.usage.prompt_tokens": "long"})
    source = replace(source, stored={**source.stored, "elastic": target})
    (problem,) = integration_problems(source, CONVERTER.taxonomy, TARGET.integrations[source.name][0])
    assert problem.file == "mappings/sources/bedrock_invocation.yml"
    assert "long here and integer" in problem.message
    assert "gen_ai.usage.prompt_tokens: integer" in str(problem.hint)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    elastic.write(CONTENT, folder, CONVERTER, {})
    return folder


@pytest.fixture(scope="module")
def client(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(elasticsearch_url) as found:
        yield found


def events(name: str) -> tuple[list[Json], tuple[int, int]]:
    """Documents of an attack on a rule that reads numbers, and their range."""
    chosen = [detection for detection in CONTENT.detections if detection.source.name == name]
    detection = max(chosen, key=lambda one: sum(field in one.hunt.text for field in EARLIER))
    _, test = rule_under_test(detection.file)
    scenes = lay_out(test, name, reach=detection.hunt.reach)
    scenes = [scene for scene in scenes if scene.prefix is None and scene.case.kind == "attack"][:1]
    rows = [row for record in records(scenes, name) for row in stored_rows("elastic", name, dict(record))["events"]]
    return [arrived(row) for row in rows], span(scenes)


class Streams:
    """The indices of one integration, one for each generation, that the package's queries read together."""

    def __init__(self, client: Elasticsearch, name: str, number: int = 0) -> None:
        self.client = client
        self.pattern = source_of(name).stored["elastic"].location
        self.name, self.number = name, number

    def fill(self, documents: list[Json], generations: tuple[str, ...]) -> None:
        """Indices of these generations; the documents go to them in turn."""
        self.clear()
        for generation in generations:
            mappings = {"dynamic": False, **build_properties(mapped(self.name, self.number, generation))}
            self.client.indices.create(index=self.index(generation), mappings=mappings, settings=SETTINGS)
        actions = (
            {"_index": self.index(generations[number % len(generations)]), "_source": document}
            for number, document in enumerate(documents)
        )
        bulk(self.client, actions, chunk_size=2000)
        self.client.indices.refresh(index=self.pattern)

    def index(self, generation: str) -> str:
        return self.pattern.split(",")[self.number].replace("*", generation)

    def clear(self) -> None:
        self.client.options(ignore_status=404).indices.delete(
            index=",".join(self.index(generation) for generation in GENERATIONS), ignore_unavailable=True
        )

    def rows(self, text: str, range_: tuple[int, int]) -> list[str]:
        begin, end = map(iso, range_)
        window = {"range": {"@timestamp": {"gte": begin, "lt": end}}}
        result = self.client.esql.query(query=text, filter=window, params=parameters(text), columnar=False)
        return sorted(json.dumps(row) for row in result["values"])


def parameters(text: str) -> list[Any]:
    """Values for a text's parameters, as Kibana's controls give them."""
    times = set(re.findall(r"TO_DATETIME\(\?(\w+)\)", text)) | {"_tstart", "_tend"}
    names = dict.fromkeys(re.findall(r"\?(\w+)", text))
    return [{name: "1970-01-01T00:00:00.000Z" if name in times else "= 1"} for name in names]


def texts(value: Any) -> Iterator[str]:
    """Every ES|QL text somewhere in what Kibana imports."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif isinstance(value, str):
        if value.startswith("FROM "):
            yield value
        elif value[:1] in "{[":
            try:
                yield from texts(json.loads(value))
            except ValueError:
                return


def queries(package: Path, source: Source) -> set[str]:
    """All queries of the package that read a source alone."""
    files = (package / elastic.RULES, package / elastic.SAVED_OBJECTS)
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    pattern = source.stored["elastic"].location
    return {text for line in lines for text in texts(line) if text.splitlines()[0].split()[1] == pattern}


PACKAGED = [(name, number) for name, number in INTEGRATIONS if name in {source.name for source in CONTENT.sources}]
"""Those of sources that a rule of the package reads."""


@pytest.mark.elasticsearch
@pytest.mark.parametrize(("name", "number"), PACKAGED)
def test_every_query_runs_and_finds_the_same_over_indices_of_all_ages(
    name: str, number: int, client: Elasticsearch, package: Path
) -> None:
    documents, range_ = events(name)
    streams, asked = Streams(client, name, number), sorted(queries(package, source_of(name)))
    assert len(asked) > 10
    try:
        found = {}
        for generations in (GENERATIONS[:1], GENERATIONS[-1:], GENERATIONS):
            streams.fill(documents, generations)
            found[generations] = [streams.rows(text, range_) for text in asked]
    finally:
        streams.clear()
    first = found[GENERATIONS[:1]]
    assert any(first)
    for generations, rows in found.items():
        wrong = [text for text, one, other in zip(asked, first, rows, strict=True) if one != other]
        assert not wrong, (generations, wrong[0])


@pytest.mark.elasticsearch
def test_without_a_cast_the_mixed_types_would_be_refused(client: Elasticsearch) -> None:
    documents, range_ = events("bedrock_invocation")
    streams = Streams(client, "bedrock_invocation")
    try:
        streams.fill(documents, GENERATIONS)
        text = f"FROM {streams.pattern} | WHERE gen_ai.usage.prompt_tokens > 1"
        with pytest.raises(BadRequestError, match="incompatible types"):
            streams.rows(text, range_)
    finally:
        streams.clear()


def test_a_detection_reads_what_versions_of_the_integration_map_differently() -> None:
    read: list[SourceDetection] = [
        one for one in CONTENT.detections if any(field in one.hunt.text for field in EARLIER)
    ]
    assert read


def test_check_compares_the_columns_with_the_integrations(tmp_path: Path) -> None:
    folder = tmp_path / "mappings"
    shutil.copytree(mappings_folder(), folder)
    file = folder / "sources" / "bedrock_invocation.yml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("gen_ai.usage.prompt_tokens: integer", "gen_ai.usage.prompt_tokens: long"))
    (problem,) = against_integrations(Converter.load(folder))
    assert problem.code == "mapping-against-integration"
    (folder / "targets" / "elastic.yml").unlink()
    assert against_integrations(Converter.load(folder)) == []
