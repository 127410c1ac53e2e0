"""A PJSIP phone in a process of its own: registers, calls, speaks a tone, records what it hears, hangs up.

Arguments: own address, platform's address, user, password, domain, number to dial, tone in Hz, WAV file,
seconds to stay. It prints what happens, a word a line.
"""

import sys

import pjsua2 as pj
from library import identity, started, until

LIMIT_S = 25.0


class Account(pj.Account):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.codes: list[int] = []

    def onRegState(self, parameter: pj.OnRegStateParam) -> None:
        self.codes.append(parameter.code)


class Call(pj.Call):  # type: ignore[misc]
    """Speaks and listens as soon as there is audio."""

    def __init__(self, account: Account, hz: float, wav: str) -> None:
        super().__init__(account)
        self.speaker = pj.ToneGenerator()
        self.speaker.createToneGenerator()
        tone = pj.ToneDesc()
        tone.freq1, tone.freq2, tone.on_msec, tone.off_msec = int(hz), 0, 1000, 0
        tones = pj.ToneDescVector()
        tones.append(tone)
        self.speaker.play(tones, True)
        self.recorder = pj.AudioMediaRecorder()
        self.recorder.createRecorder(wav)

    def onCallMediaState(self, _parameter: pj.OnCallMediaStateParam) -> None:
        audio = self.getAudioMedia(-1)
        self.speaker.startTransmit(audio)
        audio.startTransmit(self.recorder)


def work(endpoint: pj.Endpoint, arguments: list[str]) -> None:
    address, host, user, password, domain, dialled, hz, wav, stay = arguments
    account = Account()
    account.create(identity(user, domain, password, host, address))
    until(endpoint, lambda: bool(account.codes), LIMIT_S)
    print("registered", account.codes, flush=True)
    call = Call(account, float(hz), wav)
    call.makeCall(f"sip:{dialled}@{domain}", pj.CallOpParam(True))
    ends = (pj.PJSIP_INV_STATE_CONFIRMED, pj.PJSIP_INV_STATE_DISCONNECTED)
    until(endpoint, lambda: call.getInfo().state in ends, LIMIT_S)
    print("call", call.getInfo().stateText, flush=True)
    until(endpoint, lambda: call.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED, float(stay))
    call.hangup(pj.CallOpParam())
    until(endpoint, lambda: call.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED, LIMIT_S)
    account.codes.clear()
    account.setRegistration(False)
    until(endpoint, lambda: bool(account.codes), LIMIT_S)
    account.shutdown()


if __name__ == "__main__":
    running = started(sys.argv[1])
    # Accounts and calls must be gone before the library is.
    work(running, sys.argv[1:])
    running.libDestroy()
