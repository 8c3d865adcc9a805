"""The lint catalogue: title, severity and explanation of each problem code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from sigmagen.bundled import mappings_folder as built_in_mappings
from sigmagen.mapping.documents import load_checked
from sigmagen.problems import Problem, Severity

PROFILES = ("own", "sigma")
"""own: the rules of this project and those that follow its conventions; sigma: any Sigma rule."""


@dataclass(frozen=True, slots=True)
class Check:
    """One entry of the catalogue. A file with a problem of stage `load` can't be used.

    `profiles` has the severity under other profiles than that of this project's own rules; `off` leaves it out.
    """

    code: str
    stage: Literal["load", "lint"]
    severity: Severity
    title: str
    explanation: str
    profiles: Mapping[str, Severity | Literal["off"]] = field(default_factory=dict)


def apply_profile(problems: Iterable[Problem], catalogue: Mapping[str, Check], profile: str) -> list[Problem]:
    """Return the problems with their severities under a profile, without those that it leaves out."""
    found = []
    for problem in problems:
        check = catalogue.get(problem.code)
        severity = check.profiles.get(profile, problem.severity) if check else problem.severity
        if severity != "off":
            found.append(replace(problem, severity=severity))
    return found


@lru_cache(maxsize=4)
def load_catalogue(mappings: Path) -> dict[str, Check]:
    """Return all checks by code from lint.yml in the mappings folder, or else from the built-in file.

    Raises SigmagenError if the file can't be read.
    """
    own = mappings / "lint.yml"
    data = load_checked(own if own.exists() else built_in_mappings() / "lint.yml", "lint", mappings)
    stages: tuple[Literal["load", "lint"], ...] = ("load", "lint")
    return {
        code: Check(
            code,
            stage,
            entry.get("severity", "error"),
            entry["title"],
            entry["explanation"],
            entry.get("profiles", {}),
        )
        for stage in stages
        for code, entry in data[stage].items()
    }
