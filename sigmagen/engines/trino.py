"""A Trino server, through its own Python client."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit
from uuid import uuid4

from sigmagen.convert.converter import Query
from sigmagen.durations import SECOND
from sigmagen.engines import opening
from sigmagen.engines.alert import Alert, Engine, alerts_from
from sigmagen.engines.closing import Closing
from sigmagen.engines.errors import QueryRefusedError
from sigmagen.engines.lake_table import columns_of, typed_events
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.net.settings import TRINO_PASSWORD, TRINO_URL, TRINO_USER, read_secret, read_setting
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.targets.lake import DAY, TIME

_TYPES = {TIME: "timestamp(3)", DAY: "date"}
_STATEMENT = 500_000
"""The most characters of events in one INSERT; Trino takes a million in a statement."""
LINE_OF_PARAMETERS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|(\?)")


def open_trino(taxonomy: Taxonomy) -> Callable[[], Engine] | str:
    """The Trino in the settings."""
    if lacking := _find_missing():
        return lacking
    return lambda: TrinoEngine(taxonomy, _connect_by_settings())


def connect_trino() -> TrinoClient:
    """Connect to the Trino in the settings. Raises SigmagenError if a setting or the client is missing."""
    if lacking := _find_missing():
        raise SigmagenError(Problem("not-configured", lacking), EXIT_USAGE)
    return TrinoClient(_connect_by_settings())


def _find_missing() -> str | None:
    """Return what is missing to reach a Trino, or None."""
    if not read_setting(TRINO_URL):
        return f"Trino's SQL needs a Trino: set {TRINO_URL} (`make trino` starts one)"
    if not opening.is_installed("trino"):
        return f"{TRINO_URL} is set, but its client is missing: pip install 'sigmagen-extraction[trino]'"
    return None


def _connect_by_settings() -> Any:
    return connect(read_setting(TRINO_URL) or "", read_setting(TRINO_USER) or "sigmagen", read_secret(TRINO_PASSWORD))


def connect(url: str, user: str, password: str | None) -> Any:
    """A connection. The URL's path is a catalog, and perhaps a schema in it."""
    parts = urlsplit(url)
    catalog, _, schema = parts.path.strip("/").partition("/")
    return import_module("trino.dbapi").connect(
        host=parts.hostname,
        port=parts.port or (443 if parts.scheme == "https" else 8080),
        http_scheme=parts.scheme,
        user=user,
        auth=import_module("trino.auth").BasicAuthentication(user, password) if password else None,
        catalog=catalog or "memory",
        schema=schema or None,
        timezone="UTC",
    )


def parameters(text: str, start: datetime, end: datetime) -> list[datetime]:
    """The values of a query's parameters: the range's start and end in turn."""
    number = sum(1 for found in LINE_OF_PARAMETERS.finditer(text) if found[1])
    return [start, end] * (number // 2)


class TrinoClient(Closing):
    """Runs queries over the tables of a Trino."""

    name: ClassVar[str] = "trino"

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        first, last = (datetime.fromtimestamp(moment / SECOND, UTC).replace(tzinfo=None) for moment in (start, end))
        columns, rows = self._execute(query.text, parameters(query.text, first, last))
        return alerts_from(query, columns, rows)

    def _execute(self, text: str, values: Sequence[datetime] = ()) -> tuple[list[str], list[Sequence[Any]]]:
        """The columns and rows of a statement. Raises QueryRefusedError."""
        errors = import_module("trino.exceptions")
        cursor = self.connection.cursor()
        try:
            cursor.execute(text, values or None)
            rows = cursor.fetchall()
        except errors.TrinoUserError as error:
            raise QueryRefusedError(self.name, str(error.message)) from None
        except (errors.Error, errors.TrinoQueryError, OSError) as error:
            message = f"Trino does not answer: {error}"
            raise SigmagenError(Problem("no-server", message, hint=f"check {TRINO_URL}"), EXIT_USAGE) from None
        return [column[0] for column in cursor.description or ()], rows

    def close(self) -> None:
        self.connection.close()


class TrinoEngine(TrinoClient):
    """A table of canonical events in a schema of its own, which is dropped in the end."""

    siem: ClassVar[str] = "trino"
    fidelity: ClassVar[Literal["real", "emulated"]] = "real"

    def __init__(self, taxonomy: Taxonomy, connection: Any) -> None:
        super().__init__(connection)
        self.taxonomy = taxonomy
        self.schema = f"sigmagen_{uuid4().hex}"
        self.tables: set[str] = set()
        self._execute(f"CREATE SCHEMA {self.schema}")
        self._execute(f"USE {connection.catalog}.{self.schema}")

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        table = source.stored[self.siem].location
        fields = {name: kind for name, (_, kind) in columns_of(self.taxonomy).items()}
        typed = ", ".join(f"{name} {kind}" for name, kind in (_TYPES | fields).items())
        # JSON has no times and dates.
        read = ", ".join(f"{name} {kind}" for name, kind in (dict.fromkeys(_TYPES, "varchar") | fields).items())
        values = ", ".join([*(f"CAST({name} AS {kind})" for name, kind in _TYPES.items()), *fields])
        self._execute(f"DROP TABLE IF EXISTS {table}")
        self.tables.add(table)
        self._execute(f"CREATE TABLE {table} ({typed})")
        with typed_events(records, self.taxonomy) as (events, _):
            moment = f"strftime({TIME}, '%Y-%m-%d %H:%M:%S.%g')"
            events.execute(f"SELECT json_array({', '.join([moment, DAY, *fields])}) FROM events")
            lines = [row[0] for row in events.fetchall()]
        for rows in _chunks(lines):
            text = rows.replace("'", "''")
            row = f"CAST(json_parse('{text}') AS ARRAY(ROW({read})))"
            self._execute(f"INSERT INTO {table} SELECT {values} FROM UNNEST({row})")

    def close(self) -> None:
        for table in self.tables:
            self._execute(f"DROP TABLE IF EXISTS {self.connection.catalog}.{self.schema}.{table}")
        self._execute(f"DROP SCHEMA {self.connection.catalog}.{self.schema}")
        super().close()


def _chunks(lines: Sequence[str]) -> Iterator[str]:
    """JSON arrays of the lines, each short enough for a statement."""
    held: list[str] = []
    size = 0
    for line in lines:
        if held and size + len(line) > _STATEMENT:
            yield f"[{','.join(held)}]"
            held, size = [], 0
        held.append(line)
        size += len(line)
    if held:
        yield f"[{','.join(held)}]"
