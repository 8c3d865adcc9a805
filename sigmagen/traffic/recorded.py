"""Campaigns whose queries were recorded beforehand, such as those of an attack that was run on a small model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sigmagen.sources.call import Call
from sigmagen.traffic.accounts import Account
from sigmagen.traffic.batch import BENIGN, NO_REASONING, Batch, Profile, Registry
from sigmagen.traffic.catalogue import Entry
from sigmagen.traffic.draws import Draws
from sigmagen.traffic.pace import Moments, Planned

RECORDED = "recorded"
_IDENTITY = (
    "principal",
    "api_key",
    "organization",
    "system",
    "source_ip",
    "as_number",
    "tls_fingerprint",
    "user_agent",
)


@dataclass(frozen=True)
class Recording:
    """Queries of one campaign in order. A query's `time` is in milliseconds from the campaign's begin on; who asks is
    up to the world, all else is as it was recorded. `entry` names the campaign; its `who` says what the account is
    like, and its `share`, if given, which part of the account's calls belong to the campaign. `curve` has what the
    attacker has learned, as numbers of queries and agreements of the surrogate with the victim."""

    entry: Entry
    queries: Sequence[Call]
    curve: Sequence[tuple[int, float]] = ()

    def plan(self, begin: int) -> Planned:
        """When the queries are made."""
        import numpy as np

        time = np.array([begin + query.time for query in self.queries], dtype=np.int64)
        return Planned(time, np.zeros(len(time), dtype=np.int64))


class Recorded:
    """The calls of a recording, by one account. Stands in for an exchange: the turn of a call is its query."""

    def __init__(self, queries: Sequence[Call], account: Account, registry: Registry) -> None:
        import numpy as np

        identity = account.calls()[0]
        who = {name: getattr(identity, name) for name in _IDENTITY}
        calls = [replace(query, **who) for query in queries]
        profiles = [registry.add(Profile(call, account.number, vary=RECORDED)) for call in calls]
        self._profile = np.array(profiles, dtype=np.int32)
        self._tokens = np.array(
            [
                (call.input_tokens, call.output_tokens, NO_REASONING)
                if call.reasoning_tokens is None
                else (call.input_tokens, call.output_tokens, call.reasoning_tokens)
                for call in calls
            ],
            dtype=np.int64,
        ).reshape(-1, 3)

    def calls(self, draws: Draws, moments: Moments, first: int, label: int = BENIGN) -> Batch:
        """The calls at these moments. Their numbers count from `first`."""
        import numpy as np

        count = len(moments)
        read, written, reasoned = self._tokens[moments.turn].T
        return Batch(
            time=moments.time,
            arrival=moments.time,
            number=np.arange(first, first + count, dtype=np.uint64),
            profile=self._profile[moments.turn],
            variant=np.zeros(count, dtype=np.int32),
            family=np.full(count, -1, dtype=np.int32),
            body=np.zeros(count, dtype=np.int64),
            input_tokens=read,
            output_tokens=written,
            reasoning_tokens=reasoned,
            label=np.full(count, label, dtype=np.int32),
        )
