"""Random numbers that follow from a name: the same in every process, whatever else was drawn before."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

_Z99 = 2.3263478740408408
"""The normal distribution at 99 %."""


class Draws:
    """Random numbers for one purpose, named by `key`: seed, world, stream, day. Numpy's Philox generator."""

    def __init__(self, *key: object) -> None:
        import numpy as np

        seed = sha256("\0".join(str(part) for part in key).encode()).digest()
        self.generator = np.random.Generator(np.random.Philox(key=int.from_bytes(seed[:16], "big")))

    def uniform(self, count: int) -> Floats:
        """Numbers from 0 up to, not including, 1."""
        return self.generator.random(count)

    def integers(self, high: int, count: int) -> Integers:
        """Whole numbers from 0 up to, not including, `high`."""
        return self.generator.integers(0, high, count)

    def chosen(self, weights: Sequence[float], count: int) -> Integers:
        """Positions in `weights`, each as often as its weight says."""
        import numpy as np

        total = np.cumsum(np.asarray(weights, dtype=np.float64))
        found: Integers = np.searchsorted(total / total[-1], self.uniform(count), side="right")
        return np.minimum(found, len(weights) - 1)

    def poisson(self, mean: Any, count: int | None = None) -> Integers:
        """Numbers of independent events; `mean` is a number or an array of them."""
        found: Integers = self.generator.poisson(mean, count)
        return found

    def heavy_tailed(self, typical: Sequence[float], count: int) -> Floats:
        """Log-normal numbers, by their median and 99th percentile."""
        import numpy as np

        median, p99 = typical
        spread = np.log(p99 / median) / _Z99
        found: Floats = median * np.exp(spread * self.generator.standard_normal(count))
        return found

    def exponential(self, mean: float, count: int) -> Floats:
        """Gaps between independent events."""
        return self.generator.exponential(mean, count)

    def shuffled(self, count: int) -> Integers:
        """The numbers below `count` in random order."""
        found: Integers = self.generator.permutation(count)
        return found


def mixed(numbers: Any, salt: int) -> Any:
    """Numbers as other numbers of 64 bits, each of its own (splitmix64): identifiers that tell nothing.

    Takes an unsigned array; https://prng.di.unimi.it/splitmix64.c
    """
    import numpy as np

    with np.errstate(over="ignore"):
        state = numbers * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt & 0xFFFFFFFFFFFFFFFF)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))
