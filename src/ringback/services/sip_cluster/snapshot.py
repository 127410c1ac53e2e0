"""A call as it stands in the store, and how another node makes a living one of it."""

from msgspec import Struct, field

from ringback.domain.calls.call import Call
from ringback.domain.calls.state import CallData
from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.sip.dialog import Dialog

CSEQ_GAP = 16
"""How far the sequence number jumps at a takeover: the dead node may have sent more requests."""


class LegSession(Struct, frozen=True):
    """The session timer of a leg (RFC 4028)."""

    seconds: int
    refreshes: bool
    """This side refreshes."""
    by_update: bool
    """The other side takes UPDATE."""


class Snapshot(Struct):
    """A call in the store: its owner, its state, the dialog of each leg."""

    node: str
    call: CallData
    dialogs: dict[str, dict[str, object]] = field(default_factory=dict)
    sent_by: tuple[str, int] = ("", 0)
    """Host and port in the Via of the owner's requests."""
    sessions: dict[str, LegSession] = field(default_factory=dict)
    resumed: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The same of INVITEs that an earlier owner had sent, by their legs: they go on under its name."""


def restore(snapshot: Snapshot) -> LiveCall:
    """The call of a snapshot, without the transactions that were under way."""
    live = LiveCall(Call(snapshot.call))
    live.taken_over = True
    for leg_id, kept in snapshot.dialogs.items():
        dialog = Dialog.from_dict(kept)
        leg = SipLeg(leg_id, dialog.call_id)
        leg.dialog, leg.ack_cseq = dialog, dialog.local_cseq
        leg.session = snapshot.sessions.get(leg_id)
        dialog.local_cseq += CSEQ_GAP
        live.legs[leg_id] = leg
    return live
