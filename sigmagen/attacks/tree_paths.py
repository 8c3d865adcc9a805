"""Path finding in a decision tree that accepts incomplete inputs (Tramèr et al. 2016, section 5, top-down variant).

The service answers with the node that a query reaches: the walk ends where the tree tests a feature that the query
leaves out, as BigML's did. So the attacker finds which feature a node tests and, by bisection, where it splits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sigmagen.attacks.run import Point, Query, Run
from sigmagen.attacks.victims import PREDICTION, load_data

if TYPE_CHECKING:
    from sigmagen.attacks.victims import Array

_PRECISION = 1e-3
"""Thresholds are found this exactly, in units of a feature's range."""

Given = dict[int, float]


@dataclass
class _Service:
    """A decision tree that answers an incomplete query with the node it reaches."""

    tree: Any
    width: int
    queries: list[Query] = field(default_factory=list)

    def ask(self, given: Given) -> int:
        features = tuple(given.get(number) for number in range(self.width))
        node = self.walk(given)
        self.queries.append(Query({"operation": PREDICTION, "features": features, "scores": (float(node),)}))
        return node

    def walk(self, given: Given) -> int:
        node = 0
        while self.tree.children_left[node] >= 0:
            value = given.get(int(self.tree.feature[node]))
            if value is None:
                return node
            branches = self.tree.children_left if value <= self.tree.threshold[node] else self.tree.children_right
            node = int(branches[node])
        return node


@dataclass(frozen=True)
class _Leaf:
    node: int


@dataclass(frozen=True)
class _Split:
    feature: int
    threshold: float
    low: _Split | _Leaf
    high: _Split | _Leaf


def find_tree_paths(seed: int) -> Run:
    """Run the attack on a decision tree with 30 features. The surrogate's agreement is that of the reached leaves."""
    from sklearn.tree import DecisionTreeClassifier

    data = load_data("breast_cancer", seed)
    model = DecisionTreeClassifier(min_samples_leaf=3, random_state=seed).fit(data.train, data.train_labels)
    service = _Service(model.tree_, data.train.shape[1])
    found = _explore(service, {}, {})
    agreement = _agreement(service, found, data.test)
    curve = (Point(0, 0.0), Point(len(service.queries), agreement))
    accuracy = float(model.score(data.test, data.test_labels))
    leaves = {"leaves": _count_leaves(found), "victim_leaves": int(model.get_n_leaves())}
    return Run("tree_paths", "decision tree on breast_cancer", 1.9, tuple(service.queries), curve, accuracy, leaves)


def _explore(service: _Service, given: Given, ranges: dict[int, tuple[float, float]]) -> _Split | _Leaf:
    """Return the subtree that an incomplete query reaches. `ranges` are the open ranges of the features."""
    here = service.ask(given)
    for feature in range(service.width):
        low, high = ranges.get(feature, (0.0, 1.0))
        below = service.ask({**given, feature: low})
        above = service.ask({**given, feature: high}) if feature in given else here
        if low >= high or below == above:
            continue
        threshold = _bisect(service, given, feature, low, high, below)
        halves = (low, max(low, threshold - _PRECISION)), (min(high, threshold + _PRECISION), high)
        parts = [
            _explore(service, {**given, feature: half[side]}, {**ranges, feature: half})
            for side, half in enumerate(halves)
        ]
        return _Split(feature, threshold, parts[0], parts[1])
    return _Leaf(here)


def _bisect(service: _Service, given: Given, feature: int, low: float, high: float, below: int) -> float:
    """Return where a node splits: above it, a query reaches another node than `below`."""
    while high - low > _PRECISION:
        middle = (low + high) / 2
        if service.ask({**given, feature: middle}) == below:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _agreement(service: _Service, found: _Split | _Leaf, inputs: Array) -> float:
    """Return the share of complete inputs for which the found tree names the leaf that the victim reaches."""
    rows = [dict(enumerate(row)) for row in inputs.tolist()]
    return sum(_reach(found, row) == service.walk(row) for row in rows) / len(rows)


def _reach(found: _Split | _Leaf, row: Given) -> int:
    while isinstance(found, _Split):
        found = found.low if row[found.feature] <= found.threshold else found.high
    return found.node


def _count_leaves(found: _Split | _Leaf) -> int:
    return 1 if isinstance(found, _Leaf) else _count_leaves(found.low) + _count_leaves(found.high)
