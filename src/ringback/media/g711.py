"""G.711: the two companded 8 kHz codecs every telephone knows (ITU-T G.711, RFC 3551 4.5.14).

Linear audio is always 16-bit signed little-endian mono at 8,000 samples a second, called *pcm* here.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass

with warnings.catch_warnings():
    # The standard library's module is deprecated; from 3.13 on the audioop-lts package takes its place.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

if sys.byteorder != "little":  # pragma: no cover
    raise ImportError("linear audio is handled in native byte order, which must be little-endian")

SAMPLE_RATE = 8000
"""Samples a second."""
FRAME_MS = 20
"""Milliseconds of audio in one packet."""
FRAME_SAMPLES = SAMPLE_RATE * FRAME_MS // 1000
"""Samples (and G.711 bytes) in one packet."""
FRAME_SECONDS = FRAME_MS / 1000


def pcm_to_ulaw(pcm: bytes) -> bytes:
    """Encode linear audio as mu-law. Raises ValueError when *pcm* is not whole 16-bit samples."""
    return audioop.lin2ulaw(_whole(pcm), 2)


def ulaw_to_pcm(ulaw: bytes) -> bytes:
    """Decode mu-law to linear audio."""
    return audioop.ulaw2lin(ulaw, 2)


def pcm_to_alaw(pcm: bytes) -> bytes:
    """Encode linear audio as A-law. Raises ValueError when *pcm* is not whole 16-bit samples."""
    return audioop.lin2alaw(_whole(pcm), 2)


def alaw_to_pcm(alaw: bytes) -> bytes:
    """Decode A-law to linear audio."""
    return audioop.alaw2lin(alaw, 2)


def _whole(pcm: bytes) -> bytes:
    if len(pcm) % 2:
        raise ValueError("linear audio must be whole 16-bit samples")
    return pcm


_EVERY_BYTE = bytes(range(256))
ULAW_TO_ALAW = pcm_to_alaw(ulaw_to_pcm(_EVERY_BYTE))
"""Translation table for `bytes.translate`."""
ALAW_TO_ULAW = pcm_to_ulaw(alaw_to_pcm(_EVERY_BYTE))
"""Translation table for `bytes.translate`."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A G.711 variant as SDP and RTP name it (RFC 3551 table 4)."""

    name: str
    """Encoding name in `a=rtpmap`."""
    payload_type: int
    """Static RTP payload type."""
    silence: bytes
    """One frame of digital silence."""

    def from_ulaw(self, ulaw: bytes) -> bytes:
        """This codec's bytes for mu-law audio; mu-law itself passes untouched."""
        return ulaw if self.payload_type == 0 else ulaw.translate(ULAW_TO_ALAW)

    def to_ulaw(self, payload: bytes) -> bytes:
        """Mu-law bytes for a payload of this codec."""
        return payload if self.payload_type == 0 else payload.translate(ALAW_TO_ULAW)

    def encode(self, pcm: bytes) -> bytes:
        """Encode linear audio."""
        return pcm_to_ulaw(pcm) if self.payload_type == 0 else pcm_to_alaw(pcm)

    def decode(self, payload: bytes) -> bytes:
        """Decode a payload to linear audio."""
        return ulaw_to_pcm(payload) if self.payload_type == 0 else alaw_to_pcm(payload)


PCMU = Codec("PCMU", 0, b"\xff" * FRAME_SAMPLES)
PCMA = Codec("PCMA", 8, b"\xd5" * FRAME_SAMPLES)
CODECS = {codec.payload_type: codec for codec in (PCMU, PCMA)}
"""The codecs by payload type."""
