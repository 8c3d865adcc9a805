"""Parsing a correlation document. The rules that it refers to are resolved after all files have been read."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from sigmagen.durations import parse_timespan
from sigmagen.problems import Problem
from sigmagen.rules.conditions import PATH, ThresholdParser, find_named_rules, parse_expression
from sigmagen.rules.correlation_types import CORRELATION_TYPES, EXTENDED_TYPES, CorrelationType
from sigmagen.rules.detection import check_choices, get_text
from sigmagen.rules.model import Expression, Threshold
from sigmagen.rules.yaml import Document, KeyPath, describe_type

KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
_ALIAS_HINT = "example: aliases: {address: {rule_a: source.ip, rule_b: destination.ip}}"


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a rule by name or id, and its path in the document."""

    text: str
    path: KeyPath


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A correlation with unresolved references. `attributes` are the other fields of Correlation."""

    document: Document
    attributes: dict[str, Any]
    references: tuple[Reference, ...]
    generate: bool


@dataclass(frozen=True, slots=True, eq=False)
class BrokenDraft:
    """A correlation with problems. Its references are still checked."""

    references: tuple[Reference, ...]


def parse_correlation(document: Document) -> tuple[Draft | BrokenDraft, list[Problem]]:
    """Parse a correlation document into a draft, or a broken draft if there are problems."""
    return _Parser(document).parse()


class _Parser:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.data: dict[str, Any] = document.data
        self.problems: list[Problem] = []

    def parse(self) -> tuple[Draft | BrokenDraft, list[Problem]]:
        name, identifier, title, level, status, description = (
            get_text(self.document, key, self.problems)
            for key in ("name", "id", "title", "level", "status", "description")
        )
        check_choices(self.document, self.problems)
        if "title" not in self.data:
            self._note("missing-key", "the correlation has no title")
        body = self.data["correlation"]
        if not isinstance(body, dict):
            self._note("wrong-type", f"'correlation' must be a mapping, not {describe_type(body)}", ("correlation",))
            return BrokenDraft(()), self.problems
        self._keys(body)
        found = self._type(body)
        correlation_type = CORRELATION_TYPES.get(found)
        references = self._references(body)
        rules = tuple(reference.text for reference in references)
        threshold, expression = self._condition(body, correlation_type, rules)
        attributes = {
            "name": name or identifier or title or "",
            "id": identifier,
            "title": title or "",
            "type": found,
            "group_by": self._texts(body, "group-by", ("correlation",)),
            "timespan": self._timespan(body),
            "threshold": threshold,
            "expression": expression,
            "aliases": self._aliases(body, rules),
            "fields": self._texts(self.data, "fields"),
            # Sigma requires neither; the defaults are a medium level and the status experimental.
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
                hint = f"did you mean '{near[0]}'?" if near else f"available: {', '.join(KEYS)}"
                self._note("unknown-key", f"unknown key '{key}' in correlation", ("correlation", key), hint)

    def _type(self, body: dict[str, Any]) -> str:
        value = body.get("type")
        if value is None:
            self._note("missing-key", "the correlation has no type", ("correlation",))
        elif isinstance(value, str) and value in EXTENDED_TYPES:
            if not isinstance(body.get("condition"), str):
                message = f"a {value} correlation needs a boolean condition"
                self._note("wrong-type", message, PATH, "example: rule_a and rule_b and not rule_c")
            return EXTENDED_TYPES[value]
        elif value not in CORRELATION_TYPES:
            hint = f"available: {', '.join(CORRELATION_TYPES)}"
            self._note("wrong-value", f"'{value}' is not a correlation type", ("correlation", "type"), hint)
        else:
            return str(value)
        return ""

    def _references(self, body: dict[str, Any]) -> tuple[Reference, ...]:
        path: KeyPath = ("correlation", "rules")
        before = len(self.problems)
        texts = self._texts(body, "rules", ("correlation",)) or self._named_in_condition(body)
        if not texts and len(self.problems) == before:
            hint = "list the names or ids of the correlated rules under 'rules'"
            self._note("missing-key", "the correlation has no rules", path, hint)
        listed = isinstance(body.get("rules"), list)
        found = []
        for position, text in enumerate(texts):
            place = (*path, position) if listed else path
            if text in texts[:position]:
                self._note("duplicate-reference", f"rule '{text}' is listed twice", place)
            found.append(Reference(text, place))
        return tuple(found)

    def _named_in_condition(self, body: dict[str, Any]) -> tuple[str, ...]:
        """Return the rules named in a boolean condition, which replaces the list of rules."""
        condition = body.get("condition")
        if "rules" in body or not isinstance(condition, str):
            return ()
        try:
            return tuple(find_named_rules(condition))
        except ValueError:
            return ()  # reported with the condition

    def _texts(self, mapping: dict[str, Any], key: str, parent: KeyPath = ()) -> tuple[str, ...]:
        """Return a list of texts; a single text is a list of one."""
        value = mapping.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            self._note("wrong-type", f"'{key}' must be a list of texts, not {describe_type(value)}", (*parent, key))
            return ()
        for position, item in enumerate(value):
            if not isinstance(item, str):
                message = f"'{key}' must contain only text, not {describe_type(item)}"
                self._note("wrong-type", message, (*parent, key, position), "quote it")
        return tuple(item for item in value if isinstance(item, str))

    def _frameworks(self) -> dict[str, tuple[str, ...]]:
        value = self.data.get("frameworks")
        if value is None:
            return {}
        if not isinstance(value, dict):
            hint = "example: frameworks: {atlas: [AML.T0024.002]}"
            self._note(
                "wrong-type", f"'frameworks' must be a mapping, not {describe_type(value)}", ("frameworks",), hint
            )
            return {}
        return {name: self._texts(value, name, ("frameworks",)) for name in value}

    def _timespan(self, body: dict[str, Any]) -> int:
        if body.get("timespan") is None:
            self._note("missing-key", "the correlation has no timespan", ("correlation",), "example: timespan: 1h")
            return 0
        try:
            return parse_timespan(body["timespan"])
        except ValueError as error:
            self._note("wrong-value", str(error), ("correlation", "timespan"), "examples: 15m, 1h, 24h, 7d")
            return 0

    def _condition(
        self, body: dict[str, Any], correlation_type: CorrelationType | None, rules: tuple[str, ...]
    ) -> tuple[Threshold | None, Expression | None]:
        condition = body.get("condition")
        temporal = correlation_type is not None and correlation_type.temporal
        if condition is None and not temporal:
            self._note("missing-key", "the correlation has no condition", ("correlation",), "example: {gte: 100}")
        if isinstance(condition, str) and temporal:
            return None, self._expression(condition, rules)
        if condition is not None and not isinstance(condition, dict):
            hint = "only temporal types accept a boolean condition" if isinstance(condition, str) else None
            self._note("wrong-type", f"'condition' must be a mapping, not {describe_type(condition)}", PATH, hint)
        if not isinstance(condition, dict):
            return None, None
        parser = ThresholdParser(self.document, correlation_type, self._texts(condition, "field", PATH))
        threshold = parser.parse(condition)
        self.problems += parser.problems
        # This is the meaning of a temporal type without a condition: every rule matches at least once.
        everything = (("gte", len(rules)), ("eq", len(rules)))
        if temporal and threshold and not threshold.also and (threshold.op, threshold.value) in everything:
            threshold = None
        return threshold, None

    def _expression(self, text: str, rules: tuple[str, ...]) -> Expression | None:
        try:
            return parse_expression(text, rules)
        except ValueError as error:
            message = f"invalid condition: {error}"
            self._note("invalid-condition", message, PATH, "example: rule_a and rule_b and not rule_c")
            return None

    def _aliases(self, body: dict[str, Any], rules: tuple[str, ...]) -> tuple[dict[str, str], ...]:
        """Return the names of the aliased fields in each rule."""
        path: KeyPath = ("correlation", "aliases")
        aliases = body.get("aliases")
        if not aliases:
            return ()
        if not isinstance(aliases, dict):
            self._note("wrong-type", f"'aliases' must be a mapping, not {describe_type(aliases)}", path, _ALIAS_HINT)
            return ()
        found: tuple[dict[str, str], ...] = tuple({} for _ in rules)
        for alias, names in aliases.items():
            place = (*path, alias)
            if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
                self._note("wrong-type", f"alias '{alias}' must map rules to fields", place, _ALIAS_HINT)
                continue
            for rule in names:
                if rule not in rules:
                    message = f"alias '{alias}' names rule '{rule}', which is not in the correlation's rules"
                    self._note("unknown-rule", message, (*place, rule), f"rules: {', '.join(rules)}")
            for position, rule in enumerate(rules):
                if rule in names:
                    found[position][alias] = names[rule]
                else:
                    message = f"alias '{alias}' has no field for rule '{rule}', so its events can't be grouped"
                    hint = f"add {rule}: with the name of its field, even if the rule is negated"
                    self._note("missing-key", message, place, hint)
        return found
