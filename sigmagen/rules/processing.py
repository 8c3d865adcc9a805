"""What a processing pipeline does to a rule when it is loaded: fields are renamed, values and conditions changed.

The pipelines themselves are pySigma's, see `sigmagen.pysigma.processing`. A rule is processed after its selections are
parsed and before its condition is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sigma.rule import SigmaDetections

    from sigmagen.rules.model import LogSource


class ProcessingError(ValueError):
    """The pipeline rejects a rule; the message says why."""


@dataclass(frozen=True, slots=True)
class Processed:
    """A processed rule. `locations` are the places of its events by SIEM, if the pipeline sets them.

    `rename` returns the names of a field after processing, for correlations over the rule.
    """

    detections: SigmaDetections
    logsource: LogSource
    locations: Mapping[str, str] = field(default_factory=dict)
    rename: Callable[[str], tuple[str, ...]] = lambda name: (name,)


def remove_dropped(tree: Any) -> Any:
    """Return a condition without the parts that a pipeline dropped, because all events of its table meet them.

    Raises ProcessingError if nothing is left, or if the part is one of several alternatives or is negated.
    """
    from sigma.conditions import ConditionAND, ConditionItem

    if tree is None:
        raise ProcessingError("the pipeline drops a part of the condition that can't be left out")
    if isinstance(tree, ConditionAND):
        tree.args = [part for part in tree.args if part is not None] or [None]
    if isinstance(tree, ConditionItem):
        tree.args = [remove_dropped(part) for part in tree.args]
    return tree.args[0] if isinstance(tree, ConditionAND) and len(tree.args) == 1 else tree


class Processor(Protocol):
    """Something that processes rules."""

    def __call__(self, data: Mapping[str, Any], logsource: LogSource, detections: SigmaDetections) -> Processed:
        """Process the rule of a YAML document. Raises ProcessingError."""
