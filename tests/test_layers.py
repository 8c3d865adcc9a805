"""Which package may import which: what stands later may import what stands earlier, never the other way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import sigmagen

LAYERS = (
    ("problems", "folders", "bundled", "durations", "display"),
    ("net",),
    ("expr",),
    ("rules",),
    ("mapping",),
    ("lint",),
    ("plan",),
    ("targets",),
    ("convert",),
    ("overlay", "pysigma"),
    ("sources", "logs"),
    ("engines",),
    ("content",),
    ("packages",),
    ("deploy",),
    ("local",),
    ("proof",),
    ("report",),
    ("api",),
    ("cli",),
)
"""From the ground up. Packages of one layer don't import each other, except on the ground."""

ROOT = Path(sigmagen.__file__).parent
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the first name below `sigmagen` of each import, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "sigmagen":
            yield from ((node.lineno, name.name) for name in node.names if name.name in LEVEL)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sigmagen."):
            yield node.lineno, node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (
                (node.lineno, name.name.split(".")[1]) for name in node.names if name.name.startswith("sigmagen.")
            )


def test_every_package_has_its_layer() -> None:
    found = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - {"__init__", "__main__"} == set(LEVEL)


def test_imports_lead_to_earlier_layers_only() -> None:
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        package = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if package in ("__init__", "__main__", "_content"):
            continue
        wrong += [
            f"{path.relative_to(ROOT.parent)}:{line} imports {target}"
            for line, target in imports(path)
            if target != package and LEVEL[target] >= LEVEL[package] > 0
        ]
    assert not wrong, "\n".join(wrong)
