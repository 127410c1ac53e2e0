"""`ringback app test`: an application against scripted worlds, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from ringback.scxml import Document, ScxmlError, compile_document, external_sources
from ringback.testing.rehearsal import Mismatch, Rehearsal
from ringback.testing.scenario_file import Scenario, read_scenario


def test(file: Path, scenarios: Sequence[Path], *, verbose: bool) -> int:
    """Run every scenario; 1 when one fails."""
    document = read_application(file)
    failed = 0
    for path in scenarios:
        failed += not rehearse(document, read_scenario(path), verbose=verbose)
    return 1 if failed else 0


def read_application(file: Path) -> Document:
    """The compiled application; scripts and data that it names by `src` lie beside it.

    Raises DocumentError, OSError.
    """
    text = file.read_text("utf-8-sig")
    resources = {source: (file.parent / source).read_text("utf-8") for source in external_sources(text)}
    return compile_document(text, resources)


def rehearse(document: Document, scenario: Scenario, *, verbose: bool) -> bool:
    """Run one scenario and say how it went; when it fails, everything that happened is told."""
    rehearsal = Rehearsal(document, scenario)
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
