"""Azure's query client with the limits of our transport. Redirects are not followed."""

from __future__ import annotations

import io
import logging
from typing import Any

import requests
import urllib3
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import DefaultAzureCredential
from azure.monitor.query import LogsQueryClient
from requests.adapters import HTTPAdapter

from sigmagen.net.address import validate_address
from sigmagen.net.secrets import remember
from sigmagen.net.settings import SENTINEL_ENDPOINT, read_setting
from sigmagen.net.transport import TooLargeError, limit_responses, read_body

_DEFAULT_ENDPOINT = "https://api.loganalytics.io"


class _Adapter(HTTPAdapter):
    """An adapter for `requests` that limits the time and size of responses, also through proxies."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        limit_responses(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        limit_responses(manager)
        return manager

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: dict[str, str] | None = None,
    ) -> requests.Response:
        answer = super().send(request, True, timeout, verify, cert, proxies)
        try:
            data = read_body(answer.raw)
        except TooLargeError as error:
            # Azure's client would retry after an error of `requests`.
            raise ValueError(str(error)) from None
        except urllib3.exceptions.ReadTimeoutError as error:
            raise requests.exceptions.ReadTimeout("no complete response in time") from error
        except urllib3.exceptions.HTTPError as error:
            raise requests.exceptions.ChunkedEncodingError(f"{type(error).__name__}: {error}") from error
        # The body is already decompressed.
        headers = {name: value for name, value in answer.raw.headers.items() if name.lower() != "content-encoding"}
        answer.headers.pop("Content-Encoding", None)
        answer.raw = urllib3.HTTPResponse(io.BytesIO(data), headers, answer.status_code, preload_content=False)
        return answer


class _Credential:
    """A credential that hides its tokens in all output."""

    def __init__(self, inner: TokenCredential) -> None:
        self._inner = inner

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        token = self._inner.get_token(*scopes, **options)
        remember(token.token)
        return token

    def close(self) -> None:
        """Close the connections."""
        if hasattr(self._inner, "close"):
            self._inner.close()


class _OnThisMachine(SansIOHTTPPolicy[Any, Any]):
    """Allows sending a token without TLS to this machine. `validate_address` rejects it for other hosts."""

    def on_request(self, request: Any) -> None:
        request.context.options["enforce_https"] = False


def logs_client(timeout: float, credential: TokenCredential | None = None, **options: Any) -> LogsQueryClient:
    """Return a client for the endpoint in the settings. The default credential is that of Azure's own tools.

    `timeout` is the limit for a complete response, in seconds. Raises SigmagenError for an invalid endpoint.
    """
    endpoint = validate_address(read_setting(SENTINEL_ENDPOINT) or _DEFAULT_ENDPOINT, "Log Analytics", secret=True)
    # Its warnings would be printed on standard error.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    session = requests.Session()
    adapter = _Adapter(max_retries=urllib3.Retry(total=False, redirect=False, raise_on_status=False))
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return LogsQueryClient(
        _Credential(credential or DefaultAzureCredential()),
        endpoint=endpoint,
        transport=RequestsTransport(session=session),
        permit_redirects=False,
        read_timeout=timeout,
        per_call_policies=[_OnThisMachine()] if endpoint.startswith("http:") else [],
        **options,
    )
