import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.configuration import (
    DN,
    DialRule,
    Extension,
    Gateway,
    Mailbox,
    RoutePoint,
    Tenant,
    Trunk,
    VirtualQueue,
)
from ringback.domain.dialplan import DnState, Plan, chosen_first, compile_plan, resolve_with, to_e164

DNS: tuple[DN, ...] = (
    Extension(id="1001", mailbox="8500", no_answer=15),
    Extension(id="1002"),
    Extension(id="1003", forward_to="1002"),
    Extension(id="1004", forward_to="1005"),
    Extension(id="1005", forward_to="1004"),
    Extension(id="1006", dnd=True),
    Extension(id="1007", forward_to="+12025550188"),
    RoutePoint(id="8000", script="sales", default_dn="8500"),
    VirtualQueue(id="VQ_Sales"),
    Mailbox(id="8500"),
    Trunk(id="carrier", gateways=(Gateway("192.0.2.1"),), numbers=("+!",), caller_id="+12025550100"),
    Trunk(id="local", gateways=(Gateway("192.0.2.2"),), numbers=("+1202555!",), emergency=True),
)
RULES = (
    "9.=>${DIGITS:1};type=external",
    "9XX=>1002",
    "+12025550100=>8000",
    "0900!=>;type=block",
    "77=>1001;ondnd=8000",
)


def plan(*rules: str) -> Plan:
    tenant = Tenant(id="demo", domain="demo.example", country="US", emergency=("911", "112"))
    return compile_plan(
        tenant, DNS, [DialRule(id=str(n), rule=rule) for n, rule in enumerate(rules or RULES)]
    )


def go(dialled: str, origin: str = "dn", **states: DnState):
    named = {name.removeprefix("dn"): state for name, state in states.items()}
    return resolve_with(plan(), dialled, origin, named)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dialled", "kind", "number"),
    [
        ("1001", "extension", "1001"),
        ("10-01", "extension", "1001"),
        ("8000", "route_point", "8000"),
        ("8500", "mailbox", "8500"),
        ("912", "extension", "1002"),
        ("77", "extension", "1001"),
        ("+442079460000", "trunk", "+442079460000"),
        ("2125550100", "trunk", "+12125550100"),
        ("912025550123", "trunk", "+12025550123"),
        ("+1 (202) 555-0100", "route_point", "8000"),
        ("2025550100", "route_point", "8000"),
    ],
)
def test_a_number_goes_where_the_plan_says(dialled: str, kind: str, number: str) -> None:
    found = go(dialled)
    assert (found.kind, found.number, found.status) == (kind, number, 200)


@pytest.mark.parametrize("dialled", ["8999", "", "VQ_Sales", "carrier", "nobody", "+1", "99", "1001;x=y"])
def test_a_number_that_leads_nowhere_is_404(dialled: str) -> None:
    found = go(dialled)
    assert (found.kind, found.status, found.reason) == ("none", 404, "unknown_number")


def test_a_blocked_number_is_403() -> None:
    assert go("09001234").status == 403


def test_the_route_point_brings_its_script_and_its_default() -> None:
    found = go("8000", "trunk")
    assert (found.script, found.default_dn) == ("sales", "8500")


class TestTrunks:
    def test_the_most_specific_trunk_comes_first_and_the_others_follow(self) -> None:
        assert go("+12025550123").trunks == ("local", "carrier")
        assert go("+442079460000").trunks == ("carrier",)

    def test_the_callers_number_is_the_trunks(self) -> None:
        assert go("+442079460000").caller_id == "+12025550100"

    def test_a_carriers_call_does_not_leave_through_a_carrier(self) -> None:
        assert go("+442079460000", "trunk").status == 404
        assert go("912025550123", "trunk").status == 404

    def test_a_carriers_call_leaves_when_an_extension_forwards_it(self) -> None:
        found = go("1007", "trunk")
        assert (found.kind, found.number, found.diverted_from) == ("trunk", "+12025550188", ("1007",))

    def test_a_number_that_no_trunk_takes_has_no_route(self) -> None:
        small = compile_plan(Tenant(id="t", domain="t"), DNS[:2], ())
        assert resolve_with(small, "+442079460000", "dn", {}).reason == "no_route"


class TestEmergency:
    def test_it_comes_before_every_rule(self) -> None:
        found = go("911")
        assert (found.kind, found.number, found.trunks) == ("trunk", "911", ("local",))
        assert found.call_type == "emergency"

    def test_it_is_reached_behind_the_prefix_for_an_outside_line(self) -> None:
        assert go("9911").call_type == "emergency"

    def test_a_carrier_cannot_dial_it(self) -> None:
        assert go("112", "trunk").status == 404
        assert resolve_with(plan("5=>112;type=emergency"), "5", "trunk", {}).status == 404


class TestDiversion:
    def test_an_extension_without_a_phone_goes_to_its_mailbox_or_is_480(self) -> None:
        gone = DnState(registered=False)
        assert go("1001", dn1001=gone).number == "8500"
        assert go("1001", dn1001=gone).diverted_from == ("1001",)
        assert (go("1002", dn1002=gone).status, go("1002", dn1002=gone).reason) == (480, "not_registered")

    def test_forwarding_is_followed_once_per_extension(self) -> None:
        assert go("1003").number == "1002"
        assert (go("1004").status, go("1004").reason) == (482, "loop")

    def test_the_state_now_outweighs_the_configuration(self) -> None:
        assert go("1003", dn1003=DnState(forward_to="")).number == "1003"
        assert go("1002", dn1002=DnState(forward_to="8000")).kind == "route_point"
        assert go("1006", dn1006=DnState(dnd=False)).status == 200

    def test_do_not_disturb_goes_where_the_rule_says_then_to_the_mailbox_else_480(self) -> None:
        busy = DnState(dnd=True)
        assert go("77", dn1001=busy).number == "8000"
        assert go("1001", dn1001=busy).number == "8500"
        assert (go("1006").status, go("1006").reason) == (480, "do_not_disturb")

    def test_no_answer_and_busy_lead_to_the_mailbox(self) -> None:
        found = go("1001")
        assert (found.no_answer, found.on_no_answer, found.on_busy) == (15, "8500", "8500")

    def test_a_call_that_was_routed_to_an_agent_is_not_diverted(self) -> None:
        assert go("1003", "route_point").number == "1003"
        assert go("1001", "route_point").on_no_answer == ""
        assert go("1001", "route_point", dn1001=DnState(registered=False)).status == 480


@pytest.mark.parametrize(
    ("number", "country", "e164"),
    [
        ("020 7946 0123", "GB", "+442079460123"),
        ("+442079460123", "US", "+442079460123"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("1001", "GB", None),
        ("8999", "US", None),
        ("+999123", "US", None),
        ("abc", "US", None),
    ],
)
def test_numbers_are_read_by_the_default_country(number: str, country: str, e164: str | None) -> None:
    assert to_e164(number, country) == e164


@given(
    st.text("0123456789*#+9", max_size=14),
    st.sampled_from(["dn", "trunk", "route_point"]),
    st.dictionaries(
        st.sampled_from(["1001", "1002", "1003", "1006"]),
        st.builds(
            DnState,
            st.booleans(),
            st.sampled_from([None, True, False]),
            st.sampled_from([None, "", "1001", "1002", "1003", "77", "8000", "0"]),
        ),
    ),
)
def test_every_number_ends_somewhere_and_a_carrier_never_pays_for_a_carriers_call(
    dialled: str, origin: str, states: dict[str, DnState]
) -> None:
    found = resolve_with(plan(), dialled, origin, states)  # type: ignore[arg-type]
    assert (found.kind == "none") == (found.status != 200)
    assert len(found.diverted_from) == len(set(found.diverted_from))
    if origin == "trunk" and found.kind == "trunk":
        assert found.diverted_from


def test_the_trunk_whose_number_is_shown_is_tried_first() -> None:
    both = plan()
    found = resolve_with(both, "+12025550188", "route_point", {})
    assert found.trunks == ("local", "carrier")
    assert chosen_first(both, found, "+12025550100").trunks == ("carrier", "local")
    for shown in ("", "+12025550199"):
        assert chosen_first(both, found, shown) == found
    assert chosen_first(both, found, "", "carrier").trunks == ("carrier", "local")
    assert chosen_first(both, found, "+12025550100", "local").trunks == ("local", "carrier"), "as is said"
    assert chosen_first(both, found, "", "elsewhere") == found, "it does not take the number"
    emergency = resolve_with(both, "911", "route_point", {})
    assert chosen_first(both, emergency, "+12025550100") == emergency
