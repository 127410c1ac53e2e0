import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringback.contracts.treatment import Collect, Play, Record, Stop, in_header, of_header
from ringback.contracts.voicemail import MailboxGreeting
from ringback.media.g711 import PCMU
from ringback.media.prompts import UnknownPromptError
from ringback.media.recording import read_wav
from ringback.media.session import AudioReceived
from ringback.services.media.treatments import (
    MUSIC,
    SILENCE,
    CollectTreatment,
    Deposit,
    End,
    MusicTreatment,
    PlayTreatment,
    RecordTreatment,
    Say,
    expand,
)

GREETING = MailboxGreeting(prompts=("voicemail-greeting",), max_seconds=60)


def test_numbers_waits_and_places_are_spelled_out():
    names = expand(("welcome", "number:42", "wait:130", "position:3", "minutes:1"))
    assert names == (
        *("welcome", "number-40", "number-2", "expected-wait", "number-3", "minutes"),
        *("you-are-number", "number-3", "in-the-queue", "number-1", "minute"),
    )


@pytest.mark.parametrize("name", ["nope", "song:1"])
def test_an_unknown_prompt_is_refused_before_anything_is_said(name):
    with pytest.raises(UnknownPromptError):
        PlayTreatment(Play(prompts=("welcome", name)))


@pytest.mark.parametrize("name", ["number:x", "number:100", "wait:soon"])
def test_a_bad_number_is_refused(name):
    with pytest.raises(ValueError, match=r".+"):
        expand((name,))


class TestPlay:
    def test_it_says_its_prompts_and_ends(self):
        treatment = PlayTreatment(Play(prompts=("welcome",), then="music"))
        assert treatment.begin(0) == [Say(("welcome",))]
        assert treatment.digit("1", 1) == []
        assert treatment.played(2) == [End("finished")]
        assert treatment.then_music

    def test_nothing_to_say_ends_at_once(self):
        assert PlayTreatment(Play()).begin(0) == [End("finished")]

    def test_music_goes_on(self):
        treatment = MusicTreatment("")
        assert treatment.begin(0) == [MUSIC]
        assert treatment.timer is None


class TestCollect:
    def treatment(self, **kwargs):
        treatment = CollectTreatment(Collect(prompts=("callback-offer",), **kwargs), 0)
        assert treatment.begin(0) == [Say(("callback-offer",))]
        return treatment

    def test_the_first_digit_silences_the_prompt(self):
        treatment = self.treatment(max_digits=2)
        assert treatment.digit("1", 1) == [SILENCE]
        assert treatment.digit("2", 2) == [End("finished", "12")]

    def test_the_time_runs_from_the_end_of_the_prompt(self):
        treatment = self.treatment()
        assert treatment.timer is None
        treatment.played(9)
        assert treatment.timer == 14
        assert treatment.handle_timer(14) == [End("timeout")]

    def test_the_digits_before_a_timeout_are_given(self):
        treatment = self.treatment(max_digits=4)
        treatment.digit("7", 1)
        assert treatment.handle_timer(treatment.timer) == [End("timeout", "7")]

    def test_a_terminator_ends_it(self):
        treatment = self.treatment(max_digits=4)
        treatment.digit("7", 1)
        assert treatment.digit("#", 2) == [End("finished", "7")]


class TestRecord:
    def speak(self, treatment, seconds, start=0):
        actions = []
        for frame in range(round(seconds * 50)):
            actions += treatment.audio(AudioReceived(b"\x10" * 160, PCMU, start + frame * 160))
        return actions

    def recording(self, **kwargs):
        treatment = RecordTreatment(Record(mailbox="8500", **kwargs), GREETING)
        assert treatment.begin(0) == [Say(("voicemail-greeting", "beep"))]
        assert self.speak(treatment, 3) == []
        assert treatment.played(5) == []
        return treatment

    def test_what_is_said_after_the_tone_is_deposited_when_the_caller_hangs_up(self):
        treatment = self.recording()
        self.speak(treatment, 2)
        (deposit,) = treatment.hang_up()
        assert (deposit.mailbox, deposit.seconds) == ("8500", 2.0)
        assert len(read_wav(deposit.wav)) == 32000
        assert treatment.hang_up() == []

    def test_nothing_is_recorded_or_waited_for_after_the_caller_hung_up(self):
        treatment = self.recording()
        treatment.hang_up()
        assert treatment.timer is None
        assert treatment.played(9) == [End("interrupted")]
        assert self.speak(treatment, 2) == []
        assert treatment.digit("#", 12) == []

    def test_the_hash_key_ends_it_with_a_word_of_thanks(self):
        treatment = self.recording()
        self.speak(treatment, 2)
        (deposit,) = treatment.digit("#", 8)
        assert isinstance(deposit, Deposit)
        assert treatment.deposited(kept=True) == [Say(("message-saved", "goodbye"))]
        assert treatment.played(10) == [End("finished")]

    def test_nobody_is_thanked_for_a_message_that_was_not_kept(self):
        treatment = self.recording()
        self.speak(treatment, 2)
        treatment.digit("#", 8)
        assert treatment.deposited(kept=False) == [Say(("goodbye",))]
        assert treatment.played(10) == [End("error")]

    def test_other_keys_do_not_end_it(self):
        treatment = self.recording()
        assert treatment.digit("5", 6) == []

    @pytest.mark.parametrize(("asked", "longest"), [(0.0, 60), (5.0, 5), (90.0, 60)])
    def test_it_ends_at_the_shorter_of_the_two_limits(self, asked, longest):
        treatment = self.recording(max_s=asked)
        assert treatment.timer == 5 + longest
        actions = self.speak(treatment, longest)
        assert isinstance(actions[0], Deposit)
        assert treatment.played(100) == [End("max")]

    def test_a_caller_who_sends_no_audio_at_all_is_not_waited_for(self):
        treatment = self.recording(max_s=5)
        assert treatment.handle_timer(10) == [Say(("goodbye",))]

    def test_a_breath_is_not_a_message(self):
        treatment = self.recording()
        self.speak(treatment, 0.5)
        assert treatment.hang_up() == []

    def test_a_full_mailbox_says_so_and_records_nothing(self):
        full = MailboxGreeting(prompts=("number-not-available",), max_seconds=60, full=True)
        treatment = RecordTreatment(Record(mailbox="8500"), full)
        assert treatment.begin(0) == [Say(("number-not-available",))]
        assert treatment.played(3) == [End("error")]
        assert treatment.hang_up() == []


EVENTS = st.one_of(
    st.tuples(st.just("digit"), st.sampled_from("0123456789*#")),
    st.sampled_from([("played",), ("timer",), ("audio",), ("audio",), ("hang_up",)]),
)


def new_recording():
    return RecordTreatment(Record(mailbox="8500", max_s=2), GREETING)


@given(
    st.sampled_from(
        [
            lambda: PlayTreatment(Play(prompts=("welcome",))),
            lambda: CollectTreatment(Collect(prompts=("welcome",), max_digits=3), 0),
            new_recording,
        ]
    ),
    st.lists(EVENTS, max_size=40),
)
@example(new_recording, [("played",), ("audio",), ("hang_up",), ("played",), ("audio",), ("digit", "#")])
def test_in_any_order_of_events_a_treatment_ends_at_most_once_and_deposits_at_most_once(make, events):
    """The leg stops asking a treatment that has ended; until then nothing that happens may break it."""
    treatment, now = make(), 0.0
    done = list(treatment.begin(now))
    for step, (kind, *value) in enumerate(events):
        now += 0.5
        if any(isinstance(action, End) for action in done):
            break
        if kind == "digit":
            done += treatment.digit(value[0], now)
        elif kind == "played":
            done += treatment.played(now)
        elif kind == "timer" and treatment.timer is not None and treatment.timer <= now:
            done += treatment.handle_timer(now)
        elif kind == "audio":
            done += treatment.audio(AudioReceived(b"\x10" * 8000, PCMU, step * 8000))
        elif kind == "hang_up":
            done += treatment.hang_up()
    assert sum(isinstance(action, End) for action in done) <= 1
    assert sum(isinstance(action, Deposit) for action in done) <= 1


def test_only_what_plays_in_plain_text_comes_with_an_invite():
    play = Play(reference="r", prompts=("welcome",))
    assert of_header(in_header(play)) == play
    for other in (Play(prompts=("grüß",)), Play(prompts=("x" * 2000,)), Stop()):
        assert in_header(other) is None
    with pytest.raises(msgspec.DecodeError):
        of_header('{"do":"stop"}')
