"""Numbers of autonomous systems from a database of the user's own, in MaxMind's format.

https://maxmind.github.io/MaxMind-DB/
"""

from __future__ import annotations

import re
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb

from sigmagen.folders import display_path
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

ADDRESS, NUMBER = "source.ip", "source.as.number"
TABLE = "asn_of_address"

_BATCH = 50_000
# https://dev.maxmind.com/geoip/docs/databases/asn and https://ipinfo.io/developers/asn-database
_KEYS = ("autonomous_system_number", "asn")
_LARGEST = 2**32 - 1  # RFC 6793


class AsnDatabase:
    """Looks up addresses. Raises SigmagenError for a file that can't be used, or where the library is missing."""

    def __init__(self, path: Path) -> None:
        self._name = display_path(str(path))
        try:
            library = import_module("maxminddb")
        except ImportError:
            hint = 'install it: pip install "sigmagen-extraction[asn]"'
            raise _unusable("--asn-db needs the Python package maxminddb", hint=hint) from None
        self._broken = library.InvalidDatabaseError
        try:
            self._reader: Any = library.open_database(str(path))
        except OSError as error:
            raise _unusable(f"can't be read: {error.strerror or error}", self._name) from None
        except (self._broken, ValueError):
            raise _unusable("not a MaxMind database, or damaged", self._name) from None
        kind = str(self._reader.metadata().database_type)
        if "asn" not in kind.lower():
            self.close()
            raise _unusable(f"a database of type {kind!r}, which has no AS numbers", self._name)
        self._known: dict[str, int | None] = {}

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def number(self, address: str) -> int | None:
        """The number of an address's autonomous system; None for what is unknown, private or not an address."""
        if len(self._known) >= _BATCH:
            self._known.clear()
        if address not in self._known:
            self._known[address] = self._look_up(address)
        return self._known[address]

    def _look_up(self, address: str) -> int | None:
        try:
            found = self._reader.get(address)
        except ValueError:  # not an address, or IPv6 in a database of IPv4
            return None
        except self._broken:
            raise _unusable("the database is damaged", self._name) from None
        if not isinstance(found, dict):
            return None
        return next((number for key in _KEYS if (number := _number(found.get(key))) is not None), None)

    def fill(self, connection: duckdb.DuckDBPyConnection, addresses: str) -> None:
        """Make the table of the numbers, from SQL of distinct addresses in one column."""
        connection.execute(f"CREATE OR REPLACE TABLE {TABLE} (address VARCHAR, number BIGINT)")
        connection.execute(f"CREATE OR REPLACE TABLE {TABLE}_wanted AS {addresses}")
        rows = connection.cursor().execute(f"SELECT * FROM {TABLE}_wanted")
        while batch := rows.fetchmany(_BATCH):
            known = [(address, number) for (address,) in batch if (number := self._look_up(address)) is not None]
            connection.execute(
                f"INSERT INTO {TABLE} SELECT unnest($1::VARCHAR[]), unnest($2::BIGINT[])",
                [[address for address, _ in known], [number for _, number in known]],
            )
        connection.execute(f"DROP TABLE {TABLE}_wanted")


def _number(value: Any) -> int | None:
    """A number, also as IPinfo writes it: AS64500."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = int(re.sub(r"^AS", "", value.strip(), flags=re.IGNORECASE)) if value.isascii() else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST else None


def _unusable(reason: str, file: str | None = None, hint: str | None = None) -> SigmagenError:
    hint = hint or "use an ASN database such as GeoLite2-ASN or IPinfo's, in the format .mmdb"
    return SigmagenError(Problem("asn-database", reason, file=file, hint=hint), EXIT_USAGE)
