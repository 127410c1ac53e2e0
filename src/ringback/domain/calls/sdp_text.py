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

ANSWER_TO = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


def with_origin(sdp: str, session: int, version: int) -> str:
    """The description with our own origin: on one leg only the version may change (RFC 3264 8)."""
    return _ORIGIN.sub(lambda match: f"o=ringback {session} {version} {match[1]}\r", sdp, count=1)


def direction(sdp: str) -> str:
    """The direction of the stream; an address of zeros is the hold of RFC 2543 (RFC 3264 8.4)."""
    found = _DIRECTION.search(sdp)
    zeros = "c=IN IP4 0.0.0.0" in sdp
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
