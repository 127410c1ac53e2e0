"""Google's siteverify, token and send endpoints for tests, strict about what a client must get right.

What does not follow the published rules is answered as Google answers it and remembered in `violations`.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EMAIL = "push@ringback-check.example"
PROJECT = "ringback-check"
_FORM = "application/x-www-form-urlencoded"
_MESSAGE = {"token", "notification", "data", "android", "webpush", "apns"}
_LONGEST_S = 3600


@dataclass
class CaptchaToken:
    """A token that a person got for one secret key; good once."""

    secret: str
    score: float | None = None
    used: bool = False


@dataclass
class GoogleForTests:
    """One HTTP server with the three endpoints; `hold` keeps every answer back until it is set.

    `secret_keys` are the secret keys that exist; `captcha` the tokens by text; `devices` the registration
    tokens that exist; `messages` what was delivered; `failures` answers to the next sends, one each, as
    (HTTP status, status, error code, headers). `other_account`: its service account has a key of its own.
    """

    secret_keys: set[str] = field(default_factory=set)
    captcha: dict[str, CaptchaToken] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    messages: list[dict[str, Any]] = field(default_factory=list)
    verified: int = 0
    granted: int = 0
    sends: int = 0
    failures: list[tuple[int, str, str, dict[str, str]]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    bearers: set[str] = field(default_factory=set)
    other_account: bool = False

    def __post_init__(self) -> None:
        self._key = _new_key() if self.other_account else _key()
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None
        self.base = ""

    @property
    def verify_url(self) -> str:
        """The address of siteverify."""
        return f"{self.base}/recaptcha/api/siteverify"

    def service_account(self) -> dict[str, str]:
        """The JSON file that Google's console gives, with this server's addresses."""
        private = self._key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": private.decode(),
            "client_email": EMAIL,
            "client_id": "100",
            "token_uri": f"{self.base}/token",
            "base_url": self.base,
        }

    async def start(self, host: str = "127.0.0.1") -> None:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_post("/recaptcha/api/siteverify", self._verify)
        app.router.add_post("/token", self._token)
        app.router.add_post("/v1/projects/{project}/messages:send", self._send)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, 0).start()
        self.base = f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Go away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _wrong(self, what: str) -> None:
        self.violations.append(what)

    async def _held(self) -> None:
        if self.hold is not None:
            await self.hold.wait()

    async def _verify(self, request: web.Request) -> web.Response:
        await self._held()
        self.verified += 1
        form = await request.post()
        if request.content_type != _FORM or request.query or set(form) - {"secret", "response", "remoteip"}:
            self._wrong("siteverify: not a form of secret, response and remoteip")
            return _verdict("bad-request")
        secret, token = str(form.get("secret", "")), self.captcha.get(str(form.get("response", "")))
        if secret not in self.secret_keys:
            return _verdict("invalid-input-secret")
        if token is None or token.secret != secret:
            return _verdict("invalid-input-response")
        if token.used:
            return _verdict("timeout-or-duplicate")
        token.used = True
        score = {} if token.score is None else {"score": token.score, "action": "callback"}
        when = {"challenge_ts": "2026-11-21T12:00:00Z", "hostname": "shop.example"}
        return web.json_response({"success": True, **score, **when})

    async def _token(self, request: web.Request) -> web.Response:
        await self._held()
        form = await request.post()
        wrong = self._wrong_grant(request, {name: str(value) for name, value in form.items()})
        if wrong:
            self._wrong(f"token: {wrong}")
            error = {"error": "invalid_grant", "error_description": wrong}
            return web.json_response(error, status=400)
        self.granted += 1
        bearer = f"ya29.{secrets.token_urlsafe(24)}"
        self.bearers.add(bearer)
        return web.json_response({"access_token": bearer, "expires_in": 3599, "token_type": "Bearer"})

    def _wrong_grant(self, request: web.Request, form: dict[str, str]) -> str:
        if request.content_type != _FORM or set(form) != {"grant_type", "assertion"}:
            return "not a form of grant_type and assertion"
        if form["grant_type"] != GRANT:
            return "not the JWT bearer grant"
        try:
            token = jwt.decode(form["assertion"], _public(self._key), algorithms=["RS256"])
        except (JoseError, ValueError):
            return "the signature is wrong"
        claims = token.claims
        if (claims.get("iss"), claims.get("scope"), claims.get("aud")) != (
            EMAIL,
            SCOPE,
            f"{self.base}/token",
        ):
            return "issuer, scope or audience"
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(expires, int) or expires - issued > _LONGEST_S:
            return "its times"
        return ""

    async def _send(self, request: web.Request) -> web.Response:
        await self._held()
        self.sends += 1
        if self.failures:
            status, word, code, headers = self.failures.pop(0)
            return _error(status, word, code, headers)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.bearers:
            return _error(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR")
        if request.match_info["project"] != PROJECT or request.content_type != "application/json":
            self._wrong("send: project or content type")
            return _error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")
        body = msgspec.json.decode(await request.read())
        if wrong := _wrong_message(body):
            self._wrong(f"send: {wrong}")
            return _error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
        if body["message"]["token"] not in self.devices:
            return _error(404, "NOT_FOUND", "UNREGISTERED")
        if not body.get("validate_only"):
            self.messages.append(body["message"])
        return web.json_response({"name": f"projects/{PROJECT}/messages/{next(self._numbers)}"})


@cache
def _key() -> rsa.RSAPrivateKey:
    """Made once a process: making one takes long."""
    return _new_key()


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _public(key: rsa.RSAPrivateKey) -> RSAKey:
    data = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    return RSAKey.import_key(data)


def _wrong_message(body: Any) -> str:
    if not isinstance(body, dict) or set(body) - {"message", "validate_only"} or "message" not in body:
        return "unknown fields"
    message = body["message"]
    if set(message) - _MESSAGE or not isinstance(message.get("token"), str) or not message["token"]:
        return "unknown fields of the message, or no token"
    data = message.get("data", {})
    if not all(isinstance(part, str) for pair in data.items() for part in pair):
        return "data holds what is no string"
    if set(message.get("notification", {})) - {"title", "body", "image"}:
        return "unknown fields of the notification"
    return ""


def _verdict(code: str) -> web.Response:
    return web.json_response({"success": False, "error-codes": [code]})


def _error(status: int, word: str, code: str, headers: dict[str, str] | None = None) -> web.Response:
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    details = [{"@type": kind, "errorCode": code}]
    error = {"code": status, "message": "refused", "status": word, "details": details}
    return web.json_response({"error": error}, status=status, headers=headers)
