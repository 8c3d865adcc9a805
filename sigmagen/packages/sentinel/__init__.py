"""What Microsoft Sentinel imports: analytics rules, hunting queries, parser functions, watchlists, a workbook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sigmagen.convert import Converter
    from sigmagen.packages.content import Content


def write(content: Content, folder: Path, converter: Converter, overlaid: Mapping[str, Any]) -> None:
    """Write the package into a folder. The same content gives the same bytes.

    Raises SigmagenError with every limit of Sentinel that a rule breaks; then nothing is written.
    """
    from sigmagen.packages.sentinel.package import Package
    from sigmagen.packages.sentinel.write import write_package

    write_package(Package.of(content, converter), folder, overlaid)
