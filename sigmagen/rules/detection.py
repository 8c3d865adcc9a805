"""Parsing a base rule: its log source, detections and condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sigmagen.problems import Problem
from sigmagen.rules.condition_text import ConditionError, parse_condition
from sigmagen.rules.model import LEVELS, STATUSES, BaseRule, LogSource
from sigmagen.rules.placeholders import AllowLists, simplify
from sigmagen.rules.processing import Processed, ProcessingError, Processor, remove_dropped
from sigmagen.rules.selections import SelectionReader, count_values
from sigmagen.rules.yaml import Document, describe_type

if TYPE_CHECKING:
    from sigma.rule import SigmaDetections

    from sigmagen.rules.model import Condition


_LONGEST_SHOWN = 200


def get_text(document: Document, key: str, problems: list[Problem]) -> str | None:
    """Return the text at a top-level key; report a problem if it is not text."""
    value = document.data.get(key)
    if value is None or isinstance(value, str):
        return value
    problems.append(document.problem("wrong-type", f"'{key}' must be text, not {describe_type(value)}", (key,)))
    return None


def check_choices(document: Document, problems: list[Problem]) -> None:
    """Report a problem for an unknown level or status. Both are optional."""
    for key, known in (("level", LEVELS), ("status", STATUSES)):
        value = document.data.get(key)
        if isinstance(value, str) and value not in known:
            message = f"'{value}' is not a {key}"
            problems.append(document.problem(f"{key}-invalid", message, (key,), f"available: {', '.join(known)}"))


def parse_base(
    document: Document, lists: AllowLists, processor: Processor | None = None
) -> tuple[BaseRule | None, list[Problem]]:
    """Parse and process a base rule. Returns the rule, or None with all problems."""
    problems: list[Problem] = []
    name, identifier, title = (get_text(document, key, problems) for key in ("name", "id", "title"))
    for key in ("level", "status", "description"):
        get_text(document, key, problems)
    check_choices(document, problems)
    if "title" not in document.data:
        problems.append(document.problem("missing-key", "the rule has no title"))
    logsource = parse_logsource(document, problems)
    processing = Processing(document.data, processor, logsource)
    condition = parse_section(document, "detection", lists, problems, processing)
    if problems or logsource is None or condition is None:
        return None, problems
    detection = document.data["detection"]
    rule = BaseRule(
        name=name or identifier or title or "",
        id=identifier,
        title=title or "",
        logsource=processing.logsource(logsource),
        detections={key: value for key, value in detection.items() if key != "condition"},
        condition=condition,
        raw=document.data,
        file=document.file,
        line=document.line(),
        processed=processing.result,
    )
    return rule, problems


class Processing:
    """Processes one rule or filter, if there is a processor, and keeps the result."""

    def __init__(self, data: dict[str, Any], processor: Processor | None, logsource: LogSource | None) -> None:
        self._data = data
        self._processor = processor
        self._logsource = logsource
        self.result: Processed | None = None

    def apply(self, detections: SigmaDetections) -> SigmaDetections:
        """Return the processed detections. Raises ProcessingError."""
        if self._processor is None or self._logsource is None:
            return detections
        self.result = self._processor(self._data, self._logsource, detections)
        return self.result.detections

    def logsource(self, written: LogSource) -> LogSource:
        """Return the log source after processing."""
        return self.result.logsource if self.result else written


def parse_logsource(document: Document, problems: list[Problem]) -> LogSource | None:
    """Parse the log source of a rule or filter. Returns None, with problems, if it is invalid."""
    value = document.data.get("logsource")
    hint = "add 'logsource' with category, product or service, for example {category: ai_inference}"
    if "logsource" not in document.data:
        problems.append(document.problem("missing-key", "the rule has no logsource", hint=hint))
        return None
    if not isinstance(value, dict):
        message = f"'logsource' must be a mapping, not {describe_type(value)}"
        problems.append(document.problem("wrong-type", message, ("logsource",), hint))
        return None
    parts = {}
    for key in ("category", "product", "service"):
        part = value.get(key)
        if part is not None and not isinstance(part, str):
            message = f"logsource {key} must be text, not {describe_type(part)}"
            problems.append(document.problem("wrong-type", message, ("logsource", key)))
        elif part:
            parts[key] = part
    if not any(value.get(key) for key in ("category", "product", "service")):
        problems.append(document.problem("missing-key", "the logsource is empty", ("logsource",), hint))
        return None
    return LogSource(**parts)


def parse_section(
    document: Document, section: str, lists: AllowLists, problems: list[Problem], processing: Processing
) -> Condition | None:
    """Parse a section with selections and a condition: `detection` of a rule or `filter` of a filter.

    Valid selections are processed before the condition is parsed. Returns the condition, or None with problems.
    """
    detection = document.data.get(section)
    if section not in document.data:
        problems.append(document.problem("missing-key", "the rule has no detection"))
        return None
    if not isinstance(detection, dict):
        message = f"'{section}' must be a mapping, not {describe_type(detection)}"
        problems.append(document.problem("wrong-type", message, (section,)))
        return None
    if section == "filter":
        detection = {key: value for key, value in detection.items() if key != "rules"}
    texts = _condition_texts(document, section, detection, problems)
    parsed = _detections(document, section, detection, texts, lists, problems, processing)
    return parsed if texts else None


def _condition_texts(document: Document, section: str, detection: dict[str, Any], problems: list[Problem]) -> list[str]:
    path = (section, "condition")
    value = detection.get("condition")
    if value is None:
        hint = "put 'condition' inside 'detection', at the same level as the selections"
        problems.append(document.problem("missing-key", "the detection has no condition", (section,), hint))
        return []
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        message = f"'condition' must be text, not {describe_type(value)}"
        problems.append(document.problem("wrong-type", message, path))
        return []
    return texts


def _detections(
    document: Document,
    section: str,
    detection: dict[str, Any],
    texts: list[str],
    lists: AllowLists,
    problems: list[Problem],
    processing: Processing,
) -> Condition | None:
    """Parse the condition. Its problems are reported even if selections are broken."""
    from sigma.rule import SigmaDetection, SigmaDetections

    from sigmagen.rules.encoding import use_encodings

    definitions = {key: value for key, value in detection.items() if key != "condition"}
    if not definitions:
        message = "the detection has no selections"
        problems.append(document.problem("missing-key", message, (section,), "add a selection"))
        return None
    before = len(problems)
    reader = SelectionReader(document, lists, problems)
    parsed: dict[str, SigmaDetection] = {}
    with use_encodings():
        for key, definition in definitions.items():
            found = reader.read(definition, (section, key))
            parsed[key] = found or SigmaDetection.from_definition({"field": "value"})
        detections = SigmaDetections(parsed, texts or [""])
        try:
            if texts and len(problems) == before:
                detections = processing.apply(detections)
            texts = list(detections.condition) if texts else []
            condition = _parsed_condition(document, section, detections, reader, texts, problems)
            if processing.result and len(problems) == before:
                condition = remove_dropped(condition)
        except ProcessingError as error:
            problems.append(document.problem("pipeline-rejected", str(error), (section,)))
    return condition if len(problems) == before else None


def _parsed_condition(
    document: Document,
    section: str,
    parsed: SigmaDetections,
    reader: SelectionReader,
    texts: list[str],
    problems: list[Problem],
) -> Condition | None:
    """Parse the condition into one tree. Several conditions of one rule are alternatives."""
    from sigma.conditions import ConditionOR

    sizes = count_values(parsed.detections)
    trees: list[Any] = []
    for position, text in enumerate(texts):
        try:
            trees.append(parse_condition(text, parsed, sizes))
        except ConditionError as error:
            shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
            message = f"invalid condition '{shown}': {error}"
            path = (section, "condition", position)
            problems.append(document.problem("invalid-condition", message, path, error.hint))
    if not trees or len(trees) < len(texts):
        return None
    whole = trees[0] if len(trees) == 1 else ConditionOR(trees)
    for tree in trees if len(trees) > 1 else []:
        tree.parent = whole
    result: Condition = simplify(whole, reader.emptied[0]) if reader.emptied else whole
    return result
