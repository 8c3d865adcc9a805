"""The matrix of all correlation types: each as a hunt and as alert runs, on every engine, equal to the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Engine
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.spark import SparkEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.proof.verify import verify
from sigmagen.rules.correlation_types import CORRELATION_TYPES
from sigmagen.rules.load import load_rules
from tests.lakes import EACH_LAKE, LAKES, TWO_EXECUTORS, open_lake

CONVERTER = Converter.load(mappings_folder())
TOKENS = "gen_ai.usage.output_tokens"
BASES = """title: Chat
name: chat
logsource: {category: ai_inference}
detection: {selection: {event.outcome: success, gen_ai.request.model: chat}, condition: selection}
---
title: Embedding
name: embedding
logsource: {category: ai_inference}
detection: {selection: {event.outcome: success, gen_ai.request.model: embed}, condition: selection}
---
title: Image
name: image
logsource: {category: ai_inference}
detection: {selection: {event.outcome: success, gen_ai.request.model: image}, condition: selection}
---
title: Subject
name: subject
"""
# Name: type, the rest of the correlation. The attack is 12 chats of 900 tokens, an embedding, then an image.
RULES = {
    "event_count": ("event_count", "rules: [chat], condition: {gte: 12}"),
    "event_count, a range": ("event_count", "rules: [chat], condition: {gte: 5, lt: 13}"),
    "value_count": ("value_count", "rules: [chat], condition: {field: gen_ai.prompt.hash, gte: 12}"),
    "value_sum": ("value_sum", f"rules: [chat], condition: {{field: {TOKENS}, gte: 10800}}"),
    "value_avg": ("value_avg", f"rules: [chat], condition: {{field: {TOKENS}, gte: 800.5}}"),
    "value_median": ("value_median", f"rules: [chat], condition: {{field: {TOKENS}, gt: 800}}"),
    "value_percentile": (
        "value_percentile",
        f"rules: [chat], condition: {{field: {TOKENS}, gte: 900, percentile: 90}}",
    ),
    "temporal": ("temporal", "rules: [chat, embedding, image]"),
    "temporal, in words": ("temporal", "rules: [chat, embedding, image], condition: chat and embedding and not image"),
    "temporal_ordered": ("temporal_ordered", "rules: [chat, embedding, image]"),
}
# The bystander fails all the time, so that the range of the records goes well beyond the windows of the attack.
CASE = """
  - name: {name}
    kind: {kind}
    why: A case for tests.
    steps:
      - {{repeat: 28, every: 6m, call: {{principal: bystander, outcome: failure, status: 429}}}}
      - {{repeat: 12, every: 2m, at: 72m, call: {{prompt: "p {{i}}", output_tokens: {tokens}, model: {chat}}}}}
      - {{at: 97m, call: {{model: {embedding}, output_tokens: {tokens}}}}}
      - {{at: {last}, call: {{model: {image}, output_tokens: {tokens}}}}}
"""
ATTACK = {"name": "all of it", "kind": "attack", "tokens": 900, "chat": "chat", "embedding": "embed"}
SILENT = {"name": "none of it", "kind": "benign", "tokens": 20, "chat": "other", "embedding": "other", "image": "other"}


def write(folder: Path, name: str) -> Path:
    kind, rest = RULES[name]
    path = folder / "rule.yml"
    path.write_text(f"{BASES}correlation: {{type: {kind}, group-by: [user.id], timespan: 1h, {rest}}}\n")
    image, last = ("other", "100m") if "words" in name else ("image", "100m")
    attack = CASE.format(**ATTACK, image=image, last=last)
    alert = "    alerts: [{group: {user.id: partner-07}, after: 42}]\n"
    silent = CASE.format(**SILENT, last=last)
    head = "rule: subject\ndefaults: {principal: partner-07}\ncases:"
    path.with_name("rule.test.yml").write_text(f"{head}{attack}{alert}{silent}")
    return path


@pytest.fixture(
    scope="module",
    params=[
        "duckdb",
        "splunk",
        pytest.param("sentinel", marks=pytest.mark.thorough),
        pytest.param("elastic", marks=pytest.mark.elasticsearch),
        *(lake for lake in EACH_LAKE if lake.values != ("spark",)),
        # A type takes about 40 queries, each up to a second.
        pytest.param("spark", marks=[pytest.mark.lake("spark"), pytest.mark.sampled(5)]),
        pytest.param("spark, two executors", marks=[pytest.mark.lake("spark"), pytest.mark.thorough]),
    ],
)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    makers: dict[str, Callable[[], Engine]] = {
        "duckdb": DuckDBEngine,
        "splunk": SplunkLocalEngine,
        "sentinel": lambda: KustoLocalEngine(CONVERTER.taxonomy),
        "spark, two executors": lambda: SparkEngine(CONVERTER.taxonomy, TWO_EXECUTORS),
        "elastic": lambda: ElasticsearchEngine(request.getfixturevalue("elasticsearch_url"), CONVERTER.taxonomy),
    }
    running: Engine = open_lake(request.param) if request.param in LAKES else makers[request.param]()
    with running:
        yield running


@pytest.mark.parametrize("name", RULES)
def test_a_type_means_the_same_as_hunt_and_as_alert(engine: Engine, name: str, tmp_path: Path) -> None:
    path = write(tmp_path, name)
    loaded = load_rules([path], rules_folder=tmp_path, mappings_folder=mappings_folder())
    assert not loaded.problems
    cells = list(verify(CONVERTER, loaded.files, {engine.siem: engine}, ["canonical"]))
    assert [(cell.mode, cell.status, cell.differences) for cell in cells] == [
        ("hunt", "equal", ()),
        ("alert", "equal", ()),
    ]
    assert all(cell.rows for cell in cells)


def test_every_type_is_in_the_matrix() -> None:
    assert {kind for kind, _ in RULES.values()} == set(CORRELATION_TYPES)
