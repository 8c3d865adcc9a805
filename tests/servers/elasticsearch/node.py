#!/usr/bin/env python3
"""A real Elasticsearch node, with ES|QL, for tests: built from Maven Central, started on the loopback address.

    node.py start [--port 9200]   install if needed, start, wait until it answers, print its URL (port 0: any free one)
    node.py stop                  end it; nothing happens if none runs
    node.py url                   print the URL of the running node; exit 1 if none runs

Needs `mvn` and a JDK, 17 or newer; without them `start` says what else to do, and exits 3.
Everything lives under $ELASTICSEARCH_HOME (default: build/elasticsearch). Linux and macOS.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VERSION = "8.19.21"
HOME = Path(os.environ.get("ELASTICSEARCH_HOME") or "build/elasticsearch").resolve()
JAVA_SOURCE = Path(__file__).resolve().with_name("EsNode.java")
PID_FILE = HOME / "node.pid"
LOG_FILE = HOME / "node.log"

OLDEST_JDK = 17
DOWNLOAD_SECONDS = 900
START_SECONDS = 180
STOP_SECONDS = 30
EXIT_FAILED = 1
EXIT_NO_TOOLS = 3

# elasticsearch-h3 of this version is not published; ES|QL needs the jar only for geohex functions.
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>sigmagen.test</groupId><artifactId>{name}</artifactId><version>1</version>
<dependencyManagement><dependencies><dependency><groupId>org.elasticsearch</groupId>
<artifactId>elasticsearch-h3</artifactId><version>8.19.4</version></dependency></dependencies></dependencyManagement>
<dependencies>{dependencies}</dependencies></project>"""
DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
SERVER = ["org.elasticsearch:elasticsearch"]
PLUGINS = [
    f"org.elasticsearch.plugin:{name}"
    for name in ("transport-netty4", "x-pack-core", "x-pack-esql-core", "x-pack-esql")
]

# Which jars belong to which module; each module has a class loader of its own, whose parent is the module it extends.
MODULES = {
    "transport-netty4": r"transport-netty4|netty-|elasticsearch-ssl-config",
    "x-pack-core": r"x-pack-(core|template)|elasticsearch-ssl-config|http|commons-|unboundid|slf4j|log4j-(slf4j2|1\.2)",
    # Version, of the version field, is compared by IN even where no field has that type.
    "x-pack-esql-core": r"x-pack-(esql-core|mapper-version)",
    "x-pack-esql": r"x-pack-(esql-(?!core)|kql)|arrow|flatbuffers|antlr4|jackson|lucene-spatial3d|joni|jcodings"
    r"|elasticsearch-(h3|dissect|grok)",
}


class NodeError(Exception):
    """The node can't do what was asked; the text tells the user why and what to do."""

    def __init__(self, text: str, exit_code: int = EXIT_FAILED) -> None:
        self.exit_code = exit_code
        super().__init__(text)


def say(text: str) -> None:
    """Progress and advice go to stderr: stdout has nothing but the URL."""
    print(text, file=sys.stderr, flush=True)


def java() -> str | None:
    """The Java launcher that Maven would use too: the one of JAVA_HOME, else the one on the path."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")


def require_tools() -> None:
    """Raises NodeError, with another way to a server, if this machine can't build and run one."""
    missing = [] if shutil.which("mvn") else ["Maven (mvn)"]
    # The compiler's module is in a JDK and not in a mere runtime, and carries the version.
    launcher = java()
    listing = subprocess.run([launcher, "--list-modules"], capture_output=True, text=True).stdout if launcher else ""
    jdk = re.search(r"(?m)^jdk\.compiler@(\d+)", listing)
    if jdk is None or int(jdk[1]) < OLDEST_JDK:
        missing.append(f"JDK {OLDEST_JDK} or newer (java)")
    if missing:
        raise NodeError(
            f"there is no {' and no '.join(missing)} here. With Docker, the same server is:\n"
            "  docker run -d -p 127.0.0.1:9200:9200 -e discovery.type=single-node -e xpack.security.enabled=false "
            f"docker.elastic.co/elasticsearch/elasticsearch:{VERSION}\n"
            "  export SIGMAGEN_ELASTICSEARCH_URL=http://127.0.0.1:9200",
            EXIT_NO_TOOLS,
        )


def copy_jars(name: str, artifacts: list[str], target: Path) -> set[str]:
    """Let Maven resolve the artifacts with all they need, into a folder; returns the names of its jars."""
    pom = HOME / "poms" / name / "pom.xml"
    pom.parent.mkdir(parents=True, exist_ok=True)
    dependencies = "".join(DEPENDENCY.format(*artifact.split(":"), VERSION) for artifact in artifacts)
    pom.write_text(POM.format(name=name, dependencies=dependencies))
    command = ["mvn", "-B", "-ntp", "-q", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={target}"]
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise NodeError(f"Maven was not done with {name} after {DOWNLOAD_SECONDS} s: is the network up?") from None
    if result.returncode:
        raise NodeError(f"Maven could not get the jars of {name}:\n{tail(result.stdout + result.stderr)}")
    return {path.name for path in target.glob("*.jar")}


def install() -> None:
    """Lay out jars and modules as the server expects them; a marker, set last, says that all is there."""
    done = HOME / f"installed-{VERSION}"
    if done.exists():
        return
    say(f"getting Elasticsearch {VERSION} from Maven Central (66 MB, once) ...")
    for folder in ("lib", "modules", "all"):
        shutil.rmtree(HOME / folder, ignore_errors=True)
    server = copy_jars("server", SERVER, HOME / "lib")
    plugins = copy_jars("plugins", SERVER + PLUGINS, HOME / "all") - server
    for module, own in MODULES.items():
        target = HOME / "modules" / module
        target.mkdir(parents=True)
        for jar in plugins:
            if re.match(own, jar):
                shutil.copy(HOME / "all" / jar, target)
        (target / "plugin-descriptor.properties").write_text(descriptor(module))
    shutil.rmtree(HOME / "all")
    done.touch()


def descriptor(module: str) -> str:
    """The module's own descriptor, less what is not published: Painless, ML, the Java module names."""
    with zipfile.ZipFile(HOME / "modules" / module / f"{module}-{VERSION}.jar") as jar:
        text = jar.read(f"META-INF/es-plugins/{module}/plugin-descriptor.properties").decode()
    text = re.sub(r"(?m)^modulename=.*$", "", text)

    def published(match: re.Match[str]) -> str:
        names = [name for name in match[1].split(",") if name in MODULES]
        return "extended.plugins=" + ",".join(names) if names else ""

    return re.sub(r"(?m)^extended\.plugins=(.*)$", published, text)


def tail(text: str, lines: int = 15) -> str:
    """The end of a tool's output, indented, for a message."""
    return "\n".join(f"  {line}" for line in text.strip().splitlines()[-lines:])


def command_line(pid: int) -> str:
    """The command line of a process; empty if there is none, or only its zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        if Path("/proc/self").exists():
            return ""
    # macOS has no /proc
    listed = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True)
    return listed.stdout.strip()


def recorded() -> tuple[int, int] | None:
    """Process id and port of this home's node, if it runs. A process id that now is another's does not count."""
    try:
        pid, port = (int(word) for word in PID_FILE.read_text().split())
    except (OSError, ValueError):
        return None
    line = command_line(pid)
    return (pid, port) if JAVA_SOURCE.name in line and str(HOME) in line else None


def url_of(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def answers(url: str) -> bool:
    """Whether the node is up. A proxy in the environment has no say about the loopback address."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/_cluster/health", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def pick_port(port: int) -> int:
    """The port to listen on: the one asked for, or any free one for 0. Raises NodeError if it can't be had."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            hint = "choose another with --port (make: ELASTICSEARCH_PORT=9201)"
            if answers(url_of(port)):
                hint = f"an Elasticsearch answers there: use it (SIGMAGEN_ELASTICSEARCH_URL={url_of(port)}), or {hint}"
            raise NodeError(f"can't listen on port {port}: {error}; {hint}") from None
        return int(probe.getsockname()[1])


def launch(port: int) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own, with empty data, and note its process id and port."""
    shutil.rmtree(HOME / "data", ignore_errors=True)
    command = [java() or "java", "-Xmx1g", "-cp", f"{HOME / 'lib'}/*", str(JAVA_SOURCE), str(HOME), str(port)]
    with LOG_FILE.open("wb") as log:
        node = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    PID_FILE.write_text(f"{node.pid} {port}\n")
    return node


def start(port: int) -> str:
    """Install if needed, start, wait until the node answers; returns its URL. A node that runs already is kept."""
    if record := recorded():
        if port not in (0, record[1]):
            say(f"a node of {HOME} runs already, on another port; `stop` it first to move it")
        return url_of(record[1])
    require_tools()
    port = pick_port(port)
    install()
    node = launch(port)
    url = url_of(port)
    deadline = time.monotonic() + START_SECONDS
    try:
        while time.monotonic() < deadline:
            if node.poll() is not None:
                raise NodeError(f"Elasticsearch stopped with {node.returncode}:\n{tail(LOG_FILE.read_text())}")
            if answers(url):
                return url
            time.sleep(0.25)
        raise NodeError(f"Elasticsearch did not answer within {START_SECONDS} s:\n{tail(LOG_FILE.read_text())}")
    except BaseException:
        # Interrupted or failed: nothing half-started stays behind.
        node.kill()
        node.wait()
        PID_FILE.unlink(missing_ok=True)
        raise


def stop() -> None:
    """End this home's node and wait until it is gone; harmless if none runs."""
    if record := recorded():
        deadline = time.monotonic() + STOP_SECONDS
        with suppress(ProcessLookupError):
            os.kill(record[0], signal.SIGTERM)
            while recorded():
                if time.monotonic() > deadline:
                    os.kill(record[0], signal.SIGKILL)
                time.sleep(0.1)
    PID_FILE.unlink(missing_ok=True)


@contextmanager
def alone() -> Iterator[None]:
    """One start or stop at a time for a home folder: a second one waits."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Do what the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["start", "stop", "url"])
    parser.add_argument("--port", type=int, default=9200, help="HTTP port for `start`; 0 picks a free one")
    arguments = parser.parse_args()
    if arguments.command == "url":
        if record := recorded():
            print(url_of(record[1]))
        return 0 if record else EXIT_FAILED
    try:
        with alone():
            if arguments.command == "start":
                print(start(arguments.port))
            else:
                stop()
    except NodeError as error:
        say(f"elasticsearch: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    # So that a supervisor's polite end, such as `timeout`, takes a half-started node with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
