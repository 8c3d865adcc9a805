"""The JSON report of `sigmagen detect`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sigmagen.durations import iso
from sigmagen.local.blind_spots import BlindSpot
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Detection, NotRun
from sigmagen.problems import Problem


def build_report(
    detections: Sequence[Detection],
    blind: Sequence[BlindSpot],
    not_run: Sequence[NotRun],
    problems: Sequence[Problem],
    stats: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the report in its documented shape."""
    return {
        "alerts": [detection.as_dict() for detection in detections],
        "blind_spots": [spot.as_dict() for spot in blind],
        "not_run": [item.as_dict() for item in not_run],
        "problems": [problem.as_dict() for problem in dict.fromkeys(problems)],
        "stats": dict(stats),
    }


def build_statistics(
    detector: Detector, rules: int, alerts: int, records: Mapping[str, int], unrecognised: int
) -> dict[str, Any]:
    """Return the counts of a report. `records` are counted by source; `unrecognised` records have no known source."""
    span = detector.span()
    return {
        "rules": rules,
        "alerts": alerts,
        "records": dict(records),
        "unrecognised": unrecognised,
        "first_record": iso(span[0]) if span else None,
        "last_record": iso(span[1] - 1) if span else None,
    }
