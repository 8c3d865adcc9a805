"""The lint catalogue: title, severity and explanation of each problem code."""

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
    """One entry of the catalogue. A file with a problem of stage `load` can't be used."""

    code: str
    stage: Literal["load", "lint"]
    severity: Severity
    title: str
    explanation: str


@lru_cache(maxsize=4)
def load_catalogue(mappings: Path) -> dict[str, Check]:
    """Return all checks by code from lint.yml in the mappings folder, or else from the built-in file.

    Raises SigmagenError if the file can't be read.
    """
    own = mappings / "lint.yml"
    data = load_checked(own if own.exists() else built_in_mappings() / "lint.yml", "lint", mappings)
    stages: tuple[Literal["load", "lint"], ...] = ("load", "lint")
    return {
        code: Check(code, stage, entry.get("severity", "error"), entry["title"], entry["explanation"])
        for stage in stages
        for code, entry in data[stage].items()
    }
