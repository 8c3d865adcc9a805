"""Where one JSON record ends and the next begins, in a stream of bytes of which only one record is held at a time.

This opens arrays and envelopes and finds the ends of values. Whether a value is JSON is for its reader to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sigmagen.logs.parse import is_object, size_text

KEPT = 4096
"""Bytes that are kept of a record over the limit, to say which one it is."""

_DEEPEST = 1000
"""How many brackets of a record may be open; more than that is read by no JSON reader here."""
_LEVELS = 16
"""How many arrays around records may be open."""

# What must be there to tell an opening: whitespace of a sensible length, a name, a time and the name of a stream.
_LOOKAHEAD = 1024

_BETWEEN = re.compile(rb"[\s,]*")
_TIMED = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:?\d\d)?[ \t]+(?:[^\s{\[]+[ \t]+)?(?=[{\[])")
_ARRAY = re.compile(rb"\[")
_ENVELOPE = re.compile(rb'\{\s*"(?:[Rr]ecords|events|logEvents)"\s*:\s*\[')
_IN_STRING = re.compile(rb'[^"\\\n]*+(?:\\.[^"\\\n]*+)*+')
# Everything up to a bracket, or up to a text of which the end is not there yet.
_PASSED = re.compile(rb'(?:[^"{}\[\]]++|"' + _IN_STRING.pattern + rb'")*+')
_WORD = re.compile(rb"[^\s,\[\]{}]*")
_NEWLINE, _QUOTE, _BACKSLASH = b'\n"\\'
_OPENED_BY = {ord("}"): ord("{"), ord("]"): ord("[")}


@dataclass(frozen=True, slots=True)
class Piece:
    """A value's bytes and the line in which it starts. `code` and `fault` say why it is not a whole value."""

    line: int
    text: bytes
    code: str = ""
    fault: str = ""


def without_time(line: bytes) -> bytes:
    """A line without what CloudWatch Logs writes before a record: a time, and the stream's name where it is tailed."""
    timed = _TIMED.match(line) if line[:1].isdigit() else None
    return line[timed.end() :] if timed else line


class _Shape:
    """An object while it is passed over: its open brackets, and whether a text is open. Nothing of it is kept."""

    def __init__(self, opened: bytes = b"") -> None:
        self.brackets = bytearray(opened)
        self.in_string = False
        self.done = False
        self.fault = ""
        self._closed = False  # a bracket has closed, and nothing but whitespace has come since

    def scan(self, data: bytearray, position: int) -> int:
        """Go on from a position; where it stopped: at the end of the data, of the object (`done`) or at a fault."""
        while position < len(data):
            if self.in_string:
                position = self._end_of_string(data, position)
                if self.in_string:
                    return position
            found = _PASSED.match(data, position)
            end = found.end() if found else position
            self._closed = self._closed and not (end > position and data[position:end].strip())
            if end == len(data):
                return end
            self._step(data[end])
            if self.fault:
                return end
            position = end + 1
            if self.done:
                return position
        return position

    def _end_of_string(self, data: bytearray, position: int) -> int:
        found = _IN_STRING.match(data, position)
        end = found.end() if found else position
        if end == len(data) or (data[end] == _BACKSLASH and end + 1 == len(data)):
            return end
        if data[end] != _QUOTE:
            self.fault = "a text without an end"
            return end
        self.in_string = self._closed = False
        return end + 1

    def _step(self, mark: int) -> None:
        if mark == _QUOTE:
            self.in_string = True
        elif mark not in _OPENED_BY:
            if self._closed:
                self.fault = "a value directly after another"
            elif len(self.brackets) == _DEEPEST:
                self.fault = "nested too deep"
            self.brackets.append(mark)
        elif not self.brackets or self.brackets.pop() != _OPENED_BY[mark]:
            self.fault = "brackets that do not match"
        else:
            self._closed = True
            self.done = not self.brackets


class Scanner:
    """Gives the pieces of a stream, one after another. `more` returns its next bytes, and none at its end.

    A value that is broken costs no other: the next one is looked for after it. One of more than `limit` bytes is
    passed over, and only its beginning is kept. `line` is the line that has been reached; it counts from 1. With
    `one_line` it stops where a line ends outside of any value.
    """

    def __init__(
        self, head: bytes, more: Callable[[], bytes], *, limit: int, line: int = 1, one_line: bool = False
    ) -> None:
        self.line = line
        self._one_line = one_line
        self._data = bytearray(head)
        self._more = more
        self._limit = limit
        self._position = 0
        self._ended = False
        self._levels: list[bool] = []  # the arrays that are open, and whether each is an envelope's
        self._truncated = False

    def pieces(self) -> Iterator[Piece]:
        """All pieces, in order."""
        while not (self._one_line and self._line_is_over()) and self._skip_between():
            piece = self._next()
            if piece is not None:
                yield piece
        if self._levels and self._ended and not self._truncated:
            yield Piece(self.line, b"", "log-not-json", "the JSON array has no end; the file seems to be cut off")

    # The buffer. What has been given is dropped when more is read, so offsets count from the position.

    def _read(self) -> bool:
        chunk = b"" if self._ended else self._more()
        self._ended = not chunk
        del self._data[: self._position]
        self._position = 0
        self._data += chunk
        return bool(chunk)

    def _advance(self, size: int) -> None:
        """Be done with the next bytes."""
        self.line += self._data.count(b"\n", self._position, self._position + size)
        self._position += size

    def _next_bytes(self, size: int) -> bytes:
        return bytes(self._data[self._position : self._position + size])

    def _take(self, size: int) -> bytes:
        text = self._next_bytes(size)
        self._advance(size)
        return text

    def _matched(self, pattern: re.Pattern[bytes]) -> int:
        """How many of the next bytes a pattern takes."""
        found = pattern.match(self._data, self._position)
        return found.end() - self._position if found else 0

    def _skip_between(self) -> bool:
        """Go to the next character that means something; whether there is one."""
        while True:
            self._advance(self._matched(_BETWEEN))
            if self._position < len(self._data):
                return True
            if not self._read():
                return False

    def _line_is_over(self) -> bool:
        """Whether the data ends here with a line, and no array is open."""
        rest = len(self._data) - self._position
        if self._levels or not self._data.endswith(b"\n") or not rest or self._matched(_BETWEEN) < rest:
            return False
        self._advance(rest)
        return True

    # Values.

    def _next(self) -> Piece | None:
        """The value that starts here, or None where an array opens or closes instead."""
        while len(self._data) - self._position < _LOOKAHEAD:
            if (self._one_line and self._data.endswith(b"\n")) or not self._read():
                break
        if not self._levels:
            self._advance(self._matched(_TIMED))
        first = self._data[self._position]
        if opening := self._matched(_ARRAY) or self._matched(_ENVELOPE):
            if len(self._levels) == _LEVELS:
                self._levels.clear()
                return self._broken(self.line, "not JSON: nested too deep", 0, b"")
            self._levels.append(first == ord("{"))
            self._advance(opening)
            return None
        if first == ord("]") and self._levels:
            self._advance(1)
            if self._levels.pop():
                self._object(_Shape(b"{"))  # what else the envelope says
            return None
        return self._object(_Shape()) if first == ord("{") else self._other()

    def _object(self, shape: _Shape) -> Piece:
        line, size, beginning = self.line, 0, b""
        while True:
            size = shape.scan(self._data, self._position + size) - self._position
            if not beginning and size > self._limit:
                beginning = self._next_bytes(KEPT)
            if shape.fault:
                return self._broken(line, f"not JSON: {shape.fault}", size, beginning)
            if shape.done:
                text = self._take(size)
                return self._too_large(line, beginning) if beginning else Piece(line, text)
            if beginning:
                self._advance(size)
                size = 0
            if not self._read():
                self._truncated = True
                return self._broken(line, "not JSON: cut off in the middle", size, beginning)

    def _other(self) -> Piece:
        """What is neither an object nor an array: a word of an array, or a line."""
        size = max(1, self._matched(_WORD)) if self._levels else 0
        return self._broken(self.line, "", size, b"")

    def _broken(self, line: int, fault: str, size: int, beginning: bytes) -> Piece:
        """The piece of a broken value. It ends where a line begins that is a record by itself, else with its line."""
        if not beginning and (found := self._next_record(size)):
            size = found
        elif not self._levels:
            size, beginning = self._to_end_of_line(size, beginning)
        text = self._take(size)
        if beginning:
            return self._too_large(line, beginning)
        return Piece(line, text.strip(), "log-not-json" if fault else "", fault)

    def _to_end_of_line(self, size: int, beginning: bytes) -> tuple[int, bytes]:
        while (end := self._data.find(b"\n", self._position + size)) < 0:
            size = len(self._data) - self._position
            if not beginning and size > self._limit:
                beginning = self._next_bytes(KEPT)
            if beginning:
                self._advance(size)
                size = 0
            if not self._read():
                return size, beginning
        return end - self._position, beginning

    def _next_record(self, size: int) -> int:
        """How far it is to the first line that is an object by itself, within the bytes of a broken value; 0 if not."""
        start, end = self._position, self._position + size
        while (start := self._data.find(b"\n", start, end)) >= 0:
            start += 1
            stop = self._data.find(b"\n", start)
            text = bytes(self._data[start : len(self._data) if stop < 0 else stop]).strip()
            if is_object(text.rstrip(b",") if self._levels else text):
                return start - self._position
        return 0

    def _too_large(self, line: int, text: bytes) -> Piece:
        return Piece(line, text, "log-too-large", f"a record of more than {size_text(self._limit)}")
