"""The technology add-on: how indexers and heavy forwarders break the data of our sourcetypes into events with a time.

A search head that parses nothing ignores such settings, and an indexer never sees the app.
"""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen import __version__
from sigmagen.mapping.source import Source
from sigmagen.packages.splunk import app
from sigmagen.packages.splunk.conf import Conf, prose, render
from sigmagen.packages.splunk.savedsearches import APP
from sigmagen.packages.splunk.target import SplunkTarget

ADDON = f"TA-{APP}"
LABEL = f"{app.LABEL} (data collection)"
DESCRIPTION = "Line breaking and times of the sourcetypes that the model extraction detections read."

_README = f"""# {LABEL}

{DESCRIPTION}

These settings act where data is parsed. Install this add-on on the indexers, and on the heavy forwarders that the data
passes first; on Splunk Cloud, have it installed on the indexers. The app `{APP}` belongs on the
search heads. On a single server that does everything the app alone is enough: it holds the same settings.

Without the add-on a distributed Splunk takes the time of arrival for `_time`, and cuts an event at 10,000 bytes.

The event endpoint of the HTTP Event Collector (`/services/collector/event`) breaks no lines, and takes the time from
`time` beside `event` in the request. Have the sender set it.

## Sourcetypes

"""


def addon_files(sources: Sequence[Source], target: SplunkTarget) -> dict[str, str]:
    """The add-on's files, path to text; none where no source has settings of its own."""
    props = parse_time_props(sources, target)
    if not props:
        return {}
    return {
        "default/app.conf": render(_app_conf()),
        "default/props.conf": render(props),
        "metadata/default.meta": "[]\naccess = read : [ * ], write : [ admin, sc_admin ]\nexport = system\n",
        "README.md": _README + "\n".join(f"- `{prose(name)}`" for name in props) + "\n",
        "app.manifest": app.manifest(ADDON, LABEL, DESCRIPTION, ("_standalone", "_distributed"), _WORKLOADS),
    }


_WORKLOADS = ("_indexers", "_forwarders")


def parse_time_props(sources: Sequence[Source], target: SplunkTarget) -> Conf:
    """props.conf: of each sourcetype the settings that act where data is parsed."""
    settings = {
        name: {key: value for key, value in stanza.items() if key in target.parse_time}
        for name, stanza in app.props(sources).items()
    }
    return {name: stanza for name, stanza in settings.items() if stanza}


def _app_conf() -> Conf:
    return {
        "id": {"name": ADDON, "version": __version__},
        "install": {"is_configured": 0, "state": "enabled", "build": 1},
        "launcher": {"author": app.AUTHOR, "version": __version__, "description": DESCRIPTION},
        "ui": {"is_visible": 0, "label": LABEL},
        "package": {"id": ADDON, "check_for_updates": 0},
    }
