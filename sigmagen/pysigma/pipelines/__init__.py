"""The module `sigma.pipelines.sigmagen` of pySigma: field names of each log source in each SIEM."""

from collections.abc import Callable, Iterator, Mapping

from sigma.processing.pipeline import ProcessingPipeline

import sigmagen.pysigma.renames as _renames
from sigmagen.targets.registry import siems as _siems

__all__ = ["pipelines"]

_Maker = Callable[[], ProcessingPipeline]


class _Pipelines(Mapping[str, _Maker]):
    """A pipeline for each source and SIEM; the folder of mappings is listed when somebody asks, not at import."""

    def _made(self) -> dict[str, _Maker]:
        return {
            f"sigmagen_{source}_{siem}": _pipeline(source, siem)
            for source in _renames.source_names()
            for siem in _siems()
        }

    def __getitem__(self, name: str) -> _Maker:
        return self._made()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made())

    def __len__(self) -> int:
        return len(self._made())


def _pipeline(source: str, siem: str) -> _Maker:
    def pipeline() -> ProcessingPipeline:
        return _renames.renames(source, siem)

    return pipeline


pipelines = _Pipelines()
