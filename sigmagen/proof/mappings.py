"""Everything that is wrong with a mappings folder, for `sigmagen check`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from sigmagen.content.investigate.pivots import load_playbook
from sigmagen.content.readiness import load_losses
from sigmagen.convert.converter import Converter
from sigmagen.local.blind_spots import load_needs
from sigmagen.mapping.documents import collect_problems
from sigmagen.mapping.source import Source
from sigmagen.packages.elastic.target import ElasticTarget
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.problems import Problem
from sigmagen.sources import missing
from sigmagen.targets import registry
from sigmagen.traffic.catalogue import FOLDER, WORLDS
from sigmagen.traffic.catalogue import load as load_traffic


def missing_code(sources: Iterable[Source]) -> list[Problem]:
    """What sources of the mappings lack in code: a renderer, an at-rest step for a SIEM, examples. Warnings only."""
    return [
        problem
        for source in sources
        for problem in missing(source.name, [siem for siem in registry.siems() if siem in source.stored])
    ]


def check_mappings(mappings: Path) -> list[Problem]:
    """All problems of the files that conversions, investigations and packages read. Allow lists belong to the rules.

    A folder may do without pivots and the facts of a package, if nobody asks for them.
    """
    loaders = [partial(Converter.load, mappings)]
    if (mappings / "pivots.yml").exists():
        loaders.append(partial(load_playbook, mappings))  # type: ignore[arg-type]
    if (mappings / "targets" / "sentinel_package.yml").exists():
        loaders.append(partial(Facts.load, mappings))  # type: ignore[arg-type]
    if (mappings / "targets" / "elastic.yml").exists():
        loaders.append(partial(ElasticTarget.load, mappings))  # type: ignore[arg-type]
    for siem in registry.siems():
        if (mappings / "targets" / f"{siem}.yml").exists():
            loaders.append(partial(load_losses, mappings, siem))  # type: ignore[arg-type]
    if (mappings / FOLDER).is_dir():
        loaders.append(partial(load_traffic, mappings, WORLDS[0]))  # type: ignore[arg-type]
    loaders.append(partial(load_needs, mappings))  # type: ignore[arg-type]
    return collect_problems(*loaders)
