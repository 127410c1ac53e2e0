"""HTTP between services and towards the outside: the server and the client by one name."""

from ringback.runtime.http_client import (
    CLUSTER_HEADER,
    CONNECTION_HEADER,
    HttpClient,
    HttpFailure,
    HttpReply,
    HttpUnavailable,
)
from ringback.runtime.http_server import (
    ErrorRenderer,
    HttpError,
    HttpRequest,
    HttpResponse,
    HttpServer,
    refuse_unknown,
    render_error,
)

__all__ = [
    "CLUSTER_HEADER",
    "CONNECTION_HEADER",
    "ErrorRenderer",
    "HttpClient",
    "HttpError",
    "HttpFailure",
    "HttpReply",
    "HttpRequest",
    "HttpResponse",
    "HttpServer",
    "HttpUnavailable",
    "refuse_unknown",
    "render_error",
]
