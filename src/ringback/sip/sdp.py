"""Session descriptions (RFC 8866) and the offer/answer of audio (RFC 3264)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ringback.sip.errors import SdpError

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_REVERSED = {"sendonly": "recvonly", "recvonly": "sendonly"}
_STATIC = {0: "PCMU/8000", 3: "GSM/8000", 8: "PCMA/8000", 9: "G722/8000", 13: "CN/8000", 18: "G729/8000"}


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type: `name` is `PCMU/8000`, `fmtp` its format parameters (`0-15`)."""

    payload: int
    name: str
    fmtp: str = ""

    @property
    def key(self) -> str:
        """The name for comparison: upper case, one channel implied."""
        name = self.name.upper()
        return name[:-2] if name.endswith("/1") and name.count("/") == 2 else name


PCMU = Codec(0, "PCMU/8000")
PCMA = Codec(8, "PCMA/8000")
TELEPHONE_EVENT = Codec(101, "telephone-event/8000", "0-16")
AUDIO = (PCMU, PCMA, TELEPHONE_EVENT)


@dataclass(frozen=True, slots=True)
class Media:
    """One m= section.

    `address` is None where the session's holds; `direction` is None where none was written. Codecs cover RTP
    only; `formats` holds the words of the m= line. Other attributes stay in `attributes` without `a=`.
    """

    kind: str
    port: int
    protocol: str = "RTP/AVP"
    formats: tuple[str, ...] = ()
    codecs: tuple[Codec, ...] = ()
    direction: str | None = None
    address: str | None = None
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sdp:
    """A session description."""

    session_id: str
    version: int
    address: str
    origin_address: str = ""
    user: str = "-"
    name: str = "-"
    direction: str | None = None
    attributes: tuple[str, ...] = ()
    media: tuple[Media, ...] = field(default_factory=tuple)

    @classmethod
    def parse(cls, data: bytes | str) -> Sdp:
        """Read a description. Raises SdpError."""
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        session, sections = _sections(text)
        origin = next((value for key, value in session if key == "o"), "").split()
        if session[:1] != [("v", "0")] or len(origin) != 6 or not origin[2].isdigit():
            raise SdpError("no v=0 or bad o= line")
        attributes = [value for key, value in session if key == "a"]
        direction, rest = _take_direction(attributes)
        media = tuple(_parse_media(section) for section in sections)
        address = _connection(session)
        if address is None and any(item.address is None for item in media):
            raise SdpError("no c= line")
        name = next((value for key, value in session if key == "s"), "-")
        return cls(
            origin[1], int(origin[2]), address or "", origin[5], origin[0], name, direction, rest, media
        )

    @property
    def audio(self) -> Media | None:
        """The first audio section that is not refused (port 0)."""
        return next((item for item in self.media if item.kind == "audio" and item.port), None)

    @property
    def audio_address(self) -> tuple[str, int] | None:
        """Where audio is to be sent: host and RTP port."""
        audio = self.audio
        return None if audio is None else (audio.address or self.address, audio.port)

    @property
    def audio_direction(self) -> str:
        """The direction of the audio section as its sender sees it; 0.0.0.0 is the old way to hold."""
        audio = self.audio
        if audio is None:
            return "inactive"
        direction = audio.direction or self.direction or "sendrecv"
        if (audio.address or self.address) == "0.0.0.0":  # noqa: S104 - RFC 3264 8.4, not a listener
            return "sendonly" if direction == "sendrecv" else "inactive"
        return direction

    def next_version(self) -> Sdp:
        """A copy with the o= version raised by one, as every change must (RFC 3264 8)."""
        return replace(self, version=self.version + 1)

    def with_direction(self, direction: str) -> Sdp:
        """A copy whose media all have this direction. Raises ValueError for an unknown one."""
        if direction not in DIRECTIONS:
            raise ValueError(f"unknown direction {direction!r}")
        media = tuple(replace(item, direction=direction) for item in self.media)
        return replace(self, direction=None, media=media)

    def with_address(self, address: str, port: int | None = None) -> Sdp:
        """A copy that says this address (and audio port) for origin, session and media."""
        media = tuple(
            replace(
                item, address=None, port=port if port and item.port and item.kind == "audio" else item.port
            )
            for item in self.media
        )
        return replace(self, address=address, origin_address=address, media=tuple(media))

    def with_origin(self, session_id: str, version: int) -> Sdp:
        """A copy with another o= identity: what a back-to-back agent sends must look like one session."""
        return replace(self, session_id=session_id, version=version)

    def __str__(self) -> str:
        origin = self.origin_address or self.address
        lines = [
            "v=0",
            f"o={self.user} {self.session_id} {self.version} IN {_family(origin)} {origin}",
            f"s={self.name or '-'}",
        ]
        if self.address:
            lines.append(f"c=IN {_family(self.address)} {self.address}")
        lines.append("t=0 0")
        lines += [f"a={item}" for item in self.attributes]
        if self.direction:
            lines.append(f"a={self.direction}")
        for item in self.media:
            lines += _media_lines(item)
        return "\r\n".join(lines) + "\r\n"

    def to_bytes(self) -> bytes:
        """The description as a message body."""
        return str(self).encode()


def _family(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


def _sections(text: str) -> tuple[list[tuple[str, str]], list[list[tuple[str, str]]]]:
    session: list[tuple[str, str]] = []
    sections: list[list[tuple[str, str]]] = []
    target = session
    for line in text.splitlines():
        if not line:
            continue
        key, equals, value = line.partition("=")
        if not equals or len(key.strip()) != 1:
            raise SdpError("bad line")
        pair = (key.strip(), value.strip())
        if pair[0] == "m":
            target = []
            sections.append(target)
        target.append(pair)
    return session, sections


def _connection(lines: Iterable[tuple[str, str]]) -> str | None:
    for key, value in lines:
        if key == "c":
            parts = value.split()
            if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
                raise SdpError("bad c= line")
            return parts[2].partition("/")[0]
    return None


def _take_direction(attributes: list[str]) -> tuple[str | None, tuple[str, ...]]:
    direction = next((item for item in attributes if item in DIRECTIONS), None)
    return direction, tuple(item for item in attributes if item not in DIRECTIONS)


def _parse_media(lines: list[tuple[str, str]]) -> Media:
    words = lines[0][1].split()
    if len(words) < 4 or not words[1].partition("/")[0].isdigit():
        raise SdpError("bad m= line")
    port = int(words[1].partition("/")[0])
    if port > 65535:
        raise SdpError("bad port")
    direction, rest = _take_direction([value for key, value in lines if key == "a"])
    formats = tuple(words[3:])
    if not words[2].startswith("RTP/"):
        return Media(words[0], port, words[2], formats, (), direction, _connection(lines), rest)
    codecs = _codecs(formats, rest)
    others = tuple(item for item in rest if not item.startswith(("rtpmap:", "fmtp:")))
    return Media(words[0], port, words[2], formats, codecs, direction, _connection(lines), others)


def _codecs(formats: tuple[str, ...], attributes: tuple[str, ...]) -> tuple[Codec, ...]:
    maps: dict[str, str] = {}
    parameters: dict[str, str] = {}
    for item in attributes:
        kind, _, value = item.partition(":")
        number, _, text = value.partition(" ")
        if kind == "rtpmap":
            maps[number] = text.strip()
        elif kind == "fmtp":
            parameters[number] = text.strip()
    found = []
    for word in formats:
        if not word.isdigit() or int(word) > 127:
            raise SdpError("bad payload type")
        name = maps.get(word) or _STATIC.get(int(word), "")
        if name:
            found.append(Codec(int(word), name, parameters.get(word, "")))
    return tuple(found)


def _media_lines(media: Media) -> list[str]:
    formats = media.formats or tuple(str(codec.payload) for codec in media.codecs)
    lines = [f"m={media.kind} {media.port} {media.protocol} {' '.join(formats) or '0'}"]
    if media.address:
        lines.append(f"c=IN {_family(media.address)} {media.address}")
    for codec in media.codecs:
        lines.append(f"a=rtpmap:{codec.payload} {codec.name}")
        if codec.fmtp:
            lines.append(f"a=fmtp:{codec.payload} {codec.fmtp}")
    lines += [f"a={item}" for item in media.attributes]
    if media.direction:
        lines.append(f"a={media.direction}")
    return lines


def build_offer(
    address: str,
    port: int,
    session_id: str,
    *,
    version: int = 1,
    codecs: tuple[Codec, ...] = AUDIO,
    direction: str = "sendrecv",
) -> Sdp:
    """An offer of one audio stream with 20 ms packets."""
    media = Media("audio", port, codecs=codecs, direction=direction, attributes=("ptime:20",))
    return Sdp(session_id, version, address, media=(media,))


def common_codecs(theirs: Iterable[Codec], ours: Iterable[Codec]) -> tuple[Codec, ...]:
    """The codecs of both, in the order and with the payload numbers of the offer (RFC 3264 6.1)."""
    known = {codec.key for codec in ours}
    return tuple(codec for codec in theirs if codec.key in known)


def answer_direction(offered: str, wanted: str = "sendrecv") -> str:
    """The direction of an answer: the offer seen from this side, narrowed to what we want (RFC 3264 6.1)."""
    mirrored = _REVERSED.get(offered, offered)
    sends = "send" in mirrored and "send" in wanted
    receives = "recv" in mirrored and "recv" in wanted
    return {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}.get(
        (sends, receives), "inactive"
    )


def build_answer(
    offer: Sdp,
    address: str,
    port: int,
    session_id: str,
    *,
    version: int = 1,
    codecs: tuple[Codec, ...] = AUDIO,
    direction: str = "sendrecv",
) -> Sdp:
    """An answer that takes the first audio stream and refuses the rest with port 0 (RFC 3264 6).

    Raises SdpError if no audio codec is common (the response is then 488).
    """
    chosen = offer.audio
    media = []
    for item in offer.media:
        if item is not chosen:
            media.append(Media(item.kind, 0, item.protocol, item.formats))
            continue
        common = common_codecs(item.codecs, codecs)
        if not any(not codec.key.startswith("TELEPHONE-EVENT") for codec in common):
            raise SdpError("no common codec")
        agreed = answer_direction(offer.audio_direction, direction)
        media.append(
            Media("audio", port, item.protocol, codecs=common, direction=agreed, attributes=("ptime:20",))
        )
    if chosen is None:
        raise SdpError("no audio offered")
    return Sdp(session_id, version, address, media=tuple(media))
