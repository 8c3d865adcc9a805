"""The Python API does what docs/python-api.md shows."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sigmagen
from sigmagen import DetectionResult, SigmagenError, convert_rule, detect, load_rules, verify
from sigmagen.convert.converter import Query
from sigmagen.engines.alert import Alert
from sigmagen.engines.duckdb import DuckDBEngine
from tests.native_logs import attack, ndjson

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "python-api.md").read_text()
EXAMPLES = re.findall(r"(?ms)^## (\w[\w ]*)\n|^```python\n(.*?)^```", GUIDE)


def examples() -> Iterator[object]:
    """The code blocks of the guide, named after their section."""
    section = ""
    for heading, code in EXAMPLES:
        section = heading or section
        if code:
            yield pytest.param(code, id=section)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the built-in rules in `rules` and a log in `logs`."""
    (tmp_path / "rules").symlink_to(ROOT / "rules")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "litellm.ndjson").write_bytes(ndjson(attack("logprobs_with_logit_bias", "litellm")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("code", list(examples()))
def test_examples_of_the_guide_run(code: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "docs/python-api.md", "exec"), {})
    assert capsys.readouterr().out or "assert" in code


def test_guide_lists_every_exported_name() -> None:
    table = set(re.findall(r"(?m)^\| `(\w+)` \|", GUIDE))
    assert table == set(sigmagen.__all__) - {"__version__"}
    assert all(getattr(sigmagen, name) for name in sigmagen.__all__)
    assert set(sigmagen.__all__) <= set(dir(sigmagen))


def test_import_loads_no_heavy_modules() -> None:
    code = (
        "import sys, sigmagen; print(sorted({'click', 'duckdb', 'sigma', 'yaml', 'sigmagen.api'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout == "[]\n"


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'convert_rules'"):
        getattr(sigmagen, "convert_rules")  # noqa: B009


def test_broken_rule_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("title: Broken\n")
    loaded = load_rules(tmp_path)
    assert loaded.rules == ()
    assert {problem.file for problem in loaded.problems} == {str(tmp_path / "broken.yml")}


def test_convert_rule_returns_a_query_per_source() -> None:
    [rule] = load_rules(ROOT / "rules" / "output" / "logprobs_with_logit_bias.yml").rules
    queries = convert_rule(rule, "splunk")
    assert {"litellm", "canonical"} <= {query.source.name for query in queries}
    assert {query.mode for query in queries} == {"alert"}
    golden = ROOT / "tests" / "golden" / "splunk" / "output" / "logprobs_with_logit_bias.litellm.spl"
    assert [query.text for query in queries if query.source.name == "litellm"] == [golden.read_text().rstrip("\n")]


def test_convert_rule_raises_for_an_unknown_source() -> None:
    [rule] = load_rules(ROOT / "rules" / "volume" / "call_count.yml").rules
    with pytest.raises(SigmagenError, match="unknown source 'litelm'"):
        convert_rule(rule, "splunk", source="litelm")


def test_convert_rule_raises_for_a_source_of_another_log_source() -> None:
    [rule] = load_rules(ROOT / "rules" / "access").rules
    with pytest.raises(SigmagenError, match="source litellm does not have its log source"):
        convert_rule(rule, "splunk", source="litellm")


def test_convert_rule_uses_the_generic_source(tmp_path: Path) -> None:
    rule_file = tmp_path / "rule.yml"
    rule_file.write_text(
        "title: Whoami\nlogsource: {product: windows, category: process_creation}\n"
        "detection: {s: {Image|endswith: whoami.exe}, condition: s}\n"
    )
    [query] = convert_rule(load_rules(rule_file).rules[0], "elastic")
    assert query.source.name == "generic"
    assert "Image" in query.text


def test_detect_returns_alerts_blind_spots_and_problems(tmp_path: Path) -> None:
    log = tmp_path / "litellm.ndjson"
    log.write_bytes(ndjson(attack("logprobs_with_logit_bias", "litellm")) + b'{"broken"')
    result = detect(log)
    assert {alert.rule.name for alert in result.alerts} == {"logit_bias_churn", "logprobs_with_logit_bias"}
    assert isinstance(result, DetectionResult)
    assert {item.rule.name for item in result.not_run} >= {"bedrock_probe_logging_check_invoke"}
    assert result.blind_spots
    assert [problem.file for problem in result.problems] == [str(log)]


class SilentEngine(DuckDBEngine):
    """An engine that finds nothing."""

    name = "silent"

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        """Return no rows."""
        return []


def test_verify_reports_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sigmagen.engines.opening.open_duckdb", lambda taxonomy: SilentEngine)
    rules = load_rules(ROOT / "rules" / "output" / "logprobs_with_logit_bias.yml")
    cells = verify(rules, ["duckdb"], sources=["litellm"])
    assert {(cell.engine, cell.status) for cell in cells if cell.mode == "hunt"} == {("silent", "different")}
