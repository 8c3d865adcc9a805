"""A call's defaults, and its deterministic ids and times."""

from __future__ import annotations

import doctest
from dataclasses import FrozenInstanceError

import pytest

from sigmagen.durations import iso
from sigmagen.sources import call as module
from sigmagen.sources.call import Call, digest, uuid_of


def test_the_docstrings_are_right() -> None:
    assert doctest.testmod(module).failed == 0


def test_key_and_organization_follow_the_principal_unless_given() -> None:
    call = Call(time=0, id="a", principal="partner-07")
    assert (call.api_key, call.organization, call.own_organization) == ("key-partner-07", "org-partner-07", None)
    bare = Call(time=0, id="a", principal="partner-07", api_key=None, organization=None)
    assert (bare.api_key, bare.organization) == (None, None)
    named = Call(time=0, id="a", principal="partner-07", organization="acme")
    assert named.own_organization == "acme"


def test_a_call_can_not_be_changed() -> None:
    call = Call(time=0, id="a", principal="p")
    with pytest.raises(FrozenInstanceError):
        call.time = 1  # type: ignore[misc]


def test_outcome_and_status_agree() -> None:
    assert Call(time=0, id="a", principal="p", outcome="failure").status == 400
    assert Call(time=0, id="a", principal="p", outcome="failure", status=429).status == 429
    with pytest.raises(ValueError, match="status 429"):
        Call(time=0, id="a", principal="p", status=429)


def test_an_answer_reaches_its_limit() -> None:
    limited = Call(time=0, id="a", principal="p", parameters={"max_tokens": 5}, output_tokens=5)
    assert limited.reached_limit
    assert not Call(time=0, id="a", principal="p", parameters={"max_tokens": 6}, output_tokens=5).reached_limit
    assert not Call(time=0, id="a", principal="p").reached_limit


def test_times_and_ids() -> None:
    assert iso(1786440000007, 7) == "2026-08-11T09:20:00.0070000Z"
    assert iso(-1) == "1969-12-31T23:59:59.999Z"
    assert uuid_of("a", "b") == uuid_of("a", "b") != uuid_of("ab", "")
    assert [len(part) for part in uuid_of("a").split("-")] == [8, 4, 4, 4, 12]
    assert digest("a") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
