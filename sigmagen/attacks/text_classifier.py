"""A label-only clone of a text classifier with nonsense texts (Krishna et al. 2020, https://arxiv.org/abs/1910.12366).

The texts are random words under one instruction, as in model extraction of BERT-based interfaces: no text is a
sentence, and only the label comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sigmagen.attacks.passages import WORDS, make_labelled_passages
from sigmagen.attacks.run import Point, Query, Run
from sigmagen.sources.call import CHAT

if TYPE_CHECKING:
    from numpy.random import Generator

_TOPICS = 4
_STEPS = (250, 500, 1_500, 4_000)
_HELD_OUT = 1_000
_INSTRUCTION = 'Which topic is this text about? Answer with one word. Text: "{}"'


def clone_text_classifier(seed: int) -> Run:
    """Run the attack on a classifier of four topics."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    generator = np.random.default_rng(seed)
    passages = make_labelled_passages(generator, 2 * _HELD_OUT, _TOPICS)
    texts, labels = [text for text, _ in passages], [label for _, label in passages]
    victim = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    victim.fit(texts[:_HELD_OUT], labels[:_HELD_OUT])
    held_out = texts[_HELD_OUT:]
    wanted = victim.predict(held_out)
    asked = _make_nonsense(generator, _STEPS[-1])
    answers = victim.predict(asked)
    curve = [Point(0, float(np.bincount(wanted).max() / len(wanted)))]
    for number in _STEPS:
        surrogate = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
        surrogate.fit(asked[:number], answers[:number])
        curve.append(Point(number, float(np.mean(surrogate.predict(held_out) == wanted))))
    accuracy = float(victim.score(held_out, labels[_HELD_OUT:]))
    queries = tuple(_query(text) for text in asked)
    return Run("text_classifier", "text classifier of four topics", 5.0, queries, tuple(curve), accuracy)


def _make_nonsense(generator: Generator, number: int) -> list[str]:
    lengths = generator.integers(5, 25, number)
    return [" ".join(WORDS[word] for word in generator.integers(0, len(WORDS), length)) for length in lengths]


def _query(text: str) -> Query:
    attributes: dict[str, Any] = {"operation": CHAT, "prompt": _INSTRUCTION.format(text)}
    return Query({**attributes, "input_tokens": 15 + len(text.split()), "output_tokens": 2})
