"""`sigmagen new`: skeletons that check accepts, that test fails, and that overwrite nothing."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from sigmagen import bundled, sources
from sigmagen.bundled import mappings_folder
from sigmagen.lint.catalogue import load_catalogue
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE
from tests.cli.conftest import Run

FILLED = """\
    return {
        "time": iso(call.time),
        "my_gateway_request": call.id,
        "user": call.principal,
        "model": call.model,
        "operation": call.operation,
        "status": call.outcome,
    }
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """An empty folder of rules."""
    folder = tmp_path / "rules"
    folder.mkdir()
    return folder


@pytest.fixture
def mappings(tmp_path: Path) -> Path:
    """A copy of the built-in mappings."""
    return Path(shutil.copytree(mappings_folder(), tmp_path / "mappings"))


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where code of sources is looked for, too."""
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    for name in [name for name in sys.modules if name.startswith(f"{sources.__name__}.my_gateway")]:
        monkeypatch.delitem(sys.modules, name)
    return folder


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a wheel: rules and mappings are inside the package."""
    package = tmp_path / "site-packages" / "sigmagen"
    shutil.copytree(mappings_folder(), package / "_content" / "mappings")
    (package / "_content" / "rules").mkdir()
    monkeypatch.setattr(bundled, "_PACKAGE", package)


def texts(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_rule_is_clean_and_its_test_fails_with_what_to_fill_in(run: Run, rules: Path) -> None:
    made = run("new", "rule", "volume/my_rule", "--rules", rules)
    rule = rules / "volume" / "my_rule.yml"
    assert made.exit_code == 0
    assert made.stdout.split() == [str(rule), str(rule.with_name("my_rule.test.yml"))]
    checked = run("check", rule, "--strict")
    assert (checked.exit_code, checked.output) == (0, "all clean\n")
    tested = run("test", rule)
    assert tested.exit_code == EXIT_FINDINGS
    assert "FAILED      fill in the calls of the attack" in tested.output


def test_the_schema_line_of_a_new_rule_leads_to_the_schema(run: Run, rules: Path) -> None:
    run("new", "rule", "volume/my_rule", "--rules", rules)
    for path, schema in (("my_rule.yml", "rule"), ("my_rule.test.yml", "test")):
        first = (rules / "volume" / path).read_text("utf-8").splitlines()[0]
        target = first.removeprefix("# yaml-language-server: $schema=")
        assert (rules / "volume" / target).resolve() == mappings_folder() / "schema" / f"{schema}.schema.json"


def test_options_may_stand_before_and_after_what_is_new(run: Run, rules: Path) -> None:
    for number, arguments in enumerate((["--rules", rules, "new", "rule"], ["new", "--rules", rules, "rule"])):
        assert run(*arguments, f"volume/rule_{number}").exit_code == 0
        assert (rules / "volume" / f"rule_{number}.yml").exists()


def test_two_new_rules_have_different_ids(run: Run, rules: Path) -> None:
    run("new", "rule", "volume/one", "--rules", rules)
    run("new", "rule", "volume/two", "--rules", rules)
    assert run("check", rules).output == "all clean\n"


def test_a_new_source_is_clean_and_its_test_fails_with_the_file_to_fill_in(
    run: Run, mappings: Path, code: Path
) -> None:
    made = run("new", "source", "my_gateway", "--mappings", mappings, "--code", code)
    assert made.exit_code == 0
    assert {Path(line) for line in made.stdout.split()} == {
        mappings / "sources" / "my_gateway.yml",
        *(code / "my_gateway" / name for name in ("__init__.py", "render.py", "at_rest.py", "principals.py")),
        *(code / "my_gateway" / "examples" / name for name in ("records.ndjson", "canonical.json", "README.md")),
    }
    checked = run("check", "--mappings", mappings, "--strict")
    assert (checked.exit_code, checked.output) == (0, "all clean\n")
    tested = run("test", "--mappings", mappings, "-s", "my_gateway")
    assert tested.exit_code == EXIT_FINDINGS
    file = code / "my_gateway" / "render.py"
    assert f"return the record that the log has of a chat (fill in {file})" in tested.output


def test_a_filled_in_source_passes(run: Run, mappings: Path, code: Path) -> None:
    run("new", "source", "my_gateway", "--mappings", mappings, "--code", code)
    path = code / "my_gateway" / "render.py"
    text = path.read_text("utf-8").replace(
        '    raise NotImplementedError("return the record that the log has of a chat")\n', FILLED
    )
    path.write_text(
        text.replace("from sigmagen.sources.call", "from sigmagen.durations import iso\nfrom sigmagen.sources.call")
    )
    tested = run("test", "--mappings", mappings, "-s", "my_gateway")
    assert tested.exit_code == 0, tested.output
    assert "0 failed" in tested.output
    examples = code / "my_gateway" / "examples"
    events = run("normalize", "--mappings", mappings, examples / "records.ndjson").stdout
    assert [json.loads(line) for line in events.splitlines()] == json.loads((examples / "canonical.json").read_text())


def test_an_unfilled_at_rest_step_is_not_run(run: Run, mappings: Path, code: Path) -> None:
    run("new", "source", "my_gateway", "--mappings", mappings, "--code", code)
    result = run("verify", "--mappings", mappings, "-s", "my_gateway", "-t", "splunk", "--json")
    cells = json.loads(result.stdout)
    assert {cell["status"] for cell in cells} == {"not_run"}
    assert all(f"(fill in {code / 'my_gateway' / 'render.py'})" in cell["reason"] for cell in cells)


def test_no_existing_file_is_changed(run: Run, rules: Path, mappings: Path, code: Path, tmp_path: Path) -> None:
    run("new", "rule", "volume/my_rule", "--rules", rules)
    run("new", "source", "my_gateway", "--mappings", mappings, "--code", code)
    (mappings / "sources" / "my_gateway.yml").unlink()
    (rules / "volume" / "my_rule.yml").unlink()
    before = texts(tmp_path)
    for arguments in (
        ("new", "rule", "volume/my_rule", "--rules", rules),
        ("new", "source", "my_gateway", "--mappings", mappings, "--code", code),
        ("new", "source", "litellm", "--mappings", mappings, "--code", code),
    ):
        result = run(*arguments)
        assert result.exit_code == EXIT_USAGE
        assert "error[file-exists]: this file exists already" in result.output
    assert texts(tmp_path) == before


def test_a_dangling_link_is_an_existing_file(run: Run, rules: Path, tmp_path: Path) -> None:
    (rules / "volume").mkdir()
    (rules / "volume" / "my_rule.yml").symlink_to(tmp_path / "elsewhere.yml")
    assert run("new", "rule", "volume/my_rule", "--rules", rules).exit_code == EXIT_USAGE
    assert not (tmp_path / "elsewhere.yml").exists()


@pytest.mark.parametrize(
    "name",
    ["", "../x", "a/b", "A", "1a", "a-b", "a.b", "import", "a b", "\N{GREEK SMALL LETTER ALPHA}", "a\n", "x" * 65],
)
def test_bad_names_are_usage_errors(run: Run, rules: Path, mappings: Path, code: Path, name: str) -> None:
    before = texts(mappings)
    assert run("new", "source", name, "--mappings", mappings, "--code", code).exit_code == EXIT_USAGE
    assert run("new", "rule", f"volume/{name}", "--rules", rules).exit_code == EXIT_USAGE
    assert texts(mappings) == before
    assert not [*rules.iterdir(), *code.iterdir()]


@pytest.mark.parametrize("place", ["my_rule", "nowhere/my_rule", "../volume/my_rule", "/volume/my_rule"])
def test_a_rule_without_a_known_stage_is_refused_with_the_stages(run: Run, rules: Path, place: str) -> None:
    result = run("new", "rule", place, "--rules", rules)
    assert result.exit_code == EXIT_USAGE
    assert "stages: recon, access, volume" in result.output


def test_a_name_of_shared_code_is_taken(run: Run, mappings: Path, code: Path) -> None:
    (code / "records.py").touch()
    result = run("new", "source", "records", "--mappings", mappings, "--code", code)
    assert result.exit_code == EXIT_USAGE
    assert "the name 'records' is taken" in result.output


@pytest.mark.usefixtures("installed")
def test_an_installed_package_is_not_written_to(run: Run) -> None:
    for arguments, option in ((("rule", "volume/my_rule"), "--rules"), (("source", "my_gateway"), "--mappings")):
        result = run("new", *arguments)
        assert result.exit_code == EXIT_USAGE
        assert f"give a folder of your own with {option}" in result.output


@pytest.mark.usefixtures("installed")
def test_beside_an_installed_package_only_the_mapping_is_written(run: Run, mappings: Path) -> None:
    result = run("new", "source", "my_gateway", "--mappings", mappings)
    assert result.exit_code == 0
    assert result.stdout.split() == [str(mappings / "sources" / "my_gateway.yml")]
    assert "No code was written" in result.stderr


def test_missing_code_is_a_warning_of_the_catalogue() -> None:
    assert load_catalogue(mappings_folder())["source-code"].severity == "warning"
