"""The line that SageMaker's data capture writes of a call, with the endpoint that its object's path names.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.durations import iso
from sigmagen.sources.call import PREDICTION, Call, uuid_of
from sigmagen.sources.records import Record


def render(call: Call) -> Record | None:
    """The line of an answered prediction, as CSV; None for all others, of which AWS publishes no line."""
    if call.operation != PREDICTION or call.failed:
        return None
    return {
        "endpointName": call.model,
        "captureData": {
            "endpointInput": _captured("INPUT", call.features, "text/csv"),
            "endpointOutput": _captured("OUTPUT", call.scores, "text/csv; charset=utf-8"),
        },
        "eventMetadata": {"eventId": uuid_of(call.id, "event"), "inferenceTime": iso(call.time, 0)},
        "eventVersion": "0",
    }


def _captured(mode: str, values: Sequence[float], content_type: str) -> Record:
    data = ",".join(f"{value:g}" for value in values)
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": "CSV"}
