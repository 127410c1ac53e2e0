"""A PJSIP phone in a process of its own: registers, calls, hangs up, leaves; prints what happens as it does.

Arguments: host of the proxy, user, password, URI to dial.
"""

import sys
import time
from collections.abc import Callable

import pjsua2 as pj

LIMIT_S = 8.0


class Account(pj.Account):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.codes: list[int] = []

    def onRegState(self, parameter: pj.OnRegStateParam) -> None:
        print("registration", parameter.code, flush=True)
        self.codes.append(parameter.code)


def started() -> pj.Endpoint:
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = config.logConfig.consoleLevel = 0
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    return endpoint


def account_of(host: str, user: str, password: str) -> Account:
    config = pj.AccountConfig()
    config.idUri = f"sip:{user}@{host}"
    config.regConfig.registrarUri = f"sip:{host}:5060"
    config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
    config.sipConfig.proxies.append(f"sip:{host}:5060;lr")
    account = Account()
    account.create(config)
    return account


def work(endpoint: pj.Endpoint, host: str, user: str, password: str, dialled: str) -> None:
    def until(done: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and not done():
            endpoint.libHandleEvents(10)

    account = account_of(host, user, password)
    until(lambda: bool(account.codes))
    talk(account, dialled, until)
    account.codes.clear()
    account.setRegistration(False)
    until(lambda: bool(account.codes))
    account.shutdown()


def talk(account: Account, dialled: str, until: Callable[[Callable[[], bool]], None]) -> None:
    call = pj.Call(account)
    call.makeCall(dialled, pj.CallOpParam(True))
    ends = (pj.PJSIP_INV_STATE_CONFIRMED, pj.PJSIP_INV_STATE_DISCONNECTED)
    until(lambda: call.getInfo().state in ends)
    print("call", call.getInfo().stateText, flush=True)
    call.hangup(pj.CallOpParam())
    until(lambda: call.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED)
    print("call", call.getInfo().stateText, flush=True)


def main(host: str, user: str, password: str, dialled: str) -> None:
    endpoint = started()
    # Accounts and calls must be gone before the library is.
    work(endpoint, host, user, password, dialled)
    endpoint.libDestroy()


if __name__ == "__main__":
    main(*sys.argv[1:])
