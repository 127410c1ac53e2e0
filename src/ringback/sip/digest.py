"""HTTP digest for SIP (RFC 7616, RFC 8760): MD5, SHA-256, SHA-512-256; qop=auth; signed stateless nonces."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from ringback.sip.uri import quote_string, unquote_string

ALGORITHMS = ("SHA-256", "MD5")
"""What is asked for unless told otherwise, the strongest first."""
_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_NOBODY = "0" * 64
"""Stands for the HA1 of a user that there is not: no response can be right."""
_PAIR = re.compile(r'\s*([A-Za-z0-9_-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*)\s*(?:,|$)')
_TEXT = r'"([^"\\]*+)"'
_USUAL = re.compile(
    rf"Digest (?>(?:username={_TEXT}|realm={_TEXT}|nonce={_TEXT}|uri={_TEXT}|response={_TEXT}"
    rf'|algorithm=([A-Za-z0-9-]++)|cnonce={_TEXT}|qop=(auth|"auth")|nc=([0-9A-Za-z]++)|opaque="[^"\\]*+")'
    r"(?:, |\Z))++"
).fullmatch
_NAMES = re.compile(r"[a-z0-9_-]+(?:=[a-z0-9_-]+)*").fullmatch


def _hash(algorithm: str, text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    if algorithm == "MD5":
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    if algorithm == "SHA-256":
        return hashlib.sha256(data, usedforsecurity=False).hexdigest()
    return hashlib.new(_HASHES[algorithm], data, usedforsecurity=False).hexdigest()


_SHORT = 128
_known_hash = lru_cache(maxsize=512)(_hash)


def ha1(username: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    """The stored form of a password: H(user:realm:password) in hexadecimal."""
    return _hash(algorithm, f"{username}:{realm}:{password}")


def nonce_key(secret: str) -> bytes:
    """The key that signs nonces, from a secret that the nodes of a cluster share."""
    return hashlib.sha256(b"digest nonces:" + secret.encode()).digest()


def parse_credentials(value: str) -> dict[str, str] | None:
    """The parameters of a credentials or challenge value; None if its scheme is not Digest."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    rest = rest.strip()
    if (plain := _read_plain(rest)) is not None:
        return plain
    params: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _PAIR.match(rest, position)
        if match is None:
            return None
        params[match[1].lower()] = unquote_string(match[2])
        position = match.end()
    return params


class Credentials(NamedTuple):
    """What is needed of an Authorization value (RFC 7616 3.4)."""

    username: str = ""
    realm: str = ""
    nonce: str = ""
    uri: str = ""
    response: str = ""
    algorithm: str = "MD5"
    cnonce: str = ""
    qop: str = ""
    nc: str = ""

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Credentials:
        """From what `parse_credentials` has read."""
        return cls(**{name: params[name] for name in cls._fields if name in params})


def read_credentials(value: str) -> Credentials | None:
    """The credentials in an Authorization value, most at one look; None if its scheme is not Digest."""
    usual = _USUAL(value) if value.isascii() and value[-2:] != ", " else None
    if usual is None:
        params = parse_credentials(value)
        return None if params is None else Credentials.of(params)
    user, realm, nonce, uri, response, algorithm, cnonce, qop, nc = usual.groups()
    return Credentials(
        user or "",
        realm or "",
        nonce or "",
        uri or "",
        response or "",
        algorithm or "MD5",
        cnonce or "",
        "auth" if qop else "",
        nc or "",
    )


def _read_plain(rest: str) -> dict[str, str] | None:
    """The parameters as nearly all write them: with one comma and one space between, and without escapes."""
    if not rest.isascii() or "\\" in rest:
        return None
    params: dict[str, str] = {}
    for part in rest.split(", "):
        name, _, text = part.partition("=")
        if text[:1] == '"':
            if text.count('"') != 2 or text[-1] != '"':
                return None
            text = text[1:-1]
        elif not text.replace("-", "").isalnum():
            return None
        params[name.lower()] = text
    return params if _NAMES("=".join(params)) else None


def response_hash(
    algorithm: str, stored_ha1: str, method: str, params: Mapping[str, str], uri: str, qop: str
) -> str:
    """The `response` parameter (RFC 7616 3.4.1); an empty `qop` is the old form without nc and cnonce."""
    given = Credentials.of(params)._replace(uri=uri, qop=qop)
    return _response(algorithm, stored_ha1, method, given)


def _response(algorithm: str, stored_ha1: str, method: str, given: Credentials) -> str:
    asked = f"{method}:{given.uri}"
    # Most ask for the same: their own domain.
    ha2 = _known_hash(algorithm, asked) if len(asked) < _SHORT else _hash(algorithm, asked)
    if not given.qop:
        return _hash(algorithm, f"{stored_ha1}:{given.nonce}:{ha2}")
    return _hash(algorithm, f"{stored_ha1}:{given.nonce}:{given.nc}:{given.cnonce}:{given.qop}:{ha2}")


def says_stale(challenges: Iterable[str]) -> bool:
    """True for challenges that find nothing wrong but the age of the nonce (RFC 7616 3.3)."""
    return any("stale=true" in value.lower().replace(" ", "") for value in challenges)


def realm_of(challenge: str) -> str | None:
    """The realm that asks for a password; None for a challenge that we cannot answer."""
    params = _answerable(challenge)
    return None if params is None else params.get("realm", "")


def _answerable(challenge: str) -> dict[str, str] | None:
    params = parse_credentials(challenge)
    if params is None or params.get("algorithm", "MD5").upper() not in _HASHES:
        return None
    # auth-int alone: without it our answer would be taken for a wrong password
    return None if params.get("qop") and "auth" not in _options(params) else params


class Verdict(Enum):
    """What the check of credentials says."""

    OK = "ok"
    STALE = "stale"
    """Right password, but the nonce is old or used: challenge again with stale=true."""
    WRONG = "wrong"
    """Wrong response, foreign nonce, other realm or user."""


class _Hmac:
    """HMAC-SHA-256 (RFC 2104) with one key, whose two blocks are hashed once: a third of `hmac.digest`."""

    def __init__(self, key: bytes) -> None:
        block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in block]))
        self._outer = hashlib.sha256(bytes([byte ^ 0x5C for byte in block]))

    def digest(self, data: bytes) -> bytes:
        """The digest of some data."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.digest()


@dataclass(slots=True)
class DigestServer:
    """Challenges and checks for one realm.

    A nonce is `time-random-issuer-signature`, signed with `secret`, so that any node of a cluster knows it
    for one of the cluster's. The nonce counts that were seen are kept where they were seen: who answers the
    nonce of another `issuer` (another node, or this one before a restart) is asked again with stale=true, so
    that no answer can be used a second time anywhere (RFC 7616 3.4.6, 5.5). The same goes for nonces older
    than those whose counts were let go.
    """

    realm: str
    secret: bytes
    lifetime: float = 300.0
    algorithms: tuple[str, ...] = ALGORITHMS
    max_nonces: int = 200_000
    issuer: str = ""
    """Whose nonces these are: letters and digits."""
    _counts: OrderedDict[str, int] = field(default_factory=OrderedDict)
    """By nonce, the one that was used last at the end."""
    _let_go: int = -1
    """Nonces made up to this second are taken only if their count is known."""
    _looked_at: float = 0.0
    """When it was looked last whether a nonce is too old to be kept."""
    _signing: _Hmac = field(init=False)

    def __post_init__(self) -> None:
        self._signing = _Hmac(self.secret)

    def nonce(self, now: float, random: bytes) -> str:
        """A fresh nonce; `random` are a few random bytes."""
        body = f"{int(now):x}-{random.hex()}-{self.issuer}"
        return f"{body}-{self._sign(body)}"

    def challenges(self, now: float, random: bytes, *, stale: bool = False) -> list[str]:
        """WWW-Authenticate or Proxy-Authenticate values, the strongest first (RFC 8760 2.4)."""
        nonce = self.nonce(now, random)
        again = ", stale=true" if stale else ""
        return [
            f"Digest realm={quote_string(self.realm)}, nonce={quote_string(nonce)}, algorithm={name}, "
            f'qop="auth"{again}'
            for name in self.algorithms
        ]

    def verify(
        self, credentials: Mapping[str, str], method: str, stored: Mapping[str, str], now: float
    ) -> Verdict:
        """Check parsed credentials. `stored` maps algorithm to HA1; a missing algorithm is refused.

        That takes as long as a wrong password: nobody learns by the time whether there is such a user.
        """
        return self._verify(Credentials.of(credentials), method, stored, now)

    def _verify(self, given: Credentials, method: str, stored: Mapping[str, str], now: float) -> Verdict:
        algorithm = given.algorithm.upper()
        if algorithm not in self.algorithms or given.realm != self.realm:
            return Verdict.WRONG
        if given.qop not in ("", "auth"):
            return Verdict.WRONG
        known = stored.get(algorithm)
        expected = _response(algorithm, known or _NOBODY, method, given)
        response = given.response.lower()
        # Texts with other than ASCII cannot be compared so: they are not of ours.
        right = response.isascii() and hmac.compare_digest(expected, response)
        if not right or not known:
            return Verdict.WRONG
        return self._check_nonce(given, now)

    def check(
        self, values: Iterable[str], method: str, username: str, stored: Mapping[str, str], now: float
    ) -> Verdict:
        """Check Authorization values as they were sent: one that is right is enough.

        A client may answer each of our challenges, with the same nonce and nonce count. For a user that there
        is not give an empty name.
        """
        verdict = Verdict.WRONG
        for value in values:
            given = read_credentials(value)
            if given is None:
                continue
            named = bool(username) and given.username == username
            found = self._verify(given, method, stored if named else {}, now)
            if found is Verdict.OK:
                return found
            if found is Verdict.STALE:
                verdict = found
        return verdict

    def _check_nonce(self, given: Credentials, now: float) -> Verdict:
        nonce = given.nonce
        body, _, signature = nonce.rpartition("-")
        made, _, rest = body.partition("-")
        # One that was counted has been looked at already.
        if nonce not in self._counts and not self._is_ours(made, body, signature):
            return Verdict.WRONG
        made_at = int(made, 16)
        if now - made_at > self.lifetime or rest.rpartition("-")[2] != self.issuer:
            return Verdict.STALE
        # Without qop there is no count: such an answer is good once.
        if not self._count(nonce, made_at, given.nc if given.qop else "1", now):
            return Verdict.STALE
        return Verdict.OK

    def _is_ours(self, made: str, body: str, signature: str) -> bool:
        return bool(made) and signature.isascii() and hmac.compare_digest(self._sign(body), signature)

    def _count(self, nonce: str, made_at: int, nc: str, now: float) -> bool:
        """True if this nonce count is higher than any before (RFC 7616 3.4.6)."""
        try:
            count = int(nc, 16)
        except ValueError:
            return False
        last = self._counts.pop(nonce, None)
        if last is None and made_at <= self._let_go:
            return False
        self._counts[nonce] = max(count, last or 0)
        if len(self._counts) > self.max_nonces or not 0.0 <= now - self._looked_at < 1.0:
            self._looked_at = now
            self._forget(now)
        return count > (last or 0)

    def _forget(self, now: float) -> None:
        """Let go of a nonce that is too old to be answered, and of what is too much."""
        counts = self._counts
        while counts:
            made_at = int(next(iter(counts)).partition("-")[0], 16)
            too_many = len(counts) > self.max_nonces
            if not too_many and now - made_at <= self.lifetime:
                return
            counts.popitem(last=False)
            if too_many:
                self._let_go = max(self._let_go, made_at)

    def _sign(self, body: str) -> str:
        text = f"{self.realm}:{body}".encode("utf-8", "surrogateescape")
        return self._signing.digest(text).hex()[:32]


@dataclass(slots=True)
class DigestClient:
    """Answers challenges with one user name and password; counts the uses of each nonce."""

    username: str
    password: str
    _uses: dict[str, int] = field(default_factory=dict)

    def answer(self, challenges: list[str], method: str, uri: str, cnonce: str) -> str | None:
        """An Authorization value for the best challenge that we can answer, or None."""
        chosen = next((found for value in challenges if (found := _answerable(value)) is not None), None)
        return None if chosen is None else self._respond(chosen, method, uri, cnonce)

    def _respond(self, challenge: dict[str, str], method: str, uri: str, cnonce: str) -> str:
        algorithm = challenge.get("algorithm", "MD5").upper()
        realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
        qop = "auth" if "auth" in _options(challenge) else ""
        count = self._uses[nonce] = self._uses.get(nonce, 0) + 1
        params = {"nonce": nonce, "nc": f"{count:08x}", "cnonce": cnonce}
        stored = ha1(self.username, realm, self.password, algorithm)
        value = (
            f"Digest username={quote_string(self.username)}, realm={quote_string(realm)}, "
            f"nonce={quote_string(nonce)}, uri={quote_string(uri)}, algorithm={algorithm}, "
            f'response="{response_hash(algorithm, stored, method, params, uri, qop)}"'
        )
        if qop:
            value += f', qop=auth, nc={params["nc"]}, cnonce="{cnonce}"'
        if "opaque" in challenge:
            value += f", opaque={quote_string(challenge['opaque'])}"
        return value


def _options(challenge: Mapping[str, str]) -> list[str]:
    """The qualities of protection that a challenge offers (RFC 7616 3.3)."""
    return challenge.get("qop", "").lower().replace(",", " ").split()
