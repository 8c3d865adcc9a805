"""Keyed fingerprints: SQL and Python agree with the standard library, and the key is nowhere to be seen."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

import duckdb
import pytest

from sigmagen.local.hash_key import SHORTEST, HashKey, load_hash_key
from sigmagen.problems import SigmagenError

KEYS = [bytes(range(n)) for n in (16, 63, 64, 65, 200)]


@pytest.mark.parametrize("key", KEYS, ids=len)
def test_digest_is_hmac_of_the_plain_fingerprint(key: bytes) -> None:
    plain = hashlib.sha256("Classify: é".encode()).hexdigest()
    wanted = hmac.new(key, plain.encode(), hashlib.sha256).hexdigest()
    assert HashKey(key).digest(plain) == wanted
    with duckdb.connect() as connection:
        HashKey(key).prepare(connection)
        sql = f"SELECT {HashKey(key).sql('x')} FROM (SELECT unnest(['{plain}', '', NULL]) AS x)"
        assert connection.execute(sql).fetchall() == [(wanted,), (None,), (None,)]


def test_key_is_neither_in_sql_nor_in_what_is_printed() -> None:
    key = HashKey(b"a secret of 16 bytes and more")
    assert "secret" not in repr(key) + str(key) + key.sql("x")
    with duckdb.connect() as connection:
        key.prepare(connection)
        with pytest.raises(duckdb.Error) as caught:
            connection.execute(f"SELECT {key.sql('no_such_column')}")
    assert "secret" not in str(caught.value)


def test_key_comes_from_a_file_or_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"0123456789abcdef\n")
    monkeypatch.setenv("SIGMAGEN_HASH_KEY", "0123456789abcdef")
    assert load_hash_key(str(file)) == load_hash_key("env") == HashKey(b"0123456789abcdef")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (b"", f"has at least {SHORTEST} bytes, and this one has 0"),
        (b"0123456789abcde\n", f"has at least {SHORTEST} bytes, and this one has 15"),
        (b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "repeats a few bytes"),
        (bytes(range(256)) * 17, "has at most 4,096 bytes"),
    ],
)
def test_bad_keys_are_refused_without_being_shown(key: bytes, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(key)
    with pytest.raises(SigmagenError) as caught:
        load_hash_key(str(file))
    assert reason in str(caught.value)
    assert not key or key.strip().decode("latin-1") not in str(caught.value)


def test_a_key_given_instead_of_its_file_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SigmagenError) as caught:
        load_hash_key("5f4dcc3b5aa765d61d8327deb882cf99")
    assert "5f4dcc" not in str(caught.value)
    monkeypatch.delenv("SIGMAGEN_HASH_KEY", raising=False)
    with pytest.raises(SigmagenError, match="SIGMAGEN_HASH_KEY is not set"):
        load_hash_key("env")
    assert os.environ.get("SIGMAGEN_HASH_KEY") is None
