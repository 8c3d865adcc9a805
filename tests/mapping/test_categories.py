"""A source may have several categories: its records are events if they are in any of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from sigmagen.convert.converter import Converter
from sigmagen.local.normalize import Normalizer
from sigmagen.logs.reader import Record
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.rules.model import LogSource
from sigmagen.sources import render
from sigmagen.sources.call import STORAGE_READ, Call
from tests.native_logs import converter
from tests.rule_builders import base

IS_READ = {"equals": ["eventName", "GetObject"]}
READS = LogsourceEntry(LogSource("ai_storage"), {"both": [{"equals": ["eventSource", "s3.amazonaws.com"]}, IS_READ]})


@pytest.fixture
def known() -> Converter:
    """CloudTrail with the reads of objects as a second category."""
    source = converter().source("cloudtrail")
    action = {"if": [IS_READ, {"constant": ["read"]}, {"constant": [None]}]}
    entries = (*(entry for entry in source.logsources if entry.logsource.category), READS)
    fields = {**source.fields, "event.action": action, "storage.bucket.name": "requestParameters.bucketName"}
    changed = replace(source, logsources=entries, fields=fields)
    return replace(converter(), sources={**converter().sources, "cloudtrail": changed})


def normalized(known: Converter, *operations: str) -> list[dict[str, Any]]:
    source: Source = known.source("cloudtrail")
    calls = [
        Call(time=1_786_440_000_000, id=f"c-{number}", principal="p", operation=operation, object="weights/model.bin")
        for number, operation in enumerate(operations)
    ]
    values = [value for call in calls if (value := render("cloudtrail", call)) is not None]
    records = [Record("log", line, orjson.dumps(value).decode(), value) for line, value in enumerate(values, 1)]
    normalizer = Normalizer(known)
    events = [event.event for event in normalizer.events((source, record) for record in records)]
    normalizer.close()
    assert normalizer.skipped["cloudtrail"] == len(operations) - len(events)
    return events


def test_records_of_either_category_are_events(known: Converter) -> None:
    call, read = normalized(known, "chat", "ListFoundationModels", STORAGE_READ)
    assert (call["gen_ai.operation.name"], call.get("event.action")) == ("invokemodel", None)
    assert (read["event.action"], read["storage.bucket.name"]) == ("read", "weights")


@pytest.mark.parametrize(
    ("category", "there", "absent"),
    [("ai_inference", "InvokeModel", "GetObject"), ("ai_storage", "GetObject", "Invoke")],
)
def test_a_rule_sees_the_records_of_its_category_only(known: Converter, category: str, there: str, absent: str) -> None:
    rule = base("event.outcome: success", logsource=LogSource(category))
    text = known.convert(rule, known.source("cloudtrail"), "sentinel", "hunt").text
    assert there in text
    assert absent not in text
