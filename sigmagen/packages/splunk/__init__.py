"""A Splunk app."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sigmagen.convert import Converter
from sigmagen.packages.content import Content


def write(content: Content, folder: Path, converter: Converter, overlaid: Mapping[str, Any]) -> None:
    """Write the app into the folder."""
    raise NotImplementedError
