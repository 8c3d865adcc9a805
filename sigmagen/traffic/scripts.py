"""Scripts: actions in a fixed order, such as those of a cloud's control plane and reads of storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sigmagen.durations import SECOND
from sigmagen.traffic.accounts import Account
from sigmagen.traffic.batch import BENIGN, NO_REASONING, Batch, Profile, Registry
from sigmagen.traffic.draws import Draws
from sigmagen.traffic.pace import Moments


class Script:
    """The steps of some accounts. Stands in for an exchange: the turn of a call is its step."""

    def __init__(self, steps: Sequence[Mapping[str, Any]], accounts: Sequence[Account], registry: Registry) -> None:
        import numpy as np

        actions = [action for step in steps for action in _actions(step)]
        self.offsets = _offsets(steps)
        self._steps = len(actions)
        profiles = [
            registry.add(Profile(account.calls(**action)[0], account.number))
            for account in accounts
            for action in actions
        ]
        self._profile = np.asarray(profiles, dtype=np.int32)

    def calls(self, draws: Draws, moments: Moments, first: int, label: int = BENIGN) -> Batch:
        """The calls at these moments. Their numbers count from `first`."""
        import numpy as np

        count = len(moments)
        nothing = np.zeros(count, dtype=np.int64)
        return Batch(
            time=moments.time,
            arrival=moments.time,
            number=np.arange(first, first + count, dtype=np.uint64),
            profile=self._profile[moments.account * self._steps + moments.turn],
            variant=np.zeros(count, dtype=np.int32),
            family=np.full(count, -1, dtype=np.int32),
            body=nothing,
            input_tokens=nothing,
            output_tokens=nothing,
            reasoning_tokens=np.full(count, NO_REASONING, dtype=np.int64),
            label=np.full(count, label, dtype=np.int32),
        )


def _actions(step: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A step as often as it is repeated, `{n}` in its object counting."""
    kept = {name: value for name, value in step.items() if name not in ("repeat", "every", "object")}
    if kept.get("outcome") == "failure":
        kept.setdefault("status", 400)
    count = int(step.get("repeat", 1))
    if "object" not in step:
        return [kept] * count
    return [{**kept, "object": step["object"].replace("{n}", f"{number:05d}")} for number in range(1, count + 1)]


def _offsets(steps: Sequence[Mapping[str, Any]]) -> list[int]:
    """When each action is done, in milliseconds from the first on."""
    found, time = [], 0.0
    for step in steps:
        for _ in range(int(step.get("repeat", 1))):
            found.append(int(time * SECOND))
            time += float(step["every"])
    return found
