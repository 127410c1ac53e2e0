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
    help="Write applications: test them without a server, keep their versions at the designer.",
    no_args_is_help=True,
    context_settings=_OPTIONS,
)

routing = typer.Typer(
    name="routing",
    help="Why an interaction is where it is; the log of routing decisions and its replay.",
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
    scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO", help="Scenarios, TOML.")],
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell all that happens.")] = False,
) -> None:
    """Exit 0 when every scenario went as it says."""
    from ringback.commands.applications import test

    raise typer.Exit(test(file, scenarios, verbose=verbose))


Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the application at the designer.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="SCXML.")]
Draft = Annotated[bool, typer.Option("--draft", help="The draft, which nobody is served.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="An earlier version.")]


@app.command("push")
def push_application(
    file: File,
    *,
    name: Annotated[str, typer.Option("--name", help="Under this name; the file's if not said.")] = "",
    draft: Draft = False,
    tenant: Tenant = "",
    data: Data = None,
) -> None:
    """Store a file at the designer: as a new version that is served at once, or as the draft."""
    from ringback.commands.applications import push

    push(data, tenant, name or file.stem, file, draft=draft)


@app.command("pull")
def pull_application(
    name: Name,
    *,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write here, not to the screen.")] = None,
    version: Version = None,
    draft: Draft = False,
    tenant: Tenant = "",
    data: Data = None,
) -> None:
    """Fetch what is served, an earlier version, or the draft."""
    from ringback.commands.applications import pull

    text = pull(data, tenant, name, version=version, draft=draft)
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, "utf-8")


@app.command("diff")
def diff_application(
    name: Name,
    file: File,
    *,
    version: Version = None,
    draft: Draft = False,
    tenant: Tenant = "",
    data: Data = None,
) -> None:
    """Show what a file changes of what is stored; exit 1 when it does."""
    from ringback.commands.applications import diff

    raise typer.Exit(diff(data, tenant, name, file, version=version, draft=draft))


@app.command("versions")
def versions_of_application(name: Name, *, tenant: Tenant = "", data: Data = None) -> None:
    """List the versions, and say which one is served."""
    from ringback.commands.applications import versions

    versions(data, tenant, name)


@app.command("publish")
def publish_application(name: Name, *, tenant: Tenant = "", data: Data = None) -> None:
    """Serve the draft, as a new version."""
    from ringback.commands.applications import publish

    publish(data, tenant, name)


@app.command("rollback")
def roll_back_application(
    name: Name,
    *,
    to: Annotated[
        int | None, typer.Option("--to", min=1, help="This version; else the one before that is served.")
    ] = None,
    tenant: Tenant = "",
    data: Data = None,
) -> None:
    """Serve an earlier version; sessions that run keep the text they began with."""
    from ringback.commands.applications import rollback

    rollback(data, tenant, name, to)


@app.command("share")
def share_application(
    name: Name,
    which: Annotated[
        str, typer.Argument(metavar="VERSION", help="A number, or `draft`; none: say what is shared.")
    ] = "",
    percent: Annotated[
        int | None, typer.Argument(min=0, max=100, metavar="PERCENT", help="0 ends the share.")
    ] = None,
    *,
    tenant: Tenant = "",
    data: Data = None,
) -> None:
    """Let a part of the new sessions run another version (blue and green); the rest run what is served."""
    from ringback.commands.applications import share, shared

    if percent is not None:
        share(data, tenant, name, which, percent)
    elif which:
        raise typer.BadParameter("how many percent of the new sessions?", param_hint="PERCENT")
    else:
        shared(data, tenant, name)


@routing.command("explain")
def explain_interaction(
    interaction: Annotated[
        str, typer.Argument(metavar="ID", help="A ConnID, a callback, a session, or a routing request.")
    ],
    *,
    tenant: Tenant = "",
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Say why an interaction waits, whom the router considered, and why it chose this agent."""
    from ringback.commands.routing import explain

    explain(data, tenant, interaction, as_json=as_json)


@routing.command("log")
def routing_log(
    *,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Else to the terminal.")] = None,
    tenant: Tenant = "",
    data: Data = None,
) -> None:
    """Write the log of routing decisions that the platform keeps, a line of JSON for each turn."""
    from ringback.commands.routing import write_log

    lines = write_log(data, tenant, out)
    if out:
        typer.echo(f"Wrote {lines:,} lines to {out}.")


@routing.command("replay")
def replay_routing(
    log: Annotated[Path, typer.Argument(metavar="FILE", help="As `ringback routing log` writes it.")],
    *,
    as_json: Json = False,
) -> None:
    """Give a fresh router the inputs of a log; exit 1 when it decides otherwise."""
    from ringback.commands.routing import replay_log

    raise typer.Exit(replay_log(log, as_json=as_json))
