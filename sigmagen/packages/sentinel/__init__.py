"""What Microsoft Sentinel imports: analytics rules, hunting queries, parser functions, watchlists, a workbook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sigmagen.content.detections import PackageContent
    from sigmagen.convert.converter import Converter
    from sigmagen.problems import Problem

TARGET = "sentinel"
KEEPS_LISTS_APART = False


def write(content: PackageContent, folder: Path, converter: Converter, overlaid: Mapping[str, Any]) -> list[Problem]:
    """Write the package into a folder; returns which detections break a limit of Sentinel and are left out, and why.

    The same content gives the same bytes. Raises SigmagenError where nothing is left.
    """
    from sigmagen.packages.sentinel.files import write_package
    from sigmagen.packages.sentinel.package import Package

    package = Package.of(content, converter, overlaid)
    write_package(package, folder, overlaid)
    return list(package.refused)
