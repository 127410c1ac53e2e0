"""What this back-to-back user agent understands, and says that it does."""

from ringback.contracts import treatment
from ringback.sip import reliable, session_timer, transfer
from ringback.sip.uas import Capabilities

ABLE = Capabilities(
    methods=frozenset({"ACK", "BYE", "CANCEL", "INFO", "INVITE", "OPTIONS", "PRACK", "REFER", "UPDATE"}),
    extensions=frozenset(
        {reliable.OPTION, session_timer.OPTION, transfer.REPLACES, transfer.NO_SUBSCRIPTION}
    ),
    content_types=frozenset({"application/sdp", treatment.CONTENT_TYPE}),
)
ALLOW = ABLE.allow
_ALWAYS = f"{transfer.NO_SUBSCRIPTION}, {transfer.REPLACES}, {session_timer.OPTION}"
SUPPORTED = f"{reliable.OPTION}, {_ALWAYS}"
"""In an INVITE that makes an offer."""
SUPPORTED_WITHOUT_OFFER = _ALWAYS
"""In one that does not: a reliable response would bring the offer, and owe its answer to the PRACK."""
