"""Who is to be connected to whom: a table of what each party should hear now.

Of two that are to be connected one is the mover: it gets the re-INVITE that leads it to the other.
"""

from ringback.domain.calls.machine import Machine
from ringback.domain.calls.state import CallData, Consult, Leg
from ringback.domain.calls.types import AttemptState, ConsultStage, LegState, Phase, Slot, TreatmentType

MEDIA_OF = {
    Slot.ORIGIN: Slot.MEDIA,
    Slot.TARGET: Slot.TARGET_MEDIA,
    Slot.CONSULT: Slot.CONSULT_MEDIA,
}
PARTY_OF = {media: party for party, media in MEDIA_OF.items()}
TOGETHER = frozenset({ConsultStage.JOINING, ConsultStage.TALKING})


def wanted(m: Machine, slot: Slot) -> Slot | None:
    """Where the leg of a party is to be moved; None for the one that others are moved to."""
    consult = m.data.consult
    if consult is None or m.data.phase is not Phase.CONNECTED or m.at(slot) is None:
        return _of_two(m, slot)
    if consult.stage is ConsultStage.CONFERENCE:
        return MEDIA_OF[slot]
    if consult.stage is ConsultStage.ALTERNATED:
        return Slot.CONSULT_MEDIA if slot is Slot.CONSULT else _of_two(m, slot)
    if slot is Slot.CONSULT:
        return None
    return _while_consulting(consult, slot)


def _while_consulting(consult: Consult, slot: Slot) -> Slot:
    asks = slot is consult.controller and consult.stage in TOGETHER
    return Slot.CONSULT if asks else MEDIA_OF[slot]


def _of_two(m: Machine, slot: Slot) -> Slot | None:
    """First and second party talk, unless one of them holds the other or is not there yet."""
    attempt, connected = m.data.attempt, m.data.phase is Phase.CONNECTED
    joining = attempt is not None and attempt.state is AttemptState.JOINING
    target = m.at(Slot.TARGET) if connected else None
    talking = target is not None and not target.held
    origin = m.at(Slot.ORIGIN) if talking else None
    waits = origin is not None and origin.held
    if slot is Slot.ORIGIN:
        reaches = joining or talking or hears_ringing(m)
        return None if waits else Slot.TARGET if reaches else Slot.MEDIA
    return Slot.TARGET_MEDIA if waits and slot is Slot.TARGET else None


def wanted_peer(m: Machine, slot: Slot) -> Leg | None:
    """The leg behind `wanted`, once it can be talked to."""
    place = wanted(m, slot)
    peer = None if place is None else m.at(place)
    if peer is None or peer.state in (LegState.UP, LegState.ANSWERED):
        return peer
    return peer if slot is Slot.ORIGIN and hears_ringing(m) else None


def hears_ringing(m: Machine) -> bool:
    """Whether a first party that is on the line hears, in place of our ringing, what the called side plays
    before it answers.
    """
    target = m.at(Slot.TARGET)
    return target is not None and target.early and target.state is LegState.RINGING and hears_ours(m)


def hears_ours(m: Machine) -> bool:
    """Whether a first party that is on the line is to hear ringing, ours or that of the network."""
    playing, origin = m.data.treatment, m.at(Slot.ORIGIN)
    if playing is None or playing.type is not TreatmentType.RINGBACK or m.data.phase is not Phase.WAITING:
        return False
    return origin is not None and origin.state in (LegState.UP, LegState.ANSWERED)


def needs_media(m: Machine, slot: Slot) -> bool:
    """Whether a party of a connected call is to hear the media server."""
    leg = m.at(slot)
    there = leg is not None and leg.state is LegState.UP and m.data.phase is Phase.CONNECTED
    return there and wanted(m, slot) is MEDIA_OF[slot]


def slot_of(m: Machine, dn: str) -> Slot | None:
    """The place of the party with this DN; the second party's for no DN at all."""
    parties, consult = m.data.parties, m.data.consult
    if dn in ("", parties.target_dn):
        return Slot.TARGET
    if dn == parties.origin_dn:
        return Slot.ORIGIN
    return Slot.CONSULT if consult is not None and dn == consult.dn else None


def dn_at(m: Machine, slot: Slot) -> str:
    """The DN of a party in events; empty when it is none of ours."""
    return dn_of(m.data, slot)


def dn_of(data: CallData, slot: Slot) -> str:
    """As `dn_at`, from the data alone."""
    parties, consult = data.parties, data.consult
    if slot is Slot.ORIGIN:
        return parties.origin_dn
    return parties.target_dn if slot is Slot.TARGET else consult.dn if consult is not None else ""


def agent_at(m: Machine, slot: Slot) -> str:
    """The agent at that DN, when the router sent the call there."""
    return agent_of(m.data, slot)


def agent_of(data: CallData, slot: Slot) -> str:
    """As `agent_at`, from the data alone."""
    if slot is Slot.TARGET:
        return data.parties.target_agent
    return data.consult.agent_id if slot is Slot.CONSULT and data.consult is not None else ""
