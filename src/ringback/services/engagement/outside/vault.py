"""Secrets at rest: encrypted (JWE, RFC 7516, A256GCM) under a key derived from the cluster secret."""

from __future__ import annotations

import hashlib
import hmac

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

_PURPOSE = b"ringback engagement credentials 1"
_OWNER = "own"
_REGISTRY = jwe.JWERegistry(algorithms=["dir", "A256GCM"], strict_check_header=False)


class VaultError(ValueError):
    """It cannot be encrypted or decrypted here."""


class Vault:
    """Seals texts for an owner; what was sealed for one owner opens for no other."""

    def __init__(self, cluster_secret: str) -> None:
        derived = hmac.new(cluster_secret.encode(), _PURPOSE, hashlib.sha256).digest()
        self._key = OctKey.import_key(derived) if cluster_secret else None

    def seal(self, plain: bytes, owner: str) -> str:
        """The encrypted form; VaultError without a cluster secret."""
        if self._key is None:
            raise VaultError("secrets are kept only where there is a cluster secret")
        header = {"alg": "dir", "enc": "A256GCM", _OWNER: owner}
        return jwe.encrypt_compact(header, plain, self._key, registry=_REGISTRY)

    def open(self, sealed: str, owner: str) -> bytes:
        """What was sealed; VaultError when the secret, the owner or the text is another one."""
        if self._key is None:
            raise VaultError("there is no cluster secret to decrypt with")
        try:
            opened = jwe.decrypt_compact(sealed, self._key, registry=_REGISTRY)
        except (JoseError, ValueError) as error:
            raise VaultError("it was encrypted under another cluster secret, or changed") from error
        if opened.headers().get(_OWNER) != owner or opened.plaintext is None:
            raise VaultError("it belongs to somebody else")
        return opened.plaintext
