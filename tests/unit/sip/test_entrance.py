"""New calls that come faster than they can be dealt with: who waits, goes first, is refused (RFC 6357)."""

import asyncio
from collections.abc import Callable

import pytest

from ringback.sip import Request, Response, response_to
from ringback.sip.entrance import Entrance
from ringback.sip.repeats import mark_of
from ringback.sip.transport import Source
from ringback.sip.waiting_line import Held, WaitingLine

SOURCE = Source("tcp", "192.0.2.1", 5060)
A_TURN = 16


def held(name: str, since: float = 0.0) -> Held:
    return Held((name, "a", "INVITE"), name.encode(), None, None, since)


class TestLine:
    """The line itself."""

    def test_who_came_last_goes_first_and_who_asks_again_keeps_the_place(self) -> None:
        line = WaitingLine(2.0, 0.5, 10)
        for name in ("one", "two", "one", "three"):
            line.put(held(name), 0.0)
        assert line.has(b"one")
        assert [line.newest().data for _ in range(3)] == [b"three", b"two", b"one"]
        assert not line.has(b"one")

    def test_those_who_have_waited_too_long_are_given_up(self) -> None:
        line = WaitingLine(2.0, 0.5, 10)
        for number in range(4):
            line.put(held(str(number), since=float(number)), 2.0)
        assert [item.data for item in line.given_up(3.5)] == [b"0", b"1"]
        assert (len(line), line.has(b"0")) == (2, False)

    def test_where_the_line_has_stood_for_long_nobody_waits_long(self) -> None:
        line = WaitingLine(2.0, 0.5, 10)
        for since in (0.0, 1.0, 1.8, 2.0):
            line.put(held(str(since), since), since)
        assert [item.data for item in line.given_up(1.9)] == []
        assert [item.data for item in line.given_up(2.4)] == [b"0.0", b"1.0", b"1.8"]
        assert line.newest().data == b"2.0"
        line.put(held("new", 3.0), 3.0)
        assert line.given_up(4.0) == [], "it was empty in between"

    def test_more_than_there_is_room_for_cost_the_oldest_their_place(self) -> None:
        line = WaitingLine(2.0, 0.5, 2)
        for number in range(4):
            line.put(held(str(number)), 0.0)
        assert [item.data for item in line.given_up(0.0)] == [b"0", b"1"]


class Door:
    """An endpoint that takes note, and whether it may take more."""

    def __init__(self) -> None:
        self.is_behind, self.is_open = False, True
        self.begun: list[str] = []
        self.answered: list[int] = []
        self.cancelled: list[str] = []
        self.entrance = Entrance(self, lambda: self.is_open, self.is_emergency, self.busy)

    def let_in(self, held: Held) -> None:
        self.begun.append(held.key[0])

    def reply(self, response: Response, source: Source) -> None:
        self.answered.append(response.status)

    def begin_cancelled(self, held: Held) -> None:
        self.cancelled.append(held.key[0])

    @staticmethod
    def is_emergency(request: Request) -> bool:
        return "sos" in request.raw_uri

    @staticmethod
    def busy(request: Request) -> Response:
        return response_to(request, 503)

    def comes(self, name: str, method: str = "INVITE", to: str = "<sip:b@x>", uri: str = "sip:b@x") -> None:
        request = Request(
            method,
            uri,
            [
                ("Via", f"SIP/2.0/UDP a;branch=z9hG4bK{name}"),
                ("From", "<sip:a@x>;tag=1"),
                ("To", to),
                ("Call-ID", name),
                ("CSeq", f"1 {method}"),
            ],
        )
        if not self.entrance.holds(request, SOURCE, (name, "a", method), name.encode()):
            self.begun.append(name)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0)


@pytest.fixture
async def door() -> Door:
    return Door()


async def test_in_one_turn_come_so_many_and_the_others_in_the_next_ones(door: Door) -> None:
    for number in range(3 * A_TURN):
        door.comes(str(number))
    assert door.begun == [str(number) for number in range(A_TURN)]
    await door.until(lambda: len(door.begun) == 3 * A_TURN)
    assert door.begun[A_TURN] == str(3 * A_TURN - 1), "the newest first"


async def test_in_a_long_line_it_is_said_that_the_call_is_tried(door: Door) -> None:
    door.is_open = False
    for number in range(34):
        door.comes(str(number))
    assert door.answered == [100, 100]


async def test_what_is_in_a_dialog_and_who_calls_for_help_never_waits(door: Door) -> None:
    door.is_open = False
    door.comes("new")
    door.comes("again", to="<sip:b@x>;tag=2")
    door.comes("bye", "BYE", to="<sip:b@x>;tag=2")
    door.comes("help", uri="urn:service:sos")
    assert door.begun == ["again", "bye", "help"]
    door.is_open = True
    await door.until(lambda: "new" in door.begun)


async def test_whoever_has_waited_too_long_is_refused(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.is_open = False
    door.comes("old")
    loop = asyncio.get_running_loop()
    later = loop.time() + 4.1
    monkeypatch.setattr(loop, "time", lambda: later)
    await door.until(lambda: door.answered == [503])
    assert (door.begun, len(door.entrance.line)) == ([], 0)


async def test_9_2_who_hangs_up_while_waiting_is_never_put_through(door: Door) -> None:
    door.is_open = False
    door.comes("call")
    door.comes("call", "CANCEL")
    assert (door.cancelled, door.begun) == (["call"], ["call"]), "the CANCEL itself is answered as ever"
    assert len(door.entrance.line) == 0


HEAD = b"INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone;rport\r\n"


def test_17_2_3_a_request_is_known_again_by_method_branch_and_sent_by() -> None:
    assert mark_of(HEAD + b"Call-ID: 1\r\n\r\n") == mark_of(HEAD + b"Call-ID: 1\r\n\r\n") != 0
    others = [
        HEAD.replace(b"INVITE", b"CANCEL"),
        HEAD.replace(b"bKone", b"bKtwo"),
        HEAD.replace(b"192.0.2.1", b"192.0.2.2"),
        HEAD.replace(b":5060", b":5061"),
    ]
    assert len({mark_of(data) for data in (HEAD, *others)}) == 5


@pytest.mark.parametrize(
    "data",
    [
        HEAD.replace(b"INVITE", b"ACK"),
        HEAD.replace(b"z9hG4bKone", b"1"),
        HEAD.replace(b"z9hG4bKone", b"z9hG4bK"),
        HEAD.replace(b"Via", b"From"),
        HEAD[:-2],
        b"\r\n\r\n",
        b"",
    ],
)
def test_what_cannot_be_told_by_that_is_read(data: bytes) -> None:
    assert mark_of(data) == 0
