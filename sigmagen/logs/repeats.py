"""Records that were delivered twice: a file beside its .gz, or a shipper that sends at least once."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

import orjson

from sigmagen.logs.reader import Record
from sigmagen.mapping.expression import parse_path
from sigmagen.mapping.source import Source


class Repeats:
    """Leaves out a record where one of the same id and the same content came before.

    An id alone proves nothing, for a caller may choose it: one id with different contents is kept, every time, and
    counted. A record without an id is kept, too. About 150 bytes of each record are held, none of them its text.

    `dropped` counts what was left out and `reused` the ids that have several contents, each by source.
    """

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self.reused: Counter[str] = Counter()
        self._key = os.urandom(32)  # nobody can prepare two records with the same digest
        self._paths: dict[str, tuple[str | int, ...]] = {}
        self._seen: dict[int, int | set[int]] = {}

    def sift(self, records: Iterable[tuple[Source, Record]]) -> Iterator[tuple[Source, Record]]:
        """The records that did not come before."""
        return ((source, record) for source, record in records if not self.is_repeat(source, record.value))

    def is_repeat(self, source: Source, value: Mapping[str, Any]) -> bool:
        """Whether a record of this id and content came before. It counts as seen from now on."""
        identity = self._identity(source, value)
        if identity is None:
            return False
        content = self.digest(value)
        known = self._seen.setdefault(identity, content)
        if known is not content:
            if known == content or (isinstance(known, set) and content in known):
                self.dropped[source.name] += 1
                return True
            if isinstance(known, set):
                known.add(content)
            else:
                self._seen[identity] = {known, content}
                self.reused[source.name] += 1
        return False

    def _identity(self, source: Source, value: Mapping[str, Any]) -> int | None:
        if source.name not in self._paths:
            self._paths[source.name] = parse_path(source.event_id)
        found: Any = value.get(source.event_id)
        if found is None:
            found = value
            for key in self._paths[source.name]:
                found = found.get(key) if isinstance(found, Mapping) else None
        return None if found is None or found == "" else self.digest([source.name, found])

    def digest(self, value: Any) -> int:
        """A number for a JSON value, whatever the order of its keys."""
        try:
            text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except TypeError:  # a lone surrogate, or an integer of more than 64 bits
            text = json.dumps(value, sort_keys=True).encode()
        return int.from_bytes(blake2b(text, digest_size=8, key=self._key).digest())
