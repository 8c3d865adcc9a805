"""A form of the app, filled in and run as Splunk does it: independent of what wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from sigmagen.engines.splunk_local import SplunkLocalEngine
from tests.packages.splunk.app import expand, macros, read_conf

TOKEN = re.compile(r"\$\$|\$([\w.]+)(?:\|([a-z]))?\$")
UNTOUCHED = "-_.!~*'()"
"""What encodeURIComponent leaves as it is, besides letters and digits."""
SAVED = re.compile(r'\| savedsearch "([^"]+)" nosubstitution=true')


class Form:
    """A view, its tokens, and the engine that runs its searches."""

    def __init__(
        self, files: Mapping[str, str], view: str, engine: SplunkLocalEngine, lists: Mapping[str, str]
    ) -> None:
        self.xml = ElementTree.fromstring(files[f"default/data/ui/views/{view}.xml"])
        self.inputs = [str(found.get("token")) for found in self.xml.iter("input")]
        self.tokens: dict[str, str] = {}
        self._engine = engine
        self._definitions = {**macros(files), **lists}
        self._saved = read_conf(files["default/savedsearches.conf"])

    def fill(self, values: Mapping[str, Any]) -> None:
        """What a person types or a click fills in, and Submit."""
        assert set(values) <= set(self.inputs), "there is no such input"
        self.tokens |= {name: str(value) for name, value in values.items()}
        ranges = self.xml.find("search")
        assert ranges is not None
        condition, otherwise = ranges.iter("condition")
        rows = self._engine.execute(self._filled(ranges, ranges), 0, 1)
        for chosen in (condition if rows else otherwise).iter("set"):
            self.tokens[str(chosen.get("token"))] = self._written(rows[0][str(chosen.text).split(".")[1].rstrip("$")])
        for removed in () if rows else otherwise.iter("unset"):
            self.tokens.pop(str(removed.get("token")), None)

    def panels(self) -> dict[str, ElementTree.Element]:
        """The tables of pivots by id: those that are shown."""
        shown = [row for row in self.xml.iter("row") if str(row.get("depends", "")).strip("$") in (*self.tokens, "")]
        return {table.attrib["id"]: table for row in shown for table in row.iter("table") if "id" in table.attrib}

    def run(self, table: ElementTree.Element) -> list[dict[str, Any]]:
        """The rows of a table over its own time range; KeyError where a token is not there, and Splunk would wait."""
        search = table.find("search")
        assert search is not None
        start, end = (float(self._text(str(search.findtext(edge)))) for edge in ("earliest", "latest"))
        return self._engine.execute(self._filled(search, table), round(start * 1000), round(end * 1000))

    def alerts(self, start: int, end: int) -> list[dict[str, str]]:
        """What a click on each row of the rule's alerts fills in."""
        table = next(found for found in self.xml.iter("table") if "id" not in found.attrib)
        self.tokens |= {"range.earliest": str(start / 1000), "range.latest": str(end / 1000)}
        return [
            {
                str(found.get("token")).removeprefix("form."): self._written(row[str(found.text).split(".")[1][:-1]])
                for found in table.iter("set")
            }
            for row in self.run(table)
        ]

    def _filled(self, search: ElementTree.Element, where: ElementTree.Element) -> str:
        text = self._text(str(search.findtext("query")))
        text = SAVED.sub(lambda found: self._saved[found[1]]["search"], text)
        return expand(text, self._definitions)

    def _text(self, text: str) -> str:
        def one(found: re.Match[str]) -> str:
            if found[0] == "$$":
                return "$"
            value = self.tokens[found[1]]
            return quote(value, safe=UNTOUCHED) if found[2] == "u" else value

        return TOKEN.sub(one, text)

    @staticmethod
    def _written(value: Any) -> str:
        """A number as Splunk writes it."""
        return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
