"""A Splunk app: alerts, hunts, readiness searches and a dashboard, as a .tgz that Splunk installs unchanged.

It works on a Splunk without Enterprise Security, which ignores what only that reads. A small add-on beside it holds
what indexers and heavy forwarders need to know of the sourcetypes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigmagen import __version__
from sigmagen.content.detections import PackageContent
from sigmagen.convert.converter import Converter
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

if TYPE_CHECKING:
    from sigmagen.mapping.source import Source
    from sigmagen.packages.splunk.target import SplunkTarget

TARGET = "splunk"
KEEPS_LISTS_APART = True


def write(content: PackageContent, folder: Path, converter: Converter, overlaid: Mapping[str, Any]) -> list[Problem]:
    """Write app and add-on into the folder; returns why a detection is not in them. `overlaid` is the overlay's data.

    Raises SigmagenError where nothing is left.
    """
    from sigmagen.packages.splunk.addon import ADDON, addon_files
    from sigmagen.packages.splunk.archive import tgz
    from sigmagen.packages.splunk.savedsearches import APP
    from sigmagen.packages.splunk.target import SplunkTarget

    target = SplunkTarget.load(converter.mappings)
    files, sources, left_out = app_files(content, converter, overlaid, target)
    for name, part in ((APP, files), (ADDON, addon_files(sources, target))):
        if part:
            (folder / f"{name}-{__version__}.tgz").write_bytes(tgz(name, part))
    return left_out


def app_files(
    content: PackageContent, converter: Converter, overlaid: Mapping[str, Any], target: SplunkTarget
) -> tuple[dict[str, str], list[Source], list[Problem]]:
    """The app's files, path to text, the sources that it reads, and why a detection is not in it."""
    from sigmagen.packages.splunk import app, dashboard
    from sigmagen.packages.splunk.conf import render
    from sigmagen.packages.splunk.investigation import forms, investigations
    from sigmagen.packages.splunk.macros import ListMacros, macros_conf
    from sigmagen.packages.splunk.readiness import readiness, silence_texts
    from sigmagen.packages.splunk.readme import overlay_json, readme
    from sigmagen.packages.splunk.savedsearches import analytic_story, savedsearches
    from sigmagen.packages.splunk.searches import packaged
    from sigmagen.rules.placeholders import load_allow_lists, merge_tenant_lists

    examples, _ = load_allow_lists(converter.mappings)
    own = merge_tenant_lists(converter.mappings, overlaid.get("allow_lists", {}))
    # Where the tenant has no values, those of the examples tell where a list stands.
    lists = ListMacros(
        {**own, **{name: examples[name] for name in own if not own[name] and name in examples}},
        frozenset(name for name, values in own.items() if not values),
    )
    items, left_out = packaged(content, converter, lists)
    if not items:
        raise SigmagenError(left_out or Problem("empty-package", "no detection can be packaged"), EXIT_USAGE)
    used = {part.name: part for item in items for part in item.source.parts}
    sources = [used[name] for name in sorted(used)]
    checks = {item.key: readiness(item.rule, item.source, converter) for item in items}
    silences = silence_texts(converter)
    asked = investigations(items, converter)
    views = {found.item.key: found.view for found in asked}
    options = overlaid.get("packages", {}).get("splunk", {})
    confs = {
        "app": app.app_conf(),
        "server": app.server_conf(),
        "savedsearches": savedsearches(items, checks, silences, sources, options, views, target.entities),
        "macros": macros_conf(sources, lists.used),
        "analyticstories": analytic_story(items, app.DESCRIPTION, app.NARRATIVE),
        "eventtypes": app.eventtypes(sources),
        "tags": app.tags(sources),
        "props": app.props(sources),
        "transforms": app.transforms(),
    }
    files = {f"default/{name}.conf": render(conf) for name, conf in confs.items() if conf}
    files |= {
        "default/data/ui/nav/default.xml": dashboard.navigation(asked),
        f"default/data/ui/views/{app.DASHBOARD}.xml": dashboard.dashboard(),
        f"lookups/{app.LOOKUP}.csv": app.lookup(items, views),
        **forms(asked, converter),
        "metadata/default.meta": app.default_meta(),
        "README/analyticstories.conf.spec": app.stories_spec(),
        "README.md": readme(items, sources, lists.used, overlaid, len(asked)),
        "app.manifest": app.manifest(),
    }
    if overlaid:
        files["overlay.json"] = overlay_json(overlaid)
    return files, sources, left_out
