"""The module `sigma.pipelines.sigmagen` of pySigma: field names of each log source in each SIEM."""

from collections.abc import Callable

from sigma.processing.pipeline import ProcessingPipeline

import sigmagen.pysigma.renames as _renames
from sigmagen.targets.registry import siems as _siems

__all__ = ["pipelines"]


def _pipeline(source: str, siem: str) -> Callable[[], ProcessingPipeline]:
    def pipeline() -> ProcessingPipeline:
        return _renames.renames(source, siem)

    return pipeline


pipelines = {f"sigmagen_{source}_{siem}": _pipeline(source, siem) for source in _renames.SOURCES for siem in _siems()}
