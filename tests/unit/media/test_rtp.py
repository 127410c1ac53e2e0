import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.media.rtp import (
    ReceptionStatistics,
    ReorderBuffer,
    RtpError,
    RtpPacket,
    RtpSender,
    sequence_distance,
)


def packet(sequence, *, ssrc=7, timestamp=None, payload=b"x" * 160):
    return RtpPacket(0, sequence & 0xFFFF, sequence * 160 if timestamp is None else timestamp, ssrc, payload)


class TestRfc3550Section51:
    def test_a_packet_survives_a_round_trip(self):
        one = RtpPacket(101, 65535, 2**32 - 1, 12345, b"abc", marker=True)
        assert RtpPacket.parse(one.build()) == one

    def test_csrc_list_extension_and_padding_are_removed(self):
        head = bytes([0x80 | 0x20 | 0x10 | 2, 0, 0, 1]) + bytes(8)
        data = head + bytes(8) + b"\xbe\xde\x00\x01" + bytes(4) + b"audio" + b"\x00\x00\x03"
        assert RtpPacket.parse(data).payload == b"audio"

    @pytest.mark.parametrize(
        "data",
        [b"", b"\x80" * 11, b"\x40" + bytes(11), bytes([0x8F]) + bytes(11), bytes([0x90]) + bytes(11)],
        ids=["empty", "short", "version 1", "csrc missing", "extension missing"],
    )
    def test_what_is_not_rtp_is_an_error(self, data):
        with pytest.raises(RtpError):
            RtpPacket.parse(data)

    def test_padding_longer_than_the_payload_is_an_error(self):
        with pytest.raises(RtpError):
            RtpPacket.parse(bytes([0xA0]) + bytes(11) + b"ab\x09")

    def test_rtcp_on_the_same_port_is_not_rtp(self):
        with pytest.raises(RtpError):
            RtpPacket.parse(bytes([0x80, 200]) + bytes(10))

    @given(st.binary(max_size=64))
    def test_any_bytes_are_a_packet_or_an_rtp_error(self, data):
        with contextlib.suppress(RtpError):
            assert len(RtpPacket.parse(data).payload) <= len(data)


def test_sequence_distance_knows_the_wrap():
    assert sequence_distance(2, 65534) == 4
    assert sequence_distance(65534, 2) == -4


def test_a_sender_numbers_its_packets_over_the_wrap_and_keeps_time_in_pauses():
    sender = RtpSender(1, sequence=65535, timestamp=2**32 - 160)
    first = RtpPacket.parse(sender.build(0, b"a"))
    sender.advance(160)
    sender.advance(160)
    second = RtpPacket.parse(sender.build(0, b"b"))
    assert (first.sequence, second.sequence) == (65535, 0)
    assert (first.timestamp, second.timestamp) == (2**32 - 160, 160)


class TestRfc3550AppendixA:
    def test_a_gap_counts_as_lost_and_a_late_packet_fills_it(self):
        statistics = ReceptionStatistics()
        for number in (65534, 65535, 1, 2):
            statistics.update(packet(number), number * 0.02)
        assert (statistics.received, statistics.expected, statistics.lost) == (4, 5, 1)
        statistics.update(packet(0), 0.1)
        assert (statistics.lost, statistics.reordered) == (0, 1)

    def test_a_steady_source_has_no_jitter_and_an_unsteady_one_has(self):
        steady, unsteady = ReceptionStatistics(), ReceptionStatistics()
        for number in range(200):
            steady.update(packet(number), number * 0.02)
            unsteady.update(packet(number), number * 0.02 + (number % 2) * 0.01)
        assert steady.jitter_ms == pytest.approx(0, abs=0.01)
        assert unsteady.jitter_ms == pytest.approx(10, abs=0.5)

    def test_a_new_source_starts_over(self):
        statistics = ReceptionStatistics()
        statistics.update(packet(1, ssrc=1), 0)
        statistics.update(packet(500, ssrc=2), 0)
        assert (statistics.received, statistics.lost) == (1, 0)


class TestReorderBuffer:
    def numbers(self, buffer, sequence):
        return [one.sequence for number in sequence for one in buffer.push(packet(number))]

    def test_two_swapped_packets_leave_in_order(self):
        assert self.numbers(ReorderBuffer(), [1, 3, 2, 4]) == [1, 2, 3, 4]

    def test_a_lost_packet_is_given_up_when_the_buffer_is_full(self):
        buffer = ReorderBuffer(depth=3)
        assert self.numbers(buffer, [1, 3, 4]) == [1]
        assert self.numbers(buffer, [5]) == [3, 4, 5]
        assert self.numbers(buffer, [2]) == []
        assert buffer.dropped == 1

    def test_a_duplicate_is_dropped(self):
        assert self.numbers(ReorderBuffer(), [1, 1, 2]) == [1, 2]

    @given(st.integers(0, 65535), st.data())
    def test_any_order_within_the_depth_leaves_sorted_and_complete(self, start, data):
        swaps = data.draw(st.lists(st.booleans(), min_size=30, max_size=30))
        order, at = list(range(30)), 1  # the first packet sets the beginning
        while at < 29:
            if swaps[at]:
                order[at], order[at + 1] = order[at + 1], order[at]
                at += 1
            at += 1
        got = self.numbers(ReorderBuffer(), [start + number for number in order])
        assert got == [(start + number) & 0xFFFF for number in range(30)]
