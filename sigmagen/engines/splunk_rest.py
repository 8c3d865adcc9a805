"""Splunk's search over its REST API: one request, which returns when the search is done.

`POST services/search/v2/jobs/export` (Splunk 9.0.1 and later) streams one JSON object a line: rows as
`{"preview": false, "offset": 0, "result": {...}}`, the last one with `"lastrow": true`, and `{"messages": [...]}`.
https://help.splunk.com/en/splunk-enterprise/rest-api-reference, search/v2/jobs/export
"""

from __future__ import annotations

import re
from typing import Any

import orjson
import urllib3

from sigmagen.connect import BUSY, BusyError, patiently, seconds_asked, without_password
from sigmagen.engines.errors import QueryRefusedError
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

TOKEN_VARIABLE = "SIGMAGEN_SPLUNK_TOKEN"
URL_VARIABLE = "SIGMAGEN_SPLUNK_URL"
CA_FILE_VARIABLE = "SIGMAGEN_SPLUNK_CA_FILE"

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 300.0
_BAD = ("ERROR", "FATAL")
_HINTS = {
    401: f"check the token in {TOKEN_VARIABLE} (Settings, Tokens)",
    403: "the token's user needs the capability `search`",
    404: "the URL is that of the management port (8089), and Splunk is 9.0.1 or later",
}


class SplunkClient:
    """One search head. TLS certificates are verified: with the system's authorities, or those of a file."""

    def __init__(self, url: str, token: str, ca_file: str | None = None) -> None:
        """Raises SigmagenError for a token that can't be one; it is not shown."""
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            message = f"{TOKEN_VARIABLE} holds characters that no token has"
            raise SigmagenError(Problem("credentials", message), EXIT_USAGE)
        self._token = token
        self._url = url.rstrip("/")
        try:
            self._pool = urllib3.PoolManager(
                retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
                cert_reqs="CERT_REQUIRED",
                ca_certs=ca_file,
            )
            if urllib3.util.parse_url(self._url).scheme not in ("http", "https"):
                raise self._unusable("not a URL of Splunk's REST API, such as https://splunk.example.com:8089")
        except urllib3.exceptions.LocationValueError:
            raise self._unusable("not a URL") from None

    def export(self, search: str, earliest: str, latest: str) -> list[dict[str, Any]]:
        """The rows of a search over a time range, in epoch seconds.

        Raises QueryRefusedError where Splunk won't run the search, SigmagenError where it can't be asked.
        """
        fields = {
            "search": search,
            "earliest_time": earliest,
            "latest_time": latest,
            "output_mode": "json",
            "preview": "false",
        }
        return patiently(lambda: self._export(fields))

    def _export(self, fields: dict[str, str]) -> list[dict[str, Any]]:
        try:
            response = self._pool.request(
                "POST",
                f"{self._url}/services/search/v2/jobs/export",
                fields=fields,
                encode_multipart=False,
                headers={"Authorization": f"Bearer {self._token}"},
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unusable(f"{type(error).__name__}: {error}") from None
        if response.status == 200:
            return self._rows(response.data)
        messages = self._messages(response.data)
        failure = self._unusable(f"HTTP {response.status}{': ' if messages else ''}{messages}", response.status)
        if response.status == 400:
            raise QueryRefusedError("splunk", messages or "HTTP 400")
        if response.status in BUSY:
            raise BusyError(failure, seconds_asked(response.headers.get("Retry-After")))
        raise failure

    def _rows(self, body: bytes) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        complete = False
        for line in body.splitlines():
            if not line.strip():
                continue
            try:
                part = orjson.loads(line)
                refused = _said(part, _BAD)
                preview, last, row = bool(part.get("preview")), bool(part.get("lastrow")), part.get("result")
            except (orjson.JSONDecodeError, AttributeError, TypeError):
                raise self._unusable("the answer is not the JSON that Splunk sends") from None
            if refused:
                raise QueryRefusedError("splunk", self._hidden(refused))
            if not preview:
                complete = complete or last
                rows += [row] if isinstance(row, dict) else []
        if not complete:
            raise self._unusable("the answer ends before its last row")
        return rows

    def _messages(self, body: bytes) -> str:
        """What an error's body says, if it is Splunk's."""
        try:
            return self._hidden(_said(orjson.loads(body)))
        except (orjson.JSONDecodeError, AttributeError, TypeError):
            return ""

    def _unusable(self, reason: str, status: int | None = None) -> SigmagenError:
        message = f"Splunk at {without_password(self._url)}: {self._hidden(without_password(reason))}"
        hint = _HINTS.get(status or 0, f"check {URL_VARIABLE}, and {CA_FILE_VARIABLE} for a private authority")
        return SigmagenError(Problem("no-server", message, hint=hint), EXIT_USAGE)

    def _hidden(self, text: str) -> str:
        return text.replace(self._token, "***")

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()


def _said(body: dict[str, Any], kinds: tuple[str, ...] = ()) -> str:
    """The texts of Splunk's messages, of some kinds or of all."""
    said = [message for message in body.get("messages", []) if not kinds or message.get("type") in kinds]
    return "; ".join(str(message.get("text", "")) for message in said)
