"""Applications from the designer, compiled once and shared by all sessions that run them."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ringback.contracts.applications import HEADER_SHARE, application_path, shared
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.tally import Durations
from ringback.scxml import Document, DocumentError, Limits, compile_document, external_sources

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_COMPILED = 128
_FRESH_S = 1.0


class ApplicationError(Exception):
    """There is no such application, or it cannot be run; `slug` is stable."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(f"{slug}: {message}")
        self.slug = slug


class Applications:
    """Fetches from the designer only: an address elsewhere is refused."""

    def __init__(self, ctx: Context, limits: Limits, processing: Durations) -> None:
        """`processing` is told how long documents take to compile."""
        self._processing = processing
        self._client = HttpClient(ctx, "designer", connection="voice-43")
        self._base = ctx.url("designer")
        self._limits = limits
        self._texts: dict[str, tuple[str, str, float]] = {}
        self._shares: dict[str, tuple[int, int]] = {}
        """By path: the other version (0: the draft) and the percentage that runs it."""
        self._now = ctx.monotonic
        self._compiled: OrderedDict[str, Document] = OrderedDict()

    def url(self, tenant: str, name: str) -> str:
        """The address of a named application."""
        return self._base + application_path(tenant, name)

    def address(self, tenant: str, source: str) -> str | None:
        """The address of an application given by its address or by its name; None: not at the designer."""
        if "://" not in source:
            return self.url(tenant, source)
        return source if source.startswith(self._base + "/") else None

    async def text(self, url: str) -> str:
        """The text behind an address at the designer; one known for long is asked for by its entity tag.

        Raises ApplicationError; ConnectionError when the designer is away and the text is not known.
        """
        path = self._path(url)
        tag, known, fresh_until = self._texts.get(path, ("", "", 0.0))
        if self._now() < fresh_until:
            return known
        headers = {"If-None-Match": tag} if tag else {}
        try:
            reply = await self._client.request("GET", path, headers=headers, retry=True)
        except HttpFailure as failure:
            if failure.status >= 500 and known:
                return known
            raise ApplicationError("no_application", str(failure)) from None
        except ConnectionError:
            if known:
                return known
            raise
        self._shares[path] = _share_of(reply.headers.get(HEADER_SHARE, ""))
        text = known if reply.status == 304 else reply.body.decode("utf-8", "replace")
        self._texts[path] = (reply.headers.get("ETag", tag), text, self._now() + _FRESH_S)
        return text

    async def chosen(self, url: str, interaction: str) -> tuple[str, str]:
        """The text that an interaction runs, and the version where the application is shared (`draft`, `7`,
        `published`; else empty). Raises as `text` does.
        """
        text, path = await self.text(url), self._path(url)
        version, percent = self._shares.get(path, (0, 0))
        if not percent:
            return text, ""
        if not shared(path, interaction, percent):
            return text, "published"
        base = url.removesuffix(".scxml")
        other = f"{base}/versions/{version}" if version else f"{base}/draft"
        try:
            return await self.text(other), str(version) if version else "draft"
        except (ApplicationError, ConnectionError):
            return text, "published"

    def _path(self, url: str) -> str:
        parts, base = urlsplit(url), urlsplit(self._base)
        if (parts.scheme, parts.netloc) != (base.scheme, base.netloc):
            raise ApplicationError("foreign_application", "applications come from the designer only")
        return parts.path

    async def compile(self, name: str, text: str, url: str) -> Document:
        """The compiled document; `name` is the hash of its text. Raises ApplicationError."""
        found = self._compiled.get(name)
        if found is not None:
            self._compiled.move_to_end(name)
            return found
        try:
            sources = external_sources(text, self._limits)
            resources = {source: await self.text(urljoin(url, source)) for source in sources}
            with self._processing.time():
                document = compile_document(text, resources, self._limits)
        except DocumentError as error:
            raise ApplicationError("broken_application", str(error)) from None
        self._compiled[name] = document
        if len(self._compiled) > _COMPILED:
            self._compiled.popitem(last=False)
        return document


def _share_of(header: str) -> tuple[int, int]:
    version, _, percent = header.partition(" ")
    return (int(version), int(percent)) if version.isdecimal() and percent.isdecimal() else (0, 0)
