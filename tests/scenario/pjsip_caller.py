"""A PJSIP phone in a process of its own: registers, calls, speaks a tone, records what it hears, hangs up.

Arguments: own address, platform's address, user, password, domain, number to dial, tone in Hz, WAV file,
seconds to stay. It prints what happens, a word a line.
"""

import sys
import time
from collections.abc import Callable

import pjsua2 as pj

LIMIT_S = 15.0


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


def started(address: str) -> pj.Endpoint:
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = config.logConfig.consoleLevel = 0
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = address
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    return endpoint


def account_of(address: str, host: str, user: str, password: str, domain: str) -> Account:
    config = pj.AccountConfig()
    config.idUri = f"sip:{user}@{domain}"
    config.regConfig.registrarUri = f"sip:{domain}"
    config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
    config.sipConfig.proxies.append(f"sip:{host}:5060;lr")
    config.mediaConfig.transportConfig.boundAddress = address
    account = Account()
    account.create(config)
    return account


def work(endpoint: pj.Endpoint, arguments: list[str]) -> None:
    address, host, user, password, domain, dialled, hz, wav, stay = arguments

    def until(done: Callable[[], bool], limit: float = LIMIT_S) -> None:
        end = time.monotonic() + limit
        while time.monotonic() < end and not done():
            endpoint.libHandleEvents(10)

    account = account_of(address, host, user, password, domain)
    until(lambda: bool(account.codes))
    print("registered", account.codes, flush=True)
    call = Call(account, float(hz), wav)
    call.makeCall(f"sip:{dialled}@{domain}", pj.CallOpParam(True))
    ends = (pj.PJSIP_INV_STATE_CONFIRMED, pj.PJSIP_INV_STATE_DISCONNECTED)
    until(lambda: call.getInfo().state in ends)
    print("call", call.getInfo().stateText, flush=True)
    until(lambda: call.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED, float(stay))
    call.hangup(pj.CallOpParam())
    until(lambda: call.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED)
    account.codes.clear()
    account.setRegistration(False)
    until(lambda: bool(account.codes))
    account.shutdown()


if __name__ == "__main__":
    running = started(sys.argv[1])
    # Accounts and calls must be gone before the library is.
    work(running, sys.argv[1:])
    running.libDestroy()
