"""A stream: some accounts with one pace and one kind of calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sigmagen.traffic.batch import BENIGN, Batch
from sigmagen.traffic.draws import Draws
from sigmagen.traffic.pace import Moments, Pace


class Calls(Protocol):
    """What the accounts of a stream do at given moments: exchanges with models, or the steps of a script."""

    def calls(self, draws: Draws, moments: Moments, first: int, label: int = BENIGN) -> Batch:
        """The calls at these moments. Their numbers count from `first`."""


@dataclass
class Stream:
    """The calls of some accounts. `label` is the position of the campaign in the world's, BENIGN for none."""

    name: str
    pace: Pace
    exchange: Calls
    label: int = BENIGN
