"""Active learning with labels only: ActiveThief (Pal et al. 2020, https://arxiv.org/abs/1905.09165).

Each round trains the surrogate, then asks about the inputs of a public pool that it is least sure of, or that lie
farthest from all inputs that were asked about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sigmagen.attacks.images import make_image_endpoint, make_public_images
from sigmagen.attacks.run import Run
from sigmagen.attacks.surrogates import train_labels

if TYPE_CHECKING:
    from sigmagen.attacks.victims import Array

_POOL = 5_000
_ROUND = 400
_ROUNDS = 6
_TRAINING = 900.0
"""Seconds between two rounds; assumed. The gaps of published runs are minutes to hours."""


def learn_from_uncertain(seed: int) -> Run:
    """Run the attack with the inputs that the surrogate is least sure of."""
    return _attack(seed, "active_uncertainty", _least_sure)


def learn_from_centres(seed: int) -> Run:
    """Run the attack with a greedy k-centre selection."""
    return _attack(seed, "active_k_centre", _farthest)


def _attack(seed: int, attack: str, select: Any) -> Run:
    import numpy as np

    victim, own = make_image_endpoint(seed, scores=False)
    victim.guess()
    generator = np.random.default_rng(seed)
    # The pool has some images of the victim's domain, as public data does.
    pool = np.vstack([own, make_public_images(generator, _POOL - len(own))])
    pool = pool[generator.permutation(len(pool))]
    chosen = list(range(_ROUND))
    inputs = pool[chosen]
    labels = np.argmax(victim.ask(inputs), axis=1)
    for number in range(_ROUNDS):
        surrogate = train_labels(inputs, labels, seed)
        victim.measure(surrogate.predict_proba)
        if number < _ROUNDS - 1:
            left = np.setdiff1d(np.arange(len(pool)), chosen)
            fresh = left[select(surrogate, pool[left], inputs)]
            chosen += fresh.tolist()
            labels = np.concatenate([labels, np.argmax(victim.ask(pool[fresh], _TRAINING), axis=1)])
            inputs = np.vstack([inputs, pool[fresh]])
    return Run(attack, victim.name, 8.0, tuple(victim.queries), tuple(victim.curve), victim.accuracy)


def _least_sure(surrogate: Any, candidates: Array, asked: Array) -> Any:
    """Return the positions of the inputs with the highest entropy of the surrogate's answer."""
    import numpy as np

    scores = np.clip(surrogate.predict_proba(candidates), 1e-9, 1)
    return np.argsort(np.sum(scores * np.log(scores), axis=1))[:_ROUND]


def _farthest(surrogate: Any, candidates: Array, asked: Array) -> Any:
    """Return the positions that a greedy k-centre selection chooses, in the surrogate's space of outputs."""
    import numpy as np
    from sklearn.metrics import pairwise_distances_argmin_min

    points, centres = surrogate.predict_proba(candidates), surrogate.predict_proba(asked)
    distances = pairwise_distances_argmin_min(points, centres)[1]
    chosen = []
    for _ in range(_ROUND):
        farthest = int(np.argmax(distances))
        chosen.append(farthest)
        distances = np.minimum(distances, np.linalg.norm(points - points[farthest], axis=1))
    return np.asarray(chosen)
