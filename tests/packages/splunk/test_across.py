"""A rule across two sources in the app: a macro for each, a readiness search for each, and the same alerts."""

from __future__ import annotations

from pathlib import Path

import pytest

from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.sources import render
from tests.packages.splunk.app import CONVERTER, expand, macros, package, read_conf, unpack
from tests.packages.splunk.form import Form
from tests.test_across_sources import FOUND, calls, rule  # noqa: F401 - a fixture

NAME = "Sigmagen - denied_then_long.cloudtrail+bedrock_invocation"


@pytest.fixture
def files(tmp_path: Path, rule: object) -> dict[str, str]:  # noqa: F811
    from sigmagen.bundled import mappings_folder
    from sigmagen.rules.load import load_rules

    loaded = load_rules([tmp_path / "rule.yml"], rules_folder=tmp_path, mappings_folder=mappings_folder())
    return unpack(package(tmp_path / "out", loaded.files))


def test_each_part_has_its_macro_and_its_readiness(files: dict[str, str]) -> None:
    saved = read_conf(files["default/savedsearches.conf"])
    search = saved[f"{NAME} - Rule"]["search"]
    assert "`sigmagen_cloudtrail`" in search
    assert "`sigmagen_bedrock_invocation`" in search
    assert saved[f"{NAME} - Readiness"]["search"].startswith("`sigmagen_cloudtrail`\n")
    assert saved[f"{NAME} - Readiness 2"]["search"].startswith("`sigmagen_bedrock_invocation`\n")


def test_the_saved_searches_run_over_both(files: dict[str, str]) -> None:
    saved = read_conf(files["default/savedsearches.conf"])
    with SplunkLocalEngine() as engine:
        for name, made in calls().items():
            engine.load(
                CONVERTER.sources[name], [record for call in made if (record := render(name, call)) is not None]
            )
        found = {
            kind: engine.execute(expand(saved[f"{NAME} - {kind}"]["search"], macros(files)), 0, 4_000_000_000_000)
            for kind in ("Rule", "Hunt", "Events", "Readiness", "Readiness 2")
        }
    assert {row["account"] for row in found["Rule"]} == {row["account"] for row in found["Hunt"]} == {FOUND}
    assert FOUND in {row["account"] for row in found["Events"]}
    assert found["Readiness"][0]["recipientAccountId_share"] == 100
    assert found["Readiness 2"][0]["cloud_account_id_share"] == 100


def test_its_form_asks_both_by_what_the_alias_stands_for(files: dict[str, str]) -> None:
    view = "investigate_denied_then_long_cloudtrail_bedrock_invocation"
    made, source = calls(), CONVERTER.sources["bedrock_invocation"]
    with SplunkLocalEngine() as engine:
        native = [found for call in made["bedrock_invocation"] if (found := render(source.name, call))]
        engine.load(source, native)
        form = Form(files, view, engine, {})
        times = [call.time for part in made.values() for call in part]
        form.fill({"alert_account": FOUND, "window_start": min(times) / 1000, "window_end": max(times) / 1000 + 1})
        panels = form.panels()
        assert {"who_is_it_cloudtrail", "who_is_it_bedrock_invocation"} <= set(panels)
        rows = form.run(panels["impact_bedrock_invocation"])
    own = [record for record in native if record["accountId"] == FOUND]
    assert sum(row["calls"] for row in rows) == len(own) > 0
    assert len(own) < len(native)
