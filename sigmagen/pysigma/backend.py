"""The targets as pySigma backends. A rule is written back to YAML and converted by `Converter`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import yaml
from sigma.conversion.base import Backend
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaConversionError
from sigma.processing.pipeline import ProcessingPipeline
from sigma.rule import SigmaRule
from sigma.rule.base import SigmaRuleBase
from sigma.types import SigmaString

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.convert.many import convert_all
from sigmagen.plan.model import Mode
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.load import parse_rules
from sigmagen.rules.model import RuleFile
from sigmagen.rules.yaml import parse_documents

_LOG = logging.getLogger("sigmagen")


class SigmagenBackend(Backend):
    """Backend options: `source` (one or several names), `location`, and `mappings`, a folder."""

    target: ClassVar[str]
    formats: ClassVar[dict[str, str]] = {"default": "Query text, one for each source that has the rule's fields"}
    correlation_methods: ClassVar[dict[str, str]] = {
        "alert": "For a schedule: one row per group, highest value first",
        "hunt": "For any time range: one row per group and window",
    }
    default_correlation_method: ClassVar[str] = "alert"

    def __init__(
        self,
        processing_pipeline: ProcessingPipeline | None = None,
        collect_errors: bool = False,
        source: str | list[str] = (),  # type: ignore[assignment]
        location: str | None = None,
        mappings: str | None = None,
    ) -> None:
        super().__init__(processing_pipeline, collect_errors)
        self._sources = [source] if isinstance(source, str) else list(source)
        self._location = location
        self._mappings = Path(mappings) if mappings else mappings_folder()

    def convert_rule(self, rule: SigmaRule, output_format: str | None = None, callback: Any = None) -> list[Any]:
        """Convert a rule that no correlation refers to."""
        return self._converted(rule, "alert", output_format, callback)

    def convert_correlation_rule(
        self,
        rule: SigmaCorrelationRule,
        output_format: str | None = None,
        method: str | None = None,
        callback: Any = None,
    ) -> list[Any]:
        """Convert a correlation with the method `alert` or `hunt`."""
        method = method or self.default_correlation_method
        if method not in self.correlation_methods:
            raise SigmaConversionError(rule, rule.source, f"unknown correlation method {method!r}")
        return self._converted(rule, "hunt" if method == "hunt" else "alert", output_format, callback)

    @cached_property
    def _converter(self) -> Converter:
        converter = Converter.load(self._mappings)
        for name in self._sources:
            converter.known(name, generic=True)
        return converter.with_locations({self.target: self._location} if self._location else {})

    def _converted(self, rule: SigmaRuleBase, mode: Mode, output_format: str | None, callback: Any) -> list[Any]:
        if not hasattr(self, "last_processing_pipeline"):
            self.init_processing_pipeline(output_format)
        self.last_processing_pipeline.apply(rule)  # type: ignore[arg-type]
        if not rule._output:
            return []
        try:
            results: list[Any] = self._queries(rule, mode)
        except SigmagenError as error:
            failure = SigmaConversionError(rule, rule.source, "; ".join(found.message for found in error.problems))
            if not self.collect_errors:
                raise failure from None
            self.errors.append((rule, failure))  # type: ignore[arg-type]
            return []
        if callback is not None:
            results = [callback(rule, output_format, index, None, text) for index, text in enumerate(results)]
        found = [result for result in results if result is not None]
        rule.set_conversion_result(found)
        return found

    def _queries(self, rule: SigmaRuleBase, mode: Mode) -> list[str]:
        """Return the texts of all queries and log their warnings. Raises SigmagenError if there are none."""
        file = self._loaded(rule)
        result = convert_all(self._converter, [file], [self.target], self._sources, mode)
        errors = [problem for problem in result.problems if problem.severity == "error"]
        if errors:
            raise SigmagenError(errors)
        for problem in result.problems:
            if problem.severity == "warning":
                _LOG.warning("%s", problem)
        return [query.text for _, query in result.queries]

    def _loaded(self, rule: SigmaRuleBase) -> RuleFile:
        """Load the rule and those that it refers to with this project's loader."""
        path = Path(str(rule.source.path)) if rule.source else Path(f"{rule.title}.yml")
        text = yaml.safe_dump_all(
            [_document(part) for part in _with_references(rule)], allow_unicode=True, sort_keys=False
        )
        loaded = parse_rules([parse_documents(text.encode(), path)], mappings_folder=self._mappings)
        if loaded.problems:
            raise SigmagenError(loaded.problems)
        (file,) = loaded.files
        wanted = tuple(document for document in file.documents if document.raw == _document(rule))
        if not wanted:
            raise SigmagenError(Problem("rule-lost", f"{rule.title}: it can't be loaded by sigmagen", file=str(path)))
        return RuleFile(path, file.documents, wanted)

    def finalize_output_default(self, queries: list[Any]) -> Any:
        """Return the queries unchanged."""
        return queries


# The converter compiles conditions, so the methods for parts of a condition are never called.
SigmagenBackend.__abstractmethods__ = frozenset()


def _with_references(rule: SigmaRuleBase) -> list[SigmaRuleBase]:
    """Yield the rules that a rule refers to, each once, then the rule itself."""
    found: list[SigmaRuleBase] = []
    if isinstance(rule, SigmaCorrelationRule):
        for reference in rule.referenced_rules:
            found += [part for part in _with_references(reference.rule) if part not in found]
    return [*found, rule]


def _document(rule: SigmaRuleBase) -> dict[str, Any]:
    """Return the rule as a YAML document."""
    with _backslashes_kept():
        data = rule.to_dict()
    correlation = data.get("correlation")
    if isinstance(correlation, dict):
        data["correlation"] = {key: value for key, value in correlation.items() if value is not None}
    return data


@contextmanager
def _backslashes_kept() -> Iterator[None]:
    """Double every backslash in a text: pySigma 1.5 writes a double backslash unchanged and reads it as one."""

    def to_plain(value: SigmaString, regex: bool = False) -> str:
        escaped = SigmaString()
        doubled = (part.replace("\\", "\\\\") if isinstance(part, str) and not regex else part for part in value.s)
        escaped.s = list(doubled)
        return original(escaped, regex)

    original = SigmaString.to_plain
    SigmaString.to_plain = to_plain  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        SigmaString.to_plain = original  # type: ignore[method-assign]
