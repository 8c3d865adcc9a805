"""Opens the engine of a target, by the settings: one function for each target.

It returns a function that connects, or the reason why no engine is available. It raises SigmagenError for invalid
settings, before any server is contacted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from importlib.util import find_spec

from sigmagen.engines.alert import Engine
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.net.settings import (
    DOCUMENT,
    ELASTICSEARCH_URL,
    SENTINEL_WORKSPACE,
    SERVICE,
    SPLUNK_CA_FILE,
    SPLUNK_TOKEN,
    SPLUNK_URL,
    read_file_setting,
    read_resource_id,
    read_secret,
    read_setting,
)
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.targets import registry
from sigmagen.targets.target import load

Connect = Callable[[], Engine]


def open_engines(names: Iterable[str], taxonomy: Taxonomy, stack: ExitStack) -> dict[str, Engine | str]:
    """Return the engine of each target, or the reason why it has none. The stack closes the engines.

    Raises SigmagenError for all unknown targets and invalid settings, before any server is contacted.
    """
    ready: dict[str, Connect | str] = {}
    problems: list[Problem] = []
    for name in names:
        target = registry.targets().get(name)
        if target is None:
            hint = f"available: {', '.join(registry.verifiable())}"
            problems.append(Problem("unknown-target", f"unknown target {name!r}", hint=hint))
            continue
        try:
            ready[name] = load(target.engine)(taxonomy) if target.engine else f"{name} has no engine"
        except SigmagenError as error:
            problems += error.problems
    if problems:
        raise SigmagenError(problems, EXIT_USAGE)
    return {
        name: connect if isinstance(connect, str) else stack.enter_context(connect()) for name, connect in ready.items()
    }


def open_duckdb(taxonomy: Taxonomy) -> Connect:
    """DuckDB in this process."""
    from sigmagen.engines.duckdb import DuckDBEngine

    return DuckDBEngine


def open_elasticsearch(taxonomy: Taxonomy) -> Connect | str:
    """The Elasticsearch in the settings."""
    url = read_setting(ELASTICSEARCH_URL)
    if not url:
        return f"ES|QL needs an Elasticsearch: set {ELASTICSEARCH_URL} (`make elasticsearch` starts one)"
    from sigmagen.engines.elasticsearch import ElasticsearchEngine
    from sigmagen.net.elasticsearch import read_client_options

    read_client_options()
    return lambda: ElasticsearchEngine(url, taxonomy)


def open_splunk(taxonomy: Taxonomy) -> Connect:
    """The Splunk in the settings, or else our SPL interpreter."""
    url = read_setting(SPLUNK_URL)
    if not url:
        from sigmagen.engines.splunk_local import SplunkLocalEngine

        return SplunkLocalEngine
    from sigmagen.engines.splunk import SplunkEngine
    from sigmagen.engines.splunk_rest import SplunkClient

    token, authority = read_secret(SPLUNK_TOKEN), read_file_setting(SPLUNK_CA_FILE)
    if not token:
        hint = f"set it in the environment, or: keyring set {SERVICE} {SPLUNK_TOKEN}; see {DOCUMENT}"
        problem = Problem("missing-setting", f"{SPLUNK_URL} is set, {SPLUNK_TOKEN} is not", hint=hint)
        raise SigmagenError(problem, EXIT_USAGE)
    return lambda: SplunkEngine(SplunkClient(url, token, authority))


def open_sentinel(taxonomy: Taxonomy) -> Connect | str:
    """The workspace in the settings, or else duckdb-kql."""
    workspace = read_setting(SENTINEL_WORKSPACE)
    former, _ = read_resource_id()
    if not workspace or workspace == former:
        return _open_kusto(taxonomy)
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", workspace):
        message = f"{SENTINEL_WORKSPACE} is not a workspace id (a GUID)"
        raise SigmagenError(
            Problem("no-workspace", message, hint="the portal shows it under Overview, Workspace ID"), EXIT_USAGE
        )
    if not (is_installed("azure.monitor.query") and is_installed("azure.identity")):
        return f"{SENTINEL_WORKSPACE} is set, but Azure needs: pip install 'sigmagen-extraction[azure]'"
    from sigmagen.engines.sentinel import TIMEOUT, SentinelEngine
    from sigmagen.net.azure import logs_client

    return lambda: SentinelEngine(workspace, taxonomy, logs_client(TIMEOUT + 30))


def _open_kusto(taxonomy: Taxonomy) -> Connect | str:
    if not is_installed("duckdb_kql"):
        return "KQL needs duckdb-kql: pip install 'sigmagen-extraction[kusto]'"
    from sigmagen.engines.kusto_local import KustoLocalEngine

    return lambda: KustoLocalEngine(taxonomy)


def is_installed(module: str) -> bool:
    """Whether a module can be imported, even if its parent package is missing."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
