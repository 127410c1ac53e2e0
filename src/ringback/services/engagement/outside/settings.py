"""Settings of what engagement asks of others outside the platform."""

from __future__ import annotations

from typing import Annotated, Literal

from ringback.runtime.settings import Doc, ServiceSettings


class OutsideSettings(ServiceSettings, frozen=True, kw_only=True):
    """Addresses, limits and what happens when somebody outside does not answer."""

    captcha_url: Annotated[str, Doc("where captcha tokens are verified (siteverify)")] = (
        "https://www.google.com/recaptcha/api/siteverify"
    )
    captcha_timeout_s: Annotated[
        float, Doc("seconds that a create waits at most for the captcha service")
    ] = 2.0
    captcha_on_failure: Annotated[
        Literal["refuse", "allow"], Doc("creates while the captcha service does not answer: refuse or allow")
    ] = "refuse"
    fcm_url: Annotated[str, Doc("base URL of Firebase Cloud Messaging, HTTP v1")] = (
        "https://fcm.googleapis.com"
    )
    push_timeout_s: Annotated[float, Doc("seconds that a push service may take to answer")] = 10.0
    push_look_s: Annotated[float, Doc("seconds between looks for notices to send")] = 1.0
    push_tries: Annotated[int, Doc("deliveries of one notice that are tried at most")] = 8
    push_retry_s: Annotated[float, Doc("seconds before the second try, then doubled up to 300")] = 2.0
    statistics_url: Annotated[str, Doc("where statistics are asked for; empty: there are none")] = ""
    statistics_timeout_s: Annotated[float, Doc("seconds that the statistics service may take to answer")] = (
        10.0
    )
    http_400_tolerance: Annotated[int, Doc("answers with 400 in two minutes that alert nobody")] = 100
    http_401_tolerance: Annotated[int, Doc("answers with 401 in two minutes that alert nobody")] = 20
    http_404_tolerance: Annotated[int, Doc("answers with 404 in two minutes that alert nobody")] = 50
    http_500_tolerance: Annotated[int, Doc("answers with 500 in two minutes that alert nobody")] = 0
    invalid_content_length_tolerance: Annotated[
        int, Doc("bodies over the limit in two minutes that alert nobody")
    ] = 10
    captcha_grace_s: Annotated[
        float, Doc("seconds for which a captcha that passed is kept for a create that found no room")
    ] = 120.0
    egress_proxy: Annotated[str, Doc("HTTP proxy for all requests to the outside; empty: none", True)] = ""
