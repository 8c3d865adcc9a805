"""The forms of the app, filled in with an alert: each panel answers what `sigmagen investigate` does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sigmagen.content.investigate.build import pivots_for
from sigmagen.content.investigate.pivots import load_playbook
from sigmagen.content.investigate.subject import Subject
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests.content.investigate.answers import EVER, PLACES, alert
from tests.packages.splunk.app import CONVERTER, LISTS, expand, macros, package, read_conf, unpack
from tests.packages.splunk.form import Form
from tests.targets.test_hostile_values import HOSTILE

QUICK = [
    ("call_count", "litellm"),
    ("one_template_many_fillings", "canonical"),
    ("bedrock_probe_logging_check_invoke", "cloudtrail"),
    ("logprobs_with_logit_bias", "apim"),
]
START = 1_786_440_000_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return unpack(package(tmp_path_factory.mktemp("app") / "out"))


@pytest.fixture
def engine() -> Iterator[SplunkLocalEngine]:
    with SplunkLocalEngine() as engine:
        yield engine


def view_of(rule: str, source: str) -> str:
    return f"investigate_{rule}_{source}"


def values_of(files: Mapping[str, str], key: str, subject: Subject) -> dict[str, Any]:
    """An alert of SPL as a person fills it in: the columns of its row, and epoch seconds."""
    filled = {f"alert_{re.sub(r'[^A-Za-z0-9]', '_', field)}": value for field, value in subject.group.items()}
    assert f"Sigmagen - {key} - Rule" in read_conf(files["default/savedsearches.conf"])
    return filled | {"window_start": subject.start / 1000, "window_end": subject.end / 1000}


def unequal(files: Mapping[str, str], engine: SplunkLocalEngine, name: str, source_name: str) -> list[str]:
    """The pivots to which a form gives another answer than the query that `sigmagen investigate` prints."""
    scene = alert(name, source_name)
    if scene is None:
        pytest.skip("the log lacks a field of the rule")
    rule, source, subject, native = scene
    engine.load(source, native)
    form = Form(files, view_of(name, source_name), engine, LISTS)
    form.fill(values_of(files, f"{name}.{source_name}", subject))
    queries, _ = pivots_for(CONVERTER, rule, source, "splunk", subject)
    panels = form.panels()
    assert list(panels) == [f"{query.pivot.id}_{source_name}" for query in in_sections(queries)]
    found, filled = [], 0
    for query, table in zip(in_sections(queries), panels.values(), strict=True):
        expected, got = engine.execute(query.text, *EVER), form.run(table)
        filled += bool(expected)
        if expected != got:
            found.append(f"{query.pivot.id}: {expected[:3]} but {got[:3]}")
    assert filled > 3
    return found


def in_sections(queries: list[Any]) -> list[Any]:
    order = list(load_playbook(CONVERTER.mappings).sections)
    return sorted(queries, key=lambda query: order.index(query.pivot.section))


@pytest.mark.parametrize(("name", "source"), QUICK)
def test_a_form_answers_as_the_printed_queries_do(
    files: dict[str, str], engine: SplunkLocalEngine, name: str, source: str
) -> None:
    assert unequal(files, engine, name, source) == []


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "source"), PLACES)
def test_every_form_answers_as_the_printed_queries_do(
    files: dict[str, str], engine: SplunkLocalEngine, name: str, source: str
) -> None:
    assert unequal(files, engine, name, source) == []


@pytest.mark.parametrize(("name", "source_name"), QUICK[:2])
def test_a_click_on_an_alert_fills_the_form_in(
    files: dict[str, str], engine: SplunkLocalEngine, name: str, source_name: str
) -> None:
    scene = alert(name, source_name)
    assert scene
    _, source, subject, native = scene
    engine.load(source, native)
    form = Form(files, view_of(name, source_name), engine, LISTS)
    saved = read_conf(files["default/savedsearches.conf"])[f"Sigmagen - {name}.{source_name} - Rule"]
    alerts = engine.execute(expand(saved["search"], macros(files) | LISTS), *EVER)
    columns = saved["alert.suppress.fields"].split(",")
    assert alerts
    assert form.alerts(*EVER) == [
        {f"alert_{column}": row[column] for column in columns}
        | {edge: str(round(row[edge])) for edge in ("window_start", "window_end")}
        for row in alerts
    ]
    assert {form.alerts(*EVER)[0][f"alert_{column}"] for column in columns} == set(subject.group.values())


def test_nothing_runs_before_there_is_a_window(files: dict[str, str], engine: SplunkLocalEngine) -> None:
    form = Form(files, view_of("call_count", "canonical"), engine, LISTS)
    group = {"alert_user_id": "partner-07", "alert_gen_ai_request_model": "m"}
    assert form.panels() == {}
    form.fill({**group, "window_start": "soon", "window_end": START / 1000})
    assert form.panels() == {}
    form.fill({**group, "window_start": START / 1000 + 1, "window_end": START / 1000})
    assert form.panels() == {}
    form.fill({**group, "window_start": START / 1000, "window_end": START / 1000 + 1})
    assert len(form.panels()) > 5


def test_whatever_a_value_is_a_form_finds_it_and_nothing_else(files: dict[str, str], engine: SplunkLocalEngine) -> None:
    values = [*HOSTILE, "$alert_gen_ai_request_model|u$", "100% +plus", "innocent"]
    native = [
        record
        for number, value in enumerate(values)
        if (record := render("canonical", Call(time=START + number, id=f"c{number}", principal=value, model="m")))
    ]
    engine.load(CONVERTER.source("canonical"), native)
    form = Form(files, view_of("call_count", "canonical"), engine, LISTS)
    for value in values:
        if len(value) >= 5000:
            continue  # Splunk itself extracts no field from behind the first 5,000 bytes of an event.
        group = {"alert_user_id": value, "alert_gen_ai_request_model": "m"}
        form.fill({**group, "window_start": START / 1000, "window_end": START / 1000 + 3600})
        rows = form.run(form.panels()["who_is_it_canonical"])
        assert [(row["user_id"], row["calls"]) for row in rows] == [(value, 1)], value


def test_values_stand_in_searches_only_where_they_can_not_be_read_as_spl(files: dict[str, str]) -> None:
    checked = doubled = 0
    for path, text in files.items():
        if "/views/investigate_" not in path:
            continue
        for query in re.findall(r"<query>(.*?)</query>", text, re.DOTALL):
            single = query.replace("$$", "")
            doubled += single != query
            tokens = re.findall(r'"\$(?:alert_\w+|window_start|window_end)\|u\$"', single)
            checked += len(tokens)
            assert single.count("$") == 2 * len(tokens), path
    assert checked > 1000
    assert doubled > 10, "a regular expression ends with a dollar sign, which is no token"


def test_menu_dashboard_and_alerts_lead_to_the_forms(files: dict[str, str]) -> None:
    views = {Path(path).stem for path in files if "/views/investigate_" in path}
    saved = read_conf(files["default/savedsearches.conf"])
    alerts = [name for name in saved if name.endswith(" - Rule")]
    assert len(views) == len(alerts)
    menu = files["default/data/ui/nav/default.xml"]
    assert {found for found in re.findall(r'<view name="(\w+)"/>', menu) if found.startswith("investigate_")} == views
    named = {found[1] for name in alerts if (found := re.search(r"/(investigate_\w+)$", saved[name]["description"]))}
    assert named == views
    listed = {line.rsplit(",", 1)[1] for line in files["lookups/sigmagen_detections.csv"].splitlines()[1:]}
    assert listed == views
    assert files["default/data/ui/views/model_extraction.xml"].count("/app/sigmagen_model_extraction/$row.view$") == 2
    assert f"has {len(views)} forms" in files["README.md"]


def test_a_fired_alert_leads_to_its_form(files: dict[str, str], engine: SplunkLocalEngine) -> None:
    """The dashboard's search for it, from the name of the saved search on."""
    view = files["default/data/ui/views/model_extraction.xml"]
    (told,) = re.findall(r"eval detection=(replace\([^)]+\))", view)
    saved = read_conf(files["default/savedsearches.conf"])
    listed = [line.split(",")[0] for line in files["lookups/sigmagen_detections.csv"].splitlines()[1:]]
    alerts = [name for name in saved if name.endswith(" - Rule")]
    found = [engine.execute(f'| makeresults | eval ss_name="{name}" | eval key={told}', 0, 1)[0] for name in alerts]
    assert [row["key"] for row in found] == listed
    for query in re.findall(r"<query>(.*?)</query>", view, re.DOTALL):
        assert "$" not in re.sub(r"\$(?:key|range\.\w+)\$", "", query), "a dollar sign that starts no token"


def test_every_macro_of_a_form_is_defined(files: dict[str, str]) -> None:
    used = {
        name
        for path, text in files.items()
        if "/views/investigate_" in path
        for query in re.findall(r"<query>(.*?)</query>", text, re.DOTALL)
        for name in re.findall(r"`(\w+)`", query)
    }
    assert used
    assert used <= set(macros(files))


def test_no_form_shows_a_prompt(files: dict[str, str]) -> None:
    private = {name.replace(".", "_") for name, field in CONVERTER.taxonomy.fields.items() if field.private}
    for path, text in files.items():
        if "/views/investigate_" in path:
            for shown in re.findall(r"\| (?:fields|table) ([^|<]+)", text):
                assert not private & set(re.split(r"[,\s]+", shown)), path
