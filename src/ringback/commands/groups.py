"""The commands that have commands of their own: `ringback sessions …`, `ringback app …`. Quick to import."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ringback.commands.scenario_help import HELP

_OPTIONS = {"help_option_names": ["-h", "--help"]}
sessions = typer.Typer(
    name="sessions",
    help="List, show and trace the live sessions of orchestration.",
    no_args_is_help=True,
    context_settings=_OPTIONS,
)
app = typer.Typer(
    name="app",
    help="Write applications: test them without a server.",
    no_args_is_help=True,
    context_settings=_OPTIONS,
)

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="RINGBACK_DATA", help="Folder of the platform to talk to.", show_default="var/data"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Which tenant; the platform's first if not said.")]
Session = Annotated[str, typer.Argument(metavar="ID", help="As `ringback sessions list` says it.")]


@sessions.command("list")
def list_sessions(
    *,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    tenant: Tenant = "",
    as_json: Json = False,
    data: Data = None,
) -> None:
    """List the live sessions, the oldest first."""
    from ringback.commands.sessions import listing

    listing(data, tenant, limit, as_json=as_json)


@sessions.command("show")
def show_session(session: Session, *, tenant: Tenant = "", as_json: Json = False, data: Data = None) -> None:
    """Show where a session is."""
    from ringback.commands.sessions import look

    look(data, tenant, session, trace=False, as_json=as_json)


@sessions.command("trace")
def trace_session(session: Session, *, tenant: Tenant = "", as_json: Json = False, data: Data = None) -> None:
    """Show the states, the last events and actions, timers, and the shape of the data; no user data."""
    from ringback.commands.sessions import look

    look(data, tenant, session, trace=True, as_json=as_json)


_SCENARIO_HELP = "\b\n" + escape(HELP).replace("\n\n", "\n\n\b\n")


@app.command(
    "test",
    help=f"Run an application against scripted worlds; no server needed.\n\n{_SCENARIO_HELP}",
)
def test_application(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The application, SCXML.")],
    scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO...", help="Scenarios, TOML.")],
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell all that happens.")] = False,
) -> None:
    """Exit 0 when every scenario went as it says."""
    from ringback.commands.applications import test

    raise typer.Exit(test(file, scenarios, verbose=verbose))
