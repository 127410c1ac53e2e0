"""Calls through the proxy on real sockets."""

import asyncio
import socket
from typing import Any

import msgspec
import pytest
from tests.integration.services.sip_proxy.conftest import with_credentials

from ringback.contracts.sip import Binding, bindings_key
from ringback.sip import Dialog, Request
from ringback.sip.exchange import ServerTransaction
from ringback.testing.servers import run_host

Stage = Any
HOST = run_host(62)
CARRIER_HOST = run_host(50)
PHONE = "sip:1001@demo.example"
ROUTE_POINT = "sip:8000@demo.example"
LIMIT = 20.0


async def test_a_phone_registers_and_its_binding_knows_where_it_is(stage: Stage) -> None:
    async with stage.phone("1001") as phone:
        await phone.register(60)
        (row,) = await stage.harness.process.valkey.call("HVALS", bindings_key("demo", "1001"))
        binding = msgspec.json.decode(row, type=Binding)
        assert binding.received == f"udp:{HOST}:{phone.address[1]}"
        await phone.unregister()
        assert not await stage.harness.process.valkey.call("EXISTS", bindings_key("demo", "1001"))


async def test_rfc7616_5_5_a_register_that_comes_twice_gets_the_same_200_twice(stage: Stage) -> None:
    """Byte for byte, while the first is being stored and afterwards, on the short way and on the other."""
    phone, loop = await stage.part("1001", HOST), asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((HOST, 0))
        for way, more in enumerate(([], [("Route", f"<sip:{HOST}:5060;lr>")])):
            register = phone.request("REGISTER", "sip:demo.example", PHONE, *more)
            register.set("To", f"<{PHONE}>")
            challenge = await phone.endpoint.send_request(register, stage.edge).final(LIMIT)
            again = with_credentials(register, challenge)
            again.prepend("Via", f"SIP/2.0/UDP {HOST}:{sock.getsockname()[1]};branch=z9hG4bK{way}twice;rport")
            answers = []
            async with asyncio.timeout(LIMIT):
                for together in (2, 1, 1):
                    for _ in range(together):
                        sock.sendto(again.to_bytes(), (HOST, 5060))
                    answers.append(await loop.sock_recv(sock, 4096))
            assert answers[0].startswith(b"SIP/2.0 200 ")
            assert answers == [answers[0]] * 3


class TestFromOutside:
    """Phones and trunks call the platform."""

    async def test_a_phone_that_proves_itself_reaches_a_node_and_the_dialog_goes_both_ways(
        self, stage: Stage
    ) -> None:
        node = await stage.node("n1")
        phone = await stage.part("1001", HOST)
        invite = phone.request("INVITE", ROUTE_POINT, PHONE)
        response = await stage.as_phone(phone, invite)
        assert response.status == 200
        _, received = await node.next("INVITE")
        assert received.get("X-Ringback-Tenant") == "demo"
        assert received.get("X-Ringback-Origin") == "dn=1001"
        assert not received.has("Proxy-Authorization")
        assert [route.uri.port for route in received.record_routes] == [5080, 5060]
        await self._talk(stage, phone, node, invite, response, received)

    @staticmethod
    async def _talk(
        stage: Stage, phone: Any, node: Any, invite: Request, response: Any, received: Request
    ) -> None:
        ours = Dialog.from_response(response_request(invite, response), response)
        phone.endpoint.send_ack(ours.ack(response.cseq.number), ours.destination)
        assert ours.target == f"sip:part@{HOST}:5060"
        assert (await node.next("ACK"))[1].raw_uri == f"sip:part@{HOST}:{node.address[1]};transport=tcp"
        theirs = Dialog.from_request(received, response.to_tag or "", confirmed=True)
        info = node.endpoint.send_request(theirs.request("INFO"), theirs.destination)
        assert (await info.final(LIMIT)).status == 200
        assert not (await phone.next("INFO"))[1].has("Route")
        bye = phone.endpoint.send_request(ours.request("BYE"), ours.destination)
        assert (await bye.final(LIMIT)).status == 200
        assert (await node.next("BYE"))[1].call_id == invite.call_id
        assert stage.proxy._core.admission.calls == 0

    async def test_a_trunk_is_known_by_its_address_and_says_nothing_private(self, stage: Stage) -> None:
        node = await stage.node("n1")
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)
        invite = carrier.request(
            "INVITE",
            f"sip:+12025550100@{HOST}",
            "sip:+12025550123@carrier.example",
            ("X-Ringback-Origin", "dn=1001"),
            ("X-Other", "1"),
            ("P-Asserted-Identity", "<sip:+12025550123@carrier.example>"),
        )
        assert (await carrier.endpoint.send_request(invite, stage.edge).final(LIMIT)).status == 200
        _, received = await node.next("INVITE")
        assert received.get_all("X-Ringback-Origin") == ["trunk=carrier"]
        assert not received.has("X-Other")
        assert received.has("P-Asserted-Identity")

    async def test_what_the_platform_says_to_itself_is_not_let_in(self, stage: Stage) -> None:
        """A phone that talks like media would end treatments, one that asserts would lie about its number."""
        node = await stage.node("n1")
        phone = await stage.part("1001", HOST)
        invite = phone.request(
            "INVITE", ROUTE_POINT, PHONE, ("P-Asserted-Identity", "<sip:911@demo.example>")
        )
        response = await stage.as_phone(phone, invite)
        _, received = await node.next("INVITE")
        assert not received.has("P-Asserted-Identity")
        ours = Dialog.from_response(response_request(invite, response), response)
        body, kind = b'{"do":"ended"}', "application/vnd.ringback.treatment+json"
        info = phone.endpoint.send_request(
            ours.request("INFO", body=body, content_type=kind), ours.destination
        )
        refused = await info.final(LIMIT)
        assert refused.status == 415
        assert "application/sdp" in (refused.get("Accept") or "")

    async def test_a_user_agent_without_route_sets_is_known_by_its_call(self, stage: Stage) -> None:
        """Against RFC 3261 12.1.2, but such agents are about: sipp's own scenario is one."""
        await stage.node("other")
        node = await stage.node("n1", calls=-1)
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)
        invite = carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example")
        response = await carrier.endpoint.send_request(invite, stage.edge).final(LIMIT)
        ours = Dialog.from_response(response_request(invite, response), response)
        bye, strange = ours.request("BYE"), ours.request("BYE")
        for request in (bye, strange):
            request.remove("Route")
            request.raw_uri = f"sip:8000@{HOST}"
        strange.set("Call-ID", "nobody-knows-this")
        assert (await carrier.endpoint.send_request(strange, stage.edge).final(LIMIT)).status == 481
        assert (await carrier.endpoint.send_request(bye, stage.edge).final(LIMIT)).status == 200
        assert (await node.next("BYE"))[1].call_id == invite.call_id

    async def test_a_stranger_and_a_wrong_password_are_asked_alike(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also by the clock: what is noted of who asks is noted once the answer has left."""
        waiting: list[int] = []
        (sock,) = stage.proxy._edge._sockets._udp

        class Log:
            def info(self, event: str, **_said: object) -> None:
                if event == "caller_unknown":
                    waiting.append(len(sock._out))

        monkeypatch.setattr(stage.proxy._core.ctx, "log", Log())
        await stage.node("n1")
        stranger = await stage.part("x", run_host(70))
        invite = stranger.request("INVITE", ROUTE_POINT, "sip:who@else.example")
        asked = await stranger.endpoint.send_request(invite, stage.edge).final(LIMIT)
        liar = stranger.request("INVITE", ROUTE_POINT, PHONE)
        liar.add("Proxy-Authorization", 'Digest username="1001", realm="demo.example", response="0"')
        refused = await stranger.endpoint.send_request(liar, stage.edge).final(LIMIT)
        assert (asked.status, refused.status) == (407, 407)
        assert {name for name, _ in asked.headers} == {name for name, _ in refused.headers}
        assert waiting == [0]

    async def test_without_a_node_the_answer_is_503_with_retry_after(self, stage: Stage) -> None:
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)
        invite = carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example")
        response = await carrier.endpoint.send_request(invite, stage.edge).final(LIMIT)
        assert (response.status, response.get("Retry-After")) == (503, "5")

    async def test_a_cancel_reaches_the_node(self, stage: Stage) -> None:
        node = await stage.node("n1")
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)

        def ring(tx: ServerTransaction, request: Request) -> None:
            tx.on_cancel = lambda: tx.reply(487) and None
            tx.reply(180)

        node.behaviour = ring
        invite = carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example")
        tx = carrier.endpoint.send_request(invite, stage.edge)
        async for response in tx:
            if response.status == 180:
                tx.cancel()
        assert response.status == 487
        assert (await node.next())[0].cancelled

    async def test_a_node_that_cannot_be_reached_is_passed_over(self, stage: Stage) -> None:
        closed = await stage.part("closed", HOST, transport="tcp")
        await closed.endpoint.close()
        await stage.node("dead", port=closed.address[1])
        alive = await stage.node("alive", calls=100)
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)
        invite = carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example")
        assert (await carrier.endpoint.send_request(invite, stage.edge).final(LIMIT)).status == 200
        assert (await alive.next("INVITE"))[1].record_routes[0].uri.user == "alive"

    async def test_when_the_node_is_gone_another_gets_the_next_request(self, stage: Stage) -> None:
        first = await stage.node("first")
        second = await stage.node("second", calls=100)
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)
        invite = carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example")
        response = await carrier.endpoint.send_request(invite, stage.edge).final(LIMIT)
        dialog = Dialog.from_response(invite, response)
        await first.next("INVITE")
        await stage.gone(first)
        bye = carrier.endpoint.send_request(dialog.request("BYE"), dialog.destination)
        assert (await bye.final(LIMIT)).status == 200
        assert (await second.next("BYE"))[1].call_id == invite.call_id

    async def test_a_request_in_an_unknown_dialog_goes_nowhere(self, stage: Stage) -> None:
        await stage.node("n1")
        stranger = await stage.part("x", run_host(70))
        bye = stranger.request("BYE", f"sip:8000@{HOST}", "sip:+1@carrier.example")
        bye.set("To", f"<sip:8000@{HOST}>;tag=1")
        assert (await stranger.endpoint.send_request(bye, stage.edge).final(LIMIT)).status == 481

    async def test_rfc5031_a_call_for_help_goes_to_the_tenants_emergency_number(self, stage: Stage) -> None:
        node = await stage.node("n1")
        phone = await stage.part("phone", HOST)
        request = phone.request("INVITE", "urn:service:sos.police", "sip:1001@demo.example")
        assert (await stage.as_phone(phone, request)).status == 200
        _, got = await node.next("INVITE")
        assert (got.raw_uri, got.get("X-Ringback-Origin")) == ("sip:112@demo.example", "dn=1001")
        counselling = phone.request("INVITE", "urn:service:counseling", "sip:1001@demo.example")
        assert (await stage.as_phone(phone, counselling)).status == 416

    async def test_a_route_of_our_own_cannot_aim_the_proxy_at_others(self, stage: Stage) -> None:
        """The edge sends to cluster nodes only, whatever Route and Request-URI say."""
        node = await stage.node("n1")
        victim = await stage.part("victim", run_host(71))
        stranger = await stage.part("x", run_host(70))
        aim = f"sip:victim@127.31.6.71:{victim.address[1]}"
        options = stranger.request("INFO", aim, "sip:+1@carrier.example")
        options.set("To", f"<{aim}>;tag=1")
        flow = f"n1~udp~127.31.6.71~{victim.address[1]}"
        options.add("Route", f"<sip:{flow}@{HOST}:5060;lr>")
        await stranger.endpoint.send_request(options, stage.edge).final(LIMIT)
        assert (await node.next("INFO"))[1].raw_uri == aim
        assert victim.got.empty()


class TestFromInside:
    """Cluster nodes call phones, trunks and media."""

    async def test_a_phone_is_reached_where_it_registered(self, stage: Stage) -> None:
        node = await stage.node("n1")
        async with stage.phone("1002", auto_answer=0) as phone:
            await phone.register(60)
            invite = node.request(
                "INVITE",
                "sip:1002@demo.example",
                "sip:8000@demo.example",
                ("X-Ringback-Tenant", "demo"),
                ("X-Ringback-Target", "dn=1002"),
                ("Content-Type", "application/sdp"),
            )
            invite.set("Contact", f"<sip:node@{node.address[0]}:{node.address[1]};transport=tcp>")
            invite.body = SDP
            tx = node.endpoint.send_request(invite, stage.inside)
            response = await tx.final(LIMIT)
            assert response.status == 200
            call = await phone.wait_call(LIMIT)
            assert not any(name.startswith("X-") for name, _ in call.messages[0].headers)
            dialog = Dialog.from_response(invite, response)
            tx.send_ack(dialog.ack(1), dialog.destination)
            await call.hangup()
            assert (await node.next("BYE"))[1].call_id == invite.call_id

    async def test_a_phone_that_is_not_there_is_480(self, stage: Stage) -> None:
        node = await stage.node("n1")
        assert (await self._to(stage, node, "dn=1002")).status == 480

    async def test_the_first_phone_that_answers_gets_the_call(self, stage: Stage) -> None:
        node = await stage.node("n1")
        slow, quick = await stage.part("slow", HOST), await stage.part("quick", HOST)
        cancelled = asyncio.Event()

        def ring(tx: ServerTransaction, request: Request) -> None:
            def cancel() -> None:
                tx.reply(487)
                cancelled.set()

            tx.on_cancel = cancel
            tx.reply(180)

        slow.behaviour = ring
        for part in (slow, quick):
            register = part.request("REGISTER", "sip:demo.example", PHONE)
            register.set("To", f"<{PHONE}>")
            assert (await stage.as_phone(part, register)).status == 200
        response = await self._to(stage, node, "dn=1001")
        assert response.status == 200
        await asyncio.wait_for(cancelled.wait(), LIMIT)

    async def test_a_trunk_gets_the_number_at_its_gateway(self, stage: Stage) -> None:
        node = await stage.node("n1")
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)
        assert (await self._to(stage, node, "trunk=carrier", "+12025550177")).status == 200
        _, received = await carrier.next("INVITE")
        assert received.raw_uri == f"sip:+12025550177@{CARRIER_HOST}:5060"
        assert not any(name.startswith("X-") for name, _ in received.headers)

    async def test_a_trunk_sees_the_edge_alone_and_the_dialog_goes_both_ways(self, stage: Stage) -> None:
        node = await stage.node("n1")
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)
        invite = node.request(
            "INVITE",
            "sip:+12025550123@demo.example",
            "sip:+1@demo.example",
            ("X-Ringback-Target", "trunk=carrier"),
            ("User-Agent", "Inner part 1.2.3"),
            ("Reason", 'SIP;cause=486;text="agent 1001 is busy"'),
        )
        invite.set("Contact", f"<sip:{HOST}:{node.address[1]};transport=tcp>")
        tx = node.endpoint.send_request(invite, stage.inside)
        response = await tx.final(LIMIT)
        _, received = await carrier.next("INVITE")
        wire = received.to_bytes().decode()
        for inner in (str(node.address[1]), "5080", "Inner part", "agent 1001", "X-Ringback"):
            assert inner not in wire
        assert len(received.get_all("Via")) == 1
        assert received.get("Contact") == f"<sip:{HOST}:5060>"
        assert (received.get("User-Agent"), received.get("Reason")) == ("Ringback", "SIP;cause=486")
        ours = Dialog.from_response(invite, response)
        assert [route.partition("@")[2] for route in ours.route_set] == [
            f"{HOST}:5080;transport=tcp;lr>",
            f"{HOST}:5060;lr>",
        ]
        tx.send_ack(ours.ack(1), ours.destination)
        assert len((await carrier.next("ACK"))[1].get_all("Via")) == 1
        theirs = Dialog.from_request(received, response.to_tag or "", confirmed=True)
        bye = carrier.endpoint.send_request(theirs.request("BYE"), theirs.destination)
        assert (await bye.final(LIMIT)).status == 200
        assert (await node.next("BYE"))[1].raw_uri == f"sip:{HOST}:{node.address[1]};transport=tcp"

    async def test_the_second_gateway_is_tried_if_the_first_is_away(self, stage: Stage) -> None:
        node = await stage.node("n1")
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)
        assert (await self._to(stage, node, "trunk=two-ways", "+12025550177")).status == 200
        assert (await carrier.next("INVITE"))[1].uri.number == "+12025550177"

    async def test_media_is_reached_and_its_requests_come_back_to_the_node(self, stage: Stage) -> None:
        node, media = await stage.node("n1"), await stage.media("m1")
        invite = self._invite(node, "media", "media")
        invite.add("X-Ringback-Conn-Id", "0123456789abcdef")
        response = await node.endpoint.send_request(invite, stage.inside).final(LIMIT)
        assert response.status == 200
        _, received = await media.next("INVITE")
        assert received.get("X-Ringback-Conn-Id") == "0123456789abcdef"
        theirs = Dialog.from_request(received, response.to_tag or "", confirmed=True)
        info = media.endpoint.send_request(theirs.request("INFO"), theirs.destination)
        assert (await info.final(LIMIT)).status == 200
        await node.next("INFO")
        ours = Dialog.from_response(invite, response)
        bye = node.endpoint.send_request(ours.request("BYE"), ours.destination)
        assert (await bye.final(LIMIT)).status == 200
        await media.next("BYE")

    async def test_what_does_not_exist_is_404(self, stage: Stage) -> None:
        node = await stage.node("n1")
        for target in ("trunk=none", "nonsense"):
            assert (await self._to(stage, node, target)).status == 404

    def _invite(self, node: Any, target: str, user: str = "1001") -> Request:
        invite = node.request(
            "INVITE",
            f"sip:{user}@demo.example",
            "sip:8000@demo.example",
            ("X-Ringback-Tenant", "demo"),
            ("X-Ringback-Target", target),
        )
        invite.set("Contact", f"<sip:node@{node.address[0]}:{node.address[1]};transport=tcp>")
        return invite

    async def _to(self, stage: Stage, node: Any, target: str, user: str = "1001") -> Any:
        invite = self._invite(node, target, user)
        return await node.endpoint.send_request(invite, stage.inside).final(LIMIT)


def response_request(invite: Request, response: Any) -> Request:
    """The INVITE with the number that was answered."""
    again = invite.copy()
    again.set("CSeq", response.get("CSeq"))
    return again


SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.31.6.2\r\ns=-\r\nc=IN IP4 127.31.6.2\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class TestResume:
    """A node that takes over the calls of a dead one sends its INVITE again (RFC 3261 17.2.3)."""

    async def test_an_invite_that_comes_again_on_another_connection_is_answered_there(
        self, stage: Stage
    ) -> None:
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)
        ringing: list[ServerTransaction] = []

        def ring(tx: ServerTransaction, request: Request) -> None:
            if tx.can_respond:
                tx.reply(180)
                ringing.append(tx)

        carrier.behaviour = ring
        dead, alive = await stage.node("dead"), await stage.node("alive")
        names = {"branch": "z9hG4bKthe-same", "sent_by": dead.address}
        target = (("X-Ringback-Tenant", "demo"), ("X-Ringback-Target", "trunk=carrier"))
        first = dead.request("INVITE", "sip:+12025550123@demo.example", "sip:+1@demo.example", *target)
        first.set("Call-ID", "the-same")
        sent = dead.endpoint.send_request(first, stage.inside, **names)
        async for response in sent:
            if response.status == 180:
                break
        await dead.endpoint.close()
        again = first.copy()
        again.remove("Via")
        taken = alive.endpoint.send_request(again, stage.inside, **names)
        async for response in taken:
            if response.status == 180:
                ringing[0].reply(200, headers=[("Contact", f"<sip:c@{CARRIER_HOST}:5060>")])
        assert response.status == 200
        assert len(ringing) == 1

    async def test_after_a_restart_the_invite_is_a_retransmission_to_the_carrier(self, stage: Stage) -> None:
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)
        carrier.behaviour = lambda tx, request: tx.reply(486)
        node = await stage.node("n1")
        seen = []
        for _ in range(2):
            target = ("X-Ringback-Target", "trunk=carrier")
            invite = node.request("INVITE", "sip:+12025550123@demo.example", "sip:+1@demo.example", target)
            invite.set("Call-ID", "the-same")
            invite.set("From", "<sip:+1@demo.example>;tag=same")
            node.endpoint.send_request(invite, stage.inside, branch="z9hG4bKthe-same")
            seen.append((await carrier.next("INVITE"))[1].via)
            # The transactions are forgotten, as in a restart.
            stage.proxy._inside._layer._server.clear()
            carrier.endpoint._layer._server.clear()
        assert (seen[0].branch, seen[0].sent_by) == (seen[1].branch, seen[1].sent_by)
