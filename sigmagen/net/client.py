"""The HTTP client of all commands: with retries, limits, and errors without secrets."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson
import urllib3

from sigmagen.net.address import validate_address
from sigmagen.net.retry import BUSY, BusyError, retry_after, retry_delay, with_retries
from sigmagen.net.secrets import hide, remember
from sigmagen.net.transport import Answer, fetch, make_pool_manager
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
LONGEST_RETRY_AFTER = 300.0
"""Longest wait in seconds. A server that asks for a longer one is treated as failed."""
TIMEOUT = 120.0
"""Time limit for a complete response, in seconds."""

TOO_MANY = 429
NOT_FOUND = 404
LONGEST_REASON = 300
"""Longest message of a server that is shown, in characters."""
_HOST = re.compile(r"[\w.-]+|\[[0-9a-fA-F:.]+\]")

Failure = Callable[[str, int | None], SigmagenError]
"""Makes an error from a message and, if there was a response, its status."""


@dataclass(frozen=True)
class Response:
    """A response."""

    status: int
    data: bytes

    def json(self) -> Any:
        """Return the body as JSON; None if it is empty. Raises ValueError."""
        return orjson.loads(self.data) if self.data.strip() else None

    def lines(self) -> list[Any]:
        """Return the body as NDJSON. Raises ValueError."""
        return [orjson.loads(line) for line in self.data.splitlines() if line.strip()]


def make_server_error(message: str, status: int | None = None) -> SigmagenError:
    """Return the error for a server that can't be used."""
    return SigmagenError(Problem("no-server", message), EXIT_USAGE)


class Client:
    """Sends requests to paths below one address.

    `secrets` are hidden in all output of this process. A `persistent` client retries after any server failure; other
    clients retry only if the server is busy.
    """

    def __init__(
        self,
        base: str,
        headers: Mapping[str, str],
        secrets: Sequence[str] = (),
        name: str = "the server",
        *,
        ca_file: str | None = None,
        fingerprint: str | None = None,
        timeout: float = TIMEOUT,
        persistent: bool = True,
        failure: Failure = make_server_error,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Raises SigmagenError for an invalid address, or a secret that is not valid in a header."""
        self.base = validate_address(base, name, secret=bool(secrets))
        self.headers = headers
        self.name = name
        for value in secrets:
            remember(value)
        if any(not re.fullmatch(r"[\x20-\x7e]*", value) for value in headers.values()):
            message = f"the credentials of {name} contain characters that are not valid in a header"
            raise SigmagenError(Problem("credentials", message), EXIT_USAGE)
        self._timeout, self._persistent, self._failure, self._jitter = timeout, persistent, failure, jitter
        self._connections = make_pool_manager(ca_file, fingerprint)

    def get(self, path: str, **params: str | int) -> Response | None:
        """Return the JSON body of a GET request; None if the path doesn't exist. Raises SigmagenError."""
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
        """Send a request with a JSON body, a file or a form. `accepted` lists error statuses to return as responses.

        Retries with increasing delays if the server is busy, so a request may be executed twice. Raises
        SigmagenError.
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
        answer = with_retries(lambda: self._ask(method, path, url, headers, data), self._delay)
        if 200 <= answer.status < 300 or answer.status in accepted:
            return answer
        raise self.refused(method, path, answer)

    def _ask(self, method: str, path: str, url: str, headers: dict[str, str], data: bytes | None) -> Response:
        try:
            raw = self.once(method, url, headers, data)
        except urllib3.exceptions.HTTPError as error:
            text = f"does not respond ({type(error).__name__}: {redact(str(error))})"
            failure = self._error(method, path, text)
            if self._persistent:
                raise BusyError(failure) from None
            raise failure from None
        answer = Response(raw.status, raw.data)
        if 300 <= raw.status < 400:
            raise self._error(method, path, f"HTTP {raw.status}{_target(raw)}", raw.status)
        if raw.status not in BUSY and not (self._persistent and raw.status >= 500):
            return answer
        asked = retry_after(raw.headers.get("Retry-After"))
        if self._persistent and asked is not None and asked > LONGEST_RETRY_AFTER:
            raise self._error(method, path, f"HTTP {answer.status}, requested a wait of {asked:.0f} s", raw.status)
        raise BusyError(self.refused(method, path, answer), asked)

    def _delay(self, attempt: int, busy: BusyError) -> float:
        """Return an increasing delay; for a persistent client with jitter, since several may retry at once."""
        if not self._persistent:
            return retry_delay(attempt, busy)
        own = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1)) * (0.5 + self._jitter() / 2)
        return max(own, busy.seconds or 0.0)

    def once(self, method: str, url: str, headers: dict[str, str], data: bytes | None) -> Answer:
        """Send one request without retries. Raises urllib3's HTTPError."""
        return fetch(self._connections, method, url, headers, data, self._timeout)

    def refused(self, method: str, path: str, answer: Response) -> SigmagenError:
        """Return the error for a response, with the server's reason."""
        words = extract_reason(answer.data)
        return self._error(method, path, f"HTTP {answer.status}{f', {words}' if words else ''}", answer.status)

    def _error(self, method: str, path: str, text: str, status: int | None = None) -> SigmagenError:
        return self._failure(hide(f"{self.name}, {method} {path}: {text}"), status)

    def close(self) -> None:
        """Close the connections."""
        self._connections.clear()


def redact(text: str) -> str:
    """Return a server's message without secrets, then shortened, so that no part of a secret remains."""
    return hide(" ".join(text.split()))[:LONGEST_REASON]


def extract_reason(data: bytes) -> str:
    """Return the error message in a response; empty if it is not JSON."""
    try:
        return redact(_words(orjson.loads(data)))
    except ValueError:
        return ""


def _words(body: Any) -> str:
    """Return the first text under `message`, `error` or `reason` at any depth."""
    if isinstance(body, list):
        body = next(iter(body), None)
    if isinstance(body, dict):
        found = (_words(body[key]) for key in ("message", "error", "reason", "messages", "text") if body.get(key))
        return next((text for text in found if text), "")
    return body if isinstance(body, str) else ""


def _target(answer: Answer) -> str:
    """Return the target of a redirect, if it can be shown."""
    try:
        host = urlsplit(answer.headers.get("Location") or "").hostname or ""
    except ValueError:
        host = ""
    return f", redirects{f' to {hide(host)}' if _HOST.fullmatch(host) else ''}, which is not followed"


UNEXPECTED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Exceptions from reading a response that does not have the documented form."""


@contextmanager
def reject_invalid_response(failure: Callable[[], SigmagenError]) -> Iterator[None]:
    """Raise the failure, not an internal error, if the code inside reads a response that has another form."""
    try:
        yield
    except UNEXPECTED as error:
        raise failure() from error
