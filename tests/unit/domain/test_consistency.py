from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.configuration import (
    AgentGroup,
    CallbackService,
    CallingList,
    Campaign,
    Configuration,
    DialRule,
    Extension,
    Gateway,
    Line,
    Mailbox,
    Person,
    Place,
    RoutePoint,
    Skill,
    Tenant,
    Trunk,
    VirtualQueue,
)
from ringback.domain.consistency import Whole, validate


def configuration(**changes: Any) -> Configuration:
    whole: dict[str, Any] = {
        "tenant": Tenant(id="demo", domain="demo.example"),
        "skills": (Skill(id="English"),),
        "dns": (
            Extension(id="1001", mailbox="8500", ha1_md5="0" * 32, ha1_sha256="0" * 64),
            RoutePoint(id="8000", script="sales", default_dn="8500"),
            Mailbox(id="8500"),
            VirtualQueue(id="CB_Sales", target="English>0"),
            Trunk(
                id="carrier", addresses=("192.0.2.0/24",), gateways=(Gateway("192.0.2.1"),), numbers=("+!",)
            ),
        ),
        "persons": (Person(id="kim", login_ids=("kim",), skills={"English": 5}, dn="1001", auto_login=True),),
        "agent_groups": (AgentGroup(id="all", members=("kim",)),),
        "dial_plan": (DialRule(id="out", rule="9.=>${DIGITS:1}"),),
        "callback_services": (CallbackService(id="CB_Sales", virtual_queue="CB_Sales"),),
    }
    return Configuration(**(whole | changes))


def test_a_configuration_that_holds_together_has_no_problem() -> None:
    assert validate(configuration()) == []


@pytest.mark.parametrize(
    ("changes", "kind", "word"),
    [
        ({"tenant": Tenant(id="demo", domain="d", country="XX")}, "tenant", "country"),
        ({"tenant": Tenant(id="demo", domain="d", time_zone="Mars/Base")}, "tenant", "time zone"),
        ({"tenant": Tenant(id="demo", domain="")}, "tenant", "domain"),
        ({"tenant": Tenant(id="demo", domain="d", emergency=("help",))}, "tenant", "help"),
        ({"tenant": Tenant(id="a b", domain="d")}, "tenant", "id"),
        ({"persons": (Person(id="kim", skills={"Welsh": 1}),), "agent_groups": ()}, "persons", "Welsh"),
        ({"persons": (Person(id="kim", skills={"English": 11}),)}, "persons", "level 11"),
        ({"persons": (Person(id="kim", dn="8000"),)}, "persons", "8000"),
        ({"persons": (Person(id="kim", auto_login=True),)}, "persons", "auto_login"),
        ({"persons": (Person(id="kim", wrap_up=-2),)}, "persons", "wrap_up"),
        ({"persons": (Person(id="kim", legal_guard=-1),)}, "persons", "legal_guard"),
        ({"places": (Place(id="desk-1", dn="4711"),)}, "places", "4711"),
        (
            {"persons": (Person(id="kim", login_ids=("a",)), Person(id="lee", login_ids=("a",)))},
            "persons",
            "another",
        ),
        ({"persons": (Person(id="kim"), Person(id="kim"))}, "persons", "twice"),
        ({"agent_groups": (AgentGroup(id="all", members=("ghost",)),)}, "agent-groups", "ghost"),
        ({"dial_plan": (DialRule(id="out", rule="9"),)}, "dial-plan", "=>"),
        (
            {"callback_services": (CallbackService(id="CB", virtual_queue="8000"),)},
            "callback-services",
            "8000",
        ),
        ({"skills": (Skill(id="English"), Skill(id="Zero", max_level=0))}, "skills", "max_level"),
    ],
)
def test_each_wrong_object_is_named_with_its_reason(changes: dict[str, Any], kind: str, word: str) -> None:
    problems = validate(configuration(**changes))
    assert problems
    assert all(problem.kind == kind for problem in problems)
    assert any(word in str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("dn", "word"),
    [
        (Extension(id="kim"), "digits"),
        (Extension(id="1002", ha1_md5="secret"), "ha1_md5"),
        (Extension(id="1002", mailbox="9999"), "9999"),
        (Extension(id="1002", no_answer=0), "no_answer"),
        (RoutePoint(id="8001", script=""), "script"),
        (RoutePoint(id="8001", script="x", default_dn="8001"), "nowhere"),
        (RoutePoint(id="eight", script="x"), "digits"),
        (Trunk(id="t", addresses=("somewhere",)), "somewhere"),
        (Trunk(id="t", gateways=(Gateway("h", 65536),)), "h:65536"),
        (Trunk(id="t", numbers=("+!",)), "no gateway"),
        (Trunk(id="t", gateways=(Gateway("h"),), numbers=("!!",)), "follow"),
        (Trunk(id="t", options_s=-1), "options_s"),
        (Trunk(id="t", line=Line("", "alice")), "registrar"),
        (Trunk(id="t", line=Line("c.test", "alice", expires=5)), "60 seconds"),
        (Mailbox(id="box"), "digits"),
        (Mailbox(id="8501", max_messages=0), "max_messages"),
        (Extension(id="8000"), "twice"),
    ],
)
def test_each_wrong_dn_is_named_with_its_reason(dn: Any, word: str) -> None:
    problems = validate(configuration(dns=(*configuration().dns, dn)))
    assert [problem.id for problem in problems] == [dn.id]
    assert word in problems[0].reason


def campaign(**changes: Any) -> Campaign:
    given = {"id": "spring", "lists": ("spring",), "route_point": "8000", "queue": "CB_Sales"}
    return Campaign(**(given | changes))


@pytest.mark.parametrize(
    ("item", "word"),
    [
        (campaign(lists=()), "no calling list"),
        (campaign(lists=("autumn",)), "autumn"),
        (campaign(route_point="1001"), "route point '1001'"),
        (campaign(queue="8000"), "virtual queue '8000'"),
        (campaign(trunk="nobody"), "trunk 'nobody'"),
        (campaign(hours=("always",)), "always"),
        (campaign(time_zone="Mars/Base"), "time zone"),
        (campaign(quiet="21:00"), "quiet"),
        (campaign(quiet="08:00-08:00"), "quiet"),
        (campaign(ratio=0.5), "ratio"),
        (campaign(abandon_cap=float("nan")), "abandon_cap"),
        (campaign(max_dials=0), "max_dials"),
        (campaign(retry_s=0), "retry_s"),
        (campaign(retries={"TIRED": 60}), "TIRED"),
        (campaign(retries={"BUSY": -1}), "BUSY"),
    ],
)
def test_a_campaign_that_cannot_be_is_named_with_its_reason(item: Campaign, word: str) -> None:
    good = configuration(calling_lists=(CallingList(id="spring"),), campaigns=(campaign(trunk="carrier"),))
    assert validate(good) == []
    problems = validate(msgspec.structs.replace(good, campaigns=(item,)))
    assert [problem.kind for problem in problems] == ["campaigns"]
    assert word in problems[0].reason


def test_the_hours_of_a_calling_list_can_be_read() -> None:
    (problem,) = validate(configuration(calling_lists=(CallingList(id="spring", hours=("noon",)),)))
    assert (problem.kind, problem.id) == ("calling-lists", "spring")


def test_a_group_that_contains_itself_is_named_with_the_path() -> None:
    groups = [
        {"id": "Bank", "groups": ["Loans"]},
        {"id": "Loans", "groups": ["Cards"]},
        {"id": "Cards", "groups": ["Bank"], "places": ["nowhere"], "queues": ["none"]},
    ]
    raw = {"tenant": {"id": "t", "domain": "t.example"}, "agent-groups": groups}
    found = [str(problem) for problem in validate(msgspec.convert(raw, Configuration))]
    assert found == [
        "agent-groups Bank: contains itself: Bank > Loans > Cards > Bank",
        "agent-groups Loans: contains itself: Loans > Cards > Bank > Loans",
        "agent-groups Cards: place 'nowhere' does not exist",
        "agent-groups Cards: virtual queue 'none' does not exist",
        "agent-groups Cards: contains itself: Cards > Bank > Loans > Cards",
    ]


def test_an_expression_that_cannot_be_read_is_named_with_its_place_and_reason() -> None:
    raw = {
        "tenant": {"id": "t", "domain": "t.example"},
        "dns": [{"type": "virtual_queue", "id": "Loans", "target": "?:Loans>=1&(English"}],
        "agent-groups": [
            {"id": "Bank", "expression": "English>="},
            {"id": "Good", "expression": "English>=1"},
        ],
    }
    found = [str(problem) for problem in validate(msgspec.convert(raw, Configuration))]
    assert sorted(found) == [
        "agent-groups Bank: expression: at 9: a skill level (a whole number) is expected",
        "dns Loans: target: at 19: one of = != > >= < <= is expected",
    ]


NAMES = st.sampled_from(["a", "b", "1001", "1002", "8500"])
OBJECTS = st.one_of(
    st.builds(Skill, id=NAMES, max_level=st.integers(0, 2)),
    st.builds(
        Person,
        id=NAMES,
        skills=st.dictionaries(NAMES, st.integers(1, 2), max_size=2),
        dn=st.one_of(st.just(""), NAMES),
        auto_login=st.booleans(),
        login_ids=st.lists(NAMES, max_size=2, unique=True).map(tuple),
    ),
    st.builds(Extension, id=NAMES, mailbox=st.one_of(st.just(""), NAMES)),
    st.builds(Mailbox, id=NAMES),
    st.builds(VirtualQueue, id=NAMES),
    st.builds(Place, id=NAMES, dn=NAMES),
    st.builds(
        AgentGroup,
        id=NAMES,
        members=st.lists(NAMES, max_size=2).map(tuple),
        groups=st.lists(NAMES, max_size=2).map(tuple),
        places=st.lists(NAMES, max_size=1).map(tuple),
    ),
)
KIND_OF = {Skill: "skills", Person: "persons", Place: "places", AgentGroup: "agent-groups"}


@given(st.lists(st.tuples(OBJECTS, st.booleans()), max_size=25))
def test_a_change_is_refused_exactly_when_the_whole_would_not_hold_together(
    steps: list[tuple[Any, bool]],
) -> None:
    tenant = Tenant(id="demo", domain="demo.example")
    whole, there = Whole(), {("tenant", "demo"): tenant}
    whole.put("tenant", tenant)
    for item, removing in steps:
        kind: Any = KIND_OF.get(type(item), "dns")
        changed, removed = ([], [(kind, item.id)]) if removing else ([(kind, item)], [])
        after = {key: each for key, each in there.items() if key not in removed}
        after.update({(kind, each.id): each for kind, each in changed})
        problems = whole.problems_with(changed, removed)
        assert bool(problems) == bool(validate(as_configuration(after)))
        assert whole.keys() == set(there)
        if not problems:
            there = after
            for key in removed:
                whole.drop(*key)
            for kind, each in changed:
                whole.put(kind, each)
            assert whole.problems() == []


def as_configuration(objects: dict[tuple[str, str], Any]) -> Configuration:
    fields: dict[str, list[Any]] = {}
    for (kind, _), item in objects.items():
        fields.setdefault(kind.replace("-", "_"), []).append(item)
    return Configuration(tenant=fields.pop("tenant")[0], **{name: tuple(v) for name, v in fields.items()})


def test_a_tenant_without_its_own_object_holds_nothing() -> None:
    problems = Whole().problems_with([("skills", Skill(id="English"))], [])
    assert [str(problem) for problem in problems] == ["tenant: there is one and only one"]
