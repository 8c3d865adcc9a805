"""ATT&CK tags of a rule, as far as Sentinel knows them."""

from __future__ import annotations

from dataclasses import dataclass

from sigmagen.packages.sentinel.facts import Facts
from sigmagen.rules.model import Correlation


@dataclass(frozen=True)
class Attack:
    """Tactics of Sentinel's enumeration, and techniques whose tactics are all among them."""

    tactics: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """The techniques without sub-techniques: the stable API refuses those."""
        return tuple(dict.fromkeys(technique.partition(".")[0] for technique in self.techniques))

    @classmethod
    def of(cls, rule: Correlation, facts: Facts) -> Attack:
        """What a rule's tags say; a technique brings its tactics with it."""
        tags = [tag.removeprefix("attack.") for tag in rule.tags if tag.startswith("attack.")]
        named = {_pascal(tag) for tag in tags} & set(facts.tactics)
        techniques = sorted({tag.upper() for tag in tags if tag.partition(".")[0].upper() in facts.techniques})
        implied = {tactic for technique in techniques for tactic in facts.techniques[technique.partition(".")[0]]}
        return cls(tuple(sorted(named | implied)), tuple(techniques))


def _pascal(tag: str) -> str:
    return "".join(word.capitalize() for word in tag.replace("_", "-").split("-"))
