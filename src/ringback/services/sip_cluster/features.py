"""What this back-to-back user agent understands, and says that it does."""

from dataclasses import replace

from ringback.contracts import treatment
from ringback.services.sip_cluster.keypad import KEY_TYPES
from ringback.sip import reliable, session_timer, transfer
from ringback.sip.uas import Capabilities

ABLE = Capabilities(
    methods=frozenset({"ACK", "BYE", "CANCEL", "INFO", "INVITE", "OPTIONS", "PRACK", "REFER", "UPDATE"}),
    extensions=frozenset(
        {reliable.OPTION, session_timer.OPTION, transfer.REPLACES, transfer.NO_SUBSCRIPTION}
    ),
)
ABLE_IN_INFO = replace(ABLE, content_types=frozenset({treatment.CONTENT_TYPE, *KEY_TYPES}))
"""What an INFO may bring, and nothing else may."""
ALLOW = ABLE.allow
_ALWAYS = f"{transfer.NO_SUBSCRIPTION}, {transfer.REPLACES}, {session_timer.OPTION}"
SUPPORTED = f"{reliable.OPTION}, {_ALWAYS}"
"""In an INVITE that makes an offer."""
SUPPORTED_WITHOUT_OFFER = _ALWAYS
"""In one that does not: a reliable response would bring the offer, and owe its answer to the PRACK."""
