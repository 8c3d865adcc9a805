"""The pack's dashboard, in Simple XML: what is installed, what fired, and the hunt and readiness of one detection.

Nothing of a rule is in its XML: it reads the lookup of all detections, whose keys are letters, digits and `_.+-`.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from sigmagen.packages.splunk.app import DASHBOARD, LABEL, LOOKUP
from sigmagen.packages.splunk.conf import prose
from sigmagen.packages.splunk.investigation import COLLECTION, Investigation
from sigmagen.packages.splunk.savedsearches import APP
from sigmagen.packages.splunk.searches import TITLE

_FIRED = f'index=_audit action=alert_fired ss_app="{APP}"'

_OPEN = f'<drilldown><link target="_blank">/app/{APP}/$row.view$</link></drilldown>'


def navigation(investigations: Sequence[Investigation]) -> str:
    """default/data/ui/nav/default.xml; the forms to investigate with stand under their source."""
    by_source: dict[str, list[str]] = {}
    for item in investigations:
        by_source.setdefault(prose(item.item.source.title), []).append(item.view)
    collections = "".join(
        f"    <collection label={quoteattr(title)}>\n"
        + "".join(f'      <view name="{view}"/>\n' for view in views)
        + "    </collection>\n"
        for title, views in sorted(by_source.items())
    )
    return (
        '<nav search_view="search" color="#2b3a55">\n'
        f'  <view name="{DASHBOARD}" default="true"/>\n'
        f'  <collection label="{COLLECTION}">\n{collections}  </collection>\n'
        '  <view name="search"/>\n  <view name="reports"/>\n  <view name="alerts"/>\n</nav>\n'
    )


def dashboard() -> str:
    """default/data/ui/views/model_extraction.xml."""
    installed = (
        f"| inputlookup {LOOKUP} | table title, level, enabled, every, lookback, group_by, mitre_atlas, owasp_llm, view"
    )
    fired = (
        f'{_FIRED} | head 50 | eval detection=replace(ss_name, "^{TITLE} - | - Rule", "") '
        f"| lookup {LOOKUP} detection OUTPUT view | table _time, ss_name, severity, sid, view"
    )
    rows = [
        _panel("Alerts that fired", _chart(f"{_FIRED} | timechart count BY ss_name")),
        _panel("The last 50: a click opens the form to investigate with", _table(fired, _OPEN)),
        _panel("Hunt: every window of the chosen detection in the time range", _table(_saved("Hunt"))),
        _panel("The events that it looks at", _table(_saved("Events") + " | head 100")),
        _panel("Readiness: does the source carry what it needs?", _table(_saved("Readiness"))),
        _panel("Installed detections: a click opens the form to investigate with", _table(installed, _OPEN)),
    ]
    return (
        '<form version="1.1" theme="light">\n'
        f"  <label>{escape(LABEL)}</label>\n"
        "  <description>Detections of this app, what they found, and whether your logs carry what they need."
        "</description>\n"
        '  <fieldset submitButton="true" autoRun="false">\n'
        '    <input type="time" token="range"><label>Time range</label>'
        "<default><earliest>-7d</earliest><latest>now</latest></default></input>\n"
        '    <input type="dropdown" token="key"><label>Detection</label>'
        "<fieldForLabel>title</fieldForLabel><fieldForValue>detection</fieldForValue>"
        f"<search><query>| inputlookup {LOOKUP} | sort 0 title | table title, detection</query></search>"
        "<selectFirstChoice>true</selectFirstChoice></input>\n"
        "  </fieldset>\n" + "".join(rows) + "</form>\n"
    )


def _saved(kind: str) -> str:
    return f'| savedsearch "{TITLE} - $key$ - {kind}" nosubstitution=true'


def _panel(title: str, content: str) -> str:
    return f"  <row><panel><title>{escape(title)}</title>\n{content}  </panel></row>\n"


def _search(query: str) -> str:
    return (
        f"<search><query>{escape(query)}</query>"
        "<earliest>$range.earliest$</earliest><latest>$range.latest$</latest></search>"
    )


def _table(query: str, click: str = "") -> str:
    kind = "row" if click else "cell"
    return (
        f'    <table>{_search(query)}<option name="drilldown">{kind}</option><option name="count">20</option>{click}'
        "</table>\n"
    )


def _chart(query: str) -> str:
    return f'    <chart>{_search(query)}<option name="charting.chart">column</option></chart>\n'
