"""What a server can't do to a reader: send without end, drip, lead elsewhere, or confuse it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from sigmagen.net import transport
from sigmagen.net.transport import Answer, TooLargeError, fetch, make_pool_manager
from tests.servers.stand_in import Reply, StandIn, serve

OK = Reply(200, b"{}")


@pytest.fixture
def server() -> Iterator[StandIn]:
    with serve(lambda asked: OK) as stand_in:
        yield stand_in


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    manager = make_pool_manager()
    yield manager
    manager.clear()


def get(pool: urllib3.PoolManager, server: StandIn, *replies: Reply, timeout: float = 5.0) -> Answer:
    server.first = list(replies)
    return fetch(pool, "GET", server.url, {}, None, timeout)


def test_response_is_read_completely(pool: urllib3.PoolManager, server: StandIn) -> None:
    assert get(pool, server).data == b"{}"
    packed = Reply(200, gzip.compress(b"packed"), {"Content-Encoding": "gzip"})
    assert get(pool, server, packed).data == b"packed"
    chunked = Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert get(pool, server, chunked).data == b"abcde"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"x" * 2000),
        Reply(200, gzip.compress(b"x" * 2000), {"Content-Encoding": "gzip"}),
        Reply(
            raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"200\r\n"
            + b"x" * 512
            + b"\r\n" * 1
            + b"400\r\n"
            + b"x" * 1024
            + b"\r\n0\r\n\r\n"
        ),
        Reply(raw=b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000),
    ],
)
def test_too_large_response_is_aborted(
    pool: urllib3.PoolManager, server: StandIn, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 1000)
    with pytest.raises(TooLargeError):
        get(pool, server, reply)
    assert get(pool, server).data == b"{}"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n"


@pytest.mark.parametrize("head", [HEAD[:5], HEAD, HEAD + b"X-A: ", HEAD + b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_slow_response_times_out_as_a_whole(pool: urllib3.PoolManager, server: StandIn, head: bytes) -> None:
    """Each byte comes well before the timeout, so a limit for each read alone would never end."""
    dripping = Reply(raw=head + b"x" * 60, drip=0.02)
    with pytest.raises(ReadTimeoutError):
        get(pool, server, dripping, timeout=0.3)


def test_reused_connection_gets_full_timeout(pool: urllib3.PoolManager, server: StandIn) -> None:
    for _ in range(3):
        assert get(pool, server, Reply(200, b"{}", delay=0.15), timeout=0.3).data == b"{}"


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",
    ],
)
def test_non_http_response_is_a_urllib3_error(pool: urllib3.PoolManager, server: StandIn, raw: bytes) -> None:
    with pytest.raises(HTTPError):
        get(pool, server, Reply(raw=raw))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(pool: urllib3.PoolManager, server: StandIn, status: int) -> None:
    assert get(pool, server, Reply(status, headers={"Location": server.url})).status == status
    assert len(server.requests) == 1
