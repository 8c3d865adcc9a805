"""The surrogates of attackers: small networks of scikit-learn."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sigmagen.attacks.victims import Array

HIDDEN = 64


def train_labels(inputs: Array, labels: Any, seed: int, iterations: int = 50) -> Any:
    """Return a classifier of one hidden layer, trained on labels."""
    from sklearn.neural_network import MLPClassifier

    return _fit(
        MLPClassifier(hidden_layer_sizes=(HIDDEN,), solver="lbfgs", random_state=seed, max_iter=iterations),
        inputs,
        labels,
    )


def train_scores(inputs: Array, scores: Array, seed: int, iterations: int = 50) -> Any:
    """Return a regressor of one hidden layer, trained on the scores of all classes."""
    from sklearn.neural_network import MLPRegressor

    return _fit(
        MLPRegressor(hidden_layer_sizes=(HIDDEN,), solver="lbfgs", random_state=seed, max_iter=iterations),
        inputs,
        scores,
    )


def one_of(labels: Any, classes: Any) -> Array:
    """Return rows that are 1 at the position of a label among the classes, and 0 elsewhere."""
    import numpy as np

    found: Array = (np.asarray(labels)[:, None] == np.asarray(classes)[None, :]).astype(float)
    return found


def _fit(model: Any, inputs: Array, wanted: Any) -> Any:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # An attacker stops after some iterations, too.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(inputs, wanted)
