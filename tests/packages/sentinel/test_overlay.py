"""A tenant's overlay in the package: what is on, allow-lists, thresholds, watchlists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sigmagen.bundled import rules_folder
from tests.cli.conftest import Run, run
from tests.packages.sentinel.conftest import OWN_LISTS, yaml_files

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


def test_the_example_values_of_the_lists_let_nobody_pass(packaged: Any) -> None:
    """They are public, and an attacker can call a principal so."""
    out = packaged({})
    text = "".join(path.read_text("utf-8") for path in out.rglob("*") if path.is_file())
    assert not any(value in text for values in OWN_LISTS.values() for value in values)
    assert "_GetWatchlist" in yaml_files(out / "yaml" / "with-watchlists")["call_count.litellm"]["query"]


def test_an_empty_list_can_be_kept_as_a_watchlist(packaged: Any) -> None:
    out = packaged({"allow_lists": {"ai_service_principals": []}, "packages": {"sentinel": {"watchlists": True}}})
    assert "_GetWatchlist" in arm_rule(out)["query"]
    assert (out / "watchlists" / "sigmagen_ai_service_principals.csv").read_text("utf-8") == '"Value"\n"(nobody)"\n'


def test_an_unknown_option_of_the_package_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "overlay.yml"
    file.write_text("packages: {sentinel: {watchlist: true}}", encoding="utf-8")
    result = run("package", "sentinel", RULE, "-o", tmp_path / "out", "--overlay", file)
    assert result.exit_code == 2
    assert "watchlist" in result.stderr


FILTER = """
title: Our test tenant
name: our_tests
logsource: {category: ai_inference}
filter:
  rules: [answered_call_of_own_choice]
  selection: {user.id: our-load-test}
  condition: not selection
"""


def test_a_filter_reaches_the_variant_with_a_watchlist_too(packaged: Any, tmp_path: Path) -> None:
    base = next(document["name"] for document in yaml.safe_load_all(RULE.read_text()) if "detection" in document)
    (tmp_path / "filter.yml").write_text(FILTER.replace("answered_call_of_own_choice", base), encoding="utf-8")
    out = packaged({"filters": ["filter.yml"]})
    for kind in ("analytic-rules", "with-watchlists"):
        assert '"our-load-test"' in yaml_files(out / "yaml" / kind)["call_count.litellm"]["query"]


def test_a_list_that_a_watchlist_can_not_say_stays_in_the_text_and_is_noted(run: Run, tmp_path: Path) -> None:
    rule = tmp_path / "rule.yml"
    text = RULE.read_text("utf-8").replace("user.id|expand:", "user.id|startswith|expand:")
    rule.write_text(text, encoding="utf-8")
    overlay = tmp_path / "overlay.yml"
    overlay.write_text("allow_lists: {ai_service_principals: [svc-batch-summariser]}", encoding="utf-8")
    out = tmp_path / "out"
    assert run("package", "sentinel", rule, "-s", "litellm", "-o", out, "--overlay", overlay).exit_code == 0
    assert not (out / "yaml" / "with-watchlists").exists()
    assert "svc-batch-summariser" in arm_rule(out)["query"]
    (note,) = json.loads((out / "package.json").read_text("utf-8"))["notes"]
    assert "its allow lists stay in its text" in note
    assert "## Lists that stay in the text" in (out / "README.md").read_text("utf-8")
