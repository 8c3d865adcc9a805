"""An upgrade finds what the package before it brought: no object loses its identity.

`identities/<format>.txt` lists what the packages of the last version brought. After a release, and only then, run with
SIGMAGEN_UPDATE_IDENTITIES=1 to renew the lists.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.detections import collect_content
from sigmagen.convert.converter import Converter
from sigmagen.packages.formats import load_format
from sigmagen.rules.load import load_rules

LISTS = Path(__file__).parent / "identities"


def in_splunk(folder: Path) -> Iterator[str]:
    """Stanzas of all configuration files, and files that Splunk finds by name."""
    for archive in folder.glob("*.tgz"):
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
            for member in tar.getmembers():
                file = tar.extractfile(member)
                if file and member.name.endswith(".conf"):
                    stanzas = re.findall(r"(?m)^\[(.+)\]$", file.read().decode())
                    yield from (f"{member.name} [{stanza}]" for stanza in stanzas)
                elif file and "/ui/" in member.name:
                    yield member.name


def in_elastic(folder: Path) -> Iterator[str]:
    """Rules, saved objects and templates."""
    for line in (folder / "rules.ndjson").read_text("utf-8").splitlines():
        yield f"rule {json.loads(line)['rule_id']}"
    for line in (folder / "saved_objects.ndjson").read_text("utf-8").splitlines():
        document = json.loads(line)
        if "id" in document:
            yield f"{document['type']} {document['id']}"
    yield from (f"{path.parent.name} template {path.stem}" for path in (folder / "templates").glob("*/*.json"))


def in_sentinel(folder: Path) -> Iterator[str]:
    """Resources of all templates."""
    for path in (folder / "repositories").rglob("*.json"):
        for resource in json.loads(path.read_text("utf-8"))["resources"]:
            yield f"{resource['type']} {resource['name']}"


FORMATS: dict[str, Callable[[Path], Iterator[str]]] = {
    "splunk": in_splunk,
    "elastic": in_elastic,
    "sentinel": in_sentinel,
}


@pytest.mark.parametrize("name", FORMATS)
def test_upgrade_keeps_every_identity(name: str, tmp_path: Path) -> None:
    rules, mappings = rules_folder(), mappings_folder()
    converter, package = Converter.load(mappings), load_format(name)
    loaded = load_rules([rules], rules_folder=rules, mappings_folder=mappings)
    package.write(collect_content(converter, loaded.files, package.TARGET), tmp_path, converter, {})
    brought = set(FORMATS[name](tmp_path))
    known = LISTS / f"{name}.txt"
    if os.environ.get("SIGMAGEN_UPDATE_IDENTITIES"):
        known.write_text("\n".join(sorted(brought)) + "\n", "utf-8")
    assert set(known.read_text("utf-8").splitlines()) - brought == set()
