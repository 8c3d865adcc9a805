"""Which package may import which: what stands later may import what stands earlier, never the other way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import sigmagen

LAYERS = (
    ("problems", "folders", "bundled", "durations", "display"),
    ("net", "skeleton"),
    ("targets",),
    ("expr",),
    ("rules",),
    ("mapping",),
    ("lint",),
    ("plan",),
    ("printers",),
    ("convert",),
    ("overlay", "pysigma"),
    ("sources", "logs"),
    ("attacks",),
    ("traffic",),
    ("engines",),
    ("content",),
    ("packages",),
    ("deploy",),
    ("local",),
    ("proof", "score"),
    ("report",),
    ("api",),
    ("cli",),
)
"""From the ground up. Packages of one layer don't import each other, except on the ground.

The package `targets` is two layers: what describes a target, and the printers, which need plans.
"""

ROOT = Path(sigmagen.__file__).parent
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def layer_of(module: str) -> str:
    """The layer of a module below `sigmagen`, by its name from there."""
    package, *rest = module.split(".")
    described = (
        not rest or rest[0] in ("registry", "target") or (len(rest) == 1 and (ROOT / "targets" / rest[0]).is_dir())
    )
    if package != "targets":
        return package
    # A target may bring its engine along.
    return "targets" if described else "engines" if rest[-1] == "engine" else "printers"


def module_of(path: Path) -> str:
    """The name of a module from `sigmagen` on; a package's `__init__` is the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the module of each import from `sigmagen`, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "sigmagen":
            package = node.module.partition(".")[2]
            for alias in node.names:
                name = f"{package}.{alias.name}".strip(".")
                here = ROOT.joinpath(*name.split("."))
                yield node.lineno, name if here.with_suffix(".py").exists() or here.is_dir() else package
        elif isinstance(node, ast.Import):
            yield from (
                (node.lineno, name.name.partition(".")[2]) for name in node.names if name.name.startswith("sigmagen.")
            )


def test_every_package_has_a_layer() -> None:
    found = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - {"__init__", "__main__"} == set(LEVEL) - {"printers"}


def test_imports_lead_to_earlier_layers_only() -> None:
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        module = module_of(path)
        if module in ("", "__main__") or module.startswith("_content"):
            continue
        mine = layer_of(module)
        for line, name in imported(path):
            theirs = layer_of(name) if name else ""
            if theirs not in ("", mine) and LEVEL[theirs] >= LEVEL[mine] > 0:
                wrong.append(f"{path.relative_to(ROOT.parent)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_the_architecture_document_has_the_same_layers() -> None:
    text = (ROOT.parent / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| (\d+) \| ((?:`\w+` ?)+) \|", text)
    assert [(int(number), tuple(re.findall(r"\w+", names))) for number, names in rows] == list(enumerate(LAYERS, 1))


def test_every_name_in_the_architecture_document_exists() -> None:
    text = (ROOT.parent / "docs" / "architecture.md").read_text("utf-8")
    names = {name for name in re.findall(r"`([a-z_]+(?:\.\w+)+)(?:\([^`]*\))?`", text) if name.split(".")[0] in LEVEL}
    assert names
    assert [name for name in sorted(names) if not exists(name)] == []
    files = {file for file in re.findall(r"`((?:sigmagen|tests|mappings|docs)/[\w/.]+)`", text) if "<" not in file}
    assert [file for file in sorted(files) if not (ROOT.parent / file).exists()] == []


def exists(name: str) -> bool:
    """Whether a dotted name from `sigmagen` on is a module, or something in one."""
    parts = name.split(".")
    for number in range(len(parts), 0, -1):
        module = ".".join(("sigmagen", *parts[:number]))
        if _can_import(module):
            found: object = import_module(module)
            for part in parts[number:]:
                found = getattr(found, part, None)
            return found is not None
    return False


def _can_import(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
