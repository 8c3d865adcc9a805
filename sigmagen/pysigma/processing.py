"""Processes rules with pySigma's pipelines: official ones by name, a user's own by file, or those of a field schema.

Only what a pipeline does to rules is applied. What it does to query text belongs to pySigma's own backends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sigma.exceptions import SigmaError, SigmaPipelineNotFoundError
from sigma.plugins import InstalledSigmaPlugins
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.resolver import ProcessingPipelineResolver
from sigma.processing.transformations import FieldPrefixMappingTransformation
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaDetections, SigmaRule
from sigma.types import SigmaString

from sigmagen.mapping.documents import load_checked
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.rules.model import LogSource
from sigmagen.rules.processing import Processed, ProcessingError
from sigmagen.targets import registry
from sigmagen.targets.target import Target

_PLACEHOLDER = {"selection": {"field": "value"}, "condition": "selection"}
_LONGEST_ERROR = 200
_RENAMED = "sigmagen_renamed"
_KNOWN_POSTPROCESSING = "kusto_prepend_query_table"
"""Puts the table before the query, which the location does here."""
_INSTALL = "the official pipelines are in the extra 'pipelines': pip install 'sigmagen-extraction[pipelines]'"


@dataclass(frozen=True)
class PipelineProcessor:
    """Applies one pipeline to rules. `siem` is where `location_key`, a key of the pipeline's state, has the place."""

    pipeline: ProcessingPipeline
    siem: str
    location_key: str
    locations: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, data: Mapping[str, Any], logsource: LogSource, detections: SigmaDetections) -> Processed:
        """Process a rule. Raises ProcessingError if the pipeline rejects it."""
        rule = _make_rule(data, logsource, detections)
        original = deepcopy(rule)
        self._apply(rule)
        found = rule.logsource
        locations = self._location(self.pipeline.state.get(self.location_key))

        def rename(name: str) -> tuple[str, ...]:
            copy = deepcopy(original)
            copy.fields = [name]
            self._apply(copy)
            if copy.fields != [name]:
                return tuple(copy.fields)
            # A field that the pipeline does not rename may be one that it rejects in a detection.
            copy = deepcopy(original)
            copy.detection.detections[_RENAMED] = SigmaDetection([SigmaDetectionItem(name, [], [SigmaString("*")])])
            self._apply(copy)
            return tuple(dict.fromkeys(_field_names(copy.detection.detections[_RENAMED])))

        texts = [condition.condition for condition in rule.detection.parsed_condition]
        processed = SigmaDetections(rule.detection.detections, texts)
        return Processed(processed, LogSource(found.category, found.product, found.service), locations, rename)

    def _apply(self, rule: SigmaRule) -> None:
        try:
            self.pipeline.apply(rule)
        except SigmaError as error:
            raise ProcessingError(_shorten(str(error))) from None

    def _location(self, place: object) -> dict[str, str]:
        """Return the location by SIEM. Raises ProcessingError for one that would change the query."""
        if place is None:
            return {}
        names = [place] if isinstance(place, str) else list(place) if isinstance(place, Iterable) else []
        text = ",".join(self.locations.get(str(name), str(name)) for name in names)
        target = registry.get(self.siem)
        if fault := target.find_location_fault(text):
            raise ProcessingError(f"the pipeline sets an unusable location: {fault}")
        return {self.siem: target.enclose_location(text)}


def load_processor(
    target: Target, pipelines: Sequence[str], schemas: Sequence[str], mappings: Path
) -> tuple[PipelineProcessor | None, list[Problem]]:
    """Return what processes rules for a target, or None if neither pipelines nor schemas apply to it, with warnings.

    `pipelines` are names of installed pipelines, files or folders; `schemas` are names in schemas.yml. Pipelines run in
    the order of their priority. Raises SigmagenError for unknown names and unusable files.
    """
    siem = registry.get(target.stored_in)
    known = load_schemas(mappings)
    if unknown := [name for name in schemas if name not in known]:
        message = f"unknown schema: {', '.join(unknown)}"
        raise SigmagenError(Problem("unknown-schema", message, hint=f"available: {', '.join(known)}"), EXIT_USAGE)
    entries = [known[name][siem.name] for name in schemas if siem.name in known[name]]
    resolver = ProcessingPipelineResolver(dict(_installed()))
    found = [
        pipeline
        for name in dict.fromkeys([*pipelines, *(name for entry in entries for name in entry["pipelines"])])
        if (pipeline := _resolve(resolver, name)).allowed_backends is None
        or not pipeline.allowed_backends
        or siem.pipeline_backends & set(pipeline.allowed_backends)
    ]
    if not found:
        return None, []
    prefixes = [prefix for entry in entries for prefix in entry.get("prefixes", ())]
    found += [_removal(prefixes)] if prefixes else []
    warnings = [warning for pipeline in found for warning in _find_unapplied(pipeline)]
    whole = sum(sorted(found, key=lambda pipeline: pipeline.priority), start=ProcessingPipeline())
    places = {name: place for entry in entries for name, place in entry.get("locations", {}).items()}
    return PipelineProcessor(whole, siem.name, siem.pipeline_location, places), warnings


def load_schemas(mappings: Path) -> Mapping[str, Any]:
    """Return the entries of schemas.yml by name. Raises SigmagenError if the file is invalid."""
    path = mappings / "schemas.yml"
    found: Mapping[str, Any] = load_checked(path, "schemas", mappings) if path.exists() else {}
    return found


def _make_rule(data: Mapping[str, Any], logsource: LogSource, detections: SigmaDetections) -> SigmaRule:
    """Return a rule with the parsed detections. Faults of other attributes are not the pipeline's business."""
    source = {key: value for key in ("category", "product", "service") if (value := getattr(logsource, key))}
    attributes = {key: value for key, value in data.items() if key not in ("detection", "filter")}
    rule = SigmaRule.from_dict({**attributes, "logsource": source, "detection": _PLACEHOLDER}, collect_errors=True)
    rule.detection = detections
    return rule


def _field_names(detection: SigmaDetection | SigmaDetectionItem) -> Iterator[str]:
    """Yield the fields of a detection."""
    if isinstance(detection, SigmaDetectionItem):
        yield from [detection.field] if detection.field else []
    else:
        for item in detection.detection_items:
            yield from _field_names(item)


def _installed() -> Mapping[str, Any]:
    return InstalledSigmaPlugins.autodiscover().pipelines


def _resolve(resolver: ProcessingPipelineResolver, name: str) -> ProcessingPipeline:
    try:
        if Path(name).is_dir():
            return resolver.resolve([name])
        return resolver.resolve_pipeline(name)
    except SigmaPipelineNotFoundError:
        available = ", ".join(sorted(resolver.pipelines)) or "none"
        message = f"'{name}' is neither a file nor the name of an installed pipeline"
        hint = f"available: {available}" if len(resolver.pipelines) > 1 else _INSTALL
        raise SigmagenError(Problem("unknown-pipeline", message, hint=hint), EXIT_USAGE) from None
    except Exception as error:  # pySigma raises whatever an unexpected shape of the file leads to.
        message = f"the pipeline can't be used: {_shorten(str(error))}"
        raise SigmagenError(Problem("pipeline-invalid", message, file=name), EXIT_USAGE) from None


def _shorten(text: str) -> str:
    """Return the first sentence of an error of pySigma; some list all fields of a table after it."""
    first = re.split(r"\.\s", " ".join(text.split()), maxsplit=1)[0].removesuffix(".")
    return first if len(first) <= _LONGEST_ERROR else f"{first[:_LONGEST_ERROR].rstrip()}…"


def _removal(prefixes: Sequence[str]) -> ProcessingPipeline:
    """Return a pipeline that removes prefixes from field names, after all others."""
    mapping: dict[str | None, str | list[str]] = dict.fromkeys(prefixes, "")
    item = ProcessingItem(FieldPrefixMappingTransformation(mapping), identifier="sigmagen_remove_prefixes")
    return ProcessingPipeline(items=[item], name="prefixes", priority=1_000)


def _find_unapplied(pipeline: ProcessingPipeline) -> list[Problem]:
    """Return warnings about parts of a pipeline that change query text, which only pySigma's backends apply."""
    unapplied = [item for item in pipeline.postprocessing_items if item.identifier != _KNOWN_POSTPROCESSING]
    if not unapplied and not pipeline.finalizers:
        return []
    message = f"pipeline '{pipeline.name}': its post-processing of queries is not applied"
    hint = "only what it does to rules is; such text can be added to the written files"
    return [Problem("pipeline-postprocessing", message, "warning", hint=hint)]
