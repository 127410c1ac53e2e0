"""`ringback sip …` for the command line. Quick to import."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ringback.commands.groups import Data, Json

sip = typer.Typer(
    name="sip",
    help="Look after telephones and trunks: ping, register, call, trace a call, see who is banned.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Wire(StrEnum):
    """How a hand phone speaks."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


Server = Annotated[
    str, typer.Option("--server", help="Where to send: host or host:port.", show_default="127.0.0.1:5060")
]
User = Annotated[str, typer.Option("--user", "-u", help="SIP user, as the phone would have it.")]
Domain = Annotated[str, typer.Option("--domain", help="Domain of the user; the server's host if not said.")]
Transport = Annotated[Wire, typer.Option("--transport", "-t", help="UDP, TCP or TLS.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        help="File with the password; else RINGBACK_SIP_PASSWORD, else it is asked for.",
    ),
]
_NEAR = "127.0.0.1:5060"


def _password(file: Path | None) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    known = os.environ.get("RINGBACK_SIP_PASSWORD")
    if known is None and not sys.stdin.isatty():
        raise typer.BadParameter("give the SIP password with --password-file or in RINGBACK_SIP_PASSWORD")
    return known if known is not None else str(typer.prompt("SIP password", hide_input=True))


@sip.command("ping")
def ping_server(
    uri: Annotated[
        str, typer.Argument(metavar="URI", help="host, host:port, or sip:user@host;transport=tcp|tls.")
    ],
    *,
    times: Annotated[int, typer.Option("--times", "-n", min=1, max=1000, help="How often.")] = 3,
) -> None:
    """Send OPTIONS, a second apart; exit 0 when each was answered."""
    from ringback.commands.siptools.phones import ping

    raise typer.Exit(ping(uri, times=times))


@sip.command("register")
def register_phone(
    *,
    user: User,
    server: Server = _NEAR,
    domain: Domain = "",
    transport: Transport = Wire.UDP,
    password_file: PasswordFile = None,
    stay: Annotated[int, typer.Option(min=0, max=86_400, help="Seconds to stay registered.")] = 0,
) -> None:
    """Register as a phone and leave again; with --stay answer calls meanwhile."""
    from ringback.commands.siptools.phones import register

    raise typer.Exit(register(user, _password(password_file), server, domain, transport.value, stay))


@sip.command("call")
def call_number(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="What to dial.")],
    *,
    user: User,
    server: Server = _NEAR,
    domain: Domain = "",
    transport: Transport = Wire.UDP,
    password_file: PasswordFile = None,
    talk: Annotated[int, typer.Option(min=1, max=3600, help="Seconds until we hang up.")] = 5,
) -> None:
    """Dial as a phone and tell what happens; exit 0 when somebody answered."""
    from ringback.commands.siptools.phones import call

    secret = _password(password_file)
    raise typer.Exit(call(number, user, secret, server, domain, transport.value, talk))


@sip.command("trace")
def trace_call(
    *,
    number: Annotated[
        str, typer.Option("--number", help="Calls with a message that holds this number.")
    ] = "",
    call: Annotated[
        str, typer.Option("--call", help="The call with this ConnID, or with a leg that has this Call-ID.")
    ] = "",
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Stop after so long; or Ctrl-C.")] = 60.0,
    pcap: Annotated[
        Path | None, typer.Option("--pcap", help="Write what was seen to a file for Wireshark.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Print each message whole, bodies and all.")] = False,
    data: Data = None,
) -> None:
    """Follow a call over all services and draw it as a ladder.

    Start it, then make the call; or name a call that stands. All its legs are seen, outside and between the
    services, by whichever of its names they are known.
    """
    from ringback.commands.siptools.tracing import trace

    words = [word for word in (number, call) if word]
    if not words or any(len(word) < 3 for word in words):
        raise typer.BadParameter("say --number or --call, three characters at least")
    raise typer.Exit(trace(data, words, seconds=seconds, pcap=pcap, whole=whole))


@sip.command("trunks")
def show_trunks(*, as_json: Json = False, data: Data = None) -> None:
    """List the trunks: in or out of service, registered, calls, as sip_proxy finds them."""
    from ringback.commands.siptools.trunks import list_trunks

    list_trunks(data, as_json=as_json)


@sip.command("webrtc")
def show_webrtc(*, as_json: Json = False, data: Data = None) -> None:
    """List the WebRTC media gateways: in or out of service, as sip_proxy finds them."""
    from ringback.commands.siptools.webrtc import list_gateways

    list_gateways(data, as_json=as_json)


@sip.command("bans")
def show_bans(*, as_json: Json = False, data: Data = None) -> None:
    """List the sources that sip_proxy does not listen to, why, and for how much longer."""
    from ringback.commands.siptools.bans import list_bans

    list_bans(data, as_json=as_json)


@sip.command("unban")
def lift_ban(
    source: Annotated[str, typer.Argument(metavar="ADDRESS", help="As `ringback sip bans` says it.")],
    *,
    data: Data = None,
) -> None:
    """Let a source in again."""
    from ringback.commands.siptools.bans import lift

    lift(data, source)
