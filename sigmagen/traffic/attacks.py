"""Attacks that are really run, as campaigns of a world."""

from __future__ import annotations

from sigmagen.attacks.registry import Attack
from sigmagen.traffic.catalogue import Entry
from sigmagen.traffic.recorded import Recording

PREFIX = "run"
_WHO = {"network": "cloud", "client": "sdk", "system": "none"}
_CLASSIC = {"model": "fraud-score", "input_tokens": 0, "output_tokens": 0}
"""Attributes of queries to classic models, which have no tokens."""


def record_attack(attack: Attack, seed: int) -> Recording:
    """Run an attack and record its queries, with the surrogate's agreement. Raises SigmagenError without the extra."""
    run = attack.run(seed)
    classic = any("features" in query.attributes for query in run.queries[:1])
    queries = tuple(run.calls(0, "", **(_CLASSIC if classic else {})))
    entry = Entry(f"{PREFIX}-{attack.name}", attack.title, attack.source, {"who": _WHO}, ())
    return Recording(entry, queries, tuple((point.queries, point.agreement) for point in run.curve))
