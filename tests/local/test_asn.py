"""Numbers of autonomous systems from a MaxMind database; addresses and numbers are those of documentation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sigmagen.local.asn import AsnDatabase
from sigmagen.problems import SigmagenError
from tests.mmdb import write_mmdb

NETWORKS = {
    "192.0.2.0/24": {"autonomous_system_number": 64496, "autonomous_system_organization": "Example"},
    "198.51.100.0/25": {"asn": "AS64500", "name": "Example Two", "domain": "example.com"},
    "203.0.113.0/24": {"asn": "none"},
    "2001:db8::/32": {"autonomous_system_number": 64511},
}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return write_mmdb(tmp_path / "asn.mmdb", NETWORKS)


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("192.0.2.77", 64496),
        ("198.51.100.9", 64500),
        ("198.51.100.200", None),
        ("203.0.113.7", None),
        ("2001:db8:1::5", 64511),
        ("2001:db9::1", None),
        ("127.0.0.1", None),
        ("not an address", None),
        ("192.0.2.1, 198.51.100.1", None),
        ("", None),
    ],
)
def test_number_of_an_address(database: Path, address: str, number: int | None) -> None:
    assert AsnDatabase(database).number(address) == number


@pytest.mark.parametrize("value", [True, 0, "AS", "AS-5", "AS99999999999", {"asn": 1}, "AS٣"])
def test_what_is_not_a_number_is_left_out(tmp_path: Path, value: Any) -> None:
    database = AsnDatabase(write_mmdb(tmp_path / "asn.mmdb", {}))
    database._reader.close()

    class Reader:
        def get(self, _: str) -> dict[str, Any]:
            return {"asn": value}

        def close(self) -> None:
            pass

    database._reader = Reader()
    assert database.number("192.0.2.1") is None


def test_each_distinct_address_is_looked_up_once(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = AsnDatabase(database)
    asked: list[str] = []
    look_up = numbers._look_up

    def noted(address: str) -> int | None:
        asked.append(address)
        return look_up(address)

    monkeypatch.setattr(numbers, "_look_up", noted)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE addresses AS SELECT '192.0.2.' || (i % 5) AS address FROM range(1000) t(i)")
        numbers.fill(connection, "SELECT DISTINCT address FROM addresses")
        found = connection.execute("SELECT count(*), min(number), max(number) FROM asn_of_address").fetchall()
    assert found == [(5, 64496, 64496)]
    assert sorted(asked) == [f"192.0.2.{number}" for number in range(5)]


def message(path: Path) -> str:
    with pytest.raises(SigmagenError) as caught:
        AsnDatabase(path)
    return str(caught.value)


def test_errors_say_what_is_wrong_with_a_database(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(b"no database" * 20)
    assert "not a MaxMind database, or damaged" in message(broken)
    assert "can't be read: No such file" in message(tmp_path / "missing.mmdb")
    city = write_mmdb(tmp_path / "city.mmdb", {}, "GeoLite2-City")
    assert "a database of type 'GeoLite2-City', which has no AS numbers" in message(city)
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    assert "--asn-db needs the Python package maxminddb" in message(database)


def test_a_damaged_database_is_an_error_and_not_a_missing_number(database: Path) -> None:
    data = database.read_bytes()
    tree = data.index(bytes(16))
    database.write_bytes(data[:tree] + bytes(16) + b"\xff" * 8 + data[tree + 24 :])
    with pytest.raises(SigmagenError, match="damaged"):
        AsnDatabase(database).number("192.0.2.1")
