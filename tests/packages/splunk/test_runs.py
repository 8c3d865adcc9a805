"""The saved searches, run: the right alerts, at their own schedule, once a campaign."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from sigmagen.cli.settings import Settings
from sigmagen.durations import DAY, HOUR, MINUTE
from sigmagen.engines.alert import Alert
from sigmagen.packages.splunk.schedule import cron, period
from sigmagen.proof.verify import verify
from sigmagen.rules.model import RuleFile
from tests.native_logs import attack, reference_alerts
from tests.packages.splunk.app import (
    CONVERTER,
    FILES,
    LISTS,
    WEEK,
    PackagedSearches,
    macros,
    minutes,
    package,
    read_conf,
    unpack,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return unpack(package(tmp_path_factory.mktemp("app") / "out"))


@pytest.mark.thorough
@pytest.mark.parametrize("file", FILES, ids=[file.path.stem for file in FILES])
def test_the_saved_searches_find_what_the_reference_finds(files: dict[str, str], file: RuleFile) -> None:
    with PackagedSearches(files, macros(files) | LISTS) as engine:
        cells = list(verify(CONVERTER, [file], {"splunk": engine}))
        assert len(engine.ran) == len([cell for cell in cells if cell.status != "not_run"])
    assert {cell.status for cell in cells} == {"equal"}, [cell.differences for cell in cells]


def test_a_list_of_one_lets_that_one_pass(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yml"
    overlay.write_text("allow_lists: {ai_service_principals: [svc-batch-summariser]}")
    tenant = Settings.of(None, None, overlay=overlay)
    files = [file for file in tenant.load().files if file.path.stem == "call_count"]
    app = unpack(package(tmp_path / "out", files, ["litellm"], tenant.overlay()))
    with PackagedSearches(app, macros(app)) as engine:
        cells = list(verify(CONVERTER, files, {"splunk": engine}, ["litellm"]))
    assert {cell.status for cell in cells} == {"equal"}, [cell.differences for cell in cells]


def test_every_tick_is_in_the_look_back_of_a_run(files: dict[str, str]) -> None:
    covered = 0
    saved = read_conf(files["default/savedsearches.conf"])
    for file in FILES:
        for rule in file.subjects:
            for source in CONVERTER.feeding(rule):
                stanza = saved.get(f"Sigmagen - {rule.name}.{source.name} - Rule")
                if stanza is None:
                    continue
                schedule = CONVERTER.convert(rule, source, "splunk", "alert").schedule
                assert schedule is not None
                due = list(minutes(stanza["cron_schedule"]))
                gaps = {after - before for before, after in zip(due, [*due[1:], due[0] + WEEK], strict=True)}
                longest = max(gaps) * MINUTE
                assert min(gaps) >= 5
                assert longest <= schedule.interval
                looks_back = re.fullmatch(r"-(\d+)m", stanza["dispatch.earliest_time"])
                assert looks_back
                assert int(looks_back[1]) * MINUTE >= schedule.lookback
                assert stanza["dispatch.latest_time"] == "now"
                covered += 1
    assert covered > 30


def test_the_runs_are_spread_over_the_minutes(files: dict[str, str]) -> None:
    saved = read_conf(files["default/savedsearches.conf"]).values()
    due = Counter(
        minute for stanza in saved if "cron_schedule" in stanza for minute in minutes(stanza["cron_schedule"])
    )
    scheduled = sum(1 for stanza in saved if "cron_schedule" in stanza)
    assert max(due.values()) < scheduled / 3


@pytest.mark.parametrize("interval", [1, 5, 7, 7.5, 13, 45, 59, 61, 90, 150, 300, 700, 1439, 1440, 9999])
def test_cron_never_waits_longer_than_the_interval(interval: float) -> None:
    due = list(minutes(cron(round(interval * MINUTE), "some detection")))
    gaps = [after - before for before, after in zip(due, [*due[1:], due[0] + WEEK], strict=True)]
    assert max(gaps) <= max(interval, 5)
    assert period(round(interval * MINUTE)) == max(gaps) * MINUTE


def test_one_burst_is_one_alert(files: dict[str, str]) -> None:
    """Every run of the schedule that sees it, with the suppression of the saved search."""
    stem, source = "logprobs_with_logit_bias", CONVERTER.sources["litellm"]
    rule = next(file.subjects[0] for file in FILES if file.path.stem == stem)
    query = CONVERTER.convert(rule, source, "splunk", "alert")
    stanza = read_conf(files["default/savedsearches.conf"])[f"Sigmagen - {stem}.litellm - Rule"]
    looks_back = int(stanza["dispatch.earliest_time"][1:-1]) * MINUTE
    start = reference_alerts(stem, "litellm")[0].window_start // (7 * DAY) * 7 * DAY
    burst = start + 6 * HOUR
    native = [record | {"startTime": burst / 1000 + n / 100} for n, record in enumerate(attack(stem, "litellm"))]
    with PackagedSearches(files, macros(files) | LISTS) as engine:
        engine.load(source, native)
        due = [start + minute * MINUTE for minute in minutes(stanza["cron_schedule"])]
        runs = [(now, engine.run(query, now - looks_back, now)) for now in due if abs(now - burst) < 6 * HOUR]
    groups = {alert.group for _, alerts in runs for alert in alerts}
    assert groups
    quiet = int(stanza["alert.suppress.period"].removesuffix("s")) * 1000
    assert _triggers(runs, quiet) == dict.fromkeys(groups, 1)
    # Quiet for the timespan alone, the group would alert again on the same calls, which are still in the look-back.
    assert query.schedule is not None
    assert quiet >= query.schedule.suppression
    assert _triggers(runs, sum(window.timespan for window in query.windows)) == dict.fromkeys(groups, 2)


def _triggers(runs: list[tuple[int, list[Alert]]], quiet: int) -> Counter[tuple[tuple[str, str], ...]]:
    """How often each group triggers: not while it is quiet."""
    until: dict[tuple[tuple[str, str], ...], int] = {}
    triggers: Counter[tuple[tuple[str, str], ...]] = Counter()
    for now, alerts in runs:
        for alert in alerts:
            if now >= until.get(alert.group, 0):
                triggers[alert.group] += 1
                until[alert.group] = now + quiet
    return triggers
