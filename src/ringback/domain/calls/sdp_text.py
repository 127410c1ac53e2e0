"""The few things that a back-to-back user agent does to SDP, as operations on its text.

The call core never needs codecs: it carries descriptions from one leg to another. It must only keep the
origin line of each leg steady, see and set the direction, and compare where the media goes.
"""

import re

_DIRECTION = re.compile(r"^a=(sendrecv|sendonly|recvonly|inactive)\r?$", re.MULTILINE)
_SECTION = re.compile(r"^(?=m=)", re.MULTILINE)
_ORIGIN = re.compile(r"^o=\S+ \S+ \S+ (.*?)\r?$", re.MULTILINE)
_MEDIA = re.compile(r"^m=(\S+) (\d+)(.*?)\r?$", re.MULTILINE)
_CONNECTION = re.compile(r"^c=(IN IP[46] \S+?)\r?$", re.MULTILINE)

_ZEROS = "c=IN IP4 0.0.0.0"

ANSWER_TO = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


def with_origin(sdp: str, session: int, version: int) -> str:
    """The description with our own origin: on one leg only the version may change (RFC 3264 8)."""
    return _ORIGIN.sub(lambda match: f"o=ringback {session} {version} {match[1]}\r", sdp, count=1)


def direction(sdp: str) -> str:
    """The direction of the audio; an address of zeros is the hold of RFC 2543 (RFC 3264 8.4)."""
    head, *streams = _SECTION.split(sdp)
    stream = next((each for each in streams if _kind(each) == "audio" and not _is_refused(each)), "")
    found = _DIRECTION.search(stream) or _DIRECTION.search(head)
    zeros = _ZEROS in (stream if "\nc=" in stream else head)
    return "inactive" if zeros and found is None else found[1] if found else "sendrecv"


def is_hold(offer: str) -> bool:
    """Whether the offerer no longer wants to hear (RFC 3264 8.4)."""
    return direction(offer) in ("sendonly", "inactive")


def with_direction(sdp: str, wanted: str) -> str:
    """The same description with every stream in the wanted direction."""
    head, *streams = _SECTION.split(_DIRECTION.sub("", sdp))
    lines = head.splitlines()
    for stream in streams:
        lines += [*stream.splitlines(), f"a={wanted}"]
    return "".join(f"{line}\r\n" for line in lines if line)


def media_address(sdp: str) -> tuple[str, str]:
    """Address and port where the first stream is wanted; media level wins over session (RFC 4566 5.7)."""
    stream = _MEDIA.search(sdp)
    if stream is None:
        return ("", "")
    later = _CONNECTION.search(sdp, stream.end())
    address = later or _CONNECTION.search(sdp)
    return (address[1] if address else "", stream[2])


def refuse(offer: str) -> str:
    """An answer that declines every stream: port zero (RFC 3264 6)."""
    return _MEDIA.sub(lambda match: f"m={match[1]} 0{match[3]}\r", offer)


def fitted(sdp: str, other: str | None, *, answers: bool) -> str:
    """The description with its streams at the places of another's: an answer has those of the offer, a new
    offer at least those of the session so far (RFC 3264 6, 8). What is missing is refused with port 0.
    """
    if other is None or (sdp.count("\nm=") == 1 and other.count("\nm=") == 1):
        return sdp
    head, *streams = _SECTION.split(sdp)
    _, *places = _SECTION.split(other)
    fitting = []
    for place in places:
        at = next((n for n, stream in enumerate(streams) if _kind(stream) == _kind(place)), None)
        refused = at is None or (answers and _is_refused(place))
        taken = streams.pop(at) if at is not None else ""
        fitting.append(_refused(place) if refused else taken)
    return "".join([head, *fitting, *([] if answers else streams)])


def _kind(stream: str) -> str:
    return stream[2:].partition(" ")[0]


def _is_refused(stream: str) -> bool:
    return stream.partition(" ")[2].startswith("0 ")


def _refused(stream: str) -> str:
    """The m= line alone, with port zero."""
    return _MEDIA.sub(lambda match: f"m={match[1]} 0{match[3]}\r", stream, count=1).partition("\n")[0] + "\n"
