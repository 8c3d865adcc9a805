"""The HTTP client: how it waits, what it refuses, and what it never says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType

import pytest

from sigmagen.net import settings
from sigmagen.net.address import validate_address
from sigmagen.net.client import LONGEST_RETRY_AFTER, Client
from sigmagen.net.retry import ATTEMPTS, retry_after
from sigmagen.problems import SigmagenError
from tests.servers.kibana import API_KEY, State, standing_in

NOW = datetime(2026, 8, 11, 9, 14, 0, tzinfo=UTC)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Client, State, list[float]]]:
    """A client with its server; what it would have slept is kept, not slept."""
    with standing_in() as (url, state):
        waited: list[float] = []
        monkeypatch.setattr("sigmagen.net.retry.time.sleep", waited.append)
        headers = {"Authorization": f"ApiKey {API_KEY}"}
        client = Client(url, headers, [API_KEY], jitter=lambda: 1.0)
        yield client, state, waited
        client.close()


def ask(client: Client) -> int:
    return client.send("GET", "/_component_template").status


def test_retry_delay_increases(server: tuple[Client, State, list[float]]) -> None:
    client, state, waited = server
    state.failures = [(503, {})] * (ATTEMPTS - 1)
    assert ask(client) == 200
    assert waited == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_delay_is_as_long_as_requested(server: tuple[Client, State, list[float]], status: int) -> None:
    client, state, waited = server
    state.failures = [(status, {"Retry-After": "17"}), (status, {"Retry-After": "0"})]
    assert ask(client) == 200
    assert waited == [17.0, 2.0]


def test_too_long_requested_delay_is_an_error(server: tuple[Client, State, list[float]]) -> None:
    client, state, waited = server
    state.failures = [(429, {"Retry-After": str(int(LONGEST_RETRY_AFTER) + 1)})]
    with pytest.raises(SigmagenError, match="requested a wait of 301 s"):
        ask(client)
    assert waited == []


@pytest.mark.parametrize("status", [400, 401, 403])
def test_rejected_request_is_not_retried(server: tuple[Client, State, list[float]], status: int) -> None:
    client, state, waited = server
    state.failures = [(status, {})]
    with pytest.raises(SigmagenError, match=f"HTTP {status}"):
        ask(client)
    assert waited == []


def test_unreachable_server_error_hides_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sigmagen.net.retry.time.sleep", lambda _: None)
    client = Client("http://127.0.0.1:9", {"Authorization": "ApiKey topsecret"}, ["topsecret"])
    with pytest.raises(SigmagenError, match="does not respond") as caught:
        client.send("GET", "/topsecret")
    assert "topsecret" not in str(caught.value)


def test_no_redirect_is_followed(server: tuple[Client, State, list[float]]) -> None:
    client, state, _ = server
    state.failures = [(302, {"Location": "http://127.0.0.1:9/elsewhere"})]
    with pytest.raises(SigmagenError, match="HTTP 302"):
        ask(client)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("12", 12.0),
        ("-1", None),
        ("soon", None),
        ("Tue, 11 Aug 2026 09:14:30 GMT", 30.0),
        ("Tue, 11 Aug 2026 09:13:00 GMT", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize("url", ["http://127.0.0.1:5601", "http://[::1]:5601/", "http://localhost/s/team"])
def test_secret_is_sent_unencrypted_to_localhost(url: str) -> None:
    assert validate_address(url, "Kibana", secret=True) == url.rstrip("/")


@pytest.mark.parametrize("url", ["http://localhost.example.com", "http://192.0.2.1", "http://127.0.0.1.example.com"])
def test_secret_is_not_sent_unencrypted_elsewhere(url: str) -> None:
    with pytest.raises(SigmagenError, match="without encryption"):
        validate_address(url, "Kibana", secret=True)
    assert validate_address(url, "Kibana", secret=False)


def test_secret_is_read_from_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    kept = {("sigmagen", "SIGMAGEN_TEST_KEY"): "from the keyring"}
    keyring.get_password = lambda service, name: kept.get((service, name))  # type: ignore[attr-defined]
    errors.KeyringError = RuntimeError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    monkeypatch.setattr(settings, "find_spec", lambda name: True)
    assert settings.read_secret("SIGMAGEN_TEST_KEY") == "from the keyring"
    assert settings.read_secret("SIGMAGEN_OTHER_KEY") is None
    monkeypatch.setenv("SIGMAGEN_TEST_KEY", "from the environment")
    assert settings.read_secret("SIGMAGEN_TEST_KEY") == "from the environment"
