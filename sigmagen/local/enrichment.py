"""What `normalize` adds to events on request: numbers of autonomous systems, and a key of their fingerprints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from sigmagen.local import asn
from sigmagen.local.asn import AsnDatabase
from sigmagen.local.hash_key import HashKey, is_keyed
from sigmagen.mapping.taxonomy import Field, Taxonomy


@dataclass(frozen=True)
class Enrichment:
    """Applied to one event at a time, or by SQL to all of a relation; both give the same."""

    numbers: AsnDatabase | None = None
    key: HashKey | None = None

    def event(self, event: Mapping[str, Any], taxonomy: Taxonomy, order: Mapping[str, int]) -> dict[str, Any]:
        """The event with what is added. `order` has the place of each field."""
        made = dict(event)
        if self.key:
            for name, value in event.items():
                if name in taxonomy and is_keyed(taxonomy[name]) and isinstance(value, str):
                    made[name] = self.key.digest(value)
        if self.numbers and asn.NUMBER not in event and isinstance(address := event.get(asn.ADDRESS), str):
            number = self.numbers.number(address)
            if number is not None:
                made[asn.NUMBER] = number
                return dict(sorted(made.items(), key=lambda item: order.get(item[0], -1)))
        return made

    def prepare(self, connection: duckdb.DuckDBPyConnection, relations: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Prepare a connection for `columns`; the relations are given as SQL and the names of their columns."""
        if self.key:
            self.key.prepare(connection)
        if self.numbers:
            wanted = [
                f'SELECT "{asn.ADDRESS}" AS address FROM ({sql})' for sql, names in relations if asn.ADDRESS in names
            ]
            addresses = " UNION ALL ".join(wanted) or "SELECT NULL::VARCHAR AS address WHERE false"
            self.numbers.fill(connection, f"SELECT DISTINCT address FROM ({addresses}) WHERE address <> ''")

    def added(self, names: Sequence[str]) -> list[str]:
        """The fields that events with these fields have besides."""
        return [asn.NUMBER] if self.numbers and asn.ADDRESS in names and asn.NUMBER not in names else []

    def value(self, item: Field, names: Sequence[str]) -> str:
        """SQL of a field's value over a relation with these columns, joined as `join` says."""
        column = f'"{item.name}"'
        if self.key and is_keyed(item):
            return self.key.sql(column)
        if self.numbers and item.name == asn.NUMBER and asn.ADDRESS in names:
            return f"coalesce({column}, {asn.TABLE}.number)" if item.name in names else f"{asn.TABLE}.number"
        return column

    def join(self, names: Sequence[str]) -> str:
        """SQL that joins what is looked up."""
        if not self.numbers or asn.ADDRESS not in names:
            return ""
        return f' LEFT JOIN {asn.TABLE} ON {asn.TABLE}.address = "{asn.ADDRESS}"'

    def described(self, database: Path | None) -> str:
        """A text that differs for another database or key. It says no more of the key than an event does."""
        found = database.stat() if database else None
        numbers = f"{found.st_size} {found.st_mtime_ns}" if found else "none"
        return f"{numbers} {self.key.digest('sigmagen journal') if self.key else 'none'}"
