"""Elasticsearch's official client on our transport, with the same limits, address checks and hidden secrets."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from elastic_transport import (
    ApiResponseMeta,
    BaseNode,
    ConnectionError,
    ConnectionTimeout,
    HttpHeaders,
    NodeConfig,
    OrjsonSerializer,
    SerializationError,
    TlsError,
)
from elastic_transport._node import NodeApiResponse
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import ApiError, Elasticsearch, TransportError
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError, SSLError

from sigmagen.net.address import validate_address
from sigmagen.net.client import redact
from sigmagen.net.retry import BUSY, BusyError, retry_after, with_retries
from sigmagen.net.secrets import hide
from sigmagen.net.settings import (
    ELASTICSEARCH_API_KEY,
    ELASTICSEARCH_CA_FILE,
    ELASTICSEARCH_FINGERPRINT,
    ELASTICSEARCH_PASSWORD,
    ELASTICSEARCH_USERNAME,
    read_file_setting,
    read_secret,
    read_setting,
)
from sigmagen.net.transport import Answer, fetch, make_pool_manager
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

NAME = "Elasticsearch"
HINT = (
    f"check the URL, and the credentials in {ELASTICSEARCH_API_KEY} or {ELASTICSEARCH_USERNAME} and "
    f"{ELASTICSEARCH_PASSWORD}"
)
_TIMEOUT = 60.0
_CLEAN = re.compile(r"[^\x20-\x7e]")

T = TypeVar("T")
ElasticError = ApiError | TransportError


class Node(BaseNode):
    """Sends the official client's requests. Every response is a JSON object or raises an error."""

    _CLIENT_META_HTTP_CLIENT = ("ur", "2")

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self._connections = make_pool_manager(config.ca_certs, config.ssl_assert_fingerprint)

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> NodeApiResponse:
        """Send one request. Raises elastic_transport's errors."""
        asked = self.config.request_timeout if request_timeout is DEFAULT else request_timeout
        timeout = float(asked) if isinstance(asked, int | float) else _TIMEOUT
        start = time.monotonic()
        sent = {**self.headers, **(headers or {})}
        try:
            answer = fetch(self._connections, method, self.base_url + target, sent, body, timeout)
        except NewConnectionError as error:
            raise ConnectionError(f"{type(error).__name__}: {redact(str(error))}") from error
        except (ConnectTimeoutError, ReadTimeoutError) as error:
            raise ConnectionTimeout(f"no complete response within {timeout:.0f} s") from error
        except SSLError as error:
            raise TlsError(redact(str(error))) from error
        except HTTPError as error:
            raise ConnectionError(f"{type(error).__name__}: {redact(str(error))}") from error
        data = _json_object(answer) if method != "HEAD" else b""
        # The client would print a `warning` header.
        received = {name: _CLEAN.sub("?", hide(value)) for name, value in answer.headers.items()}
        meta = ApiResponseMeta(
            status=answer.status,
            http_version="1.1",
            headers=HttpHeaders({**received, "content-type": "application/json"}),
            duration=time.monotonic() - start,
            node=self.config,
        )
        return NodeApiResponse(meta, data)

    def close(self) -> None:
        """Close the connections."""
        self._connections.clear()


def _json_object(answer: Answer) -> bytes:
    """Return the body, or an empty object for an error with another body. Raises SerializationError."""
    try:
        if isinstance(orjson.loads(answer.data), dict):
            return answer.data
    except orjson.JSONDecodeError:
        pass
    if 200 <= answer.status < 300:
        raise SerializationError("the response is not a JSON object, as Elasticsearch sends it")
    return b"{}"


def connect(url: str, *, timeout: int) -> Elasticsearch:
    """Return a client with the credentials in the settings. It does not retry; see `send_with_retries`.

    Raises SigmagenError for an invalid address or invalid settings.
    """
    options = read_client_options()
    base = validate_address(url, NAME, secret=has_credentials(options))
    try:
        return Elasticsearch(
            base,
            request_timeout=timeout,
            node_class=Node,
            max_retries=0,
            serializers={"application/json": OrjsonSerializer()},
            **options,
        )
    except (ValueError, TypeError):
        # The error messages may quote the arguments.
        raise make_server_error(f"{ELASTICSEARCH_FINGERPRINT} or the URL can't be used") from None


def read_client_options() -> dict[str, Any]:
    """Return the client's options for authentication and TLS. Raises SigmagenError for contradictory settings."""
    user, password = read_setting(ELASTICSEARCH_USERNAME), read_setting(ELASTICSEARCH_PASSWORD)
    if user and not password:
        password = read_secret(ELASTICSEARCH_PASSWORD)
    key = read_setting(ELASTICSEARCH_API_KEY) or (None if user or password else read_secret(ELASTICSEARCH_API_KEY))
    authority, fingerprint = read_file_setting(ELASTICSEARCH_CA_FILE), read_setting(ELASTICSEARCH_FINGERPRINT)
    wrong = []
    if key and (user or password):
        wrong.append(f"{ELASTICSEARCH_API_KEY} and {ELASTICSEARCH_USERNAME} are both set; unset one of them")
    if bool(user) != bool(password):
        wrong.append(
            f"{ELASTICSEARCH_USERNAME} and {ELASTICSEARCH_PASSWORD} must be set together; one of them is missing"
        )
    if authority and fingerprint:
        wrong.append(f"{ELASTICSEARCH_CA_FILE} and {ELASTICSEARCH_FINGERPRINT} are both set; unset one of them")
    if key and not re.fullmatch(r"[\x21-\x7e]+", key):
        wrong.append(f"{ELASTICSEARCH_API_KEY} contains characters that are not valid in an API key")
    if wrong:
        raise SigmagenError([Problem("credentials", text) for text in wrong], EXIT_USAGE)
    options: dict[str, Any] = {
        "api_key": key,
        "basic_auth": (user, password) if user else None,
        "ca_certs": authority,
        "ssl_assert_fingerprint": fingerprint,
    }
    return {name: value for name, value in options.items() if value is not None}


def has_credentials(options: dict[str, Any]) -> bool:
    """Return whether a client with these options sends a secret."""
    return bool({"api_key", "basic_auth"} & options.keys())


def send_with_retries(request: Callable[[], T], failure: Callable[[ElasticError], SigmagenError]) -> T:
    """Send a request of the client and retry while the cluster is busy. Raises the failure."""

    def once() -> T:
        try:
            return request()
        except (ApiError, TransportError) as error:
            if isinstance(error, ApiError) and error.status_code in BUSY:
                raise BusyError(failure(error), retry_after(error.meta.headers.get("retry-after"))) from None
            raise failure(error) from None

    return with_retries(once)


def make_server_error(reason: str, url: str | None = None, hint: str | None = None) -> SigmagenError:
    """Return the error for a cluster that can't be used. `url` must have been accepted by `connect`."""
    message = f"{NAME}{f' at {url}' if url else ''}: {hide(reason)}"
    return SigmagenError(Problem("no-server", message, hint=hint or HINT), EXIT_USAGE)


def reason(error: ElasticError) -> str:
    """Return the reason of a failure without the request, which may contain a secret."""
    if not isinstance(error, ApiError):
        return f"{type(error).__name__}: {redact(str(error.message))}"
    cause = error.body.get("error") if isinstance(error.body, dict) else None
    detail = cause.get("reason") if isinstance(cause, dict) else None
    name = redact(str(error.message)) if error.body else ""
    return f"HTTP {error.status_code}{f', {name}' if name else ''}" + (f": {redact(str(detail))}" if detail else "")
