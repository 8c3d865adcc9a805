"""What is taken out of a text: each secret of this process, in each form in which a server may send it back."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from sigmagen.cli.problems import print_problems
from sigmagen.net.client import LONGEST_REASON, redact
from sigmagen.net.secrets import hide, hide_in_json, remember
from sigmagen.net.settings import SETTINGS
from sigmagen.problems import Problem

SECRET = 's3/cr"3t+é&<x>='
NAMES = [known.name for known in SETTINGS if known.secret]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for known in SETTINGS:
        monkeypatch.delenv(known.name, raising=False)


@pytest.mark.parametrize("name", [*NAMES, "AZURE_CLIENT_SECRET"])
@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").replace("%2F", "%2f"),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        html.escape(SECRET),
        SECRET.encode().hex(),
        "".join(f"\\u{ord(char):04x}" for char in SECRET),
        "".join(f"&#{ord(char)};" for char in SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_each_secret_is_hidden_in_each_form(monkeypatch: pytest.MonkeyPatch, name: str, form: str) -> None:
    monkeypatch.setenv(name, SECRET)
    assert hide(f"before {form} after") == "before *** after"


def whole(text: str) -> str:
    """Base64 without the characters at its end that make no byte."""
    return text[: len(text) // 4 * 4].replace("=", "A")


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:", "Bearer "])
def test_a_secret_is_hidden_inside_a_longer_text_in_base64(monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    monkeypatch.setenv("SIGMAGEN_SPLUNK_TOKEN", "c0rrect-h0rse-battery")
    text = base64.b64encode(f"{before}c0rrect-h0rse-battery;more".encode()).decode()
    pieces = hide(text).split("***")
    assert len(pieces) == 2
    readable = [base64.b64decode(whole(piece[cut:])) for piece in pieces for cut in range(4)]
    assert not any(b"h0rse" in part for part in readable)


def test_basic_token_with_short_password_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_USERNAME", "ann")
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_PASSWORD", "SECPW")
    assert hide("Basic YW5uOlNFQ1BX SECPW") == "Basic *** ***"


def test_the_secret_inside_an_api_key_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_API_KEY", base64.b64encode(b"key-id:key-secret").decode())
    assert hide("key-secret is wrong for key-id") == "*** is wrong for key-id"


def test_similar_word_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGMAGEN_ELASTICSEARCH_PASSWORD", "elastic")
    assert hide("Elasticsearch says: elastic") == "Elasticsearch says: ***"


def test_secrets_are_hidden_before_text_is_shortened() -> None:
    remember("a-token-that-is-long")
    text = "x" * (LONGEST_REASON - 10) + "a-token-that-is-long"
    assert redact(text) == "x" * (LONGEST_REASON - 10) + "***"


def test_secrets_are_hidden_in_keys_and_values_of_json() -> None:
    remember("a-token")
    assert hide_in_json({"a-token": ["a-token", 1, None, {"x": ("a-token",)}]}) == {
        "***": ["***", 1, None, {"x": ["***"]}]
    }


def test_text_without_secrets_is_unchanged() -> None:
    assert hide("any text") == "any text"


def test_secrets_are_hidden_in_printed_problems(capsys: pytest.CaptureFixture[str]) -> None:
    remember("a-token")
    print_problems([Problem("code", "says a-token", file="a-token.yml", hint="try a-token")])
    assert capsys.readouterr().err == "***.yml: error[code]: says ***\n  try ***\n"
