"""The objects that describe one tenant: people, numbers, groups, rules.

Every object has an ``id`` that is unique within its kind. DNs share one number space whatever their type is:
an extension and a route point cannot both be 8000. A whole configuration is checked by ``validate``, which
names each object that is wrong and why, so that nothing half right is ever loaded.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

Kind = Literal[
    "tenant",
    "persons",
    "dns",
    "agent-groups",
    "skills",
    "dial-plan",
    "prompts",
    "callback-services",
    "places",
    "calling-lists",
    "campaigns",
]


class Object(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every configuration object has: an id unique within its kind."""

    id: str


class Tenant(Object, frozen=True, kw_only=True):
    """The contact centre itself.

    ``country`` is an ISO 3166 code, the default for numbers without a country; ``domain`` is the SIP domain
    and digest realm; ``emergency`` are the numbers that pass every block and rule.
    """

    name: str = ""
    domain: str
    country: str = "US"
    time_zone: str = "UTC"
    language: str = "en"
    emergency: tuple[str, ...] = ()


class Person(Object, frozen=True, kw_only=True):
    """An agent: ``skills`` maps a skill id to a level; with ``auto_login`` the registration of a phone at
    ``dn`` logs the agent in and makes it ready. ``wrap_up`` is after-call work in seconds, -1 until the agent
    is ready; ``legal_guard`` seconds of pause after each call of a queue that nobody can shorten;
    ``auto_logout`` seconds of not ready after which the agent is logged out, 0 for never; ``auto_answer``
    tells the desktop that the phone is to answer by itself; ``on_out_of_service`` what becomes of the agent
    whose phone is gone (by default ``logout`` with ``auto_login``, else ``not_ready``). ``capacity``: most
    interactions of each medium at a time, as ``voice:1, chat:3 unless voice>=1`` (empty: one call)."""

    name: str = ""
    login_ids: tuple[str, ...] = ()
    skills: dict[str, int] = {}
    dn: str = ""
    auto_login: bool = False
    wrap_up: float = 5.0
    enabled: bool = True
    legal_guard: float = 0.0
    auto_logout: float = 0.0
    auto_answer: bool = False
    on_out_of_service: Literal["", "none", "not_ready", "logout"] = ""
    capacity: str = ""


class DnBase(Object, frozen=True, kw_only=True, tag_field="type"):
    """A number: ``id`` is what is dialled, or the name of the trunk."""

    name: str = ""


class Extension(DnBase, frozen=True, kw_only=True, tag="extension"):
    """A phone. ``ha1_md5``, ``ha1_sha256`` and ``ha1_sha512_256`` are the digest hashes of RFC 7616 3.4.2 in
    hexadecimal: the password itself is never kept. ``no_answer`` is in seconds."""

    user: str = ""
    ha1_md5: str = ""
    ha1_sha256: str = ""
    no_answer: float = 20.0
    mailbox: str = ""
    forward_to: str = ""
    dnd: bool = False
    ha1_sha512_256: str = ""

    def hashes(self) -> dict[str, str]:
        """The hashes that are there, by the name of their algorithm."""
        found = {"MD5": self.ha1_md5, "SHA-256": self.ha1_sha256, "SHA-512-256": self.ha1_sha512_256}
        return {name: value for name, value in found.items() if value}


class RoutePoint(DnBase, frozen=True, kw_only=True, tag="route_point"):
    """A number whose calls an application routes. ``script`` names it; ``default_dn`` takes the call when it
    cannot run; ``parameters`` are handed to the application as they stand."""

    script: str
    default_dn: str = ""
    parameters: dict[str, str] = {}


class Gateway(Struct, frozen=True, omit_defaults=True):
    """Where a carrier listens. ``port`` 0 and ``transport`` "" leave it to DNS to say (RFC 3263). Those of
    the lowest ``priority`` come first, among equals by ``weight``, or as they are written if none has one."""

    host: str
    port: int = 5060
    transport: Literal["udp", "tcp", "tls", ""] = "udp"
    priority: int = 0
    weight: int = 0


class Line(Struct, frozen=True, omit_defaults=True):
    """What the platform registers at a carrier: ``user`` at ``registrar`` (a host, or a SIP URI that says
    port and transport), for ``expires`` seconds. ``domain`` is that of the address, where it is not the
    registrar's host; ``outbound`` are the carrier's outbound proxies, over each of which a flow is kept
    (RFC 5626). The password is a secret of sip_proxy, not part of the configuration."""

    registrar: str
    user: str
    domain: str = ""
    expires: int = 3600
    outbound: tuple[str, ...] = ()


class Trunk(DnBase, frozen=True, kw_only=True, tag="trunk"):
    """A carrier. Requests from ``addresses`` (hosts or networks, ``192.0.2.0/24``) come from this trunk;
    ``gateways`` are tried by priority for calls to it; ``numbers`` are the patterns that it takes, matched
    against E.164; ``caller_id`` replaces an internal caller. ``capacity`` is calls at a time, 0 for
    no limit, as for ``calls_per_second``. Every ``options_s`` seconds its gateways are asked whether they are
    there, 0: never. ``line`` is what is registered there; ``auth_user`` answers challenges, if it is another
    name than the line's."""

    addresses: tuple[str, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    numbers: tuple[str, ...] = ()
    caller_id: str = ""
    capacity: int = 0
    emergency: bool = False
    calls_per_second: float = 0.0
    options_s: float = 0.0
    line: Line | None = None
    auth_user: str = ""


class VirtualQueue(DnBase, frozen=True, kw_only=True, tag="virtual_queue"):
    """A waiting line. ``target`` is a skill expression or a group; ``service_level`` in seconds. Where queues
    with a ``weight`` compete for one agent, each gets its share of the agent; 0: who waits longest is next.
    """

    target: str = ""
    service_level: float = 20.0
    music: str = ""
    weight: float = 0.0


class Mailbox(DnBase, frozen=True, kw_only=True, tag="mailbox"):
    """A voice mailbox; ``pin_hash`` is an Argon2 hash, ``max_seconds`` limits one message."""

    pin_hash: str = ""
    language: str = "en"
    email: str = ""
    max_messages: int = 10
    max_seconds: float = 120.0


DN = Extension | RoutePoint | Trunk | VirtualQueue | Mailbox


class AgentGroup(Object, frozen=True, kw_only=True):
    """People named one by one, or by a skill ``expression``; and those of other ``groups``. As a target it
    can also stand for ``places`` (`.GP`) and for virtual ``queues`` (`.GQ`)."""

    name: str = ""
    members: tuple[str, ...] = ()
    expression: str = ""
    groups: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()


class Skill(Object, frozen=True, kw_only=True):
    """An ability; levels go from 1 to ``max_level``."""

    name: str = ""
    max_level: int = 10


class DialRule(Object, frozen=True, kw_only=True):
    """One dial-plan rule in the form ``pattern=>digits;param=value``."""

    rule: str
    enabled: bool = True


class Prompt(Object, frozen=True, kw_only=True):
    """An announcement: ``source`` names a recording; ``text`` is what it says."""

    language: str = "en"
    source: str = ""
    text: str = ""


class CallbackService(Object, frozen=True, kw_only=True):
    """A callback service; its id is the name of its virtual queue, its settings are the row of that name in
    the data table CALLBACK_SETTINGS."""

    virtual_queue: str
    script: str = "callback"
    settings: str = ""


class Place(Object, frozen=True, kw_only=True):
    """A desk: who logs in there works at the phone ``dn``."""

    name: str = ""
    dn: str


class CallingList(Object, frozen=True, kw_only=True):
    """Customers to be called; the records are kept apart. ``time_zone`` and ``hours`` (lines such as
    ``Mon-Fri 17:00-20:00`` on the customer's clock) hold for records that say nothing of their own."""

    name: str = ""
    time_zone: str = ""
    hours: tuple[str, ...] = ()


class Campaign(Object, frozen=True, kw_only=True):
    """Who is called, from where, and how fast. A customer who answers is put on ``route_point``, whose
    application brings them to the agents of the virtual ``queue``; ``mode`` and ``ratio`` (calls for each
    ready agent, in power mode) say how many are dialled, ``abandon_cap`` (0 to 1) which share of those who
    answer may find no agent. ``hours`` are the office's in ``time_zone`` (by default the tenant's); ``quiet``
    the times of any customer's day at which the phone must not ring. ``retry_s`` seconds pass until the next
    of ``max_dials`` dials, or as ``retries`` say by result. ``ring_s`` and ``detect_s`` are in seconds, 0 of
    ``detect_s`` takes whoever answers for a person; ``prompts`` are heard until an agent is there.
    ``outcomes`` are the results that agents may enter, with what follows; callbacks that they promise are
    booked at ``callback_service``, and are kept for the agent who has promised one for ``callback_agent_s``
    seconds. ``caller_ids`` are the numbers to show by the beginning of the customer's. ``trunk`` comes first
    of those that take the customer's number.
    """

    name: str = ""
    lists: tuple[str, ...]
    route_point: str
    queue: str
    caller_id: str = ""
    mode: Literal["progressive", "power", "preview", "predictive"] = "progressive"
    ratio: float = 1.0
    abandon_cap: float = 0.03
    max_dials: int = 3
    retry_s: float = 3600.0
    retries: dict[str, float] = {}
    hours: tuple[str, ...] = ()
    time_zone: str = ""
    quiet: str = "21:00-08:00"
    ring_s: float = 30.0
    detect_s: float = 0.0
    prompts: tuple[str, ...] = ()
    outcomes: dict[str, Literal["done", "again", "callback", "do-not-call"]] = {}
    callback_service: str = ""
    caller_ids: dict[str, str] = {}
    callback_agent_s: float = 0.0
    trunk: str = ""


AnyObject = (
    Tenant
    | Person
    | DN
    | AgentGroup
    | Skill
    | DialRule
    | Prompt
    | CallbackService
    | Place
    | CallingList
    | Campaign
)
TYPES: dict[Kind, Any] = {
    "tenant": Tenant,
    "persons": Person,
    "dns": DN,
    "agent-groups": AgentGroup,
    "skills": Skill,
    "dial-plan": DialRule,
    "prompts": Prompt,
    "callback-services": CallbackService,
    "places": Place,
    "calling-lists": CallingList,
    "campaigns": Campaign,
}


class Configuration(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    """A whole tenant, as it is imported from a file."""

    tenant: Tenant
    persons: tuple[Person, ...] = ()
    dns: tuple[DN, ...] = ()
    agent_groups: tuple[AgentGroup, ...] = ()
    skills: tuple[Skill, ...] = ()
    dial_plan: tuple[DialRule, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    callback_services: tuple[CallbackService, ...] = ()
    places: tuple[Place, ...] = ()
    calling_lists: tuple[CallingList, ...] = ()
    campaigns: tuple[Campaign, ...] = ()

    def objects(self) -> Iterator[tuple[Kind, AnyObject]]:
        """Every object with its kind, the tenant first."""
        yield "tenant", self.tenant
        groups: tuple[tuple[Kind, Iterable[AnyObject]], ...] = (
            ("skills", self.skills),
            ("dns", self.dns),
            ("persons", self.persons),
            ("agent-groups", self.agent_groups),
            ("dial-plan", self.dial_plan),
            ("prompts", self.prompts),
            ("callback-services", self.callback_services),
            ("places", self.places),
            ("calling-lists", self.calling_lists),
            ("campaigns", self.campaigns),
        )
        for kind, objects in groups:
            for each in objects:
                yield kind, each


class Problem(Struct, frozen=True):
    """One object that is not as it must be."""

    kind: Kind
    id: str
    reason: str

    def __str__(self) -> str:
        return f"{f'{self.kind} {self.id}'.strip()}: {self.reason}"


KINDS: tuple[Kind, ...] = tuple(TYPES)


def decode_object(kind: Kind, body: Any) -> AnyObject:
    """The typed object behind decoded JSON; raises msgspec.ValidationError that names the field."""
    decoded: AnyObject = msgspec.convert(body, TYPES[kind], strict=True)
    return decoded


def decode_configuration(text: bytes, *, form: Literal["json", "toml"]) -> Configuration:
    """A configuration file; raises msgspec.DecodeError (ValidationError names the field)."""
    if form == "toml":
        return msgspec.toml.decode(text, type=Configuration)
    return msgspec.json.decode(text, type=Configuration)


def digest_hashes(user: str, realm: str, password: str) -> tuple[str, str]:
    """H(user:realm:password) for MD5 and SHA-256 (RFC 7616 3.4.2), in hexadecimal."""
    secret = f"{user}:{realm}:{password}".encode()
    return hashlib.md5(secret, usedforsecurity=False).hexdigest(), hashlib.sha256(secret).hexdigest()
