"""The events of the table of modifiers, which several tests load into the same engines."""

from __future__ import annotations

from sigmagen.engines.alert import Engine
from sigmagen.mapping.source import Source
from tests.targets.engines import event
from tests.targets.modifier_table import TABLE

Held = tuple[Engine, Source]
EVENTS = [
    event(f"{number}-{kind}-{position}", fields)
    for number, row in enumerate(TABLE)
    for kind, group in (("yes", row.yes), ("no", row.no))
    for position, fields in enumerate(group)
]
