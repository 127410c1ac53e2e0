"""What `ringback up` shows when the platform works: where things are and what to try."""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ringback import topology
from ringback.commands.joining import DEFAULT_DATA
from ringback.testing.demo_tenant import (
    CUSTOMER,
    CUSTOMER_NUMBER,
    DOMAIN,
    PHONES,
    SALES,
    SUPPORT,
    USER,
    DemoSecrets,
)

PEOPLE: Mapping[str, str] = {"1001": "agent Kim", "1002": "agent Lee", CUSTOMER: "a customer"}
_ACROSS = 5
"""Ports in one line, so that 80 columns hold them."""
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the banner tells; `ports` by service and listener, `token` opens the status page."""

    host: str
    ports: Mapping[tuple[str, str], int]
    stores: Sequence[tuple[str, str]]
    data: Path
    demo: DemoSecrets | None
    scripted: bool
    seconds: float
    token: str = ""

    @property
    def near(self) -> str:
        """The host as somebody on this machine reaches it."""
        host = "127.0.0.1" if self.host in ANYWHERE else self.host
        return f"[{host}]" if ":" in host else host

    def url(self, service: str, path: str) -> str:
        """Address of something on a service's HTTP listener."""
        return f"http://{self.near}:{self.ports[service, 'http']}{path}"


def show(console: Console, facts: Facts) -> None:
    """Print the banner. No line ends in spaces: behind a `\\` they would break what is copied from it."""
    with console.capture() as held:
        console.print(render(facts))
    console.file.write("".join(f"{each.rstrip()}\n" for each in held.get().splitlines()))
    console.file.flush()


def render(facts: Facts) -> RenderableType:
    """The whole banner."""
    parts: list[RenderableType] = [Text(), listeners(facts), Text()]
    parts += [line("Status page", status_page(facts), style="bold")]
    parts += [line("Console", facts.url("engagement", "/console")), Text()]
    if facts.demo is not None:
        parts += [
            phones(facts, facts.demo),
            Text(),
            Text(f"Book a callback; when an agent is ready, phone {CUSTOMER} rings:"),
            booking(facts, facts.demo),
        ]
        if password := facts.demo.users.get(USER):
            parts += [line("User", f"{USER}, password {password}")]
        parts += [Text()]
    parts += [
        line("Try it all", command("check", facts.data)),
        line("Connections", command("connections", facts.data)),
        line("Data and logs", f"{facts.data}, {facts.data / 'logs'}"),
        line("Stop", "Ctrl-C drains, a second Ctrl-C stops at once"),
        Text(),
        Text(f"Ringback is up after {facts.seconds:.1f} s.", style="bold green"),
    ]
    if facts.scripted:
        parts.append(Text("Scripted callers and agents are at work: watch the status page."))
    return Padding(Group(*parts), (0, 0, 0, 1))


def status_page(facts: Facts) -> str:
    """The address of the status page, with the token that opens it."""
    return facts.url("engagement", f"/status?token={facts.token}" if facts.token else "/status")


def command(name: str, data: Path) -> str:
    """A command line of ours for another terminal; it finds the platform by its data folder."""
    program = "ringback"
    if shutil.which(program) is None and Path(sys.argv[0]).name == program:
        program = os.path.relpath(sys.argv[0])
    return f"{program} {name}" if data == Path(DEFAULT_DATA) else f"{program} {name} --data {data}"


def listeners(facts: Facts) -> RenderableType:
    """Who listens where."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for name, place in facts.stores:
        table.add_row(name, place)
    for service in topology.SERVICES:
        always = (e for e in topology.LISTENERS if e.service == service and not e.optional)
        ports = [port_of(facts, entry) for entry in always]
        for at in range(0, len(ports), _ACROSS):
            table.add_row("" if at else service, "  ".join(ports[at : at + _ACROSS]))
    return Group(Text(f"Listening on {facts.near}:"), table)


def port_of(facts: Facts, entry: topology.Listener) -> str:
    """A port and what it is."""
    suffix = " (UDP, TCP)" if entry.protocol == "sip-edge" else ""
    return f"{facts.ports[entry.service, entry.name]} {entry.name}{suffix}"


def phones(facts: Facts, demo: DemoSecrets) -> RenderableType:
    """The telephones that people may register, and what to dial."""
    edge = f"{facts.near}:{facts.ports['sip_proxy', 'edge']}"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("SIP user", "password", "whose"):
        table.add_column(name, no_wrap=True)
    for dn in PHONES:
        table.add_row(dn, demo.sip[dn], PEOPLE.get(dn, ""))
    return Group(
        Text(f"Register a SIP phone at {edge} (UDP or TCP), domain {DOMAIN}:"),
        table,
        Text(f"Dial {SALES} for sales or {SUPPORT} for support, and an agent's phone rings.", style="bold"),
    )


def booking(facts: Facts, demo: DemoSecrets) -> Text:
    """A command that books a callback."""
    body = json.dumps({"serviceName": "CB_Sales", "phoneNumber": CUSTOMER_NUMBER})
    address = facts.url("engagement", "/engagement/v3/callbacks/create")
    lines = (
        f"curl -X POST {address} \\",
        f"  -H 'x-api-key: {demo.api_key}' \\",
        "  -H 'Content-Type: application/json' \\",
        f"  -d '{body}'",
    )
    return Text("\n".join(lines), style="cyan", no_wrap=True)


def line(name: str, what: str, style: str = "") -> Text:
    """One fact with its name in front."""
    return Text.assemble((f"{name:<14} ", "dim"), (what, style))
