"""Token counts and gaps, drawn from tables of quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sigmagen.traffic.draws import Draws

if TYPE_CHECKING:
    from sigmagen.traffic.draws import Floats, Integers

_POINTS = (0.0, 0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class Quantiles:
    """A distribution by its quantiles, straight in between."""

    probabilities: Sequence[float]
    values: Sequence[float]

    @classmethod
    def of(cls, median: float, p90: float, p99: float) -> Quantiles:
        """From a fifth of the median to 1.5 times the 99th percentile."""
        return cls(_POINTS, (median / 5, median, p90, p99, 1.5 * p99))

    def at(self, uniform: Floats) -> Floats:
        """The values at these probabilities."""
        import numpy as np

        found: Floats = np.interp(uniform, self.probabilities, self.values)
        return found


class Tokens:
    """Tokens in and out of a call. The answer's length depends on the request's where a trace says so."""

    def __init__(self, settings: Mapping[str, Any], traces: Mapping[str, Any]) -> None:
        """`settings` has a `trace`, or `input_tokens` and `output_tokens` as median, p90 and p99."""
        if "trace" in settings:
            trace = traces[settings["trace"]]
            points = trace["probabilities"]
            self.input = Quantiles(points, trace["input_tokens"])
            self.bands = [(band["to"], Quantiles(points, band["output"])) for band in trace["output_by_input"]]
        else:
            self.input = Quantiles.of(*settings["input_tokens"])
            self.bands = [(1.0, Quantiles.of(*settings["output_tokens"]))]
        self.reasoning = Quantiles.of(*settings["reasoning_tokens"]) if "reasoning_tokens" in settings else None

    def draw(self, draws: Draws, count: int) -> tuple[Integers, Integers, Integers]:
        """Tokens in, out and of reasoning (-1 where there is none); those out include reasoning."""
        import numpy as np

        uniform, answers = draws.uniform(count), draws.uniform(count)
        read = np.rint(self.input.at(uniform)).astype(np.int64)
        band = np.searchsorted([end for end, _ in self.bands[:-1]], uniform, side="right")
        written = np.zeros(count, dtype=np.int64)
        for number, (_, quantiles) in enumerate(self.bands):
            inside = band == number
            written[inside] = np.rint(quantiles.at(answers[inside])).astype(np.int64)
        if self.reasoning is None:
            return read, written, np.full(count, -1, dtype=np.int64)
        reasoned = np.rint(self.reasoning.at(draws.uniform(count))).astype(np.int64)
        return read, written + reasoned, reasoned
