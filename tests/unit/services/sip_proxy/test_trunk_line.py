"""RFC 5626 4.2.1: a line with several flows."""

from itertools import count

import pytest

from ringback.domain.configuration import Line
from ringback.services.sip_proxy.trunk_line import TrunkLine, accounts
from ringback.sip import NameAddr, Response, SipParseError
from ringback.sip.ids import IdSource

CONTACT = NameAddr.parse("<sip:account@192.0.2.1:5060>")
EDGES = ("edge1.carrier.test", "sip:192.0.2.20:5070;transport=tcp")


def made(*edges: str) -> TrunkLine:
    numbers = count(1)
    ids = IdSource(lambda size: next(numbers).to_bytes(size, "big"))
    line = Line("carrier.test", "account", expires=600, outbound=edges)
    return TrunkLine(accounts(line, "account", "pass", "urn:uuid:1"), ids, lambda: 0.0)


def told(line: TrunkLine, place: int, status: int, now: float) -> None:
    part = line.parts[place]
    part.registration.request(CONTACT)
    line.note_others(part, now)
    part.registration.answered(Response(status, "Fine"), CONTACT, now)


def test_each_outbound_proxy_gets_a_flow_of_one_instance() -> None:
    first, second = (part.registration.account for part in made(*EDGES).parts)
    assert (first.reg_id, second.reg_id) == (1, 2)
    assert (str(first.next_hop), str(second.next_hop)) == ("sip:edge1.carrier.test", EDGES[1])
    assert first.instance == second.instance
    (alone,) = (part.registration.account for part in made().parts)
    assert (alone.reg_id, alone.edge, str(alone.next_hop)) == (1, None, "sip:carrier.test")


def test_the_line_is_there_as_long_as_one_flow_is() -> None:
    line = made(*EDGES)
    assert (line.word(0.0), line.is_registered(0.0), line.until) == ("unregistered", False, 0.0)
    told(line, 0, 200, 0.0)
    assert (line.word(1.0), line.is_registered(1.0)) == ("registered 1/2", True)
    told(line, 1, 200, 1.0)
    assert (line.word(2.0), line.until) == ("registered", 601.0)
    told(line, 0, 403, 2.0)
    assert (line.word(3.0), line.is_registered(3.0), line.reason) == ("registered 1/2", True, "403 Fine")
    told(line, 1, 403, 4.0)
    assert (line.word(5.0), line.is_registered(5.0)) == ("unregistered", False)


def test_4_5_the_pause_is_longer_where_another_flow_is_there() -> None:
    line = made(*EDGES)
    told(line, 0, 403, 0.0)
    assert line.parts[0].registration.due_at == 15.0
    told(line, 1, 200, 0.0)
    other = made(*EDGES)
    told(other, 1, 200, 0.0)
    told(other, 0, 403, 0.0)
    assert other.parts[0].registration.due_at == 45.0


def test_an_outbound_proxy_that_is_none_is_refused() -> None:
    with pytest.raises(SipParseError):
        made("sip:")
