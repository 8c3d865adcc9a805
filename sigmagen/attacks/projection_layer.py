"""Recovery of the last layer through `logit_bias` and top-5 log probabilities (Carlini et al. 2024, section 4).

A bias lifts four tokens at a time into the top five, beside one token that stays there: the differences of their log
probabilities are differences of logits. The logits of more prompts than the hidden state is wide have the rank of it.
https://arxiv.org/abs/2403.06634
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sigmagen.attacks.language_model import TOP, LanguageModel
from sigmagen.attacks.run import Point, Run

if TYPE_CHECKING:
    from sigmagen.attacks.victims import Array

_HIDDEN = 16
_VOCABULARY = 400
_PROMPTS = 24
_BIAS = 100.0
_TOLERANCE = 1e-6


def recover_projection_layer(seed: int) -> Run:
    """Run the attack on a model with a hidden state of 16 values and 400 tokens. `found` has both hidden sizes.

    The agreement is the share of the layer's space that the known logits span.
    """

    model = LanguageModel(seed, _HIDDEN, _VOCABULARY)
    rows: list[Array] = []
    curve = [Point(0, 0.0)]
    for number in range(_PROMPTS):
        rows.append(_read_logits(model, f"nonce {number}: the"))
        curve.append(Point(len(model.queries), _rank(rows) / _HIDDEN))
    found = {"hidden_size": _rank(rows), "victim_hidden_size": _HIDDEN}
    return Run("projection_layer", "language model", 20.0, tuple(model.queries), tuple(curve), found=found)


def _read_logits(model: LanguageModel, prompt: str) -> Array:
    """Return all logits of a prompt, less their mean, by V / 4 queries."""
    import numpy as np

    reference = int(next(iter(model.top_logprobs(prompt, {}))))
    logits = np.zeros(model.vocabulary)
    others = [token for token in range(model.vocabulary) if token != reference]
    for start in range(0, len(others), TOP - 1):
        tokens = others[start : start + TOP - 1]
        shown = model.top_logprobs(prompt, dict.fromkeys([*tokens, reference], _BIAS))
        for token in tokens:
            logits[token] = shown[token] - shown[reference]
    # Each row is known but for a constant, which would add one to the rank.
    found: Array = logits - logits.mean()
    return found


def _rank(rows: list[Array]) -> int:
    """Return the rank of the known logits: the hidden size, as soon as there are more rows than that."""
    import numpy as np

    return int(np.linalg.matrix_rank(np.array(rows), tol=_TOLERANCE))
