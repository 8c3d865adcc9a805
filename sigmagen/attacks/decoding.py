"""Theft of decoding parameters by sampling one prompt (Naseh et al. 2023, https://arxiv.org/abs/2303.04729).

The attacker knows the probabilities at temperature 1, as an open model or log probabilities show them. How often each
token is sampled then gives the temperature, and how many tokens are sampled gives top-k.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sigmagen.attacks.language_model import LanguageModel
from sigmagen.attacks.run import Point, Run

if TYPE_CHECKING:
    from sigmagen.attacks.victims import Array

_PROMPT = "The most common word in this list is"
_TEMPERATURE = 0.7
_TOP_K = 20
_STEPS = (100, 200, 500, 1_000, 2_000, 5_000)


def find_decoding_parameters(seed: int) -> Run:
    """Run the attack on a service with temperature 0.7 and top-k 20. `found` has what the attacker concludes.

    The agreement is 1 less the relative error of the temperature.
    """
    import numpy as np

    model = LanguageModel(seed, 16, 400, _TEMPERATURE, _TOP_K)
    known = model.logits(_PROMPT)
    counts = np.zeros(model.vocabulary)
    curve, temperature = [Point(0, 0.0)], 0.0
    for number in _STEPS:
        np.add.at(counts, model.sample(_PROMPT, number - len(model.queries)), 1)
        temperature = _find_temperature(known, counts)
        curve.append(Point(number, max(0.0, 1 - abs(temperature - _TEMPERATURE) / _TEMPERATURE)))
    found = {
        "temperature": round(temperature, 3),
        "victim_temperature": _TEMPERATURE,
        "top_k": int(np.count_nonzero(counts)),
        "victim_top_k": _TOP_K,
    }
    return Run("decoding_parameters", "language model", 10.0, tuple(model.queries), tuple(curve), found=found)


def _find_temperature(known: Array, counts: Any) -> float:
    """Return the temperature that explains the counts: the slope of the known logits over the logarithms of counts."""
    import numpy as np

    seen = counts >= 3
    if np.count_nonzero(seen) < 2:
        return 0.0
    slope = np.polyfit(known[seen], np.log(counts[seen]), 1, w=np.sqrt(counts[seen]))[0]
    return float(1 / slope) if slope > 0 else 0.0
