"""Loading YAML files as plain data with the line and column of each value.

The loader uses libyaml's event stream instead of its node composer: the composer recurses without a limit in C, so a
few thousand brackets would crash the process, and it silently keeps the last of two equal keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sigmagen.problems import Problem, Severity, SigmagenError

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
# Counted after aliases are expanded, so that a few hundred bytes can't become a billion values.
MAX_VALUES = 500_000

KeyPath = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_NOT_YAML = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that are not printable in YAML (1.2, chapter 5.1), as checked by libyaml."""


class _Events(yaml.CSafeLoader):
    """libyaml's events with YAML 1.1 scalar types, except that dates stay text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class declares it so
        first: [(tag, pattern) for tag, pattern in resolvers if tag != f"{_TAG}timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(slots=True)
class _Node:
    """One value, the position of it or its key, its children by key or index, and its number of values."""

    data: Any
    line: int
    column: int
    children: dict[str | int, _Node]
    size: int


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: plain data, and the position of every key path in it."""

    file: str
    data: Any
    _root: _Node

    def place(self, path: KeyPath = ()) -> tuple[int, int]:
        """Return line and column (from 1) of the key or item at `path`, or of its nearest existing parent."""
        node = self._root
        for step in path:
            child = node.children.get(step)
            if child is None:
                break
            node = child
        return node.line, node.column

    def line(self, path: KeyPath = ()) -> int:
        """Return the line (from 1) of the key or item at `path`, or of its nearest existing parent."""
        return self.place(path)[0]

    def problem(
        self, code: str, message: str, path: KeyPath = (), hint: str | None = None, severity: Severity = "error"
    ) -> Problem:
        """Return a problem located at `path`."""
        line, column = self.place(path)
        return Problem(code, message, severity, self.file, line, column, hint)


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The readable documents of a file, and all its problems."""

    path: Path
    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]


def describe_type(value: object) -> str:
    """Return the type of a value in YAML's terms."""
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "empty"}
    return names.get(type(value), "a number")


class _StopError(Exception):
    """The rest of the file can't be read; the problem has been reported."""


class _Reader:
    """Turns the events of one file into nodes and collects problems."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._events = _Events(text)
        self._anchors: dict[str, _Node] = {}
        self._convert = {
            f"{_TAG}null": lambda node: None,
            f"{_TAG}bool": self._events.construct_yaml_bool,
            f"{_TAG}int": self._events.construct_yaml_int,
            f"{_TAG}float": self._events.construct_yaml_float,
        }

    def documents(self) -> Iterator[_Node]:
        """Yield the root of each document. Stops, with a problem, at the first syntax error."""
        try:
            while self._events.check_event():
                event = self._next()
                if isinstance(event, yaml.DocumentStartEvent):
                    self._anchors = {}
                    yield self._node(self._next(), 1)
        except yaml.YAMLError as error:
            self.problems.append(_syntax_problem(error, self.file))
        except _StopError:
            pass

    def _note(self, code: str, message: str, event: Any, hint: str | None = None) -> None:
        mark = event.start_mark
        self.problems.append(Problem(code, message, "error", self.file, mark.line + 1, mark.column + 1, hint))

    def _next(self) -> Any:
        return self._events.get_event()

    def _node(self, event: Any, depth: int) -> _Node:
        if depth > MAX_DEPTH:
            self._note("yaml-too-deep", f"nested more than {MAX_DEPTH} levels deep", event)
            raise _StopError
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        node = _Node(None, event.start_mark.line + 1, event.start_mark.column + 1, {}, 1)
        if isinstance(event, yaml.ScalarEvent):
            node.data = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._sequence(node, depth)
        else:
            self._mapping(node, depth)
        if node.size > MAX_VALUES:
            hint = "aliases count as often as they are used"
            self._note("yaml-too-large", f"contains more than {MAX_VALUES:,} values", event, hint)
            raise _StopError
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> _Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            hint = "define the anchor with & before its use; it can't contain itself"
            self._note("yaml-unknown-alias", f"undefined alias *{event.anchor}", event, hint)
            raise _StopError
        return node

    def _sequence(self, node: _Node, depth: int) -> None:
        node.data = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            child = self._node(event, depth + 1)
            node.children[len(node.data)] = child
            node.data.append(child.data)
            node.size += child.size

    def _mapping(self, node: _Node, depth: int) -> None:
        node.data = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, depth)
            child = self._node(self._next(), depth + 1)
            node.size += child.size
            if key is None:
                continue
            if key in node.children:
                first = node.children[key].line
                hint = "YAML keeps only one of them: merge them, or delete one"
                self._note("duplicate-key", f"duplicate key '{key}', first used in line {first}", event, hint)
                continue
            mark = event.start_mark
            node.children[key] = _Node(child.data, mark.line + 1, mark.column + 1, child.children, child.size)
            node.data[key] = child.data

    def _key(self, event: Any, depth: int) -> str | None:
        """Return a key as written, so that `on` and `404` stay text; None, with a problem, if it is invalid."""
        if isinstance(event, yaml.ScalarEvent):
            if event.value == "<<" and event.implicit[0]:
                self._note("yaml-merge-key", "merge keys (<<) are not supported", event, "write the keys out")
                return None
            return str(event.value)
        self._note("yaml-key", "a key must be plain text", event, "quote text that starts with [, {, * or &")
        self._node(event, depth + 1)
        return None

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._events.resolve(  # type: ignore[no-untyped-call]
                yaml.ScalarNode, event.value, event.implicit
            )
        if tag in (f"{_TAG}str", f"{_TAG}value", f"{_TAG}merge"):
            return event.value
        convert = self._convert.get(tag)
        if convert is None:
            self._note("yaml-tag", f"type tag {tag} is not supported", event, "remove the tag, or quote the text")
            return event.value
        try:
            return convert(yaml.ScalarNode(tag, event.value))
        except (ValueError, KeyError):
            self._note(
                "yaml-value", f"'{event.value[:60]}' can't be read as {tag.removeprefix(_TAG)}", event, "quote it"
            )
            return event.value


def _syntax_problem(error: yaml.YAMLError, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    context, start = getattr(error, "context", None), getattr(error, "context_mark", None)
    if context and start:
        context = f"{context} from line {start.line + 1}"
    message = f"{what} ({context})" if context else what
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    return Problem("yaml-syntax", message, "error", file, line, column, _syntax_hint(what))


def _syntax_hint(what: str) -> str | None:
    hints = {
        "cannot start any token": "indent with spaces, not tabs; quote values that start with @, ` or %",
        "mapping values are not allowed": "quote a value that contains ': ', and check the indentation",
        "could not find expected ':'": "a line here has no colon, or wrong indentation",
        "did not find expected key": "check the indentation, and that quotes are closed",
        "did not find expected '-' indicator": "all items of a list must start in the same column",
        "found unexpected end of stream": "a quote or bracket is not closed",
    }
    return next((hint for part, hint in hints.items() if part in what), None)


def _decode(raw: bytes, file: str) -> str | Problem:
    """Return the text of a file, or the problem if it can't be decoded."""
    if len(raw) > MAX_BYTES:
        return Problem("yaml-too-large", f"the file is larger than {MAX_BYTES // 2**20} MiB", file=file)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        return Problem("not-text", message, file=file, line=line, hint="save the file as UTF-8 text")
    if odd := _NOT_YAML.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        column = odd.start() - text.rfind("\n", 0, odd.start())
        message = f"the character U+{ord(odd[0]):04X} is not allowed in YAML"
        hint = f'in a text in double quotes, write "\\u{ord(odd[0]):04x}"'
        return Problem("not-text", message, file=file, line=line, column=column, hint=hint)
    return text


def parse_documents(raw: bytes, path: Path) -> YamlFile:
    """Parse a YAML file, which may have several documents. Empty documents are skipped.

    Never raises: all errors are in `problems`, and documents before a syntax error are returned.
    """
    file = str(path)
    text = _decode(raw, file)
    if isinstance(text, Problem):
        return YamlFile(path, (), (text,))
    try:
        reader = _Reader(text, file)
    except yaml.YAMLError as error:
        return YamlFile(path, (), (_syntax_problem(error, file),))
    documents = tuple(Document(file, node.data, node) for node in reader.documents() if node.data is not None)
    problems = tuple(reader.problems)
    if not documents and not problems:
        problems = (Problem("empty-file", "the file has no YAML document", file=file, line=1),)
    return YamlFile(path, documents, problems)


def load_documents(path: Path) -> YamlFile:
    """Read and parse a YAML file. Never raises: an unreadable file is also a problem."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        problem = Problem("file-missing", "file not found", file=str(path), hint="check the path")
    except OSError as error:
        problem = Problem("file-unreadable", f"can't read the file: {error.strerror or error}", file=str(path))
    else:
        return parse_documents(raw, path)
    return YamlFile(path, (), (problem,))


def load_data(path: Path) -> Any:
    """Load a file with exactly one document. Raises SigmagenError with all problems of the file."""
    loaded = load_documents(path)
    if loaded.problems:
        raise SigmagenError(loaded.problems)
    if len(loaded.documents) > 1:
        raise SigmagenError(
            loaded.documents[1].problem("several-documents", "the file must have only one YAML document")
        )
    return loaded.documents[0].data
