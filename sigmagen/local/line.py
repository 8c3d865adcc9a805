"""Time lines: numbers of events over time, in few enough buckets to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

from sigmagen.durations import DAY, HOUR, MINUTE

BUCKETS = 96
"""A time line has at most this many buckets."""

_ROUND = tuple(
    count * unit
    for unit, counts in ((MINUTE, (1, 5, 10, 15, 30)), (HOUR, (1, 2, 3, 6, 12)), (DAY, (1, 2, 7, 30)))
    for count in counts
)


@dataclass(frozen=True, slots=True)
class Line:
    """Numbers of events from a time on, one for each bucket: all, and those of interest.

    `start` is in epoch milliseconds, `bucket` in milliseconds.
    """

    start: int
    bucket: int
    all: tuple[int, ...]
    matched: tuple[int, ...]

    @property
    def end(self) -> int:
        """The end of the last bucket."""
        return self.start + self.bucket * len(self.all)


def choose_buckets(start: int, end: int) -> tuple[int, int]:
    """Return the start of the first bucket, and the length of a bucket, for a time line from start to end.

    >>> choose_buckets(1786440000123, 1786440000123 + 5 * HOUR)
    (1786440000000, 300000)
    """
    bucket = next((size for size in _ROUND if end - start <= size * (BUCKETS - 1)), None)
    bucket = bucket or -(-(end - start) // (BUCKETS * DAY)) * DAY
    return start - start % bucket, bucket
