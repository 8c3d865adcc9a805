"""A pair that differs with fewer events and fewer fields, so that one can see why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.fuzz.pairs import Pair, expected
from tests.fuzz.world import Record

Differs = Callable[[Pair], bool]
KEPT = ("@timestamp", "event.id", "gen_ai.operation.name")


def shrink(pair: Pair, differs: Differs) -> Pair:
    """The pair with every event and field taken away without which it still differs. The range's two ends stay."""
    pair = _fewer_records(pair, differs)
    for name in sorted({name for record in pair.world.records for name in record} - set(KEPT)):
        slim = _with(pair, [{key: record[key] for key in record if key != name} for record in pair.world.records])
        if differs(slim):
            pair = slim
    return pair


def _fewer_records(pair: Pair, differs: Differs) -> Pair:
    size = len(pair.world.records)
    while size := size // 2:
        for start in reversed(range(0, len(pair.world.records), size)):
            fewer = _with(pair, list(_without(pair.world.records, start, start + size)))
            if len(fewer.world.records) < len(pair.world.records) and differs(fewer):
                pair = fewer
    return pair


def _without(records: list[Record], start: int, end: int) -> Iterator[Record]:
    for position, record in enumerate(records):
        if not start <= position < end or record["gen_ai.operation.name"] == "ping":
            yield record


def _with(pair: Pair, records: list[Record]) -> Pair:
    world = replace(pair.world, records=records)
    return replace(pair, world=world, expected=expected(pair.rule, world))
