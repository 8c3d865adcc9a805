"""Rules on derived fields over native records find what the oracle finds in events that no mapping has made."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import uuid4

import pytest

from sigmagen.engines.alert import Alert, Engine, instant
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.mapping.source import relocate
from sigmagen.rules.model import Threshold
from sigmagen.sources import render
from sigmagen.sources.call import CHAT, EMBEDDINGS, Call
from tests import oracle
from tests.canonical_events import EVER
from tests.native_logs import converter
from tests.random_calls import random_call
from tests.rule_builders import HOUR, T0, base, correlation

SUCCESS = base("event.outcome: success", "answered")
NETWORK, TENANT, PERCENT = "source.network", "gen_ai.tenant.id", "gen_ai.exchange.long_answer.percent"
VISIBLE = "gen_ai.usage.visible.output_tokens"
EMBEDDED, END_USER = "gen_ai.usage.embedding.input_tokens", "enduser.pseudo.id"


def threshold(field: str, value: float, operator: Any = "gte") -> Threshold:
    return Threshold(operator, value, fields=(field,))


RULES = {
    "tenants of a network": correlation("value_count", threshold(TENANT, 3), SUCCESS, group_by=(NETWORK,)),
    "networks of a tenant": correlation("value_count", threshold(NETWORK, 3), SUCCESS, group_by=(TENANT,)),
    "share of long answers": correlation("value_avg", threshold(PERCENT, 40), SUCCESS, group_by=(TENANT,)),
    "mean of visible tokens": correlation("value_avg", threshold(VISIBLE, 300), SUCCESS, group_by=(TENANT,)),
    "embedded tokens": correlation("value_sum", threshold(EMBEDDED, 1500), SUCCESS, group_by=(NETWORK,)),
    "end users of a key": correlation("value_count", threshold(END_USER, 3), SUCCESS, group_by=("gen_ai.api_key.id",)),
    "one network": correlation("event_count", Threshold("gte", 2), base(f"{NETWORK}: 2001:db8:1::/48", "there")),
}
ADDRESSES = ("192.0.2.1", "192.0.2.200", "::ffff:192.0.2.9", "198.51.100.7", "2001:db8:1::7", "2001:db8:1:ffff::7")


@cache
def calls() -> tuple[Call, ...]:
    """Random calls in two hours. A failed one long before and long after them: Sentinel takes the range from them."""
    dice = random.Random("calls on derived fields")
    made = [_with_client(dice, random_call(dice, T0 + dice.randrange(2 * HOUR), f"call-{n}")) for n in range(80)]
    ends = [random_call(dice, T0 + hours * HOUR, f"end-{hours}") for hours in (-3, 6)]
    return (*made, *(replace(call, outcome="failure", operation=CHAT, status=400) for call in ends))


def _with_client(dice: random.Random, call: Call) -> Call:
    if dice.random() < 0.4:
        call = replace(call, operation=EMBEDDINGS, reasoning_tokens=None, output_tokens=0)
    address, user = dice.choice((*ADDRESSES, "2001:db8::1", None)), dice.choice(("u-1", "u-2", "u-3", None))
    return replace(call, source_ip=address, end_user=user)


@cache
def wanted(name: str) -> frozenset[Alert]:
    events = [record | {"@timestamp": instant(record["@timestamp"])} for record in rendered("canonical")]
    found = oracle.hunt(RULES[name], events)
    assert found, f"no alert of {name}: the test shows nothing"
    return frozenset(Alert(alert.window_end, alert.window_start, tuple(alert.group), alert.value) for alert in found)


def rendered(source: str) -> list[dict[str, Any]]:
    return [record for call in calls() if (record := render(source, call)) is not None]


@pytest.fixture(
    scope="module", params=["duckdb", "splunk", "sentinel", pytest.param("elastic", marks=pytest.mark.elasticsearch)]
)
def engine(request: pytest.FixtureRequest) -> Any:
    taxonomy = converter().taxonomy
    made: Engine
    if request.param == "elastic":
        made = ElasticsearchEngine(request.getfixturevalue("elasticsearch_url"), taxonomy)
    elif request.param == "sentinel":
        made = KustoLocalEngine(taxonomy)
    else:
        made = DuckDBEngine(threads=1) if request.param == "duckdb" else SplunkLocalEngine()
    with made:
        yield made


@pytest.mark.parametrize("source", ["litellm", "canonical"])
def test_rules_find_what_the_oracle_finds(engine: Engine, source: str) -> None:
    target = engine.siem
    place = relocate(converter().source(source), "elastic", lambda part: f"sigmagen-derived-{uuid4().hex[:12]}-*")
    engine.load(place, rendered(source))
    for name, rule in RULES.items():
        assert set(engine.run(converter().convert(rule, place, target), *EVER)) == wanted(name), name
