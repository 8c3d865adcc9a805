"""Retrying requests to a busy server."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

BUSY = (429, 502, 503, 504)
"""Statuses after which a retry may succeed."""
ATTEMPTS = 5
LONGEST_WAIT = 60.0

T = TypeVar("T")


class BusyError(Exception):
    """The server is busy. `seconds` is the wait that it requests, if any; `failure` is raised if it stays busy."""

    def __init__(self, failure: Exception, seconds: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.seconds = seconds


def retry_delay(attempt: int, busy: BusyError) -> float:
    """Return the seconds to wait after the failed attempt with this number, counted from 1."""
    return min(LONGEST_WAIT, 2.0**attempt if busy.seconds is None else busy.seconds)


def with_retries(request: Callable[[], T], delay: Callable[[int, BusyError], float] = retry_delay) -> T:
    """Call a request, up to ATTEMPTS times while it raises BusyError, and return its result.

    Raises the failure of the last BusyError.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return request()
        except BusyError as busy:
            if attempt == ATTEMPTS:
                raise busy.failure from None
            time.sleep(delay(attempt, busy))
    raise AssertionError("unreachable")


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds to wait from a `Retry-After` header: a number or a date (RFC 9110, section 10.2.3)."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return seconds if 0 <= seconds < float("inf") else None
    try:
        moment = parsedate_to_datetime(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, OverflowError):
        return None
