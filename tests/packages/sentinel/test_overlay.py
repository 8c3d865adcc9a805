"""A tenant's overlay in the package: what is on, allow-lists, thresholds, watchlists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sigmagen.content import rules_folder
from tests.cli.conftest import Run, run
from tests.packages.sentinel.conftest import yaml_files

__all__ = ["run"]

RULE = rules_folder() / "volume" / "call_count.yml"


@pytest.fixture
def packaged(run: Run, tmp_path: Path) -> Any:
    """Package one rule for LiteLLM with an overlay; returns the folder."""

    def with_overlay(overlay: dict[str, Any]) -> Path:
        file = tmp_path / "overlay.yml"
        file.write_text(yaml.safe_dump(overlay), encoding="utf-8")
        out = tmp_path / "out"
        result = run("package", "sentinel", RULE, "-s", "litellm", "-o", out, "--overlay", file)
        assert result.exit_code == 0, result.output
        return out

    return with_overlay


def arm_rule(out: Path) -> dict[str, Any]:
    path = out / "repositories" / "litellm" / "analytics-rules" / "call_count.litellm.json"
    properties: dict[str, Any] = json.loads(path.read_text("utf-8"))["resources"][0]["properties"]
    return properties


def test_a_rule_is_on_only_where_the_overlay_says_so(packaged: Any) -> None:
    assert arm_rule(packaged({}))["enabled"] is False
    out = packaged({"rules": {"call_count": {"enabled": True}}})
    assert arm_rule(out)["enabled"] is True
    silent = out / "repositories" / "litellm" / "analytics-rules" / "silent.litellm.json"
    assert '"enabled": false' in silent.read_text("utf-8")


def test_threshold_list_and_table_reach_the_rule_and_its_variant_with_a_watchlist(packaged: Any) -> None:
    overlay = {
        "rules": {"call_count": {"threshold": 77}},
        "allow_lists": {"ai_service_principals": ["our-own-batch"]},
        "sources": {"litellm": {"sentinel": {"table": "Gateway_CL"}}},
    }
    out = packaged(overlay)
    plain = yaml_files(out / "yaml" / "analytic-rules")["call_count.litellm"]["query"]
    watched = yaml_files(out / "yaml" / "with-watchlists")["call_count.litellm"]["query"]
    assert 'user_id !~ "our-own-batch"' in plain
    assert '_GetWatchlist("sigmagen_ai_service_principals")' in watched
    assert "our-own-batch" not in watched
    for query in (plain, watched):
        assert "value >= 77" in query
        assert query.startswith("let alerts = Gateway_CL\n")
    assert (out / "watchlists" / "sigmagen_ai_service_principals.csv").read_text(
        "utf-8"
    ) == '"Value"\n"our-own-batch"\n'
    assert json.loads((out / "package.json").read_text("utf-8"))["overlay"] == overlay


def test_the_rules_themselves_read_watchlists_where_the_tenant_wants_it(packaged: Any) -> None:
    out = packaged({"packages": {"sentinel": {"watchlists": True}}})
    assert '_GetWatchlist("sigmagen_ai_service_principals")' in arm_rule(out)["query"]
    assert not (out / "yaml" / "with-watchlists").exists()
    assert (out / "arm" / "watchlists.json").exists()


def test_an_empty_list_can_be_kept_as_a_watchlist(packaged: Any) -> None:
    out = packaged({"allow_lists": {"ai_service_principals": []}, "packages": {"sentinel": {"watchlists": True}}})
    assert "_GetWatchlist" in arm_rule(out)["query"]
    assert (out / "watchlists" / "sigmagen_ai_service_principals.csv").read_text("utf-8") == '"Value"\n'


def test_an_unknown_option_of_the_package_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "overlay.yml"
    file.write_text("packages: {sentinel: {watchlist: true}}", encoding="utf-8")
    result = run("package", "sentinel", RULE, "-o", tmp_path / "out", "--overlay", file)
    assert result.exit_code == 2
    assert "watchlist" in result.stderr
