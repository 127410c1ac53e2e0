"""Write docs/reference from the code: state diagrams (Mermaid), settings, ports, connections.

`python tools/make_diagrams.py` writes the pages. A test compares them with what this tool would write, so a
page that no longer matches the tables of the code is found.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ringback import topology
from ringback.commands.settings import group_settings, printable, text
from ringback.connections import CONNECTIONS
from ringback.contracts.statistics import definitions as statistic_definitions
from ringback.domain.agents import machine as agents
from ringback.domain.calendar import weekly
from ringback.domain.callbacks import events as ev
from ringback.domain.callbacks import lifecycle as cb
from ringback.domain.callbacks.names import LIVE, DialResult, Reason, State
from ringback.domain.callbacks.retry import REACTIONS, RetryPolicy
from ringback.domain.calls import call as calls
from ringback.domain.calls import legs
from ringback.domain.calls.types import LegState, Phase
from ringback.domain.campaigns import attempts as campaign_attempts
from ringback.domain.campaigns import states as campaign_states
from ringback.services import REGISTRY
from ringback.sip import transactions as sip

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- Written by tools/make_diagrams.py from the code: change the code and run `make docs`. -->"

Edge = tuple[str, str, str]
"""From, to, label."""


def pages() -> dict[str, str]:
    """File name and text of every page."""
    return {
        "states.md": states_page(),
        "settings.md": settings_page(),
        "ports.md": ports_page(),
        "connections.md": connections_page(),
        "statistics.md": statistics_page(),
    }


def page(title: str, *parts: str) -> str:
    """A whole page."""
    return "\n\n".join((f"# {title}", NOTE, *parts)) + "\n"


def diagram(edges: Iterable[Edge], *first: str) -> str:
    """A Mermaid state diagram; edges between the same states share one arrow."""
    labels: dict[tuple[str, str], list[str]] = {}
    for source, target, label in edges:
        known = labels.setdefault((source, target), [])
        if label and label not in known:
            known.append(label)
    arrows = [
        f"    {source} --> {target}" + (f" : {', '.join(found)}" if found else "")
        for (source, target), found in labels.items()
    ]
    return "\n".join(("```mermaid", "stateDiagram-v2", *(f"    {line}" for line in first), *arrows, "```"))


def table(head: tuple[str, ...], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in row) + " |" for row in lines)


def cell(value: object) -> str:
    """A value as a table can hold it."""
    return str(value).replace("|", "\\|").replace("\n", " ")


# States


def states_page() -> str:
    """All state machines."""
    return page(
        "States",
        "Drawn from the tables that the code runs on. What has no arrow is ignored or refused.",
        callbacks_part(),
        agents_part(),
        calls_part(),
        campaigns_part(),
        *transactions_parts(),
    )


def callbacks_part() -> str:
    """The life cycle of a callback (`domain/callbacks/lifecycle.py`)."""
    found = list(callback_steps())
    edges = [*sorted(callback_beginnings()), *((row[0], row[2], row[1]) for row in found)]
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for source, event, target, reason in found:
        known = reasons.setdefault((source, event, target), [])
        if reason and reason not in known:
            known.append(reason)
    rows = [(*key, ", ".join(found_reasons)) for key, found_reasons in reasons.items()]
    dials = [
        (result.value, "yes" if how.retry else "no", "yes" if how.counts else "no")
        for result, how in REACTIONS.items()
    ]
    return "\n\n".join(
        (
            "## Callback",
            "From `domain/callbacks/lifecycle.py`: every row of the table was run with attempts that had "
            "dialled and had not, with dials left and none, within the time to live and after it. "
            "Steps of an attempt that is over, and steps repeated, change nothing.",
            diagram([*edges, (State.COMPLETED.value, "[*]", "")]),
            table(("from", "event", "to", "reason"), rows),
            "What follows a dial that failed:",
            table(("dial result", "another dial", "counts as a dial"), dials),
        )
    )


def callback_beginnings() -> set[Edge]:
    """The states in which a callback may begin."""
    kinds = {"immediate": cb.booked(0.0, desired_at=None, ttl=60.0)}
    kinds["scheduled"] = cb.booked(0.0, desired_at=60.0, ttl=60.0)
    kinds["immediate, office closed"] = cb.booked(0.0, desired_at=None, ttl=60.0, opens_at=30.0)
    return {("[*]", accepted.progress.state.value, name) for name, accepted in kinds.items()}


def callback_steps() -> Iterator[tuple[str, str, str, str]]:
    """State, event, next state and reason of everything that the table allows."""
    seen = set()
    for state, kind in cb.TABLE:
        for event in callback_events(kind):
            for progress, policy, now in callback_cases(state):
                try:
                    outcome = cb.advance(progress, event, policy, now)
                except cb.CallbackRefusedError:
                    continue
                if not isinstance(outcome, cb.Accepted):
                    continue
                after = outcome.progress
                row = (
                    state.value,
                    kind.__name__,
                    after.state.value,
                    after.reason.value if after.reason else "",
                )
                if row not in seen:
                    seen.add(row)
                    yield row


def callback_events(kind: type[ev.Event]) -> list[ev.Event]:
    """Events of one kind, with each dial result where they carry one."""
    if kind is ev.AttemptFailed:
        return [ev.AttemptFailed(1, 1, result) for result in DialResult]
    if kind is ev.Ended:
        return [ev.Ended(1, 1, Reason.NOT_AVAILABLE)]
    if kind in (ev.AttemptLost, ev.Stalled):
        return [kind(1)]  # type: ignore[call-arg]
    return [kind(1, 1)] if issubclass(kind, ev.WriteBack) else [kind()]


def callback_cases(state: State) -> Iterator[tuple[cb.Progress, RetryPolicy, float]]:
    """Callbacks in a state, policies and moments that lead to different ends."""
    closed = weekly("UTC", ["Mon 09:00-10:00"])
    policies = (RetryPolicy(3, 10.0), RetryPolicy(1, 10.0), RetryPolicy(3, 10.0, closed))
    live = state in LIVE
    for dialled in (False, True) if live else (False,):
        for expires_at in (1_000.0, 1_000_000.0):
            progress = cb.Progress(
                state,
                arrived_at=0.0,
                expires_at=expires_at,
                due_at=None if live else 0.0,
                attempt=int(live),
                dialled=dialled,
                dials=int(dialled),
            )
            for policy in policies:
                for now in (10.0, 2_000_000.0):
                    yield progress, policy, now


def agents_part() -> str:
    """The session of an agent (`domain/agents/machine.py`)."""
    edges: list[Edge] = [("[*]", agents.State.LOGGED_OUT.name, "")]
    remembered = []
    for (state, kind), rule in agents.TABLE.items():
        if rule.to == agents.Next.SAME:
            remembered.append((state.value, kind.__name__))
            continue
        target = rule.to.name if isinstance(rule.to, agents.State) else rule.to
        edges.append((state.name, target, kind.__name__))
    edges += [("wrap_up", "ACW", "wrap-up time is set"), ("wrap_up", "after", "none")]
    edges += [("after", name, "") for name in ("READY", "NOT_READY", "LOGGED_OUT")]
    entry = [(state.value, name) for state, name in agents.ENTRY_EVENTS.items()]
    return "\n\n".join(
        (
            "## Agent",
            "From `domain/agents/machine.py`. `after` is where the agent goes when the work is done: ready, "
            "unless something else was asked for meanwhile.",
            diagram(edges, "state wrap_up <<choice>>", "state after <<choice>>"),
            "Changes no state, but may change `after`: " + grouped(remembered) + ".",
            table(("entering", "event"), entry),
        )
    )


def grouped(pairs: Iterable[tuple[str, str]]) -> str:
    """`talking: Logout, Ready; acw: …`."""
    groups: dict[str, list[str]] = {}
    for state, event in pairs:
        groups.setdefault(state, []).append(event)
    return "; ".join(f"{state}: {', '.join(events)}" for state, events in groups.items())


def calls_part() -> str:
    """Legs and phases of a call (`domain/calls`)."""
    edges: list[Edge] = [
        ("[*]", LegState.OFFERED.name, "INVITE came"),
        ("[*]", LegState.INVITING.name, "INVITE sent"),
    ]
    for (state, word), (target, _) in legs.HEARD.items():
        edges.append((state.name, target.name, word.value))
    for state, (target, way) in legs.HANG_UP.items():
        edges.append((state.name, target.name, f"we end it ({way.value.replace('_', ' ')})"))
    # These three are steps of the call itself (calls/call.py, calls/machine.py), not rows of the tables.
    edges += [
        (LegState.OFFERED.name, LegState.UP.name, "we answer"),
        (LegState.INVITING.name, LegState.ANSWERED.name, "answered with an offer"),
        (LegState.ANSWERED.name, LegState.UP.name, "our ACK has the answer"),
        (LegState.ENDED.name, "[*]", ""),
    ]
    requests = [
        (kind.__name__, ", ".join(phase.value for phase in Phase if phase in phases))
        for kind, (phases, _) in calls.PHASES.items()
    ]
    return "\n\n".join(
        (
            "## Leg of a call",
            "From `domain/calls/legs.py`.",
            diagram(edges),
            "A call as a whole is "
            + ", ".join(phase.value for phase in Phase)
            + ". What may be asked of it when, from `domain/calls/call.py`:",
            table(("request", "while the call is"), requests),
        )
    )


def campaigns_part() -> str:
    """A campaign and one of its attempts (`domain/campaigns`)."""
    tables = (
        ("Campaign", "states", campaign_states.TABLE),
        ("Attempt of a campaign", "attempts", campaign_attempts.TABLE),
    )
    parts: list[str] = []
    for title, module, rows in tables:
        edges = [
            (source.value, target.value, word.value)
            for (source, word), target in rows.items()
            if source is not target
        ]
        parts += [f"## {title}", f"From `domain/campaigns/{module}.py`.", diagram(edges)]
    return "\n\n".join(parts)


def transactions_parts() -> Iterator[str]:
    """The four transactions (`sip/transactions.py`)."""
    yield "## SIP transactions\n\nFrom `sip/transactions.py`: RFC 3261 section 17 with RFC 6026."
    kinds = (
        ("INVITE client", sip.INVITE_CLIENT, sip.State.CALLING),
        ("Non-INVITE client", sip.CLIENT, sip.State.TRYING),
        ("INVITE server", sip.INVITE_SERVER, sip.State.PROCEEDING),
        ("Non-INVITE server", sip.SERVER, sip.State.TRYING),
    )
    for title, rows, first in kinds:
        edges: list[Edge] = [("[*]", first.value, "")]
        edges += [(state.value, target.value, heard(what)) for (state, what), (target, _) in rows.items()]
        does = [
            (state.value, heard(what), target.value, "; ".join(action.value for action in actions))
            for (state, what), (target, actions) in rows.items()
        ]
        yield "\n\n".join(
            (
                f"### {title}",
                diagram([*edges, (sip.State.TERMINATED.value, "[*]", "")]),
                table(("state", "what happens", "next", "what is done"), does),
            )
        )


def heard(what: sip.Input) -> str:
    """An input, with timers called so."""
    return f"timer {what.value}" if what.name.startswith("TIMER_") else what.value


# Settings, ports, connections


def settings_page() -> str:
    """Every setting with its default."""
    parts = [
        "`ringback settings` shows them with the values that hold and where those came from. "
        "[operations.md](../operations.md) says where settings can be given."
    ]
    for group in ("common", *sorted(REGISTRY)):
        rows = []
        for setting in group_settings(group, {}):
            shown = printable(setting)
            default = (
                "secret" if setting.secret else f"`{text(setting.default)}`" if text(setting.default) else ""
            )
            rows.append((f"`{shown['name']}`", default, shown["doc"]))
        parts.append(f"## {group}\n\n" + table(("environment", "default", "meaning"), rows))
    return page("Settings", *parts)


def ports_page() -> str:
    """Every listener with its default port."""
    rows = [
        (entry.service, entry.name, entry.port, entry.protocol, f"`{variable(entry)}`", entry.purpose)
        for entry in topology.LISTENERS
    ]
    stores = [
        ("Valkey", topology.VALKEY_PORT),
        ("PostgreSQL", f"{topology.POSTGRES_PORT} (the embedded one: a socket in the data folder, no port)"),
        ("Kafka", topology.KAFKA_PORT),
    ]
    return page(
        "Ports",
        "`http` is HTTP/1.1, `link` JSON-RPC 2.0 over TCP with one message a line, `sip` SIP over TCP, "
        "`sip-edge` SIP over UDP and TCP. RTP uses the UDP ports from `RINGBACK_MEDIA_RTP_LOW` to "
        "`RINGBACK_MEDIA_RTP_HIGH`.",
        table(("service", "listener", "port", "protocol", "moved by", "for"), rows),
        "## Stores",
        table(("store", "port"), stores),
    )


def variable(entry: topology.Listener) -> str:
    """The environment name of a listener's port."""
    infix = "" if entry.name == "http" else f"{entry.name.upper()}_"
    return f"RINGBACK_{entry.service.upper()}_{infix}PORT"


def connections_page() -> str:
    """The table of who talks to whom."""
    built = sum(row.built for row in CONNECTIONS)
    rows = [
        (row.id, row.source, row.destination, row.protocol, row.port, "yes" if row.built else "no", row.data)
        for row in CONNECTIONS
    ]
    return page(
        "Connections",
        f"{len(CONNECTIONS)} connections, {built} built. The first party opens the connection to the second. "
        "`ringback connections` shows how many messages each has carried on the running platform.",
        table(("id", "from", "to", "protocol", "port", "built", "carries"), rows),
    )


def statistics_page() -> str:
    """What can be asked for at 8000 and at 5581."""
    rows = [
        (
            f"`{row.name}`",
            ", ".join(row.object_types),
            row.unit,
            "yes" if row.windowed else "now",
            row.meaning,
            ", ".join(f"`{alias}`" for alias in row.aliases),
        )
        for row in statistic_definitions()
    ]
    head = ("name", "of", "unit", "over a window", "meaning", "also called")
    return page("Real-time statistics", table(head, rows))


def main() -> int:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in pages().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
        sys.stdout.write(f"wrote docs/reference/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
