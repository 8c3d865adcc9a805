"""The package's queries on a real Elasticsearch, over native fixtures under the package's own templates.

Indices and templates have names of this run alone, so that nothing else on the server is touched. The node of
`make elasticsearch` can make data streams and not delete them, so here the templates make ordinary indices.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch.helpers import bulk

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.detections import collect_content
from sigmagen.content.investigate.pivots import load_playbook
from sigmagen.convert.converter import Converter
from sigmagen.durations import iso
from sigmagen.engines.alert import Alert
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.mapping.source import Source, relocate
from sigmagen.packages import elastic
from sigmagen.packages.elastic.events import group_events
from sigmagen.packages.elastic.rules import detection_rule
from sigmagen.packages.elastic.target import ElasticTarget
from sigmagen.packages.elastic.templates import index_templates
from sigmagen.packages.elastic.threat import Frameworks
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.simulate.scenes import lay_out, records, span
from sigmagen.proof.verify import verify
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import RuleFile

pytestmark = pytest.mark.elasticsearch

FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
DELAY = 90
RUN = f"pkg{uuid4().hex[:12]}"
SETTINGS = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"}

Json = dict[str, Any]


def on_own_streams(converter: Converter, run: str = RUN) -> Converter:
    """The converter, each source of which is kept in a stream of this run."""

    def own(part: Source) -> str:
        patterns = part.stored["elastic"].location.split(",")
        return ",".join(pattern.replace("logs-", f"logs-{run}.", 1) for pattern in patterns)

    sources = {name: relocate(source, "elastic", own) for name, source in converter.sources.items()}
    return replace(converter, sources=sources)


CONVERTER = on_own_streams(Converter.load(mappings_folder()))
CONTENT = collect_content(CONVERTER, FILES, "elastic")
DETECTIONS = {detection.name: detection for detection in CONTENT.detections}


class PackagedEngine(ElasticsearchEngine):
    """Keeps fixtures in indices that the package's templates make, with a time of arrival."""

    def placed(self, source: Source) -> Source:
        """Where it is: the places are this run's own already."""
        return source

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        stream = source.stored["elastic"].location.split(",")[0].replace("*", "default")
        self.client.options(ignore_status=404).indices.delete(index=stream)
        self.client.indices.create(index=stream, settings=SETTINGS)
        self._indices.add(stream)
        actions = (
            {"_index": stream, "_op_type": "create", "_id": document.id, "_source": arrived(document.source)}
            for document in self._documents(source, stream, records)
        )
        bulk(self.client, actions, chunk_size=2000)
        self.client.indices.refresh(index=stream)

    def rows(self, text: str, start: int, end: int) -> list[Json]:
        """A query's rows over a time range, by column."""
        window = {"range": {"@timestamp": {"gte": iso(start), "lt": iso(end)}}}
        result = self.client.esql.query(query=text, filter=window, columnar=False)
        names = [column["name"] for column in result["columns"]]
        return [dict(zip(names, row, strict=True)) for row in result["values"]]


def arrived(document: Json) -> Json:
    """The document with the time of its arrival, as an integration's pipeline would set it."""
    time = datetime.fromisoformat(str(document["@timestamp"])) + timedelta(seconds=DELAY)
    event = {**document.get("event", {}), "ingested": time.isoformat()}
    return {**document, "event": event} if "event.ingested" not in document else document


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    elastic.write(CONTENT, folder, CONVERTER, {})
    return folder


@pytest.fixture(scope="module")
def engine(package: Path, elasticsearch_url: str) -> Iterator[PackagedEngine]:
    """An engine on the server, on which the package's templates are installed under names of this run."""
    with PackagedEngine(elasticsearch_url, CONVERTER.taxonomy) as found:
        components = {
            path.stem: json.loads(path.read_text()) for path in (package / elastic.COMPONENT_TEMPLATES).iterdir()
        }
        # The package has no index templates for places that are not the usual ones.
        assert not (package / elastic.INDEX_TEMPLATES).exists()
        indices = dict(index_templates(CONTENT.sources, ElasticTarget.load(mappings_folder())))
        try:
            for name, body in components.items():
                found.client.cluster.put_component_template(name=f"{RUN}-{name}", body=body)
            for name, body in indices.items():
                mine = {**body, "composed_of": [f"{RUN}-{part}" for part in body["composed_of"]]}
                # Valid as they are; then as the templates of ordinary indices.
                found.client.indices.put_index_template(name=f"{RUN}-{name}", body=mine)
                del mine["data_stream"]
                found.client.indices.put_index_template(name=f"{RUN}-{name}", body=mine)
            yield found
        finally:
            found.client.options(ignore_status=404).indices.delete(index=",".join(found._indices) or RUN)
            found._indices.clear()
            for name in indices:
                found.client.options(ignore_status=404).indices.delete_index_template(name=f"{RUN}-{name}")
            for name in components:
                found.client.options(ignore_status=404).cluster.delete_component_template(name=f"{RUN}-{name}")


def packaged(package: Path) -> dict[str, Json]:
    return {rule["rule_id"]: rule for rule in map(json.loads, (package / elastic.RULES).read_text().splitlines())}


def sessions(package: Path) -> dict[str, str]:
    """Title of a Discover session -> its ES|QL."""
    found = {}
    for item in map(json.loads, (package / elastic.SAVED_OBJECTS).read_text().splitlines()):
        if item["type"] == "search":
            query = json.loads(item["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]
            found[item["attributes"]["title"]] = query["esql"]
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path.stem)
def test_rules_and_hunts_find_what_the_reference_finds(file: RuleFile, engine: PackagedEngine, package: Path) -> None:
    """`verify` runs each text as a hunt and at its own schedule; here its texts are those of the package's files."""
    rules, saved = packaged(package), sessions(package)
    for detection in CONTENT.detections:
        if detection.file.path == file.path:
            assert rules[detection.id]["query"] == detection.alert.text
            assert saved[f"Hunt: {detection.title}"] == detection.hunt.text
    cells = list(verify(CONVERTER, [file], {"elastic": engine}))
    ran = [cell for cell in cells if cell.status != "not_run"]
    assert ran
    assert {cell.status for cell in ran} == {"equal"}, [cell.differences for cell in ran]


def loaded(name: str, engine: PackagedEngine) -> tuple[int, int, int, list[Alert]]:
    """The fixtures of a detection's rule, loaded: the range, how many documents, and the hunt's alerts."""
    detection = DETECTIONS[name]
    _, test = rule_under_test(detection.file)
    scenes = lay_out(test, detection.source.name, reach=detection.hunt.reach)
    # The attacks are enough here: what alerts and what doesn't is judged above.
    scenes = [scene for scene in scenes if scene.prefix is None and scene.case.kind == "attack"][:1]
    engine.load(detection.source, records(scenes, detection.source.name))
    start, end = span(scenes)
    stream = detection.source.stored["elastic"].location.split(",")[0].replace("*", "default")
    documents = int(engine.client.count(index=stream)["count"])
    return start, end, documents, engine.run(detection.hunt, start, end)


@pytest.mark.parametrize("name", sorted(DETECTIONS))
def test_readiness_and_pivots_run_and_are_right(name: str, engine: PackagedEngine, package: Path) -> None:
    detection = DETECTIONS[name]
    start, end, documents, alerts = loaded(name, engine)
    saved = sessions(package)
    (whole,) = engine.rows(saved[f"Readiness: all of {detection.source.title}"], start, end)
    assert whole["events"] == documents
    assert whole["delay_p50_seconds"] == whole["delay_p99_seconds"] == DELAY
    (row,) = engine.rows(saved[f"Readiness: {detection.title}"], start, end)
    assert 0 < row["events"] <= documents
    assert row["delay_p99_seconds"] == DELAY
    shares = {column: share for column, share in row.items() if column.endswith(".share")}
    assert len(shares) > 1
    assert all(0 <= share <= 100 for share in shares.values()), shares
    # Who alerts has a value in every field of the group, so these can't be empty.
    for column in (column for column in detection.alert.columns if f"{column}.share" in shares):
        assert shares[f"{column}.share"] > 0
    assert alerts
    for text in group_events(detection.rule, detection.source, CONVERTER.taxonomy, dict(alerts[0].group)):
        assert engine.rows(text, start, end)


def test_an_empty_range_has_a_readiness_of_nothing(engine: PackagedEngine, package: Path) -> None:
    loaded("call_count.litellm", engine)
    detection = DETECTIONS["call_count.litellm"]
    (row,) = engine.rows(sessions(package)[f"Readiness: {detection.title}"], 0, 1)
    assert row["events"] == 0
    assert {value for column, value in row.items() if column != "events"} == {None}


def test_a_redacted_prompt_is_counted_as_lost(engine: PackagedEngine, package: Path) -> None:
    detection = DETECTIONS["call_count.litellm"]
    _, test = rule_under_test(detection.file)
    scenes = lay_out(test, "litellm", reach=detection.hunt.reach)
    native = records(scenes, "litellm")[:10]
    for record in native[:4]:
        record["messages"] = [{"role": "user", "content": "redacted-by-litellm"}]
    engine.load(detection.source, native)
    (row,) = engine.rows(sessions(package)[f"Readiness: {detection.title}"], *span(scenes))
    assert row["redacted.share"] == 40


@pytest.mark.parametrize("source", [source.name for source in CONTENT.sources])
def test_a_silent_source_alerts_and_one_with_events_does_not(
    source: str, engine: PackagedEngine, package: Path
) -> None:
    detection = next(item for item in CONTENT.detections if item.source.name == source)
    start, end, *_ = loaded(detection.name, engine)
    rules = [rule["query"] for rule in packaged(package).values() if f'= "{source}"' in rule["query"]]
    (query,) = [query for query in rules if "events == 0" in query]
    assert engine.rows(query, start, end) == []
    assert engine.rows(query, 0, 1) == [{"sigmagen.source": source, "events": 0}]


def test_a_missing_component_template_breaks_what_it_maps(engine: PackagedEngine) -> None:
    """Without a mapping, a column that no document has is an error: why the templates are part of the package."""
    stream = f"logs-{RUN}.unmapped"
    engine.client.options(ignore_status=404).indices.delete(index=stream)
    engine.client.index(index=stream, document={"@timestamp": "2026-08-11T09:14:03Z"}, refresh=True)
    try:
        with pytest.raises(Exception, match="Unknown column"):
            engine.rows(f'FROM {stream} | WHERE litellm.status == "success"', 0, 1)
    finally:
        engine.client.indices.delete(index=stream)


def test_an_alert_that_shows_samples_can_be_kept_under_ecs(engine: PackagedEngine) -> None:
    """As Kibana keeps alerts: the group's field is a keyword there."""
    detection = DETECTIONS["call_count.litellm"]
    rule = replace(detection.rule, fields=("source.ip", "gen_ai.api_key.id"))
    alert = CONVERTER.convert(rule, detection.source, "elastic", "alert")
    start, end, *_ = loaded("call_count.litellm", engine)
    target, frameworks = ElasticTarget.load(mappings_folder()), Frameworks.load(mappings_folder())
    book = load_playbook(mappings_folder())
    shown = detection_rule(replace(detection, rule=rule, alert=alert), CONVERTER.taxonomy, target, frameworks, book)
    (row,) = engine.rows(shown["query"], start, end)
    assert row["sigmagen.source.ip.values"]
    index = f"logs-{RUN}.alerts"
    mappings = {"dynamic": False, "properties": {"user.id": {"type": "keyword"}, "source.ip": {"type": "ip"}}}
    same = {"source.ip": "192.0.2.1"}
    engine.client.indices.create(index=index, mappings=mappings, settings=SETTINGS)
    try:
        engine.client.index(index=index, document={**row, **same})
        (plain,) = engine.rows(alert.text, start, end)
        with pytest.raises(Exception, match="failed to parse field"):
            engine.client.index(index=index, document={**plain, **same})
    finally:
        engine.client.indices.delete(index=index)
