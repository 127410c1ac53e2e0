"""The published envelope of the Engagement API v3: `{"status": {code, message, corrId}, "data": …}`.

Code 0 is success. The other numbers are this service's own: the HTTP status times 100, plus a place in the
table below; they stay what they are once given.
"""

from __future__ import annotations

from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, render_error

API = "/engagement/v3/"

CODES: dict[str, int] = {
    "not_json": 40001,
    "invalid_body": 40002,
    "too_large": 40003,
    "unknown-service": 40004,
    "desired-time-unreadable": 40005,
    "desired-time-past": 40006,
    "desired-time-too-soon": 40007,
    "desired-time-too-far": 40008,
    "immediate-disabled": 40009,
    "scheduled-disabled": 40010,
    "out-of-office-hours": 40011,
    "office-closing": 40012,
    "number-missing": 40013,
    "number-unreadable": 40014,
    "number-with-extension": 40015,
    "number-impossible": 40016,
    "number-invalid": 40017,
    "number-premium": 40018,
    "callback-in-conversation": 40019,
    "callback-completed": 40020,
    "idempotency-key": 40021,
    "invalid_query": 40022,
    "number-waiting": 40023,
    "number-no-country": 40024,
    "number-country": 40025,
    "number-blocked": 40026,
    "nobody-logged-in": 40027,
    "timezone-unknown": 40028,
    "time-ambiguous": 40029,
    "option-refused": 40041,
    "captcha-missing": 40051,
    "captcha-refused": 40052,
    "captcha-key-unknown": 40053,
    "push-channel-unknown": 40054,
    "push-refused": 40055,
    "call-in-group-unknown": 40056,
    "call-in-callback-unknown": 40057,
    "push-targets-missing": 40058,
    "api-key-missing": 40101,
    "api-key-wrong": 40102,
    "statistics-credentials": 40151,
    "origin-not-allowed": 40301,
    "callback-unknown": 40401,
    "path-unknown": 40402,
    "receipt-unknown": 40403,
    "method-not-allowed": 40501,
    "idempotency-key-reused": 42201,
    "no-capacity": 42901,
    "throttled": 42902,
    "rate-limited": 42903,
    "slow-down": 42904,
    "too-often": 42905,
    "internal": 50001,
    "statistics-failed": 50051,
    "unavailable": 50301,
    "captcha-unavailable": 50351,
    "call-in-codes-used-up": 50353,
    "push-unavailable": 50352,
    "links-unavailable": 50354,
}


def success(data: object, request: HttpRequest) -> HttpResponse:
    """An answer with data."""
    status = {"code": 0, "message": "Successful", "corrId": request.corr_id}
    return HttpResponse({"status": status, "data": data})


def render(error: HttpError, request: HttpRequest) -> HttpResponse:
    """A refusal: in the envelope on the public API, in the platform's own form elsewhere."""
    data = getattr(error, "data", None)
    if not request.path.startswith(API):
        return _plain(error, request, data or {})
    http_status = 400 if error.status == 413 else error.status
    status = {
        "code": CODES.get(error.slug, http_status * 100),
        "message": error.message,
        "corrId": request.corr_id,
    }
    body: dict[str, object] = {"status": status}
    if data is not None:
        body["data"] = data
    return HttpResponse(body, status=http_status, headers=error.headers)


def _plain(error: HttpError, request: HttpRequest, data: dict[str, object]) -> HttpResponse:
    """The platform's own form, with what the error has to say beside its sentence."""
    response = render_error(error, request)
    if data and isinstance(response.body, dict):
        response.body = {**response.body, **data}
    return response
