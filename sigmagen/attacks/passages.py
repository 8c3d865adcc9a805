"""Texts of words that no person wrote: what a public corpus looks like to a model that counts words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator

_SYLLABLES = ("ba", "co", "di", "fu", "ge", "ho", "ka", "lo", "mi", "na", "pe", "ri", "so", "ta", "ve", "zu")
WORDS = tuple(first + second + third for first in _SYLLABLES for second in _SYLLABLES for third in _SYLLABLES[:8])
"""2,048 words."""
TOPICS = 12
_WORDS_EACH = 150
_LENGTHS = (20, 60)


def make_passages(generator: Generator, number: int, topics: int = TOPICS) -> list[str]:
    """Return passages, each about one of some topics; words follow Zipf's law within a topic."""
    return [text for text, _ in make_labelled_passages(generator, number, topics)]


def make_labelled_passages(generator: Generator, number: int, topics: int = TOPICS) -> list[tuple[str, int]]:
    """Return passages with the numbers of their topics."""
    import numpy as np

    odds = 1 / np.arange(1, _WORDS_EACH + 1)
    odds /= odds.sum()
    vocabularies = [generator.permutation(len(WORDS))[:_WORDS_EACH] for _ in range(topics)]
    found = []
    for topic in generator.integers(0, topics, number).tolist():
        length = int(generator.integers(*_LENGTHS))
        # One word in three is about another topic.
        sources = np.where(generator.random(length) < 1 / 3, generator.integers(0, topics, length), topic)
        ranks = generator.choice(_WORDS_EACH, length, p=odds)
        words = [WORDS[vocabularies[source][rank]] for source, rank in zip(sources, ranks, strict=True)]
        found.append((" ".join(words), topic))
    return found
