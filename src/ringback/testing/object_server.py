"""A small S3 for tests, as strict as the real one about what our client must get right.

It holds one bucket, addressed by path. Each request must bear a Signature Version 4 header of the right form
and scope, the hash of its body, and a content length when it has a body; what does not is answered as S3
answers it and remembered in `violations`.
"""

from __future__ import annotations

import hashlib
import re

from aiohttp import web

BUCKET, REGION, ACCESS_KEY = "recordings", "eu-north-1", "AKIDEXAMPLE"
SECRET_KEY = "a-secret-for-tests"  # noqa: S105 - guards nothing but a test
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/(?P<day>\d{8})/(?P<region>[\w-]+)/s3/aws4_request, ?"
    r"SignedHeaders=(?P<signed>[a-z0-9;-]+), ?Signature=[0-9a-f]{64}"
).fullmatch
_MUST_BE_SIGNED = {"host", "x-amz-content-sha256", "x-amz-date"}
_UNKNOWN_KEY = (403, "InvalidAccessKeyId")
Refusal = tuple[int, str]


class S3ForTests:
    """One bucket in memory behind real HTTP; `stop` and `start` keep objects and port.

    `failure` answers every request; `failures` answer one each, before it.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.violations: list[str] = []
        self.failure: Refusal | None = None
        self.failures: list[Refusal] = []
        self.access_keys = {ACCESS_KEY}
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def endpoint(self) -> str:
        """The address to give to a client."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen: on any free port at first, later on the same."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Go away: connections break, new ones are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append((request.method, request.path))
        if refusal := self.failures.pop(0) if self.failures else self.failure:
            return _error(request, *refusal)
        bucket, _, key = request.path.removeprefix("/").partition("/")
        if bucket != BUCKET:
            return _error(request, 404, "NoSuchBucket")
        if wrong := self._wrong(request, body, key):
            if wrong != _UNKNOWN_KEY:
                self.violations.append(f"{request.method} {request.path}: {wrong[1]}")
            return _error(request, *wrong)
        return self._answer(request, key, body)

    def _wrong(self, request: web.Request, body: bytes, key: str) -> Refusal | None:
        form = _AUTHORIZATION(request.headers.get("Authorization", ""))
        if (
            form is None
            or form["region"] != REGION
            or not request.headers["x-amz-date"].startswith(form["day"])
        ):
            return 400, "AuthorizationHeaderMalformed"
        if not set(form["signed"].split(";")) >= _MUST_BE_SIGNED:
            return 403, "SignatureDoesNotMatch"
        if form["key"] not in self.access_keys:
            return _UNKNOWN_KEY
        if request.headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            return 400, "XAmzContentSHA256Mismatch"
        if request.method == "PUT" and request.headers.get("Content-Length") != str(len(body)):
            return 411, "MissingContentLength"
        if request.method not in ("PUT", "GET", "HEAD", "DELETE") or request.query or not key:
            return 405, "MethodNotAllowed"
        return None

    def _answer(self, request: web.Request, key: str, body: bytes) -> web.Response:
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        if request.method == "PUT":
            self.objects[key] = body
            return web.Response(headers={"ETag": _etag(body)})
        if key not in self.objects:
            return _error(request, 404, "NoSuchKey")
        data = self.objects[key]
        headers = {"ETag": _etag(data), "Last-Modified": "Sat, 21 Nov 2026 12:00:00 GMT"}
        return web.Response(body=data, headers=headers)


def _etag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def _error(request: web.Request, status: int, code: str) -> web.Response:
    """An error as S3 writes it, which repeats what the client sent of its key."""
    sent = request.headers.get("Authorization", "")
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><AWSAccessKeyId>{sent}</AWSAccessKeyId></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")
