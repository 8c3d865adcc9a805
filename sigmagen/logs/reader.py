"""Native logs as records, one at a time, with everything that could not be read collected on the way."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any

from sigmagen.logs.files import STDIN, STDIN_NAME, OpenLog, find_log_files, open_log, total_size, unreadable
from sigmagen.logs.parse import NotReadableError, dumps, loads, spans_lines, unwrapped, values
from sigmagen.problems import Problem

SHOWN_PER_FILE = 5
"""How many unreadable lines of one file are reported one by one; the rest is counted."""

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


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
    """Iterates over the records of files, folders and standard input ("-"), in constant memory if a line is a record.

    Never raises for what it reads: `problems` says what was left out, and `on_reject` is told of each text.
    """

    def __init__(self, paths: Sequence[str], on_reject: Callable[[Reject], None] | None = None) -> None:
        self.files, self.problems = find_log_files(paths)
        self.size = total_size(self.files)
        self._on_reject = on_reject
        self._done = 0
        self._open: OpenLog | None = None
        self._rejected: Counter[str] = Counter()
        self._line = 0

    @property
    def position(self) -> int:
        """How many bytes of the files have been read."""
        return self._done + (self._open.position if self._open else 0)

    def __iter__(self) -> Iterator[Record]:
        for path in self.files:
            name = STDIN_NAME if path == STDIN else path
            try:
                with open_log(path) as log:
                    self._open = log
                    yield from self._file(name, log.lines)
                    self._done += log.position
            except OSError as error:
                self.problems.append(unreadable(name, error))
            finally:
                self._open = None
            self._sum_up(name)

    def _file(self, name: str, stream: IO[bytes]) -> Iterator[Record]:
        self._line = 0
        try:
            yield from self._records(name, stream)
        except EOFError:
            self._broken(name, "log-truncated", "the gzip file is cut off")
        except (gzip.BadGzipFile, zlib.error) as error:
            self._broken(name, "log-corrupt", f"the gzip file is damaged: {error}")

    def _broken(self, name: str, code: str, message: str) -> None:
        """A compressed file that ends early; the lines before that have been read."""
        hint = "fetch the file again; what was readable has been used"
        message = f"{message} after line {self._line}" if self._line else f"{message} in its first line"
        self.problems.append(Problem(code, message, "error", name, self._line + 1, hint=hint))
        self._tell(Reject(name, self._line + 1, message, ""))

    def _records(self, name: str, stream: IO[bytes]) -> Iterator[Record]:
        head, starts = self._head(stream)
        if not starts:
            hint = "a log that is being rotated may be empty for a while"
            self.problems.append(Problem("log-empty", "the log is empty", "warning", name, 1, hint=hint))
            return
        if starts[0].startswith(_UTF16) or b"\0" in starts[0][:2]:  # JSON starts with ASCII, so a NUL is half of it
            self._reject(name, 1, NotReadableError("log-not-utf8", "UTF-16 text, and UTF-8 is expected"), b"")
            return
        if spans_lines(starts[0], starts[1] if len(starts) > 1 else None):
            yield from self._document(name, head, stream)
            return
        for number, line in enumerate(head, 1):
            yield from self._of_line(name, number, line)
        for number, line in enumerate(stream, len(head) + 1):
            self._line = number
            yield from self._of_line(name, number, line)

    def _head(self, stream: IO[bytes]) -> tuple[list[bytes], list[bytes]]:
        """All lines up to the second that isn't blank, and the lines that aren't."""
        head: list[bytes] = []
        starts: list[bytes] = []
        for line in stream:
            if not head:
                line = line.removeprefix(_BOM)
            head.append(line)
            self._line += 1
            if line.strip():
                starts.append(line.rstrip())
                if len(starts) == 2:
                    break
        return head, starts

    def _of_line(self, name: str, number: int, line: bytes) -> Iterator[Record]:
        line = line.strip()
        if not line:
            return
        try:
            value, text = loads(line)
        except NotReadableError as error:
            self._reject(name, number, error, line)
            return
        elements = unwrapped(value)
        if elements is None:
            yield from self._checked(name, number, value, text)
        else:
            for element in elements:
                yield from self._checked(name, number, element, dumps(element))

    def _checked(self, name: str, line: int, value: Any, text: str) -> Iterator[Record]:
        if isinstance(value, dict):
            yield Record(name, line, text, value)
        else:
            error = NotReadableError("log-not-object", "JSON, but no object; a record is an object")
            self._reject(name, line, error, text.encode())

    def _document(self, name: str, head: list[bytes], stream: IO[bytes]) -> Iterator[Record]:
        """Values spread over lines. Read whole, since only its end shows whether it is one; parsed one by one."""
        lines = head
        broken: Exception | None = None
        try:
            for raw in stream:
                self._line += 1
                lines.append(raw)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            broken = error
        body = b"".join(lines)
        try:
            text = body.decode().rstrip()  # a break is in a line that is there
        except UnicodeDecodeError as error:
            place = body.count(b"\n", 0, error.start) + 1
            self._reject(name, place, NotReadableError("log-not-utf8", f"not UTF-8 text: {error.reason}"), body)
            return
        found = False
        line, counted = 1, 0
        try:
            for start, part in values(text):
                line, counted = line + text.count("\n", counted, start), start
                found = True
                yield from self._of_line(name, line, part.encode())
        except NotReadableError as error:
            line += text.count("\n", counted, error.at)
            if broken is None and not found and any(_is_object(part) for part in lines):
                # One-line records after all, the first of them broken.
                for number, raw in enumerate(lines, 1):
                    yield from self._of_line(name, number, raw)
            elif broken is None:
                self._reject(name, line, error, text[error.at :].encode())
        if broken is not None:
            raise broken

    def _reject(self, name: str, line: int, error: NotReadableError, raw: bytes) -> None:
        self._rejected[error.code] += 1
        if sum(self._rejected.values()) <= SHOWN_PER_FILE:
            self.problems.append(
                Problem(error.code, error.reason, "error", name, line, error.column, _HINTS.get(error.code))
            )
        self._tell(Reject(name, line, error.reason, raw.decode("utf-8", "replace")))

    def _tell(self, reject: Reject) -> None:
        if self._on_reject:
            self._on_reject(reject)

    def _sum_up(self, name: str) -> None:
        """Whatever of this file was not reported line by line."""
        total = sum(self._rejected.values())
        if total > SHOWN_PER_FILE:
            message = f"{total - SHOWN_PER_FILE:,} more lines of this log can't be read, {total:,} in all"
            self.problems.append(Problem("log-lines-left-out", message, "error", name))
        self._rejected.clear()


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(loads(line.strip())[0], dict)
    except NotReadableError:
        return False


_HINTS = {
    "log-not-utf8": "convert the log to UTF-8, for example with iconv",
    "log-not-json": "one JSON record a line is expected, a JSON array, or an export's Records envelope",
}
