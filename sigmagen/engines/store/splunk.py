"""Splunk keeps the raw JSON and extracts fields when it searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _raw(record: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {"events": [record]}


STORES: dict[str, Callable[[dict[str, Any]], dict[str, list[dict[str, Any]]]]] = dict.fromkeys(
    ("apim", "bedrock_invocation", "canonical", "cloudtrail", "litellm"), _raw
)
