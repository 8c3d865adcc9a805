"""Rules on account events, stored objects and native records, verified on each source that has them.

No built-in rule reads these log sources of some sources, so small rules do it here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.proof.verify import verify
from sigmagen.rules.load import load_rules
from tests.native_logs import converter

RULE = """\
title: One event
name: one
id: 00000000-0000-4000-8000-000000000001
status: experimental
logsource: {logsource}
detection:
  selection: {selection}
  condition: selection
---
title: Many events
name: many
id: 00000000-0000-4000-8000-000000000002
status: experimental
level: low
description: Many.
author: sigmagen contributors
date: 2026-11-28
license: DRL-1.1
references: [https://example.com]
tags: [attack.collection]
falsepositives: [None]
correlation: {{type: event_count, rules: [one], group-by: [{group}], timespan: 1h, condition: {{gte: 3}}}}
"""
TEST = """\
rule: many
defaults: {{principal: ann, operation: {operation}}}
cases:
  - name: three in an hour
    kind: attack
    why: As many as the threshold.
    steps: [{{repeat: 3, every: 10m}}]
    alerts: [{{group: {{{group}: {value}}}, after: 3}}]
  - name: another event
    kind: benign
    why: As many events of another kind.
    steps: [{{repeat: 3, every: 10m, call: {{operation: {other}}}}}]
  - name: two users
    kind: benign
    why: As many events by two.
    steps: [{{repeat: 3, every: 10m, call: {{principal: [ann, bob, ann]}}}}]
"""


@dataclass(frozen=True)
class Example:
    """A rule on one log source of a source: what it selects and groups by, an operation that it counts and another."""

    source: str
    logsource: str
    selection: str
    group: str
    operation: str
    other: str
    value: str = "ann"

    def __str__(self) -> str:
        return f"{self.source}: {self.logsource}"


EXAMPLES = [
    Example(
        "anthropic_compliance",
        "{category: ai_account}",
        "{event.action: limit-changed}",
        "user.id",
        operation="UpdateSpendLimit",
        other="CreateApiKey",
    ),
    Example(
        "anthropic_compliance",
        "{product: anthropic, service: audit}",
        "{type: claude_chat_viewed, actor.type: user_actor}",
        "actor.user_id",
        operation="ViewChat",
        other="CreateApiKey",
    ),
    Example(
        "azure_openai",
        "{product: azure, service: openai}",
        "{category: Audit, operationName: ListKey}",
        "properties.objectId",
        operation="ListKey",
        other="chat",
    ),
    Example(
        "cloudtrail",
        "{category: ai_storage}",
        "{event.action: read, event.outcome: success, storage.object.key|endswith: .safetensors}",
        "user.id",
        operation="storage_read",
        other="s3/PutObject",
    ),
    Example(
        "storage_blob",
        "{category: ai_storage}",
        "{event.action: read, storage.object.key|endswith: .safetensors, storage.object.bytes|gte: 1000000000}",
        "user.id",
        operation="storage_read",
        other="CopyBlob",
    ),
    Example(
        "storage_blob",
        "{product: azure, service: storage}",
        "{operationName: DeleteBlob, identity.type: OAuth}",
        "identity.requester.objectId",
        operation="DeleteBlob",
        other="storage_read",
    ),
    Example(
        "openai_audit",
        "{category: ai_account}",
        "{event.action: key-created, event.outcome: success}",
        "user.id",
        operation="CreateApiKey",
        other="DeleteApiKey",
    ),
    Example(
        "openai_audit",
        "{product: openai, service: audit}",
        "{type: api_key.created, actor.type: session}",
        "actor.session.user.email",
        operation="CreateApiKey",
        other="CreateProject",
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_rule_is_equal_in_the_emulated_siems(example: Example, tmp_path: Path) -> None:
    with SplunkLocalEngine() as splunk, KustoLocalEngine(converter().taxonomy) as kusto:
        found = _verified(example, tmp_path, {"splunk": splunk, "sentinel": kusto})
    siems = {siem for siem in ("splunk", "sentinel") if siem in converter().sources[example.source].stored}
    assert found == {siem: {"equal"} for siem in siems}


@pytest.mark.elasticsearch
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_rule_is_equal_in_elasticsearch(example: Example, tmp_path: Path, elasticsearch_url: str) -> None:
    with ElasticsearchEngine(elasticsearch_url, converter().taxonomy) as engine:
        found = _verified(example, tmp_path, {"elastic": engine})
    siems = {siem for siem in ("elastic",) if siem in converter().sources[example.source].stored}
    assert found == {siem: {"equal"} for siem in siems}


def _verified(example: Example, folder: Path, engines: dict[str, object]) -> dict[str, set[str]]:
    """The statuses of the cells, by target; all are compared with the reference, DuckDB."""
    values = {
        name: getattr(example, name) for name in ("logsource", "selection", "group", "operation", "other", "value")
    }
    (folder / "many.yml").write_text(RULE.format(**values), "utf-8")
    (folder / "many.test.yml").write_text(TEST.format(**values), "utf-8")
    loaded = load_rules([folder], rules_folder=rules_folder(), mappings_folder=mappings_folder())
    assert not [problem for problem in loaded.problems if problem.severity == "error"]
    statuses: dict[str, set[str]] = {}
    for cell in verify(converter(), loaded.files, engines, [example.source]):  # type: ignore[arg-type]
        if cell.status != "not_run":
            statuses.setdefault(cell.target, set()).add(cell.status)
    return statuses
