"""`ringback campaign …`: calling lists, the do-not-call list, start and stop. Quick to import."""

from pathlib import Path
from typing import Annotated

import typer

from ringback.commands.groups import Data, Json, Tenant

campaign = typer.Typer(
    name="campaign",
    help="""Call the customers of a list, for agents who are ready.

    \b
    On the demo tenant, with a file of the columns key and number:
      ringback campaign import Spring spring.csv   whom to call
      ringback campaign forbid +12025550171        whom not to call
      ringback campaign start Spring               dial for each ready agent
      ringback campaign status                     how far it is
      ringback campaign stop Spring                dial nobody more

    Lists and campaigns are part of the tenant's configuration (docs/campaigns.md).""",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Id of the campaign in the configuration.")]
Numbers = Annotated[list[str], typer.Argument(metavar="NUMBER", help="As people write them.")]


@campaign.command("status")
def status(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One campaign; none: all.")] = "",
    *,
    tenant: Tenant = "",
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Show how campaigns stand: what waits, what is under way, what came of the rest."""
    from ringback.commands.campaigns import status as show

    show(data, tenant, name, as_json=as_json)


@campaign.command("import")
def bring(
    calling_list: Annotated[str, typer.Argument(metavar="LIST", help="Id of the calling list.")],
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="With a line of headings.")],
    *,
    tenant: Tenant = "",
    data: Data = None,
) -> None:
    """Add the customers of a file to a list; those whose key is there already are left as they are.

    Columns: key (unique in the list) and number; time_zone (Europe/Berlin), hours (Mon-Fri 17:00-20:00,
    several with ; between), priority (higher goes first) and not_before (seconds since the epoch), if wanted.
    number_kind says what the number is (home); number_2 to number_5 are more numbers of the customer, tried
    in this order, with number_2_kind and number_2_hours. All other columns go with the call to the agent's
    desktop. What cannot be called is named with the reason; exit 1 then.
    """
    from ringback.commands.campaigns import bring as add

    raise typer.Exit(add(data, tenant, calling_list, file))


@campaign.command("start")
def start(name: Name, *, tenant: Tenant = "", data: Data = None) -> None:
    """Load a campaign and dial; a paused one goes on."""
    from ringback.commands.campaigns import command

    command(data, tenant, name, "load", "start")


@campaign.command("pause")
def pause(name: Name, *, tenant: Tenant = "", data: Data = None) -> None:
    """Dial nobody until it is started again."""
    from ringback.commands.campaigns import command

    command(data, tenant, name, "pause")


@campaign.command("stop")
def stop(name: Name, *, tenant: Tenant = "", data: Data = None) -> None:
    """Dial nobody more; calls under way go on to their end."""
    from ringback.commands.campaigns import command

    command(data, tenant, name, "stop")


@campaign.command("forbid")
def forbid(
    numbers: Numbers,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the records.")] = "",
    tenant: Tenant = "",
    data: Data = None,
) -> None:
    """Put numbers onto the tenant's do-not-call list: no campaign dials them from now on."""
    from ringback.commands.campaigns import forbid as put

    typer.echo(put(data, tenant, "add_do_not_call", numbers, reason))


@campaign.command("allow")
def allow(numbers: Numbers, *, tenant: Tenant = "", data: Data = None) -> None:
    """Take numbers off the do-not-call list."""
    from ringback.commands.campaigns import forbid as put

    typer.echo(put(data, tenant, "remove_do_not_call", numbers, ""))


@campaign.command("compare")
def compare(
    *,
    agents: Annotated[int, typer.Option(min=1, max=500, help="Agents.")] = 20,
    answer: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share that a person answers.")] = 0.3,
    talk: Annotated[float, typer.Option(min=5.0, help="Mean length of a talk, seconds.")] = 120.0,
    after: Annotated[float, typer.Option("--after-call", min=0.0, help="Work after a talk, seconds.")] = 10.0,
    ratio: Annotated[float, typer.Option(min=1.0, max=10.0, help="Of power.")] = 3.0,
    cap: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share that may be abandoned.")] = 0.03,
    hours: Annotated[float, typer.Option(min=0.1, max=24.0, help="Length of a day.")] = 4.0,
    days: Annotated[int, typer.Option(min=1, max=1000, help="Days, each with a seed of its own.")] = 10,
    as_json: Json = False,
) -> None:
    """Compare progressive, power and predictive dialling under a virtual clock; nobody is dialled."""
    from ringback.commands.campaign_compare import compare as run
    from ringback.domain.campaigns.simulation import World

    world = World(agents=agents, answer=answer, talk_s=talk, wrap_s=after)
    run(world, ratio, cap, hours, days, as_json=as_json)
