"""OTLP in JSON, as file exporters write it: batches of spans under their resource, opened to one record a span.

https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

BATCHES = "resourceSpans"

RESOURCE = ("service.name", "cloud.account.id", "cloud.region")
"""The attributes of a resource that its spans get. More of them would repeat a large resource for each of its spans."""
LONGEST = 256
"""Up to how many characters these have."""
DEPTH = 16
"""How deep values may lie in one another."""


def is_batch(value: dict[str, Any]) -> bool:
    """Whether a value has spans in batches, and nothing else."""
    return value.keys() == {BATCHES} and isinstance(value[BATCHES], list)


def spans(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans of all batches, the attributes of each as one object by their dotted names."""
    for batch in _objects(value[BATCHES]):
        resource = batch.get("resource")
        known = _attributes(resource.get("attributes")) if isinstance(resource, dict) else {}
        kept = {name: text for name in RESOURCE if isinstance(text := known.get(name), str) and len(text) <= LONGEST}
        for scope in _objects(batch.get("scopeSpans")):
            for span in _objects(scope.get("spans")):
                yield {**span, "attributes": _attributes(span.get("attributes")), "resource": kept}


def _objects(values: Any) -> Iterator[dict[str, Any]]:
    return (value for value in values if isinstance(value, dict)) if isinstance(values, list) else iter(())


def _attributes(items: Any, depth: int = DEPTH) -> dict[str, Any]:
    """A list of keys and values as an object; the last value of a key counts."""
    return {
        item["key"]: _value(item.get("value"), depth) for item in _objects(items) if isinstance(item.get("key"), str)
    }


def _value(value: Any, depth: int) -> Any:
    """What an AnyValue holds. A whole number is text in OTLP; one that is too deep is missing."""
    if not isinstance(value, dict) or len(value) != 1 or not depth:
        return None
    ((kind, found),) = value.items()
    if kind == "intValue" and isinstance(found, str):
        return int(found) if found.removeprefix("-").isdecimal() and len(found) <= 20 else None
    if kind == "arrayValue" and isinstance(found, dict):
        return [_value(item, depth - 1) for item in _objects(found.get("values"))]
    if kind == "kvlistValue" and isinstance(found, dict):
        return _attributes(found.get("values"), depth - 1)
    return found if kind in ("stringValue", "boolValue", "intValue", "doubleValue", "bytesValue") else None
