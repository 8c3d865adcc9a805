"""The table of settings: complete, documented, and read in one way."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from sigmagen.net.settings import SETTINGS, format_table, read_resource_id, require
from sigmagen.problems import SigmagenError

ROOT = Path(__file__).parents[2]
ID = "/subscriptions/0/resourceGroups/soc/providers/Microsoft.OperationalInsights/workspaces/siem-workspace"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for known in SETTINGS:
        monkeypatch.delenv(known.name, raising=False)


def test_every_variable_in_the_code_is_in_the_table() -> None:
    texts = (path.read_text("utf-8") for path in (ROOT / "sigmagen").rglob("*.py"))
    read = {name for text in texts for name in re.findall(r'"(SIGMAGEN_[A-Z_]+)"', text)}
    assert read == {known.name for known in SETTINGS}


def test_documented_table_is_current() -> None:
    assert format_table() in (ROOT / "docs" / "settings.md").read_text("utf-8")


def test_all_missing_settings_are_reported_with_hints() -> None:
    with pytest.raises(SigmagenError) as raised:
        require(["SIGMAGEN_KIBANA_URL", "SIGMAGEN_KIBANA_API_KEY", "SIGMAGEN_ELASTICSEARCH_URL"])
    assert [problem.message.split()[0] for problem in raised.value.problems] == [
        "SIGMAGEN_KIBANA_URL",
        "SIGMAGEN_KIBANA_API_KEY",
        "SIGMAGEN_ELASTICSEARCH_URL",
    ]
    assert "keyring set sigmagen SIGMAGEN_KIBANA_API_KEY" in str(raised.value.problems[1].hint)
    assert raised.value.exit_code == 3


def test_former_name_of_resource_id_is_read_with_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_resource_id() == (None, [])
    monkeypatch.setenv("SIGMAGEN_SENTINEL_WORKSPACE", ID)
    value, (warning,) = read_resource_id()
    assert (value, warning.severity, warning.code) == (ID, "warning", "renamed-setting")
    monkeypatch.setenv("SIGMAGEN_SENTINEL_RESOURCE_ID", ID + "-new")
    assert read_resource_id() == (ID + "-new", [])


def test_workspace_guid_is_not_a_resource_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGMAGEN_SENTINEL_WORKSPACE", "00000000-0000-0000-0000-000000000000")
    assert read_resource_id() == (None, [])


def test_net_imports_nothing_of_sigmagen_but_problems() -> None:
    allowed = {"sigmagen.problems"}
    for path in (ROOT / "sigmagen" / "net").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            foreign = [name for name in names if name.startswith("sigmagen") and not name.startswith("sigmagen.net")]
            assert set(foreign) <= allowed, path.name
