"""The app's README: what to do on the first day, the sources, the detections, and what the tenant changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sigmagen.durations import duration_text
from sigmagen.mapping.source import Source
from sigmagen.packages.splunk.app import DESCRIPTION, LABEL
from sigmagen.packages.splunk.conf import prose
from sigmagen.packages.splunk.macros import SILENCE, source_macro
from sigmagen.packages.splunk.savedsearches import silence_name
from sigmagen.packages.splunk.searches import Packaged

_FIRST_DAY = f"""## The first day

1. Install the app on the search head (Manage Apps, Install app from file). Nothing runs yet: every alert is off.
   Where indexers or heavy forwarders parse your data, install the add-on `TA-sigmagen_model_extraction` of the same
   package there: without it `_time` is the time of arrival. On a single server the app alone is enough.
2. Tell it where your events are: Settings, Advanced search, Search macros. Each source below has one macro; put your
   index into it, such as `index=ai sourcetype="litellm:proxy:json"`. Alternatives need brackets:
   `(index=a OR index=b)`.
3. Open the dashboard, choose a detection and look at *Readiness*: events, the last one, how late they arrive, and the
   percentage of events that carry each field. Where a field is often missing, the rule sees that
   much less. (A field that only some calls have, such as an error code or a bias, is rightly low.)
4. Look at *Hunt* over 7 days. What you know and trust goes into the macro of the allow list; then look again.
5. Turn on the alert (Settings, Searches, reports, and alerts), and *Source silent* for every source that you have.
   A source is silent after a day without events. `{SILENCE}` shortens that for all sources; for one source,
   change the alert's time range, or `silent_after` in the overlay.

With Enterprise Security each alert is a correlation search, and makes a notable and risk. Without it the alerts are
under Activity, Triggered Alerts; the scheduler's log then says at each trigger that the actions `notable` and `risk`
are not there, unless the package was made with `enterprise_security: false` in its overlay.

An alert that fired for a group stays quiet for that group until the events that it saw are out of its look-back.
Changes belong into Splunk's own settings (they are kept in `local`, and an upgrade leaves them) or into the overlay
that the package is made with.
"""

_INVESTIGATE = """## At an alert

The menu *Investigate* has {forms} forms, one for each detection and source; an alert's description names its own, and
on the dashboard a click on an alert opens it. Submit lists the alerts of the time range, a click on one fills in its
group and window, and Submit again asks who it was, what they did, from where, what else, who else, and how much was
taken. Each pivot is a search over what surrounds the window, up to 14 days before it: a form is some ten searches.
"""

_LISTS = """The macro of a list holds quoted values joined by commas, such as `"svc-batch", "svc-eval"`: names in lower
case, an IPv4 address twice, once as it is and once with `::ffff:` before it. Until you fill it in, it names nobody."""


def readme(
    items: Sequence[Packaged],
    sources: Sequence[Source],
    lists: Mapping[str, str],
    overlaid: Mapping[str, Any],
    forms: int,
) -> str:
    """README.md. `forms` is how many there are to investigate with."""
    parts = [
        f"# {LABEL}",
        "",
        DESCRIPTION,
        "",
        _FIRST_DAY,
        _INVESTIGATE.format(forms=forms),
        "## Sources",
        "",
        "| macro | source | presumes |",
        "|---|---|---|",
    ]
    for source in sources:
        parts.append(_row(f"`{source_macro(source)}`", source.title, source.stored["splunk"].presumes))
    if lists:
        parts += ["", "## Allow lists", "", _LISTS, ""]
        parts += [f"- `{name}`" for name in sorted(lists)]
    parts += ["", "## Detections", "", "| detection | level | every | looks back |", "|---|---|---|---|"]
    for item in items:
        schedule = item.alert.schedule
        assert schedule is not None  # a correlation has a window
        parts.append(_row(item.title, item.level, duration_text(schedule.interval), duration_text(schedule.lookback)))
    parts += ["", "Alerts for sources: " + ", ".join(f"*{silence_name(source)}*" for source in sources) + "."]
    if overlaid:
        parts += ["", "## Overlay", "", "This package was made with these changes (also in overlay.json):", ""]
        parts += [f"    {line}" for line in overlay_json(overlaid).splitlines()]
    return "\n".join(parts) + "\n"


def overlay_json(overlaid: Mapping[str, Any]) -> str:
    """The overlay as it was given, in ASCII."""
    return json.dumps(overlaid, indent=2, sort_keys=True) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(re.sub(r"([|\\<>\[\]])", r"\\\1", prose(cell)) for cell in cells) + " |"
