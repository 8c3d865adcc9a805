"""Source mappings as pySigma pipelines that only rename fields, for other backends.

Fields that must be computed, log sources that are only a part of a table, and missing fields are errors of the
pipeline, so that no query silently changes its meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sigma.processing.conditions import (
    ExcludeFieldCondition,
    FieldNameProcessingCondition,
    IncludeFieldCondition,
    LogsourceCondition,
)
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import (
    AddConditionTransformation,
    DetectionItemFailureTransformation,
    FieldMappingTransformation,
    RuleFailureTransformation,
)
from sigma.processing.transformations.base import PreprocessingTransformation

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.expr.tree import TRUE, Call, Column, Expr, Get
from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.source import LogsourceEntry, Source, find_source_files
from sigmagen.mapping.view import ViewBuilder
from sigmagen.targets import registry


def source_names() -> list[str]:
    """The sources of the built-in mappings, by the names of their files; none of them is read."""
    return [path.stem for path in find_source_files(mappings_folder())[0]]


def renames(source: str, siem: str) -> ProcessingPipeline:
    """Return the pipeline of a source for a SIEM. Raises SigmagenError if the mappings can't be read."""
    converter = Converter.load(mappings_folder())
    chosen = converter.source(source)
    if siem in chosen.stored:
        items = [item for entry in chosen.logsources for item in _items(converter, chosen, siem, entry)]
    else:
        failure = RuleFailureTransformation(f"{registry.get(siem).product} does not keep the source {source}")
        items = [ProcessingItem(failure, identifier=f"sigmagen_{source}_not_kept")]
    return ProcessingPipeline(
        name=f"{chosen.title} in {siem}: field names",
        allowed_backends=frozenset({str(registry.get(siem).pysigma_backend)}),
        priority=20,
        items=items,
    )


def _items(converter: Converter, source: Source, siem: str, entry: LogsourceEntry) -> Iterator[ProcessingItem]:
    """Return the items: first the errors, which check the rule's original names, then the renames."""
    logsource = entry.logsource

    def item(
        transformation: PreprocessingTransformation, name: str, field: FieldNameProcessingCondition | None = None
    ) -> Any:
        return ProcessingItem(
            transformation,
            identifier=f"{source.name}_{siem}_{logsource.category or logsource.service}_{name}",
            rule_conditions=[LogsourceCondition(logsource.category, logsource.product, logsource.service)],
            field_name_conditions=[field] if field else [],
        )

    builder = ViewBuilder(source, source.stored[siem], converter.taxonomy, entry)
    where = builder.build().where
    absent = _absent(where, siem)
    if where != TRUE and not absent:
        reason = f"{logsource} is only a part of {source.stored[siem].location}: use sigmagen's own backend"
        yield item(RuleFailureTransformation(reason), "part")
        return
    fields = _fields(converter, source, entry)
    names = {field: _stored(builder, field, siem) for field in fields}
    for field, (_, reason) in names.items():
        if reason:
            yield item(DetectionItemFailureTransformation(reason), f"no_{field}", IncludeFieldCondition([field]))
    yield item(
        DetectionItemFailureTransformation(f"{source.title} has no known field of this name"),
        "unknown",
        ExcludeFieldCondition(fields),
    )
    renamed: dict[str | None, str | list[str]] = {field: name for field, (name, _) in names.items() if name}
    yield item(FieldMappingTransformation(renamed), "names")
    if absent:
        yield item(AddConditionTransformation({absent: None}), "part")  # type: ignore[dict-item]


def _absent(where: Expr, siem: str) -> str:
    """Return the stored field that must be missing in records of the log source, if that is its only condition."""
    if not (isinstance(where, Call) and where.op in ("is_missing", "has_no_value") and isinstance(where.args[0], Get)):
        return ""
    return _name_of(where.args[0], siem) or ""


def _fields(converter: Converter, source: Source, entry: LogsourceEntry) -> list[str]:
    if entry.logsource.category is None:
        return list(source.native_fields)
    fields = converter.taxonomy.fields.values()
    return [field.name for field in fields if entry.logsource.category in field.categories]


def _stored(builder: ViewBuilder, field: str, siem: str) -> tuple[str, str]:
    """Return the stored name of a field and an empty reason, or an empty name and the reason why it has none."""
    computed = ("", f"{field} is computed in {siem}: use sigmagen's own backend")
    try:
        value = builder.value(field)
    except UnavailableFieldError as error:
        return "", f"{field} is not available in {siem}: {error.reason}"
    if isinstance(value, Column):
        return (value.name, "") if value == builder.time() else computed
    if isinstance(value, Call) and value.op == "lower":
        value = value.args[0]  # `sigmagen normalize` writes it in lower case
    if not isinstance(value, Get) or value.base is not None or builder.stored_source.record:
        return computed
    name = _name_of(value, siem)
    return (name, "") if name else computed


def _name_of(get: Get, siem: str) -> str | None:
    """Return the stored name of a field; None for a part of a value."""
    return registry.get(siem).column_name(get.segments)
