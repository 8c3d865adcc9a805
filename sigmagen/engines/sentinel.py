"""Runs KQL unchanged on a real Log Analytics workspace, with the events in the query: nothing is written.

    let ApiManagementGatewayLogs = datatable(TimeGenerated:datetime, ...)[...];
    <the converted text, byte for byte>

A `let` hides the workspace's table of the same name for this query. The API's time span does not apply to a datatable,
so only the rows in the span are sent; the span is passed anyway, as Sentinel passes a rule's query period.
https://learn.microsoft.com/kusto/query/datatable-operator, https://learn.microsoft.com/azure/azure-monitor/logs/api
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sigmagen.convert.converter import Query
from sigmagen.engines.alert import Alert, alerts_from, instant
from sigmagen.engines.closing import Closing
from sigmagen.engines.errors import QueryRefusedError
from sigmagen.engines.inline import InlineRuns, StoredRow, find_mentioned, split_rows
from sigmagen.mapping.sentinel_tables import build_table_schemas
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.net.client import UNEXPECTED, redact, reject_invalid_response
from sigmagen.net.settings import SENTINEL_WORKSPACE
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.sources import stored_rows

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError
    from azure.monitor.query import LogsQueryClient

LONGEST_QUERY = 2_000_000
"""Characters of a query. Azure Monitor documents no limit; this one is our own."""
TIMEOUT = 600
"""Seconds for a query, the maximum of Azure Monitor."""
_HINTS = {
    401: "sign in (`az login`), or set the variables of a service principal (AZURE_CLIENT_ID, ...)",
    403: "the identity needs to read the workspace, as the role Log Analytics Reader may",
    404: f"{SENTINEL_WORKSPACE} is the workspace's id, a GUID (Overview, Workspace ID)",
}

Schemas = Mapping[str, Mapping[str, str]]


class SentinelEngine(Closing):
    """Keeps the rows in memory, and sends those of a run's query period with the query."""

    name: ClassVar[str] = "sentinel"
    siem: ClassVar[str] = "sentinel"
    fidelity: ClassVar[Literal["real", "emulated"]] = "real"

    def __init__(self, workspace: str, taxonomy: Taxonomy, client: LogsQueryClient) -> None:
        """Raises SigmagenError if the workspace can't be queried."""
        self.workspace = workspace
        self.taxonomy = taxonomy
        self.client = client
        self._rows: dict[str, list[StoredRow]] = {}
        self._runs = InlineRuns(self.name, LONGEST_QUERY, self._execute)
        self._ask("print answer = 1", 0, 1000)

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        self._rows[source.name] = [
            StoredRow(instant(row["TimeGenerated"]), table, row)
            for record in records
            for table, rows in stored_rows(self.siem, source.name, dict(record)).items()
            for row in rows
        ]
        self._runs.clear()

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        """Raises NotRunError if a run has too many events for one query."""
        rows = [row for part in query.source.parts for row in self._rows.get(part.name, [])]
        schemas = build_table_schemas(query.source, self.taxonomy)
        texts = (inline_events(query.text, part, schemas) for part in split_rows(rows, query, start, end))
        return self._runs.run(query, texts, start, end)

    def _execute(self, query: Query, text: str, start: int, end: int) -> list[Alert]:
        columns, rows = self._ask(text, start, end)
        with reject_invalid_response(
            lambda: _unusable("the answer is not a table of results, as Log Analytics sends it")
        ):
            return alerts_from(query, columns, rows)

    def _ask(self, text: str, start: int, end: int) -> tuple[list[str], list[list[Any]]]:
        from azure.core.exceptions import AzureError, HttpResponseError
        from azure.monitor.query import LogsQueryResult

        span = (datetime.fromtimestamp(start / 1000, UTC), datetime.fromtimestamp(end / 1000, UTC))
        try:
            result = self.client.query_workspace(self.workspace, text, timespan=span, server_timeout=TIMEOUT)
        except HttpResponseError as error:
            if error.status_code == 400:
                raise QueryRefusedError(self.name, _reason(error)) from None
            raise _unusable(f"HTTP {error.status_code}: {_reason(error)}", error.status_code) from None
        except (AzureError, *UNEXPECTED) as error:
            raise _unusable(f"{type(error).__name__}: {_first_line(error)}") from None
        if not isinstance(result, LogsQueryResult):
            raise QueryRefusedError(
                self.name, f"only part of the result: {_first_line(getattr(result.partial_error, 'message', ''))}"
            )
        if not result.tables:
            raise _unusable("the answer has no table")
        with reject_invalid_response(
            lambda: _unusable("the answer is not a table of results, as Log Analytics sends it")
        ):
            table = result.tables[0]
            return list(table.columns), [list(row) for row in table.rows]

    def close(self) -> None:
        self.client.close()


def _unusable(reason: str, status: int | None = None) -> SigmagenError:
    hint = _HINTS.get(status or 0, f"check {SENTINEL_WORKSPACE}, and that you are signed in to Azure (`az login`)")
    return SigmagenError(Problem("no-server", f"Log Analytics: {reason}", hint=hint), EXIT_USAGE)


def _reason(error: HttpResponseError) -> str:
    """The message of the service: the innermost of its nested errors names the cause."""
    try:
        details = json.loads(error.response.text())["error"]  # type: ignore[union-attr]
        while isinstance(details.get("innererror"), dict):
            details = details["innererror"]
        return _first_line(details["message"])
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return _first_line(error.message)


def _first_line(message: Any) -> str:
    lines = str(message).strip().splitlines()
    return redact(lines[0]) if lines else "no reason given"


def inline_events(text: str, rows: Sequence[StoredRow], schemas: Schemas) -> str:
    """A query preceded by its tables, even empty ones, with the columns that it names."""
    tables = []
    for table, columns in schemas.items():
        used = {"TimeGenerated": "datetime"} | {name: columns[name] for name in find_mentioned(columns, text)}
        cells = [
            ",".join(literal(kind, row.values.get(name)) for name, kind in used.items())
            for row in rows
            if row.place == table
        ]
        declared = ", ".join(f"{name}:{kind}" for name, kind in used.items())
        tables.append(f"let {table} = datatable({declared})[\n" + ",\n".join(cells) + "\n];\n")
    return "".join(tables) + text


def literal(kind: str, value: Any) -> str:
    """A value as a KQL constant of a type; a value that does not fit the type is null, as on ingestion.

    A string is never null in KQL.
    """
    if kind == "string":
        return _print_string("" if value is None else value if isinstance(value, str) else _to_json(value))
    if kind == "dynamic":
        return f"dynamic({''.join(map(_escape, _to_json(value)))})"
    try:
        return f"{kind}({_SCALARS[kind](value)})"
    except (TypeError, ValueError, OverflowError):
        return f"{kind}(null)"


def _to_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _print_string(value: str) -> str:
    """A string constant: everything that could end it, or a line, is escaped."""
    return '"' + "".join(_ESCAPES.get(char) or _escape(char) for char in value) + '"'


def _escape(char: str) -> str:
    """An invisible character, such as U+2028, which ends a line, in the escape that KQL shares with JSON."""
    return char if char.isprintable() or ord(char) > 0xFFFF else f"\\u{ord(char):04x}"


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _print_integer(value: Any) -> str:
    return str(int(value))


def _print_real(value: Any) -> str:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a number")
    return repr(number)


def _print_boolean(value: Any) -> str:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ValueError("not a boolean")
    return text


def _print_datetime(value: Any) -> str:
    moment = datetime.fromisoformat(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_SCALARS: dict[str, Callable[[Any], str]] = {
    "int": _print_integer,
    "long": _print_integer,
    "real": _print_real,
    "bool": _print_boolean,
    "datetime": _print_datetime,
}
