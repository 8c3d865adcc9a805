"""What goes where: settings for parsing reach whoever parses, settings for searching whoever searches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sigmagen.packages.splunk.target import SplunkTarget
from tests.packages.splunk.app import ADDON, APP, CONVERTER, FED, addon, package, read_conf, unpack

Props = dict[str, dict[str, str]]

PARSING = SplunkTarget.load(CONVERTER.mappings).parse_time

BEFORE: Props = {
    "sigmagen:canonical:json": {
        "KV_MODE": "json",
        "SHOULD_LINEMERGE": "0",
        "LINE_BREAKER": r"([\r\n]+)",
        "TRUNCATE": "0",
        "TIME_PREFIX": r'"@timestamp"\s*:\s*"',
        "TIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%3N%Z",
        "MAX_TIMESTAMP_LOOKAHEAD": "32",
        "TZ": "UTC",
    },
    "litellm:proxy:json": {
        "KV_MODE": "json",
        "SHOULD_LINEMERGE": "0",
        "LINE_BREAKER": r"([\r\n]+)",
        "TRUNCATE": "0",
        "TIME_PREFIX": r'"startTime"\s*:\s*',
        "TIME_FORMAT": "%s.%6N",
        "MAX_TIMESTAMP_LOOKAHEAD": "32",
    },
}
"""props.conf of the first package, which was the app alone."""

OWN: Props = {
    sourcetype: {key: str(value) for key, value in settings.items()}
    for source in FED
    for sourcetype, settings in source.stored["splunk"].props.items()
}
"""What the mappings of the packaged sources say today."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(tmp_path_factory.mktemp("app") / "out")


def props(files: dict[str, str]) -> Props:
    return read_conf(files["default/props.conf"])


def acting(installed: Props, *, parses: bool, searches: bool) -> Props:
    """The settings that do something on a server."""
    wanted = {True: parses, False: searches}
    found = {
        name: {key: value for key, value in stanza.items() if wanted[key in PARSING]}
        for name, stanza in installed.items()
    }
    return {name: stanza for name, stanza in found.items() if stanza}


def test_whoever_parses_has_the_settings_for_parsing_and_no_other(archive: Path) -> None:
    installed = props(addon(archive))
    assert acting(installed, parses=True, searches=False) == installed
    assert installed == acting(OWN, parses=True, searches=False)


def test_whoever_searches_has_the_settings_for_searching(archive: Path) -> None:
    installed = props(unpack(archive))
    assert acting(installed, parses=False, searches=True) == {name: {"KV_MODE": "json"} for name in OWN}


def test_a_single_server_that_upgrades_the_app_alone_reads_as_before(archive: Path) -> None:
    installed = props(unpack(archive))
    assert installed == OWN
    assert {name: installed[name] for name in BEFORE} == BEFORE


def test_a_single_server_with_both_reads_as_before(archive: Path) -> None:
    both = {name: {**stanza, **props(addon(archive)).get(name, {})} for name, stanza in props(unpack(archive)).items()}
    assert both == OWN


def test_each_says_where_it_belongs(archive: Path) -> None:
    manifests = {name: json.loads(files["app.manifest"]) for name, files in parts(archive).items()}
    assert manifests[APP]["targetWorkloads"] == ["_search_heads"]
    assert manifests[ADDON]["targetWorkloads"] == ["_indexers", "_forwarders"]
    for name, files in parts(archive).items():
        assert manifests[name]["info"]["id"]["name"] == read_conf(files["default/app.conf"])["package"]["id"] == name
        assert f"`{ADDON if name == APP else APP}`" in files["README.md"]


def test_the_add_on_has_nothing_to_run_or_to_show(archive: Path) -> None:
    assert set(addon(archive)) == {
        *("README.md", "app.manifest", "default/app.conf", "default/props.conf", "metadata/default.meta"),
    }


def test_sources_with_an_add_on_of_their_own_need_none(tmp_path: Path) -> None:
    archive = package(tmp_path / "out", sources=["cloudtrail"])
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def parts(archive: Path) -> dict[str, dict[str, str]]:
    return {APP: unpack(archive), ADDON: addon(archive)}
