"""The lint catalogue: what each problem is called, how grave it is, and why it is one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from sigmagen.bundled import mappings_folder as built_in_mappings
from sigmagen.mapping.documents import load_checked
from sigmagen.problems import Severity


@dataclass(frozen=True, slots=True)
class Check:
    """One entry of the catalogue. Problems of stage `load` keep a file from being used."""

    code: str
    stage: Literal["load", "lint"]
    severity: Severity
    title: str
    explanation: str


@lru_cache(maxsize=4)
def load_catalogue(mappings: Path) -> dict[str, Check]:
    """Every check by code, from the mappings folder's lint.yml, or the built-in one where it has none.

    Raises SigmagenError when the file can't be read.
    """
    own = mappings / "lint.yml"
    data = load_checked(own if own.exists() else built_in_mappings() / "lint.yml", "lint", mappings)
    stages: tuple[Literal["load", "lint"], ...] = ("load", "lint")
    return {
        code: Check(code, stage, entry.get("severity", "error"), entry["title"], entry["explanation"])
        for stage in stages
        for code, entry in data[stage].items()
    }
