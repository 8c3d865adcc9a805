"""The attacked models: classifiers behind an endpoint that logs each input, trained on data of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sigmagen.attacks.run import Point, Query

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    Array = NDArray[float64]
    Predict = Callable[[Array], Array]

PREDICTION = "prediction"


@dataclass
class Endpoint:
    """A classifier as its API shows it: each question is logged, and answered with `scores` or a label alone.

    `predict` returns the probabilities of the classes for rows of inputs. `held_out` are inputs for measurements, which
    are not logged. `accuracy` is the model's on labelled data.
    """

    name: str
    predict: Predict
    held_out: Array
    accuracy: float
    scores: bool = True
    decimals: int = 17
    queries: list[Query] = field(default_factory=list)
    curve: list[Point] = field(default_factory=list)

    def ask(self, inputs: Array, pause: float = 0.0) -> Array:
        """Return the probabilities for rows of inputs, rounded as the API rounds them; `pause` is before the first."""
        import numpy as np

        answers: Array = np.round(self.predict(inputs), self.decimals)
        for number, (row, answer) in enumerate(zip(inputs.tolist(), answers.tolist(), strict=True)):
            features = tuple(None if value != value else value for value in row)
            shown = tuple(answer) if self.scores else ()
            attributes = {"operation": PREDICTION, "features": features, "scores": shown}
            self.queries.append(Query(attributes, 0.0 if number else pause))
        return answers

    def measure(self, surrogate: Predict) -> float:
        """Note and return the share of the held-out inputs that the surrogate classifies as the victim does."""
        import numpy as np

        theirs, ours = (np.argmax(predict(self.held_out), axis=1) for predict in (self.predict, surrogate))
        agreement = float(np.mean(theirs == ours))
        self.curve.append(Point(len(self.queries), agreement))
        return agreement

    def guess(self) -> None:
        """Note the agreement of a surrogate that knows nothing: it names the victim's commonest class."""
        import numpy as np

        classes = np.bincount(np.argmax(self.predict(self.held_out), axis=1))
        self.curve.append(Point(0, float(classes.max() / classes.sum())))


@dataclass(frozen=True)
class Data:
    """Rows of inputs between 0 and 1 with their labels: the victim's, and the rest."""

    train: Array
    train_labels: Any
    test: Array
    test_labels: Any


def load_data(name: str, seed: int) -> Data:
    """Return a data set that scikit-learn brings, `digits` or `breast_cancer`, scaled and split in halves."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import MinMaxScaler

    inputs, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    parts = train_test_split(MinMaxScaler().fit_transform(inputs), labels, test_size=0.5, random_state=seed)
    return Data(parts[0], parts[2], parts[1], parts[3])


def make_endpoint(name: str, model: Any, data: Data, **options: Any) -> Endpoint:
    """Train a scikit-learn classifier and put it behind an endpoint."""
    model.fit(data.train, data.train_labels)
    accuracy = float(model.score(data.test, data.test_labels))
    return Endpoint(name, model.predict_proba, data.test, accuracy, **options)
