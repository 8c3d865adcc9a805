"""`sigmagen coverage`: which rule and field each source has in each SIEM, and why not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.mapping.source import load_sources
from sigmagen.mapping.taxonomy import load_taxonomy
from sigmagen.targets import registry
from tests.cli.conftest import ROOT, Run

RULE = ROOT / "rules" / "output" / "logprobs_with_logit_bias.yml"
PAGE = ROOT / "docs" / "coverage.md"


def test_page_in_docs_is_current(run: Run) -> None:
    """`make coverage` renews it."""
    rules, fields = run("coverage", "--markdown"), run("coverage", "--fields", "--markdown")
    assert PAGE.read_text("utf-8") == f"{rules.stdout}\n{fields.stdout}", "stale: run `make coverage`"


def test_reasons_are_those_of_convert(run: Run) -> None:
    cells = json.loads(run("coverage", RULE, "--json").stdout)
    assert {(cell["source"], cell["target"]) for cell in cells} == {
        (source, target) for source in load_sources(mappings_folder()) for target in ("splunk", "elastic", "sentinel")
    }
    sources = [option for cell in cells for option in ("-s", cell["source"])]
    converted = run("convert", RULE, "-t", "splunk", "-t", "elastic", "-t", "sentinel", *sources, "--json")
    document = json.loads(converted.stdout)
    queries = {(query["source"], query["target"]) for query in document["queries"]}
    assert queries == {(cell["source"], cell["target"]) for cell in cells if cell["covered"]}
    messages = {problem["message"].partition(": ")[2] for problem in document["problems"]}
    assert {cell["reason"] for cell in cells if not cell["covered"]} == messages - {
        note for cell in cells for note in cell["notes"]
    }


def test_fields_have_a_cell_for_each_source_and_target(run: Run) -> None:
    cells = json.loads(run("coverage", "--fields", "--json").stdout)
    sources, fields = load_sources(mappings_folder()), load_taxonomy(mappings_folder()).fields
    assert len(cells) == len(sources) * len(fields) * 3
    assert all(cell["covered"] == (cell["reason"] is None) for cell in cells)
    reasons = {(cell["field"], cell["source"], cell["target"]): cell["reason"] for cell in cells}
    assert reasons["gen_ai.usage.output_tokens", "litellm", "splunk"] is None
    assert (
        reasons["source.ip", "bedrock_invocation", "splunk"] == "Amazon Bedrock model invocation log does not have it"
    )
    assert reasons["source.network", "bedrock_invocation", "splunk"] == (
        "it needs source.ip: Amazon Bedrock model invocation log does not have it"
    )
    assert reasons["gen_ai.prompt", "canonical", "elastic"] == "canonical events carry hashes, not text"
    assert str(reasons["gen_ai.prompt", "litellm", "elastic"]).startswith("ES|QL can't decode JSON text")
    assert reasons["gen_ai.account.plan", "litellm", "sentinel"] == "only events of ai_account have it"
    assert str(reasons["gen_ai.response.finish_reason", "litellm", "elastic"]).endswith(
        "the mapping to elastic does not"
    )


@pytest.mark.parametrize("target", [name for name, each in registry.targets().items() if not each.lacks_correlations])
def test_every_target_with_correlations_can_be_asked(target: str, run: Run) -> None:
    cells = json.loads(run("coverage", "--fields", "-t", target, "-s", "canonical", "--json").stdout)
    assert {cell["field"] for cell in cells if not cell["covered"]} == {
        field.name for field in load_taxonomy(mappings_folder()).fields.values() if field.private
    }


def test_a_source_that_a_siem_does_not_keep_says_so(run: Run, tmp_path: Path) -> None:
    mappings = tmp_path / "mappings"
    _copy(mappings_folder(), mappings)
    source = mappings / "sources" / "litellm.yml"
    source.write_text(re.sub(r"(?ms)^  elastic:\n.*?(?=^  sentinel:)", "", source.read_text()))
    chosen = ("--mappings", mappings, "-s", "litellm", "-t", "elastic", "--json")
    fields = json.loads(run("coverage", "--fields", *chosen).stdout)
    assert {cell["reason"] for cell in fields if cell["field"] == "user.id"} == {"the source is not mapped to elastic"}
    (rule,) = json.loads(run("coverage", RULE, *chosen).stdout)
    assert rule["reason"] == "source litellm is not mapped to elastic"


def _copy(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            copied = target / path.relative_to(source)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(path.read_bytes())


def test_table_names_each_reason_once(run: Run) -> None:
    result = run("coverage", RULE)
    assert result.exit_code == 0
    reasons = re.findall(r"(?m)^ +(\d+)  (.+)$", result.stdout)
    assert len({text for _, text in reasons}) == len(reasons)
    for number in re.findall(r"\bno (\d+)\b", result.stdout):
        assert number in dict(reasons)
    assert re.search(r"(?m)^\d+ of \d+ covered$", result.stdout)


def test_a_rule_without_a_mapped_log_source_is_shown_over_the_generic_one(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "process.yml"
    path.write_text(
        "title: Process | <b>\nname: process\nlogsource: {product: windows, category: process_creation}\n"
        "detection: {s: {Image: a.exe}, condition: s}\nlevel: low\n"
    )
    cells = json.loads(run("coverage", path, "--json").stdout)
    assert {(cell["source"], cell["covered"]) for cell in cells} == {("generic", True)}
    assert run("coverage", path, "--markdown").exit_code == 0


def test_markdown_of_hostile_names_has_no_extra_cells(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "hostile.yml"
    path.write_text(
        "title: t\nname: 'a | <script>'\nlogsource: {category: ai_inference}\n"
        "detection: {s: {gen_ai.request.logprobs: true}, condition: s}\nlevel: low\n"
    )
    text = run("coverage", path, "--markdown").stdout
    assert "<script>" not in text
    assert "`a \\| &lt;script>`" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fields", RULE), "--fields shows the fields of sources"),
        (("--markdown", "--json"), "choose one of --markdown and --json"),
        (("-s", "litelm"), "unknown source 'litelm'"),
        (("-t", "lucene"), "is not one of"),
    ],
)
def test_wrong_usage_is_refused(arguments: tuple[object, ...], message: str, run: Run) -> None:
    result = run("coverage", *arguments)
    assert result.exit_code == 3
    assert message in result.stderr


def test_broken_rules_are_reported(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "broken.yml"
    path.write_text("title: [\n")
    assert run("coverage", path).exit_code == 2
