"""Readiness: what a source really carries of what a rule needs, and whether it still speaks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest

from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.mapping.source import Source
from tests.native_logs import attack
from tests.packages.splunk.app import CONVERTER, FILES, LISTS, expand, macros, package, read_conf, unpack

EVER = (0, 4_000_000_000_000)
DRILLDOWN = re.compile(r'^\| savedsearch "([^"]+)" nosubstitution=true (\| where .*)$')


class Late(SplunkLocalEngine):
    """An index that events reach late; a cut one is no JSON."""

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        super().load(source, records)
        for number, row in enumerate(self._events):
            row["_indextime"] = row["_time"] + number + 1
            if number % 10 == 0:
                row["_raw"] = str(row["_raw"])[:-1]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return unpack(package(tmp_path_factory.mktemp("app") / "out"))


def run(files: dict[str, str], name: str, engine: SplunkLocalEngine, start: int = 0, end: int = EVER[1]) -> Any:
    text = read_conf(files["default/savedsearches.conf"])[name]["search"]
    return engine.execute(expand(text, macros(files) | LISTS), start, end)


def records(number: int) -> list[dict[str, Any]]:
    found = deepcopy(attack("one_template_many_fillings", "litellm")[:number])
    assert len(found) == number
    return found


def test_it_counts_events_delay_fields_and_redacted_prompts(files: dict[str, str]) -> None:
    native = records(100)
    for record in native[:25]:
        record |= {"messages": [{"role": "user", "content": "redacted-by-litellm"}]}
    for record in native[50:60]:
        record["metadata"] = {}
    with SplunkLocalEngine() as engine:
        engine.load(CONVERTER.sources["litellm"], native)
        (row,) = run(files, "Sigmagen - one_template_many_fillings.litellm - Readiness", engine)
    assert row["events"] == 100
    assert row["last_event"] == max(record["startTime"] for record in native)
    assert (row["redacted_share"], row["gen_ai_prompt_hash_share"], row["user_id_share"]) == (25, 75, 90)
    assert (row["delay_p50_seconds"], row["delay_p99_seconds"], row["cut_share"]) == (0, 0, 0)


def test_it_tells_late_and_cut_events(files: dict[str, str]) -> None:
    with Late() as engine:
        engine.load(CONVERTER.sources["litellm"], records(100))
        (row,) = run(files, "Sigmagen - one_template_many_fillings.litellm - Readiness", engine)
    assert row["cut_share"] == 10
    assert 45 <= row["delay_p50_seconds"] <= 55
    assert row["delay_p99_seconds"] >= 98


def test_a_cut_event_counts_also_where_only_some_records_take_part(files: dict[str, str]) -> None:
    native = attack("call_count", "apim")[:100]
    with Late() as engine:
        engine.load(CONVERTER.sources["apim"], native)
        (row,) = run(files, "Sigmagen - call_count.apim - Readiness", engine)
    assert (row["events"], row["cut_share"]) == (100, 10)


def test_records_that_are_no_calls_of_a_model_are_not_counted(files: dict[str, str]) -> None:
    native = deepcopy(attack("call_count", "apim")[:100])
    for record in native[:30]:
        record["properties"]["operationId"] = "Something_Else"
    with SplunkLocalEngine() as engine:
        engine.load(CONVERTER.sources["apim"], native)
        (row,) = run(files, "Sigmagen - call_count.apim - Readiness", engine)
    assert row["events"] == 70


def test_every_readiness_search_runs_on_its_own_source_and_names_the_group(files: dict[str, str]) -> None:
    ran = 0
    saved = read_conf(files["default/savedsearches.conf"])
    for file in FILES:
        for rule in file.subjects:
            for source in CONVERTER.feeding(rule):
                name = f"Sigmagen - {rule.name}.{source.name} - Readiness"
                if name not in saved:
                    continue
                with SplunkLocalEngine() as engine:
                    native = attack(file.path.stem, source.name, 20)
                    engine.load(source, native)
                    (row,) = run(files, name, engine)
                assert row["events"] == len(native) > 0
                group = saved[name.replace("Readiness", "Rule")]["alert.suppress.fields"].split(",")
                assert all(row[f"{column}_share"] > 0 for column in group), (name, row)
                ran += 1
    assert ran > 30


def test_silence_alert_fires_after_a_day_without_events(files: dict[str, str]) -> None:
    name, hour = "Sigmagen - litellm - Source silent", 3_600_000
    stanza = read_conf(files["default/savedsearches.conf"])[name]
    assert (stanza["dispatch.earliest_time"], stanza["dispatch.latest_time"]) == ("-1440m", "now")
    native = records(5)
    last = round(max(record["startTime"] for record in native) * 1000)
    with SplunkLocalEngine() as engine:
        engine.load(CONVERTER.sources["litellm"], native)
        assert run(files, name, engine, last - hour, last + 23 * hour) == []
        (row,) = run(files, name, engine, last + hour, last + 25 * hour)
        assert row == {"sigmagen_source": "litellm", "events": 0}


def test_macro_shortens_the_silence_of_all_sources(files: dict[str, str]) -> None:
    name, hour = "Sigmagen - litellm - Source silent", 3_600_000
    assert macros(files)["sigmagen_silent_after_seconds"] == "86400"
    text = read_conf(files["default/savedsearches.conf"])[name]["search"]
    native = records(5)
    last = round(max(record["startTime"] for record in native) * 1000)
    with SplunkLocalEngine() as engine:
        engine.load(CONVERTER.sources["litellm"], native)
        shorter = expand(text, macros(files) | {"sigmagen_silent_after_seconds": str(2 * 3600)})
        assert engine.execute(shorter, last - hour, last + hour) == []
        assert len(engine.execute(shorter, last - hour, last + 3 * hour)) == 1


def test_a_drilldown_leads_to_the_windows_and_events_of_the_group_without_prompt_text(files: dict[str, str]) -> None:
    """Whatever its name: here one that would end a string."""
    saved = read_conf(files["default/savedsearches.conf"])
    definitions = macros(files) | LISTS
    stanza = saved["Sigmagen - call_count.litellm - Rule"]
    hostile = 'x\\" | delete'
    native = attack("call_count", "litellm")
    renamed = [
        json.loads(json.dumps(record).replace("partner-07", json.dumps(hostile)[1:-1])) | {"id": f"{record['id']}-x"}
        for record in native
    ]
    with SplunkLocalEngine() as engine:
        engine.load(CONVERTER.sources["litellm"], [*native, *renamed])
        alerts = engine.execute(expand(stanza["search"], definitions), *EVER)
        alert = next(row for row in alerts if row["user_id"] == hostile)
        drilldowns = json.loads(stanza["action.notable.param.drilldown_searches"])
        assert len(drilldowns) == 2
        for drilldown in drilldowns:
            text = drilldown["search"].replace("$group_hash$", alert["group_hash"])
            called, where = DRILLDOWN.findall(text)[0]
            rows = engine.execute(f"{expand(saved[called]['search'], definitions)}\n{where}", *EVER)
            assert {row["user_id"] for row in rows} == {hostile}
            assert not {column for row in rows for column in row if column in ("_raw", "gen_ai_prompt", "user_text")}


def test_a_field_behind_what_splunk_extracts_counts_as_cut(files: dict[str, str]) -> None:
    """A text before the fields, as other shippers may write it, hides them from the search."""
    source = CONVERTER.sources["canonical"]
    native = attack("call_count", "canonical")[:100]
    long_first = [{"gen_ai.prompt": "x" * 5_000} | record if n < 30 else record for n, record in enumerate(native)]
    with SplunkLocalEngine() as engine:
        engine.load(source, [record | {"gen_ai.prompt": "x" * 5_000} for record in native])
        (whole,) = run(files, "Sigmagen - call_count.canonical - Readiness", engine)
        engine.load(source, long_first)
        (row,) = run(files, "Sigmagen - call_count.canonical - Readiness", engine)
    assert (whole["events"], whole["cut_share"], whole["user_id_share"]) == (100, 0, 100)
    assert (row["events"], row["cut_share"], row["user_id_share"]) == (100, 30, 70)
