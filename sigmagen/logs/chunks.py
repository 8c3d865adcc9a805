"""Lines of log files on their way to an engine: many at once, each with its place."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import IO

from sigmagen.folders import display_path
from sigmagen.logs.files import DAMAGED, STDIN, STDIN_NAME, open_log, unreadable
from sigmagen.logs.parse import spans_lines
from sigmagen.logs.reader import CHUNK, LONG_LINE, UTF16, LogReader, Record
from sigmagen.logs.scan import Scanner

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
    once: bool = False
    """Whether the file can't be read again."""

    def add(self, segment: Segment) -> None:
        """One more segment."""
        self.segments.append(segment)
        self.size += len(segment.text)


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """A file that an engine reads as it is, by its number."""

    file: int


class ChunkReader(LogReader):
    """Reads the same files as a LogReader, and leaves it to an engine to read lines where a record is a line."""

    def pieces(self) -> Iterator[Chunk | ParquetFile | Iterator[Record]]:
        """Whole lines of several files together and Parquet, for an engine to read, and the records of what it can't.

        The records must be taken before the next piece. `of_line` reads a line of a chunk that the engine can't, and
        `finish` is called after the last of them.
        """
        chunk = Chunk()
        for number, path in enumerate(self.files):
            name = STDIN_NAME if path == STDIN else display_path(path)
            try:
                with open_log(path) as log:
                    self._open = log
                    if log.parquet and log.seekable:
                        yield ParquetFile(number)
                        self._done += os.path.getsize(path)
                        continue
                    if not log.seekable and chunk.segments:
                        yield chunk
                        chunk = Chunk()
                    for piece in self._guarded(name, self._cut(name, log.lines)):
                        if isinstance(piece, Segment):
                            chunk.add(replace(piece, file=number))
                            chunk.once = not log.seekable
                            if chunk.size < CHUNK_SIZE // 2 and log.seekable:
                                continue
                        if chunk.segments:
                            yield chunk
                            chunk = Chunk()
                        if not isinstance(piece, Segment):
                            yield self._guarded(name, piece)
                    self._done += log.position
            except OSError as error:
                self.problems.append(unreadable(name, error))
            finally:
                self._open = None
        if chunk.segments:
            yield chunk

    def name(self, file: int) -> str:
        """The name of a file of a chunk."""
        return STDIN_NAME if self.files[file] == STDIN else display_path(self.files[file])

    def of_line(self, name: str, number: int, line: bytes) -> Iterator[Record]:
        """The records of one line."""
        if len(line) < LONG_LINE:
            return self._of_line(name, number, line)
        return self._scanned(name, Scanner(line, bytes, limit=self.limit, line=number, one_line=True))

    def lines(self, file: int) -> Iterator[tuple[int, bytes]]:
        """The lines of a file once more, as far as they can be read, and their numbers."""
        with suppress(OSError, EOFError, *DAMAGED), open_log(self.files[file]) as log:
            yield from enumerate(log.lines, 1)

    def finish(self) -> None:
        """Sum up what of the files could not be read, in the order of files and lines."""
        names = list(dict.fromkeys(map(self.name, range(len(self.files)))))
        for name in names:
            self._sum_up(name)
        order = {name: number for number, name in enumerate(names)}
        self.problems.sort(key=lambda item: (order.get(item.file or "", -1), item.line or (math.inf)))

    def _cut(self, name: str, stream: IO[bytes]) -> Iterator[Segment | Iterator[Record]]:
        """The lines of a file in segments, and its records where a record is not a line."""
        self._line = 0
        head, starts = self._head(stream)
        if self._by_records(name, starts):
            yield self._headed(name, stream, head, starts)
            return
        self._line, waiting, at_end = 0, [b"".join(head)], False
        read = getattr(stream, "read1", stream.read)
        while not at_end:
            try:
                more = read(max(1, CHUNK_SIZE // 8))
                at_end = not more
            except (EOFError, *DAMAGED):
                yield from self._segments(name, b"".join(waiting), whole=False)
                raise
            waiting.append(more)
            if at_end or sum(map(len, waiting)) >= CHUNK_SIZE:
                rest = yield from self._segments(name, b"".join(waiting), whole=at_end)
                if len(rest) >= LONG_LINE:
                    # More than a line of one record has: several records, or one that may be too large.
                    following = partial(stream.readline, CHUNK)
                    scanner = Scanner(rest, following, limit=self.limit, line=self._line + 1, one_line=True)
                    yield self._scanned(name, scanner)
                    rest = b""
                waiting = [rest]

    def _segments(self, name: str, data: bytes, *, whole: bool) -> Generator[Segment, None, bytes]:
        """The whole lines of data as a segment; what is left of the last one, if it goes on."""
        end = len(data) if whole else data.rfind(b"\n") + 1
        if end:
            segment = Segment.of(self._line + 1, data[:end].removesuffix(b"\n"))
            self._line = segment.last
            yield segment
        return data[end:]

    def _by_records(self, name: str, starts: list[bytes]) -> bool:
        """Whether a file that starts with these lines is not one of a record a line."""
        if not starts or starts[0].startswith(UTF16) or b"\0" in starts[0][:2]:
            return True
        return spans_lines(starts[0], starts[1] if len(starts) > 1 else None) or len(starts[-1]) >= LONG_LINE - 1
