"""Fields that the taxonomy derives from others: every engine finds what they mean, also where a part is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sigmagen.convert.converter import Converter
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests import views
from tests.native_logs import converter

PERCENT, EMBEDDED, TENANT = (
    "gen_ai.exchange.long_answer.percent",
    "gen_ai.usage.embedding.input_tokens",
    "gen_ai.tenant.id",
)
HASH, NULLS = "gen_ai.input.hash", "gen_ai.input.null_feature.count"
ENGINES = ["duckdb", "splunk", "sentinel"]


def record(number: int, **changes: Any) -> dict[str, Any]:
    made = render("litellm", Call(time=1_786_440_000_000 + number, id=f"call-{number}", principal="p"))
    assert made is not None
    return {**made, **changes}


def derived(siem: str, changes: list[dict[str, Any]], field: str, url: str | None = None) -> list[object]:
    """The field of each record, in order."""
    records = [record(number, **each) for number, each in enumerate(changes)]
    found = views.derived(siem, "litellm", records, [field], url)
    return [found[f"call-{number}"].get(field) for number, _ in enumerate(changes)]


def tokens(sent: int | None, answered: int | None, reasoning: int | None = None) -> dict[str, Any]:
    usage = {"completion_tokens_details": {"reasoning_tokens": reasoning}}
    return {"prompt_tokens": sent, "completion_tokens": answered, "response": {"usage": usage}}


EXCHANGES = {
    "both limits met": (tokens(499, 500), 100.0),
    "prompt too long": (tokens(500, 500), 0.0),
    "answer too short": (tokens(499, 499), 0.0),
    "answer long by its reasoning only": (tokens(10, 900, 401), 0.0),
    "visible answer long enough": (tokens(10, 900, 400), 100.0),
    "no tokens at all": (tokens(0, 0), 0.0),
    "prompt unknown": (tokens(None, 900), None),
    "answer unknown": (tokens(10, None), None),
}


@pytest.mark.parametrize("siem", ENGINES)
def test_long_answer_percent(siem: str) -> None:
    changes, expected = zip(*EXCHANGES.values(), strict=True)
    assert derived(siem, list(changes), PERCENT) == list(expected)


@pytest.mark.elasticsearch
def test_long_answer_percent_on_elasticsearch(elasticsearch_url: str) -> None:
    changes, expected = zip(*EXCHANGES.values(), strict=True)
    assert derived("elastic", list(changes), PERCENT, elasticsearch_url) == list(expected)


OPERATIONS = {"aembedding": 40.0, "embedding": 40.0, "acompletion": None, "": None, "embeddings_of_my_own": None}


@pytest.mark.parametrize("siem", ENGINES)
def test_embedding_tokens_are_those_of_embeddings_only(siem: str) -> None:
    changes = [{"call_type": name, "prompt_tokens": 40} for name in OPERATIONS]
    assert derived(siem, changes, EMBEDDED) == list(OPERATIONS.values())


@pytest.mark.elasticsearch
def test_embedding_tokens_on_elasticsearch(elasticsearch_url: str) -> None:
    changes = [{"call_type": name, "prompt_tokens": 40} for name in OPERATIONS]
    assert derived("elastic", changes, EMBEDDED, elasticsearch_url) == list(OPERATIONS.values())


def who(organization: str | None, team: str | None, user: str | None) -> dict[str, Any]:
    parts = {"user_api_key_org_id": organization, "user_api_key_team_id": team, "user_api_key_user_id": user}
    return {"metadata": parts}


TENANTS = {
    "organization": (who("org-1", "team-1", "ann"), "org-1"),
    "team": (who(None, "team-1", "ann"), "team-1"),
    "user": (who(None, None, "ann"), "ann"),
    "empty organization": (who("", "", "ann"), "ann"),
    "nobody": (who(None, None, None), None),
}


@pytest.mark.parametrize("siem", ENGINES)
def test_tenant_is_the_organization_else_the_user(siem: str) -> None:
    changes, expected = zip(*TENANTS.values(), strict=True)
    assert derived(siem, list(changes), TENANT) == list(expected)


@pytest.mark.elasticsearch
def test_tenant_on_elasticsearch(elasticsearch_url: str) -> None:
    changes, expected = zip(*TENANTS.values(), strict=True)
    assert derived("elastic", list(changes), TENANT, elasticsearch_url) == list(expected)


INPUTS = {
    '{"age": null, "income": 5, "note": "null, NaN"}': 1.0,
    '[[1.5, null, NaN], [null, 2, "a \\" null"]]': 3.0,
    '{"null": 1}': 0.0,
    "1.5,2.5": 0.0,
    "": None,
}


@pytest.fixture
def with_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM's log as if it had the input of a classic model, in `end_user`."""
    known = converter()
    source = known.sources["litellm"]
    fields = {**source.fields, "gen_ai.input.features": "end_user"}
    column = {"gen_ai.input.features": "litellm.end_user"}
    elastic = replace(source.stored["elastic"], fields={**source.stored["elastic"].fields, **column})
    stored = {**source.stored, "elastic": elastic}
    litellm = replace(source, fields=fields, stored=stored)
    changed: Converter = replace(known, sources={**known.sources, "litellm": litellm})
    monkeypatch.setattr(views, "converter", lambda: changed)


@pytest.mark.usefixtures("with_features")
@pytest.mark.parametrize("siem", ENGINES)
def test_null_features_are_counted_outside_strings(siem: str) -> None:
    assert derived(siem, [{"end_user": text} for text in INPUTS], NULLS) == list(INPUTS.values())


@pytest.mark.elasticsearch
@pytest.mark.usefixtures("with_features")
def test_null_features_on_elasticsearch(elasticsearch_url: str) -> None:
    changes = [{"end_user": text} for text in INPUTS]
    assert derived("elastic", changes, NULLS, elasticsearch_url) == list(INPUTS.values())


@pytest.mark.usefixtures("with_features")
@pytest.mark.parametrize("siem", ENGINES)
def test_the_same_input_has_the_same_hash(siem: str) -> None:
    one, same, other, missing = derived(siem, [{"end_user": text} for text in ("1,2", "1,2", "1,3", "")], HASH)
    assert one == same
    assert one not in (other, None)
    assert missing is None
