"""Keyed fingerprints: HMAC-SHA-256 (RFC 2104) over the SHA-256 fingerprints of what callers sent.

Whoever has a log of plain hashes can test a guess of a prompt against it; without the key of keyed ones, nobody can.
A fingerprint that is keyed is the HMAC of the lower-case hex text of the plain one, so events that were normalized
without a key can be keyed later, and both meet.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import duckdb

from sigmagen.folders import display_path
from sigmagen.mapping.taxonomy import Field
from sigmagen.net.secrets import remember
from sigmagen.net.settings import HASH_KEY, read_secret
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

SHORTEST = 16
"""Bytes that a key has at least."""
ENVIRONMENT = "env"
"""In place of a file: the key is in the setting SIGMAGEN_HASH_KEY."""
LARGEST = 4096

_DIFFERENT = 6
_BLOCK = 64  # bytes of a block of SHA-256
_KEYED = ("gen_ai.prompt.", "gen_ai.system_instructions.", "gen_ai.input.")


def is_keyed(item: Field) -> bool:
    """Whether a field is a fingerprint of a prompt, a system prompt or an input."""
    return item.type == "hash" and item.name.startswith(_KEYED)


@dataclass(frozen=True)
class HashKey:
    """A secret key. It is in no text that is shown: neither in SQL nor in what the object prints."""

    _key: bytes = field(repr=False)

    def digest(self, fingerprint: str) -> str:
        """The keyed fingerprint, in hex, of a plain one."""
        return hmac.digest(self._key, fingerprint.encode(), "sha256").hex()

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Hand the key to a connection, in variables that `sql` reads."""
        key = self._key if len(self._key) <= _BLOCK else sha256(self._key).digest()
        key = key.ljust(_BLOCK, b"\0")
        connection.execute("SET VARIABLE hash_key_inner = $1::BLOB", [bytes(byte ^ 0x36 for byte in key)])
        connection.execute("SET VARIABLE hash_key_outer = $1::BLOB", [bytes(byte ^ 0x5C for byte in key)])

    def sql(self, fingerprint: str) -> str:
        """SQL of `digest`; null where there is no fingerprint."""
        inner = f"unhex(sha256(getvariable('hash_key_inner') || encode({fingerprint})))"
        return f"CASE WHEN {fingerprint} <> '' THEN sha256(getvariable('hash_key_outer') || {inner}) END"


def load_hash_key(place: str) -> HashKey:
    """The key in a file, without a line break at its end, or in the environment. Raises SigmagenError."""
    if place == ENVIRONMENT:
        text = read_secret(HASH_KEY)
        if text is None:
            raise _unusable(f"{HASH_KEY} is not set")
        return _checked(text.encode(errors="surrogateescape"), HASH_KEY)
    try:
        with Path(place).open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        # A key that was given instead of a file must not be shown.
        raise _unusable(f"the file of the key can't be read: {error.strerror}") from None
    return _checked(data.removesuffix(b"\n").removesuffix(b"\r"), display_path(place))


def _checked(key: bytes, place: str) -> HashKey:
    if len(key) < SHORTEST:
        raise _unusable(f"{place}: a key has at least {SHORTEST} bytes, and this one has {len(key)}")
    if len(key) > LARGEST:
        raise _unusable(f"{place}: a key has at most {LARGEST:,} bytes")
    if len(set(key)) < _DIFFERENT:
        raise _unusable(f"{place}: the key repeats a few bytes, so it can be guessed")
    remember(key.decode(errors="surrogateescape"))
    return HashKey(key)


def _unusable(reason: str) -> SigmagenError:
    hint = f"--hash-key takes a file with a random key, or {ENVIRONMENT} to read {HASH_KEY}: openssl rand -hex 32"
    return SigmagenError(Problem("hash-key", reason, hint=hint), EXIT_USAGE)
