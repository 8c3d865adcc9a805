"""`sigmagen convert` over log sources that no mapping feeds: the generic source, and what is said of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sigmagen.bundled import rules_folder
from tests.cli.conftest import Run

PLAIN = """\
title: Encoded command
logsource: {product: windows, category: process_creation}
detection:
  selection: {Image|endswith: '\\powershell.exe', CommandLine|contains: ' -enc '}
  filter: {ParentImage: 'C:\\Agent\\agent.exe'}
  condition: selection and not filter
"""
LOGON = """\
title: Failed logon
name: failed
logsource: {product: windows, service: security}
detection: {selection: {EventID: 4625}, condition: selection}
---
title: Many failed logons
correlation:
  type: event_count
  rules: [failed]
  group-by: [IpAddress]
  timespan: 1h
  condition: {gte: 20}
"""
KEYWORDS = """\
title: Words
logsource: {product: linux, service: auth}
detection: {words: [segfault, 'core dumped'], condition: words}
"""
TWO = """\
title: Logon
name: one
logsource: {product: windows, service: security}
detection: {selection: {EventID: 4624}, condition: selection}
---
title: Call
name: two
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventVersion: '1.08'}, condition: selection}
---
title: Both
correlation: {type: temporal, rules: [one, two], group-by: [user], timespan: 1h}
"""


@pytest.fixture
def queries(run: Run, tmp_path: Path) -> Any:
    """The queries of a rule, by target, and the document that they are part of."""

    def converted(text: str, *options: object) -> tuple[dict[str, str], dict[str, Any]]:
        path = tmp_path / "rule.yml"
        path.write_text(text)
        document = json.loads(run("convert", path, "--json", *options).stdout)
        return {query["target"]: query["query"] for query in document["queries"]}, document

    return converted


def test_event_rule_keeps_field_names(queries: Any) -> None:
    texts, document = queries(PLAIN)
    assert texts["splunk"] == (
        'index=* Image="*\\\\powershell.exe" CommandLine="* -enc *" NOT ParentImage="C:\\\\Agent\\\\agent.exe"'
    )
    assert texts["elastic"] == (
        "FROM logs-* METADATA _id, _index, _version\n"
        '| WHERE ENDS_WITH(TO_LOWER(Image), "\\\\powershell.exe")\n'
        '    AND LOCATE(TO_LOWER(CommandLine), " -enc ") > 0\n'
        '    AND (ParentImage IS NULL OR TO_LOWER(ParentImage) != "c:\\\\agent\\\\agent.exe")'
    )
    assert texts["sentinel"] == (
        "SET_TABLE_FOR_category_process_creation_product_windows\n"
        '| where Image endswith "\\\\powershell.exe"\n'
        '    and CommandLine contains " -enc "\n'
        '    and ParentImage !~ "C:\\\\Agent\\\\agent.exe"'
    )
    assert {query["source"] for query in document["queries"]} == {"generic"}


def test_generic_note_and_warning_for_missing_table(queries: Any) -> None:
    _, document = queries(PLAIN)
    found = [(problem["severity"], problem["code"]) for problem in document["problems"]]
    assert found == [("warning", "location-unknown"), ("info", "generic-source")]
    _, document = queries(LOGON)
    assert [problem["code"] for problem in document["problems"]] == ["generic-source"]


def test_summary_counts(queries: Any) -> None:
    _, document = queries(PLAIN.replace("|contains: ' -enc '", r"|re: 'a\b.'"))
    assert [(row["target"], row["converted"], row["warned"], row["refused"]) for row in document["summary"]] == [
        ("splunk", 1, 0, 0),
        ("elastic", 0, 0, 1),
        ("sentinel", 1, 1, 0),
    ]
    (reason,) = document["summary"][1]["reasons"]
    assert (reason["severity"], reason["code"], reason["count"]) == ("error", "not-convertible", 1)
    assert reason["reason"].startswith("is compared with a regular expression that contains an anchor or word boundary")


def test_a_correlation_slides_over_numbers_and_names_as_they_are(queries: Any) -> None:
    texts, _ = queries(LOGON)
    assert texts["splunk"].startswith('index=* EventID=4625\n| where IpAddress != ""\n| eval pane=')
    assert "\n| WHERE EventID == 4625\n" in texts["elastic"]
    assert "EVAL EventID = TO_DOUBLE(EventID)" in texts["elastic"]
    assert texts["sentinel"].startswith(
        "let alerts = SecurityEvent\n| extend EventID = todouble(EventID)\n| where EventID == 4625"
    )


def test_log_sources_in_several_tables_are_read_side_by_side(queries: Any) -> None:
    texts, _ = queries(TWO)
    assert "(SecurityEvent\n" in texts["sentinel"]
    assert "(AWSCloudTrail\n" in texts["sentinel"]


def test_keywords_are_searched_in_whole_event(queries: Any) -> None:
    texts, _ = queries(KEYWORDS)
    assert texts["splunk"] == 'index=* (_raw="*segfault*" OR _raw="*core dumped*")'
    assert 'LOCATE(TO_LOWER(message), "segfault") > 0 OR' in texts["elastic"]
    assert texts["sentinel"].endswith('| where * contains "segfault" or * contains "core dumped"')


def test_a_location_is_taken_as_it_is_given(queries: Any) -> None:
    places = ["splunk=index=win sourcetype=sysmon", "elastic=logs-win.*", "sentinel=Sysmon_CL"]
    texts, document = queries(PLAIN, *(word for place in places for word in ("--location", place)))
    assert texts["splunk"].startswith("index=win sourcetype=sysmon Image=")
    assert texts["elastic"].startswith("FROM logs-win.* METADATA")
    assert texts["sentinel"].startswith("Sysmon_CL\n")
    assert [problem["code"] for problem in document["problems"]] == ["generic-source"]


@pytest.mark.parametrize("place", ["windows=x", "splunk", "elastic="])
def test_a_location_of_no_siem_is_a_usage_error(place: str, run: Run) -> None:
    result = run("convert", "--location", place)
    assert result.exit_code == 3
    assert "splunk|elastic|sentinel=PLACE" in result.stderr


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("splunk=index=win | delete", "a search can't contain '|' here"),
        ("elastic=logs-*, secret", "is not a comma-separated list of index patterns"),
        ("sentinel=X | take 1; Y", "'X | take 1; Y' is not the name of a table"),
    ],
)
def test_location_that_changes_query_is_rejected(place: str, said: str, run: Run) -> None:
    result = run("convert", "--location", place)
    assert (result.exit_code, result.stdout) == (3, "")
    assert said in result.stderr


def test_a_location_of_alternatives_gets_brackets_as_in_an_overlay(queries: Any) -> None:
    texts, _ = queries(PLAIN, "-t", "splunk", "--location", "splunk=index=a OR index=b")
    assert texts["splunk"].startswith("(index=a OR index=b) Image=")


LUCENE_REFUSES = [
    ("{s: {user.id|re: '^(?=a)b'}, condition: s}", "not convertible to lucene"),
    ("{s: {a|fieldref: b}, condition: s}", "not convertible to lucene"),
    ("{s: {t|hour: 3}, condition: s}", "not convertible to lucene"),
    ("{k: [word], condition: k}", "not convertible to lucene"),
    ("{s: {a..b: c}, condition: s}", "can't be named in lucene"),
    ("{s: {a|cidr: 192.0.2.0/24, a|contains: x}, condition: s}", "lucene"),
]


def test_lucene_rejections_name_lucene(run: Run, tmp_path: Path) -> None:
    rule = tmp_path / "rule.yml"
    head = "title: t\nlogsource: {product: windows, category: process_creation}\ndetection: "
    for detection, said in LUCENE_REFUSES:
        rule.write_text(head + detection)
        result = run("convert", rule, "-t", "lucene")
        assert result.exit_code == 1, (detection, result.output)
        assert said in result.stderr
        assert not re.search(r"ES\|QL|[Ee]lastic", result.stderr), result.stderr
    sigma = rules_folder() / "volume" / "call_count.yml"
    for arguments in ((sigma,), (sigma, "-s", "litellm")):
        result = run("convert", *arguments, "-t", "lucene")
        assert "not convertible to lucene: Lucene finds documents, but can't count them" in result.stderr


def test_a_siem_has_one_location(run: Run) -> None:
    result = run("convert", "--location", "splunk=index=a", "--location", "splunk=index=b")
    assert result.exit_code == 3
    assert "splunk is given twice" in result.stderr


def test_a_field_that_a_mapping_does_not_list_makes_the_rule_generic(queries: Any) -> None:
    rule = PLAIN.replace("product: windows, category: process_creation", "product: aws, service: cloudtrail")
    texts, document = queries(rule, "-t", "splunk")
    assert texts["splunk"].startswith('sourcetype="aws:cloudtrail" Image=')
    assert document["summary"][0]["refused"] == 0


def test_a_misspelt_field_of_the_taxonomy_stays_an_error(queries: Any) -> None:
    rule = "title: t\nlogsource: {category: ai_inference}\ndetection: {s: {user.idd: a}, condition: s}\n"
    texts, document = queries(rule)
    assert not texts
    codes = {problem["code"] for problem in document["problems"]}
    assert "unknown-field" in codes <= {"unknown-field", "source-not-mapped"}


def test_generic_source_can_be_selected(queries: Any) -> None:
    rule = "title: t\nlogsource: {category: ai_inference}\ndetection: {s: {user.id: a}, condition: s}\n"
    texts, _ = queries(rule, "-s", "generic", "-t", "splunk")
    assert texts["splunk"] == 'index=* user.id="a"'


HOSTILE = ["a) or (1==1", 'x" OR y', "] == 1", "a`b", "x// y", "a b", "${x}", "é"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_field_names_are_escaped(name: str, queries: Any) -> None:
    rule = {"title": "t", "logsource": {"product": "x"}, "detection": {"s": {name: "v"}, "condition": "s"}}
    texts, document = queries(json.dumps(rule))
    if "splunk" in texts:
        assert texts["splunk"] in (f"index=*\n| where lower('{name}') = \"v\"", f'index=* {name}="v"')
    else:
        assert "can't be named in splunk" in document["problems"][0]["message"]
    assert texts["elastic"].split("\n| WHERE ")[1] == 'TO_LOWER(`{}`) == "v"'.format(name.replace("`", "``"))
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert texts["sentinel"].split("\n| where ")[1] == f'["{escaped}"] =~ "v"'


def test_a_name_of_two_lines_is_refused(queries: Any) -> None:
    rule = {"title": "t", "logsource": {"product": "x"}, "detection": {"s": {"a\nb": "v"}, "condition": "s"}}
    texts, document = queries(json.dumps(rule))
    assert not texts
    assert {problem["code"] for problem in document["problems"]} >= {"field-name"}


@pytest.mark.parametrize("name", ["a'b", "p\\"])
def test_a_name_that_spl_can_t_quote_is_refused_there_only(name: str, queries: Any) -> None:
    rule = {"title": "t", "logsource": {"product": "x"}, "detection": {"s": {name: "v"}, "condition": "s"}}
    texts, document = queries(json.dumps(rule))
    assert list(texts) == ["elastic", "sentinel"]
    assert "can't be named in splunk" in document["problems"][0]["message"]


def test_repeated_warnings_are_limited_unless_verbose(run: Run, tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / f"{number}.yml").write_text(PLAIN.replace("Encoded", f"Encoded {number}"))
    short = run("convert", tmp_path, "-t", "sentinel")
    assert short.stderr.count("warning[location-unknown]") == 20
    assert "info[location-unknown]: 5 more of this kind" in short.stderr
    assert run("convert", tmp_path, "-t", "sentinel", "-v").stderr.count("warning[location-unknown]") == 25
