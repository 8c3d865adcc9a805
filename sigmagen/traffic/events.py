"""Canonical events as lines of JSON, put together from parts: what a profile's events share is rendered once.

The shared part comes from the renderer of the source `canonical` itself. Only the fields in `OWN` differ from call to
call, and a test compares whole events with the renderer's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from sigmagen.sources import render
from sigmagen.sources.call import EMBEDDINGS, Call
from sigmagen.traffic.batch import NO_REASONING, Batch, Registry, document, end_user

CANONICAL = "canonical"
LONG = 500
"""Tokens: an answer is long from there on, and a prompt is short below (gen_ai.exchange.long_answer.percent)."""
OWN = frozenset(
    {
        "@timestamp",
        "event.id",
        "gen_ai.response.finish_reason",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.visible.output_tokens",
        "gen_ai.usage.output_input_ratio",
        "gen_ai.usage.embedding.input_tokens",
        "gen_ai.exchange.long_answer.percent",
        "enduser.pseudo.id",
        "gen_ai.retrieval.document.id",
        "gen_ai.prompt.length",
        "gen_ai.prompt.hash",
        "gen_ai.prompt.template.hash",
        "gen_ai.prompt.head.hash",
    }
)
USER, DOCUMENT = ',"enduser.pseudo.id":"%s"', ',"gen_ai.retrieval.document.id":"%s"'
_TURN = re.compile('"gen_ai.input.turn.hash":"[0-9a-f]+"')
STOP, LENGTH = (f',"gen_ai.response.finish_reason":"{reason}"' for reason in ("stop", "length"))

Part = tuple[str, int, bool, bool, str]
"""What the events of a variant of a profile share; the limit of the answer, 0 where none ends; whether they have a
prompt; whether they embed; and the field that changes with the filling, empty for none."""


class CanonicalLines:
    """Writes batches as canonical events."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._turns: dict[tuple[bool, str, int], tuple[str, str]] = {}
        self._shared: dict[tuple[int, int], Part | None] = {}

    def lines(self, batch: Batch, ids: list[str]) -> Iterator[bytes | None]:
        """One line a call, None for a call that has no canonical event."""
        registry, slow = self._registry, self._registry.slow
        fingerprints = [family.fingerprints for family in registry.families]
        shared = self._shared
        columns = (batch.profile, batch.variant, batch.family, batch.body)
        tokens = (batch.input_tokens, batch.output_tokens, batch.reasoning_tokens)
        rows = zip(
            ids,
            batch.time.tolist(),
            iso_times(batch),
            *(column.tolist() for column in (*columns, *tokens)),
            strict=True,
        )
        for number, time, iso, profile, variant, family, body, read, written, reasoned in rows:
            if profile in slow:
                call = registry.call(number, time, profile, variant, family, body, read, written, reasoned)
                event = render(CANONICAL, call)
                yield None if event is None else orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
                continue
            key = (profile, variant)
            if key not in shared:
                shared[key] = self._part(profile, variant)
            found = shared[key]
            if found is None:
                yield None
                continue
            rest, limit, prompted, embeds, vary = found
            visible, ends, reasons = written, "", ""
            if limit:
                ends = LENGTH if written >= limit else STOP
            if reasoned != NO_REASONING:
                visible -= reasoned
                reasons = f',"gen_ai.usage.reasoning.output_tokens":{reasoned}'
            ratio = f',"gen_ai.usage.output_input_ratio":{visible / read!r}' if read else ""
            embedded = f',"gen_ai.usage.embedding.input_tokens":{read}' if embeds else ""
            prompts = ""
            if prompted and family >= 0:
                length, whole, masked, head = fingerprints[family](body)
                prompts = (
                    f',"gen_ai.prompt.length":{length},"gen_ai.prompt.hash":"{whole}"'
                    f',"gen_ai.prompt.template.hash":"{masked}","gen_ai.prompt.head.hash":"{head}"'
                )
            if vary:
                prompts += vary % (end_user(body) if vary is USER else document(body))
            percent = 100 if visible >= LONG and read < LONG else 0
            yield (
                f'{{"@timestamp":"{iso}","event.id":"{number}",{rest}{ends},"gen_ai.usage.input_tokens":{read}'
                f',"gen_ai.usage.output_tokens":{written}{reasons},"gen_ai.usage.visible.output_tokens":{visible}{ratio}'
                f',"gen_ai.exchange.long_answer.percent":{percent}{embedded}{prompts}}}\n'
            ).encode()

    def _part(self, profile: int, variant: int) -> Part | None:
        """A later turn of a conversation shares all but its place in it with the first turn."""
        if self._registry.variants[variant].keys() != {"history"}:
            return self._rendered(profile, variant)
        if (profile, 0) not in self._shared:
            self._shared[profile, 0] = self._rendered(profile, 0)
        first = self._shared[profile, 0]
        if first is None:
            return None
        call = self._registry.profiles[profile].call
        key = call.system is None, call.operation, variant
        if key not in self._turns:
            pairs = [self._rendered(profile, number) for number in (0, variant)]
            self._turns[key] = _turn(pairs[0]), _turn(pairs[1])
        shared, *rest = first
        return (shared.replace(*self._turns[key]), *rest)  # type: ignore[return-value]

    def _rendered(self, profile: int, variant: int) -> Part | None:
        call = self._registry.call("id", 0, profile, variant, -1, 0, 1, 0, NO_REASONING)
        event = render(CANONICAL, call)
        if event is None:
            return None
        kind = self._registry.profiles[profile].vary
        vary = USER if kind == "user" else DOCUMENT if kind == "document" else ""
        shared = orjson.dumps({name: value for name, value in event.items() if name not in OWN})
        return shared[1:-1].decode(), self._limit(call), call.prompt is not None, call.operation == EMBEDDINGS, vary

    @staticmethod
    def _limit(call: Call) -> int:
        if call.failed or call.operation == EMBEDDINGS:
            return 0
        limit = call.parameters.get("max_tokens")
        return limit if isinstance(limit, int) else 1 << 62


def _turn(part: Part | None) -> str:
    """The field with a call's place in its conversation."""
    found = _TURN.search(part[0]) if part else None
    return found[0] if found else ""


def iso_times(batch: Batch) -> list[str]:
    """The times in ISO-8601 with milliseconds."""
    import numpy as np

    texts = np.datetime_as_string(batch.time.astype("datetime64[ms]"), unit="ms")
    return [f"{text}Z" for text in texts.tolist()]
