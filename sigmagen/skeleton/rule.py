"""The skeleton of a rule and its test file."""

from __future__ import annotations

from datetime import date
from os.path import relpath
from pathlib import Path
from uuid import uuid4

from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.skeleton.write import checked_name, template, write_all

STAGES = ("recon", "access", "volume", "pattern", "output", "sybil", "evasion", "tamper", "weights", "surrogate")
"""The stages of an extraction, which are the folders of rules."""


def new_rule(place: str, rules: Path, mappings: Path) -> list[Path]:
    """Write `<stage>/<name>.yml` and its test file into the folder of rules; returns the files.

    Raises SigmagenError for a stage or name that can't be, and where a file exists.
    """
    stage, slash, name = place.partition("/")
    if not slash or stage not in STAGES:
        known = ", ".join(STAGES)
        message = f"not a stage and a name: {place!r}"
        raise SigmagenError(Problem("rule-place", message, hint=f"give STAGE/NAME; stages: {known}"), EXIT_USAGE)
    folder = rules / stage
    values = {
        "NAME": checked_name(name, "rule"),
        "BASE_ID": str(uuid4()),
        "ID": str(uuid4()),
        "DATE": date.today().isoformat(),
        "SCHEMAS": Path(relpath((mappings / "schema").resolve(), folder.resolve())).as_posix(),
    }
    return write_all(
        {
            folder / f"{name}.yml": template("rule.yml", values),
            folder / f"{name}.test.yml": template("rule.test.yml", values),
        }
    )
