"""`ringback keys …`, `ringback users …`, `ringback tenant …`. Quick to import."""

from pathlib import Path
from typing import Annotated

import typer

from ringback.commands.groups import Data, Json, Tenant

_OPTIONS = {"help_option_names": ["-h", "--help"]}
keys = typer.Typer(
    name="keys", help="API keys of the public API.", no_args_is_help=True, context_settings=_OPTIONS
)
users = typer.Typer(
    name="users",
    help="Users of the console and of the management API.",
    no_args_is_help=True,
    context_settings=_OPTIONS,
)
tenant = typer.Typer(
    name="tenant", help="The configuration of a tenant.", no_args_is_help=True, context_settings=_OPTIONS
)

KeyName = Annotated[str, typer.Argument(metavar="NAME", help="What the key is called; it tells keys apart.")]
UserName = Annotated[str, typer.Argument(metavar="USER", help="Name of the user.")]
Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        help="Administrator, Supervisor, Monitor or Developer, for all queues, or as "
        "`Supervisor:CB_Sales,CB_Support` for some; may be repeated. None: no access.",
    ),
]


@keys.command("create")
def create_key(
    name: KeyName,
    *,
    rate: Annotated[float | None, typer.Option(help="Requests a second, in place of the setting.")] = None,
    burst: Annotated[int | None, typer.Option(help="Requests at once, in place of the setting.")] = None,
    tenant: Tenant = "",
    data: Data = None,
) -> None:
    """Make a key and print it, this once."""
    from ringback.commands.accounts import create_key as create

    typer.echo(create(data, tenant, name, rate, burst))


@keys.command("list")
def list_keys(*, tenant: Tenant = "", as_json: Json = False, data: Data = None) -> None:
    """List the keys by their first characters."""
    from ringback.commands.accounts import list_keys as show

    show(data, tenant, as_json=as_json)


@keys.command("revoke")
def revoke_key(name: KeyName, *, tenant: Tenant = "", data: Data = None) -> None:
    """End a key; nodes know it within ten seconds."""
    from ringback.commands.accounts import revoke_key as revoke

    revoke(data, tenant, name)
    typer.echo(f"{name} is revoked.")


@users.command("add")
def add_user(user: UserName, *, role: Roles = None, tenant: Tenant = "", data: Data = None) -> None:
    """Make a user and print the random password, this once."""
    from ringback.commands.accounts import add_user as add

    typer.echo(add(data, tenant, user, role or []))


@users.command("list")
def list_users(*, tenant: Tenant = "", as_json: Json = False, data: Data = None) -> None:
    """List the users and what they are given."""
    from ringback.commands.accounts import list_users as show

    show(data, tenant, as_json=as_json)


@users.command("grant")
def grant(user: UserName, *, role: Roles = None, tenant: Tenant = "", data: Data = None) -> None:
    """Give a user these roles in place of all that were there; without one, none."""
    from ringback.commands.accounts import grant as give

    typer.echo(give(data, tenant, user, role or []))


@users.command("passwd")
def new_password(user: UserName, *, tenant: Tenant = "", data: Data = None) -> None:
    """Make another random password and print it, this once; the user's tokens end."""
    from ringback.commands.accounts import new_password as make

    typer.echo(make(data, tenant, user))


@users.command("remove")
def remove_user(user: UserName, *, tenant: Tenant = "", data: Data = None) -> None:
    """Remove a user."""
    from ringback.commands.accounts import remove_user as remove

    remove(data, tenant, user)
    typer.echo(f"{user} is removed.")


@tenant.command("import")
def import_configuration(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The configuration, JSON.")],
    *,
    add: Annotated[bool, typer.Option("--add", help="Keep objects that are there already.")] = False,
    tenant: Tenant = "",
    data: Data = None,
) -> None:
    """Make the tenant's configuration that of a file, judged as a whole."""
    from ringback.commands.accounts import import_configuration as bring

    changed = bring(data, tenant, file, add=add)
    typer.echo(f"{changed} objects changed.")
