"""The dashboards and buttons that an alert is investigated with; each panel answers what `sigmagen investigate` does.

No Kibana is at hand: what it would send of a control's choice is written down here, and sent to a real Elasticsearch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.content.detections import SourceDetection, collect_content
from sigmagen.content.investigate.build import pivots_for
from sigmagen.content.investigate.pivots import load_playbook
from sigmagen.content.investigate.subject import Subject
from sigmagen.durations import iso
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.mapping.elastic_template import collect_field_types
from sigmagen.packages.elastic.formatting import marker
from sigmagen.packages.elastic.investigation import dashboard, panel_queries, pivots_of
from sigmagen.packages.elastic.timeline import buttons
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests.canonical_events import EVER
from tests.content.investigate.answers import FILES, PLACES, alert
from tests.packages.test_elastic import CONTENT, CONVERTER, find, hostile
from tests.targets.test_hostile_values import HOSTILE

QUICK = [
    ("call_count", "litellm"),
    ("one_template_many_fillings", "canonical"),
    ("bedrock_probe_logging_check_invoke", "cloudtrail"),
    ("logprobs_with_logit_bias", "litellm"),
]
BOOK = load_playbook(mappings_folder())
START = 1_786_440_000_000
NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*|0[xX][0-9a-fA-F]+|")

Json = dict[str, Any]


def saved_of(detection: SourceDetection, converter: Any = CONVERTER) -> Json:
    return dashboard(detection, pivots_of(converter, detection), BOOK, "tag")


def controls(saved: Json) -> list[Json]:
    panels = json.loads(saved["attributes"]["controlGroupInput"]["panelsJSON"])
    return [panel["explicitInput"] for panel in sorted(panels.values(), key=lambda panel: panel["order"])]


def sent(choices: Mapping[str, str]) -> list[Json]:
    """The parameters that Kibana sends: a choice that JavaScript takes for a number goes as one."""
    return [
        {name: float(value) if NUMBER.fullmatch(value) and value.strip() else value} for name, value in choices.items()
    ]


def chosen(subject: Subject) -> dict[str, str]:
    """An alert's values, chosen in the controls."""
    group = {f"alert_{re.sub('[^A-Za-z0-9]', '_', field)}": f"= {value}" for field, value in subject.group.items()}
    return {**group, "window_start": iso(subject.start), "window_end": iso(subject.end)}


def test_each_detection_has_a_dashboard_whose_panels_read_its_controls() -> None:
    checked = 0
    for detection in CONTENT.detections:
        saved = saved_of(detection)
        known = {control["variableName"] for control in controls(saved)}
        assert len(known) == len(detection.alert.columns) + 2
        for title, query in panel_queries(saved).items():
            checked += 1
            read = set(re.findall(r"\?(\w+)", re.sub(r'"(?:[^"\\]|\\.)*"', "", query)))
            assert {"window_start", "window_end"} <= read <= known, (detection.name, title)
    assert checked > 200


def test_a_panel_is_the_table_that_kibana_writes() -> None:
    saved = saved_of(find("call_count.litellm"))
    panels = json.loads(saved["attributes"]["panelsJSON"])
    assert [panel["type"] for panel in panels][:2] == ["visualization", "lens"]
    places = [panel["gridData"] for panel in panels]
    assert [place["y"] for place in places] == [sum(before["h"] for before in places[:n]) for n in range(len(places))]
    assert len({panel["panelIndex"] for panel in panels}) == len(panels)
    state = next(panel for panel in panels if panel["type"] == "lens")["embeddableConfig"]["attributes"]["state"]
    ((layer, text_based),) = state["datasourceStates"]["textBased"]["layers"].items()
    assert text_based["query"] == state["query"]
    assert {column["columnId"] for column in state["visualization"]["columns"]} == {
        column["fieldName"] for column in text_based["columns"]
    }
    assert state["visualization"]["layerId"] == layer
    assert list(state["adHocDataViews"]) == [text_based["index"]] == [state["internalReferences"][0]["id"]]


def test_the_description_tells_ours_and_whether_it_is_the_same() -> None:
    detection = find("call_count.litellm")
    one = saved_of(detection)
    other = saved_of(replace(detection, hunt=replace(detection.hunt, text=f"{detection.hunt.text}\n| LIMIT 1")))
    assert one["id"] == other["id"]
    assert marker(one["id"]) in one["attributes"]["description"]
    assert one["attributes"]["description"] != other["attributes"]["description"]


def test_hostile_text_stays_text_in_a_dashboard() -> None:
    saved = saved_of(hostile(find("call_count.litellm")))
    assert "\n" not in saved["attributes"]["title"]
    assert "\x1b" not in json.dumps(saved, ensure_ascii=False)


def test_buttons_look_for_the_alerts_values_in_fields_that_the_index_has() -> None:
    found = 0
    for detection in CONTENT.detections:
        mapped = {name for part in detection.source.parts for name in collect_field_types(part, CONVERTER.taxonomy)}
        for text in buttons(detection, CONVERTER.taxonomy):
            document = json.loads(text.removeprefix("!{investigate").removesuffix("}"))
            assert set(document) == {"label", "providers", "relativeFrom", "relativeTo"}
            for item in (item for providers in document["providers"] for item in providers):
                found += 1
                value = re.fullmatch(r"\{\{(.+)\}\}", item["value"])
                if value is None:
                    assert (item["field"], item["value"]) == ("event.kind", "signal")
                    continue
                assert value[1] in detection.alert.columns
                assert item["field"] in mapped | set(detection.alert.columns), (detection.name, item)
    assert found > 40


def test_a_field_that_the_rule_sees_changed_is_not_looked_for() -> None:
    """LiteLLM's model is compared in lower case, so a filter on what is stored would miss some."""
    (events, _) = buttons(find("call_count.litellm"), CONVERTER.taxonomy)
    assert "litellm.model" not in events
    assert "litellm.metadata.user_api_key_user_id" in events


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[ElasticsearchEngine]:
    with ElasticsearchEngine(request.getfixturevalue("elasticsearch_url"), CONVERTER.taxonomy) as engine:
        yield engine


def placed(engine: ElasticsearchEngine, name: str, source_name: str) -> tuple[SourceDetection | None, Any]:
    """A detection of the package over this run's own index."""
    sources = {known: engine.placed(source) for known, source in CONVERTER.sources.items()}
    converter = replace(CONVERTER, sources=sources)
    file = next(file for file in FILES if file.path.stem == name)
    found = collect_content(converter, [file], "elastic", [source_name]).detections
    return (found[0] if found else None), converter


def rows(engine: ElasticsearchEngine, query: str, params: list[Json] | None = None) -> tuple[list[str], list[Any]]:
    found = engine.client.esql.query(query=query, params=params, columnar=False)
    return [column["name"] for column in found["columns"]], found["values"]


def unequal(engine: ElasticsearchEngine, name: str, source_name: str) -> list[str]:
    """The panels that answer otherwise than the query that `sigmagen investigate` prints."""
    scene = alert(name, source_name)
    detection, converter = placed(engine, name, source_name)
    if scene is None or (detection is None and (name, source_name) not in QUICK):
        pytest.skip("the log, or what a shipper keeps of it, lacks a field of the rule")
    assert detection
    rule, _, subject, native = scene
    engine.load(detection.source, native)
    saved = saved_of(detection, converter)
    queries, _ = pivots_for(converter, rule, detection.source, "elastic", subject)
    titles = {f"{BOOK.sections[query.pivot.section]}: {query.pivot.title}": query for query in queries}
    asked = panel_queries(saved)
    assert set(asked) == set(titles)
    found, filled = [], 0
    for title, text in asked.items():
        expected, got = rows(engine, titles[title].text), rows(engine, text, sent(chosen(subject)))
        filled += bool(expected[1])
        if expected != got:
            found.append(f"{title}: {expected[1][:3]} but {got[1][:3]}")
    assert filled > 3
    return found


@pytest.mark.elasticsearch
@pytest.mark.parametrize(("name", "source"), QUICK)
def test_panels_answer_as_the_printed_queries_do(engine: ElasticsearchEngine, name: str, source: str) -> None:
    assert unequal(engine, name, source) == []


@pytest.mark.thorough
@pytest.mark.elasticsearch
@pytest.mark.parametrize(("name", "source"), PLACES)
def test_all_panels_answer_as_the_printed_queries_do(engine: ElasticsearchEngine, name: str, source: str) -> None:
    assert unequal(engine, name, source) == []


@pytest.mark.elasticsearch
@pytest.mark.parametrize(("name", "source"), QUICK)
def test_the_controls_offer_what_the_rule_alerts_on(engine: ElasticsearchEngine, name: str, source: str) -> None:
    scene = alert(name, source)
    detection, converter = placed(engine, name, source)
    assert scene
    assert detection
    engine.load(detection.source, scene[3])
    alerts = engine.run(detection.alert, *EVER)
    assert alerts
    for control in controls(saved_of(detection, converter)):
        span = [{"_tstart": iso(EVER[0])}, {"_tend": iso(EVER[1])}]
        (column,), offered = rows(engine, control["esqlQuery"], span)
        assert column == "option"
        for found in alerts:
            subject = Subject(dict(found.group), found.window_start, found.window_end)
            assert [chosen(subject)[control["variableName"]]] in offered
        assert rows(engine, control["esqlQuery"], [{"_tstart": iso(0)}, {"_tend": iso(1)}])[1] == []


@pytest.mark.elasticsearch
def test_before_anything_is_chosen_the_panels_are_empty(engine: ElasticsearchEngine) -> None:
    detection, converter = placed(engine, "call_count", "canonical")
    scene = alert("call_count", "canonical")
    assert scene
    assert detection
    engine.load(detection.source, scene[3])
    saved = saved_of(detection, converter)
    unchosen = {control["variableName"]: control["selectedOptions"][0] for control in controls(saved)}
    for title, query in panel_queries(saved).items():
        assert rows(engine, query, sent(unchosen))[1] == [], title


@pytest.mark.elasticsearch
def test_whatever_is_chosen_a_panel_finds_it_and_nothing_else(engine: ElasticsearchEngine) -> None:
    """Numbers that are no numbers among them: without its mark, Kibana would send 7 for `007`."""
    values = [*HOSTILE, "007", "1e3", "0x10", " 12 ", "innocent"]
    detection, converter = placed(engine, "call_count", "canonical")
    assert detection
    native = [
        record
        for number, value in enumerate(values)
        if (record := render("canonical", Call(time=START + number, id=f"c{number}", principal=value, model="m")))
    ]
    engine.load(detection.source, native)
    query = next(text for title, text in panel_queries(saved_of(detection, converter)).items() if "Who" in title)
    for value in values:
        subject = Subject({"user.id": value, "gen_ai.request.model": "m"}, START, START + 3_600_000)
        columns, found = rows(engine, query, sent(chosen(subject)))
        named = [dict(zip(columns, row, strict=True)) for row in found]
        assert [(row["user.id"], row["calls"]) for row in named] == [(value, 1)], value
