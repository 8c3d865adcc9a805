"""Runs SPL unchanged on a real Splunk, with the events in the search: nothing is written.

    | makeresults format=json data="[{...}, ...]"
    | rename f1 AS "user.id", ...
    | eval _time=tonumber(f0), _raw=f2
    | search <the converted text, byte for byte>

`search` after a pipe tests the same terms as it does as the first command. The work of an index is missing: event
breaking, time extraction and the automatic extraction of JSON fields. Instead, the fields are extracted here, as Splunk
documents it for KV_MODE = json, and only those that the search names are sent.
https://help.splunk.com/en/splunk-enterprise/spl-search-reference, makeresults
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from sigmagen.convert.converter import Query
from sigmagen.engines.alert import Alert
from sigmagen.engines.closing import Closing
from sigmagen.engines.errors import NotRunError
from sigmagen.engines.inline import InlineRuns, StoredRow, columns_of, find_mentioned, split_rows
from sigmagen.engines.splunk_local import alerts_of, event_rows
from sigmagen.engines.splunk_rest import SplunkClient
from sigmagen.mapping.source import Source
from sigmagen.net.client import reject_invalid_response

LONGEST_SEARCH = 4_000_000
"""Characters of a search. Splunk documents only a limit for requests (2 GB); this one is our own."""


class SplunkEngine(Closing):
    """Keeps the events in memory, and sends those of a run's time range with the search."""

    name: ClassVar[str] = "splunk"
    siem: ClassVar[str] = "splunk"
    fidelity: ClassVar[Literal["real", "emulated"]] = "real"

    def __init__(self, client: SplunkClient) -> None:
        """Raises SigmagenError if Splunk does not answer, or rejects the token."""
        self.client = client
        self._rows: dict[str, list[StoredRow]] = {}
        self._runs = InlineRuns(self.name, LONGEST_SEARCH, self._execute)
        self.client.export("| makeresults", "0", "1")

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        rows = event_rows(source, records)
        self._rows[source.name] = [StoredRow(round(row["_time"] * 1000), "", row) for row in rows]
        self._runs.clear()

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        """Raises NotRunError for a search over several streams, or with too many or multi-valued events."""
        place = query.stored_source.location
        streams = query.text.startswith(place) + query.text.count(f"[search {place}")
        if query.source.together or streams != 1:
            raise NotRunError("the search reads several streams, and inline events are possible only at its beginning")
        rows = self._rows.get(query.source.name, [])
        # Without events nothing is sent: `makeresults` can't return zero rows.
        texts = (
            inline_events(query.text, [row.values for row in part]) for part in split_rows(rows, query, start, end)
        )
        return self._runs.run(query, texts, start, end)

    def _execute(self, query: Query, text: str, start: int, end: int) -> list[Alert]:
        rows = self.client.export(text, f"{start / 1000:.3f}", f"{end / 1000:.3f}")
        with reject_invalid_response(lambda: self.client.unusable("the answer lacks columns of the search")):
            return alerts_of(query, rows)

    def close(self) -> None:
        self.client.close()


def inline_events(text: str, events: Sequence[Mapping[str, Any]]) -> str:
    """A search preceded by its events, newest first, as Splunk returns them.

    Raises NotRunError for a field with several values in one event.
    """
    fields = find_mentioned((name for name in columns_of(events) if name != "_time"), text)
    keys = {"_time": "f0"} | {name: f"f{number}" for number, name in enumerate(fields, 1)}
    rows = []
    for event in reversed(events):
        row = {key: event[name] for name, key in keys.items() if event.get(name) is not None}
        several = [name for name, key in keys.items() if isinstance(row.get(key), list | tuple)]
        if several:
            raise NotRunError(f"the search reads {several[0]}, which has several values in one event")
        rows.append({key: value if isinstance(value, str) else repr(value) for key, value in row.items()})
    lines = [f"| makeresults format=json data={_quote(_to_json(rows))}"]
    renamed = [f"{keys[name]} AS {_quote(name)}" for name in fields if name != "_raw"]
    if renamed:
        lines.append(f"| rename {', '.join(renamed)}")
    lines.append("| eval _time=tonumber(f0)" + (f", _raw={keys['_raw']}" if "_raw" in keys else ""))
    lines.append(f"| search {text}")
    return "\n".join(lines)


def _to_json(rows: Sequence[Mapping[str, str]]) -> str:
    """JSON in ASCII without backticks, which start a macro or a comment in Splunk."""
    return json.dumps(rows, separators=(",", ":")).replace("`", "\\u0060")


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
