"""A source is one folder of code and one mapping file: a toy one goes the whole way, with nothing else changed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sigmagen import sources
from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.cli.main import cli

TOY = Path(__file__).parent / "toy"
TEST_FILE = """\
rule: call_count
defaults: {principal: partner-07, model: gpt-4o-mini}
cases:
  - name: three calls
    kind: attack
    why: One principal and one model.
    steps: [{repeat: 3, every: 60s}]
    alerts: [{group: {user.id: partner-07, gen_ai.request.model: gpt-4o-mini}, after: 3}]
  - name: three failures
    kind: benign
    why: As many calls, but none is answered.
    steps: [{repeat: 3, every: 60s, call: {outcome: failure}}]
  - name: two calls
    kind: miss
    why: Below the threshold, which is as low as it can be.
    steps: [{repeat: 2, every: 60s}]
"""

Run = Callable[..., Result]


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the toy's folder of code, where sources are looked for; what an earlier test imported is forgotten."""
    for name in [name for name in sys.modules if name.startswith(f"{sources.__name__}.toy_gateway")]:
        monkeypatch.delitem(sys.modules, name)
    places = tmp_path / "code"
    shutil.copytree(TOY / "toy_gateway", places / "toy_gateway", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(places)])
    return places / "toy_gateway"


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    """A rule with a threshold of three calls, and its test."""
    text = (rules_folder() / "volume" / "call_count.yml").read_text("utf-8")
    path = tmp_path / "rules" / "volume" / "call_count.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text.replace("gte: 500", "gte: 3"), "utf-8")
    path.with_name("call_count.test.yml").write_text(TEST_FILE, "utf-8")
    return path


@pytest.fixture
def run(tmp_path: Path, code: Path) -> Run:
    """Run `sigmagen` with the toy's mapping among the built-in ones."""
    mappings = tmp_path / "mappings"
    shutil.copytree(mappings_folder(), mappings)
    shutil.copy(TOY / "toy_gateway.yml", mappings / "sources")

    def run_command(*arguments: object) -> Result:
        result = CliRunner().invoke(cli, ["--mappings", str(mappings), *map(str, arguments)], prog_name="sigmagen")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run_command


def test_check_is_clean(run: Run) -> None:
    result = run("check", "--strict")
    assert (result.exit_code, result.output) == (0, "all clean\n")


def test_every_target_gets_a_query(run: Run, rule: Path) -> None:
    result = run("convert", rule, "-s", "toy_gateway", "-t", "splunk", "-t", "elastic", "-t", "sentinel")
    assert result.exit_code == 0
    for place in ('sourcetype="toy:gateway"', "FROM logs-toy.gateway-*", "ToyGateway_CL"):
        assert place in result.output


def test_cases_are_played_under_its_own_names(run: Run, rule: Path) -> None:
    result = run("test", rule, "-s", "toy_gateway", "--json")
    assert result.exit_code == 0, result.output
    assert [case["status"] for case in json.loads(result.stdout)] == ["passed"] * 3


def test_queries_equal_the_reference(run: Run, rule: Path) -> None:
    result = run("verify", rule, "-s", "toy_gateway", "-t", "splunk", "-t", "sentinel", "--json")
    cells = json.loads(result.stdout)
    assert [(cell["target"], cell["mode"], cell["status"]) for cell in cells] == [
        (target, mode, "equal") for target in ("splunk", "sentinel") for mode in ("hunt", "alert")
    ]


def test_examples_mean_what_was_written_by_hand(run: Run, code: Path) -> None:
    result = run("normalize", code / "examples" / "records.ndjson")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events == json.loads((code / "examples" / "canonical.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("file", "write"),
    [
        ("render.py", "`render` in "),
        ("at_rest.py", "`splunk` in "),
        ("examples/records.ndjson", ""),
        ("examples/canonical.json", ""),
    ],
)
def test_check_names_the_file_to_write(run: Run, code: Path, file: str, write: str) -> None:
    (code / file).unlink()
    result = run("check")
    assert result.exit_code == 0
    assert f"write {write}{code / file}" in result.output


def test_without_a_renderer_cases_fail_and_nothing_is_verified(run: Run, rule: Path, code: Path) -> None:
    (code / "render.py").unlink()
    reason = f"the source 'toy_gateway' has no renderer (write `render` in {code / 'render.py'})"
    tested = run("test", rule, "-s", "toy_gateway", "--json")
    assert tested.exit_code == 1
    assert {(case["status"], *case["reasons"]) for case in json.loads(tested.stdout)} == {("failed", reason)}
    verified = run("verify", rule, "-s", "toy_gateway", "-t", "splunk", "--json")
    assert {(cell["status"], cell["reason"]) for cell in json.loads(verified.stdout)} == {("not_run", reason)}


def test_without_an_at_rest_step_only_that_siem_is_not_verified(run: Run, rule: Path, code: Path) -> None:
    path = code / "at_rest.py"
    path.write_text(path.read_text("utf-8").replace("def sentinel", "def other"), "utf-8")
    result = run("verify", rule, "-s", "toy_gateway", "-t", "splunk", "-t", "sentinel", "--json")
    found = {cell["target"]: (cell["status"], cell["reason"]) for cell in json.loads(result.stdout)}
    reason = f"the source 'toy_gateway' has no at-rest step for sentinel (write `sentinel` in {path})"
    assert found == {"splunk": ("equal", None), "sentinel": ("not_run", reason)}


def test_it_is_as_small_as_that() -> None:
    """What a source costs: lines of code and of the mapping, comments and blank lines included."""
    code = sum(len(path.read_text("utf-8").splitlines()) for path in (TOY / "toy_gateway").glob("*.py"))
    mapping = len((TOY / "toy_gateway.yml").read_text("utf-8").splitlines())
    assert code <= 60
    assert mapping <= 40
