"""What every command shares: where rules and mappings are, how much is said, and loading them."""

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

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Settings:
    """The folders that commands work on, and whether to say more."""

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
        """The settings of the options, the built-in folders where none are given."""
        return cls(rules or rules_folder(), mappings or mappings_folder(), verbose, filters, overlay)

    def changed(
        self,
        rules: Path | None,
        mappings: Path | None,
        filters: tuple[Path, ...],
        overlay: Path | None,
        verbose: bool,
    ) -> Settings:
        """These settings with the options that a command itself was given."""
        options = (("rules", rules), ("mappings", mappings), ("overlay_file", overlay))
        changes: dict[str, Any] = {name: value for name, value in options if value}
        return replace(self, **changes, filters=(*self.filters, *filters), verbose=verbose or self.verbose)

    def overlay(self) -> Overlay | None:
        """The tenant's overlay, if there is one. Raises SigmagenError when it or a mapping can't be used."""
        if self.overlay_file is None:
            return None
        from sigmagen.convert.converter import Converter
        from sigmagen.overlay import load_overlay

        return load_overlay(self.overlay_file, Converter.load(self.mappings))

    def converter(self) -> Converter:
        """The converter, reading where the overlay says. Raises SigmagenError when something of it can't be read."""
        from sigmagen.convert.converter import Converter

        converter, overlay = Converter.load(self.mappings), self.overlay()
        return overlay.converter(converter) if overlay else converter

    def load(self, paths: Sequence[Path] = (), *, examples: bool = True) -> LoadedRules:
        """The rules at the paths, or all rules, tuned by the overlay. Never raises for a rule, only for the overlay.

        Without `examples`, the built-in allow lists name nobody: their values are public, so anybody could take them.
        """
        from sigmagen.rules.load import load_rules
        from sigmagen.rules.placeholders import tenant_lists

        overlay = self.overlay()
        own = overlay.allow_lists if overlay else {}
        loaded = load_rules(
            [*(paths or (self.rules,)), *self.filters, *(overlay.filters if overlay else ())],
            rules_folder=self.rules,
            mappings_folder=self.mappings,
            allow_lists=own if examples else tenant_lists(self.mappings, own),
        )
        if overlay is None:
            return loaded
        # An overlay of all rules may go with a few of them.
        every = load_rules(None, rules_folder=self.rules, mappings_folder=self.mappings) if paths else None
        return overlay.apply(loaded, self.mappings, every)


def shared_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that may stand before or after a command's name."""
    options = (
        click.option("--rules", type=_FOLDER, help="Use the rules of this folder, not the built-in ones."),
        click.option("--mappings", type=_FOLDER, help="Use the mappings of this folder, not the built-in ones."),
        click.option(
            "--filters",
            type=click.Path(exists=True, path_type=Path),
            multiple=True,
            help="Apply the Sigma filters of this file or folder to the rules (repeatable).",
        ),
        click.option("--overlay", type=_FILE, help="Tune rules, allow lists and locations with this file."),
        click.option("-v", "--verbose", is_flag=True, help="Print more detail."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def with_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the shared options as one `settings` argument."""

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
    """The sources asked for, each once; None for all. Raises SigmagenError for one that does not exist.

    The `generic` source is one of them where the command can do something with it.
    """
    return [converter.known(name, generic=generic) for name in dict.fromkeys(names)] or None


RULE_PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, whose shape is documented.")
SOURCES = click.option("-s", "--source", "sources", multiple=True, help="Log source to use (repeatable).")
