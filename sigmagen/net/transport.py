"""HTTP transport with limits on the time and size of a complete response."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from socket import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ProtocolError

LARGEST_ANSWER = 100_000_000
"""Largest decompressed body, in bytes. It is also Elasticsearch's default limit."""
CONNECT_TIMEOUT = 10.0
_PIECE = 65_536


class TooLargeError(HTTPError):
    """The response has more than LARGEST_ANSWER bytes."""


@dataclass(frozen=True)
class Answer:
    """A server's response. Header names are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _UntilDeadline(io.RawIOBase):
    """A socket's stream with a deadline, so that a server that sends slowly can't block the reader."""

    def __init__(self, sock: socket, stream: io.RawIOBase, deadline: float) -> None:
        self._sock, self._stream, self._deadline = sock, stream, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the complete response took too long")
        self._sock.settimeout(left)
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket, *arguments: Any, deadline: float, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        stream = self.fp.detach()
        self.fp = io.BufferedReader(_UntilDeadline(sock, stream, deadline))


class _Timed:
    """A connection with a read timeout for the complete response, including headers, instead of each read."""

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is not None:  # type: ignore[attr-defined]
            # The previous response left its remaining time as the timeout.
            self.sock.settimeout(self.timeout)  # type: ignore[attr-defined]
        super().request(*arguments, **options)  # type: ignore[misc]

    def getresponse(self) -> Any:
        deadline = time.monotonic() + self.timeout  # type: ignore[attr-defined]
        setattr(self, "response_class", partial(_TimedResponse, deadline=deadline))  # noqa: B010 - typed as a class
        return super().getresponse()  # type: ignore[misc]


class _TimedHTTPConnection(_Timed, HTTPConnection):
    pass


class _TimedHTTPSConnection(_Timed, HTTPSConnection):
    pass


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _TimedHTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPSConnection


def limit_responses(manager: urllib3.PoolManager) -> None:
    """Make a manager use connections that limit the time of a response."""
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


def make_pool_manager(ca_file: str | None = None, fingerprint: str | None = None) -> urllib3.PoolManager:
    """Return a pool manager that verifies certificates: by the system's or a file's authorities, or by fingerprint."""
    tls: dict[str, Any] = {"cert_reqs": "CERT_REQUIRED", "ca_certs": ca_file}
    if fingerprint:
        # The fingerprint identifies the certificate, so no authority is needed.
        tls = {"cert_reqs": "CERT_NONE", "assert_fingerprint": fingerprint, "assert_hostname": False}
    manager = urllib3.PoolManager(**tls)
    limit_responses(manager)
    return manager


def fetch(
    manager: urllib3.PoolManager,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    timeout: float,
) -> Answer:
    """Send one request. Redirects are not followed: they could send a secret elsewhere. `timeout` limits the response.

    Raises urllib3's HTTPError.
    """
    try:
        raw = manager.request(
            method,
            url,
            headers=headers,
            body=body,
            redirect=False,
            retries=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=min(CONNECT_TIMEOUT, timeout), read=timeout),
        )
        return Answer(raw.status, raw.headers, read_body(raw))
    except HTTPError:
        raise
    except ValueError as error:
        # The message may quote the request.
        raise ProtocolError(f"the response is not HTTP ({type(error).__name__})") from None


def read_body(raw: urllib3.BaseHTTPResponse) -> bytes:
    """Return the body of a response. Raises TooLargeError."""
    pieces: list[bytes] = []
    size = 0
    whole = False
    try:
        for piece in raw.stream(_PIECE, decode_content=True):
            size += len(piece)
            if size > LARGEST_ANSWER:
                raise TooLargeError(f"the response is larger than {LARGEST_ANSWER:,} bytes")
            pieces.append(piece)
        whole = True
    finally:
        # A connection with unread data can't be reused.
        if whole:
            raw.release_conn()
        else:
            raw.close()
    return b"".join(pieces)
