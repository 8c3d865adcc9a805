"""How the toy gateway logs a call."""

from __future__ import annotations

from sigmagen.durations import iso
from sigmagen.sources.call import CHAT, Call
from sigmagen.sources.records import Record


def render(call: Call) -> Record | None:
    """The record of a chat; the gateway serves nothing else."""
    if call.operation != CHAT:
        return None
    return {
        "ts": iso(call.time),
        "toy_request": call.id,
        "who": f"toy:{call.principal}",
        "model": call.model,
        "operation": call.operation,
        "outcome": call.outcome,
    }
