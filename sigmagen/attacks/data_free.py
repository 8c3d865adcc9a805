"""Data-free extraction with finite differences (Truong et al. 2021, https://arxiv.org/abs/2011.14779), scaled down.

A generator makes inputs on which surrogate and victim disagree. The victim gives no gradients, so they are estimated
from its answers to inputs that differ by a small step in random directions: 1 + m queries for each input. The
published runs take millions of queries; this one follows the same loop on 64 inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sigmagen.attacks.images import make_image_endpoint
from sigmagen.attacks.run import Run
from sigmagen.attacks.surrogates import train_scores

if TYPE_CHECKING:
    from numpy.random import Generator

    from sigmagen.attacks.victims import Array, Endpoint, Predict

_ROUNDS = 10
_BATCH = 200
_DIRECTIONS = 4
_STEP = 1e-3
_RATE = 2.0


def extract_without_data(seed: int) -> Run:
    """Run the attack on a digits classifier with its scores: 10 rounds of 200 inputs and 4 directions."""
    import numpy as np

    victim, _ = make_image_endpoint(seed)
    victim.guess()
    generator = np.random.default_rng(seed)
    inputs: Array = np.empty((0, 64))
    scores: Array = np.empty((0, 10))
    surrogate: Predict | None = None
    for _ in range(_ROUNDS):
        fresh = generator.random((_BATCH, 64)) * (generator.random((_BATCH, 64)) < 0.5)
        if surrogate is not None:
            fresh = np.clip(fresh + _RATE * _estimate_gradient(victim, surrogate, fresh, generator), 0, 1)
        answers = victim.ask(fresh)
        inputs, scores = np.vstack([inputs, fresh]), np.vstack([scores, answers])
        surrogate = train_scores(inputs, scores, seed).predict
        victim.measure(surrogate)
    return Run("data_free", victim.name, 100.0, tuple(victim.queries), tuple(victim.curve), victim.accuracy)


def _estimate_gradient(victim: Endpoint, surrogate: Predict, inputs: Array, generator: Generator) -> Array:
    """Return the normalised gradient of the disagreement (L1) at some inputs, by forward differences."""
    import numpy as np

    base = np.abs(victim.ask(inputs) - surrogate(inputs)).sum(axis=1)
    gradient = np.zeros_like(inputs)
    for _ in range(_DIRECTIONS):
        direction = generator.standard_normal(inputs.shape)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        moved = inputs + _STEP * direction
        there = np.abs(victim.ask(moved) - surrogate(moved)).sum(axis=1)
        gradient += ((there - base) / _STEP)[:, None] * direction
    found: Array = gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-9)
    return found
