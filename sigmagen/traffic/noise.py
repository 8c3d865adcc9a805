"""What logs do to calls: records arrive late and twice, prompts are redacted, fields are missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sigmagen.durations import HOUR, SECOND
from sigmagen.traffic.batch import BENIGN, Batch, Registry
from sigmagen.traffic.draws import Draws, mixed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LATEST = HOUR
"""No record arrives later than that after its call."""
_PARTS = 1_000_000


@dataclass(frozen=True)
class Noise:
    """Noise of one world, by the figures of crowd.yml. Accounts of campaigns keep prompts and fields: an attack that
    hides them is a scenario."""

    settings: Mapping[str, Any]
    redacted: NDArray[np.bool_]
    """By account: whether its prompts are redacted."""
    no_address: NDArray[np.bool_]
    """By account: whether its records have neither address nor user agent."""

    @classmethod
    def of(cls, settings: Mapping[str, Any], accounts: int, draws: Draws) -> Noise:
        """The noise of a world with so many benign accounts."""
        redacted = draws.uniform(accounts) < float(settings["redacted"])
        return cls(settings, redacted, draws.uniform(accounts) < float(settings["no_address"]))

    def applied(self, batch: Batch, owners: NDArray[np.int64], registry: Registry, draws: Draws) -> Batch:
        """The calls with their arrival, and without what their records lack. `owners` are the accounts of profiles."""
        import numpy as np

        count = len(batch)
        late = draws.uniform(count) < float(self.settings["late"])
        delay = np.minimum(draws.heavy_tailed(self.settings["delay"], count) * SECOND, LATEST).astype(np.int64)
        batch.arrival = batch.time + np.where(late, delay, 0)
        account = owners[batch.profile]
        benign = (account < len(self.redacted)) & (batch.label == BENIGN)
        place = np.where(benign, account, 0)
        changes: tuple[tuple[NDArray[np.bool_], dict[str, Any]], ...] = (
            (self.redacted, {"prompt": None}),
            (self.no_address, {"source_ip": None, "as_number": None, "user_agent": "", "tls_fingerprint": None}),
        )
        for which, change in changes:
            hit = benign & which[place] if len(which) else benign & False
            if hit.any():
                batch.variant[hit] = registry.changed(batch.variant[hit], **change)
        return batch

    def twice(self, batch: Batch) -> NDArray[np.bool_]:
        """Which records a native log has twice."""
        import numpy as np

        share = int(float(self.settings["twice"]) * _PARTS)
        found: NDArray[np.bool_] = mixed(batch.number, 1) % np.uint64(_PARTS) < np.uint64(share)
        return found
