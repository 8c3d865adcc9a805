"""Native logs as records, one at a time, with everything that could not be read collected on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from typing import IO, Any, TypeVar

from sigmagen.folders import display_path
from sigmagen.logs.envelopes import LAYERS, unwrapped
from sigmagen.logs.files import DAMAGED, STDIN, STDIN_NAME, OpenLog, find_log_files, open_log, total_size, unreadable
from sigmagen.logs.parse import NotReadableError, dumps, is_object, loads, size_text, spans_lines
from sigmagen.logs.scan import KEPT, Scanner, without_time
from sigmagen.problems import Problem

SHOWN_PER_FILE = 5
"""How many unreadable lines of one file are reported one by one; the rest is counted."""

MAX_RECORD = 16 * 1024 * 1024
"""The default limit of bytes for one record, after envelopes are opened."""

LONG_LINE = 4 * 1024 * 1024
"""Bytes from which on a line is taken apart, not read as one."""

CHUNK = 64 * 1024

_BOM = b"\xef\xbb\xbf"
_T = TypeVar("_T")
UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Record:
    """One native record: where it stands, its JSON text and its value."""

    file: str
    line: int
    text: str
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reject:
    """What was left out, where, and why."""

    file: str
    line: int | None
    reason: str
    text: str

    def as_dict(self) -> dict[str, Any]:
        """A line of the rejects file."""
        return asdict(self)


class LogReader:
    """Iterates over the records of files, folders and standard input ("-"), in memory for a few records.

    Never raises for what it reads: `problems` says what was left out, and `on_reject` is told of each text. A record
    of more than `limit` bytes is left out.
    """

    def __init__(
        self, paths: Sequence[str], on_reject: Callable[[Reject], None] | None = None, limit: int = MAX_RECORD
    ) -> None:
        self.files, self.problems = find_log_files(paths)
        self.limit = limit
        self.size = total_size(self.files)
        self._on_reject = on_reject
        self._done = 0
        self._open: OpenLog | None = None
        self._rejected: dict[str, int] = {}  # by file
        self._line = 0

    @property
    def position(self) -> int:
        """How many bytes of the files have been read."""
        return self._done + (self._open.position if self._open else 0)

    def __iter__(self) -> Iterator[Record]:
        for path in self.files:
            name = STDIN_NAME if path == STDIN else display_path(path)
            try:
                with open_log(path) as log:
                    self._open = log
                    if log.parquet:
                        self._refuse_parquet(name)
                        continue
                    yield from self._file(name, log.lines)
                    self._done += log.position
            except OSError as error:
                self.problems.append(unreadable(name, error))
            finally:
                self._open = None
            self._sum_up(name)

    def read_lines(self, name: str, lines: Iterable[str | bytes]) -> Iterator[Record]:
        """The records of lines that something else has read, each with whole records. `name` is that of their log."""
        for number, line in enumerate(lines, 1):
            yield from self._of_line(name, number, line.encode() if isinstance(line, str) else line)
        self._sum_up(name)

    def _refuse_parquet(self, name: str) -> None:
        hint = "`sigmagen detect` reads Parquet, from files"
        self.problems.append(Problem("log-parquet", "Parquet can't be read here", "error", name, hint=hint))

    def _file(self, name: str, stream: IO[bytes]) -> Iterator[Record]:
        self._line = 0
        return self._guarded(name, self._records(name, stream))

    def _guarded(self, name: str, pieces: Iterator[_T]) -> Iterator[_T]:
        """What comes out of a file, up to where it can't be unpacked any more."""
        try:
            yield from pieces
        except EOFError:
            self._broken(name, "log-truncated", f"the {self._packing} file is cut off")
        except DAMAGED as error:
            self._broken(name, "log-corrupt", f"the {self._packing} file is damaged: {error}")

    @property
    def _packing(self) -> str:
        return self._open.packing if self._open else ""

    def _broken(self, name: str, code: str, message: str) -> None:
        """A compressed file that ends early; the lines before that have been read."""
        hint = "fetch the file again; what was readable has been used"
        message = f"{message} after line {self._line}" if self._line else f"{message} in its first line"
        self.problems.append(Problem(code, message, "error", name, self._line + 1, hint=hint))
        self._tell(Reject(name, self._line + 1, message, ""))

    def _records(self, name: str, stream: IO[bytes]) -> Iterator[Record]:
        yield from self._headed(name, stream, *self._head(stream))

    def _headed(self, name: str, stream: IO[bytes], head: list[bytes], starts: list[bytes]) -> Iterator[Record]:
        if not starts:
            hint = "a log that is being rotated may be empty for a while"
            self.problems.append(Problem("log-empty", "the log is empty", "warning", name, 1, hint=hint))
            return
        if starts[0].startswith(UTF16) or b"\0" in starts[0][:2]:  # JSON starts with ASCII, so a NUL is half of it
            self._reject(name, 1, NotReadableError("log-not-utf8", "UTF-16 text, and UTF-8 is expected"), b"")
            return
        if spans_lines(starts[0], starts[1] if len(starts) > 1 else None):
            more = partial(getattr(stream, "read1", stream.read), CHUNK)
            yield from self._scanned(name, Scanner(b"".join(head), more, limit=self.limit))
            return
        self._line = 0
        for line in chain(head, iter(partial(stream.readline, LONG_LINE), b"")):
            if len(line) >= LONG_LINE:
                # More than a line of one record has: several records, or one that may be too large.
                more = partial(stream.readline, CHUNK)
                scanner = Scanner(line, more, limit=self.limit, line=self._line + 1, one_line=True)
                yield from self._scanned(name, scanner)
            else:
                self._line += 1
                yield from self._of_line(name, self._line, line)

    def _head(self, stream: IO[bytes]) -> tuple[list[bytes], list[bytes]]:
        """All lines up to the second that isn't blank, and the lines that aren't."""
        head: list[bytes] = []
        starts: list[bytes] = []
        for line in iter(partial(stream.readline, LONG_LINE), b""):
            if not head:
                line = line.removeprefix(_BOM)
            head.append(line)
            self._line += 1
            if line.strip():
                starts.append(line.rstrip())
                if len(starts) == 2 or len(line) >= LONG_LINE:
                    break
        return head, starts

    def _scanned(self, name: str, scanner: Scanner) -> Iterator[Record]:
        """The records of values that spread over lines, or of a line that is long."""
        for piece in scanner.pieces():
            if piece.code:
                self._reject(name, piece.line, NotReadableError(piece.code, piece.fault), piece.text)
            else:
                yield from self._of_line(name, piece.line, piece.text)
            self._line = scanner.line - 1
        self._line = scanner.line - 1

    def _of_line(self, name: str, number: int, line: bytes) -> Iterator[Record]:
        line = without_time(line.strip().removeprefix(_BOM))  # one in the middle: files that were joined
        if not line:
            return
        try:
            value, text = loads(line)
        except NotReadableError as error:
            pieces = list(Scanner(line, bytes, limit=self.limit, line=number).pieces()) if b"}{" in line else []
            if pieces and all(is_object(piece.text) for piece in pieces):
                # Firehose writes one message directly after another.
                for piece in pieces:
                    yield from self._opened(name, number, *loads(piece.text))
            else:
                self._reject(name, number, error, line)
            return
        yield from self._opened(name, number, value, text)

    def _opened(self, name: str, line: int, value: Any, text: str | None, layers: int = LAYERS) -> Iterator[Record]:
        """The records of a value: those in it where it is an envelope, else the value itself."""
        try:
            items = unwrapped(value, self.limit)
            if items and not layers:
                raise NotReadableError("log-not-json", f"more than {LAYERS} envelopes in one another")
        except NotReadableError as error:
            self._reject(name, line, error, (text or dumps(value)).encode())
            return
        if items is None:
            yield from self._checked(name, line, value, text or dumps(value))
            return
        for item in items:
            if isinstance(item, bytes):
                yield from self._encoded(name, line, item, layers - 1)
            else:
                yield from self._opened(name, line, item, None, layers - 1)

    def _encoded(self, name: str, line: int, raw: bytes, layers: int) -> Iterator[Record]:
        """The records of JSON text that lay in an envelope: one value, or several one after another."""
        for piece in Scanner(raw, bytes, limit=self.limit, line=line).pieces():
            try:
                value, text = loads(piece.text)
            except NotReadableError as error:
                self._reject(name, line, error, piece.text)
            else:
                yield from self._opened(name, line, value, text, layers)

    def _checked(self, name: str, line: int, value: Any, text: str) -> Iterator[Record]:
        if not isinstance(value, dict):
            error = NotReadableError("log-not-object", "JSON, but no object; a record is an object")
            self._reject(name, line, error, text.encode())
        elif len(text) > self.limit:
            error = NotReadableError("log-too-large", f"a record of more than {size_text(self.limit)}")
            self._reject(name, line, error, text[:KEPT].encode())
        else:
            yield Record(name, line, text, value)

    def _reject(self, name: str, line: int, error: NotReadableError, raw: bytes) -> None:
        self._rejected[name] = self._rejected.get(name, 0) + 1
        if self._rejected[name] <= SHOWN_PER_FILE:
            self.problems.append(
                Problem(error.code, error.reason, "error", name, line, error.column, _HINTS.get(error.code))
            )
        self._tell(Reject(name, line, error.reason, raw.decode("utf-8", "replace")))

    def _tell(self, reject: Reject) -> None:
        if self._on_reject:
            self._on_reject(reject)

    def _sum_up(self, name: str) -> None:
        """Whatever of this file was not reported line by line."""
        total = self._rejected.pop(name, 0)
        if total > SHOWN_PER_FILE:
            message = f"{total - SHOWN_PER_FILE:,} more lines of this log can't be read, {total:,} in all"
            self.problems.append(Problem("log-lines-left-out", message, "error", name))


_HINTS = {
    "log-not-utf8": "convert the log to UTF-8, for example with iconv",
    "log-not-json": "one JSON record a line is expected, a JSON array, or a cloud's export of records",
    "log-too-large": "left out; --max-record-size raises the limit",
}
