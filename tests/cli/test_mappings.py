"""A mappings folder of one's own: its faults are message by `check`, and a source need not have every SIEM."""

from __future__ import annotations

from pathlib import Path

import pytest

from sigmagen.bundled import rules_folder
from tests.cli.conftest import Run
from tests.mapping.test_checks import folder

__all__ = ["folder"]

RULE = rules_folder() / "volume" / "call_count.yml"


def test_check_reports_problems_of_all_mappings(run: Run, folder: Path) -> None:
    for name, old, new in (
        ("sources/gateway.yml", "below:", "belwo:"),
        ("taxonomy.yml", "length: [gen_ai.prompt]", "length: []"),
        ("generic.yml", "title:", "titel:"),
    ):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace(old, new, 1))
    result = run("check", RULE, "--mappings", folder)
    assert result.exit_code == 2
    for message in ("gateway.yml:9:", "taxonomy.yml:", "generic.yml:"):
        assert message in result.stdout


def test_source_of_one_siem_is_omitted_for_others_with_reason(run: Run, folder: Path) -> None:
    assert run("check", RULE, "--mappings", folder).exit_code == 0
    for siem in ("elastic", "sentinel"):
        named = run("convert", RULE, "-t", siem, "-s", "gateway", "--mappings", folder)
        assert (named.exit_code, named.stdout.strip()) == (1, "")
        assert f"source gateway is not mapped to {siem}" in named.stderr
        others = run("convert", RULE, "-t", siem, "--mappings", folder)
        assert others.exit_code == 0
        assert "info[source-not-mapped]" in others.stderr
        assert "litellm" in others.stdout
    assert 'sourcetype="example:gateway"' in run("convert", RULE, "-t", "splunk", "--mappings", folder).stdout


@pytest.mark.parametrize(
    "command",
    [
        ("verify", RULE, "-t", "elastic"),
        ("investigate", "--rule", "call_count"),
        *(("package", siem, RULE, "-o", "{out}") for siem in ("splunk", "elastic", "sentinel")),
    ],
    ids=lambda command: "-".join(map(str, command[:2])),
)
def test_every_command_works_with_source_of_one_siem(
    run: Run, folder: Path, tmp_path: Path, command: tuple[object, ...]
) -> None:
    arguments = [str(part).format(out=tmp_path / "out") for part in command]
    result = run(*arguments, "--mappings", folder)
    assert result.exit_code in (0, 1, 3), result.output
    assert "internal error" not in result.output


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf"])
def test_overlay_rejects_infinite_numbers(run: Run, tmp_path: Path, number: str) -> None:
    (tmp_path / "overlay.yml").write_text(f"rules:\n  call_count:\n    threshold: {number}\n")
    result = run("convert", RULE, "-t", "splunk", "-s", "litellm", "--overlay", tmp_path / "overlay.yml")
    assert result.exit_code == 2
    assert "overlay.yml:3:5: error[overlay-form]: 'threshold' must be a finite number" in result.stderr
