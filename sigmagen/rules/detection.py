"""A base rule: its log source, and its detections and condition as pySigma reads them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from sigmagen.problems import Problem
from sigmagen.rules.model import BaseRule, LogSource
from sigmagen.rules.placeholders import AllowLists, fill, simplify, unknown_placeholders
from sigmagen.rules.wording import in_words
from sigmagen.rules.yaml import Document, KeyPath

if TYPE_CHECKING:
    from sigma.rule import SigmaDetections

    from sigmagen.rules.model import Condition


def text_or_none(document: Document, key: str, problems: list[Problem]) -> str | None:
    """The text at a top-level key; a problem if something else is there."""
    value = document.data.get(key)
    if value is None or isinstance(value, str):
        return value
    problems.append(document.problem("wrong-type", f"'{key}' must be text, not {kind(value)}", (key,)))
    return None


def kind(value: object) -> str:
    """What a value is, in the words of YAML."""
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "empty"}
    return names.get(type(value), "a number")


def parse_base(document: Document, lists: AllowLists) -> tuple[BaseRule | None, list[Problem]]:
    """The base rule of a document, or None with every problem that keeps it from being one."""
    problems: list[Problem] = []
    name, identifier, title = (text_or_none(document, key, problems) for key in ("name", "id", "title"))
    if "title" not in document.data:
        problems.append(document.problem("missing-key", "the rule has no title"))
    logsource = parse_logsource(document, problems)
    condition = parse_section(document, "detection", lists, problems)
    if problems or logsource is None or condition is None:
        return None, problems
    detection = document.data["detection"]
    rule = BaseRule(
        name=name or identifier or title or "",
        id=identifier,
        title=title or "",
        logsource=logsource,
        detections={key: value for key, value in detection.items() if key != "condition"},
        condition=condition,
        raw=document.data,
        file=document.file,
        line=document.line(),
    )
    return rule, problems


def parse_logsource(document: Document, problems: list[Problem]) -> LogSource | None:
    """The log source of a rule or filter; None, and problems, if it can't be one."""
    value = document.data.get("logsource")
    hint = "a rule needs logsource: with category, product or service, such as {category: ai_inference}"
    if "logsource" not in document.data:
        problems.append(document.problem("missing-key", "the rule has no logsource", hint=hint))
        return None
    if not isinstance(value, dict):
        message = f"'logsource' must be a mapping, not {kind(value)}"
        problems.append(document.problem("wrong-type", message, ("logsource",), hint))
        return None
    parts = {}
    for key in ("category", "product", "service"):
        part = value.get(key)
        if part is not None and not isinstance(part, str):
            message = f"logsource {key} must be text, not {kind(part)}"
            problems.append(document.problem("wrong-type", message, ("logsource", key)))
        elif part:
            parts[key] = part
    if not any(value.get(key) for key in ("category", "product", "service")):
        problems.append(document.problem("missing-key", "the logsource is empty", ("logsource",), hint))
        return None
    return LogSource(**parts)


def parse_section(document: Document, section: str, lists: AllowLists, problems: list[Problem]) -> Condition | None:
    """The condition of a section with selections (`detection` of a rule, `filter` of a filter); None, and problems."""
    detection = document.data.get(section)
    if section not in document.data:
        problems.append(document.problem("missing-key", "the rule has no detection"))
        return None
    if not isinstance(detection, dict):
        message = f"'{section}' must be a mapping, not {kind(detection)}"
        problems.append(document.problem("wrong-type", message, (section,)))
        return None
    if section == "filter":
        detection = {key: value for key, value in detection.items() if key != "rules"}
    texts = _condition_texts(document, section, detection, problems)
    found = [
        problem
        for key, definition in detection.items()
        if key != "condition"
        for problem in unknown_placeholders(document, lists, definition, (section, key))
    ]
    problems += found
    parsed = _detections(document, section, detection, texts, problems)
    if texts and (parsed is None or found):
        _dry_run(document, section, detection, texts, problems)
    if parsed is None or found or not texts:
        return None
    emptied = [field for item in parsed.detections.values() for field in fill(item, lists)]
    return _parsed_condition(document, section, parsed, emptied, problems)


def _condition_texts(document: Document, section: str, detection: dict[str, Any], problems: list[Problem]) -> list[str]:
    path = (section, "condition")
    value = detection.get("condition")
    if value is None:
        hint = "condition: stands inside detection:, as deep as the selections"
        problems.append(document.problem("missing-key", "the detection has no condition", (section,), hint))
        return []
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        message = f"'condition' must be text, not {kind(value)}"
        problems.append(document.problem("wrong-type", message, path))
        return []
    return texts


def _detections(
    document: Document, section: str, detection: dict[str, Any], texts: list[str], problems: list[Problem]
) -> SigmaDetections | None:
    from sigma.rule import SigmaDetections

    from sigmagen.rules.encoding import encodings

    definitions = {key: value for key, value in detection.items() if key != "condition"}
    if not definitions:
        message = "the detection has a condition and nothing else"
        problems.append(document.problem("missing-key", message, (section,), "add a selection"))
        return None
    empty = [key for key, definition in definitions.items() if definition in (None, {}, [])]
    for key in empty:
        problems.append(document.problem("invalid-detection", f"'{key}' is empty", (section, key)))
    if empty:
        return None
    try:
        with encodings():
            return SigmaDetections.from_dict({**definitions, "condition": texts or ["selection"]})
    # pySigma lets plain exceptions through on values of a type that it doesn't expect.
    except Exception as error:
        with encodings():
            located = [
                problem
                for key, definition in definitions.items()
                for problem in _faults(document, definition, (section, key))
            ]
        problems += located or [_sigma_problem(document, error, (section,))]
        return None


def _dry_run(
    document: Document, section: str, detection: dict[str, Any], texts: list[str], problems: list[Problem]
) -> None:
    """Note what is wrong with the condition of detections that are broken themselves."""
    from sigma.rule import SigmaDetections

    stand_ins = {key: {"field": "value"} for key in detection if key != "condition"}
    if stand_ins:
        _parsed_condition(document, section, SigmaDetections.from_dict({**stand_ins, "condition": texts}), [], problems)


def _faults(document: Document, definition: Any, path: KeyPath) -> list[Problem]:
    """Where in a detection pySigma fails: the smallest parts that it refuses on their own."""
    from sigma.rule import SigmaDetection, SigmaDetectionItem

    if isinstance(definition, dict) and definition:
        found = []
        for key, value in definition.items():
            try:
                SigmaDetectionItem.from_mapping(key, value)
            except Exception as error:
                found.append(_sigma_problem(document, error, (*path, key)))
        return found
    if isinstance(definition, list) and any(isinstance(item, (dict, list)) for item in definition):
        items = enumerate(definition)
        return [problem for position, item in items for problem in _faults(document, item, (*path, position))]
    try:
        SigmaDetection.from_definition(definition)
    except Exception as error:
        return [_sigma_problem(document, error, path)]
    return []


def _sigma_problem(document: Document, error: Exception, path: KeyPath) -> Problem:
    from sigma.modifiers import modifier_mapping

    for modifier in str(path[-1]).split("|")[1:]:
        if modifier not in modifier_mapping:
            near = difflib.get_close_matches(modifier, modifier_mapping, 3) or sorted(modifier_mapping)
            message = f"Sigma has no modifier '{modifier}'"
            return document.problem("unknown-modifier", message, path, f"nearest: {', '.join(near)}")
    return document.problem("invalid-detection", f"Sigma can't read this: {in_words(error)}", path)


def _parsed_condition(
    document: Document, section: str, parsed: SigmaDetections, emptied: list[str], problems: list[Problem]
) -> Condition | None:
    """The condition as one tree; several conditions of one rule are alternatives."""
    from sigma.conditions import ConditionOR

    trees: list[Any] = []
    for position, condition in enumerate(parsed.parsed_condition):
        path = (section, "condition", position)
        try:
            tree = condition.parse()
        except Exception as error:
            known = ", ".join(parsed.detections)
            message = f"condition '{condition.condition}' can't be read: {in_words(error)}"
            problems.append(document.problem("invalid-condition", message, path, f"selections: {known}"))
            continue
        if tree is None:
            message = f"condition '{condition.condition}' selects nothing"
            problems.append(document.problem("invalid-condition", message, path))
            continue
        trees.append(tree)
    if len(trees) != len(parsed.parsed_condition):
        return None
    whole = trees[0] if len(trees) == 1 else ConditionOR(trees)
    for tree in trees if len(trees) > 1 else []:
        tree.parent = whole
    result: Condition = simplify(whole, emptied[0]) if emptied else whole
    return result
