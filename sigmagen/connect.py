"""Reaching a user's own servers: credentials from the environment, patience when asked, nothing secret shown."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

if TYPE_CHECKING:
    from elasticsearch import ApiError, Elasticsearch, TransportError

API_KEY_VARIABLE = "SIGMAGEN_ELASTICSEARCH_API_KEY"
USERNAME_VARIABLE = "SIGMAGEN_ELASTICSEARCH_USERNAME"
PASSWORD_VARIABLE = "SIGMAGEN_ELASTICSEARCH_PASSWORD"
CA_FILE_VARIABLE = "SIGMAGEN_ELASTICSEARCH_CA_FILE"
FINGERPRINT_VARIABLE = "SIGMAGEN_ELASTICSEARCH_FINGERPRINT"

BUSY = (429, 502, 503, 504)
"""Statuses after which the same request may well succeed."""
ATTEMPTS = 5
LONGEST_WAIT = 60.0

T = TypeVar("T")


class BusyError(Exception):
    """A server asks to come back later: after `seconds`, if it says so. `failure` is what it is if it goes on."""

    def __init__(self, failure: Exception, seconds: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.seconds = seconds


def without_password(text: str) -> str:
    """A URL, or a message with one in it, as it may be shown. A password may hold slashes and at signs."""
    return re.sub(r"//.*@", "//", text)


def setting(name: str) -> str | None:
    """A variable of the environment; None where it is empty or not set."""
    return os.environ.get(name, "").strip() or None


def all_of(*readings: Callable[[], Any]) -> list[Any]:
    """What each of the readings returns, so that a user hears at once of everything that is missing.

    Raises SigmagenError with the problems of all readings that fail.
    """
    found, problems, code = [], [], EXIT_USAGE
    for read in readings:
        try:
            found.append(read())
        except SigmagenError as error:
            problems += error.problems
            code = error.exit_code
    if problems:
        raise SigmagenError(problems, code)
    return found


def file_setting(name: str) -> str | None:
    """A variable that names a file. Raises SigmagenError where no file is there."""
    path = setting(name)
    if path is not None and not os.path.isfile(path):
        raise SigmagenError(Problem("no-file", f"{name}: there is no file {path}"), EXIT_USAGE)
    return path


def seconds_asked(value: str | None) -> float | None:
    """A Retry-After header in seconds; None where there is none, or it is a date."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if seconds >= 0 else None


def politely(attempt: int, busy: BusyError) -> float:
    """Seconds to wait after a failed attempt, counted from 1."""
    return min(LONGEST_WAIT, 2.0**attempt if busy.seconds is None else busy.seconds)


def patiently(request: Callable[[], T], pause: Callable[[int, BusyError], float] = politely) -> T:
    """The result of a request, which is repeated while it raises BusyError: as often, and as far apart, as is polite.

    Raises the failure that the last BusyError carries.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return request()
        except BusyError as busy:
            if attempt == ATTEMPTS:
                raise busy.failure from None
            time.sleep(pause(attempt, busy))
    raise AssertionError("unreachable")


def elasticsearch_client(url: str, *, timeout: int) -> Elasticsearch:
    """A client with the environment's credentials. Raises SigmagenError for settings that can't be meant."""
    from elasticsearch import Elasticsearch

    options = elasticsearch_options()
    try:
        return Elasticsearch(url, request_timeout=timeout, **options)
    except (ValueError, TypeError) as error:
        reason = f"not a URL of Elasticsearch: {without_password(str(error))}"
        raise elasticsearch_unusable(url, reason) from None


def elasticsearch_options() -> dict[str, Any]:
    """The client's options for authentication and TLS. Raises SigmagenError where two of them contradict."""
    key, user, password = setting(API_KEY_VARIABLE), setting(USERNAME_VARIABLE), setting(PASSWORD_VARIABLE)
    authority, fingerprint = file_setting(CA_FILE_VARIABLE), setting(FINGERPRINT_VARIABLE)
    wrong = None
    if key and (user or password):
        wrong = f"{API_KEY_VARIABLE} and {USERNAME_VARIABLE} are both set; unset one of them"
    elif bool(user) != bool(password):
        wrong = f"{USERNAME_VARIABLE} and {PASSWORD_VARIABLE} go together; one of them is not set"
    elif authority and fingerprint:
        wrong = f"{CA_FILE_VARIABLE} and {FINGERPRINT_VARIABLE} are both set; unset one of them"
    if wrong:
        raise SigmagenError(Problem("credentials", wrong), EXIT_USAGE)
    options: dict[str, Any] = {
        "api_key": key,
        "basic_auth": (user, password) if user else None,
        "ca_certs": authority,
        "ssl_assert_fingerprint": fingerprint,
    }
    return {name: value for name, value in options.items() if value is not None}


def elasticsearch_unusable(url: str, reason: str, hint: str | None = None) -> SigmagenError:
    """The error of a cluster that can't be used."""
    return SigmagenError(
        Problem("no-server", f"Elasticsearch at {without_password(url)}: {reason}", hint=hint or ELASTICSEARCH_HINT),
        EXIT_USAGE,
    )


ELASTICSEARCH_HINT = (
    f"check the URL, and the credentials in {API_KEY_VARIABLE} or {USERNAME_VARIABLE} and {PASSWORD_VARIABLE}"
)


def elasticsearch_reason(error: ApiError | TransportError) -> str:
    """What went wrong, without the request, which may hold a password."""
    from elasticsearch import ApiError

    if not isinstance(error, ApiError):
        return f"{type(error).__name__}: {without_password(str(error.message))}"
    cause = error.body.get("error") if isinstance(error.body, dict) else None
    reason = cause.get("reason") if isinstance(cause, dict) else None
    return f"HTTP {error.status_code}, {error.message}" + (f": {reason}" if reason else "")
