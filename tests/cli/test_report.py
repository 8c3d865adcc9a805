"""`sigmagen report`: one HTML file that is safe to open, whatever is in the logs."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.native_logs import attack, ndjson

RULE = """\
title: Many Calls of a User
name: answered
logsource: {category: ai_inference}
detection: {selection: {event.outcome: success}, condition: selection}
---
title: Many Calls of a User
name: many_of_user
level: high
falsepositives: [Load tests]
correlation: {type: event_count, rules: [answered], group-by: [user.id], timespan: 1h, condition: {gte: 5}}
"""
HOSTILE = "</script></style><img src=x onerror=alert(1)>{{ 7*7 }}\u202e\"'`;#"
PROMPT = "the secret recipe of zanzibar"


class Tags(HTMLParser):
    """Collects the tags with their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        # Inside a sentence there are only these.
        self.text += "" if tag in ("a", "code") else " "

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(path: Path) -> Tags:
    """The page."""
    page = Tags()
    page.feed(path.read_text("utf-8"))
    return page


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder with one rule."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "rule.yml").write_text(RULE)
    return folder


def write_log(path: Path, user: str, calls: int = 6) -> Path:
    """A log of calls by one user, ten seconds apart."""
    lines = [
        {
            "@timestamp": f"2026-08-03T10:00:{number * 10:02d}Z",
            "event.id": f"e{number}",
            "event.outcome": "success",
            "gen_ai.request.model": HOSTILE,
            "user_agent.original": HOSTILE,
            "user.id": user,
            "gen_ai.usage.output_tokens": 70,
        }
        for number in range(calls)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_report_shows_actors_rules_tokens_and_next_queries(run: Run, tmp_path: Path, rules: Path) -> None:
    output = tmp_path / "report.html"
    result = run("report", write_log(tmp_path / "log.ndjson", "ann"), "-o", output, "--rules", rules)
    assert result.exit_code == 0
    assert "1 actor, 1 alert" in result.stderr
    text = " ".join(parsed(output).text.split())
    assert "event_count >= 5 within 1h" in text
    assert "120 %" in text
    assert "6 queries, - tokens in, 420 tokens out" in text
    assert "2026-08-03 10:00" in text
    assert "sigmagen investigate many_of_user -s canonical --group user.id=ann --window 2026-08-03T09:" in text
    assert "Load tests" in text
    assert all(f"queries in {language}" in text for language in ("SPL", "ES|QL", "KQL"))


def test_target_chooses_the_language_of_next_queries(run: Run, tmp_path: Path, rules: Path) -> None:
    output = tmp_path / "report.html"
    run("report", write_log(tmp_path / "log.ndjson", "ann"), "-o", output, "--rules", rules, "-t", "kql")
    text = parsed(output).text
    assert "queries in KQL" in text
    assert "queries in SPL" not in text


def test_values_of_logs_and_rules_are_escaped(run: Run, tmp_path: Path, rules: Path) -> None:
    output = tmp_path / "report.html"
    (rules / "rule.yml").write_text(RULE.replace("Load tests", f'"Load {chr(0x202E)} tests"'))
    run("report", write_log(tmp_path / "log.ndjson", HOSTILE), "-o", output, "--rules", rules)
    page = parsed(output)
    assert "Load \ufffd tests" in page.text
    assert not {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "object", "form"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "<img src=x onerror=alert(1)>{{ 7*7 }}" in page.text
    assert "\u202e" not in output.read_text("utf-8")
    assert "use sigmagen investigate --alert" in page.text


def test_report_needs_no_network_and_allows_no_script(run: Run, tmp_path: Path, rules: Path) -> None:
    output = tmp_path / "report.html"
    run("report", write_log(tmp_path / "log.ndjson", "ann"), "-o", output, "--rules", rules)
    page = parsed(output)
    links = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("href", "src")]
    assert all(link and link.startswith("#") for link in links)
    assert "url(" not in output.read_text("utf-8")
    policy = next(attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_report_has_no_prompt_text(run: Run, tmp_path: Path, rules: Path) -> None:
    (rules / "rule.yml").write_text(RULE.replace("event.outcome: success", "gen_ai.prompt|contains: zanzibar"))
    messages = [{"role": "user", "content": PROMPT}]
    log = tmp_path / "log.ndjson"
    calls = attack("logprobs_with_logit_bias", "litellm", 20)
    log.write_bytes(ndjson({**call, "messages": messages} for call in calls))
    output = tmp_path / "report.html"
    result = run("report", log, "-o", output, "--rules", rules)
    assert "1 actor, 1 alert" in result.stderr
    assert PROMPT not in output.read_text("utf-8")


def test_page_is_readable_by_a_screen_reader(run: Run, tmp_path: Path, attack_log: Path) -> None:
    output = tmp_path / "report.html"
    run("report", attack_log, "-o", output)
    page = parsed(output)
    names = [tag for tag, _ in page.tags]
    assert names.count("h1") == 1
    levels = [int(tag[1]) for tag in names if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert names.count("table") == names.count("caption") > 2
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert drawings
    assert all(attributes.get("role") == "img" and attributes.get("aria-label") for attributes in drawings)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    targets = {str(attributes["href"])[1:] for tag, attributes in page.tags if tag == "a"}
    assert len(ids) == len(set(ids))
    assert targets <= set(ids)


def test_alerts_grouped_by_a_native_field_are_joined_by_its_meaning(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log.ndjson"
    log.write_bytes(ndjson(attack("bedrock_probe_logging_check_invoke", "cloudtrail")))
    output = tmp_path / "report.html"
    result = run("report", log, "-o", output)
    alerts = len(json.loads(run("detect", log, "--json").stdout))
    assert alerts > 1
    assert f"1 actor, {alerts} alerts" in result.stderr
    assert not re.search(r"Taken in alerts 0 queries", " ".join(parsed(output).text.split()))


def test_campaign_of_many_accounts_that_two_rules_find_is_one_actor(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log.ndjson"
    log.write_bytes(ndjson(attack("one_template_many_organizations", "litellm")))
    output = tmp_path / "report.html"
    result = run("report", log, "-o", output, "--rule", "one_template_many_organizations")
    assert result.stderr.startswith("1 actor, ")
    assert re.search(r"Taken in alerts [1-9][0-9]+ queries", " ".join(parsed(output).text.split()))


def test_report_without_alerts_points_to_the_blind_spots(run: Run, tmp_path: Path, litellm: Path) -> None:
    output = tmp_path / "report.html"
    assert run("report", litellm, "-o", output).exit_code == 0
    assert "No rule alerted. Read the blind spots" in parsed(output).text


def test_broken_log_leaves_a_report_of_the_rest(run: Run, tmp_path: Path, rules: Path) -> None:
    log = write_log(tmp_path / "log.ndjson", "ann")
    log.write_text(log.read_text() + "\n{broken")
    output = tmp_path / "report.html"
    assert run("report", log, "-o", output, "--rules", rules).exit_code == 2
    text = parsed(output).text
    assert "Problems while reading (1)" in text
    assert "120 %" in text


def test_output_that_cannot_be_written_is_reported(run: Run, tmp_path: Path, litellm: Path) -> None:
    result = run("report", litellm, "-o", tmp_path / "absent" / "report.html")
    assert result.exit_code == 3
    assert "can't write there" in result.stderr
