"""Two sides of a message become one arrow; arrows become a ladder and a capture file."""

import ipaddress
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from ringback.commands.siptools.ladder import draw, pair
from ringback.commands.siptools.pcap import capture
from ringback.contracts.sip_trace import TracedMessage

TSHARK = shutil.which("tshark")
PHONE, EDGE, INSIDE, NODE = ("192.0.2.9", 5060), ("192.0.2.1", 5060), ("10.0.0.1", 5080), ("10.0.0.2", 5068)


def options(branch: str) -> bytes:
    return (
        f"OPTIONS sip:8000@example.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{branch}\r\n"
        "From: <sip:a@example.test>;tag=1\r\nTo: <sip:8000@example.test>\r\nCall-ID: c1\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def seen(
    time: float, service: str, direction: str, local: tuple[str, int], peer: tuple[str, int], data: bytes
) -> TracedMessage:
    return TracedMessage(
        time=time,
        service=service,
        node="n1",
        direction=direction,
        transport="udp",
        local=local,
        peer=peer,
        data=data,
    )


def test_a_message_that_both_sides_saw_is_one_arrow_from_one_to_the_other() -> None:
    first, second = options("1"), options("2")
    arrows = pair(
        [
            seen(1.02, "sip_cluster", "in", NODE, INSIDE, second),
            seen(1.00, "sip_proxy", "in", EDGE, PHONE, first),
            seen(1.01, "sip_proxy", "out", INSIDE, NODE, second),
        ]
    )
    assert [(item.sender, item.receiver, item.label) for item in arrows] == [
        ("192.0.2.9:5060", "sip_proxy", "OPTIONS"),
        ("sip_proxy", "sip_cluster", "OPTIONS"),
    ]


def test_a_retransmission_is_an_arrow_of_its_own() -> None:
    data = options("1")
    arrows = pair([seen(at, "sip_proxy", "out", EDGE, PHONE, data) for at in (1.0, 1.5, 2.5)])
    assert len(arrows) == 3


def test_what_cannot_be_read_is_shown_as_such() -> None:
    (arrow,) = pair([seen(1.0, "sip_proxy", "in", EDGE, PHONE, b"INVITE rubbish\r\n\r\n")])
    assert arrow.label == "unreadable"


def test_the_ladder_has_a_column_for_each_and_arrows_that_point_the_right_way() -> None:
    there, back = options("1"), options("2")
    lines = draw(
        pair(
            [
                seen(1.0, "sip_proxy", "in", EDGE, PHONE, there),
                seen(1.25, "sip_proxy", "out", EDGE, PHONE, back),
            ]
        )
    )
    assert lines[0].split() == ["192.0.2.9:5060", "sip_proxy"]
    assert lines[2].split() == ["0.000", "│───────", "OPTIONS", "──────▶│"]
    assert lines[3].split() == ["0.250", "│◀──────", "OPTIONS", "───────│"]
    assert len({line.index("│") for line in lines[2:]}) == 1


def test_the_ladder_stays_within_the_terminal_as_far_as_it_can_be_read() -> None:
    arrows = pair(
        [
            seen(1.00, "sip_proxy", "in", EDGE, PHONE, options("1")),
            seen(1.01, "sip_proxy", "out", INSIDE, NODE, options("2")),
        ]
    )
    wide, fitting, least = draw(arrows), draw(arrows, 55), draw(arrows, 20)
    assert max(map(len, wide)) > 55 >= max(map(len, fitting))
    assert all("OPTIONS" in line for line in fitting[2:] + least[2:])
    for lines in (fitting, least):
        assert len({line.index("│") for line in lines[1:]}) == 1


def test_a_capture_holds_each_message_between_its_two_addresses() -> None:
    file = capture(pair([seen(12.5, "sip_proxy", "in", EDGE, PHONE, options("1"))]))
    assert struct.unpack("<I", file[:4]) == (0xA1B2C3D4,)
    seconds, micro, length, whole = struct.unpack("<IIII", file[24:40])
    packet = file[40:]
    assert (seconds, micro, length, whole) == (12, 500_000, len(packet), len(packet))
    assert ipaddress.ip_address(packet[12:16]) == ipaddress.ip_address(PHONE[0])
    assert ipaddress.ip_address(packet[16:20]) == ipaddress.ip_address(EDGE[0])
    head = struct.unpack("!10H", packet[:20])
    assert sum(head) % 0xFFFF == 0  # RFC 1071: with its checksum the header sums up to nothing
    assert packet[28:] == options("1")


def test_a_capture_takes_ipv6() -> None:
    file = capture(pair([seen(1.0, "sip_proxy", "in", ("::1", 5060), ("::2", 5060), options("1"))]))
    packet = file[40:]
    assert packet[0] >> 4 == 6
    assert ipaddress.ip_address(packet[8:24]) == ipaddress.ip_address("::2")


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed (Debian: tshark)")
def test_wireshark_reads_the_capture_and_finds_sip_in_each_packet(tmp_path: Path) -> None:
    """Whatever carried the messages, over either version of IP; the ports inside are none of SIP's own."""
    assert TSHARK is not None
    six = ("2001:db8::9", 40_000), ("2001:db8::1", 5061)
    messages = [
        seen(12.5, "sip_proxy", "in", EDGE, PHONE, options("1")),
        seen(12.6, "sip_proxy", "out", INSIDE, NODE, options("2")),
        seen(12.7, "sip_proxy", "in", six[1], six[0], options("3")),
    ]
    file = tmp_path / "call.pcap"
    file.write_bytes(capture(pair(messages)))
    names = ("frame.time_epoch", "ip.src", "ipv6.src", "udp.dstport", "sip.Method")
    command = [TSHARK, "-r", str(file), "-Tfields", "-Eseparator=,", *(f"-e{name}" for name in names)]
    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    rows = [line.split(",") for line in made.stdout.splitlines()]
    assert [row[1:] for row in rows] == [
        [PHONE[0], "", "5060", "OPTIONS"],
        [INSIDE[0], "", "5068", "OPTIONS"],
        ["", six[0][0], "5061", "OPTIONS"],
    ]
    assert float(rows[0][0]) == 12.5


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed (Debian: tshark)")
def test_rfc8200_8_1_wireshark_has_nothing_to_complain_of(tmp_path: Path) -> None:
    """A checksum over IPv6 may not be nothing, also where a message has an odd number of bytes."""
    six = ("2001:db8::9", 40_000), ("2001:db8::1", 5061)
    messages = [
        seen(12.0 + at, "sip_proxy", "in", *ends, options(branch))
        for at, ends in enumerate((six, (EDGE, PHONE)))
        for branch in ("1", "22")
    ]
    file = tmp_path / "call.pcap"
    file.write_bytes(capture(pair(messages)))
    command = [str(TSHARK), "-r", str(file), "-q", "-z", "expert", "-o", "udp.check_checksum:TRUE"]
    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "Checksum" not in made.stdout
    assert "Malformed" not in made.stdout
