"""Two proxies of one cluster: what one has taken is not taken again by the other."""

from typing import Any

import pytest
from tests.integration.services.sip_proxy.conftest import DOMAIN, PASSWORDS, with_credentials

from ringback.sip.digest import says_stale
from ringback.sip.transport import Destination
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import run_host

Stage = Any
HOST, OTHER = run_host(62), run_host(63)
LIMIT = 20.0


@pytest.fixture
def proxy_settings() -> dict[str, str]:
    return {
        "RINGBACK_SIP_PROXY_NEVER_BANNED": "192.0.2.0/24",
        "RINGBACK_SIP_PROXY_BAN_POINTS": "3",
        "RINGBACK_SIP_PROXY_NODE_OPTIONS_S": "0",
    }


async def test_rfc7616_5_5_an_invite_that_one_proxy_has_let_in_is_not_let_in_by_another(
    stage: Stage, valkey_url: str, proxy_settings: dict[str, str]
) -> None:
    """It is asked again with stale=true, which is no offence: its user may come over from there."""
    node = await stage.node("n1")
    part = await stage.part("phone", HOST)
    env = {"RINGBACK_CONFIG_HOST": HOST, "RINGBACK_REGISTRAR_HOST": HOST, **proxy_settings}
    invite = part.request("INVITE", f"sip:8000@{DOMAIN}", f"sip:1001@{DOMAIN}")
    challenge = await part.endpoint.send_request(invite, stage.edge).final(LIMIT)
    sent = with_credentials(invite, challenge)
    replayed = sent.copy()
    assert (await part.endpoint.send_request(sent, stage.edge).final(LIMIT)).status == 200
    await node.next("INVITE")
    async with ServiceHarness("sip_proxy", valkey_url=valkey_url, host=OTHER, env=env, node="other") as other:
        edge = Destination("udp", OTHER, 5060)
        for number in range(3):
            again = replayed.copy()
            again.set("Call-ID", f"replayed-{number}")
            refused = await part.endpoint.send_request(again, edge).final(LIMIT)
            assert refused.status == 407
            assert says_stale(refused.get_all("Proxy-Authenticate"))
        assert node.got.empty()
        fresh = with_credentials(again, refused)
        fresh.set("Call-ID", "fresh")
        assert (await part.endpoint.send_request(fresh, edge).final(LIMIT)).status == 200
        register = part.request("REGISTER", f"sip:{DOMAIN}", f"sip:1001@{DOMAIN}")
        register.set("To", f"<sip:1001@{DOMAIN}>")
        first = await part.endpoint.send_request(register, edge).final(LIMIT)
        known = with_credentials(register, first)
        answers = []
        for call_id in ("a", "b", "c", "d"):
            again = known.copy()
            again.set("Call-ID", call_id)
            answers.append(await part.endpoint.send_request(again, edge).final(LIMIT))
        assert [answer.status for answer in answers] == [200, 401, 401, 401]
        assert all(says_stale(answer.get_all("WWW-Authenticate")) for answer in answers[1:])
        assert not other["sip_proxy"]._core.guard._bans.active  # type: ignore[attr-defined]
    assert PASSWORDS["1001"] not in str(answers[-1].to_bytes())
