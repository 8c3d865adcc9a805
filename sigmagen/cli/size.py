"""A click parameter type for a number of bytes."""

from __future__ import annotations

import re
from typing import Any

import click

from sigmagen.logs.parse import size_text
from sigmagen.logs.reader import MAX_RECORD

_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


class Size(click.ParamType[int]):
    """A size such as `500kB`, `16MB` or `1GB`. Units are powers of 1,024; without a unit it is bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"\s*(\d{1,12})\s*([kmg]?)b?\s*", str(value), re.IGNORECASE)
        if found is None or not int(found[1]):
            self.fail(f"{value!r} is not a size such as 500kB or 16MB", param, ctx)
        return int(found[1]) * _UNITS[found[2].lower()]


MAX_RECORD_SIZE = click.option(
    "--max-record-size",
    type=Size(),
    default=size_text(MAX_RECORD),
    show_default=True,
    help="Skip records larger than this, such as 500kB or 64MB.",
)

MEMORY = click.option(
    "--memory",
    type=Size(),
    help="Use at most about this much memory, such as 4GB, and a temporary folder for the rest.  [default: 60%]",
)
