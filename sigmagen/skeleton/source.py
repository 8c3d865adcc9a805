"""The skeleton of a source: its mapping file, and the folder of its code."""

from __future__ import annotations

from pathlib import Path

from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.skeleton.write import checked_name, template, write_all

CODE = ("__init__.py", "render.py", "at_rest.py", "principals.py")
EXAMPLES = ("records.ndjson", "canonical.json", "README.md")


def new_source(name: str, mappings: Path, code: Path | None) -> list[Path]:
    """Write the mapping file of a source and, where `code` is the folder of all sources' code, its own; the files.

    Raises SigmagenError for a name that can't be, and where a file exists.
    """
    values = {"NAME": checked_name(name, "source")}
    texts = {mappings / "sources" / f"{name}.yml": template("source.yml", values)}
    if code is not None:
        if (code / f"{name}.py").exists():
            message = f"the name {name!r} is taken: {code / name}.py is shared by all sources"
            raise SigmagenError(Problem("name-taken", message, hint="choose another name"), EXIT_USAGE)
        # The templates of code don't end in .py, so that no tool takes them for code.
        texts |= {code / name / file: template(f"{file}.txt", values) for file in CODE}
        texts |= {code / name / "examples" / file: template(file, values) for file in EXAMPLES}
    return write_all(texts)
