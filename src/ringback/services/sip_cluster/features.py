"""What this back-to-back user agent understands, and says that it does."""

from ringback.contracts import treatment
from ringback.sip import reliable, session_timer
from ringback.sip.uas import Capabilities

ABLE = Capabilities(
    methods=frozenset({"ACK", "BYE", "CANCEL", "INFO", "INVITE", "OPTIONS", "PRACK", "UPDATE"}),
    extensions=frozenset({reliable.OPTION, session_timer.OPTION}),
    content_types=frozenset({"application/sdp", treatment.CONTENT_TYPE}),
)
ALLOW = ABLE.allow
SUPPORTED = f"{reliable.OPTION}, {session_timer.OPTION}"
"""In an INVITE that makes an offer."""
SUPPORTED_WITHOUT_OFFER = session_timer.OPTION
"""In one that does not: a reliable response would bring the offer, and owe its answer to the PRACK."""
