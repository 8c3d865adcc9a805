"""A call: one request to a served model with its answer, before any log source has written it down."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Any, Literal

Outcome = Literal["success", "failure"]

CHAT = "chat"
TEXT_COMPLETION = "text_completion"
EMBEDDINGS = "embeddings"
IMAGE_GENERATION = "image_generation"
PREDICTION = "prediction"
BATCH = "batch"
FINE_TUNE = "fine_tune"
STORAGE_READ = "storage_read"
OPERATIONS = (CHAT, TEXT_COMPLETION, EMBEDDINGS, IMAGE_GENERATION, PREDICTION, BATCH, FINE_TUNE, STORAGE_READ)
"""What a call can do, by OpenTelemetry's names where it has one. A source renders those that its log has."""

API_ACTION = re.compile("([a-z0-9-]+/)?[A-Z][A-Za-z0-9]*")
"""Any other operation is an action of a cloud's API: `ListFoundationModels`, or with its service `s3/PutObject`."""

# What "not given" looks like where None means "the call has none".
_DERIVED = "\0derived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, source-neutral. `time` is epoch milliseconds, UTC; `id` is unique and deterministic.

    `api_key` and `organization` follow the principal unless given (None: the call has none). A None `prompt` is a
    redacted one. `history` counts the earlier turns (user and assistant) before the prompt, `notes` the system messages
    and `tool_steps` the calls of a tool with their results after it; `prefill` is an assistant message at the end. All
    of them belong to the operation `chat`. `embeddings` has `inputs` texts, of which the prompt is the last;
    `text_completion` and `image_generation` have the prompt alone; `prediction`, of a classic model, has `features` and
    answers with `scores`. `object` is the `bucket/key` that a storage read, a batch or a fine-tuning job takes.
    `output_tokens` includes reasoning. `object_bytes` is the size of what a storage read gets, `document` the id
    of what retrieval put into the prompt, `end_user` whom the
    caller names, `as_number` and `tls_fingerprint` what a gateway knows of the client's network and handshake. Raises
    ValueError for an unknown operation, and where status and outcome contradict.
    """

    time: int
    id: str
    principal: str
    api_key: str | None = _DERIVED
    organization: str | None = _DERIVED
    operation: str = CHAT
    model: str = "gpt-4o-mini"
    system: str | None = None
    prompt: str | None = "hello"
    history: int = 0
    prefill: str | None = None
    inputs: int = 1
    features: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    object: str | None = None
    object_bytes: int | None = None
    document: str | None = None
    notes: int = 0
    tool_steps: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    input_tokens: int = 40
    output_tokens: int = 120
    reasoning_tokens: int | None = None
    outcome: Outcome = "success"
    status: int = 200
    error: str | None = None
    cached: bool = False
    source_ip: str | None = "203.0.113.77"
    as_number: int | None = None
    tls_fingerprint: str | None = None
    end_user: str | None = None
    proxies: tuple[str, ...] = ()
    user_agent: str = "python-requests/2.32"
    console: bool = False

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS and not API_ACTION.fullmatch(self.operation):
            known = ", ".join(OPERATIONS)
            raise ValueError(f"unknown operation {self.operation!r}; available: {known}, or an action of a cloud's API")
        if self.api_key == _DERIVED:
            object.__setattr__(self, "api_key", f"key-{self.principal}")
        if self.organization == _DERIVED:
            object.__setattr__(self, "organization", f"org-{self.principal}")
        if self.outcome == "failure" and self.status < 400:
            object.__setattr__(self, "status", 400)
        if self.outcome == "success" and self.status >= 400:
            raise ValueError(f"status {self.status} is a failure, but the outcome is success")

    @property
    def failed(self) -> bool:
        """Whether the call ended in an error."""
        return self.outcome == "failure"

    @property
    def reached_limit(self) -> bool:
        """Whether the answer ended because max_tokens was used up."""
        limit = self.parameters.get("max_tokens")
        return isinstance(limit, int) and self.output_tokens >= limit

    @property
    def own_organization(self) -> str | None:
        """The organization where the call names one, None where it only follows from the principal."""
        return None if self.organization == f"org-{self.principal}" else self.organization


def caller(principal: str, calls: Sequence[Call]) -> Call:
    """The first of the calls that the principal makes; one with the defaults where there is none."""
    return next((call for call in calls if call.principal == principal), Call(time=0, id="", principal=principal))


ATTRIBUTES = tuple(item.name for item in fields(Call))
"""The names of a call's attributes."""


def digest(*parts: str) -> str:
    """SHA-256 in hex over the parts: where a renderer needs an id, a key or a choice that is always the same."""
    return sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def uuid_of(*parts: str) -> str:
    """A deterministic id in the form of a UUID."""
    text = digest(*parts)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"
