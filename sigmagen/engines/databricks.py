"""A SQL warehouse of Databricks, through its own Python client. Nothing is written to it."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from typing import Any, ClassVar

from sigmagen.convert.converter import Query
from sigmagen.durations import SECOND
from sigmagen.engines import opening
from sigmagen.engines.alert import Alert, alerts_from
from sigmagen.engines.closing import Closing
from sigmagen.engines.errors import QueryRefusedError
from sigmagen.net.settings import (
    DATABRICKS_HOST,
    DATABRICKS_PATH,
    DATABRICKS_TOKEN,
    read_secret,
    read_setting,
    require,
)
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError


class DatabricksClient(Closing):
    """Runs queries over the tables of a warehouse. The range goes to the server as named parameters.

    https://docs.databricks.com/dev-tools/python-sql-connector
    """

    name: ClassVar[str] = "databricks"

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        """Return the alerts in [start, end), epoch milliseconds. Raises QueryRefusedError, or SigmagenError."""
        errors = import_module("databricks.sql.exc")
        edges = {"range_start": start, "range_end": end}
        values = {name: datetime.fromtimestamp(moment / SECOND, UTC) for name, moment in edges.items()}
        cursor = self.connection.cursor()
        try:
            cursor.execute(query.text, values)
            rows = [tuple(row) for row in cursor.fetchall()]
        except errors.ServerOperationError as error:
            raise QueryRefusedError(self.name, str(error).strip().partition("\n")[0]) from None
        except (errors.Error, OSError) as error:
            message = f"Databricks does not answer: {error}"
            raise SigmagenError(Problem("no-server", message, hint=f"check {DATABRICKS_HOST}"), EXIT_USAGE) from None
        return alerts_from(query, [column[0] for column in cursor.description or ()], rows)

    def close(self) -> None:
        self.connection.close()


def connect_databricks() -> DatabricksClient:
    """Connect to the warehouse in the settings. Raises SigmagenError if something is missing, or nobody answers."""
    require([DATABRICKS_HOST, DATABRICKS_PATH, DATABRICKS_TOKEN])
    if not opening.is_installed("databricks"):
        hint = "pip install 'sigmagen-extraction[databricks]'"
        raise SigmagenError(Problem("extra-missing", "the client of Databricks is missing", hint=hint), EXIT_USAGE)
    errors = import_module("databricks.sql.exc")
    try:
        return DatabricksClient(
            import_module("databricks.sql").connect(
                server_hostname=read_setting(DATABRICKS_HOST),
                http_path=read_setting(DATABRICKS_PATH),
                access_token=read_secret(DATABRICKS_TOKEN),
                session_configuration={"TIMEZONE": "UTC"},
            )
        )
    except (errors.Error, OSError, ValueError) as error:
        message = f"Databricks does not answer: {error}"
        raise SigmagenError(Problem("no-server", message, hint=f"check {DATABRICKS_HOST}"), EXIT_USAGE) from None
