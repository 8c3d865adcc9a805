"""`--filters`: a tenant's exceptions, kept in files of their own."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from sigmagen.cli.main import cli

FILTER = """title: Our batch service
logsource: {category: ai_inference}
filter:
  rules: any
  selection: {user.id: svc-our-own}
  condition: not selection
"""


def test_a_filter_is_in_every_query(tmp_path: Path) -> None:
    path = tmp_path / "filter.yml"
    path.write_text(FILTER)
    asked = ["convert", "-t", "sentinel", "-s", "litellm"]
    plain = CliRunner().invoke(cli, asked)
    filtered = CliRunner().invoke(cli, ["--filters", str(path), *asked])
    assert "svc-our-own" not in plain.stdout
    assert filtered.stdout.count('!~ "svc-our-own"') == filtered.stdout.count("// id: ") > 0
    assert plain.stdout.count("// id: ") == filtered.stdout.count("// id: ")
