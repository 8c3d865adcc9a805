"""The line of nginx for a call of a model, with the keys of the log_format in docs/sources/access_log.md."""

from __future__ import annotations

from urllib.parse import quote

from sigmagen.sources.call import CHAT, EMBEDDINGS, PREDICTION, TEXT_COMPLETION, Call, digest
from sigmagen.sources.records import Record, from_epoch

# The URLs of Triton's generate extension, of the V2 inference protocol and of TensorFlow Serving.
_URLS = {
    CHAT: "/v2/models/{}/generate",
    TEXT_COMPLETION: "/v2/models/{}/generate",
    EMBEDDINGS: "/v2/models/{}/infer",
    PREDICTION: "/v1/models/{}:predict",
}


def render(call: Call) -> Record | None:
    """The line of a call that a served model answers; None for jobs, storage and the control plane.

    Its time has whole seconds, which is all that the combined format has.
    """
    url = _URLS.get(call.operation)
    if url is None:
        return None
    seconds = call.time // 1000
    return {
        "time_iso8601": from_epoch(seconds).replace(".000Z", "+00:00"),
        "msec": float(seconds),
        "request_id": digest(call.id)[:32],
        "remote_addr": call.source_ip or "unix:",
        "remote_user": call.principal,
        "jwt_claim_sub": "",
        "ssl_client_s_dn": "",
        "api_client_name": call.api_key or "",
        "ai_model": "",
        "request_method": "POST",
        "request_uri": url.format(quote(call.model, safe="")),
        "server_protocol": "HTTP/1.1",
        "status": call.status,
        "request_length": 400,
        "body_bytes_sent": 241,
        "request_time": 0.071,
        "http_referer": "",
        "http_user_agent": call.user_agent,
    }
