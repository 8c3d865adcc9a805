"""All attacks by name, with the paper that describes each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from sigmagen.attacks.run import Run
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

_INSTALL = "install the extra: pip install 'sigmagen-extraction[simulate]'"


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack that can be run. `published` is what its paper reports, to compare with."""

    name: str
    title: str
    function: str
    source: str
    published: str

    def as_dict(self) -> dict[str, str]:
        """The documented JSON shape."""
        return {"name": self.name, "title": self.title, "source": self.source, "published": self.published}

    def run(self, seed: int) -> Run:
        """Run the attack. The same seed gives the same queries. Raises SigmagenError without the extra `simulate`."""
        module, _, name = self.function.partition(":")
        try:
            attack: Callable[[int], Run] = getattr(import_module(f"sigmagen.attacks.{module}"), name)
            return attack(seed)
        except ImportError as error:
            message = f"attacks need NumPy and scikit-learn: {error}"
            raise SigmagenError(Problem("extra-missing", message, hint=_INSTALL), EXIT_USAGE) from None


_TRAMER = "https://www.usenix.org/conference/usenixsecurity16/technical-sessions/presentation/tramer"
_KNOCKOFF = "https://arxiv.org/abs/1812.02766"
_ACTIVE = "https://arxiv.org/abs/1905.09165"
_ALL = (
    Attack(
        "equation_solving_binary",
        "Equation solving, logistic regression",
        "equation_solving:solve_logistic_regression",
        _TRAMER,
        "d + 1 queries",
    ),
    Attack(
        "equation_solving_softmax",
        "Equation solving, softmax regression",
        "equation_solving:solve_softmax",
        _TRAMER,
        "265 queries for 99.96 % agreement, 650 on Amazon's service in 70 s",
    ),
    Attack(
        "tree_paths",
        "Path finding in a decision tree",
        "tree_paths:find_tree_paths",
        _TRAMER,
        "1,150 queries in 632 s (German Credits), 4,013 in 2,088 s (Steak Survey)",
    ),
    Attack(
        "jacobian_augmentation",
        "Jacobian-based augmentation",
        "jacobian:augment_by_jacobian",
        "https://arxiv.org/abs/1602.02697",
        "81 % accuracy of the substitute after about 6,400 queries (MNIST)",
    ),
    Attack(
        "knockoff_random",
        "Knockoff network, random images",
        "knockoff:knock_off_at_random",
        _KNOCKOFF,
        "60,000 queries",
    ),
    Attack(
        "knockoff_adaptive",
        "Knockoff network, adaptive",
        "knockoff:knock_off_adaptively",
        _KNOCKOFF,
        "60,000 queries",
    ),
    Attack(
        "active_uncertainty",
        "Active learning, uncertainty",
        "active_learning:learn_from_uncertain",
        _ACTIVE,
        "81.7 % agreement after 10,000 queries (CIFAR-10)",
    ),
    Attack(
        "active_k_centre",
        "Active learning, k-centre",
        "active_learning:learn_from_centres",
        _ACTIVE,
        "81.7 % agreement after 10,000 queries (CIFAR-10)",
    ),
    Attack(
        "data_free",
        "Data-free extraction, finite differences",
        "data_free:extract_without_data",
        "https://arxiv.org/abs/2011.14779",
        "20 million queries (CIFAR-10); scaled down here",
    ),
    Attack(
        "projection_layer",
        "Projection layer through logit bias",
        "projection_layer:recover_projection_layer",
        "https://arxiv.org/abs/2403.06634",
        "the hidden size of ada (1,024) and babbage (2,048), for less than 20 dollars",
    ),
    Attack(
        "decoding_parameters",
        "Decoding parameters by sampling",
        "decoding:find_decoding_parameters",
        "https://arxiv.org/abs/2303.04729",
        "0.8 to 40 dollars for the four sizes of GPT-3",
    ),
    Attack(
        "embeddings",
        "Embedding model by a public corpus",
        "embeddings:embed_corpus",
        "https://arxiv.org/abs/2406.09355",
        "copies of two vendors' models for less than 300 dollars",
    ),
    Attack(
        "text_classifier",
        "Text classifier by nonsense texts, labels only",
        "text_classifier:clone_text_classifier",
        "https://arxiv.org/abs/1910.12366",
        "query sets of 1,885 (BoolQ) to 78,540 (MNLI) texts",
    ),
)
ATTACKS = {attack.name: attack for attack in _ALL}
