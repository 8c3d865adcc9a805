"""Knockoff Nets: images of another distribution, and the scores that the victim gives them (Orekondy et al. 2019).

https://openaccess.thecvf.com/content_CVPR_2019/html/Orekondy_Knockoff_Nets_Stealing_Functionality_of_Black-Box_Models_CVPR_2019_paper.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sigmagen.attacks.images import make_image_endpoint, make_public_images
from sigmagen.attacks.run import Run
from sigmagen.attacks.surrogates import train_scores

if TYPE_CHECKING:
    from numpy.random import Generator

    from sigmagen.attacks.victims import Array, Endpoint

_BUDGET = 4_000
_CHECKED = 1_000
_GROUPS = 20
_TEMPERATURE = 5.0


def knock_off_at_random(seed: int) -> Run:
    """Run the attack with images chosen at random."""
    return _attack(seed, "knockoff_random", adaptive=False)


def knock_off_adaptively(seed: int) -> Run:
    """Run the attack with a gradient bandit over groups of images: it asks more about groups with sure answers."""
    return _attack(seed, "knockoff_adaptive", adaptive=True)


def _attack(seed: int, attack: str, *, adaptive: bool) -> Run:
    import numpy as np

    victim, _ = make_image_endpoint(seed)
    victim.guess()
    generator = np.random.default_rng(seed)
    pool = make_public_images(generator, 4 * _BUDGET)
    chooser = _Bandit(pool, generator, seed) if adaptive else None
    inputs: Array = np.empty((0, pool.shape[1]))
    scores: Array = np.empty((0, 10))
    for start in range(0, _BUDGET, _CHECKED):
        fresh = chooser.ask(victim, _CHECKED) if chooser else (pool[start : start + _CHECKED],)
        answers = fresh[1] if len(fresh) > 1 else victim.ask(fresh[0])
        inputs, scores = np.vstack([inputs, fresh[0]]), np.vstack([scores, answers])
        victim.measure(train_scores(inputs, scores, seed).predict)
    return Run(attack, victim.name, 8.0, tuple(victim.queries), tuple(victim.curve), victim.accuracy)


class _Bandit:
    """Chooses images from groups; the reward of a group is the victim's certainty (section 4.2 of the paper)."""

    def __init__(self, pool: Array, generator: Generator, seed: int) -> None:
        import numpy as np
        from sklearn.cluster import KMeans

        self.generator = generator
        self.pool = pool
        groups = KMeans(_GROUPS, n_init=1, random_state=seed).fit_predict(pool)
        self.members = [list(np.flatnonzero(groups == number)) for number in range(_GROUPS)]
        self.preferences = np.zeros(_GROUPS)
        self.mean = 0.0
        self.asked = 0

    def ask(self, victim: Endpoint, number: int) -> tuple[Array, Array]:
        """Ask about some images in steps of 50. Returns the images and the answers."""
        import numpy as np

        inputs, answers = [], []
        for _ in range(number // 50):
            odds = np.exp(self.preferences - self.preferences.max())
            odds *= [bool(members) for members in self.members]
            groups = self.generator.choice(_GROUPS, 50, p=odds / odds.sum())
            chosen = [group for group in groups if self.members[group]]
            images = self.pool[[self.members[group].pop() for group in chosen if self.members[group]]]
            found = victim.ask(images)
            self._learn(chosen[: len(images)], np.sort(found, axis=1), odds / odds.sum())
            inputs.append(images)
            answers.append(found)
        return np.vstack(inputs), np.vstack(answers)

    def _learn(self, groups: list[int], ordered: Array, odds: Array) -> None:
        for group, row in zip(groups, ordered.tolist(), strict=True):
            reward = row[-1] - row[-2]
            self.asked += 1
            self.mean += (reward - self.mean) / self.asked
            advantage = (reward - self.mean) / _TEMPERATURE
            self.preferences -= advantage * odds
            self.preferences[group] += advantage
