"""What ends the `--help` of each command: a line to try, and what it does. Quick to import."""

import inspect
from collections.abc import Mapping

import typer

EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "up": (
        ("ringback up --demo", "everything on this machine, with somebody to watch"),
        ("ringback up --data /srv/ringback --host 10.0.0.11", "for telephones of the network"),
    ),
    "run": (("ringback run sip_proxy registrar", "two of the services here, the others elsewhere"),),
    "settings": (("ringback settings common engagement", "what holds in two groups, and why"),),
    "migrate": (("ringback migrate --phase pre", "before the processes of the new version start"),),
    "check": (("ringback check --data var/data", "while `ringback up` runs in another terminal"),),
    "connections": (("ringback connections --json", "for a script"),),
    "vxml": (('ringback vxml hello.vxml --digits "1 - 12# hangup"', "a caller who presses these keys"),),
    "simulate": (
        ("ringback simulate one-queue --days 20 --plot day.svg", "a shipped example, drawn as well"),
        ("ringback simulate one-queue --log calls.csv", "with the calls for `ringback ewt evaluate`"),
    ),
    "version": (("ringback version", "when you report something"),),
    "ewt evaluate": (
        ("ringback simulate one-queue --no-plots --log calls.csv", "calls to try it with"),
        ("ringback ewt evaluate calls.csv", "which predictor errs least"),
    ),
    "sessions list": (("ringback sessions list --limit 10", "the ten that live longest"),),
    "sessions show": (("ringback sessions show 6f1c…", "an id of `ringback sessions list`"),),
    "sessions trace": (("ringback sessions trace 6f1c… --json", "for a report"),),
    "routing explain": (
        ("ringback routing explain 35cba3b8-…", "the id that the customer got with the callback"),
        ("ringback routing explain 010a02c9c15f0001", "a ConnID, as events and logs have it"),
    ),
    "routing log": (("ringback routing log --out decisions.jsonl", "to keep, or to replay"),),
    "routing replay": (("ringback routing replay decisions.jsonl", "does this version decide the same?"),),
    "app test": (("ringback app test sales.scxml busy.toml closed.toml", "two worlds, one application"),),
    "app push": (("ringback app push sales.scxml --draft", "stored, served to nobody yet"),),
    "app pull": (("ringback app pull inbound --out mine.scxml", "begin with the shipped one"),),
    "app diff": (("ringback app diff sales sales.scxml", "what a push would change"),),
    "app versions": (("ringback app versions sales", "which one callers hear"),),
    "app publish": (("ringback app publish sales", "the draft, to every new call"),),
    "app rollback": (("ringback app rollback sales --to 3", "back to the third version"),),
    "app share": (("ringback app share sales draft 10", "one new call in ten tries the draft"),),
    "sip ping": (('ringback sip ping "sip:carrier.example;transport=tls"', "is the carrier there?"),),
    "sip register": (("ringback sip register -u 1001 --stay 60", "be agent ada of the demo for a minute"),),
    "sip call": (("ringback sip call 8000 -u 2001", "be a customer of the demo"),),
    "sip trace": (("ringback sip trace --number 8000 --pcap call.pcap", "then dial 8000"),),
    "sip trunks": (("ringback sip trunks", "which carriers are in service"),),
    "sip webrtc": (("ringback sip webrtc --json", "for a script"),),
    "sip bans": (("ringback sip bans", "who guessed passwords or sent rubbish"),),
    "sip unban": (("ringback sip unban 192.0.2.7", "an address of `ringback sip bans`"),),
    "campaign status": (("ringback campaign status Spring", "one of the demo's"),),
    "campaign import": (
        ("ringback campaign import Spring spring.csv", "a file of the columns key and number"),
    ),
    "campaign start": (("ringback campaign start Spring", "dial for each ready agent"),),
    "campaign pause": (("ringback campaign pause Spring", "until it is started again"),),
    "campaign stop": (("ringback campaign stop Spring", "for good"),),
    "campaign forbid": (('ringback campaign forbid +12025550171 --reason "asked"', "from now on"),),
    "campaign allow": (("ringback campaign allow +12025550171", "take it off again"),),
    "campaign compare": (
        ("ringback campaign compare --agents 60 --answer 0.2", "ways of dialling, under a virtual clock"),
    ),
    "keys create": (("ringback keys create shop --rate 20", "for a web shop, 20 requests a second"),),
    "keys list": (("ringback keys list", "by name and first characters"),),
    "keys revoke": (("ringback keys revoke shop", "the key of this name"),),
    "users add": (("ringback users add ann --role Supervisor:CB_Sales", "for one queue only"),),
    "users list": (("ringback users list --json", "for a script"),),
    "users grant": (("ringback users grant ann --role Monitor", "look only, at every queue"),),
    "users passwd": (("ringback users passwd ann", "who has forgotten it"),),
    "users remove": (("ringback users remove ann", "who has left"),),
    "tenant import": (("ringback tenant import contact-centre.json --add", "and keep what is there"),),
}
"""By what is typed after `ringback`."""


def attach(app: typer.Typer, before: str = "") -> None:
    """Put the examples under the help of every command of `app` and of its groups, and let prose wrap."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        command.help = _flowing(command.help or inspect.getdoc(command.callback) or "")
        command.epilog = _text(EXAMPLES.get(f"{before}{name}", ()))
    for group in app.registered_groups:
        if group.typer_instance is not None:
            attach(group.typer_instance, f"{group.typer_instance.info.name or group.name} ")


def _flowing(text: str) -> str:
    """Join the lines of prose, which the help breaks by itself; leave what is indented alone."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(part if part[:1] in " \b" else part.replace("\n", " ") for part in paragraphs)


def _text(lines: tuple[tuple[str, str], ...]) -> str | None:
    if not lines:
        return None
    shown = [f"  {command}\n      {what}" for command, what in lines]
    return "\n".join(["Example:" if len(lines) == 1 else "Examples:", *shown])
