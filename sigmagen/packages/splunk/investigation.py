"""A form for each detection that asks every pivot of an alert, in Simple XML.

The values go into the searches as percent-encoded tokens, so nothing that an attacker chose is read as SPL. The time
ranges are computed by a search of their own, and no pivot runs before there are any.

https://help.splunk.com/en/splunk-enterprise/create-dashboards-and-reports/simple-xml-dashboards
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from sigmagen.content.investigate.build import PivotTemplate, stage_of, templates_for
from sigmagen.content.investigate.pivots import Playbook, Range, load_playbook
from sigmagen.content.investigate.subject import SubjectTemplate
from sigmagen.convert.converter import Converter
from sigmagen.packages.splunk.conf import prose
from sigmagen.packages.splunk.macros import by_macro
from sigmagen.packages.splunk.searches import Packaged

COLLECTION = "Investigate"
"""What the forms stand under in the app's menu."""

_LONGEST_NAME = 60

_HOW = (
    "Submit lists the alerts of the time range; a click on one fills in its values. Submit again, and the pivots run. "
    "They look at what surrounds the window, whatever the time range."
)


@dataclass(frozen=True)
class Investigation:
    """The form of a detection: its name, its parameters, and the pivots that it asks."""

    item: Packaged
    view: str
    template: SubjectTemplate
    pivots: tuple[PivotTemplate, ...]

    @property
    def title(self) -> str:
        """What people read."""
        return f"{COLLECTION}: {self.item.title}"


def investigations(items: Iterable[Packaged], converter: Converter) -> list[Investigation]:
    """The forms of all detections; none for one of which no pivot can be asked."""
    through_macros = by_macro(converter)
    found: dict[str, Investigation] = {}
    for item in items:
        source = next(part for part in through_macros.feeding(item.rule) if part.name == item.source.name)
        template = SubjectTemplate.of(item.alert.columns.values())
        pivots, _ = templates_for(through_macros, item.rule, source, "splunk", template)
        view = "investigate_" + re.sub(r"[^a-z0-9]+", "_", item.key.lower())[:_LONGEST_NAME]
        view = view if view not in found else f"{view}_{item.detection.id[:8]}"
        if pivots:
            found[view] = Investigation(item, view, template, tuple(pivots))
    return list(found.values())


def form(investigation: Investigation, book: Playbook) -> str:
    """The view's XML."""
    stage = stage_of(investigation.item.rule)
    rows = [
        _list("What would make this harmless?", book.said(book.questions, stage)),
        _alerts(investigation),
        *_pivots(investigation, book),
        _list("Response", book.said(book.response, stage)),
    ]
    return (
        '<form version="1.1" theme="light">\n'
        f"  <label>{escape(investigation.title)}</label>\n"
        f"  <description>{escape(_HOW)}</description>\n"
        f"{_ranges(investigation, book)}"
        '  <fieldset submitButton="true" autoRun="false">\n'
        '    <input type="time" token="range"><label>Alerts in</label>'
        "<default><earliest>-7d</earliest><latest>now</latest></default></input>\n"
        f"{''.join(_inputs(investigation.template))}"
        "  </fieldset>\n" + "".join(rows) + "</form>\n"
    )


def _inputs(template: SubjectTemplate) -> Iterator[str]:
    labels = {parameter.name: field for field, parameter in template.group.items()}
    labels |= {template.start.name: "Window start (epoch seconds)", template.end.name: "Window end (epoch seconds)"}
    for name, label in labels.items():
        yield f'    <input type="text" token="{name}"><label>{escape(prose(label))}</label></input>\n'


def _ranges(investigation: Investigation, book: Playbook) -> str:
    """A search that computes the time ranges of the pivots, and sets them where the window is one."""
    start, end = (f'tonumber("${edge.name}|u$")' for edge in (investigation.template.start, investigation.template.end))
    used = {pivot.pivot.range: book.ranges[pivot.pivot.range] for pivot in investigation.pivots}
    edges = {
        token: value for name, part in used.items() for token, value in zip(_edges(name), _around(part), strict=True)
    }
    computed = "".join(f", {token}={value}" for token, value in edges.items())
    query = f"| makeresults | eval start={start}, end={end} | where start < end | eval {computed[2:]}"
    tokens = "".join(f'<set token="{token}">$result.{token}$</set>' for token in edges)
    unset = "".join(f'<unset token="{token}"></unset>' for token in edges)
    return (
        f"  <search><query>{escape(query)}</query><earliest>-1m</earliest><latest>now</latest>\n"
        f"    <done><condition match=\"'job.resultCount' != 0\">{tokens}</condition>"
        f"<condition>{unset}</condition></done></search>\n"
    )


def _edges(name: str) -> tuple[str, str]:
    """The tokens of a range's start and end."""
    return f"from_{name}", f"to_{name}"


def _around(part: Range) -> tuple[str, str]:
    """A range's start and end in SPL; the end a second later, because `latest` is whole seconds."""
    before, after = ("(end-start)" if length is None else str(length // 1000) for length in (part.before, part.after))
    return f"floor(start-{before})", f"ceiling(end+{after})+1"


def _alerts(investigation: Investigation) -> str:
    """What the rule finds in the time range, one row for each group as in an alert; a click fills the form in."""
    item, template = investigation.item, investigation.template
    by = f" BY {', '.join(item.columns)}" if item.columns else ""
    query = (
        f'| savedsearch "{item.hunt_name}" nosubstitution=true\n'
        f"| stats count AS windows, max(value) AS value, min(window_start) AS start, max(window_end) AS end{by}\n"
        "| sort 0 - value\n"
        '| eval first=strftime(start, "%Y-%m-%dT%H:%M:%S%z"), last=strftime(end, "%Y-%m-%dT%H:%M:%S%z")'
    )
    values = {parameter.name: column for column, parameter in zip(item.columns, template.group.values(), strict=True)}
    values |= {template.start.name: "start", template.end.name: "end"}
    tokens = "".join(f'<set token="form.{name}">$row.{column}$</set>' for name, column in values.items())
    return (
        f"  <row><panel><title>Alerts of this rule</title>\n"
        f"    <table><search><query>{escape(query)}</query>"
        "<earliest>$range.earliest$</earliest><latest>$range.latest$</latest></search>"
        '<option name="drilldown">row</option><option name="count">10</option>'
        f"<drilldown>{tokens}</drilldown></table>\n  </panel></row>\n"
    )


def _pivots(investigation: Investigation, book: Playbook) -> Iterator[str]:
    several = len(investigation.item.source.parts) > 1
    for name, title in book.sections.items():
        for pivot in investigation.pivots:
            if pivot.pivot.section == name:
                place = f" ({pivot.source.title})" if several else ""
                text = _only_tokens(pivot.text, investigation.template)
                yield _pivot(pivot, f"{title}: {pivot.pivot.title}{place}", text)


def _only_tokens(text: str, template: SubjectTemplate) -> str:
    """A search in which nothing but the parameters is a token: any other dollar sign is doubled."""
    names = "|".join(parameter.name for parameter in (*template.group.values(), template.start, template.end))
    return re.sub(rf"(\$(?:{names})\|u\$)|\$", lambda found: found[1] or "$$", text)


def _pivot(pivot: PivotTemplate, title: str, text: str) -> str:
    start, end = _edges(pivot.pivot.range)
    panel = re.sub(r"\W+", "_", f"{pivot.pivot.id}_{pivot.source.name}", flags=re.ASCII)
    lacking = f" Not in this log: {', '.join(sorted(pivot.without))}." if pivot.without else ""
    return (
        f'  <row depends="${start}$"><panel><title>{escape(prose(title))}</title>\n'
        f"    <html><p>{escape(prose(pivot.pivot.question + lacking))}</p></html>\n"
        f'    <table id="{panel}"><search><query>{escape(text)}</query>'
        f"<earliest>${start}$</earliest><latest>${end}$</latest></search>"
        '<option name="drilldown">none</option><option name="count">20</option></table>\n  </panel></row>\n'
    )


def _list(title: str, lines: Sequence[str]) -> str:
    listed = "".join(f"<li>{escape(prose(line))}</li>" for line in lines)
    return f"  <row><panel><title>{escape(title)}</title>\n    <html><ul>{listed}</ul></html>\n  </panel></row>\n"


def forms(found: Iterable[Investigation], converter: Converter) -> dict[str, str]:
    """The files of the forms."""
    book = load_playbook(converter.mappings)
    return {f"default/data/ui/views/{item.view}.xml": form(item, book) for item in found}
