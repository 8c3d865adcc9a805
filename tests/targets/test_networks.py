"""The network of a client's address: every engine finds the one that Python does."""

from __future__ import annotations

import doctest
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from sigmagen.expr import address
from sigmagen.expr.address import network_of
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests import views
from tests.native_logs import converter

ADDRESSES = {
    "192.0.2.7": "192.0.2.0/24",
    "198.51.100.255": "198.51.100.0/24",
    "0.0.0.0": "0.0.0.0/24",
    "255.255.255.255": "255.255.255.0/24",
    "::ffff:192.0.2.7": "192.0.2.0/24",
    "::FFFF:192.0.2.7": "192.0.2.0/24",
    "2001:db8:1:2::3": "2001:db8:1::/48",
    "2001:DB8:A:2::3": "2001:db8:a::/48",
    "2001:0db8:0001:0002:0000:0000:0000:0003": "2001:db8:1::/48",
    "2001:db8::7": "2001:db8::/48",
    "2001::7": "2001::/48",
    "2001:0:5::7": "2001:0:5::/48",
    "2001:db8:0:5::7": "2001:db8::/48",
    "10:0:0::7": "10::/48",
    "::1": "::/48",
    "::": "::/48",
    "2001:db8:1::": "2001:db8:1::/48",
    "::2:3:4:5:6:7:8": "0:2:3::/48",
    "::3:4:5:6:7:8": "0:0:3::/48",
    "1::3:4:5:6:7:8": "1:0:3::/48",
    "1:2::4:5:6:7:8": "1:2::/48",
    "1:2:3:4:5:6:7:8": "1:2:3::/48",
    "1:2:3:4:5:6:7::": "1:2:3::/48",
    "64:ff9b:1::192.0.2.7": "64:ff9b:1::/48",
    "1:2:3:4:5:6:192.0.2.7": "1:2:3::/48",
}
NO_ADDRESSES = (
    *("192.0.2.256", "192.0.2", "192.0.2.7.8", "192.0.02.7", "192.0.2.***", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9"),
    *("1::2:3:4:5:6:7:8", "1::2::3", ":::", ":1:2:3:4:5:6:7", "12345::1", "g::1", "::192.0.2.256", "unknown", ""),
)
MAPPED_IN_HEXADECIMAL = "::ffff:c000:207"
TAKEN_BY_THE_EMULATION = ("1::2:3:4:5:6:7:8", ":::")
"""duckdb-kql's parse_ipv6 accepts these texts, which are no addresses."""
ALL = (*ADDRESSES, *NO_ADDRESSES, MAPPED_IN_HEXADECIMAL)


def networks(
    siem: str, addresses: Iterable[str], url: str | None = None, column: str = "requester_ip_address"
) -> dict[str, object]:
    """The network that a SIEM's query derives from each address, as LiteLLM logs it."""
    records = []
    for number, text in enumerate(addresses):
        record = render("litellm", Call(time=1_786_440_000_000 + number, id=f"call-{number}", principal="p"))
        assert record is not None
        records.append({**record, column: text})
    found = views.derived(siem, "litellm", records, ["source.network"], url)
    return {text: found[f"call-{number}"].get("source.network") for number, text in enumerate(addresses)}


def test_docstring_examples() -> None:
    assert doctest.testmod(address).failed == 0


def test_network_in_python() -> None:
    assert {text: network_of(text) for text in ALL} == {
        **ADDRESSES,
        **dict.fromkeys((*NO_ADDRESSES, MAPPED_IN_HEXADECIMAL)),
    }


@pytest.mark.parametrize("siem", ["duckdb", "splunk", "sentinel"])
def test_network_on_every_engine(siem: str) -> None:
    texts = [text for text in ALL if siem != "sentinel" or text not in TAKEN_BY_THE_EMULATION]
    assert networks(siem, texts) == {text: network_of(text) for text in texts}


MASKED = {"192.0.2.***": "192.0.2.0/24", "192.0.2.0": "192.0.2.0/24", "2001:db8:1::": "2001:db8:1::/48"}


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM's log as if it masked the last octet, with the expression of docs/log-sources.md."""
    known = converter()
    source = known.sources["litellm"]
    elastic = source.stored["elastic"]

    def with_network(fields: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {**fields, "source.network": {"network": [{"replace": [path, "[.][*]+$", ".0"]}]}}

    stored = {**source.stored, "elastic": replace(elastic, fields=with_network(elastic.fields, "litellm.end_user"))}
    changed = replace(source, fields=with_network(source.fields, "end_user"), stored=stored)
    monkeypatch.setattr(views, "converter", lambda: replace(known, sources={**known.sources, "litellm": changed}))


@pytest.mark.usefixtures("masked")
@pytest.mark.parametrize(
    "siem", ["duckdb", "splunk", "sentinel", pytest.param("elastic", marks=pytest.mark.elasticsearch)]
)
def test_masked_address_has_a_network(siem: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("elasticsearch_url") if siem == "elastic" else None
    assert networks(siem, MASKED, url, column="end_user") == MASKED


@pytest.mark.elasticsearch
def test_network_on_elasticsearch(elasticsearch_url: str) -> None:
    """Its type for addresses does not keep the notation, so a mapped address always has the network of IPv4."""
    expected = {text: network_of(text) for text in ALL} | {MAPPED_IN_HEXADECIMAL: "192.0.2.0/24"}
    assert networks("elastic", ALL, elasticsearch_url) == expected
