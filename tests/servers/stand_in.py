"""A server that stands in for a SIEM's API: it answers as a test tells it to, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Event, Thread
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Request:
    """What was asked; header names are written Like-This."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body of an HTML form."""
        return {name: values[-1] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass(frozen=True)
class Reply:
    """What is answered. `announced` is a length that is not the body's; `hangs_up` closes without an answer.

    `raw` is sent in place of an HTTP answer, byte by byte where `drip` seconds lie between two. `delay` comes before.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    hangs_up: bool = False
    raw: bytes = b""
    drip: float = 0.0
    delay: float = 0.0


Answer = Callable[[Request], Reply]


@dataclass
class StandIn:
    """The running server. Replies in `first` are given before `answer` is asked."""

    answer: Answer
    url: str = ""
    first: list[Reply] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def reply(self, request: Request) -> Reply:
        """The next answer."""
        self.requests.append(request)
        return self.first.pop(0) if self.first else self.answer(request)


@contextmanager
def serve(answer: Answer, tls: SSLContext | None = None) -> Iterator[StandIn]:
    """A stand-in on a free port of this machine, over TLS where a context is given."""
    stand_in = StandIn(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = stand_in.reply(
                Request(self.command, self.path, {name.title(): value for name, value in self.headers.items()}, body)
            )
            self.close_connection = True
            Event().wait(reply.delay)
            if reply.hangs_up:
                return
            if reply.raw:
                self._send_raw(reply)
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) if reply.announced is None else reply.announced))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        def _send_raw(self, reply: Reply) -> None:
            for piece in [reply.raw[i : i + 1] for i in range(len(reply.raw))] if reply.drip else [reply.raw]:
                self.wfile.write(piece)
                Event().wait(reply.drip)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with listening(Handler, tls) as url:
        stand_in.url = url
        yield stand_in


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that hangs up is what a test wants."""


@contextmanager
def listening(
    handler: type[BaseHTTPRequestHandler], tls: SSLContext | None = None, *, kept_alive: bool = False
) -> Iterator[str]:
    """The address of a server on a free port of this machine, which a handler answers.

    Connections that are `kept_alive` end with their clients, so nobody waits for them.
    """
    server = _Server(("127.0.0.1", 0), handler)
    server.daemon_threads = kept_alive
    if tls:
        # Each connection shakes hands in its own thread, so that one that gives up stops nobody.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
