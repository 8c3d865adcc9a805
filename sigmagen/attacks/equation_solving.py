"""Equation solving on logistic regressions with confidence scores (Tramèr et al. 2016, USENIX Security, section 4.1).

The logarithm of the ratio of two scores is linear in the input, so d + 1 inputs in general position give all weights.
https://www.usenix.org/conference/usenixsecurity16/technical-sessions/presentation/tramer
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sigmagen.attacks.run import Run
from sigmagen.attacks.victims import load_data, make_endpoint

if TYPE_CHECKING:
    from sigmagen.attacks.victims import Array

_STEP = 10


def solve_logistic_regression(seed: int) -> Run:
    """Run the attack on a binary logistic regression with 30 features."""
    return _attack(seed, "breast_cancer", "equation_solving_binary")


def solve_softmax(seed: int) -> Run:
    """Run the attack on a softmax regression with 64 features and 10 classes."""
    return _attack(seed, "digits", "equation_solving_softmax")


def _attack(seed: int, data_name: str, attack: str) -> Run:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    data = load_data(data_name, seed)
    victim = make_endpoint(f"logistic regression on {data_name}", LogisticRegression(max_iter=5000), data)
    victim.guess()
    generator = np.random.default_rng(seed)
    width = data.train.shape[1]
    inputs: Array = np.empty((0, width))
    answers: Array = np.empty((0, 0))
    for size in (*range(_STEP, width + 1, _STEP), width + 1):
        fresh = generator.random((size - len(inputs), width))
        answer = victim.ask(fresh)
        inputs = np.vstack([inputs, fresh])
        answers = np.vstack([answers, answer]) if answers.size else answer
        victim.measure(_Linear(inputs, answers))
    # 650 queries took 70 seconds on Amazon's service.
    return Run(attack, victim.name, 9.0, tuple(victim.queries), tuple(victim.curve), victim.accuracy)


class _Linear:
    """The linear model that explains the scores of some inputs, by least squares."""

    def __init__(self, inputs: Array, answers: Array) -> None:
        import numpy as np

        odds = np.log(answers[:, 1:]) - np.log(answers[:, :1])
        self.weights = np.linalg.lstsq(np.c_[inputs, np.ones(len(inputs))], odds, rcond=None)[0]

    def __call__(self, inputs: Array) -> Array:
        import numpy as np

        odds = np.c_[inputs, np.ones(len(inputs))] @ self.weights
        found: Array = np.c_[np.zeros(len(inputs)), odds]
        return found
