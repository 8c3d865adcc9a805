"""A small HTTP client for deployments: JSON, patience with a busy server, and nothing secret in an error."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from sigmagen.connect import ATTEMPTS, BusyError, patiently, seconds_asked
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError
from sigmagen.report.text import harmless

TRIES = ATTEMPTS
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
LONGEST_RETRY_AFTER = 300.0
"""Seconds. A server that asks for more is given up; running again later takes the work up."""

TOO_MANY = 429
NOT_FOUND = 404
_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Response:
    """An answer."""

    status: int
    data: bytes

    def json(self) -> Any:
        """The body as JSON; None for an empty one. Raises ValueError."""
        return json.loads(self.data) if self.data.strip() else None

    def lines(self) -> list[Any]:
        """The body as NDJSON. Raises ValueError."""
        return [json.loads(line) for line in self.data.splitlines() if line.strip()]


@dataclass
class Client:
    """Requests below one address. `secrets` never show in an error, whatever a server answers."""

    base: str
    headers: Mapping[str, str]
    secrets: Sequence[str] = ()
    name: str = "the server"
    tls: Mapping[str, Any] = field(default_factory=dict)
    """Options of urllib3 for TLS: the file of an authority, or a certificate's fingerprint."""
    jitter: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        self.base = usable(self.base, self.name, secret=bool(self.secrets))
        self._pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT, **self.tls)

    def get(self, path: str, **params: str | int) -> Response | None:
        """What is there, None where nothing is. Raises SigmagenError."""
        answer = self.send("GET", path, params=params, accepted=(NOT_FOUND,))
        return None if answer.status == NOT_FOUND else answer

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        file: tuple[str, bytes] | None = None,
        form: Mapping[str, str | int] | None = None,
        accepted: Sequence[int] = (),
    ) -> Response:
        """A request with a JSON body, a file or a form; `accepted` statuses are answers besides those of success.

        Asks again, later each time, when the server is busy, fails or can't be reached; so a request may have been
        carried out twice. Raises SigmagenError.
        """
        url = self.base + path + (f"?{urlencode(params, quote_via=quote)}" if params else "")
        headers = dict(self.headers)
        data: bytes | None = None
        if file is not None:
            data, headers["Content-Type"] = urllib3.encode_multipart_formdata(
                {"file": (*file, "application/ndjson")}, boundary="sigmagen-0f6d3b1c9a7e"
            )
        elif form is not None:
            data, headers["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        elif body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        answer = patiently(lambda: self._asked(method, path, url, headers, data), self._pause)
        if 200 <= answer.status < 300 or answer.status in accepted:
            return answer
        raise self.refused(method, path, answer)

    def _asked(self, method: str, path: str, url: str, headers: dict[str, str], data: bytes | None) -> Response:
        try:
            raw = self.once(method, url, headers, data)
        except urllib3.exceptions.HTTPError as error:
            raise BusyError(self._error(method, path, f"does not answer ({type(error).__name__})")) from None
        answer = Response(raw.status, raw.data)
        if answer.status != TOO_MANY and answer.status < 500:
            return answer
        asked = retry_after(raw.headers.get("Retry-After"))
        if asked is not None and asked > LONGEST_RETRY_AFTER:
            raise self._error(method, path, f"HTTP {answer.status}, asks to wait for {asked:.0f} s")
        raise BusyError(self.refused(method, path, answer), asked)

    def _pause(self, attempt: int, busy: BusyError) -> float:
        """Longer each time and never quite the same, so that several clients don't come back at once."""
        own = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1)) * (0.5 + self.jitter() / 2)
        return max(own, busy.seconds or 0.0)

    def once(self, method: str, url: str, headers: dict[str, str], data: bytes | None) -> urllib3.BaseHTTPResponse:
        """One request. No redirect is followed: it could lead the secret elsewhere."""
        return self._pool.request(method, url, headers=headers, body=data, redirect=False)

    def refused(self, method: str, path: str, answer: Response) -> SigmagenError:
        """The error of an answer, with the server's reason."""
        return self._error(method, path, f"HTTP {answer.status}{_reason(answer)}")

    def _error(self, method: str, path: str, text: str) -> SigmagenError:
        message = f"{self.name}, {method} {path}: {text}"
        for value in self.secrets:
            message = message.replace(value, "***")
        hint = "what was done stays done; run it again when the cause is gone"
        return SigmagenError(Problem("deploy-refused", harmless(message), hint=hint), EXIT_FINDINGS)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()


def usable(url: str, name: str, *, secret: bool) -> str:
    """The address without a slash at its end.

    Raises SigmagenError for one that holds a password, isn't HTTP, or would send a secret in the clear.
    """
    try:
        parts = urlsplit(url)
        host, wrong = parts.hostname, parts.scheme not in ("http", "https") or not parts.hostname
    except ValueError:
        host, wrong = None, True
    if wrong or host is None:
        raise _unusable(f"the address of {name} is no http or https URL")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise _unusable(f"the address of {name} holds more than a place", "give secrets in variables of their own")
    if secret and parts.scheme == "http" and not _here(host):
        raise _unusable(f"{name} would get the secret without encryption", "use https")
    return url.rstrip("/")


def _here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _unusable(text: str, hint: str | None = None) -> SigmagenError:
    return SigmagenError(Problem("deploy-address", text, hint=hint), EXIT_USAGE)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait, from a `Retry-After` header: a number, or a date (RFC 9110, section 10.2.3)."""
    if not value:
        return None
    if (seconds := seconds_asked(value)) is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _reason(answer: Response) -> str:
    """What the server says in words, cut."""
    try:
        said = answer.json()
    except ValueError:
        return ""
    words = _words(said)
    return f", {words[:_LONGEST_REASON]}" if words else ""


def _words(said: Any) -> str:
    """The first text of a message, error or reason, however deep it lies."""
    if isinstance(said, list):
        said = next(iter(said), None)
    if isinstance(said, dict):
        found = (_words(said[key]) for key in ("message", "error", "reason", "messages", "text") if said.get(key))
        return next((text for text in found if text), "")
    return said if isinstance(said, str) else ""
