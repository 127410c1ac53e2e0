"""Signed tokens (JWT, RS256) and the keys that sign them."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from ringback.contracts.auth import UserInfo
from ringback.services.auth.store import QUERIES, AuthStore

_BITS = 2048
_ALGORITHMS = ["RS256"]


class Tokens:
    """Signs with the newest key; verifies with any of them."""

    def __init__(self, store: AuthStore, issuer: str, secret: str) -> None:
        self._store = store
        self._issuer = issuer
        self._encryption: pem.KeySerializationEncryption = (
            pem.BestAvailableEncryption(secret.encode()) if secret else pem.NoEncryption()
        )
        self._secret = secret.encode() if secret else None
        self._keys: list[RSAKey] = []

    async def load(self) -> None:
        """Read the signing keys; make the first one, or one for a new secret."""
        async with self._store.connection() as connection:
            await connection.execute(QUERIES["lock_signing_keys"])
            rows = await connection.fetch(QUERIES["read_signing_keys"])
            keys = [key for row in rows if (key := self._decrypt(row["private_pem"])) is not None]
            if not keys:
                keys = [_rsa_key(made := rsa.generate_private_key(public_exponent=65537, key_size=_BITS))]
                await connection.execute(QUERIES["insert_signing_key"], keys[0].kid, self._encrypt(made))
        self._keys = keys

    def issue(self, user: UserInfo, now: float, lifetime_s: int) -> str:
        """A token for the user, good for `lifetime_s` seconds."""
        key = self._keys[-1]
        claims = {
            "iss": self._issuer,
            "sub": user.sub,
            "tenant": user.tenant,
            "iat": now,
            "exp": int(now) + lifetime_s,
        }
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def read(self, token: str, now: float) -> tuple[UserInfo, float] | None:
        """Whose token it is, and when it was made; None when it is not ours, changed or over."""
        try:
            claims = jwt.decode(token, KeySet(list(self._keys)), algorithms=_ALGORITHMS).claims
        except (JoseError, ValueError):
            return None
        expires = claims.get("exp")
        if claims.get("iss") != self._issuer or not isinstance(expires, int) or expires <= now:
            return None
        issued = claims.get("iat")
        if not isinstance(issued, int | float):
            return None
        return UserInfo(sub=str(claims.get("sub")), tenant=str(claims.get("tenant"))), float(issued)

    def jwks(self) -> dict[str, Any]:
        """The public keys (RFC 7517)."""
        return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": "RS256"} for key in self._keys]}

    def _encrypt(self, key: rsa.RSAPrivateKey) -> bytes:
        return key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, self._encryption)

    def _decrypt(self, data: bytes) -> RSAKey | None:
        """None: the key was encrypted with another secret."""
        try:
            key = pem.load_pem_private_key(data, self._secret)
        except (ValueError, TypeError):
            return None
        return _rsa_key(key) if isinstance(key, rsa.RSAPrivateKey) else None


def _rsa_key(key: rsa.RSAPrivateKey) -> RSAKey:
    data = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    made = RSAKey.import_key(data)
    made.ensure_kid()
    return made
