"""How much of what is large and redundant a run of the tests takes: a seeded sample, or everything in `make thorough`.

SIGMAGEN_PROOF_SEED chooses the sample; the same seed always takes the same one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import TypeVar

T = TypeVar("T")

THOROUGH = bool(os.environ.get("SIGMAGEN_THOROUGH"))
SEED = int(os.environ.get("SIGMAGEN_PROOF_SEED", "0"))
AGAIN = 10
"""Percent of the remembered cells that are executed again."""


def sample(items: Sequence[T], number: int) -> list[T]:
    """So many of the items, in their order; all of them in `make thorough`."""
    if THOROUGH or number >= len(items):
        return list(items)
    chosen = sorted(Random(SEED).sample(range(len(items)), number))
    return [items[position] for position in chosen]


def is_chosen(name: str, share: int) -> bool:
    """Whether the test of this name is among the one of so many that run now; all of them in `make thorough`."""
    return THOROUGH or int(sha256(f"{SEED} {name}".encode()).hexdigest()[:8], 16) % share == 0


def size(few: int, many: int) -> int:
    """How much of something random is made: `few`, or `many` in `make thorough`."""
    return many if THOROUGH else few
