"""Whether a configuration holds together: every reference leads somewhere, every text can be read."""

import ipaddress
import re
import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import phonenumbers

from ringback.domain.agents import UNTIMED
from ringback.domain.capacity import CapacityError, parse_capacity
from ringback.domain.configuration import (
    AgentGroup,
    AnyObject,
    CallbackService,
    Configuration,
    DialRule,
    Extension,
    Kind,
    Mailbox,
    Person,
    Place,
    Problem,
    RoutePoint,
    Skill,
    Tenant,
    Trunk,
    VirtualQueue,
)
from ringback.domain.dialrules import RuleError, compile_rule
from ringback.domain.patterns import PatternError, compile_pattern
from ringback.domain.routing.groups import GroupCycle, closure

_ID = re.compile(r"[A-Za-z0-9_.*#@-]{1,64}")
_NUMBER = re.compile(r"[0-9*#+]{1,32}")
_HEX = re.compile(r"[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class _Known:
    """What references may lead to."""

    extensions: frozenset[str]
    dialled: frozenset[str]
    mailboxes: frozenset[str]
    virtual_queues: frozenset[str]
    persons: frozenset[str]
    levels: dict[str, int]
    groups: dict[str, tuple[str, ...]]
    places: frozenset[str]


def validate(configuration: Configuration) -> list[Problem]:
    """Everything that is wrong, in the order of the objects; an empty list when all is well."""
    known = _known(configuration)
    problems: list[Problem] = []
    seen: Counter[tuple[Kind, str]] = Counter()
    for kind, item in configuration.objects():
        seen[kind, item.id] += 1
        reasons = [] if _ID.fullmatch(item.id) else ["the id must be 1 to 64 letters, digits or _.*#@-"]
        if seen[kind, item.id] == 2:
            reasons.append("this id is used twice")
        reasons.extend(_CHECKS.get(type(item), _nothing)(item, known))
        problems.extend(Problem(kind, item.id, reason) for reason in reasons)
    problems.extend(_shared(configuration))
    return problems


def _known(configuration: Configuration) -> _Known:
    def of(*types: type) -> frozenset[str]:
        return frozenset(dn.id for dn in configuration.dns if isinstance(dn, types))

    return _Known(
        extensions=of(Extension),
        dialled=of(Extension, RoutePoint, Mailbox),
        mailboxes=of(Mailbox),
        virtual_queues=of(VirtualQueue),
        persons=frozenset(person.id for person in configuration.persons),
        levels={skill.id: skill.max_level for skill in configuration.skills},
        groups={group.id: group.groups for group in configuration.agent_groups},
        places=frozenset(place.id for place in configuration.places) | of(Extension),
    )


def _nothing(item: AnyObject, known: _Known) -> Iterator[str]:
    yield from ()


def _tenant(item: Tenant, known: _Known) -> Iterator[str]:
    if item.country not in phonenumbers.SUPPORTED_REGIONS:
        yield f"{item.country!r} is no country (ISO 3166, two capital letters)"
    if item.time_zone not in zoneinfo.available_timezones():
        yield f"{item.time_zone!r} is no time zone (such as Europe/Berlin)"
    if not item.domain:
        yield "it has no SIP domain"
    yield from (f"{number!r} is no number" for number in item.emergency if not _NUMBER.fullmatch(number))


def _person(item: Person, known: _Known) -> Iterator[str]:
    for skill, level in item.skills.items():
        if skill not in known.levels:
            yield f"skill {skill!r} does not exist"
        elif not 1 <= level <= known.levels[skill]:
            yield f"level {level} of skill {skill!r} is not from 1 to {known.levels[skill]}"
    if item.dn and item.dn not in known.extensions:
        yield f"extension {item.dn!r} does not exist"
    if item.auto_login and not item.dn:
        yield "auto_login needs a dn"
    try:
        parse_capacity(item.capacity)
    except CapacityError as error:
        yield f"capacity: {error}"
    if item.wrap_up < 0 and item.wrap_up != UNTIMED:
        yield "wrap_up is below 0 seconds and not -1"
    for name, seconds in (("legal_guard", item.legal_guard), ("auto_logout", item.auto_logout)):
        if seconds < 0:
            yield f"{name} is below 0 seconds"


def _extension(item: Extension, known: _Known) -> Iterator[str]:
    if not _NUMBER.fullmatch(item.id):
        yield "an extension is dialled: its id is made of digits, * and #"
    lengths = {"ha1_md5": 32, "ha1_sha256": 64, "ha1_sha512_256": 64}
    for name, length in lengths.items():
        value = getattr(item, name)
        if value and (len(value) != length or not _HEX.fullmatch(value)):
            yield f"{name} is not {length} hexadecimal digits"
    if item.mailbox and item.mailbox not in known.mailboxes:
        yield f"mailbox {item.mailbox!r} does not exist"
    if item.no_answer <= 0:
        yield "no_answer must be above 0 seconds"


def _route_point(item: RoutePoint, known: _Known) -> Iterator[str]:
    if not _NUMBER.fullmatch(item.id):
        yield "a route point is dialled: its id is made of digits, * and #"
    if not item.script:
        yield "it has no script"
    if item.default_dn and (item.default_dn not in known.dialled or item.default_dn == item.id):
        yield f"default_dn {item.default_dn!r} leads nowhere"


def _trunk(item: Trunk, known: _Known) -> Iterator[str]:
    for address in item.addresses:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError:
            yield f"{address!r} is no address or network"
    for gateway in item.gateways:
        if not gateway.host or not 0 <= gateway.port < 65536 or min(gateway.priority, gateway.weight) < 0:
            yield f"gateway {gateway.host}:{gateway.port} cannot be reached"
    for text in item.numbers:
        try:
            compile_pattern(text)
        except PatternError as error:
            yield str(error)
    if item.options_s < 0 or item.calls_per_second < 0 or item.capacity < 0:
        yield "options_s, calls_per_second and capacity must not be below 0"
    if item.line is not None and not (item.line.registrar and item.line.user and item.line.expires >= 60):
        yield "its line needs a registrar, a user and at least 60 seconds"
    if item.numbers and not item.gateways:
        yield "it takes numbers but has no gateway"


def _mailbox(item: Mailbox, known: _Known) -> Iterator[str]:
    if not _NUMBER.fullmatch(item.id):
        yield "a mailbox is dialled: its id is made of digits, * and #"
    if item.max_messages < 1 or item.max_seconds <= 0:
        yield "max_messages and max_seconds must be above 0"


def _agent_group(item: AgentGroup, known: _Known) -> Iterator[str]:
    yield from (f"person {member!r} does not exist" for member in item.members if member not in known.persons)
    yield from (f"group {group!r} does not exist" for group in item.groups if group not in known.groups)
    yield from (f"place {place!r} does not exist" for place in item.places if place not in known.places)
    yield from (
        f"virtual queue {vq!r} does not exist" for vq in item.queues if vq not in known.virtual_queues
    )
    try:
        closure(item.id, known.groups)
    except GroupCycle as error:
        yield str(error)


def _place(item: Place, known: _Known) -> Iterator[str]:
    if item.dn not in known.extensions:
        yield f"extension {item.dn!r} does not exist"


def _skill(item: Skill, known: _Known) -> Iterator[str]:
    if item.max_level < 1:
        yield "max_level is below 1"


def _dial_rule(item: DialRule, known: _Known) -> Iterator[str]:
    try:
        compile_rule(item.rule)
    except RuleError as error:
        yield str(error)


def _callback_service(item: CallbackService, known: _Known) -> Iterator[str]:
    if item.virtual_queue not in known.virtual_queues:
        yield f"virtual queue {item.virtual_queue!r} does not exist"


def _shared(configuration: Configuration) -> Iterator[Problem]:
    """What no two people may have in common."""
    logins = Counter(login for person in configuration.persons for login in person.login_ids)
    phones = Counter(person.dn for person in configuration.persons if person.auto_login and person.dn)
    for person in configuration.persons:
        for login in person.login_ids:
            if logins[login] > 1:
                yield Problem("persons", person.id, f"login id {login!r} belongs to another person too")
        if person.auto_login and phones[person.dn] > 1:
            yield Problem("persons", person.id, f"another person is logged in at {person.dn!r} too")


_CHECKS: dict[type, Callable[..., Iterator[str]]] = {
    Tenant: _tenant,
    Person: _person,
    Extension: _extension,
    RoutePoint: _route_point,
    Trunk: _trunk,
    Mailbox: _mailbox,
    AgentGroup: _agent_group,
    Skill: _skill,
    DialRule: _dial_rule,
    CallbackService: _callback_service,
    Place: _place,
}
