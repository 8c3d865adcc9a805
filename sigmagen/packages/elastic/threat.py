"""The threat blocks of a detection rule: techniques under their tactics, for MITRE ATT&CK and MITRE ATLAS.

Kibana takes both frameworks, but Elastic's own checks refuse two blocks with one tactic's name. Where both frameworks
have a tactic of that name, ATT&CK keeps the block, which Kibana's coverage page shows; the rule's tags hold every id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sigmagen.mapping.documents import load_checked
from sigmagen.rules.model import Correlation

ATTACK = "MITRE ATT&CK"
ATLAS = "MITRE ATLAS"

_ATTACK_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.IGNORECASE)
_ATTACK_TACTIC = re.compile(r"attack\.([a-z-]+)", re.IGNORECASE)

Entry = dict[str, Any]


@dataclass
class Frameworks:
    """Names and tactics of techniques, as far as the mappings know them."""

    attack: Mapping[str, str]
    atlas: Mapping[str, str]
    attack_tactics: Mapping[str, Mapping[str, str]]
    attack_uses: Mapping[str, list[str]]
    atlas_uses: Mapping[str, list[str]]

    @classmethod
    def load(cls, mappings: Path) -> Frameworks:
        """From mappings/frameworks. Raises SigmagenError when a file can't be read."""
        folder = mappings / "frameworks"
        attack, atlas = (load_checked(folder / f"{name}.yml", "framework", mappings) for name in ("attack", "atlas"))
        tactics = load_checked(folder / "tactics.yml", "tactics", mappings)
        return cls(
            attack["ids"],
            atlas["ids"],
            tactics["attack"]["tactics"],
            tactics["attack"]["techniques"],
            tactics["atlas"]["techniques"],
        )

    def threat(self, rule: Correlation) -> list[Entry]:
        """The blocks of a rule, ATT&CK first; a technique that no mapping knows is left to the tags."""
        blocks = _Blocks()
        tagged = [match[1].lower() for tag in rule.tags if (match := _ATTACK_TACTIC.fullmatch(tag))]
        for technique in attack_techniques(rule):
            self._place_attack(blocks, technique, tagged)
        for name in tagged:
            if name in self.attack_tactics and self.attack_tactics[name]["name"] not in blocks.entries:
                self._attack_block(blocks, name)
        for technique in rule.frameworks.get("atlas", ()):
            self._place_atlas(blocks, technique)
        return list(blocks.entries.values())

    def _place_attack(self, blocks: _Blocks, technique: str, tagged: list[str]) -> None:
        parent = technique.partition(".")[0]
        uses = [name for name in self.attack_uses.get(parent, []) if name in self.attack_tactics]
        if parent not in self.attack or not uses:
            return
        chosen = [name for name in uses if name in tagged] or uses[:1]
        for name in chosen:
            block = self._attack_block(blocks, name)
            _add(block, technique, parent, self.attack, "https://attack.mitre.org/techniques/")

    def _attack_block(self, blocks: _Blocks, name: str) -> Entry:
        tactic = self.attack_tactics[name]
        return blocks.block(ATTACK, tactic["id"], tactic["name"], "https://attack.mitre.org/tactics/")

    def _place_atlas(self, blocks: _Blocks, technique: str) -> None:
        parent = ".".join(technique.split(".")[:2])
        if parent not in self.atlas:
            return
        for tactic in self.atlas_uses.get(parent, []):
            name = self.atlas.get(tactic)
            if name and blocks.free(ATLAS, name):
                block = blocks.block(ATLAS, tactic, name, "https://atlas.mitre.org/tactics/")
                _add(block, technique, parent, self.atlas, "https://atlas.mitre.org/techniques/")
                return


@dataclass
class _Blocks:
    """Blocks by the name of their tactic, in the order in which they were made."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def free(self, framework: str, name: str) -> bool:
        """Whether a block of this framework and name is there or can be made."""
        return name not in self.entries or self.entries[name]["framework"] == framework

    def block(self, framework: str, identity: str, name: str, site: str) -> Entry:
        """The block of a tactic, made when it is missing."""
        tactic = {"id": identity, "name": name, "reference": f"{site}{identity}/"}
        return self.entries.setdefault(name, {"framework": framework, "tactic": tactic, "technique": []})


def _add(block: Entry, technique: str, parent: str, names: Mapping[str, str], site: str) -> None:
    """Add a technique, or a sub-technique below its own, once."""
    found = next((entry for entry in block["technique"] if entry["id"] == parent), None)
    if found is None:
        found = {"id": parent, "name": names[parent], "reference": f"{site}{parent}/", "subtechnique": []}
        block["technique"].append(found)
    if technique != parent and technique in names and all(part["id"] != technique for part in found["subtechnique"]):
        path = technique if "AML." in technique else technique.replace(".", "/")
        found["subtechnique"].append({"id": technique, "name": names[technique], "reference": f"{site}{path}/"})


def attack_techniques(rule: Correlation) -> list[str]:
    """The ATT&CK techniques of a rule's tags: `T1078.004`."""
    found = [match[1].upper() for tag in rule.tags if (match := _ATTACK_TECHNIQUE.fullmatch(tag))]
    return list(dict.fromkeys(found))
