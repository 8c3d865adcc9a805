"""Jacobian-based data augmentation with labels only (Papernot et al. 2017, https://arxiv.org/abs/1602.02697).

In each round the surrogate is trained on all answers so far, and every input gives one more, moved in the direction
that changes the surrogate's answer most: the queries double each round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sigmagen.attacks.images import make_image_endpoint
from sigmagen.attacks.run import Run
from sigmagen.attacks.surrogates import one_of, train_labels

if TYPE_CHECKING:
    from sigmagen.attacks.victims import Array

_SEEDS = 100
_ROUNDS = 6
_STEP = 0.1
_TRAINING = 120.0
"""Seconds between two rounds, in which the surrogate is trained; assumed."""


def augment_by_jacobian(seed: int) -> Run:
    """Run the attack on a digits classifier: 100 inputs of the attacker's own, doubled six times."""
    import numpy as np

    victim, own = make_image_endpoint(seed, scores=False)
    victim.guess()
    generator = np.random.default_rng(seed)
    inputs = own[generator.permutation(len(own))[:_SEEDS]]
    labels = np.argmax(victim.ask(inputs), axis=1)
    for number in range(_ROUNDS + 1):
        surrogate = train_labels(inputs, labels, seed)
        victim.measure(surrogate.predict_proba)
        if number < _ROUNDS:
            moved = np.clip(inputs + _STEP * np.sign(_jacobian_rows(surrogate, inputs, labels)), 0, 1)
            labels = np.concatenate([labels, np.argmax(victim.ask(moved, _TRAINING), axis=1)])
            inputs = np.vstack([inputs, moved])
    return Run("jacobian_augmentation", victim.name, 5.0, tuple(victim.queries), tuple(victim.curve), victim.accuracy)


def _jacobian_rows(model: Any, inputs: Array, labels: Any) -> Array:
    """Return, for each input, the gradient of the surrogate's output for the input's label."""
    import numpy as np

    first, last = model.coefs_
    active = (inputs @ first + model.intercepts_[0] > 0).astype(float)
    chosen = one_of(labels, model.classes_)
    rows: Array = (active * (chosen @ last.T)) @ first.T
    return np.asarray(rows)
