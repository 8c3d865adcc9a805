"""Attacks that are really run: each reaches the order of magnitude that its paper reports."""

from __future__ import annotations

import json
from functools import lru_cache

import pytest

from sigmagen.attacks.registry import ATTACKS
from sigmagen.attacks.run import Point, Query, Run
from tests.sampling import sample

pytest.importorskip("sklearn")
LARGE = tuple(
    name for name in ATTACKS if name.startswith(("knockoff", "active", "jacobian", "data_free", "embeddings"))
)
"""Each trains surrogates for seconds: `make test` runs one of them, chosen by the seed, `make thorough` all."""
CHOSEN = sample(LARGE, 1)


@lru_cache
def run(name: str, seed: int = 1) -> Run:
    """An attack, run once for all tests; skips what this run of the tests leaves out."""
    if name in LARGE and name not in CHOSEN:
        pytest.skip("one of the large attacks is run; make thorough runs all")
    return ATTACKS[name].run(seed)


def test_equation_solving_needs_one_query_more_than_features() -> None:
    for name, features in (("equation_solving_binary", 30), ("equation_solving_softmax", 64)):
        found = run(name)
        assert (len(found.queries), found.agreement) == (features + 1, 1.0)
        assert found.agreement_after(features // 2) < 0.95


def test_tree_paths_finds_all_leaves_with_missing_features() -> None:
    found = run("tree_paths")
    assert found.found["leaves"] == found.found["victim_leaves"]
    assert found.agreement > 0.98
    assert 300 < len(found.queries) < 4_013
    missing = [query.attributes["features"].count(None) for query in found.queries]
    assert missing[0] == 30
    assert sum(number > 0 for number in missing) == len(missing)


def test_jacobian_augmentation_doubles_its_queries_with_labels_only() -> None:
    found = run("jacobian_augmentation")
    assert [point.queries for point in found.curve] == [0, 100, 200, 400, 800, 1600, 3200, 6400]
    assert 0.7 < found.agreement < 0.95
    assert not any(query.attributes["scores"] for query in found.queries)
    pauses = [number for number, query in enumerate(found.queries) if query.pause]
    assert pauses == [100, 200, 400, 800, 1600, 3200]


def test_knockoff_learns_from_images_of_another_distribution() -> None:
    found = run("knockoff_random")
    assert len(found.queries) == 4_000
    assert found.curve[0].agreement + 0.3 < found.agreement < (found.victim_accuracy or 0)


def test_active_learning_asks_in_equal_rounds_with_pauses() -> None:
    found = run("active_uncertainty")
    assert found.agreement > 0.9
    assert {number % 400 for number, query in enumerate(found.queries) if query.pause} == {0}


def test_data_free_extraction_asks_for_neighbours() -> None:
    found = run("data_free")
    assert max(point.agreement for point in found.curve) > 0.6
    first, second = (query.attributes["features"] for query in (found.queries[200], found.queries[400]))
    assert max(abs(ours - theirs) for ours, theirs in zip(first, second, strict=True)) < 0.01


def test_projection_layer_gives_exact_hidden_size() -> None:
    found = run("projection_layer")
    assert found.found["hidden_size"] == found.found["victim_hidden_size"]
    parameters = [query.attributes["parameters"] for query in found.queries]
    assert all(one["logprobs"] and one["max_tokens"] == 1 for one in parameters)
    # 400 tokens, four in each query, and one query for the reference.
    assert found.curve[1].queries == 101
    assert len({json.dumps(one["logit_bias"]) for one in parameters}) > 100


def test_decoding_parameters_are_found_from_samples_of_one_prompt() -> None:
    found = run("decoding_parameters")
    assert found.found["top_k"] == found.found["victim_top_k"]
    assert found.found["temperature"] == pytest.approx(found.found["victim_temperature"], rel=0.05)
    assert len({query.attributes["prompt"] for query in found.queries}) == 1


def test_embedding_model_is_copied_from_a_corpus() -> None:
    found = run("embeddings")
    assert found.agreement > 0.5
    assert len({query.attributes["prompt"] for query in found.queries}) == len(found.queries) == 2_000


def test_text_classifier_is_cloned_with_nonsense() -> None:
    found = run("text_classifier")
    assert found.agreement_after(1_500) > 0.95
    assert found.agreement_after(100) < 0.5


@pytest.mark.parametrize("name", ATTACKS)
def test_each_attack_starts_from_guessing_and_gains(name: str) -> None:
    found = run(name)
    queries = [point.queries for point in found.curve]
    assert queries == sorted(set(queries))
    assert (queries[0], queries[-1]) == (0, len(found.queries))
    assert found.curve[0].agreement < found.agreement <= 1


def test_same_seed_gives_same_queries_and_another_seed_others() -> None:
    attack = ATTACKS["tree_paths"]
    assert attack.run(2) == attack.run(2)
    assert attack.run(2).queries != attack.run(3).queries


def test_queries_become_calls_in_order_at_the_pace_of_the_attack() -> None:
    queries = (Query({"operation": "prediction"}), Query({"operation": "prediction"}, pause=60))
    run = Run("attack", "victim", 2.0, queries, (Point(0, 0.1), Point(2, 0.9)))
    calls = list(run.calls(1_000, "mallory", model="fraud-score"))
    assert [call.time for call in calls] == [1_000, 61_500]
    assert {(call.principal, call.model, call.operation) for call in calls} == {
        ("mallory", "fraud-score", "prediction")
    }
    assert len({call.id for call in calls}) == 2


def test_share_of_gain_is_of_what_is_beyond_guessing() -> None:
    run = Run("attack", "victim", 1.0, (), (Point(0, 0.2), Point(100, 0.6), Point(200, 1.0)))
    shares = [run.share_of_gain(number) for number in (0, 99, 100, 150, 200, 300)]
    assert shares == pytest.approx([0, 0, 0.5, 0.5, 1, 1])
