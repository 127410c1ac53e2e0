"""The names of the INVITEs that a node sends: they follow from the call.

So a node that takes a call over can go on with an INVITE that is under way, though it was never told of it:
sent again under the same names it is a retransmission, and sip_proxy answers with what it has heard.
"""

import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """Call-ID, tag of the From, branch of the Via: nobody outside can guess them."""

    call_id: str
    tag: str
    branch: str

    def branch_of_try(self, number: int) -> str:
        """The branch where the INVITE is sent again with another CSeq (RFC 4028 7.3, RFC 3261 22.2)."""
        return f"{self.branch}-{number}"


def names_of(secret: str, call_uuid: str, leg_id: str) -> Names:
    """The names of the first INVITE of a leg."""
    digest = hmac.digest(secret.encode(), f"{call_uuid} {leg_id}".encode(), "sha256").hex()
    return Names(digest[:32], digest[32:44], f"z9hG4bK{digest[44:]}")
