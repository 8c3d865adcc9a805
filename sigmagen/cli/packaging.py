"""Building a package from the rules, for `sigmagen package` and `sigmagen deploy`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sigmagen.cli.problems import broken, print_problems
from sigmagen.cli.settings import Settings, chosen_sources
from sigmagen.content.detections import PackageContent, collect_content
from sigmagen.convert.converter import Converter
from sigmagen.overlay import Overlay
from sigmagen.packages.formats import PackageFormat, load_format
from sigmagen.problems import EXIT_BROKEN_INPUT, EXIT_USAGE, Problem, SigmagenError
from sigmagen.rules.model import Correlation, RuleFile


@dataclass(frozen=True)
class Packaging:
    """The content of a package. `missing` holds the reason for each rule that has no source."""

    format: PackageFormat
    content: PackageContent
    converter: Converter
    changes: dict[str, Any]
    missing: tuple[Problem, ...]

    @classmethod
    def of(cls, name: str, paths: Sequence[Path], sources: Sequence[str], settings: Settings) -> Packaging:
        """Build the content of a package from the rules at the paths, for these sources or all. Prints their problems.

        Raises SigmagenError if a rule can't be used, or if no rule is left.
        """
        overlay, converter = settings.overlay(), settings.converter()
        package_format = load_format(name)
        loaded = settings.load(paths, examples=package_format.KEEPS_LISTS_APART)
        chosen = chosen_sources(converter, sources)
        if broken(loaded.problems):
            raise SigmagenError(loaded.problems, EXIT_BROKEN_INPUT)
        print_problems(loaded.problems)
        found = collect_content(converter, loaded.files, package_format.TARGET, chosen, overlay)
        if settings.verbose or not found.detections:
            print_problems(found.left_out)
        if not found.detections:
            nothing = Problem(
                "empty-package", "no rule can be packaged for these sources", hint="see the problems above"
            )
            raise SigmagenError(nothing, EXIT_USAGE)
        missing = () if chosen else tuple(_missing(loaded.files, found))
        return cls(package_format, found, converter, _changes(settings, overlay), missing)

    def write(self, folder: Path) -> list[Problem]:
        """Write the package and return the reasons for omitted detections. Raises SigmagenError."""
        return list(self.format.write(self.content, folder, self.converter, self.changes))


def _missing(files: Iterable[RuleFile], found: PackageContent) -> Iterator[Problem]:
    """Why a rule is there for no source."""
    there = {(item.rule.file, item.rule.line) for item in found.detections}
    for rule in (rule for file in files for rule in file.subjects):
        if (rule.file, rule.line) in there:
            continue
        reasons = [problem for problem in found.left_out if (problem.file, problem.line) == (rule.file, rule.line)]
        if not reasons:
            why = (
                "no source feeds it"
                if isinstance(rule, Correlation)
                else "it is not a correlation, so it has no window"
            )
            reasons = [Problem("not-packaged", f"{rule.title}: {why}", "error", rule.file, rule.line)]
        yield from reasons


def _changes(settings: Settings, overlay: Overlay | None) -> dict[str, Any]:
    """Return the tenant's changes that a package records: the overlay and the text of all applied filters."""
    from sigmagen.rules.load import find_rule_files

    changes = dict(overlay.data) if overlay else {}
    files, _ = find_rule_files([*settings.filters, *(overlay.filters if overlay else ())])
    if files:
        changes["filters"] = {file.name: file.read_text(encoding="utf-8") for file in files}
    return changes
