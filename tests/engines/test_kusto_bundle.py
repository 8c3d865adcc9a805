"""Microsoft's parser is fetched whole or not at all, and only the pinned package."""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import tarfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from sigmagen.engines.kusto_language import KustoLanguage, bundle
from sigmagen.problems import SigmagenError


def package(*names: str) -> bytes:
    """An npm tarball with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    return buffer.getvalue()


PACKAGE = package(*bundle.SCRIPTS, "package.json", "index.html")
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(PACKAGE).digest()).decode()


class Registry(BaseHTTPRequestHandler):
    """A registry with one package."""

    def do_GET(self) -> None:
        there = self.path == "/npm/@kusto/language-service-next/-/language-service-next-12.4.1.tgz"
        self.send_response(200 if there else 404)
        self.end_headers()
        if there:
            self.wfile.write(PACKAGE)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine without npm, and a registry for it."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/npm/"
        server.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the parser goes to."""
    monkeypatch.setenv(bundle.HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("variable", ["npm_config_registry", "NPM_CONFIG_REGISTRY"])
def test_the_package_comes_from_the_configured_registry(
    variable: str, registry: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bundle, "INTEGRITY", INTEGRITY)
    monkeypatch.setenv(variable, registry)
    assert bundle.main() == 0
    assert capsys.readouterr().out.strip() == str(home / bundle.VERSION)
    assert [path.name for path in bundle.load_scripts()] == list(bundle.SCRIPTS)
    assert {path.name for path in home.iterdir()} == {bundle.VERSION}
    assert (home / bundle.VERSION / "package.json").is_file()


def test_a_fetched_package_is_not_fetched_again(registry: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "INTEGRITY", INTEGRITY)
    monkeypatch.setenv("npm_config_registry", registry)
    first = bundle.fetch()
    monkeypatch.setenv("npm_config_registry", f"{registry}gone")
    assert bundle.fetch() == first


def test_package_with_other_hash_is_not_stored(
    registry: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("npm_config_registry", registry)
    assert bundle.main() not in (0, bundle.EXIT_UNREACHABLE)
    assert "is not the pinned package" in capsys.readouterr().err
    assert not home.exists()


@pytest.mark.parametrize("where", ["{registry}missing", "http://127.0.0.1:9/", "nonsense", "file:///nowhere"])
def test_unreachable_registry_is_reported(
    where: str, registry: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("npm_config_registry", where.format(registry=registry))
    assert bundle.main() == bundle.EXIT_UNREACHABLE
    assert "can't fetch @kusto/language-service-next 12.4.1" in capsys.readouterr().err
    assert not home.exists()


@pytest.mark.parametrize("script", ["echo no network >&2; exit 1", "exit 0"])
def test_failing_npm_is_reported(
    script: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent))
    assert bundle.main() == bundle.EXIT_UNREACHABLE
    assert "npm:" in capsys.readouterr().err


def test_check_without_package_has_hint(home: Path) -> None:
    with pytest.raises(SigmagenError, match="run `make kusto-language`"):
        KustoLanguage().check("T", {})


@pytest.fixture
def dummy(home: Path) -> Path:
    """Scripts that are no parser."""
    folder = home / bundle.VERSION
    folder.mkdir(parents=True)
    for name in bundle.SCRIPTS:
        (folder / name).write_text("throw new Error('not the parser');" + " " * 100_000)
    return folder


def test_check_without_mini_racer_has_hint(dummy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py_mini_racer", None)
    with pytest.raises(SigmagenError, match="sigmagen-extraction\\[kusto-check\\]"):
        KustoLanguage().check("T", {})


def test_failing_parser_has_short_error(dummy: Path) -> None:
    pytest.importorskip("py_mini_racer")
    with pytest.raises(SigmagenError, match="not the parser") as caught:
        KustoLanguage().check("T", {})
    assert len(str(caught.value)) < 500
