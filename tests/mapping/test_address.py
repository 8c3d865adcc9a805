"""The client's address in what gateways log; every engine finds the same one."""

from __future__ import annotations

import doctest
import json
from dataclasses import replace
from typing import Any

import pytest

from sigmagen.convert.converter import Converter
from sigmagen.mapping import address
from sigmagen.mapping.address import build_address_pattern, extract_client_address
from sigmagen.mapping.elastic_template import build_index_mappings
from sigmagen.net.elasticsearch import connect
from sigmagen.packages.elastic.readme import address_step
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests import views
from tests.native_logs import converter

LOGGED: dict[str, tuple[Any, str | None, str | None]] = {
    # What is logged; the client's address behind one proxy of one's own; behind two.
    "plain": ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
    "ipv6": ("2001:db8::7", "2001:db8::7", "2001:db8::7"),
    "loopback": ("::1", "::1", "::1"),
    "mapped": ("::ffff:192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.7"),
    "port": ("192.0.2.7:443", "192.0.2.7", "192.0.2.7"),
    "ipv6-port": ("[2001:db8::7]:443", "2001:db8::7", "2001:db8::7"),
    "ipv6-brackets": ("[2001:db8::7]", "2001:db8::7", "2001:db8::7"),
    "two": ("198.51.100.1, 192.0.2.7", "192.0.2.7", "198.51.100.1"),
    "two-without-space": ("198.51.100.1,192.0.2.7", "192.0.2.7", "198.51.100.1"),
    "three": ("203.0.113.5, 198.51.100.1, 192.0.2.7", "192.0.2.7", "198.51.100.1"),
    "two-with-ports": ("198.51.100.1:1, [2001:db8::7]:2", "2001:db8::7", "198.51.100.1"),
    "forged-first": ("'; drop table, 192.0.2.7", "192.0.2.7", "192.0.2.7"),
    "forged-long": ("unknown, x, 198.51.100.1, 192.0.2.7", "192.0.2.7", "198.51.100.1"),
    "unknown": ("unknown", None, None),
    "unknown-last": ("192.0.2.7, unknown", None, "192.0.2.7"),
    "name": ("bedrock.amazonaws.com", None, None),
    "words": ("AWS Internal", None, None),
    "hexadecimal-word": ("face:443", None, None),
    "empty": ("", None, None),
    "missing": (None, None, None),
}


def test_docstring_examples() -> None:
    assert doctest.testmod(address).failed == 0


@pytest.mark.parametrize("name", LOGGED)
def test_client_address_in_python(name: str) -> None:
    logged, behind_one, behind_two = LOGGED[name]
    assert extract_client_address(logged) == behind_one
    assert extract_client_address(logged, 2) == behind_two


@pytest.mark.parametrize(
    ("source", "field"),
    [("litellm", "requester_ip_address"), ("apim", "callerIpAddress"), ("cloudtrail", "sourceIPAddress")],
)
@pytest.mark.parametrize("siem", ["duckdb", "splunk", "sentinel"])
def test_client_address_on_every_engine(siem: str, source: str, field: str) -> None:
    assert addresses(siem, source, field) == {name: one for name, (_, one, _) in LOGGED.items()}


@pytest.mark.parametrize("siem", ["duckdb", "splunk", "sentinel"])
def test_the_number_of_trusted_proxies_is_a_setting(siem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = converter()
    sources = {**known.sources, "litellm": replace(known.sources["litellm"], trusted_proxies=2)}
    changed: Converter = replace(known, sources=sources)
    monkeypatch.setattr(views, "converter", lambda: changed)
    assert addresses(siem, "litellm", "requester_ip_address") == {name: two for name, (_, _, two) in LOGGED.items()}


def addresses(siem: str, source: str, field: str) -> dict[str, str | None]:
    ids = {"litellm": "id", "apim": "correlationId", "cloudtrail": "eventID"}
    records = []
    for number, (name, (logged, _, _)) in enumerate(LOGGED.items()):
        record = render(source, Call(time=1_786_440_000_000 + number, id=name, principal="p"))
        assert record is not None
        records.append({**record, ids[source]: name, field: logged})
    found = views.derived(siem, source, records, ["source.ip"])
    return {name: event.get("source.ip") for name, event in found.items()}


def test_ingest_pipeline_extracts_same_address() -> None:
    """Its pattern, with the definition in its place, is the expression of the queries."""
    (processor,) = json.loads(address_step("litellm.requester_ip_address"))["processors"]
    step = processor["grok"]
    (definition,) = step["pattern_definitions"].items()
    expression = step["patterns"][0].replace(f"%{{{definition[0]}:{step['field']}}}", f"({definition[1]})")
    assert expression == build_address_pattern()


@pytest.mark.elasticsearch
def test_invalid_address_keeps_record(elasticsearch_url: str) -> None:
    client = connect(elasticsearch_url, timeout=60)
    index = "sigmagen-address-test"
    client.options(ignore_status=404).indices.delete(index=index)
    client.indices.create(
        index=index, mappings=build_index_mappings(converter().source("litellm"), converter().taxonomy)
    )
    for logged, _, _ in LOGGED.values():
        address = {} if logged is None else {"requester_ip_address": logged}
        client.index(index=index, document={"@timestamp": 0, "litellm": address})
    client.indices.refresh(index=index)
    assert client.count(index=index)["count"] == len(LOGGED)
    client.indices.delete(index=index)
