"""A correlation document: everything but the rules it refers to, which are resolved once all files are read."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Any, cast

from sigmagen.problems import Problem
from sigmagen.rules.detection import kind, text_or_none
from sigmagen.rules.durations import parse_timespan
from sigmagen.rules.model import CORRELATION_TYPES, TEMPORAL_TYPES, Operator, Threshold
from sigmagen.rules.yaml import Document, KeyPath

KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")
_COUNTS = ("event_count", "value_count")


@dataclass(frozen=True, slots=True)
class Reference:
    """A rule that a correlation refers to by name or id, and where it does."""

    text: str
    path: KeyPath


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A correlation whose references are not resolved yet; `attributes` are the other fields of Correlation."""

    document: Document
    attributes: dict[str, Any]
    references: tuple[Reference, ...]
    generate: bool


@dataclass(frozen=True, slots=True, eq=False)
class BrokenDraft:
    """A correlation that has problems; its references are still worth checking."""

    references: tuple[Reference, ...]


def parse_correlation(document: Document) -> tuple[Draft | BrokenDraft, list[Problem]]:
    """The draft of a correlation document, a broken one if there is any problem."""
    return _Parser(document).parse()


class _Parser:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.data: dict[str, Any] = document.data
        self.problems: list[Problem] = []

    def parse(self) -> tuple[Draft | BrokenDraft, list[Problem]]:
        name, identifier, title, level, status, description = (
            text_or_none(self.document, key, self.problems)
            for key in ("name", "id", "title", "level", "status", "description")
        )
        if "title" not in self.data:
            self._note("missing-key", "the correlation has no title")
        body = self.data["correlation"]
        if not isinstance(body, dict):
            self._note("wrong-type", f"'correlation' must be a mapping, not {kind(body)}", ("correlation",))
            return BrokenDraft(()), self.problems
        self._keys(body)
        correlation_type = self._type(body)
        references = self._references(body)
        attributes = {
            "name": name or identifier or title or "",
            "id": identifier,
            "title": title or "",
            "type": correlation_type,
            "group_by": self._texts(body, "group-by", ("correlation",)),
            "timespan": self._timespan(body),
            "threshold": self._threshold(body, correlation_type, len(references)),
            # Sigma requires neither; a rule without them is treated as of middling weight and unproven.
            "level": level or "medium",
            "status": status or "experimental",
            "frameworks": self._frameworks(),
            "tags": self._texts(self.data, "tags"),
            "description": description or "",
            "falsepositives": self._texts(self.data, "falsepositives"),
            "references": self._texts(self.data, "references"),
            "raw": self.data,
            "file": self.document.file,
            "line": self.document.line(),
        }
        generate = body.get("generate") is True or self.data.get("generate") is True
        if self.problems:
            return BrokenDraft(references), self.problems
        return Draft(self.document, attributes, references, generate), self.problems

    def _note(self, code: str, message: str, path: KeyPath = (), hint: str | None = None) -> None:
        self.problems.append(self.document.problem(code, message, path, hint))

    def _keys(self, body: dict[str, Any]) -> None:
        for key in body:
            if key not in KEYS:
                near = difflib.get_close_matches(key, KEYS, 1)
                hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(KEYS)}"
                self._note("unknown-key", f"a correlation has no key '{key}'", ("correlation", key), hint)
        if body.get("aliases"):
            hint = "give the field one name in the source mappings instead"
            self._note("not-supported", "field aliases are not supported", ("correlation", "aliases"), hint)

    def _type(self, body: dict[str, Any]) -> str:
        value = body.get("type")
        if value is None:
            self._note("missing-key", "the correlation has no type", ("correlation",))
        elif value not in CORRELATION_TYPES:
            hint = f"known types: {', '.join(CORRELATION_TYPES)}"
            self._note("wrong-value", f"'{value}' is no correlation type", ("correlation", "type"), hint)
        else:
            return str(value)
        return ""

    def _references(self, body: dict[str, Any]) -> tuple[Reference, ...]:
        path: KeyPath = ("correlation", "rules")
        before = len(self.problems)
        texts = self._texts(body, "rules", ("correlation",))
        if not texts and len(self.problems) == before:
            hint = "rules: lists the names or ids of the rules that are correlated"
            self._note("missing-key", "the correlation has no rules", path, hint)
        listed = isinstance(body.get("rules"), list)
        found = []
        for position, text in enumerate(texts):
            place = (*path, position) if listed else path
            if text in texts[:position]:
                self._note("duplicate-reference", f"rule '{text}' is listed twice", place)
            found.append(Reference(text, place))
        return tuple(found)

    def _texts(self, mapping: dict[str, Any], key: str, parent: KeyPath = ()) -> tuple[str, ...]:
        """A list of text, or one text that stands for a list of one."""
        value = mapping.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            self._note("wrong-type", f"'{key}' must be a list of text, not {kind(value)}", (*parent, key))
            return ()
        for position, item in enumerate(value):
            if not isinstance(item, str):
                message = f"'{key}' must hold text only, not {kind(item)}"
                self._note("wrong-type", message, (*parent, key, position), "quote it")
        return tuple(item for item in value if isinstance(item, str))

    def _frameworks(self) -> dict[str, tuple[str, ...]]:
        value = self.data.get("frameworks")
        if value is None:
            return {}
        if not isinstance(value, dict):
            hint = "such as frameworks: {atlas: [AML.T0024.002]}"
            self._note("wrong-type", f"'frameworks' must be a mapping, not {kind(value)}", ("frameworks",), hint)
            return {}
        return {name: self._texts(value, name, ("frameworks",)) for name in value}

    def _timespan(self, body: dict[str, Any]) -> int:
        if body.get("timespan") is None:
            self._note("missing-key", "the correlation has no timespan", ("correlation",), "such as timespan: 1h")
            return 0
        try:
            return parse_timespan(body["timespan"])
        except ValueError as error:
            self._note("wrong-value", str(error), ("correlation", "timespan"), "such as 15m, 1h, 24h or 7d")
            return 0

    def _threshold(self, body: dict[str, Any], correlation_type: str, rules: int) -> Threshold | None:
        path: KeyPath = ("correlation", "condition")
        condition = body.get("condition")
        temporal = correlation_type in TEMPORAL_TYPES
        if condition is None:
            if not temporal:
                self._note("missing-key", "the correlation has no condition", ("correlation",), "such as {gte: 100}")
            return None
        if isinstance(condition, str) and temporal:
            self._note("not-supported", "conditions in words (a and not b) are not supported", path, "leave it out")
            return None
        if not isinstance(condition, dict):
            self._note("wrong-type", f"'condition' must be a mapping, not {kind(condition)}", path)
            return None
        before = len(self.problems)
        threshold = self._comparison(condition, correlation_type, path)
        if temporal and threshold and (threshold.op, threshold.value) not in (("gte", rules), ("eq", rules)):
            self._note("not-supported", "a temporal correlation needs all of its rules", path, "leave it out")
        return None if temporal or len(self.problems) > before else threshold

    def _comparison(self, condition: dict[str, Any], correlation_type: str, path: KeyPath) -> Threshold | None:
        for key in condition:
            if key not in (*OPERATORS, "field", "percentile"):
                hint = f"known: {', '.join(OPERATORS)}, field, percentile"
                self._note("unknown-key", f"a condition has no key '{key}'", (*path, key), hint)
        operators = [op for op in OPERATORS if op in condition]
        if not operators:
            self._note("missing-key", "the condition compares with nothing", path, f"one of {', '.join(OPERATORS)}")
            return None
        if len(operators) > 1:
            hint = "keep one comparison, and write a second correlation if both ends matter"
            self._note("condition-range", f"a range ({' and '.join(operators)}) is not supported", path, hint)
            return None
        op = operators[0]
        value = self._number(condition[op], correlation_type, (*path, op))
        fields = self._texts(condition, "field", path)
        if correlation_type.startswith("value_") and not fields:
            self._note("missing-key", f"{correlation_type} needs field: in its condition", path)
        elif correlation_type.startswith("value_") and correlation_type != "value_count" and len(fields) > 1:
            self._note("wrong-value", f"{correlation_type} works on one field", (*path, "field"))
        percentile = self._percentile(condition, correlation_type, path)
        return None if value is None else Threshold(cast(Operator, op), value, fields, percentile)

    def _number(self, value: object, correlation_type: str, path: KeyPath) -> int | float | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            hint = "write the number without quotes or separators"
            self._note("wrong-type", f"a threshold must be a number, not {kind(value)} ({value!r})", path, hint)
            return None
        if correlation_type in _COUNTS and (value < 0 or value != int(value)):
            self._note("wrong-value", f"{correlation_type} compares with a whole number, not {value}", path)
            return None
        return int(value) if correlation_type in _COUNTS else value

    def _percentile(self, condition: dict[str, Any], correlation_type: str, path: KeyPath) -> int | None:
        value = condition.get("percentile")
        if correlation_type != "value_percentile":
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 100:
            self._note("wrong-value", "value_percentile needs percentile: between 1 and 99", (*path, "percentile"))
            return None
        return value
