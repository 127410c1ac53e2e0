"""Offer and answer for one RTP port: descriptions out, codec, address and direction in (RFC 3264)."""

from __future__ import annotations

from ringback.media.g711 import CODECS
from ringback.media.port import RtpPort
from ringback.sip import sdp
from ringback.sip.errors import SdpError
from ringback.sip.transport import is_address

_NOWHERE = "0.0.0.0"  # noqa: S104 - RFC 3264 8.4, not a listener


class AudioEnd:
    """This side's half of an audio stream; it steers the RTP port by what was agreed."""

    def __init__(self, port: RtpPort, session_id: str) -> None:
        """*session_id* is the number of the o= line."""
        self.port = port
        self.wanted = "sendrecv"
        """The direction that this side wants; `sendonly` or `inactive` holds the peer."""
        self.remote_direction = ""
        """The direction as the peer sees it, in its last description; empty before the first."""
        self._session_id = session_id
        self._version = 1
        self._last = ""

    def offer(self) -> bytes:
        """An offer with the wanted direction."""
        host, port = self.port.address
        described = sdp.build_offer(
            host, port, self._session_id, version=self._version, direction=self.wanted
        )
        return self._describe(described)

    def answer(self, offer: bytes) -> bytes:
        """Take an offer and answer it. Raises SdpError when it has no audio that we can speak."""
        theirs = sdp.Sdp.parse(offer)
        host, port = self.port.address
        described = sdp.build_answer(
            theirs, host, port, self._session_id, version=self._version, direction=self.wanted
        )
        self._apply(theirs)
        return self._describe(described)

    def accept(self, answer: bytes) -> None:
        """Take the answer to our offer. Raises SdpError when it refuses the audio."""
        self._apply(sdp.Sdp.parse(answer))

    @property
    def held(self) -> bool:
        """Whether the peer does not listen or speak to us."""
        return self.remote_direction in ("sendonly", "inactive")

    def _describe(self, described: sdp.Sdp) -> bytes:
        """The body; the version of the o= line goes up with each change (RFC 3264 8)."""
        if self._last and str(described) != self._last:
            described = described.next_version()
            self._version = described.version
        self._last = str(described)
        return described.to_bytes()

    def _apply(self, theirs: sdp.Sdp) -> None:
        audio, address = theirs.audio, theirs.audio_address
        if audio is None or address is None:
            raise SdpError("no audio")
        voices = [codec for codec in sdp.common_codecs(audio.codecs, sdp.AUDIO) if codec.payload in CODECS]
        if not voices:
            raise SdpError("no common codec")
        events = sdp.common_codecs(audio.codecs, (sdp.TELEPHONE_EVENT,))
        session = self.port.session
        session.codec = CODECS[voices[0].payload]
        session.telephone_event = events[0].payload if events else None
        session.listen_inband(wanted=not events)
        self.remote_direction = theirs.audio_direction
        ours = sdp.answer_direction(self.remote_direction, self.wanted)
        session.sending, session.receiving = "send" in ours, "recv" in ours
        self.port.agree(None if address[0] == _NOWHERE else address)


def host_toward(offer: bytes, first: str, second: str) -> str:
    """Where RTP of who offers this is taken: at the address of the version of IP that is spoken there.

    An offer of the other version cannot be answered with the first address (RFC 3264 6, RFC 4566 5.7).
    """
    if not second or not offer:
        return first
    try:
        address = sdp.Sdp.parse(offer).audio_address
    except SdpError:
        return first
    if address is None or not is_address(address[0]) or address[0] == _NOWHERE:
        return first
    return first if (":" in first) == (":" in address[0]) else second
