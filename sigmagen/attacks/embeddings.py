"""Theft of an embedding model by embedding a public corpus (Tamber et al. 2024, https://arxiv.org/abs/2406.09355)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sigmagen.attacks.passages import make_passages
from sigmagen.attacks.run import Point, Query, Run
from sigmagen.attacks.surrogates import train_scores
from sigmagen.sources.call import EMBEDDINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sigmagen.attacks.victims import Array

_WIDTH = 32
_HASHED = 256
_STEPS = (250, 1_000, 2_000)
_HELD_OUT = 400


def embed_corpus(seed: int) -> Run:
    """Run the attack. The agreement is how often the surrogate's nearest passage is among the victim's nearest five."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    generator = np.random.default_rng(seed)
    passages = make_passages(generator, _STEPS[-1] + _HELD_OUT)
    rows = HashingVectorizer(n_features=_HASHED, alternate_sign=False).transform(passages).toarray()
    layers = generator.standard_normal((_HASHED, 128)), generator.standard_normal((128, _WIDTH))
    vectors = np.tanh(rows @ layers[0]) @ layers[1]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    curve = [Point(0, 5 / _HELD_OUT)]
    for number in _STEPS:
        surrogate = train_scores(rows[:number], vectors[:number], seed)
        curve.append(Point(number, _nearest_agree(surrogate.predict(rows[-_HELD_OUT:]), vectors[-_HELD_OUT:])))
    queries = tuple(_query(passage) for passage in passages[: _STEPS[-1]])
    return Run("embeddings", "embedding model", 50.0, queries, tuple(curve))


def _nearest_agree(ours: Array, theirs: Array) -> float:
    import numpy as np

    distances = [vectors @ vectors.T - 10 * np.eye(len(vectors)) for vectors in (ours, theirs)]
    nearest = np.argmax(distances[0], axis=1)
    best = np.argsort(-distances[1], axis=1)[:, :5]
    return float(np.mean([found in wanted for found, wanted in zip(nearest, best, strict=True)]))


def _query(passage: str) -> Query:
    words = len(passage.split())
    attributes = {"operation": EMBEDDINGS, "prompt": passage, "input_tokens": words, "output_tokens": 0}
    return Query({**attributes, "model": "text-embedding-3-small"})


def texts(run: Run) -> Sequence[str]:
    """Return the passages that were embedded."""
    return [query.attributes["prompt"] for query in run.queries]
