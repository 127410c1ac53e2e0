"""Two scripted phones on real sockets, with nothing between them."""

import asyncio

import pytest

from ringback.sip.build import response_to
from ringback.sip.digest import DigestServer, Verdict, ha1, parse_credentials
from ringback.sip.endpoint import SipEndpoint
from ringback.testing.phone import (
    Behaviour,
    CallFailedError,
    CallState,
    NotHeardError,
    Phone,
    PhoneCarrier,
    RegistrationError,
)


@pytest.fixture(params=["udp", "tcp"])
async def phones(request):
    async with Phone("alice", transport=request.param) as alice, Phone("bob", transport=request.param) as bob:
        yield alice, bob


@pytest.fixture
async def pair():
    async with Phone("alice") as alice, Phone("bob") as bob:
        yield alice, bob


async def talk(alice, bob):
    out = await alice.call(bob.uri)
    into = await bob.wait_call()
    into.ring()
    await out.wait_ringing()
    await asyncio.gather(into.answer(), out.wait_answered())
    return out, into


async def test_two_phones_call_each_other_and_hear_each_others_tones(phones):
    out, into = await talk(*phones)
    assert (into.remote, into.number, into.incoming) == ("alice", "bob", True)
    out.play_tone(440)
    into.play_tone(1000)
    assert await into.hear_tone(440) == pytest.approx(-12, abs=1)
    assert await out.hear_tone(1000) == pytest.approx(-12, abs=1)
    await out.hangup()
    assert await into.wait_ended() == 200
    assert into.ended_by_peer
    assert not out.ended_by_peer
    assert into.statistics.lost == 0
    assert phones[0].calls == phones[1].calls == []


async def test_speech_is_told_from_a_tone_and_from_silence(pair):
    out, into = await talk(*pair)
    into.play_tone(440)
    with pytest.raises(NotHeardError, match="speech or music not heard in 1"):
        await out.hear_speech_or_music(timeout=1)
    into.play_nothing()
    await out.hear_silence()
    into.play_prompts("welcome", "please-hold")
    await out.hear_speech_or_music()
    into.play_prompts("music", loop=True)
    await out.hear_speech_or_music()
    with pytest.raises(NotHeardError, match="440 Hz not heard"):
        await out.hear_tone(440, timeout=0.5)


async def test_digits_are_heard(pair):
    out, into = await talk(*pair)
    out.send_dtmf("12#")
    assert await into.hear_digits(3) == "12#"


async def test_a_held_phone_is_not_heard_and_after_retrieve_it_is(phones):
    out, into = await talk(*phones)
    into.play_tone(440)
    await out.hear_tone(440)
    await out.hold()
    await into.wait_held()
    assert (into.port.session.sending, out.port.session.receiving) == (False, False)
    with pytest.raises(NotHeardError):
        await out.hear_tone(440, timeout=0.4)
    await out.retrieve()
    await into.wait_retrieved()
    await out.hear_tone(440)


async def test_who_holds_is_not_heard_until_retrieve_and_then_goes_on(pair):
    out, into = await talk(*pair)
    out.play_tone(440)
    await into.hear_tone(440)
    await out.hold()
    await into.hear_silence()
    await out.retrieve()
    await into.hear_tone(440)


async def test_both_phones_may_hold_at_the_same_moment(pair):
    out, into = await talk(*pair)
    await asyncio.gather(out.hold(), into.hold())
    assert out.audio.held
    assert into.audio.held
    await asyncio.gather(out.retrieve(), into.retrieve())
    into.play_tone(440)
    await out.hear_tone(440)


async def test_a_busy_phone_says_486(pair):
    alice, bob = pair
    out = await alice.call(bob.uri)
    (await bob.wait_call()).reject()
    with pytest.raises(CallFailedError, match="486 Busy Here"):
        await out.wait_answered()
    assert (out.status, out.state, out.ringing_seconds) == (486, CallState.ENDED, None)


async def test_a_call_that_is_given_up_while_it_rings_ends_with_487_on_both_sides(phones):
    alice, bob = phones
    out = await alice.call(bob.uri)
    into = await bob.wait_call()
    into.ring()
    await out.wait_ringing()
    await out.hangup()
    assert await into.wait_ended() == 487
    assert out.status == 487
    assert into.ended_by_peer
    assert out.ringing_seconds >= 0


async def test_the_called_side_can_hang_up(pair):
    out, into = await talk(*pair)
    await into.hangup()
    await out.wait_ended()
    assert out.ended_by_peer
    with pytest.raises(CallFailedError):
        await out.hold()
    await out.hangup()


async def test_a_phone_answers_by_itself_after_ringing():
    async with Phone("alice") as alice, Phone("bob", auto_answer=0.2) as bob:
        out = await alice.call(bob.uri)
        await out.wait_answered()
        assert 0.15 < out.ringing_seconds < 2


async def test_an_invite_without_an_offer_is_answered_with_one(pair):
    """RFC 3261 13.2.1: the offer is then in the 200, the answer in the ACK."""
    alice, bob = pair
    out = await alice.call(bob.uri)
    into = await bob.wait_call()
    assert into.invite is not None
    into.invite.set_body(b"")
    into.pick_up()
    await out.wait_answered()
    assert out.messages[-1].body.startswith(b"v=0")


async def test_no_common_codec_is_488(pair):
    alice, bob = pair
    out = await alice.call(bob.uri)
    into = await bob.wait_call()
    into.invite.body = into.invite.body.replace(b"PCMU", b"opus").replace(b"PCMA", b"G722")
    into.pick_up()
    with pytest.raises(CallFailedError, match="488"):
        await out.wait_answered()


async def test_in_dialog_requests_are_answered(pair):
    out, into = await talk(*pair)
    assert await out.info(b'{"do":"music"}', "application/json") == 200
    assert into.messages[-1].body == b'{"do":"music"}'
    assert await out.refer("sip:carol@127.0.0.1:9") == 405


async def test_a_request_of_a_dialog_that_is_not_there_is_481(pair):
    alice, bob = pair
    out, into = await talk(alice, bob)
    bob.remove(into)
    into.port.close()
    assert await out.info(b"", "text/plain") == 481


async def test_headers_of_the_call_can_be_read(pair):
    alice, bob = pair
    await alice.call(bob.uri, headers=(("X-Ringback-Test", "42"),))
    into = await bob.wait_call()
    assert into.header("X-Ringback-Test") == "42"
    assert into.header("X-Not-There") is None


async def test_a_wait_that_is_not_met_says_what_was_missing(pair):
    alice, bob = pair
    out = await alice.call(bob.uri)
    with pytest.raises(TimeoutError, match=r"waited 0.1 s for an answer"):
        await out.wait_answered(timeout=0.1)
    with pytest.raises(TimeoutError, match="waited"):
        await alice.wait_call(timeout=0.05)


class TestCarrier:
    async def test_each_number_behaves_as_told(self):
        async with PhoneCarrier() as carrier, Phone("alice", proxy=carrier.address) as alice:
            carrier.answers("+1555", tone_hz=700)
            carrier.is_busy("+1666")
            carrier.does_not_answer("+1777")
            carrier.behave("+1888", Behaviour(status=503, rings=False))
            answered = await alice.call("+1555")
            await answered.wait_answered()
            await answered.hear_tone(700)
            for number, status in (("+1666", 486), ("+1888", 503)):
                with pytest.raises(CallFailedError) as failed:
                    await (await alice.call(number)).wait_answered()
                assert failed.value.status == status
            silent = await alice.call("+1777")
            await silent.wait_ringing()
            with pytest.raises(TimeoutError):
                await silent.wait_answered(timeout=0.3)
            assert [call.number for call in carrier.received_calls] == ["+1555", "+1666", "+1888", "+1777"]

    async def test_it_sends_calls_in_from_a_number(self):
        async with Phone("desk", auto_answer=0) as desk, PhoneCarrier(proxy=desk.address) as carrier:
            call = await carrier.call("8000", from_number="+15550123")
            await call.wait_answered()
            assert (desk.calls[0].remote, desk.calls[0].number) == ("+15550123", "8000")

    async def test_a_subscriber_may_hang_up_by_himself(self):
        short = Behaviour(answer_after=0, hang_up_after=0.2)
        async with PhoneCarrier(default=short) as carrier, Phone("alice", proxy=carrier.address) as alice:
            call = await alice.call("+1555")
            await call.wait_ended()
            assert call.ended_by_peer


class Registrar:
    """A registrar and proxy of a few lines, for one user; it checks digest as the real one does."""

    def __init__(self, challenge_status=401, behind=None):
        self.behind = behind
        """One whose challenges come first: a proxy on the way."""
        self.endpoint = SipEndpoint(self.request)
        self.digest = DigestServer("test.example", b"key")
        self.stored = {name: ha1("1001", "test.example", "secret", name) for name in ("MD5", "SHA-256")}
        self.expires = []
        self.header = ("WWW-Authenticate", "Authorization")
        if challenge_status == 407:
            self.header = ("Proxy-Authenticate", "Proxy-Authorization")
        self.status = challenge_status
        self.busy = 0

    async def start(self):
        return await self.endpoint.listen_udp("127.0.0.1")

    def refuses(self, tx, request):
        """Challenge who has not proved to know the password."""
        given = parse_credentials(request.get(self.header[1]) or "")
        if given is not None and self.digest.verify(given, request.method, self.stored, 100.0) is Verdict.OK:
            return False
        challenges = [(self.header[0], value) for value in self.digest.challenges(100.0, b"r")]
        tx.respond(response_to(request, self.status, to_tag=tx.to_tag, headers=challenges))
        return True

    def request(self, tx, request):
        if not tx.can_respond or (self.behind is not None and self.behind.refuses(tx, request)):
            return
        if self.refuses(tx, request):
            return
        if self.busy:
            self.busy -= 1
            tx.respond(response_to(request, 503, to_tag=tx.to_tag, headers=[("Retry-After", "0")]))
            return
        self.expires.append(request.expires)
        tx.reply(200 if request.method == "REGISTER" else 404)


async def test_rfc3261_22_3_a_phone_answers_a_proxy_and_the_registrar_behind_it():
    registrar = Registrar(behind=Registrar(challenge_status=407))
    address = await registrar.start()
    async with Phone("1001", "secret", proxy=address, domain="test.example") as phone:
        await phone.register(expires=60)
        assert registrar.expires == [60]
    await registrar.endpoint.close()


async def test_a_phone_registers_with_digest_and_unregisters_when_it_closes():
    registrar = Registrar()
    address = await registrar.start()
    async with Phone("1001", "secret", proxy=address, domain="test.example") as phone:
        await phone.register(expires=60)
        assert phone.registered
        await phone.register(expires=90)
    assert registrar.expires == [60, 90, 0]
    await registrar.endpoint.close()


async def test_rfc3261_21_5_4_a_busy_registrar_is_asked_again_after_the_pause_it_names():
    registrar = Registrar()
    address = await registrar.start()
    async with Phone("1001", "secret", proxy=address, domain="test.example") as phone:
        registrar.busy = 2
        await phone.register(expires=60)
        registrar.busy = 9
        with pytest.raises(RegistrationError, match="503"):
            await phone.register()
        assert registrar.busy == 6
        assert registrar.expires == [60]
    await registrar.endpoint.close()


async def test_a_registration_is_refreshed_before_it_expires():
    registrar = Registrar()
    address = await registrar.start()
    async with Phone("1001", "secret", proxy=address, domain="test.example") as phone:
        await phone.register(expires=2)
        async with asyncio.timeout(20):
            while len(registrar.expires) < 2:
                await asyncio.wait_for(registrar_changed(registrar), 20)
    assert registrar.expires[:2] == [2, 2]
    await registrar.endpoint.close()


def registrar_changed(registrar):
    future = asyncio.get_running_loop().create_future()

    class Noticing(list):
        def append(self, item):
            super().append(item)
            if not future.done():
                future.set_result(None)

    registrar.expires = Noticing(registrar.expires)
    return future


async def test_a_wrong_password_is_a_registration_error():
    registrar = Registrar()
    address = await registrar.start()
    async with Phone("1001", "wrong", proxy=address, domain="test.example") as phone:
        with pytest.raises(RegistrationError, match="401"):
            await phone.register()
        assert not phone.registered
    await registrar.endpoint.close()


async def test_an_invite_that_is_challenged_is_sent_again_with_credentials():
    registrar = Registrar(challenge_status=407)
    address = await registrar.start()
    async with Phone("1001", "secret", proxy=address, domain="test.example") as phone:
        call = await phone.call("8000")
        with pytest.raises(CallFailedError, match="404"):
            await call.wait_answered()
        assert len(registrar.expires) == 1
    await registrar.endpoint.close()
