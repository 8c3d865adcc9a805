"""A small language model behind an API with `logprobs`, `top_logprobs` and `logit_bias`.

The last layer of a transformer projects a hidden state of some width onto the vocabulary; everything before it is a
random but fixed state for each prompt here, which is all that attacks on the last layer and on decoding can see.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sigmagen.attacks.run import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sigmagen.attacks.victims import Array

TOP = 5
"""The most alternatives that an answer shows, as OpenAI's did."""


@dataclass
class LanguageModel:
    """The model. `temperature` and `top_k` are how the service decodes."""

    seed: int
    hidden: int
    vocabulary: int
    temperature: float = 1.0
    top_k: int | None = None
    queries: list[Query] = field(default_factory=list)

    def __post_init__(self) -> None:
        import numpy as np

        generator = np.random.default_rng(self.seed)
        self.projection: Array = generator.standard_normal((self.vocabulary, self.hidden)) / np.sqrt(self.hidden)
        self._sampling = np.random.default_rng(self.seed + 1)

    def logits(self, prompt: str) -> Array:
        """Return the logits after a prompt. No caller of the API sees them."""
        import numpy as np

        state = np.random.default_rng([self.seed, *prompt.encode()]).standard_normal(self.hidden)
        found: Array = self.projection @ (2 * state)
        return found

    def top_logprobs(self, prompt: str, bias: Mapping[int, float]) -> dict[int, float]:
        """Return the log probabilities of the most likely tokens, after the bias is added to the logits."""
        import numpy as np

        parameters = {
            "logprobs": True,
            "top_logprobs": TOP,
            "max_tokens": 1,
            "logit_bias": {str(token): value for token, value in bias.items()},
        }
        self._log(prompt, parameters)
        logits = self.logits(prompt)
        for token, value in bias.items():
            logits[token] += value
        probabilities = logits - np.logaddexp.reduce(logits)
        return {int(token): float(probabilities[token]) for token in np.argsort(-logits)[:TOP]}

    def sample(self, prompt: str, number: int) -> Any:
        """Return the first tokens of that many answers to one prompt, each its own query."""
        import numpy as np

        for _ in range(number):
            self._log(prompt, {"max_tokens": 1})
        logits = self.logits(prompt) / self.temperature
        if self.top_k is not None:
            logits[np.argsort(-logits)[self.top_k :]] = -np.inf
        odds = np.exp(logits - logits.max())
        return self._sampling.choice(self.vocabulary, number, p=odds / odds.sum())

    def _log(self, prompt: str, parameters: Mapping[str, Any]) -> None:
        attributes = {
            "prompt": prompt,
            "parameters": parameters,
            "input_tokens": len(prompt.split()),
            "output_tokens": 1,
        }
        self.queries.append(Query(attributes))
