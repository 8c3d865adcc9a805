"""A correlation document: everything but the rules it refers to, which are resolved once all files are read."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from sigmagen.durations import parse_timespan
from sigmagen.problems import Problem
from sigmagen.rules.conditions import PATH, ThresholdParser, named_rules, parse_expression
from sigmagen.rules.correlation_types import CORRELATION_TYPES, EXTENDED_TYPES, CorrelationType
from sigmagen.rules.detection import check_choices, text_or_none
from sigmagen.rules.model import Expression, Threshold
from sigmagen.rules.yaml import Document, KeyPath, kind

KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
_ALIAS_HINT = "such as aliases: {address: {rule_a: source.ip, rule_b: destination.ip}}"


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
        check_choices(self.document, self.problems)
        if "title" not in self.data:
            self._note("missing-key", "the correlation has no title")
        body = self.data["correlation"]
        if not isinstance(body, dict):
            self._note("wrong-type", f"'correlation' must be a mapping, not {kind(body)}", ("correlation",))
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

    def _type(self, body: dict[str, Any]) -> str:
        value = body.get("type")
        if value is None:
            self._note("missing-key", "the correlation has no type", ("correlation",))
        elif isinstance(value, str) and value in EXTENDED_TYPES:
            if not isinstance(body.get("condition"), str):
                message = f"a {value} correlation needs a condition in words"
                self._note("wrong-type", message, PATH, "such as: rule_a and rule_b and not rule_c")
            return EXTENDED_TYPES[value]
        elif value not in CORRELATION_TYPES:
            hint = f"known types: {', '.join(CORRELATION_TYPES)}"
            self._note("wrong-value", f"'{value}' is no correlation type", ("correlation", "type"), hint)
        else:
            return str(value)
        return ""

    def _references(self, body: dict[str, Any]) -> tuple[Reference, ...]:
        path: KeyPath = ("correlation", "rules")
        before = len(self.problems)
        texts = self._texts(body, "rules", ("correlation",)) or self._named_in_condition(body)
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

    def _named_in_condition(self, body: dict[str, Any]) -> tuple[str, ...]:
        """A condition in words may stand for the list of rules."""
        condition = body.get("condition")
        if "rules" in body or not isinstance(condition, str):
            return ()
        try:
            return tuple(named_rules(condition))
        except ValueError:
            return ()  # reported with the condition

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

    def _condition(
        self, body: dict[str, Any], correlation_type: CorrelationType | None, rules: tuple[str, ...]
    ) -> tuple[Threshold | None, Expression | None]:
        condition = body.get("condition")
        temporal = correlation_type is not None and correlation_type.temporal
        if condition is None and not temporal:
            self._note("missing-key", "the correlation has no condition", ("correlation",), "such as {gte: 100}")
        if isinstance(condition, str) and temporal:
            return None, self._expression(condition, rules)
        if condition is not None and not isinstance(condition, dict):
            hint = "only temporal types take a condition in words" if isinstance(condition, str) else None
            self._note("wrong-type", f"'condition' must be a mapping, not {kind(condition)}", PATH, hint)
        if not isinstance(condition, dict):
            return None, None
        parser = ThresholdParser(self.document, correlation_type, self._texts(condition, "field", PATH))
        threshold = parser.parse(condition)
        self.problems += parser.problems
        # All rules at least once is what a temporal type means without a condition, too.
        everything = (("gte", len(rules)), ("eq", len(rules)))
        if temporal and threshold and not threshold.also and (threshold.op, threshold.value) in everything:
            threshold = None
        return threshold, None

    def _expression(self, text: str, rules: tuple[str, ...]) -> Expression | None:
        try:
            return parse_expression(text, rules)
        except ValueError as error:
            message = f"the condition can't be used: {error}"
            self._note("invalid-condition", message, PATH, "such as: rule_a and rule_b and not rule_c")
            return None

    def _aliases(self, body: dict[str, Any], rules: tuple[str, ...]) -> tuple[dict[str, str], ...]:
        """For each rule, what the aliased fields are called there."""
        path: KeyPath = ("correlation", "aliases")
        aliases = body.get("aliases")
        if not aliases:
            return ()
        if not isinstance(aliases, dict):
            self._note("wrong-type", f"'aliases' must be a mapping, not {kind(aliases)}", path, _ALIAS_HINT)
            return ()
        found: tuple[dict[str, str], ...] = tuple({} for _ in rules)
        for alias, names in aliases.items():
            place = (*path, alias)
            if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
                self._note("wrong-type", f"alias '{alias}' must map rules to fields", place, _ALIAS_HINT)
                continue
            for rule in names:
                if rule not in rules:
                    message = f"alias '{alias}' names rule '{rule}', which the correlation does not list"
                    self._note("unknown-rule", message, (*place, rule), f"rules: {', '.join(rules)}")
            for position, rule in enumerate(rules):
                if rule in names:
                    found[position][alias] = names[rule]
                else:
                    message = (
                        f"alias '{alias}' has no field for rule '{rule}', so nothing says which group its events are of"
                    )
                    hint = f"add {rule}: and the name of its field, also where the rule is negated"
                    self._note("missing-key", message, place, hint)
        return found
