"""A packaged Splunk app, read back as Splunk reads it: independent of what wrote it."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.detections import collect_content
from sigmagen.convert.converter import Converter, Query
from sigmagen.durations import DAY, MINUTE
from sigmagen.engines.alert import Alert
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.overlay import Overlay
from sigmagen.packages.splunk import write
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import RuleFile

APP = "sigmagen_model_extraction"
ADDON = "TA-sigmagen_model_extraction"
CONVERTER = Converter.load(mappings_folder())
FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files

FED = collect_content(CONVERTER, FILES, "splunk").sources
"""The sources that a rule can read: a package has no more."""

LISTS = {
    "sigmagen_ai_service_principals": (
        '"svc-batch-summariser", "arn:aws:sts::111122223333:assumed-role/batch-summariser",'
        ' "arn:aws:iam::111122223333:role/batch-summariser"'
    ),
    "sigmagen_shared_egress_addresses_ip": '"192.0.2.200", "::ffff:192.0.2.200"',
}
"""What a tenant would put into the macros of the lists that the rules' own tests presume."""

WEEK = 7 * DAY // MINUTE

Conf = dict[str, dict[str, str]]


def package(
    folder: Path,
    files: Sequence[RuleFile] = FILES,
    sources: Sequence[str] | None = None,
    overlay: Overlay | None = None,
    overlaid: Mapping[str, Any] | None = None,
) -> Path:
    """The archive of an app with these rules."""
    folder.mkdir(exist_ok=True)
    converter = overlay.converter(CONVERTER) if overlay else CONVERTER
    data = overlaid if overlaid is not None else overlay.data if overlay else {}
    write(collect_content(converter, files, "splunk", sources, overlay), folder, converter, data)
    (archive,) = folder.glob(f"{APP}-*.tgz")
    return archive


def addon(archive: Path) -> dict[str, str]:
    """The files of the add-on beside an app, by their path below its folder."""
    (found,) = archive.parent.glob(f"{ADDON}-*.tgz")
    return unpack(found, ADDON)


def unpack(archive: Path, root: str = APP) -> dict[str, str]:
    """The files of an archive, by their path below its one folder."""
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
        return {
            member.name.removeprefix(f"{root}/"): tar.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in members
        }


def read_conf(text: str) -> Conf:
    """A .conf file: a line that ends with a backslash goes on in the next one."""
    conf: Conf = {}
    stanza: dict[str, str] = conf.setdefault("default", {})
    lines = iter(text.split("\n"))
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if header := re.fullmatch(r"\[(.*)\]\s*", line):
            assert header[1] not in conf, f"stanza {header[1]} is there twice"
            stanza = conf.setdefault(header[1], {})
            continue
        while line.endswith("\\"):
            line = line[:-1] + "\n" + next(lines)
        key, equals, value = line.partition("=")
        assert equals, f"no setting: {line!r}"
        assert key.strip() not in stanza, f"setting {key} is there twice"
        stanza[key.strip()] = value.strip()
    if not conf["default"]:
        del conf["default"]
    return conf


def macros(files: Mapping[str, str]) -> dict[str, str]:
    """The definitions of an app's macros."""
    return {name: stanza["definition"] for name, stanza in read_conf(files["default/macros.conf"]).items()}


def expand(search: str, definitions: Mapping[str, str]) -> str:
    """A search with its macros expanded; inside quotes Splunk expands none."""

    def one(found: re.Match[str]) -> str:
        return found[0] if found["quoted"] else definitions[found["name"]]

    return re.sub(r'(?P<quoted>"(?:[^"\\]|\\.)*")|`(?P<name>[^`]+)`', one, search, flags=re.DOTALL)


def minutes(expression: str) -> Iterator[int]:
    """The minutes of a week at which a cron expression is due; only minute and hour are restricted."""
    minute, hour, *rest = expression.split()
    assert rest == ["*", "*", "*"]
    parts = [_values(text, size) for text, size in ((minute, 60), (hour, 24))]
    yield from (m for m in range(WEEK) if m % 60 in parts[0] and m // 60 % 24 in parts[1])


def _values(text: str, size: int) -> set[int]:
    found = re.fullmatch(r"(\*)|(\d+)(?:-(\d+)/(\d+))?", text)
    assert found, text
    if found[1]:
        return set(range(size))
    return set(range(int(found[2]), int(found[3] or found[2]) + 1, int(found[4] or 1)))


class PackagedSearches(SplunkLocalEngine):
    """Runs the app's saved searches in place of the queries that it is asked to run."""

    def __init__(self, files: Mapping[str, str], definitions: Mapping[str, str]) -> None:
        super().__init__()
        self._definitions = definitions
        self._saved = read_conf(files["default/savedsearches.conf"])
        self.ran: set[str] = set()

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        """The alerts of the saved search of this rule, source and mode."""
        kind = {"alert": "Rule", "hunt": "Hunt"}[query.mode]
        name = f"Sigmagen - {query.rule.name}.{query.source.name} - {kind}"
        self.ran.add(name)
        text = expand(self._saved[name]["search"], self._definitions)
        return super().run(replace(query, text=text), start, end)
