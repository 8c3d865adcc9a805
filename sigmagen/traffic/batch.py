"""Calls as columns. A call is a profile (who asks, with which settings), a variant of it, a prompt and its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sigmagen.sources.call import CHAT, EMBEDDINGS, TEXT_COMPLETION, Call
from sigmagen.traffic.texts import Family

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BENIGN = -1
NO_REASONING = -1
GENERATION = frozenset({CHAT, TEXT_COMPLETION, EMBEDDINGS})
"""Operations whose canonical events have tokens."""
DOCUMENTS = 100_000
END_USERS = 5_000
"""How many documents a corpus has, and end users a service."""


@dataclass
class Batch:
    """Some calls. All columns have one length; times are epoch milliseconds, `arrival` is when the log has the record.

    `number` is unique in a world, `label` the position of the campaign in the world's, BENIGN for none.
    """

    time: NDArray[np.int64]
    arrival: NDArray[np.int64]
    number: NDArray[np.uint64]
    profile: NDArray[np.int32]
    variant: NDArray[np.int32]
    family: NDArray[np.int32]
    body: NDArray[np.int64]
    input_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    reasoning_tokens: NDArray[np.int64]
    label: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.time)

    def taken(self, which: Any) -> Batch:
        """The calls at these positions, or where a mask is true."""
        return Batch(*(getattr(self, item.name)[which] for item in fields(Batch)))

    @classmethod
    def together(cls, batches: Sequence[Batch]) -> Batch:
        """All calls of the batches, of which there is one at least."""
        import numpy as np

        return cls(*(np.concatenate([getattr(batch, item.name) for batch in batches]) for item in fields(cls)))


@dataclass(frozen=True)
class Profile:
    """Calls that differ only in time, prompt, tokens and what the variant changes.

    `call` has everything else. `vary`, if given, returns further attributes for the filling's number: a bias map of its
    own, features.
    """

    call: Call
    account: int
    family: int | None = None
    vary: str | None = None


Variant = Mapping[str, Any]


@dataclass
class Registry:
    """Profiles, variants and families by number. They are made while a world is laid out, never later."""

    profiles: list[Profile] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=lambda: [{}])
    families: list[Family] = field(default_factory=list)
    _variant_numbers: dict[tuple[tuple[str, Any], ...], int] = field(default_factory=lambda: {(): 0})

    def add(self, profile: Profile) -> int:
        """The number of a new profile."""
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def add_family(self, family: Family) -> int:
        """The number of a new family."""
        self.families.append(family)
        return len(self.families) - 1

    def variant(self, **changes: Any) -> int:
        """The number of the variant with these attributes."""
        key = tuple(sorted(changes.items()))
        if key not in self._variant_numbers:
            self._variant_numbers[key] = len(self.variants)
            self.variants.append(changes)
        return self._variant_numbers[key]

    def changed(self, variants: NDArray[np.int32], **changes: Any) -> NDArray[np.int32]:
        """The variants with further changes."""
        import numpy as np

        numbers, places = np.unique(variants, return_inverse=True)
        renamed = [self.variant(**{**self.variants[number], **changes}) for number in numbers.tolist()]
        return np.asarray(renamed, dtype=np.int32)[places]

    def calls(self, batch: Batch, ids: Sequence[str]) -> Iterable[Call]:
        """The calls of a batch one by one, for sources that render them one by one."""
        columns = (batch.time, batch.profile, batch.variant, batch.family, batch.body)
        tokens = (batch.input_tokens, batch.output_tokens, batch.reasoning_tokens)
        rows = zip(ids, *(column.tolist() for column in (*columns, *tokens)), strict=True)
        for number, time, profile, variant, family, body, read, written, reasoned in rows:
            yield self.call(number, time, profile, variant, family, body, read, written, reasoned)

    def call(self, number: str, time: int, profile: int, variant: int, family: int, body: int, *tokens: int) -> Call:
        """One call: the profile's with its own id, time, prompt, tokens and changes."""
        made = self.profiles[profile]
        read, written, reasoned = tokens
        changes: dict[str, Any] = {
            "id": number,
            "time": time,
            "input_tokens": read,
            "output_tokens": written,
            "reasoning_tokens": None if reasoned == NO_REASONING else reasoned,
            **self.variants[variant],
        }
        if family >= 0 and "prompt" not in changes:
            changes["prompt"] = self.families[family].text(body)
        if made.vary:
            changes |= varied(made, body)
        return replace(made.call, **changes)

    @cached_property
    def slow(self) -> frozenset[int]:
        """Profiles whose records can't be put together from parts."""
        return frozenset(
            number
            for number, profile in enumerate(self.profiles)
            if profile.vary in REWRITTEN or profile.call.operation not in GENERATION
        )


def document(body: int) -> str:
    """The id of the document that a prompt with this filling retrieves."""
    return f"doc-{body % DOCUMENTS:07d}"


def end_user(body: int) -> str:
    """The end user of a service who sends a prompt with this filling."""
    return f"end-user-{body % END_USERS:05d}"


REWRITTEN = frozenset({"logit_bias", "features", "recorded"})
"""Variations whose records have to be rendered one by one."""


def varied(profile: Profile, body: int) -> dict[str, Any]:
    """The attributes that change with the filling."""
    match profile.vary:
        case "logit_bias":
            token = body * 7919 % 100_277
            bias = {str(token + place): 100 for place in range(4)}
            return {"parameters": {**profile.call.parameters, "logit_bias": bias}}
        case "features":
            return {"features": tuple((body * (place + 3) * 7919 % 20_011) / 10_000 - 1 for place in range(8))}
        case "recorded":
            return {}
        case "document":
            return {"document": document(body)}
        case "user":
            return {"end_user": end_user(body)}
    raise ValueError(f"unknown variation {profile.vary!r}")
