"""The files of the app that say what it is, and those that are the same for every content."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from sigmagen import __version__
from sigmagen.durations import duration_text
from sigmagen.mapping.source import Source
from sigmagen.packages.splunk.conf import Conf, as_json, prose
from sigmagen.packages.splunk.eventtypes import event_search
from sigmagen.packages.splunk.macros import source_macro
from sigmagen.packages.splunk.savedsearches import APP, STORY
from sigmagen.packages.splunk.searches import Packaged, framework_ids

LABEL = "Model Extraction Detection"
DESCRIPTION = (
    "Detections for the extraction of AI models through their API, with hunts, readiness searches and a dashboard."
)
AUTHOR = "sigmagen contributors"
LOOKUP = "sigmagen_detections"
DASHBOARD = "model_extraction"

NARRATIVE = (
    "Whoever copies a model asks it questions and trains a substitute on the answers. The searches of this story look "
    "for what such questions have in common: volume, templates with many fillings, prompts sampled over and over, log "
    "probabilities read out token by token, one campaign over many accounts. Start with the readiness searches, then "
    "run each hunt over a week before turning on its rule."
)

COLUMNS = (
    *("detection", "title", "rule", "author", "source", "level", "enabled", "group_by"),
    *("timespan", "every", "lookback", "mitre_attack", "mitre_atlas", "owasp_llm", "view"),
)


def app_conf() -> Conf:
    """app.conf. What is custom is reloaded without a restart."""
    return {
        "id": {"name": APP, "version": __version__},
        "install": {"is_configured": 0, "state": "enabled", "build": 1},
        "launcher": {"author": AUTHOR, "version": __version__, "description": DESCRIPTION},
        "ui": {"is_visible": 1, "label": LABEL},
        "package": {"id": APP, "check_for_updates": 0},
        "triggers": {"reload.analyticstories": "simple"},
    }


def server_conf() -> Conf:
    """server.conf: search heads of a cluster share the custom file."""
    return {"shclustering": {"conf_replication_include.analyticstories": "true"}}


def stories_spec() -> str:
    """README/analyticstories.conf.spec: the settings of the file that Enterprise Security defines."""
    texts = ("category", "description", "narrative", "references", "maintainers", "searches")
    story = "\n".join(f"{name} = <string>" for name in texts) + "\nspec_version = <integer>\nversion = <integer>\n"
    names = "type asset_type confidence explanation how_to_implement annotations known_false_positives"
    names += " providing_technologies"
    search = "\n".join(f"{name} = <string>" for name in names.split())
    return f"[analytic_story://<name>]\n{story}\n[savedsearch://<name>]\n{search}\n"


def default_meta() -> str:
    """metadata/default.meta. Event types stay in the app: exported, every search would be tested against them. So do
    the views, of which there are many."""
    return (
        "[]\naccess = read : [ * ], write : [ admin, sc_admin ]\nexport = system\n\n"
        "[eventtypes]\nexport = none\n\n[tags]\nexport = none\n\n[views]\nexport = none\n"
    )


def manifest(
    name: str = APP,
    title: str = LABEL,
    description: str = DESCRIPTION,
    deployments: Sequence[str] = ("_standalone", "_distributed", "_search_head_clustering"),
    workloads: Sequence[str] = ("_search_heads",),
) -> str:
    """app.manifest, of the packaging toolkit. `workloads` are the servers that it belongs on."""
    document = {
        "schemaVersion": "2.0.0",
        "info": {
            "title": title,
            "id": {"group": None, "name": name, "version": __version__},
            "author": [{"name": AUTHOR, "email": None, "company": None}],
            "releaseDate": None,
            "description": description,
            "classification": {
                "intendedAudience": "IT Professionals",
                "categories": ["Security, Fraud & Compliance"],
                "developmentStatus": "Beta",
            },
            "commonInformationModels": None,
            "license": {"name": "DRL-1.1", "text": None, "uri": "https://github.com/SigmaHQ/Detection-Rule-License"},
            "privacyPolicy": {"name": None, "text": None, "uri": None},
            "releaseNotes": {"name": "README", "text": "README.md", "uri": None},
        },
        "dependencies": None,
        "tasks": None,
        "inputGroups": None,
        "incompatibleApps": None,
        "platformRequirements": {"splunk": {"Enterprise": "*"}},
        "supportedDeployments": list(deployments),
        "targetWorkloads": list(workloads),
    }
    return as_json(document) + "\n"


def props(sources: Sequence[Source]) -> Conf:
    """props.conf: the sourcetypes that the mappings name themselves; those of add-ons are theirs.

    The settings that act where data is parsed are here, too: a single server parses with the app alone.
    """
    return {name: settings for source in sources for name, settings in sorted(source.stored["splunk"].props.items())}


def transforms() -> Conf:
    """transforms.conf: the lookup of all detections."""
    return {LOOKUP: {"filename": f"{LOOKUP}.csv"}}


def eventtypes(sources: Sequence[Source]) -> Conf:
    """eventtypes.conf: a type for the events of each source that feed rules on calls of models, or on accounts."""
    return {name: {"search": search} for source in sources for name, search, _ in _event_types(source)}


def tags(sources: Sequence[Source]) -> Conf:
    """tags.conf: what the events of each type are, and no other event of the source."""
    return {
        f"eventtype={name}": dict.fromkeys(categories, "enabled")
        for source in sources
        for name, _, categories in _event_types(source)
        if categories
    }


def _event_types(source: Source) -> list[tuple[str, str, list[str]]]:
    """Name, search and categories; the first has the source's own name. A source of native events only has no tag."""
    found: dict[str, list[str]] = {}
    for entry in source.logsources:
        if entry.logsource.category:
            found.setdefault(event_search(source, entry), []).append(entry.logsource.category)
    own = source_macro(source)
    if not found:
        return [(own, source.stored["splunk"].location, [])]
    return [
        (own if number == 0 else f"{own}_{categories[0]}", search, sorted(set(categories)))
        for number, (search, categories) in enumerate(found.items())
    ]


def lookup(items: Sequence[Packaged], views: Mapping[str, str]) -> str:
    """The CSV of all detections, which the dashboard reads. `views` are the forms to investigate with, by key."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for item in items:
        named, schedule = framework_ids(item.rule, STORY), item.alert.schedule
        assert schedule is not None  # a correlation has a window
        writer.writerow(
            [
                item.key,
                item.title,
                prose(item.rule.name),
                prose(str(item.rule.raw.get("author") or "")),
                item.source.name,
                item.level,
                "yes" if item.detection.enabled else "no",
                " ".join(item.alert.columns),
                *map(duration_text, (item.rule.timespan, schedule.interval, schedule.lookback)),
                *(prose(" ".join(named.get(name, []))) for name in ("mitre_attack", "mitre_atlas", "owasp_llm")),
                views.get(item.key, ""),
            ]
        )
    return text.getvalue()
