"""Where a dialled number goes.

The order: an emergency number (never from a carrier), the DN of that very number, the most specific rule,
then the trunks whose patterns take the number in E.164. What leads nowhere is 404.

An extension with forwarding, with do-not-disturb or without a phone diverts; ``resolve`` asks for the state
of each extension that it meets. A call that was routed to an agent (origin ``route_point``) is not diverted:
its application decides what comes next.
"""

from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from msgspec import Struct, structs

from ringback.domain.configuration import DN, DialRule, Extension, Mailbox, RoutePoint, Tenant, Trunk
from ringback.domain.dialrules import Rule, compile_rule, ordered
from ringback.domain.numbers import NumberRefusedError, NumberRules, normalise
from ringback.domain.patterns import Pattern, compile_pattern

MAX_DIVERSIONS = 5
_VISUAL = str.maketrans("", "", " -().")

Origin = Literal["trunk", "dn", "route_point"]
DestinationKind = Literal["extension", "route_point", "mailbox", "trunk", "none"]


class DnState(Struct, frozen=True, omit_defaults=True):
    """What an extension is like now; ``None`` leaves it as the configuration has it. ``auto_answer``: an
    agent sits there whose phone is to answer by itself.
    """

    registered: bool = True
    dnd: bool | None = None
    forward_to: str | None = None
    auto_answer: bool = False


class Destination(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the call goes, or the SIP ``status`` to refuse it with and a ``reason`` slug.

    ``number`` is the DN, or E.164 for ``trunk``; ``trunks`` are to be tried in order; ``on_no_answer`` and
    ``on_busy`` are numbers to dial next, after ``no_answer`` seconds.
    """

    kind: DestinationKind
    number: str
    status: int = 200
    reason: str = ""
    trunks: tuple[str, ...] = ()
    dnis: str = ""
    dnis_over: str = ""
    call_type: str = "internal"
    caller_id: str = ""
    hide_caller: bool = False
    no_answer: float = 0
    on_no_answer: str = ""
    on_busy: str = ""
    diverted_from: tuple[str, ...] = ()
    script: str = ""
    default_dn: str = ""
    auto_answer: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A tenant's numbers and rules, compiled."""

    tenant: Tenant
    dns: Mapping[str, DN]
    rules: tuple[Rule, ...] = ()
    routes: tuple[tuple[Pattern, Trunk], ...] = ()
    emergency_trunks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    """A number on its way; ``rule`` is the one that made it."""

    number: str
    dialled: str
    over: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    diverted_from: tuple[str, ...] = ()


Resolution = Generator[str, DnState, Destination]


def compile_plan(tenant: Tenant, dns: Iterable[DN], rules: Iterable[DialRule]) -> Plan:
    """The plan of a configuration; raises RuleError or PatternError for one that was not validated."""
    numbers = {dn.id: dn for dn in dns}
    trunks = [dn for dn in numbers.values() if isinstance(dn, Trunk)]
    return plan_of(tenant, numbers, trunks, rules)


def plan_of(
    tenant: Tenant, numbers: Mapping[str, DN], trunks: Collection[Trunk], rules: Iterable[DialRule]
) -> Plan:
    """As `compile_plan`, from numbers that are sorted out already, and may change while the trunks do not."""
    routes = [(compile_pattern(text), trunk) for trunk in trunks for text in trunk.numbers]
    return Plan(
        tenant=tenant,
        dns=numbers,
        rules=ordered(compile_rule(rule.rule) for rule in rules if rule.enabled),
        routes=tuple(sorted(routes, key=lambda route: route[0].specificity)),
        emergency_trunks=tuple(trunk.id for trunk in trunks if trunk.emergency),
    )


def resolve(plan: Plan, dialled: str, origin: Origin) -> Resolution:
    """Follow ``dialled`` to its end: yields each extension whose state it needs, returns the destination."""
    step = _Step(number := dialled.translate(_VISUAL), number)
    while True:
        found, step = _find(plan, step, origin)
        if found.kind != "extension" or found.status != 200:
            return found
        extension = plan.dns[found.number]
        assert isinstance(extension, Extension)
        state = yield found.number
        if origin == "route_point" or (next_number := _divert(extension, state, step)) is None:
            return _reach(found, state, extension, origin)
        if len(step.diverted_from) >= MAX_DIVERSIONS or next_number in (*step.diverted_from, extension.id):
            return _refuse(found, 482, "loop")
        step = _Step(next_number, step.dialled, step.over, {}, (*step.diverted_from, extension.id))


def chosen_first(plan: Plan, found: Destination, shown: str, trunk: str = "") -> Destination:
    """The destination with the trunk first that is asked for, then those whose own number (`caller_id`) is
    the one to be shown: a carrier may refuse to show another one's.
    """
    if not (shown or trunk) or len(found.trunks) < 2 or found.call_type == "emergency":
        return found
    owners = {each.id for _, each in plan.routes if shown and each.caller_id == shown}

    def place(name: str) -> tuple[bool, bool]:
        return name != trunk, name not in owners

    return structs.replace(found, trunks=tuple(sorted(found.trunks, key=place)))


def resolve_with(plan: Plan, dialled: str, origin: Origin, states: Mapping[str, DnState]) -> Destination:
    """``resolve`` with all states at hand; an extension without one is registered and undisturbed."""
    steps = resolve(plan, dialled, origin)
    try:
        wanted = next(steps)
        while True:
            wanted = steps.send(states.get(wanted, DnState()))
    except StopIteration as end:
        destination: Destination = end.value
        return destination


def to_e164(number: str, country: str) -> str | None:
    """``number`` in E.164 with ``country`` (ISO 3166) as the default; None when it can be no public number.

    With a country code the number must be of a possible length; without one it must be valid in ``country``,
    so that an internal number that nobody has is not sent to a carrier.
    """
    rules = NumberRules(
        default_country=country, refuse_invalid=not number.startswith("+"), refuse_premium=False
    )
    try:
        return normalise(number, rules).e164
    except NumberRefusedError:
        return None


def _find(plan: Plan, step: _Step, origin: Origin) -> tuple[Destination, _Step]:
    internal = origin != "trunk"
    if internal and step.number in plan.tenant.emergency:
        return _emergency(plan, step), step
    dn = None if step.parameters.get("type") == "external" else plan.dns.get(step.number)
    if dn is not None and not isinstance(dn, Trunk):
        return _device(dn, step), step
    public = to_e164(step.number, plan.tenant.country)
    matched = None if step.parameters else _rule(plan, step.number, public)
    if matched is None:
        return _external(plan, step, public, origin), step
    rule, form = matched
    if rule.parameters.get("type") == "block":
        return _refused(step, 403, "blocked"), step
    target, over = rule.apply(form)
    dnis = step.dialled.removesuffix(over) if over else step.dialled
    # A rule is applied once: the marker keeps its result from meeting the rules again.
    after = replace(step, number=target, dialled=dnis, over=over, parameters={"type": "", **rule.parameters})
    if rule.parameters.get("type") == "emergency":
        return (_emergency(plan, after) if internal else _refused(after, 404, "unknown_number")), after
    return _find(plan, after, origin)


def _rule(plan: Plan, number: str, public: str | None) -> tuple[Rule, str] | None:
    """The most specific rule, and the written form of the number that it matches."""
    forms = tuple(dict.fromkeys(form for form in (number, public) if form))
    matching = ((rule, form) for rule in plan.rules for form in forms if rule.pattern.matches(form))
    return next(matching, None)


def _device(dn: DN, step: _Step) -> Destination:
    base = _base(step)
    match dn:
        case Extension():
            overflow = step.parameters.get("onnoanswer") or dn.mailbox
            return Destination(
                **base,
                kind="extension",
                number=dn.id,
                no_answer=float(step.parameters.get("timeout", dn.no_answer)),
                on_no_answer=overflow,
                on_busy=step.parameters.get("onbusy") or dn.mailbox,
            )
        case RoutePoint():
            return Destination(
                **base, kind="route_point", number=dn.id, script=dn.script, default_dn=dn.default_dn
            )
        case Mailbox():
            return Destination(**base, kind="mailbox", number=dn.id)
        case _:
            return _refused(step, 404, "unknown_number")


def _external(plan: Plan, step: _Step, public: str | None, origin: Origin) -> Destination:
    # A carrier's call leaves through a carrier only when an extension forwards it: else it is toll fraud.
    transit = origin == "trunk" and not step.diverted_from
    if public is None or transit or step.parameters.get("type") == "internal":
        return _refused(step, 404, "unknown_number")
    trunks = {trunk.id: trunk for pattern, trunk in plan.routes if pattern.matches(public)}
    if not trunks:
        return _refused(step, 404, "no_route")
    caller = step.parameters.get("cpn") or next(iter(trunks.values())).caller_id
    base = _base(step) | {"caller_id": caller, "call_type": step.parameters.get("calltype", "outbound")}
    return Destination(**base, kind="trunk", number=public, trunks=tuple(trunks))


def _emergency(plan: Plan, step: _Step) -> Destination:
    if not plan.emergency_trunks:
        return _refused(step, 404, "no_route")
    base = _base(step) | {"call_type": "emergency", "hide_caller": False}
    return Destination(**base, kind="trunk", number=step.number, trunks=plan.emergency_trunks)


def _divert(extension: Extension, state: DnState, step: _Step) -> str | None:
    forward = extension.forward_to if state.forward_to is None else state.forward_to
    if forward:
        return forward
    if extension.dnd if state.dnd is None else state.dnd:
        return step.parameters.get("ondnd") or extension.mailbox or None
    if not state.registered:
        return extension.mailbox or None
    return None


def _reach(found: Destination, state: DnState, extension: Extension, origin: Origin) -> Destination:
    """RFC 3261 21.4.18: one who is not logged in or does not want to be disturbed is 480."""
    if state.auto_answer:
        found = structs.replace(found, auto_answer=True)
    if origin == "route_point":
        return structs.replace(found, on_no_answer="", on_busy="") if state.registered else _gone(found)
    if extension.dnd if state.dnd is None else state.dnd:
        return _refuse(found, 480, "do_not_disturb")
    if not state.registered:
        return _gone(found)
    return found


def _gone(found: Destination) -> Destination:
    return _refuse(found, 480, "not_registered")


def _refuse(found: Destination, status: int, reason: str) -> Destination:
    """``found`` refused."""
    return Destination(
        kind="none",
        number=found.number,
        status=status,
        reason=reason,
        dnis=found.dnis,
        diverted_from=found.diverted_from,
    )


def _refused(step: _Step, status: int, reason: str) -> Destination:
    return Destination(
        kind="none",
        number=step.number,
        status=status,
        reason=reason,
        dnis=step.dialled,
        diverted_from=step.diverted_from,
    )


def _base(step: _Step) -> dict[str, Any]:
    """What every destination that is reached has from its way there."""
    return {
        "dnis": step.dialled,
        "dnis_over": step.over,
        "diverted_from": step.diverted_from,
        "caller_id": step.parameters.get("cpn", ""),
        "hide_caller": step.parameters.get("clir", "") in ("1", "on", "true", "yes"),
        "call_type": step.parameters.get("calltype", "internal"),
    }
