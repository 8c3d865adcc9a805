"""An example of a package format: one text file with each alert query."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sigmagen.content.detections import PackageContent
from sigmagen.convert.converter import Converter
from sigmagen.problems import Problem

TARGET = "sentinel"
KEEPS_LISTS_APART = False


def write(content: PackageContent, folder: Path, converter: Converter, overlaid: Mapping[str, Any]) -> list[Problem]:
    """Write one file a detection; nothing is left out."""
    for detection in content.detections:
        (folder / f"{detection.name}.kql").write_text(detection.alert.text + "\n", "utf-8")
    return []
