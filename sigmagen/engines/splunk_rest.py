"""Searches Splunk over its REST API: one request, which returns when the search is done.

`POST services/search/v2/jobs/export` (Splunk 9.0.1 and later) streams one JSON object a line: rows as
`{"preview": false, "offset": 0, "result": {...}}`, the last one with `"lastrow": true`, and `{"messages": [...]}`.
https://help.splunk.com/en/splunk-enterprise/rest-api-reference, search/v2/jobs/export
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from sigmagen.engines.errors import QueryRefusedError
from sigmagen.net.client import Client, redact
from sigmagen.net.settings import SPLUNK_CA_FILE, SPLUNK_TOKEN, SPLUNK_URL
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

TIMEOUT = 300.0
"""Seconds for a search and its whole answer."""
_BAD_REQUEST = 400
_FAILURES = ("ERROR", "FATAL")
_PATH = "/services/search/v2/jobs/export"
_HINTS = {
    401: f"check the token in {SPLUNK_TOKEN} (Settings, Tokens)",
    403: "the token's user needs the capability `search`",
    404: "the URL is that of the management port (8089), and Splunk is 9.0.1 or later",
}


class SplunkClient:
    """One search head. TLS certificates are verified with the system's authorities, or those of a file."""

    def __init__(self, url: str, token: str, ca_file: str | None = None) -> None:
        """Raises SigmagenError for an invalid address or token; the message doesn't show them."""
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            message = f"{SPLUNK_TOKEN} contains characters that are invalid in a token"
            raise SigmagenError(Problem("credentials", message), EXIT_USAGE)
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "sigmagen"}
        self._client = Client(
            url,
            headers,
            [token],
            "Splunk",
            ca_file=ca_file,
            timeout=TIMEOUT,
            persistent=False,
            failure=self.unusable,
        )

    def export(self, search: str, earliest: str, latest: str) -> list[dict[str, Any]]:
        """The rows of a search over a time range, in epoch seconds.

        Raises QueryRefusedError if Splunk refuses the search, SigmagenError if Splunk can't be used.
        """
        form = {
            "search": search,
            "earliest_time": earliest,
            "latest_time": latest,
            "output_mode": "json",
            "preview": "false",
        }
        answer = self._client.send("POST", _PATH, form=form, accepted=(_BAD_REQUEST,))
        if answer.status == _BAD_REQUEST:
            raise QueryRefusedError("splunk", _error_message(answer.data) or "HTTP 400")
        return self._rows(answer.data)

    def _rows(self, body: bytes) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        complete = False
        for line in body.splitlines():
            if not line.strip():
                continue
            try:
                part = orjson.loads(line)
                refused = _message_texts(part, _FAILURES)
                preview, last, row = bool(part.get("preview")), bool(part.get("lastrow")), part.get("result")
            except (orjson.JSONDecodeError, AttributeError, TypeError):
                raise self.unusable("the answer is not the JSON that Splunk sends") from None
            if refused:
                raise QueryRefusedError("splunk", refused)
            if not preview:
                complete = complete or last
                rows += [row] if isinstance(row, dict) else []
        if not complete:
            raise self.unusable("the answer ends before its last row")
        return rows

    def unusable(self, reason: str, status: int | None = None) -> SigmagenError:
        """The error for a search head that can't be used."""
        message = reason if reason.startswith("Splunk") else f"Splunk: {reason}"
        hint = _HINTS.get(status or 0, f"check {SPLUNK_URL}, and {SPLUNK_CA_FILE} for a private authority")
        return SigmagenError(Problem("no-server", message, hint=hint), EXIT_USAGE)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _error_message(body: bytes) -> str:
    """The messages in the body of an error, empty if it isn't Splunk's."""
    try:
        return _message_texts(orjson.loads(body))
    except (orjson.JSONDecodeError, AttributeError, TypeError):
        return ""


def _message_texts(body: dict[str, Any], kinds: tuple[str, ...] = ()) -> str:
    """The texts of Splunk's messages, of some kinds or of all."""
    found = [message for message in body.get("messages", []) if not kinds or message.get("type") in kinds]
    return redact("; ".join(str(message.get("text", "")) for message in found))
