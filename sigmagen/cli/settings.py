"""Options that all commands share: folders of rules and mappings, filters, overlay and verbosity."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sigmagen.bundled import mappings_folder, rules_folder

if TYPE_CHECKING:
    from sigmagen.convert.converter import Converter
    from sigmagen.overlay import Overlay
    from sigmagen.rules.load import LoadedRules
    from sigmagen.rules.processing import Processor

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of the shared options."""

    rules: Path
    mappings: Path
    verbose: bool = False
    filters: tuple[Path, ...] = ()
    overlay_file: Path | None = None

    @classmethod
    def of(
        cls,
        rules: Path | None,
        mappings: Path | None,
        filters: tuple[Path, ...] = (),
        overlay: Path | None = None,
        verbose: bool = False,
    ) -> Settings:
        """Return the settings of the options, with the built-in folders as defaults."""
        return cls(rules or rules_folder(), mappings or mappings_folder(), verbose, filters, overlay)

    def changed(
        self,
        rules: Path | None,
        mappings: Path | None,
        filters: tuple[Path, ...],
        overlay: Path | None,
        verbose: bool,
    ) -> Settings:
        """Return these settings, updated with the options given after the command's name."""
        options = (("rules", rules), ("mappings", mappings), ("overlay_file", overlay))
        changes: dict[str, Any] = {name: value for name, value in options if value}
        return replace(self, **changes, filters=(*self.filters, *filters), verbose=verbose or self.verbose)

    def overlay(self) -> Overlay | None:
        """Return the tenant's overlay, if one is given. Raises SigmagenError if it or a mapping can't be used."""
        if self.overlay_file is None:
            return None
        from sigmagen.convert.converter import Converter
        from sigmagen.overlay import load_overlay

        return load_overlay(self.overlay_file, Converter.load(self.mappings))

    def converter(self) -> Converter:
        """Return the converter, with the locations of the overlay. Raises SigmagenError if a mapping can't be read."""
        from sigmagen.convert.converter import Converter

        converter, overlay = Converter.load(self.mappings), self.overlay()
        return overlay.converter(converter) if overlay else converter

    def load(
        self, paths: Sequence[Path] = (), *, examples: bool = True, processor: Processor | None = None
    ) -> LoadedRules:
        """Load the rules at the paths, or all rules, and apply the overlay. Raises SigmagenError for the overlay only.

        Without `examples`, the built-in allow lists are empty: their values are public, so an attacker could use them.
        `processor` applies a processing pipeline.
        """
        from sigmagen.api import load_rules

        return load_rules(
            *paths,
            filters=self.filters,
            overlay=self.overlay_file,
            rules=self.rules,
            mappings=self.mappings,
            examples=examples,
            processor=processor,
        )


def shared_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that can be given before or after a command's name."""
    options = (
        click.option("--rules", type=_FOLDER, help="Use the rules in this folder instead of the built-in ones."),
        click.option("--mappings", type=_FOLDER, help="Use the mappings in this folder instead of the built-in ones."),
        click.option(
            "--filters",
            type=click.Path(exists=True, path_type=Path),
            multiple=True,
            help="Apply the Sigma filters in this file or folder to the rules (repeatable).",
        ),
        click.option("--overlay", type=_FILE, help="Tune rules, allow lists and locations with this overlay file."),
        click.option("-v", "--verbose", is_flag=True, help="Print more detail."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def with_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Pass the shared options to a command as one `settings` argument."""

    @shared_options
    @click.pass_obj
    @functools.wraps(function)
    def wrapped(
        outer: Settings,
        /,
        *args: Any,
        rules: Path | None,
        mappings: Path | None,
        filters: tuple[Path, ...],
        overlay: Path | None,
        verbose: bool,
        **kwargs: Any,
    ) -> Any:
        return function(*args, settings=outer.changed(rules, mappings, filters, overlay, verbose), **kwargs)

    return wrapped


def chosen_sources(converter: Converter, names: Sequence[str], *, generic: bool = False) -> list[str] | None:
    """Return the requested sources without duplicates; None for all. Raises SigmagenError for an unknown source.

    `generic` says whether the command accepts the source of that name.
    """
    return [converter.known(name, generic=generic) for name in dict.fromkeys(names)] or None


class TargetName(click.Choice[str]):
    """The name of a target, or another name of it, such as `kql`."""

    def __init__(self) -> None:
        from sigmagen.targets import registry

        found = registry.targets()
        self._names = {alias: name for name, target in found.items() for alias in target.aliases}
        super().__init__(tuple(found))

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> str:
        """Return the target's own name. Raises BadParameter."""
        return super().convert(self._names.get(str(value).lower(), value), parameter, context)


RULE_PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON; see docs/json.md.")
SOURCES = click.option("-s", "--source", "sources", multiple=True, help="Log source to use (repeatable).")
