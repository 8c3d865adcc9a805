"""Lines of log files on their way to an engine: many at once, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, field

CHUNK_SIZE = 8 * 1024 * 1024
"""Bytes that go to the engine at once, about."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Lines of one file. `broken` are those that are not UTF-8, with their numbers; in `text` they are empty."""

    file: int
    first: int
    last: int
    text: str
    broken: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def of(cls, first: int, data: bytes) -> Segment:
        """The lines of data, of which the first has a number."""
        last = first + data.count(b"\n")
        try:
            return cls(0, first, last, data.decode())
        except UnicodeDecodeError:
            lines = data.split(b"\n")
        broken: list[tuple[int, bytes]] = []
        texts: list[str] = []
        for number, line in enumerate(lines, first):
            try:
                texts.append(line.decode())
            except UnicodeDecodeError:
                broken.append((number, line))
                texts.append("")
        return cls(0, first, last, "\n".join(texts), tuple(broken))


@dataclass(slots=True)
class Chunk:
    """Segments of one file or of several small ones."""

    segments: list[Segment] = field(default_factory=list)
    size: int = 0

    def add(self, segment: Segment) -> None:
        """One more segment."""
        self.segments.append(segment)
        self.size += len(segment.text)
