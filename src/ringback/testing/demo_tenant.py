"""The demo tenant: what it consists of, and the secrets that are made for it once.

Two agents' phones (1001, 1002) and a customer's (2001) are for people to register; 1011 to 1016 belong to the
scripted agents of the demo; 1901 to 1903, 8590, 8900 to 8906, 8910 and the numbers +1 202 555 0180, 0181 and
0190 to 0199 to the check, so that it meets nobody else's calls. All outside numbers are of the range reserved
for fiction.
"""

import os
import secrets
from pathlib import Path
from typing import Literal

import msgspec

from ringback.domain.configuration import (
    DN,
    AgentGroup,
    CallbackService,
    CallingList,
    Campaign,
    Configuration,
    DialRule,
    Extension,
    Gateway,
    Mailbox,
    Person,
    RoutePoint,
    Skill,
    Tenant,
    Trunk,
    VirtualQueue,
    digest_hashes,
)

TENANT = "demo"
DOMAIN = "demo.ringback.example"
SALES, SUPPORT, CHECK, CHECK_OFFER = "8000", "8001", "8900", "8901"
CHECK_CALL_IN = "8902"
CHECK_DIRECT, CHECK_CLOSED, CHECK_MENU = "8903", "8904", "8905"
OUTBOUND, CHECK_OUTBOUND = "8020", "8906"
CHECK_CAMPAIGN, CHECK_PREVIEW = "Check", "Check_Preview"
PHONES = ("1001", "1002", "2001")
SCRIPTED_PHONES = ("1011", "1012", "1013", "1014", "1015", "1016")
CHECK_MAILBOX = "8590"
CHECK_PHONES = ("1901", "1902", "1903")
DEMO_CARRIER_PORT = 5090
CHECK_CARRIER_PORT = 5091
CHECK_WEB_PORT = 5092
CHECK_DIGITAL_PORT = 5093
SALES_NUMBER, SUPPORT_NUMBER, CHECK_NUMBER = "+12025550100", "+12025550101", "+12025550190"
CHECK_OFFER_NUMBER, CHECK_CALL_IN_NUMBER = "+12025550180", "+12025550181"
CUSTOMER, CUSTOMER_NUMBER = "2001", "+12025550170"
SCRIPTED_NUMBERS = tuple(f"+120255501{n:02}" for n in range(20, 60))
CHECK_CUSTOMERS = tuple(f"+1202555019{n}" for n in range(1, 10))
AGENT_FIRST = "CB_Check_First"
USER = "supervisor"
_FILE = "demo.json"


class DemoSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """What only the owner of the platform may know: SIP passwords by DN, user passwords, the API key."""

    sip: dict[str, str] = {}
    users: dict[str, str] = {}
    api_key: str = ""


def demo_secrets(data: Path) -> DemoSecrets:
    """The secrets kept in ``data``; SIP passwords that are missing are made at random and kept."""
    path = data / _FILE
    known = msgspec.json.decode(path.read_bytes(), type=DemoSecrets) if path.exists() else DemoSecrets()
    phones = (*PHONES, *SCRIPTED_PHONES, *CHECK_PHONES)
    sip = {dn: known.sip.get(dn) or secrets.token_urlsafe(12) for dn in phones}
    whole = msgspec.structs.replace(known, sip=sip)
    if whole != known:
        keep_secrets(data, whole)
    return whole


def keep_secrets(data: Path, whole: DemoSecrets) -> None:
    """Write the secrets so that only their owner can read them."""
    _write_private(data / _FILE, msgspec.json.format(msgspec.json.encode(whole)))


def _write_private(path: Path, text: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def demo_configuration(kept: DemoSecrets, host: str = "127.0.0.1") -> Configuration:
    """The tenant's objects; its carriers are expected at ``host``."""
    skills = ("English", "Spanish", "Sales", "Support", "Check")
    return Configuration(
        tenant=Tenant(id=TENANT, name="Demo", domain=DOMAIN, country="US", emergency=("911", "112")),
        skills=tuple(Skill(id=name, name=name) for name in skills),
        dns=(*_phones(kept), *_route_points(), *_queues(), *_carriers(host), *_mailboxes()),
        persons=_persons(),
        agent_groups=(
            AgentGroup(id="Sales_Team", expression="?:Sales>=1"),
            AgentGroup(id="Support_Team", expression="?:Support>=1"),
        ),
        dial_plan=(
            DialRule(id="sales", rule=f"{SALES_NUMBER}=>{SALES}"),
            DialRule(id="support", rule=f"{SUPPORT_NUMBER}=>{SUPPORT}"),
            # Whoever registers 2001 can be called back at an outside number, without a carrier.
            DialRule(id="customer", rule=f"{CUSTOMER_NUMBER}=>{CUSTOMER}"),
            DialRule(id="check", rule=f"{CHECK_NUMBER}=>{CHECK}"),
            DialRule(id="check-offer", rule=f"{CHECK_OFFER_NUMBER}=>{CHECK_OFFER}"),
            DialRule(id="check-call-in", rule=f"{CHECK_CALL_IN_NUMBER}=>{CHECK_CALL_IN}"),
            DialRule(id="outside-line", rule="9.=>${DIGITS:1};type=external"),
        ),
        callback_services=(
            CallbackService(id="CB_Sales", virtual_queue="CB_Sales", settings="CB_Sales"),
            CallbackService(id="CB_Support", virtual_queue="CB_Support", settings="CB_Support"),
            CallbackService(id="CB_Check", virtual_queue="CB_Check", settings="CB_Check"),
            CallbackService(id=AGENT_FIRST, virtual_queue=AGENT_FIRST, settings=AGENT_FIRST),
        ),
        calling_lists=(CallingList(id="Spring", name="Spring offers"), CallingList(id=CHECK_CAMPAIGN)),
        campaigns=(
            Campaign(
                id="Spring", lists=("Spring",), route_point=OUTBOUND, queue="VQ_Sales", caller_id=SALES_NUMBER
            ),
            _check_campaign(CHECK_CAMPAIGN, "progressive"),
            _check_campaign(CHECK_PREVIEW, "preview"),
        ),
    )


def _check_campaign(name: str, mode: Literal["progressive", "preview"]) -> Campaign:
    return Campaign(
        id=name,
        mode=mode,
        lists=(CHECK_CAMPAIGN,),
        route_point=CHECK_OUTBOUND,
        queue="VQ_Check",
        caller_id=CHECK_NUMBER,
        max_dials=1,
    )


def callback_settings() -> dict[str, dict[str, str]]:
    """The rows of the data table CALLBACK_SETTINGS."""
    shared = {
        "_max_dial_attempts": "3",
        "_dial_retry_timeout": "60",
        "_default_country": "US",
        # Few scripted customers ask again and again, and benchmarks ask for thousands.
        "_max_request_by_time_bucket": "1000000",
        "_enable_in_queue_checking": "false",
        "_throttle_request_parameters": "",
    }
    check = {
        **shared,
        "_target": "?:Check>=1",
        "_route_point": "8910",
        "_dial_retry_timeout": "1",
        "_request_execution_time_buffer": "2",
    }
    return {
        "CB_Sales": {**shared, "_target": "?:Sales>=1", "_route_point": "8010"},
        "CB_Support": {**shared, "_target": "?:Support>=1", "_route_point": "8010"},
        "CB_Check": check,
        AGENT_FIRST: {**check, "_userterminated_first_connect_party": "AGENT"},
    }


def demo_tables() -> dict[str, dict[str, dict[str, str]]]:
    """The data tables by name: the settings of callbacks, and what the menu of the check says."""
    return {
        "CALLBACK_SETTINGS": callback_settings(),
        "MENUS": {"check-1": {"menu": "check", "key": "1", "do": "route", "to": CHECK_DIRECT, "say": ""}},
        "BUSINESS_HOURS": {"always": {"zone": "UTC", "hours": "Mon-Sun 00:00-24:00"}},
    }


def _phones(kept: DemoSecrets) -> tuple[DN, ...]:
    return tuple(_extension(dn, password) for dn, password in kept.sip.items())


def _extension(dn: str, password: str) -> Extension:
    md5, sha256 = digest_hashes(dn, DOMAIN, password)
    return Extension(
        id=dn,
        name=f"Phone {dn}",
        ha1_md5=md5,
        ha1_sha256=sha256,
        no_answer=3 if dn in CHECK_PHONES else 15,
        mailbox="8500" if dn in PHONES else "",
    )


def _route_points() -> tuple[DN, ...]:
    quick = {"dial_timeout": "3", "no_answer": "3"}
    return (
        _inbound(SALES, "Sales", mailbox="8500", callback="CB_Sales"),
        _inbound(SUPPORT, "Support", mailbox="8500"),
        _inbound(CHECK, "Check", mailbox=CHECK_MAILBOX, no_answer="3"),
        _inbound(CHECK_OFFER, "Check", mailbox="", callback="CB_Check", announce_after="0.5"),
        RoutePoint(
            id=CHECK_CALL_IN,
            name="Call-in of the check",
            script="call-in",
            parameters={"queue": "VQ_Check", "target": "?:Check>=1"},
        ),
        _point(CHECK_DIRECT, "An agent's own number", "direct", dn=CHECK_PHONES[0], no_answer="5"),
        _point(CHECK_CLOSED, "After hours", "closed", mailbox=CHECK_MAILBOX),
        _point(CHECK_MENU, "Menu", "menu", menu="check", hours="always", say="press-one-to-connect"),
        RoutePoint(id=OUTBOUND, name="Campaigns", script="outbound", parameters={"queue": "VQ_Sales"}),
        _point(CHECK_OUTBOUND, "Campaign", "outbound", queue="VQ_Check", no_answer="5"),
        RoutePoint(id="8010", name="Callbacks", script="callback"),
        RoutePoint(id="8910", name="Callbacks of the check", script="callback", parameters=quick),
    )


def _inbound(dn: str, name: str, *, mailbox: str, **parameters: str) -> RoutePoint:
    given = {"queue": f"VQ_{name}", "target": f"?:{name}>=1", "mailbox": mailbox, **parameters}
    return RoutePoint(id=dn, name=name, script="inbound", default_dn=mailbox, parameters=given)


def _point(number: str, name: str, script: str, /, **parameters: str) -> RoutePoint:
    return RoutePoint(id=number, name=f"{name} (check)", script=script, parameters=parameters)


def _queues() -> tuple[DN, ...]:
    targets = {"Sales": "?:Sales>=1", "Support": "?:Support>=1", "Check": "?:Check>=1"}
    first = VirtualQueue(id=AGENT_FIRST, name="Check callbacks, agent first", target=targets["Check"])
    return first, *(
        VirtualQueue(id=f"{prefix}_{name}", name=f"{name} {what}", target=target)
        for name, target in targets.items()
        for prefix, what in (("VQ", "calls"), ("CB", "callbacks"))
    )


def _mailboxes() -> tuple[DN, ...]:
    return Mailbox(id="8500", name="Demo"), Mailbox(id=CHECK_MAILBOX, name="Check", max_seconds=30)


def _carriers(host: str) -> tuple[DN, ...]:
    def carrier(name: str, port: int, *numbers: str) -> Trunk:
        gateways = (Gateway(host, port, "udp"),)
        networks = ("127.0.0.0/8", "::1/128")
        return Trunk(id=name, addresses=networks, gateways=gateways, numbers=numbers, caller_id=SALES_NUMBER)

    return (
        carrier("demo-carrier", DEMO_CARRIER_PORT, "+!"),
        carrier("check-carrier", CHECK_CARRIER_PORT, "+1202555019X"),
    )


def _persons() -> tuple[Person, ...]:
    scripted: dict[str, dict[str, int]] = {
        "Ada": {"Sales": 5},
        "Ben": {"Sales": 7},
        "Cleo": {"Support": 5},
        "Dan": {"Support": 8},
        "Eva": {"Sales": 3, "Support": 3},
        "Finn": {"Sales": 9},
    }
    return (
        _person("kim", "Kim", "1001", {"English": 8, "Sales": 8, "Support": 5}),
        _person("lee", "Lee", "1002", {"English": 6, "Spanish": 9, "Sales": 6, "Support": 8}),
        *(
            _person(name.lower(), name, dn, {"English": 5, **skills})
            for (name, skills), dn in zip(scripted.items(), SCRIPTED_PHONES, strict=True)
        ),
        msgspec.structs.replace(
            _person("check-1", "Check 1", CHECK_PHONES[0], {"Check": 5}, wrap_up=0.5),
            capacity="voice:1, chat:2 unless voice>=1",
        ),
        _person("check-2", "Check 2", CHECK_PHONES[1], {"Check": 5}, wrap_up=0.5),
    )


def _person(id_: str, name: str, dn: str, skills: dict[str, int], wrap_up: float = 5.0) -> Person:
    return Person(id=id_, name=name, login_ids=(id_,), skills=skills, dn=dn, auto_login=True, wrap_up=wrap_up)
