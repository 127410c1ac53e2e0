"""The command line: `ringback up | run | settings | migrate | check | connections | sessions | app | …`.

Each command imports its room when it is called, so that `ringback --help` is quick.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.exceptions import TyperException

from ringback.commands import account_groups, examples, groups
from ringback.commands.campaign_group import campaign
from ringback.commands.siptools.group import sip

app = typer.Typer(
    name="ringback",
    help="An open contact-centre voice platform with callbacks at its heart.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

ewt = typer.Typer(help="Waiting times: how well they are predicted.", no_args_is_help=True)
app.add_typer(ewt, name="ewt")

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="RINGBACK_DATA", help="Folder of the platform to talk to.", show_default="var/data"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


@app.command()
def up(
    *,
    processes: Annotated[int, typer.Option(min=1, help="Spread the services over so many processes.")] = 1,
    demo: Annotated[bool, typer.Option("--demo", help="Add scripted callers and agents.")] = False,
    data: Annotated[
        Path, typer.Option(envvar="RINGBACK_DATA", help="Folder for everything that is kept.")
    ] = Path("var/data"),
    host: Annotated[
        str, typer.Option(envvar="RINGBACK_HOST", help="Address that every listener binds.")
    ] = "127.0.0.1",
) -> None:
    """Start the whole platform, with embedded servers for what is not set."""
    from ringback.commands.up import UpOptions
    from ringback.commands.up import up as bring_up

    bring_up(UpOptions(data=data, host=host, processes=processes, demo=demo))


@app.command()
def run(
    services: Annotated[list[str], typer.Argument(metavar="SERVICE", help="Names of services, or all.")],
    *,
    data: Data = None,
) -> None:
    """Run one or several services in this process, for a cluster."""
    from ringback.commands.run import run as run_named

    run_named(services, data)


@app.command()
def settings(
    groups: Annotated[
        list[str] | None, typer.Argument(metavar="GROUP", help="common or names of services.")
    ] = None,
    *,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Show every setting: value, default, source and meaning."""
    from ringback.commands.settings import show

    show(groups or [], data, as_json=as_json)


@app.command()
def migrate(
    *,
    phase: Annotated[
        Literal["pre", "post", "all"],
        typer.Option(
            help="pre: what the new version needs; run it while the old one works. "
            "post: what only the old one needed; run it once none of its processes is left. "
            "all: both, while nothing runs or where an upgrade may stop the platform."
        ),
    ] = "all",
    data: Data = None,
) -> None:
    """Bring the database to this version: `--phase pre`, replace the processes one by one, `--phase post`."""
    from ringback.commands.migrate import run_migrations

    for name in run_migrations(data, phase):
        typer.echo(f"Migrated {name}.")
    typer.echo("The database is up to date." if phase == "all" else f"Nothing of phase {phase} is left.")


@app.command()
def check(*, as_json: Json = False, data: Data = None) -> None:
    """Try a call and a callback on the running platform; exit 1 at the first thing that is wrong."""
    from ringback.commands.checking import check as run_check

    raise typer.Exit(run_check(data, as_json=as_json))


@app.command()
def connections(*, as_json: Json = False, data: Data = None) -> None:
    """Show the connections of the platform and how many messages each has carried."""
    from ringback.commands.checking import connections as show_connections

    raise typer.Exit(show_connections(data, as_json=as_json))


@app.command()
def vxml(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="VoiceXML.")],
    *,
    digits: Annotated[
        str | None,
        typer.Option("--digits", help='Pressed one after the other: "1 - 12# hangup"; - is nothing.'),
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", help="NAME=VALUE in session.parameters.")
    ] = None,
) -> None:
    """Try a VoiceXML dialog here: prompts are printed, keys are typed; no server needed."""
    from ringback.commands.dialog import run

    raise typer.Exit(run(file, digits, param or []))


@ewt.command()
def evaluate(
    log: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A call log, one call a line.")],
    *,
    as_json: Json = False,
) -> None:
    """Replay a call log through all predictors of the waiting time and compare them.

    Columns: arrival, queue, priority, outcome, queue_exit, service_start, service_end, server; times in epoch
    seconds, outcome answered or abandoned. The first half of the days trains, the second half is judged.
    """
    from ringback.commands.ewt import evaluate as run_evaluation

    run_evaluation(log, as_json=as_json)


@app.command()
def simulate(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCENARIO", help="Files (YAML, TOML), or names of shipped examples."),
    ] = None,
    *,
    compare: Annotated[
        bool, typer.Option("--compare", help="Side by side: the same callers under each scenario.")
    ] = False,
    replay: Annotated[
        Path | None, typer.Option("--replay", metavar="LOG.csv", help="Callers come from this call log.")
    ] = None,
    rules: Annotated[
        list[Path] | None,
        typer.Option("--rules", help="With --replay: queues, agents and callbacks. May be repeated."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How many times the day is lived through.")] = 50,
    seed: Annotated[int, typer.Option(help="The same seed gives the same days.")] = 1,
    plots: Annotated[bool, typer.Option(help="Draw curves by the hour in the terminal.")] = True,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.svg|png", help="Draw them into a picture as well.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option("--log", metavar="FILE.csv", help="Write the calls, for `ewt evaluate`.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the scenario's text instead.")] = False,
    as_json: Json = False,
) -> None:
    """Live through days of a contact centre under a virtual clock, with the router as it is.

    A scenario says who calls, who answers, and the callback policy. To begin with one of your own:

        ringback simulate one-queue --show > mine.yaml

        ringback simulate mine.yaml

    Examples: one-queue, callbacks, skills. A queue has a name, a target (skill expression), calls_per_hour
    (one number, or one for each hour from opening on), service, after_call and patience (mean in seconds;
    distribution exponential, lognormal, gamma or fixed), priority and callback. Agents have a count, skills,
    and when their shift starts, ends and has breaks (hours: 8.5 is half past eight).

    Is one better than the other? Both meet the same callers, and the difference has its own interval:

        ringback simulate --compare one-queue mine.yaml

    What if we had had these rules? Calls are those of a log (the columns of `ringback ewt evaluate`), rules
    are a scenario; without agents in it, those whom the log shows at work:

        ringback simulate --replay calls.csv --rules new.yaml
    """
    from ringback.commands import simulate as simulation

    if show:
        simulation.print_text(scenarios or [])
        return
    names = scenarios or []
    if compare and len(names) < 2:
        raise typer.BadParameter("two scenarios or more can be compared")
    wishes = simulation.Wishes(
        days=days, seed=seed, as_json=as_json, plots=plots, picture=plot, log=log, replay=replay
    )
    simulation.simulate(names, rules or [], wishes)


app.add_typer(groups.sessions)
app.add_typer(groups.routing)
app.add_typer(groups.app)
for group in (sip, campaign, account_groups.keys, account_groups.users, account_groups.tenant):
    app.add_typer(group)


@app.command(hidden=True)
def demo(*, data: Data = None) -> None:
    """Be the scripted callers and agents of the demo, until a signal."""
    from ringback.commands.demo import run_demo

    run_demo(data)


@app.command()
def version() -> None:
    """Print the version, and whether it runs compiled and on what Python."""
    from ringback.commands.version import lines

    for line in lines():
        typer.echo(line)


examples.attach(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; what people can put right is told in one line on standard error."""
    try:
        code = app(arguments, prog_name="ringback", standalone_mode=False)
    except TyperException as error:
        fail(usage_message(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Exception as error:
        if not is_expected(error):
            raise
        fail(message_of(error), 1)
    sys.exit(code if isinstance(code, int) else 0)


def usage_message(error: TyperException) -> str:
    """What was wrong with the command line, and where to look; nothing if the help was printed instead."""
    said = getattr(error, "format_message", error.__str__)()
    if not said:
        return ""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "ringback"
    return f"{said.rstrip('.')}: see `{path} --help`."


def is_expected(error: Exception) -> bool:
    """Whether the message of the error says to people what to do."""
    from ringback.commands.errors import EXPECTED

    return isinstance(error, EXPECTED)


def message_of(error: Exception) -> str:
    """What an expected error says."""
    from ringback.commands.errors import said

    return said(error)


def fail(message: str, code: int) -> None:
    """Print one line, if there is something to say, and exit."""
    if message:
        typer.echo(f"ringback: {' '.join(message.split())}", err=True)
    sys.exit(code)
