"""One RTP session with one far end: packets in, events out; every 20 ms a packet out. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from ringback.media.dtmf import TELEPHONE_EVENT, DtmfReceiver, DtmfSender, InbandDtmfDetector
from ringback.media.g711 import CODECS, FRAME_SAMPLES, PCMU, Codec
from ringback.media.player import AudioSource
from ringback.media.rtp import ReceptionStatistics, ReorderBuffer, RtpError, RtpPacket, RtpSender


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """A packet of audio, in order."""

    payload: bytes
    codec: Codec
    timestamp: int
    """RTP timestamp in samples."""

    @property
    def pcm(self) -> bytes:
        """The audio, decoded when asked for."""
        return self.codec.decode(self.payload)


@dataclass(frozen=True, slots=True)
class DigitReceived:
    """The far end pressed a key."""

    digit: str
    inband: bool = False


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """A source has given its last frame and is no longer sent."""

    source: AudioSource


MediaEvent = AudioReceived | DigitReceived | PlaybackEnded


class RtpSession:
    """The state of one RTP session.

    The shell calls `receive` for each datagram and `pull` every 20 ms, and takes the events after each.
    """

    __slots__ = (
        "_marker",
        "_reorder",
        "_sender",
        "codec",
        "dtmf_in",
        "dtmf_out",
        "events",
        "inband",
        "malformed",
        "receiving",
        "sending",
        "source",
        "statistics",
        "telephone_event",
    )

    def __init__(
        self,
        ssrc: int,
        *,
        sequence: int = 0,
        timestamp: int = 0,
        codec: Codec = PCMU,
        telephone_event: int | None = TELEPHONE_EVENT,
        detect_inband: bool = False,
    ) -> None:
        """*ssrc*, *sequence* and *timestamp* should be random (RFC 3550 5.1); *telephone_event* is the
        payload type agreed for RFC 4733, None when the far end has not offered it."""
        self.codec = codec
        self.telephone_event = telephone_event
        self.sending = True
        """Whether the direction agreed in SDP lets us send."""
        self.receiving = True
        """Whether what arrives is heard."""
        self.source: AudioSource | None = None
        """What is sent; None sends silence, which keeps the path through a NAT open."""
        self.statistics = ReceptionStatistics()
        self.malformed = 0
        self.dtmf_out = DtmfSender()
        self.dtmf_in = DtmfReceiver()
        self.inband = InbandDtmfDetector() if detect_inband else None
        self._sender = RtpSender(ssrc, sequence, timestamp)
        self._reorder = ReorderBuffer()
        self.events: list[MediaEvent] = []
        """What has happened and was not taken yet; see `take_events`."""
        self._marker = True

    def receive(self, datagram: bytes, now: float) -> bool:
        """Take a datagram in; False when it is not RTP for this session, and then counted as malformed."""
        try:
            packet = RtpPacket.parse(datagram)
            self._accept(packet, now)
        except ValueError:
            self.malformed += 1
            return False
        return True

    def _accept(self, packet: RtpPacket, now: float) -> None:
        if packet.payload_type == self.telephone_event:
            digit = self.dtmf_in.receive(packet)
        elif packet.payload_type in CODECS:
            digit = None
        else:
            raise RtpError("a payload type that was not agreed")
        self.statistics.update(packet, now)
        if digit is not None and self.receiving:
            self.events.append(DigitReceived(digit))
        for ready in self._reorder.push(packet):
            if ready.payload_type in CODECS and self.receiving:
                self._hear(AudioReceived(ready.payload, CODECS[ready.payload_type], ready.timestamp))

    def _hear(self, audio: AudioReceived) -> None:
        self.events.append(audio)
        if self.inband is not None:
            self.events.extend(DigitReceived(digit, inband=True) for digit in self.inband.push(audio.pcm))

    def listen_inband(self, *, wanted: bool) -> None:
        """Listen for digits in the audio, or no more; for a peer that has no telephone-event."""
        if wanted != (self.inband is not None):
            self.inband = InbandDtmfDetector() if wanted else None

    def play(self, source: AudioSource | None) -> None:
        """Send *source* from the next frame on, in place of whatever was sent; None is silence."""
        self.source = source
        self._marker = True

    def send_dtmf(self, digits: str) -> None:
        """Queue digits as RFC 4733 events. Raises ValueError for one that is not DTMF."""
        self.dtmf_out.send(digits)

    def pull(self) -> bytes | None:
        """The datagram of this 20 ms, or None when nothing may be sent. Time goes on either way."""
        if not self.sending or (self.dtmf_out.pending and self.telephone_event is not None):
            return self._pull_other()
        # Few steps over few objects: with a hundred legs the state of each is out of the processor's
        # caches when its turn comes.
        codec, source, marker = self.codec, self.source, self._marker
        if marker:
            self._marker = False
        if source is None:
            payload = codec.silence
        elif (frame := source.next_frame()) is None:
            payload = self._silence_after(source)
        else:
            payload = frame if codec is PCMU else codec.from_ulaw(frame)
        return self._sender.frame(codec.payload_type, payload, FRAME_SAMPLES, marker)

    def _pull_other(self) -> bytes | None:
        packet = None
        if not self.sending:
            self._marker = True
        elif self.telephone_event is not None:
            packet = self._event_packet(self.telephone_event)
        self._sender.advance(FRAME_SAMPLES)
        return packet

    def _event_packet(self, payload_type: int) -> bytes | None:
        event = self.dtmf_out.next_packet()
        if event is None:
            return self._sender.build(self.codec.payload_type, self.codec.silence)
        began = (self._sender.timestamp - event.offset) & 0xFFFFFFFF
        return self._sender.build(payload_type, event.payload, marker=event.marker, timestamp=began)

    def _silence_after(self, source: AudioSource) -> bytes:
        """What is sent in the place of a frame when a source has ended."""
        self.events.append(PlaybackEnded(source))
        self.source = None
        return self.codec.silence

    def take_events(self) -> list[MediaEvent]:
        """What has happened since the last call, oldest first."""
        events, self.events = self.events, []
        return events

    @property
    def packets_sent(self) -> int:
        """Packets sent so far."""
        return self._sender.packets
