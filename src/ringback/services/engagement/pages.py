"""Pages of one file: script and style stand in them, and they ask nobody but us."""

from __future__ import annotations

import secrets

from ringback.runtime.http import HttpResponse

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # a token may stand in the address
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def one_file(html: str) -> HttpResponse:
    """The page with a nonce of its own in place of `{nonce}`, and the policy that lets nothing else run."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HttpResponse(
        html.replace("{nonce}", nonce),
        content_type="text/html",
        headers={**HEADERS, "Content-Security-Policy": policy},
    )
