"""Whether a configuration holds together: every reference leads somewhere, every text can be read."""

import ipaddress
import re
import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, KeysView, Sequence
from dataclasses import dataclass, field

import phonenumbers

from ringback.domain.agents import UNTIMED
from ringback.domain.campaigns import definition
from ringback.domain.capacity import CapacityError, parse_capacity
from ringback.domain.configuration import (
    AgentGroup,
    AnyObject,
    CallbackService,
    CallingList,
    Campaign,
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
from ringback.domain.routing.skills import ExpressionError
from ringback.domain.routing.targets import read_target

Key = tuple[Kind, str]

_ID = re.compile(r"[A-Za-z0-9_.*#@-]{1,64}")
_NUMBER = re.compile(r"[0-9*#+]{1,32}")
_HEX = re.compile(r"[0-9a-f]*")


@dataclass(slots=True)
class _Known:
    """What references may lead to, and what no two people may have in common."""

    extensions: set[str] = field(default_factory=set)
    dialled: set[str] = field(default_factory=set)
    mailboxes: set[str] = field(default_factory=set)
    virtual_queues: set[str] = field(default_factory=set)
    route_points: set[str] = field(default_factory=set)
    trunks: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)
    persons: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    tenants: set[str] = field(default_factory=set)
    levels: dict[str, int] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    logins: Counter[str] = field(default_factory=Counter)
    phones: Counter[str] = field(default_factory=Counter)

    def add(self, item: AnyObject) -> None:
        for names in self._lists(item):
            names.add(item.id)
        if isinstance(item, Skill):
            self.levels[item.id] = item.max_level
        elif isinstance(item, AgentGroup):
            self.groups[item.id] = item.groups
        elif isinstance(item, Person):
            self._count(item, 1)

    def take_away(self, item: AnyObject) -> None:
        for names in self._lists(item):
            names.discard(item.id)
        if isinstance(item, Skill):
            del self.levels[item.id]
        elif isinstance(item, AgentGroup):
            del self.groups[item.id]
        elif isinstance(item, Person):
            self._count(item, -1)

    def _lists(self, item: AnyObject) -> tuple[set[str], ...]:
        match item:
            case Extension():
                return (self.extensions, self.dialled)
            case RoutePoint():
                return (self.route_points, self.dialled)
            case Mailbox():
                return (self.mailboxes, self.dialled)
            case VirtualQueue():
                return (self.virtual_queues,)
            case Trunk():
                return (self.trunks,)
            case Person():
                return (self.persons,)
            case Place():
                return (self.places,)
            case Tenant():
                return (self.tenants,)
            case CallingList():
                return (self.lists,)
        return ()

    def _count(self, person: Person, by: int) -> None:
        for login in person.login_ids:
            self.logins[login] += by
        if person.auto_login and person.dn:
            self.phones[person.dn] += by


class Whole:
    """All objects of a tenant. Checking a change costs what the change touches, not what is there."""

    def __init__(self) -> None:
        self._objects: dict[Key, AnyObject] = {}
        self._known = _Known()

    def keys(self) -> KeysView[Key]:
        """The objects that are there."""
        return self._objects.keys()

    def put(self, kind: Kind, item: AnyObject) -> None:
        """Add an object, or put it in the place of the one with its id."""
        self.drop(kind, item.id)
        self._objects[kind, item.id] = item
        self._known.add(item)

    def drop(self, kind: Kind, object_id: str) -> None:
        """Remove an object if it is there."""
        old = self._objects.pop((kind, object_id), None)
        if old is not None:
            self._known.take_away(old)

    def problems(self) -> list[Problem]:
        """Everything that is wrong, in the order of the objects."""
        return self._problems_of(self._objects)

    def problems_with(
        self, changed: Sequence[tuple[Kind, AnyObject]], removed: Sequence[Key]
    ) -> list[Problem]:
        """What would be wrong after a change; nothing is changed by asking."""
        keys: list[Key] = [*((kind, item.id) for kind, item in changed), *removed]
        before = {key: self._objects.get(key) for key in keys}
        self._apply(changed, removed)
        narrower = any(_narrower(old, self._objects.get(key)) for key, old in before.items())
        found = self._problems_of(
            self._objects if narrower else [key for key in before if key in self._objects]
        )
        put_back = [(kind, old) for (kind, _), old in before.items() if old is not None]
        self._apply(put_back, [key for key, old in before.items() if old is None])
        return found

    def _apply(self, changed: Iterable[tuple[Kind, AnyObject]], removed: Iterable[Key]) -> None:
        for kind, item in changed:
            self.put(kind, item)
        for key in removed:
            self.drop(*key)

    def _problems_of(self, keys: Iterable[Key]) -> list[Problem]:
        problems: list[Problem] = []
        if len(self._known.tenants) != 1:
            problems.append(Problem("tenant", "", "there is one and only one"))
        for kind, object_id in keys:
            item = self._objects[kind, object_id]
            reasons = [] if _ID.fullmatch(item.id) else ["the id must be 1 to 64 letters, digits or _.*#@-"]
            reasons.extend(_CHECKS.get(type(item), _nothing)(item, self._known))
            problems.extend(Problem(kind, item.id, reason) for reason in reasons)
        return problems


def validate(configuration: Configuration) -> list[Problem]:
    """Everything that is wrong, in the order of the objects; an empty list when all is well."""
    whole, seen = Whole(), Counter[Key]()
    for kind, item in configuration.objects():
        seen[kind, item.id] += 1
        whole.put(kind, item)
    twice = (Problem(kind, id_, "this id is used twice") for (kind, id_), times in seen.items() if times > 1)
    return [*whole.problems(), *twice]


def _narrower(old: AnyObject | None, new: AnyObject | None) -> bool:
    """Whether what leads to an object may not lead to the new one any more."""
    if isinstance(old, Skill) and isinstance(new, Skill):
        return new.max_level < old.max_level
    return old is not None and type(old) is not type(new)


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
    for login in item.login_ids:
        if known.logins[login] > 1:
            yield f"login id {login!r} belongs to another person too"
    if item.auto_login and known.phones[item.dn] > 1:
        yield f"another person is logged in at {item.dn!r} too"


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


def _virtual_queue(item: VirtualQueue, known: _Known) -> Iterator[str]:
    yield from _target("target", item.target)


def _mailbox(item: Mailbox, known: _Known) -> Iterator[str]:
    if not _NUMBER.fullmatch(item.id):
        yield "a mailbox is dialled: its id is made of digits, * and #"
    if item.max_messages < 1 or item.max_seconds <= 0:
        yield "max_messages and max_seconds must be above 0"


def _agent_group(item: AgentGroup, known: _Known) -> Iterator[str]:
    yield from (f"person {member!r} does not exist" for member in item.members if member not in known.persons)
    yield from (f"group {group!r} does not exist" for group in item.groups if group not in known.groups)
    yield from (
        f"place {place!r} does not exist"
        for place in item.places
        if place not in known.places and place not in known.extensions
    )
    yield from (
        f"virtual queue {vq!r} does not exist" for vq in item.queues if vq not in known.virtual_queues
    )
    yield from _target("expression", item.expression)
    try:
        closure(item.id, known.groups)
    except GroupCycle as error:
        yield str(error)


def _target(field: str, text: str) -> Iterator[str]:
    """Why a target cannot be read, and where."""
    try:
        read_target(text)
    except ExpressionError as error:
        yield f"{field}: {error}"


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


def _calling_list(item: CallingList, known: _Known) -> Iterator[str]:
    yield from definition.problems_of_list(item)


def _campaign(item: Campaign, known: _Known) -> Iterator[str]:
    yield from (f"calling list {name!r} does not exist" for name in item.lists if name not in known.lists)
    if item.route_point not in known.route_points:
        yield f"route point {item.route_point!r} does not exist"
    if item.queue not in known.virtual_queues:
        yield f"virtual queue {item.queue!r} does not exist"
    if item.trunk and item.trunk not in known.trunks:
        yield f"trunk {item.trunk!r} does not exist"
    yield from definition.problems_of_campaign(item)


_CHECKS: dict[type, Callable[..., Iterator[str]]] = {
    Tenant: _tenant,
    Person: _person,
    Extension: _extension,
    RoutePoint: _route_point,
    Trunk: _trunk,
    VirtualQueue: _virtual_queue,
    Mailbox: _mailbox,
    AgentGroup: _agent_group,
    Skill: _skill,
    DialRule: _dial_rule,
    CallbackService: _callback_service,
    Place: _place,
    CallingList: _calling_list,
    Campaign: _campaign,
}
