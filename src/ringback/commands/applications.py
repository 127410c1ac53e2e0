"""`ringback app test`: an application against scripted worlds, without a server; `push`, `pull`, `diff`,
`versions`, `publish`, `rollback`, `share`: what the designer keeps of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import typer

from ringback.commands.talking import talk
from ringback.commands.texts import read_text
from ringback.contracts.applications import ApplicationVersions, Share
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient
from ringback.scxml import Document, ScxmlError, compile_document, external_sources
from ringback.testing.rehearsal import Mismatch, Rehearsal
from ringback.testing.scenario_file import Scenario, read_scenario


def test(file: Path, scenarios: Sequence[Path], *, verbose: bool) -> int:
    """Run every scenario; 1 when one fails."""
    document, dialogs = read_application(file), read_dialogs(file.parent)
    failed = 0
    for path in scenarios:
        failed += not rehearse(document, read_scenario(path), dialogs, verbose=verbose)
    return 1 if failed else 0


def read_application(file: Path) -> Document:
    """The compiled application; scripts and data that it names by `src` lie beside it.

    Raises DocumentError, OSError.
    """
    text = read_text(file)
    resources = {source: read_text(file.parent / source) for source in external_sources(text)}
    return compile_document(text, resources)


def read_dialogs(folder: Path) -> dict[str, str]:
    """The VoiceXML documents in a folder, by their names."""
    return {path.name: read_text(path) for path in sorted(folder.glob("*.vxml"))}


def rehearse(document: Document, scenario: Scenario, dialogs: dict[str, str], *, verbose: bool) -> bool:
    """Run one scenario and say how it went; when it fails, everything that happened is told."""
    rehearsal = Rehearsal(document, scenario, dialogs)
    try:
        rehearsal.run()
    except (Mismatch, ScxmlError) as error:
        typer.echo(f"FAILED  {scenario.name}: {error}")
        typer.echo("\n".join(f"        {line}" for line in rehearsal.log))
        return False
    typer.echo(f"ok      {scenario.name}")
    if verbose:
        typer.echo("\n".join(f"        {line}" for line in rehearsal.log))
    return True


def push(data: Path | None, tenant: str, name: str, file: Path, *, draft: bool) -> None:
    """Store a file under a name, as the draft or as the version that is served."""
    end = f"{name}/draft" if draft else f"{name}.scxml"
    reply = _ask(data, tenant, "PUT", end, file.read_bytes())
    typer.echo(f"{name}: draft stored" if draft else f"{name}: version {reply['version']} is served")


def pull(data: Path | None, tenant: str, name: str, *, version: int | None, draft: bool) -> str:
    """The text that is served, or the draft, or an earlier version."""
    which = f"{name}/draft" if draft else f"{name}/versions/{version}" if version else f"{name}.scxml"
    found: str = _ask(data, tenant, "GET", which, as_text=True)
    return found


def diff(data: Path | None, tenant: str, name: str, file: Path, *, version: int | None, draft: bool) -> int:
    """Print what the file changes of the stored text; 1 when it changes something."""
    stored = pull(data, tenant, name, version=version, draft=draft)
    label = "draft" if draft else f"version {version}" if version else "served"
    lines = difflib.unified_diff(
        stored.splitlines(),
        read_text(file).splitlines(),
        f"{name} ({label})",
        str(file),
        lineterm="",
    )
    changed = False
    for line in lines:
        changed = True
        typer.echo(line)
    return 1 if changed else 0


def versions(data: Path | None, tenant: str, name: str) -> None:
    """List the versions."""
    found = _ask(data, tenant, "GET", f"{name}/versions", kind=ApplicationVersions)
    for each in found.versions:
        at = datetime.fromtimestamp(each.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        typer.echo(f"{each.version:>5}  {at}  {'served' if each.published else ''}".rstrip())
    if found.draft:
        typer.echo("draft")
    if not found.versions and not found.draft:
        typer.echo(f"the tenant has no {name} of its own")


def publish(data: Path | None, tenant: str, name: str) -> None:
    """Serve the draft."""
    typer.echo(f"{name}: version {_ask(data, tenant, 'POST', f'{name}/publish')['version']} is served")


def rollback(data: Path | None, tenant: str, name: str, version: int | None) -> None:
    """Serve an earlier version; None: the one before that which is served."""
    body = {"version": version} if version else {}
    typer.echo(f"{name}: version {_ask(data, tenant, 'POST', f'{name}/rollback', body)['version']} is served")


def share(data: Path | None, tenant: str, name: str, which: str, percent: int) -> None:
    """Let a part of the new sessions run another version (a number, or `draft`); 0 percent: none of them."""
    if percent == 0:
        _ask(data, tenant, "DELETE", f"{name}/share", as_text=True)
        typer.echo(f"{name}: all new sessions run the version that is served")
        return
    if which != "draft" and not which.isdecimal():
        raise typer.BadParameter(f"it is a number or 'draft', not {which!r}", param_hint="VERSION")
    wanted = Share(percent=percent, version=None if which == "draft" else int(which))
    _ask(data, tenant, "PUT", f"{name}/share", wanted)
    said = "the draft" if wanted.version is None else f"version {wanted.version}"
    typer.echo(f"{name}: {percent} % of the new sessions run {said}")


def shared(data: Path | None, tenant: str, name: str) -> None:
    """Say how an application is shared."""
    found = _ask(data, tenant, "GET", f"{name}/share", kind=Share)
    said = "the draft" if found.version is None else f"version {found.version}"
    typer.echo(f"{name}: {found.percent} % of the new sessions run {said}")


def _ask(
    data: Path | None,
    tenant: str,
    method: str,
    end: str,
    body: object = None,
    *,
    kind: Any = Any,
    as_text: bool = False,
) -> Any:
    async def ask(ctx: Context, client: HttpClient) -> Any:
        path = f"/apps/{quote(tenant or ctx.common.tenants[0], safe='')}/{quote(end)}"
        reply = await client.request(method, path, body)
        return reply.body.decode() if as_text else msgspec.json.decode(reply.body, type=kind)

    return talk(data, "designer", ask)
