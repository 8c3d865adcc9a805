"""Fetching Microsoft's KQL parser from the npm registry, in a pinned version with a pinned hash.

It is stored in `build/kusto-language`, or in the folder SIGMAGEN_KUSTO_LANGUAGE. npm fetches it with its configured
registry, proxy and certificates. Without npm it is downloaded from the registry in `npm_config_registry`.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from sigmagen.problems import EXIT_CLEAN, Problem, SigmagenError

PACKAGE = "@kusto/language-service-next"
VERSION = "12.4.1"
# From `npm view @kusto/language-service-next@12.4.1 dist.integrity`.
INTEGRITY = "sha512-8Ybwi1DVxnFZ8+mnw38ruXjSGIxA2jwx1HeqjStvMa5kSHzHPtEYm5n7et1fwgn5KDUZJzsSNjuRroiI+j8brA=="
SCRIPTS = ("bridge.min.js", "Kusto.Language.Bridge.min.js")
"""The scripts to load, in order."""

HOME_VARIABLE = "SIGMAGEN_KUSTO_LANGUAGE"
HOW_TO_GET = "run `make kusto-language`"
EXIT_UNREACHABLE = 3
"""Exit code if the package can't be fetched, so that checks that need it are skipped."""

_NOTICE = "package.json"
_REGISTRY = "https://registry.npmjs.org"
_SECONDS = 300


def get_folder(home: Path | None = None) -> Path:
    """Return the folder of the pinned version, which may not exist."""
    return (home or Path(os.environ.get(HOME_VARIABLE) or "build/kusto-language")) / VERSION


def load_scripts(home: Path | None = None) -> list[Path]:
    """Return the scripts of the parser in loading order. Raises SigmagenError if it has not been fetched."""
    paths = [get_folder(home) / name for name in SCRIPTS]
    if not all(path.is_file() for path in paths):
        raise SigmagenError(
            Problem("kusto-language-missing", f"Microsoft's KQL parser is not in {get_folder(home)}", hint=HOW_TO_GET)
        )
    return paths


def fetch(home: Path | None = None) -> Path:
    """Return the folder of the parser, and fetch it if needed.

    Raises SigmagenError if the package has another hash and, with EXIT_UNREACHABLE, if the registry can't be reached.
    """
    target = get_folder(home)
    if target.is_dir():
        return target
    archive = _packed_by_npm() if shutil.which("npm") else _downloaded()
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found != INTEGRITY:
        message = f"{PACKAGE} {VERSION} from the registry is not the pinned package: {found} instead of {INTEGRITY}"
        raise SigmagenError(
            Problem("kusto-language-altered", message, hint="nothing was stored; contact the operator of the registry")
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch, tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        complete = Path(scratch) / VERSION
        complete.mkdir()
        for name in (*SCRIPTS, _NOTICE):
            member = tar.extractfile(f"package/{name}")
            assert member is not None, f"{name} is a file in the pinned package"
            (complete / name).write_bytes(member.read())
        # Rename last, so that an existing folder is always complete.
        complete.rename(target)
    return target


def _packed_by_npm() -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        command = ["npm", "pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--loglevel=error"]
        try:
            result = subprocess.run(
                command, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise _unreachable(f"npm did not finish within {_SECONDS} s") from None
        packed = list(Path(scratch).glob("*.tgz"))
        if result.returncode or len(packed) != 1:
            # npm prints its reason first, then a stack trace.
            raise _unreachable("npm: " + " ".join(result.stderr.split())[:300])
        return packed[0].read_bytes()


def _downloaded() -> bytes:
    # Like npm, case-insensitive.
    registry = {name.lower(): value for name, value in os.environ.items()}.get("npm_config_registry") or _REGISTRY
    url = f"{registry.rstrip('/')}/{PACKAGE}/-/{PACKAGE.partition('/')[2]}-{VERSION}.tgz"
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return bytes(response.read())
    except (OSError, ValueError, HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise _unreachable(f"{url}: {error}") from None


def _unreachable(reason: str) -> SigmagenError:
    message = f"can't fetch {PACKAGE} {VERSION}; {reason}"
    hint = "without it, checks by Microsoft's parser are skipped; set npm_config_registry to use another registry"
    return SigmagenError(Problem("kusto-language-unreachable", message, hint=hint), EXIT_UNREACHABLE)


def main() -> int:
    """Fetch the parser and print its folder. The exit code is 3 if the registry can't be reached."""
    try:
        print(fetch())
    except SigmagenError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return EXIT_CLEAN
