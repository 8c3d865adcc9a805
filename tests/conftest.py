"""What all tests share: the Elasticsearch, the KQL parser and the validators that some of them need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from sigmagen.engines.kusto_language import KustoLanguage, bundle
from sigmagen.problems import SigmagenError
from sigmagen.proof.ledger import Figures
from tests.lakes import opener
from tests.sampling import SEED, THOROUGH, is_chosen

ELASTICSEARCH_VARIABLE = "SIGMAGEN_ELASTICSEARCH_URL"
NO_ELASTICSEARCH = f"needs an Elasticsearch: run `make elasticsearch`, then set {ELASTICSEARCH_VARIABLE} as it prints"
NO_KUSTO_LANGUAGE = f"needs Microsoft's KQL parser: {bundle.HOW_TO_GET}"

VALIDATORS = Path(__file__).parents[1] / "build" / "validators" / "venv" / "bin"
NOT_CHOSEN = f"not in the sample of seed {SEED} (SIGMAGEN_PROOF_SEED): `make thorough` runs it, too"
NO_VALIDATORS = "needs splunk-appinspect and ksconf: run `make validators`"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a server run one after the other, whatever runs beside them.

    First of all, because pytest-xdist reads the groups in the same hook.
    """
    for item in items:
        if item.get_closest_marker("elasticsearch"):
            item.add_marker(pytest.mark.xdist_group("elasticsearch"))
        if lake := item.get_closest_marker("lake"):
            item.add_marker(pytest.mark.xdist_group(lake.args[0]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what a marker says can't run here before any of its fixtures is set up."""
    if item.get_closest_marker("elasticsearch") and not os.environ.get(ELASTICSEARCH_VARIABLE):
        pytest.skip(NO_ELASTICSEARCH)
    if (lake := item.get_closest_marker("lake")) and isinstance(reason := opener(*lake.args), str):
        pytest.skip(reason)
    if item.get_closest_marker("thorough") and not os.environ.get("SIGMAGEN_THOROUGH"):
        pytest.skip("takes minutes: `make thorough` runs it, too")
    sampled = item.get_closest_marker("sampled")
    named = any("::" in argument for argument in item.config.args)
    # pytest-xdist adds the name of a group to that of the test.
    if sampled and not named and not is_chosen(item.nodeid.partition("@")[0], *sampled.args):
        pytest.skip(NOT_CHOSEN)
    if item.get_closest_marker("kusto_language") and not _has_kusto_language():
        pytest.skip(NO_KUSTO_LANGUAGE)
    if item.get_closest_marker("validators") and not all(map(validator, ("splunk-appinspect", "ksconf"))):
        pytest.skip(NO_VALIDATORS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many cells of the verification matrix were executed, and how many were remembered."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    figures = [
        Figures(*value)
        for report in reports
        if getattr(report, "when", None) == "teardown"
        for key, value in report.user_properties
        if key == "proof"
    ]
    if figures and not THOROUGH:
        terminalreporter.write_line(f"proof: {sum(figures, Figures()).text(SEED)}")


def validator(name: str) -> Path | None:
    """The command of a vendor's validator, if `make validators` has installed it."""
    path = VALIDATORS / name
    return path if path.exists() else None


def _has_kusto_language() -> bool:
    try:
        bundle.load_scripts()
    except SigmagenError:
        return False
    return find_spec("py_mini_racer") is not None


@pytest.fixture(autouse=True)
def no_server_unasked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test without the marker doesn't see the server: what it writes there would be in the way of those beside it."""
    if not request.node.get_closest_marker("elasticsearch"):
        monkeypatch.delenv(ELASTICSEARCH_VARIABLE, raising=False)


@pytest.fixture(autouse=True)
def no_secret_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test keeps secret may be a word in another."""
    monkeypatch.setattr("sigmagen.net.secrets._remembered", set())
    monkeypatch.setattr("sigmagen.net.settings._from_keyring", {})


@pytest.fixture(scope="session")
def elasticsearch_url() -> str:
    """The server's URL. A test that uses it carries the `elasticsearch` marker."""
    url = os.environ.get(ELASTICSEARCH_VARIABLE)
    if not url:
        pytest.skip(NO_ELASTICSEARCH)
    return url.rstrip("/")


@pytest.fixture(scope="session")
def kusto_language() -> Iterator[KustoLanguage]:
    """Microsoft's KQL parser. A test that uses it carries the `kusto_language` marker."""
    if not _has_kusto_language():
        pytest.skip(NO_KUSTO_LANGUAGE)
    with KustoLanguage() as language:
        yield language
